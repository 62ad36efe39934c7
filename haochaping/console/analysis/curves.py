"""The bad rate of some items by week or month, with the days marked on which measures came into force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from haochaping.analytics.problems import effects
from haochaping.analytics.queries import EVERYWHERE, Figure
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Scope

UNITS = {"week": "按周", "month": "按月"}
WEEKS, MONTHS = 26, 24


@dataclass(frozen=True)
class Point:
    """One week or month: its bad ratings, and the measures of that time in words."""

    name: str
    figure: Figure
    marks: tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    unit: str
    points: list[Point]

    @property
    def units(self) -> list[tuple[str, str, bool]]:
        return [(key, word, key == self.unit) for key, word in UNITS.items()]


def of(
    items: Sequence[str],
    days: Sequence[date],
    unit: str,
    *,
    now: datetime,
    scopes: Sequence[Scope] = EVERYWHERE,
) -> Curve:
    """The last half year by week, or two years by month; times without a rating are left out."""
    unit = unit if unit in UNITS else "week"
    today = clock.day(now)
    rows = effects.curve(items, unit, _start(unit, today), today, now=now, scopes=scopes)
    marks: dict[date | str, list[str]] = {}
    for n, day in enumerate(days, 1):
        marks.setdefault(_key(unit, day), []).append(f"措施{n}（{day:%m-%d}）")
    points = [
        Point(_name(row.keys[unit]), row[effects.METRIC], tuple(marks.get(row.keys[unit], ())))
        for row in rows
        if row[effects.METRIC].denominator
    ]
    return Curve(unit, points)


def _start(unit: str, today: date) -> date:
    if unit == "week":
        return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    months = today.year * 12 + today.month - MONTHS
    return date(months // 12, months % 12 + 1, 1)


def _key(unit: str, day: date) -> date | str:
    return day - timedelta(days=day.weekday()) if unit == "week" else f"{day:%Y-%m}"


def _name(key: date | str) -> str:
    return f"{key:%m-%d}周" if isinstance(key, date) else key
