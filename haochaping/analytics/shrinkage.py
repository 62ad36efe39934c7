"""Empirical Bayes for shares: what a share of few cases is worth, told by how much the shares of all differ. Pure.

Where samples differ widely, a share of few cases is drawn towards the mean of all, the more the fewer there are: a
beta-binomial model, its two parameters by Kleinman's moments (JASA 68, 1973) from the shares that are compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, lgamma, log, log1p
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haochaping.analytics.rules import Share

FEWEST = 3  # shares to learn from
STRONGEST = 1e6  # cases that the mean of all weighs, where the shares differ by no more than chance
_ENOUGH = 1e-12


@dataclass(frozen=True)
class Prior:
    """What the shares of all say before a single case is seen: their mean, and how many cases it weighs."""

    mean: float
    weight: float

    def share(self, numerator: float, denominator: float) -> float:
        """The share drawn towards the mean of all."""
        return (numerator + self.mean * self.weight) / (denominator + self.weight)

    def interval(self, numerator: float, denominator: float, level: float = 0.95) -> tuple[float, float]:
        """Where the true share lies with this probability, equal tails; both ends in 0…1."""
        a = numerator + self.mean * self.weight
        b = denominator - numerator + (1 - self.mean) * self.weight
        if a <= 0 or b <= 0:  # nobody at all was on one side
            return self.share(numerator, denominator), self.share(numerator, denominator)
        tail = (1 - level) / 2
        return beta_quantile(tail, a, b), beta_quantile(1 - tail, a, b)


def prior_of(shares: Sequence[Share]) -> Prior | None:
    """The prior that these shares tell; None where they are too few to tell one."""
    told = [share for share in shares if share.denominator > 0]
    cases = sum(share.denominator for share in told)
    if len(told) < FEWEST or not cases:
        return None
    mean = sum(share.numerator for share in told) / cases
    if mean in (0, 1):
        return Prior(mean, STRONGEST)
    spread = sum(share.denominator * (share.numerator / share.denominator - mean) ** 2 for share in told)
    chance = mean * (1 - mean)
    free = cases - sum(share.denominator**2 for share in told) / cases - (len(told) - 1)
    if free <= 0:  # one case each: nothing tells chance from difference
        return Prior(mean, STRONGEST)
    alike = (spread - chance * (len(told) - 1)) / (chance * free)  # how alike cases of one share are, 0…1
    if alike <= 1 / (STRONGEST + 1):
        return Prior(mean, STRONGEST)
    return Prior(mean, max(1 / min(alike, 1.0) - 1, _ENOUGH))


def beta_quantile(p: float, a: float, b: float) -> float:
    """Where the beta distribution has `p` below it, to ten digits: Newton's steps, kept between bounds that close in."""
    low, high = 0.0, 1.0
    x = a / (a + b)
    scale = lgamma(a + b) - lgamma(a) - lgamma(b)
    for _ in range(200):
        off = beta_below(x, a, b) - p
        if abs(off) < 1e-14:
            return x
        low, high = (low, x) if off > 0 else (x, high)
        slope = scale + (a - 1) * log(x) + (b - 1) * log1p(-x)
        step = x - off * exp(-slope) if slope > -700 else -1.0
        new = step if low < step < high else (low + high) / 2
        if abs(new - x) < 1e-13:
            return new
        x = min(max(new, 1e-300), 1 - 1e-16)
    return x


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function, by Lentz's continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_below(1 - x, b, a)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, 20_000):
        for part in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + part * d)
            c = _away(1 + part / c)
            found *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return front * found


def _away(x: float) -> float:
    """Never quite zero."""
    return x if abs(x) > 1e-300 else 1e-300
