"""A trend as a drawing made here, and the table beside it that says the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.publication.rules import HEIGHT, WIDTH, Dot, trend

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from haochaping.publication.queries import Entry, Told

COLUMNS = ("ratings", "good_rate", "bad_rate", "on_time_rate")


@dataclass(frozen=True)
class Month:
    month: date
    entry: Entry | None
    dot: Dot

    @property
    def cells(self) -> list[Told]:
        """The figures of the table; none where nothing was rated."""
        return [self.entry.figures[key] for key in COLUMNS] if self.entry else []


@dataclass(frozen=True)
class Trend:
    """The good rate of months, oldest first, with its interval; `lines` are the stretches without a gap."""

    months: list[Month]
    axis: float  # where the vertical axis begins, 0…1
    lines: list[str]
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def rows(self) -> list[Month]:
        """For the table, newest first."""
        return self.months[::-1]

    @property
    def frame(self) -> str:
        """The drawing with room for the words around it, as SVG wants it."""
        return f"-56 -12 {self.width + 68:g} {self.height + 44:g}"

    @property
    def has_figures(self) -> bool:
        return any(month.dot.y is not None for month in self.months)


def trend_of(found: Sequence[tuple[date, Entry | None]]) -> Trend:
    shares = []
    for _, entry in found:
        rate = entry.good_rate if entry else None
        interval = rate.interval if rate else None
        shares.append(
            (interval[0], rate.numerator / rate.denominator, interval[1])
            if rate and interval and rate.denominator
            else None
        )
    start, dots = trend(shares)
    months = [Month(month, entry, dot) for (month, entry), dot in zip(found, dots, strict=True)]
    return Trend(months, start, _stretches(dots))


def _stretches(dots: Sequence[Dot]) -> list[str]:
    """The points of each line, as SVG wants them."""
    found: list[list[str]] = [[]]
    for dot in dots:
        if dot.y is None:
            found.append([])
        else:
            found[-1].append(f"{dot.x},{dot.y}")
    return [" ".join(points) for points in found if len(points) > 1]
