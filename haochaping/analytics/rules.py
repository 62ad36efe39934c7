"""What a share is worth, who may be ranked before whom, and what is too small to show. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Z_95 = 1.959963984540054  # two-sided 95 %


def wilson(numerator: int, denominator: int, z: float = Z_95) -> tuple[float, float] | None:
    """The Wilson score interval of a share, both ends in 0…1; None if there is nothing to divide by."""
    if denominator <= 0:
        return None
    share = numerator / denominator
    spread = z * sqrt(share * (1 - share) / denominator + z * z / (4 * denominator * denominator))
    centre, weight = share + z * z / (2 * denominator), 1 + z * z / denominator
    return max(0.0, (centre - spread) / weight), min(1.0, (centre + spread) / weight)


def percent(numerator: int, denominator: int) -> str:
    """A share as people read it: "99.80%".

    Two decimals; three within a thousandth of either end; and never 0% or 100% unless it is exactly that. "—" where
    there is nothing to divide by.
    """
    if denominator <= 0:
        return "—"
    if numerator == denominator:
        return "100%"
    if numerator == 0:
        return "0%"
    share = 100 * numerator / denominator
    if not 0.1 <= share <= 99.9:
        text = f"{share:.3f}"
        return {"0.000": "<0.001%", "100.000": ">99.999%"}.get(text, f"{text}%")
    return f"{share:.2f}%"


@dataclass(frozen=True)
class Share:
    """The share of one place, organ or item: how many of how many."""

    key: str
    numerator: int
    denominator: int


@dataclass(frozen=True)
class Ranked:
    """A share with its place. `rank` is None below the minimum sample.

    Equal ranks are ties. `is_apart` says whether the interval lies clear of the one ranked just before: where it does
    not, the order of the two may be chance and the page says so.
    """

    share: Share
    rank: int | None
    low: float
    high: float
    is_apart: bool


def rank(shares: Sequence[Share], *, minimum: int, higher_is_better: bool = True) -> list[Ranked]:
    """The shares from best to worst, those below the minimum sample last and unranked, those without any left out.

    Judged by the cautious end of the Wilson interval (lower where high is good, upper where low is good), so that one
    lucky case cannot win; what prints alike at two decimals of a percent is a tie and the next rank counts all of them.
    """
    rows = []
    for share in shares:
        if interval := wilson(share.numerator, share.denominator):
            judged = round(interval[0] if higher_is_better else -interval[1], 4)
            rows.append((share, interval, judged))
    enough = sorted((r for r in rows if r[0].denominator >= minimum), key=lambda r: (-r[2], r[0].key))
    few = sorted((r for r in rows if r[0].denominator < minimum), key=lambda r: (-r[0].denominator, r[0].key))
    ranked: list[Ranked] = []
    places = competition([judged for _, _, judged in enough])
    for n, (share, (low, high), _) in enumerate(enough):
        before = enough[n - 1][1] if n else None
        is_apart = before is None or high < before[0] or low > before[1]
        ranked.append(Ranked(share, places[n], low, high, is_apart))
    return ranked + [Ranked(share, None, low, high, is_apart=False) for share, (low, high), _ in few]


def competition(judged: Sequence[float]) -> list[int]:
    """The places of values that stand from best to worst: equals share one, and the next counts all of them (1, 1, 3)."""
    places: list[int] = []
    for n, value in enumerate(judged):
        places.append(places[-1] if n and value == judged[n - 1] else n + 1)
    return places


def tells_few(part: int, whole: int, k: int) -> bool:
    """Whether a ratio names a group of 1 … k-1: its part, or all the others."""
    return 0 < part < k or 0 < whole - part < k


def hidden(sizes: Sequence[int], k: int) -> set[int]:
    """The places in a column, of rows that add up to a total that is shown, whose figure must not be shown.

    Those that rest on 1 … k-1 cases; and if that is one row alone, the next smallest as well, else subtraction tells it.
    """
    small = {n for n, size in enumerate(sizes) if 0 < size < k}
    if len(small) == 1 and (rest := [n for n, size in enumerate(sizes) if size >= k]):
        small.add(min(rest, key=lambda n: sizes[n]))
    return small
