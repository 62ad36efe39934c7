"""Whether somebody does well for what they do: observed against what their peers reach on the same items. Pure.

A bureau whose items are the hard ones has worse ratings than one with easy ones and may yet do better work. So for
every item the rate that its peers reach there is taken, weighted by how often this one does the item: the rate to be
expected. The difference of the observed and the expected is what is its own. (Statisticians call it indirect
standardisation: others' rates, one's own mix.)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

from haochaping.analytics.rules import Z_95, Share, wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LEAST = 5  # cases of the peers in an item: fewer are no rate to be held against, and might be one person's
BASIC = slice(19, 31)  # of the 31 digits 实施编码: 18 organ, 1 exercise level, 12 basic code


@dataclass(frozen=True)
class Mix:
    """What was observed and what was to be expected, over those cases whose item has peers; shares 0…1."""

    observed: float
    expected: float
    low: float  # of the difference, 95 %
    high: float
    cases: int  # that have peers
    all_cases: int

    @property
    def difference(self) -> float:
        return self.observed - self.expected

    @property
    def is_apart(self) -> bool:
        """Whether the difference is more than chance."""
        return self.low > 0 or self.high < 0

    @property
    def covered(self) -> float:
        return self.cases / self.all_cases


def basic(task_code: str) -> str:
    """The basic code of an item: the same for the same item of all organs; the code itself where it has another shape."""
    return task_code[BASIC] if len(task_code) >= BASIC.stop else task_code


def alike(shares: Iterable[Share]) -> dict[str, Share]:
    """Shares by item added up by basic code."""
    found: dict[str, Share] = {}
    for share in shares:
        key = basic(share.key)
        so_far = found.get(key) or Share(key, 0, 0)
        found[key] = Share(key, so_far.numerator + share.numerator, so_far.denominator + share.denominator)
    return found


def others(all_of_them: Mapping[str, Share], own: Mapping[str, Share]) -> dict[str, Share]:
    """What is left of the whole without one's own."""
    none = Share("", 0, 0)
    return {
        key: Share(
            key,
            whole.numerator - own.get(key, none).numerator,
            whole.denominator - own.get(key, none).denominator,
        )
        for key, whole in all_of_them.items()
    }


def against(own: Sequence[Share], peers: Mapping[str, Share]) -> Mix | None:
    """Own shares by item against the peers' by the same key; None where no case has a peer.

    The interval is Newcombe's for a difference (method 10): Wilson's for what was observed, and for what was to be
    expected the error of the peers' rates, so that it never closes at 100 %.
    """
    pairs = [(mine, peers[mine.key]) for mine in own if mine.denominator > 0 and _has(peers, mine.key)]
    cases = sum(mine.denominator for mine, _ in pairs)
    if not cases:
        return None
    good = sum(mine.numerator for mine, _ in pairs)
    expected = sum(mine.denominator * peer.numerator / peer.denominator for mine, peer in pairs) / cases
    error = Z_95 * sqrt(sum((mine.denominator / cases) ** 2 * _variance(peer) for mine, peer in pairs))
    observed = good / cases
    low, high = wilson(good, cases) or (observed, observed)
    return Mix(
        observed,
        expected,
        observed - expected - sqrt((observed - low) ** 2 + error**2),
        observed - expected + sqrt((high - observed) ** 2 + error**2),
        cases,
        sum(mine.denominator for mine in own),
    )


def _has(peers: Mapping[str, Share], key: str) -> bool:
    return key in peers and peers[key].denominator >= LEAST


def _variance(peer: Share) -> float:
    """Of a peer's rate, with a case added on either side: a rate of 100 % of three cases is not certain."""
    share = (peer.numerator + 1) / (peer.denominator + 2)
    return share * (1 - share) / peer.denominator
