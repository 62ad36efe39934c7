"""What somebody looks at: a period and a place, within their reach. The pages of analysis ask their figures through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from haochaping.accounts.rules import area_prefix
from haochaping.analytics.labels import area as area_name
from haochaping.analytics.lake import next_month
from haochaping.analytics.periods import EARLIEST, LATEST
from haochaping.analytics.queries import figures, reach_of
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor, Scope
    from haochaping.analytics.queries import Row

LONGEST = timedelta(days=3 * 366)
LEAST = 30  # cases to be ranked, where no policy says
MONTHS = 3  # looked at unless something else is asked: this one and the two before


@dataclass(frozen=True)
class Look:
    """From `start` to `end`, both included, in an area (code prefix; "" = all) or an organ with those below it."""

    start: date
    end: date
    scopes: tuple[Scope, ...]
    now: datetime
    area: str = ""
    organ: str = ""

    @property
    def place(self) -> dict[str, Any]:
        """The filters of the place alone."""
        found: dict[str, Any] = {"area": self.area} if self.area else {}
        if self.organ:
            found["organ_path"] = snapshot().organs[self.organ].path
        return found

    @property
    def name(self) -> str:
        """As a heading says it."""
        if organ := self.organ or self._own_organ:
            return snapshot().organs[organ].name
        return area_name(self.area or self.home)

    @property
    def home(self) -> str:
        """The area all of this lies in, as far as it can be told; "" if everywhere."""
        if self.organ:
            return snapshot().area_path(snapshot().organs[self.organ].area)
        if self.area:
            return self.area
        if self._own_organ:
            return snapshot().area_path(snapshot().organs[self._own_organ].area)
        areas = {scope.area for scope in self.scopes}
        return areas.pop() if len(areas) == 1 else ""

    @property
    def of_own_organ(self) -> Look:
        """The same of the organ that somebody works for, where no other is asked for and no area is theirs."""
        own = "" if self.organ else self._own_organ
        return replace(self, organ=own, area="") if own else self

    @property
    def _own_organ(self) -> str:
        """The organ that bounds what somebody sees; "" where an area does, or several organs do."""
        organs = {scope.organ.strip("/").rpartition("/")[2] for scope in self.scopes}
        own = organs.pop() if len(organs) == 1 else ""
        return own if own in snapshot().organs else ""

    @property
    def minimum(self) -> int:
        """How many cases the policy of this place asks of whoever is ranked or compared."""
        try:
            return policy_at(self.home, self.end).disclosure.min_sample
        except Refused:
            return LEAST

    def rows(self, metrics: Sequence[str], by: Sequence[str], filters: Mapping[str, Any] | None = None) -> list[Row]:
        """Figures of this look by these dimensions."""
        asked = self.place | dict(filters or {})
        return figures(metrics, by, self.start, self.end, asked, now=self.now, scopes=self.scopes).rows

    def total(self, metrics: Sequence[str], filters: Mapping[str, Any] | None = None) -> Row:
        (row,) = self.rows(metrics, [], filters)
        return row

    def over(self, start: date, end: date) -> Look:
        """The same place, other days."""
        return replace(self, start=start, end=end)

    @property
    def before(self) -> Look:
        """As many days just before; whole months give as many whole months."""
        end = self.start - timedelta(days=1)
        if self.start.day == 1:
            start, month = self.start, self.start
            while month <= self.end:
                month = next_month(month)
                start = (start - timedelta(days=1)).replace(day=1)
            is_whole = month == self.end + timedelta(days=1)
            return self.over(start, end if is_whole else start + (self.end - self.start))
        return self.over(end - (self.end - self.start), end)

    @property
    def last_year(self) -> Look:
        return self.over(_year_before(self.start), _year_before(self.end))

    def months(self, n: int) -> list[str]:
        """The last `n` months up to the end of the look, oldest first, as the dimension `month` names them."""
        return [f"{month:%Y-%m}" for month in months_until(self.end, n)]

    def of_months(self, n: int) -> Look:
        """The same place over these months, to the end of the look."""
        return self.over(months_until(self.end, n)[0], self.end)


def look_of(
    actor: Actor, *, now: datetime, start: str = "", end: str = "", area: str = "", organ: str = "", delay: int = 0
) -> Look:
    """What was asked for in words; this month and the two before where nothing is said, ending `delay` days ago at the latest.

    Refused 422 for days that make no sense, 404 for a place that is not there or not within the actor's reach.
    """
    today = clock.day(now) - timedelta(days=delay)
    last = min(_day(end, "结束日期", today), today)
    first = _day(start, "开始日期", months_until(last, MONTHS)[0])
    if start and not end and first > last:
        last = first
    if not timedelta(0) <= last - first <= LONGEST:
        raise Refused("out_of_range", 422, "开始日期应不晚于结束日期，且相距不超过三年。请改日期再看。")
    look = Look(first, last, reach_of(actor), now, area_prefix(area), organ)
    if organ and organ not in snapshot().organs:
        raise _elsewhere()
    if (area or organ) and not _is_within(look):
        raise _elsewhere()
    return look


def months_until(last: date, n: int) -> list[date]:
    """The first days of the `n` months up to that of `last`, oldest first."""
    found = [last.replace(day=1)]
    while len(found) < n:
        found.insert(0, (found[0] - timedelta(days=1)).replace(day=1))
    return found


def _is_within(look: Look) -> bool:
    """Whether the asked place lies in somebody's reach; to one who works for an organ an area is a filter only."""
    path = snapshot().organs[look.organ].path if look.organ else ""
    area = look.home if look.organ else look.area
    return any(
        area.startswith(scope.area) and (not scope.organ or not path or path.startswith(scope.organ))
        for scope in look.scopes
    )


def _elsewhere() -> Refused:
    return Refused("not_found", 404, "没有这个地区或单位，或者它不在您的管辖范围内。")


def _day(text: str, name: str, default: date) -> date:
    try:
        found = date.fromisoformat(text) if text else default
    except ValueError:
        raise Refused("not_a_day", 422, f"{name}应写成 2026-06-01 的样子。") from None
    if not EARLIEST <= found <= LATEST:
        raise Refused("out_of_range", 422, f"{name}应在 {EARLIEST.year} 年至 {LATEST.year} 年之间。")
    return found


def _year_before(day: date) -> date:
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)
