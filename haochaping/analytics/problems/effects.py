"""Before and after: the figures of the affected items around a measure, all of them from the one dictionary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from haochaping.analytics.problems.rules import WINDOW, Outcome, Sample, Windows, outcome, windows
from haochaping.analytics.queries import EVERYWHERE, Figure, figures, said
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from haochaping.accounts.rules import Scope
    from haochaping.analytics.problems.models import Problem
    from haochaping.analytics.queries import Row

METRIC = "bad_rate"
NOT_YET = Outcome(None, "措施还没有生效，或生效还不到一个整天。")
NO_MEASURE = Outcome(None, "还没有登记措施。")


@dataclass(frozen=True)
class Around:
    """Whose ratings are compared around which days: the first and the last measure of a round, or one measure twice."""

    items: tuple[str, ...]
    first: date
    last: date


@dataclass(frozen=True)
class Effect:
    """The bad rate of equally many days before and after, and what it says; without windows there is nothing to compare yet."""

    outcome: Outcome
    windows: Windows | None = None
    before: Figure | None = None
    after: Figure | None = None

    @property
    def samples(self) -> tuple[Sample, Sample] | None:
        return (sample(self.before), sample(self.after)) if self.before and self.after else None


def sample(figure: Figure) -> Sample:
    return Sample(figure.numerator, figure.denominator or 0)


def around(problem: Problem) -> Around | None:
    """The measures of the round that a problem is in; None where there is none."""
    if problem.first_in_force is None or problem.last_in_force is None:
        return None
    return Around(tuple(problem.items), problem.first_in_force, problem.last_in_force)


def effect(asked: Around | None, *, now: datetime, most: int = WINDOW) -> Effect:
    """What the measures did to the bad rate of those items."""
    if asked is None:
        return Effect(NO_MEASURE)
    span = windows(asked.first, asked.last, clock.day(now), most)
    if span is None:
        return Effect(NOT_YET)
    before, after = (window_of(asked.items, *days, now=now) for days in (span.before, span.after))
    return Effect(outcome(sample(before), sample(after), span.days), span, before, after)


def window_of(items: Sequence[str], start: date, end: date, *, now: datetime) -> Figure:
    """The bad rate of these items in these days."""
    return figures((METRIC,), (), start, end, {"item": list(items)}, now=now).total[METRIC]


def effects(wanted: Sequence[Around | None], *, now: datetime, most: int = WINDOW) -> list[Effect]:
    """The same for many, out of one question for all their days and items."""
    today = clock.day(now)
    spans = [windows(one.first, one.last, today, most) if one else None for one in wanted]
    known = [(one, span) for one, span in zip(wanted, spans, strict=True) if one and span]
    if not known:
        return [Effect(NOT_YET if one else NO_MEASURE) for one in wanted]
    start, end = min(span.before[0] for _, span in known), max(span.after[1] for _, span in known)
    items = sorted({item for one, _ in known for item in one.items})
    rows = figures((METRIC,), ("day", "item"), start, end, {"item": items}, now=now).rows
    found = []
    for one, span in zip(wanted, spans, strict=True):
        if one is None or span is None:
            found.append(Effect(NOT_YET if one else NO_MEASURE))
            continue
        before, after = (_summed(rows, one.items, *days, now=now) for days in (span.before, span.after))
        found.append(Effect(outcome(sample(before), sample(after), span.days), span, before, after))
    return found


def _summed(rows: Iterable[Row], items: tuple[str, ...], start: date, end: date, *, now: datetime) -> Figure:
    mine = [row[METRIC] for row in rows if row.keys["item"] in items and start <= row.keys["day"] <= end]
    if not mine:
        return window_of(items, start, end, now=now)
    bad, rated = sum(f.numerator for f in mine), sum(f.denominator or 0 for f in mine)
    words = said(mine[0].metric.basis, start, end, {"item": list(items)})
    return replace(mine[0], numerator=bad, denominator=rated, filter=words)


def curve(
    items: Sequence[str], unit: str, start: date, end: date, *, now: datetime, scopes: Sequence[Scope] = EVERYWHERE
) -> list[Row]:
    """The bad rate by week or month, oldest first."""
    return figures((METRIC,), (unit,), start, end, {"item": list(items)}, now=now, scopes=scopes).rows
