"""Periods by name, what they are compared with, and their days, weeks, months, quarters and years. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

PRESETS = {
    "today": "今日",
    "yesterday": "昨日",
    "this_week": "本周",
    "last_week": "上周",
    "this_month": "本月",
    "last_month": "上月",
    "this_quarter": "本季",
    "this_year": "本年",
    "custom": "自定义",
}
GRAINS = ("year", "quarter", "month", "week", "day")  # dimensions of time, coarse to fine
COMPARED = {"previous": "环比", "year": "同比"}
EARLIEST, LATEST = date(2000, 1, 1), date(2099, 12, 31)  # that somebody may ask for, so that a year before is a day too
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


class Period(NamedTuple):
    """Days, both included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def is_of_months(self) -> bool:
        """Whether it consists of whole months."""
        return self.start.day == 1 and (self.end + _DAY).day == 1


def preset(name: str, today: date) -> Period:
    """The period of that name; this week, month, quarter and year up to and with today."""
    monday, month = today - today.weekday() * _DAY, today.replace(day=1)
    return {
        "today": Period(today, today),
        "yesterday": Period(today - _DAY, today - _DAY),
        "this_week": Period(monday, today),
        "last_week": Period(monday - _WEEK, monday - _DAY),
        "this_month": Period(month, today),
        "last_month": Period(_moved(month, -1), month - _DAY),
        "this_quarter": Period(month.replace(month=(month.month - 1) // 3 * 3 + 1), today),
        "this_year": Period(month.replace(month=1), today),
    }[name]


def before(period: Period, how: str, name: str = "custom") -> Period:
    """What a period is compared with: `year`, the same days a year before; `previous`, the one right before it.

    To date, a month is compared with the same days of the last one (31 October with 30 September), so is a week, a
    quarter, a year. A custom period of whole months with as many whole months before it, any other with as many days.
    """
    if how == "year":
        return _months_before(period, 12)
    back = {"this_month": 1, "this_quarter": 3, "this_year": 12}.get(name)
    if back:
        return Period(_moved(period.start, -back), _moved(period.end, -back))
    if name == "this_week":
        return Period(period.start - _WEEK, period.end - _WEEK)
    if period.is_of_months:
        months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month + 1
        return _months_before(period, months)
    return Period(period.start - period.days * _DAY, period.start - _DAY)


def _months_before(period: Period, n: int) -> Period:
    if period.is_of_months:
        return Period(_moved(period.start, -n), _moved(period.end + _DAY, -n) - _DAY)
    return Period(_moved(period.start, -n), _moved(period.end, -n))


def _moved(day: date, months: int) -> date:
    """That many months on, on the same day of the month or the last there is."""
    n = day.year * 12 + day.month - 1 + months
    first = date(n // 12, n % 12 + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - _DAY
    return min(first + (day.day - 1) * _DAY, last)


def key_of(grain: str, day: date) -> date | str:
    """The key under which a dimension of time has that day, as `dimensions.DIMENSIONS` makes it."""
    keys: dict[str, date | str] = {
        "day": day,
        "week": day - day.weekday() * _DAY,
        "month": f"{day:%Y-%m}",
        "quarter": f"{day:%Y}-Q{(day.month + 2) // 3}",
        "year": f"{day:%Y}",
    }
    return keys[grain]


def keys_of(grain: str, period: Period) -> list[date | str]:
    """Every key of that dimension from the first to the last day, in order."""
    return list(dict.fromkeys(key_of(grain, period.start + n * _DAY) for n in range(period.days)))


def days_of(grain: str, key: date | str, within: Period) -> Period:
    """The days that stand under a key of a dimension of time, as far as they lie in the period."""
    found = [day for n in range(within.days) if key_of(grain, day := within.start + n * _DAY) == key]
    return Period(found[0], found[-1])
