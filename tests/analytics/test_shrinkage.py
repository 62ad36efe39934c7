"""Empirical Bayes against what is known: quantiles in closed form, Newcombe's table, and a prior done by hand."""

from __future__ import annotations

from math import pi, sin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haochaping.analytics.rules import Share
from haochaping.analytics.shrinkage import STRONGEST, Prior, beta_quantile, prior_of

BY_HAND = [Share("a", 2, 10), Share("b", 4, 10), Share("c", 6, 10), Share("d", 8, 10)]


@pytest.mark.parametrize("p", [0.001, 0.025, 0.5, 0.9, 0.975])
def test_the_quantile_is_that_of_the_closed_forms(p: float) -> None:
    assert beta_quantile(p, 1, 1) == pytest.approx(p, abs=1e-10)
    assert beta_quantile(p, 5, 1) == pytest.approx(p ** (1 / 5), abs=1e-10)
    assert beta_quantile(p, 1, 7) == pytest.approx(1 - (1 - p) ** (1 / 7), abs=1e-10)
    assert beta_quantile(p, 0.5, 0.5) == pytest.approx(sin(pi * p / 2) ** 2, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (1, 29, 0.0009, 0.1776)],  # Newcombe 1998, method 5
)
def test_the_exact_interval_of_the_literature_comes_out_of_it(x: int, n: int, low: float, high: float) -> None:
    assert round(beta_quantile(0.025, x, n - x + 1), 4) == low
    assert round(beta_quantile(0.975, x + 1, n - x), 4) == high


def test_the_prior_is_the_one_done_by_hand() -> None:
    # mean 20/40; Σ n(p−½)² = 2; likeness = (2 − ¼·3) / (¼·(40 − 10 − 3)) = 5/27; weight = 27/5 − 1
    prior = prior_of(BY_HAND)
    assert prior is not None
    assert (prior.mean, prior.weight) == (0.5, pytest.approx(4.4))
    assert prior.share(8, 10) == pytest.approx((8 + 2.2) / 14.4)


def test_what_differs_by_no_more_than_chance_is_drawn_to_the_mean_of_all() -> None:
    prior = prior_of([Share(str(n), 45 + n, 100) for n in range(10)])
    assert prior is not None
    assert prior.weight == STRONGEST
    assert prior.share(54, 100) == pytest.approx(prior.mean, abs=1e-4)


def test_few_cases_are_drawn_further_than_many() -> None:
    prior = prior_of(BY_HAND)
    assert prior is not None
    assert prior.share(3, 3) < prior.share(300, 300) < 1


@pytest.mark.parametrize("shares", [[], BY_HAND[:2], [Share("a", 0, 0)] * 4])
def test_too_few_to_learn_from_tell_no_prior(shares: list[Share]) -> None:
    assert prior_of(shares) is None


def test_where_all_were_content_nobody_is_set_before_another() -> None:
    prior = prior_of([Share(str(n), 50, 50) for n in range(5)])
    assert prior is not None
    assert prior.share(1, 1) == prior.share(1000, 1000) == 1
    assert prior.interval(50, 50) == (1, 1)


@given(
    st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
    st.floats(0.01, 0.99),
    st.floats(0.5, 1e5),
)
def test_the_interval_holds_the_drawn_share_and_has_its_level(
    pair: tuple[int, int], mean: float, weight: float
) -> None:
    prior = Prior(mean, weight)
    low, high = prior.interval(*pair)
    assert 0 <= low <= high <= 1
    # the mean lies between the quantiles unless the distribution is leaning hard against an end
    assert low <= prior.share(*pair) + 1e-9
