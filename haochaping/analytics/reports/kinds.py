"""Which reports there are, what period each covers, and what is due when. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = timedelta(days=1)
SAME_WEEKDAY_LAST_YEAR = timedelta(days=364)
LONGEST = 3 * 366  # days of a brief's own period, as of any question for figures


class Kind(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    ENTERPRISE = "enterprise"
    MONTHLY = "monthly"
    APPRAISAL = "appraisal"
    TOPIC = "topic"

    @property
    def name_zh(self) -> str:
        return KINDS[self].name


class Spec(NamedTuple):
    """A kind: how it is called, how its issues are counted, how long after its period it is due."""

    name: str
    head: str  # 报头, after the name of the place
    this: str  # the period as a sentence begins: 本周
    before: str  # the period it is compared with: 上周
    counted: str  # 期 (a periodical) or 号 (a 通报)
    after: int = 0  # days after the period's end on which it is made
    back: int = 0  # periods that are made up for at most, when nothing ran for long
    may_be_public: bool = False

    @property
    def is_periodic(self) -> bool:
        return self.after > 0


KINDS: dict[Kind, Spec] = {
    Kind.DAILY: Spec("日报", "政务服务“好差评”日报", "当日", "上周同日", "期", 1, 7),
    Kind.WEEKLY: Spec("周报", "政务服务“好差评”周报", "本周", "上周", "期", 1, 6),
    Kind.ENTERPRISE: Spec("涉企半月报", "涉企政务服务“好差评”半月报", "本期", "上期", "期", 1, 6),
    Kind.MONTHLY: Spec("月度通报", "政务服务“好差评”情况通报", "当月", "上月", "号", 2, 6, may_be_public=True),
    Kind.APPRAISAL: Spec("量化评估表", "政务服务“好差评”量化评估表", "当月", "上月", "号", 10, 6),
    Kind.TOPIC: Spec("专报", "政务服务“好差评”专报", "本期", "上期", "期"),
}
PERIODIC = tuple(kind for kind, spec in KINDS.items() if spec.is_periodic)


@dataclass(frozen=True, order=True)
class Period:
    """Days from `start` to `end`, both included."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def words(self) -> str:
        """As in 2026年11月16日至22日; a whole month is 2026年10月."""
        first, last = self.start, self.end
        if first == last:
            return f"{first.year}年{first.month}月{first.day}日"
        if first.day == 1 and (last + DAY).day == 1 and (first.year, first.month) == (last.year, last.month):
            return f"{first.year}年{first.month}月"
        year = f"{last.year}年" if last.year != first.year else ""
        month = f"{last.month}月" if year or last.month != first.month else ""
        return f"{first.year}年{first.month}月{first.day}日至{year}{month}{last.day}日"


def covering(kind: Kind, day: date) -> Period:
    """The period of this kind that holds the day. ValueError for a brief, whose period its author chooses."""
    if kind is Kind.DAILY:
        return Period(day, day)
    if kind is Kind.WEEKLY:
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + 6 * DAY)
    if kind is Kind.ENTERPRISE:
        return (
            Period(day.replace(day=1), day.replace(day=15)) if day.day < 16 else Period(day.replace(day=16), _last(day))
        )
    if kind in {Kind.MONTHLY, Kind.APPRAISAL}:
        return Period(day.replace(day=1), _last(day))
    raise ValueError(f"{kind} has no period of its own")


def _last(day: date) -> date:
    """The last day of the month."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - DAY


def last_ended(kind: Kind, today: date) -> Period:
    """The newest period that lies wholly behind today."""
    now = covering(kind, today)
    return now if now.end < today else covering(kind, now.start - DAY)


def before(kind: Kind, period: Period) -> Period:
    """What a period is compared with (环比): the one just before; for a day, the same weekday a week ago."""
    if kind is Kind.DAILY:
        return Period(period.start - 7 * DAY, period.end - 7 * DAY)
    if kind is Kind.TOPIC:
        return Period(period.start - period.days * DAY, period.start - DAY)
    return covering(kind, period.start - DAY)


def year_before(kind: Kind, period: Period) -> Period:
    """The same period of last year (同比); days and weeks with the same weekdays."""
    if kind in {Kind.DAILY, Kind.WEEKLY}:
        return Period(period.start - SAME_WEEKDAY_LAST_YEAR, period.end - SAME_WEEKDAY_LAST_YEAR)
    if kind is Kind.TOPIC:
        start = _a_year_ago(period.start)
        return Period(start, start + (period.days - 1) * DAY)
    return covering(kind, _a_year_ago(period.start))


def _a_year_ago(day: date) -> date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def due(kind: Kind, since: date, today: date) -> list[Period]:
    """The periods that should have a report by today, oldest first, of those that end on `since` or later.

    A worker that did not run makes them up, at most the kind's last few.
    """
    found: list[Period] = []
    for period in _backwards(kind, today):
        if period.end < since or len(found) == KINDS[kind].back:
            break
        if today >= period.end + KINDS[kind].after * DAY:
            found.append(period)
    return found[::-1]


def _backwards(kind: Kind, today: date) -> Iterator[Period]:
    period = last_ended(kind, today)
    while True:
        yield period
        period = covering(kind, period.start - DAY)


def numbered(kind: Kind, year: int, n: int) -> str:
    """期号 or 文号: 2026年第46期, 〔2026〕10号."""
    return f"〔{year}〕{n}号" if KINDS[kind].counted == "号" else f"{year}年第{n}期"
