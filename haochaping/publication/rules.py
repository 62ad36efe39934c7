"""Where a share stands in a chart. Pure."""

from __future__ import annotations

from math import floor
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)  # where an axis may begin; it ends at 1


class Mark(NamedTuple):
    """A share and its interval as positions 0…100 on the axis, rounded to a hundredth."""

    low: float
    at: float
    high: float

    @property
    def width(self) -> float:
        return max(self.high - self.low, 0.3)  # a sliver that can still be seen


def axis_start(lows: Sequence[float]) -> float:
    """The highest round share below every interval. Points may stand on an axis that does not begin at 0; bars may not."""
    least = min(lows, default=1.0)
    return next(step for step in STEPS if step <= least)


def mark(low: float, share: float, high: float, start: float) -> Mark:
    return Mark(*(floor((value - start) / (1 - start) * 10_000) / 100 for value in (low, share, high)))
