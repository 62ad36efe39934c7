"""What the data say of the ledger, looked at once a day: concentrated bad ratings to take up, solved problems that are back.

Catch-up style: each look covers the last thirty days, so a day that was missed loses nothing.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from haochaping.accounts.rules import area_prefix
from haochaping.analytics.labels import label
from haochaping.analytics.problems import effects
from haochaping.analytics.problems.commands import propose_by_rule, reopen_by_rule
from haochaping.analytics.problems.models import Problem
from haochaping.analytics.problems.rules import (
    FOUND_WITHIN,
    NAMED_LEAST,
    THRESHOLDS,
    WINDOW,
    Sample,
    Spot,
    State,
    is_concentrated,
)
from haochaping.analytics.queries import figures
from haochaping.analytics.rules import percent
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.kit import clock

if TYPE_CHECKING:
    from datetime import date, datetime

LISTED_MOST = 20  # items of a proposal whose figures are written down one by one


def look(*, now: datetime) -> tuple[int, int]:
    """How many problems were proposed, and how many solved ones reopened."""
    return propose_problems(now=now), watch_solved(now=now)


def propose_problems(*, now: datetime) -> int:
    """Put every city's concentrations before those who keep its ledger; how many proposals are new."""
    end = clock.day(now)
    start = end - timedelta(days=FOUND_WITHIN - 1)
    made = 0
    for area in sorted({area_prefix(region.code)[:4] for region in snapshot().regions.values() if region.level >= 2}):
        if not is_probe_area(area):
            made += sum(
                _propose(area, indicator, spots, (start, end), now)
                for indicator, spots in sorted(_spots(area, start, end, now).items())
            )
    return made


def _spots(area: str, start: date, end: date, now: datetime) -> dict[str, list[Spot]]:
    """By indicator: the items of the city whose bad ratings name it so often, and clear of the city's others."""
    where = {"area": area}
    named = figures(("ratings",), ("item", "indicator"), start, end, where | {"level": [1, 2]}, now=now).rows
    often = [row for row in named if row.keys["indicator"] and row["ratings"].numerator >= NAMED_LEAST]
    if not often:
        return {}
    own = {
        row.keys["item"]: effects.sample(row[effects.METRIC])
        for row in figures((effects.METRIC,), ("item",), start, end, where, now=now).rows
    }
    bad, rated = (sum(part) for part in zip(*own.values(), strict=True))
    found = defaultdict(list)
    for row in often:
        item = row.keys["item"]
        mine = own.get(item, Sample(0, 0))
        spot = Spot(
            item, row.keys["indicator"], row["ratings"].numerator, mine, Sample(bad - mine.bad, rated - mine.rated)
        )
        if is_concentrated(spot) and item in snapshot().items:
            found[spot.indicator].append(spot)
    return found


def _propose(area: str, indicator: str, spots: list[Spot], days: tuple[date, date], now: datetime) -> bool:
    start, end = days
    region = snapshot().region(area)
    place = region.name if region else area
    name = label("indicator", indicator)
    spots = sorted(spots, key=lambda spot: -spot.named)
    made = propose_by_rule(
        f"{area}:{indicator}",
        area=area,
        title=f"{place}{len(spots)}个事项“{name}”差评集中",
        description=f"{start:%Y-%m-%d} 至 {end:%Y-%m-%d}，下列事项的差评较多点了“{name}”，差评率明显高于本市其他事项。请核对后决定是否立项。",
        items=[spot.item for spot in spots],
        indicator=indicator,
        days=days,
        grounds=[("规则", THRESHOLDS), *map(_grounds, spots[:LISTED_MOST])],
        now=now,
    )
    return made is not None


def _grounds(spot: Spot) -> tuple[str, str]:
    known = snapshot().items.get(spot.item)
    words = (
        f"点了该指标的差评 {spot.named} 条；差评率 {percent(*spot.own)}（{spot.own.bad} ÷ {spot.own.rated}），"
        f"本市其他事项 {percent(*spot.peers)}（{spot.peers.bad} ÷ {spot.peers.rated}）"
    )
    return known.name if known else spot.item, words


def watch_solved(*, now: datetime) -> int:
    """Reopen the solved problems whose last thirty days are clearly bad again; how many."""
    yesterday = clock.day(now) - timedelta(days=1)
    back = 0
    for problem in Problem.objects.filter(state=State.SOLVED, judged__isnull=False).order_by("pk"):
        since = yesterday - timedelta(days=WINDOW - 1)
        if problem.verdict_at and clock.day(problem.verdict_at) > since:
            continue  # the days that found it solved would be judged twice
        recent = effects.window_of(problem.items, since, yesterday, now=now)
        back += reopen_by_rule(problem.pk, recent, now=now)
    return back
