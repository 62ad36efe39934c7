"""The rules, indicators and working days in force, read hot: at most 2 s old, no query in between."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Generic, TypeVar

from django.db.models import Max, Q

from haochaping.kit.errors import Refused
from haochaping.kit.workdays import Calendar
from haochaping.policy import sets
from haochaping.policy.models import (
    CalendarChange,
    CalendarDay,
    CalendarYear,
    Indicator,
    IndicatorSet,
    PolicyDraft,
    PolicyRule,
)
from haochaping.policy.rules import Norm, Policy, PolicyBook, Rule, restore
from haochaping.policy.sets import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

T = TypeVar("T")
LIFE = 2.0  # seconds


@dataclass
class Held(Generic[T]):
    """What `load` gives, at most LIFE old."""

    load: Callable[[], T]
    kept: tuple[float, T] | None = None

    def __call__(self) -> T:
        kept = self.kept
        if kept is None or time.monotonic() >= kept[0]:
            kept = self.kept = (time.monotonic() + LIFE, self.load())
        return kept[1]


def policy_at(area: str, day: date) -> Policy:
    """The pack of the nearest ancestor region of `area` that is valid on `day`; Refused `no_policy` (409) if none is.

    `day` is the service day for rating rules, the dispatch day for order rules, the rating day for scores.
    """
    return book().at(area, day)


def book() -> PolicyBook:
    """Every rule, to be asked without the database (the door's event loop): refresh it in a thread, ask it anywhere."""
    return _book()


def rules() -> tuple[Rule, ...]:
    """All rules ever loaded, by region, oldest first."""
    return tuple(sorted(book().rules, key=lambda rule: (rule.region, rule.valid_from)))


def packs_of(region: str) -> list[PolicyRule]:
    """Every pack the region ever had, newest first."""
    return list(PolicyRule.objects.filter(region=region).order_by("-valid_from"))


def pack(pk: int) -> PolicyRule | None:
    return PolicyRule.objects.filter(pk=pk).first()


def newest_pack(region: str) -> PolicyRule | None:
    """The region's newest pack, in force or still to come, or that of its nearest ancestor that has one."""
    prefixes = [region[:length] for length in range(len(region) + 1)]
    rows = PolicyRule.objects.filter(region__in=prefixes)
    return max(rows, key=lambda row: (len(row.region), row.valid_from), default=None)


def pack_before(rule: PolicyRule) -> PolicyRule | None:
    """What holds in the region until this pack does: its own older one, or the nearest ancestor's of that day."""
    own = PolicyRule.objects.filter(region=rule.region, valid_to=rule.valid_from).first()
    if own is not None:
        return own
    prefixes = [rule.region[:length] for length in range(len(rule.region))]
    above = PolicyRule.objects.filter(region__in=prefixes, valid_from__lte=rule.valid_from)
    held = above.filter(Q(valid_to=None) | Q(valid_to__gt=rule.valid_from))
    return max(held, key=lambda row: len(row.region), default=None)


def policy_drafts(region: str) -> list[PolicyDraft]:
    """Every draft of the region's pack, newest first."""
    return list(PolicyDraft.objects.filter(region=region).order_by("-number"))


def policy_draft(pk: int) -> PolicyDraft | None:
    return PolicyDraft.objects.filter(pk=pk).first()


def regions_with_packs() -> set[str]:
    """Where there are packs of one's own, or a draft that might become one."""
    return {rule.region for rule in book().rules} | set(
        PolicyDraft.objects.order_by().values_list("region", flat=True).distinct()
    )


def indicators(area: str, day: date, aspect: str = "", pf: int | None = None, *, retired: bool = False) -> list[Norm]:
    """The indicators of `area` on `day`, best level first, core before extended; retired ones only if asked for.

    Pages name the aspect of what is rated and the channel, and get what is offered there; the wire takes all of them.
    """
    return [
        norm
        for norm in _norms()
        if (norm.is_active or retired) and area.startswith(norm.region) and norm.holds_on(day) and norm.fits(aspect, pf)
    ]


def asks_about(area: str, day: date, aspect: str, point: str = "") -> bool:
    """Whether the pages of `area` ask people to rate this aspect and point (the pack's `coverage`).

    For lists, invitations and devices that offer services to rate. What is outside is taken all the same, from the wire
    and through a link; without a pack for the area only whole services are asked about.
    """
    try:
        return policy_at(area, day).coverage.asks_about(aspect, point)
    except Refused:
        return aspect == "service" and not point


def indicator_sets(region: str) -> list[IndicatorSet]:
    """Every version of the region's own indicators, newest first."""
    return list(IndicatorSet.objects.filter(region=region).order_by("-number"))


def indicator_set(pk: int) -> IndicatorSet | None:
    return IndicatorSet.objects.filter(pk=pk).first()


def set_in_force(region: str, day: date) -> IndicatorSet | None:
    approved = IndicatorSet.objects.filter(region=region, state="approved", valid_from__lte=day)
    return approved.order_by("-valid_from").first()


def regions_with_sets() -> set[str]:
    """Where there are indicators of one's own, or a version that might become some."""
    return {norm.region for norm in _norms()} | set(IndicatorSet.objects.values_list("region", flat=True).distinct())


def own_lines(region: str) -> list[Line]:
    """The region's own indicators of its newest version, in force or still to come, retired ones too: what a draft starts from."""
    return sets.in_order(Line.of_norm(n) for n in _norms() if n.region == region and n.valid_to is None)


def upper_lines(region: str, day: date, *, retired: bool = False) -> list[Line]:
    """What the region has from the nation and the regions above it."""
    return [Line.of_norm(n) for n in indicators(region, day, retired=retired) if n.region != region]


def codes_of(region: str) -> set[str]:
    """Every code the region ever used."""
    return {norm.code for norm in _norms() if norm.region == region}


def page_problems(version: IndicatorSet, day: date) -> list[str]:
    """What would be wrong with a page of the region, or of one below it, if this version held on `day`."""
    lines, above = [Line.of(line) for line in version.lines], upper_lines(version.region, day)
    found = sets.problems(lines, above)
    below = {n.region for n in _norms() if n.region.startswith(version.region) and n.region != version.region}
    for region in sorted(below):
        between = [line for line in upper_lines(region, day) if line.code not in {one.code for one in (*above, *lines)}]
        own = [Line.of_norm(n) for n in _norms() if n.region == region and n.holds_on(day)]
        found += [f"下级地区 {region}：{text}" for text in sets.problems(own, [*above, *lines, *between])]
    return found


def preview(version: IndicatorSet, day: date, aspect: str, pf: int | None) -> list[Norm]:
    """What a page of the region would offer on `day` if this version held then."""
    above = [norm for norm in indicators(version.region, day, aspect, pf) if norm.region != version.region]
    own = [_norm_of(Line.of(line), version, day) for line in version.lines]
    return [*above, *(norm for norm in own if norm.is_active and norm.fits(aspect, pf))]


def _norm_of(line: Line, version: IndicatorSet, day: date) -> Norm:
    return Norm(
        line.code,
        line.name,
        line.level,
        is_core=False,
        is_active=line.is_active,
        region=version.region,
        valid_from=day,
        valid_to=None,
        set_name="",
        dimension=line.dimension,
        aspect=line.aspect,
        channels=line.channels,
    )


def indicator_map(area: str = "") -> Mapping[str, int]:
    """Code → level of every indicator the nation or an ancestor region of `area` ever had, retired ones too."""
    return {norm.code: norm.level for norm in _norms() if area.startswith(norm.region)}


def indicator_names() -> Mapping[str, str]:
    """Code → text of every indicator anybody ever had; the newest text of a code that was worded anew."""
    return {norm.code: norm.name for norm in sorted(_norms(), key=lambda norm: norm.valid_from)}


def calendar(area: str = "") -> Calendar:
    """Working days of the nation, or of `area` with its local days: chinesecalendar plus our own rows."""
    _, years, days = _days()
    return _calendar(years, tuple((day, works) for region, day, works in days if area.startswith(region)))


def calendar_if(
    area: str, region: str, changes: Mapping[date, bool | None], announced: frozenset[int] = frozenset()
) -> Calendar:
    """The working days of `area` as they would be if the rows of `region` changed so (None = the row is gone)."""
    _, years, days = _days()
    rows = [row for row in days if row[0] != region or row[1] not in changes]
    rows += [(region, day, works) for day, works in changes.items() if works is not None]
    near = tuple((day, works) for at, day, works in sorted(rows) if area.startswith(at))
    return _calendar(years | announced, near)


def own_days(region: str, year: int) -> list[CalendarDay]:
    """The rows of just this region ("" = the nation's own) in a year, in order."""
    return list(CalendarDay.objects.filter(region=region, day__year=year).order_by("day"))


def days_for(area: str, year: int) -> list[CalendarDay]:
    """The rows of a year that hold in `area`: the nation's, its ancestors' and its own; the nearest comes last."""
    rows = CalendarDay.objects.filter(day__year=year).order_by("region", "day")
    return [row for row in rows if area.startswith(row.region)]


def announcement(year: int) -> CalendarYear | None:
    """The year's announcement that was loaded here, if it was."""
    return CalendarYear.objects.filter(year=year).first()


def calendar_change() -> int:
    """The number of the last change that `calendar` knows of. Asked before it, it never promises too much."""
    return _days()[0]


def calendar_changes(after: int) -> list[CalendarChange]:
    """The changes since that number, oldest first, up to the one that `calendar` knows of."""
    return list(CalendarChange.objects.filter(pk__gt=after, pk__lte=calendar_change()).order_by("pk"))


def forget() -> None:
    """Read anew at the next question: after a write, and between tests."""
    _book.kept = _norms.kept = _days.kept = None


def _load_book() -> PolicyBook:
    rows = PolicyRule.objects.values_list("region", "valid_from", "valid_to", "digest")
    return PolicyBook(tuple(Rule(region, start, end, _policy(bytes(digest))) for region, start, end, digest in rows))


@lru_cache(maxsize=512)
def _policy(digest: bytes) -> Policy:
    """A body never changes under its digest, so it is parsed once a process."""
    return restore(PolicyRule.objects.filter(digest=digest).values_list("body", flat=True)[0])


def _load_norms() -> tuple[Norm, ...]:
    fields = (
        "code", "name", "level", "is_core", "is_active", "region", "valid_from", "valid_to", "set_name",
        "dimension", "aspect", "channels",
    )  # fmt: skip
    rows = Indicator.objects.order_by("-level", "-is_core", "region", "code").values_list(*fields)
    return tuple(Norm(*row) for row in rows)


def _load_days() -> tuple[int, frozenset[int], tuple[tuple[str, date, bool], ...]]:
    change = CalendarChange.objects.aggregate(last=Max("pk"))["last"] or 0  # first: what is read after it holds it
    years = frozenset(CalendarYear.objects.values_list("year", flat=True))
    # A nearer region comes later and so wins.
    days = CalendarDay.objects.order_by("region", "day").values_list("region", "day", "is_workday")
    return change, years, tuple(days)


@lru_cache(maxsize=64)
def _calendar(years: frozenset[int], days: tuple[tuple[date, bool], ...]) -> Calendar:
    return Calendar(extra=dict(days), extra_years=years)


_book = Held(_load_book)
_norms = Held(_load_norms)
_days = Held(_load_days)
