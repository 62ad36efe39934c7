"""Months and lines of what is published, and where a share stands in a chart. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from math import floor
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KINDS = ("all", "city", "county", "organ", "item")  # of a line, by depth in the tree; and "channel"
STEPS = (0.99, 0.98, 0.95, 0.9, 0.8, 0.5, 0.0)  # where an axis may begin; it ends at 1
WATCHED = ("good_rate", "active_rate", "reply_rate")  # whose denominators must not creep


def last_day(month: date) -> date:
    """The last day of the month that begins on this day."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def months_before(month: date, n: int) -> date:
    """The first day of the month `n` months before this one."""
    total = month.year * 12 + month.month - 1 - n
    return date(total // 12, total % 12 + 1, 1)


def may_overtake(before: Mapping[Any, Mapping[str, Any]], after: Mapping[Any, Mapping[str, Any]], k: int) -> bool:
    """Whether figures may be told anew at once: no line changed by 1 … k-1 cases, which two looks would tell apart."""
    changes = [
        abs((after.get(key, {}).get(metric, [0, 0])[1] or 0) - (told[metric][1] or 0))
        for key, told in before.items()
        for metric in WATCHED
        if metric in told
    ]
    new = [key for key in after if key not in before]
    return any(changes + [1 for _ in new]) and not any(0 < change < k for change in changes)


def read_month(text: str) -> date | None:
    """The month that is written yyyy-MM, by its first day; None for anything else."""
    try:
        return date.fromisoformat(f"{text}-01") if len(text) == 7 else None
    except ValueError:
        return None


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


class Dot(NamedTuple):
    """A month of a trend: where it stands in a drawing of WIDTH × HEIGHT, None where nothing is told."""

    x: float
    y: float | None = None
    low: float = 0.0  # the interval's ends, downwards
    high: float = 0.0


WIDTH, HEIGHT = 640.0, 160.0


def trend(shares: Sequence[tuple[float, float, float] | None]) -> tuple[float, list[Dot]]:
    """Where the axis begins, and a dot for each month's (low, share, high), oldest first."""
    start = axis_start([share[0] for share in shares if share])
    step = WIDTH / max(len(shares), 1)

    def down(value: float) -> float:
        return round(HEIGHT * (1 - (value - start) / (1 - start)), 1)

    return start, [
        Dot(round(step * (n + 0.5), 1), *((down(share[1]), down(share[0]), down(share[2])) if share else ()))
        for n, share in enumerate(shares)
    ]
