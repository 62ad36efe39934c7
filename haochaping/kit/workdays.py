"""Working days of China with 调休, and the deadlines that count in them. Pure: no clock on the wall, no database.

The State Council announces each year's days in the autumn before. A deadline that counts a day which is not announced
yet is `provisional`: it follows the plain rule (Monday to Friday) for the time being and is computed again once
the year is known.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Literal, get_args

from chinese_calendar import constants

from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

Unit = Literal["workday", "halfday", "day", "hour"]
UNIT_NAMES: dict[Unit, str] = {"workday": "个工作日", "halfday": "个工作半天", "day": "天", "hour": "小时"}

MOST = 10_000  # a slip of the pen in a policy pack must not count for ever

NOON = time(12)  # parts a working day into its two halves

_DAY = timedelta(days=1)
_HOLIDAYS = frozenset(constants.holidays)  # weekends among them
_MADE_UP = frozenset(constants.workdays)  # weekend days that are worked
_CHECKED_FROM = 2007  # the package goes back to 2004; from here on it was compared with the announcements
_OFFICIAL_YEARS = frozenset(range(_CHECKED_FROM, max(_HOLIDAYS).year + 1))


@dataclass(frozen=True)
class Term:
    """How long something may take: `n` working days, halves of them, calendar days or hours."""

    n: int
    unit: Unit

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or not isinstance(self.n, int) or not 0 <= self.n <= MOST:
            raise ValueError(f"a term is a whole number from 0 to {MOST}, not {self.n!r}")
        if self.unit not in get_args(Unit):
            raise ValueError(f"a term's unit is workday, halfday, day or hour, not {self.unit!r}")

    def __str__(self) -> str:
        return "半个工作日" if (self.n, self.unit) == (1, "halfday") else f"{self.n}{UNIT_NAMES[self.unit]}"

    @property
    def length(self) -> timedelta:
        """About how long that is where no calendar is asked: working days in weeks of five, rounded up to whole days."""
        if self.unit == "hour":
            return timedelta(hours=self.n)
        days = {"day": self.n, "workday": -(-self.n * 7 // 5), "halfday": -(-self.n * 7 // 10)}
        return timedelta(days=days[self.unit])

    @classmethod
    def parse(cls, value: str | Mapping[str, object]) -> Term:
        """`"3 workday"` or `{"n": 3, "unit": "workday"}`; ValueError for anything else."""
        if isinstance(value, str):
            number, _, unit = value.strip().partition(" ")
            if not (number.isascii() and number.isdigit()):
                raise ValueError(f"not a term: {value!r}")
            return cls(int(number), unit.strip())  # type: ignore[arg-type]  # judged by __post_init__
        if set(value) != {"n", "unit"}:
            raise ValueError(f"a term has n and unit, not {sorted(value)}")
        return cls(value["n"], value["unit"])  # type: ignore[arg-type]  # judged by __post_init__


@dataclass(frozen=True)
class Deadline:
    """The first moment that is too late, in UTC, and whether it rests on days that are not announced yet."""

    at: datetime
    provisional: bool = False

    @property
    def day(self) -> date:
        """The last day in China on which it is still in time: what is shown as 请于…前."""
        return clock.day(self.at - timedelta(microseconds=1))


@dataclass(frozen=True, eq=False)
class Calendar:
    """Which days are worked: the announced ones of chinesecalendar, and the installation's own rows over them.

    `extra` says of single days whether they are worked (a local day off, or a year that came after our release);
    `extra_years` are the years whose rows are complete, so that deadlines in them are final.
    """

    extra: Mapping[date, bool] = field(default_factory=dict)
    extra_years: frozenset[int] = frozenset()

    def knows(self, year: int) -> bool:
        """Whether the days of this year are announced."""
        return year in _OFFICIAL_YEARS or year in self.extra_years

    def is_settled(self, day: date) -> bool:
        """Whether no announcement to come can change this day.

        The last week of a year belongs to the next one's: in 2007, 2011, 2018 and 2022 the days around 元旦 moved
        what the year's own announcement had left alone.
        """
        last_week = day.month == 12 and day.day >= 25
        return day in self.extra or (self.knows(day.year) and (not last_week or self.knows(day.year + 1)))

    def is_workday(self, day: date) -> bool:
        """Whether `day` is worked; in a year that is not known, whether it lies between Monday and Friday."""
        if (own := self.extra.get(day)) is not None:
            return own
        return day in _MADE_UP or (day.weekday() < 5 and day not in _HOLIDAYS)

    def add_workdays(self, day: date, n: int) -> date:
        """The n-th working day after `day`; `day` itself never counts (民法典 §201)."""
        while n > 0:
            day += _DAY
            n -= self.is_workday(day)
        return day

    def add_halves(self, day: date, *, is_afternoon: bool, n: int) -> tuple[date, bool]:
        """The n-th half of a working day after that half of `day`, as its day and whether it is the afternoon."""
        while n > 0:
            day, is_afternoon = (day + _DAY, False) if is_afternoon else (day, True)
            n -= self.is_workday(day)
        return day, is_afternoon

    def workdays_between(self, start: date, end: date) -> int:
        """How many working days lie after `start` up to and with `end`; negative if `end` is the earlier one."""
        if end < start:
            return -self.workdays_between(end, start)
        return sum(self.is_workday(start + _DAY * i) for i in range(1, (end - start).days + 1))


def deadline(start: datetime, term: Term, calendar: Calendar) -> Deadline:
    """When a term that begins at `start` is over.

    Working days and days end with the n-th of them after the day of `start` in China (24:00); that day itself never
    counts, nor does it matter when in it the term began. Half working days likewise end with the n-th half (12:00 or
    24:00) after the one in which the term began. Hours are exact. A term of 0 ends with the day, or the half, of `start`.
    """
    if term.unit == "hour":
        return Deadline((start + timedelta(hours=term.n)).astimezone(UTC))
    first = clock.day(start)
    if term.unit == "day":
        return Deadline(_end_of(first + _DAY * term.n))
    if term.unit == "halfday":
        began_late = start.astimezone(clock.CHINA).time() >= NOON
        last, ends_late = calendar.add_halves(first, is_afternoon=began_late, n=term.n)
        end = _end_of(last) if ends_late else datetime.combine(last, NOON, clock.CHINA).astimezone(UTC)
        counts_first = not began_late and term.n > 0  # its afternoon
    else:
        last = calendar.add_workdays(first, term.n)
        end, counts_first = _end_of(last), False
    counted = (first + _DAY * i for i in range(0 if counts_first else 1, (last - first).days + 1))
    return Deadline(end, provisional=not all(map(calendar.is_settled, counted)))


def nearing(due: datetime, term: Term, calendar: Calendar) -> datetime:
    """From when on less than the term is left until `due`: one that began then would end after it."""
    if term.unit == "hour":
        return (due - timedelta(hours=term.n)).astimezone(UTC)
    if term.n == 0:
        return due
    there = due.astimezone(clock.CHINA)
    is_late = there.time() < NOON  # the last half that is over by then is an afternoon
    day, left = there.date() if term.unit == "halfday" and not is_late else there.date() - _DAY, term.n
    if term.unit == "day":
        return _end_of(day - _DAY * term.n)
    while left := left - calendar.is_workday(day):
        if term.unit == "halfday" and is_late:
            is_late = False
        else:
            day, is_late = day - _DAY, True
    begins = NOON if term.unit == "halfday" and is_late else time()
    return datetime.combine(day, begins, clock.CHINA).astimezone(UTC)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + _DAY, time(), clock.CHINA).astimezone(UTC)


def holiday_name(day: date) -> str:
    """What an announced day is called, a made-up one by the holiday it makes up for; "" for any other day.

    Only days that chinesecalendar knows; rows of our own carry their names themselves.
    """
    found = constants.holidays.get(day) or constants.workdays.get(day)
    return str(constants.Holiday(found).chinese) if found else ""
