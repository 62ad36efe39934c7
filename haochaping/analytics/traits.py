"""What stands out: position among peers, strengths and weaknesses, what comes back month after month, what few make up most. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

Key = TypeVar("Key", bound="Hashable")
STRONG, WEAK = 75.0, 25.0  # percent of the peers that do worse
RECURS = 3  # months of
WITHIN = 6  # the last so many
PEERS_LEAST = 5  # with fewer, what is said of the peers tells of one of them


def percentile(value: float, peers: Sequence[float], *, higher_is_better: bool = True) -> float | None:
    """How many percent of the peers do worse (equals count half), 0…100; None without peers."""
    if not peers:
        return None
    worse = sum(peer < value if higher_is_better else peer > value for peer in peers)
    same = sum(peer == value for peer in peers)
    return 100 * (worse + same / 2) / len(peers)


def stands(place: float | None, *, is_apart: bool) -> str:
    """Which of "strong" and "weak": in the best or worst quarter, and clear of the peers' own rate by more than chance; else ""."""
    if place is None or not is_apart:
        return ""
    return "strong" if place >= STRONG else "weak" if place <= WEAK else ""


class Recurrent(NamedTuple):
    """What came up in how many of the last months, and how often altogether."""

    key: object
    months: int
    times: int


def recurrent(counts: Iterable[tuple[str, Key, int]], last: Sequence[str]) -> list[Recurrent]:
    """(month, key, how often) → the keys that came up in at least `RECURS` of these months, the most stubborn first."""
    months: dict[Key, set[str]] = {}
    times: Counter[Key] = Counter()
    for month, key, n in counts:
        if n > 0 and month in last:
            months.setdefault(key, set()).add(month)
            times[key] += n
    found = [Recurrent(key, len(held), times[key]) for key, held in months.items() if len(held) >= RECURS]
    return sorted(found, key=lambda one: (-one.months, -one.times, str(one.key)))


class Concentration(NamedTuple):
    """How much of a whole its largest parts make up."""

    parts: int  # that there are
    whole: int
    half: int  # so many largest parts make up half of it
    top: int  # the largest `first` parts together
    first: int


def concentration(counts: Mapping[Key, int], first: int = 10) -> Concentration | None:
    """None where there is nothing."""
    sizes = sorted((n for n in counts.values() if n > 0), reverse=True)
    whole = sum(sizes)
    if not whole:
        return None
    so_far = half = 0
    for half, size in enumerate(sizes, 1):  # noqa: B007  where it stops is what is asked
        so_far += size
        if so_far * 2 >= whole:
            break
    return Concentration(len(sizes), whole, half, sum(sizes[:first]), min(first, len(sizes)))
