from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haochaping.analytics.casemix import LEAST, against, alike, basic, others
from haochaping.analytics.rules import Share

NANJING, SUZHOU = "11320100014000456K3", "11320500014000789M3"
EASY, HARD = "320101001000", "320701002000"


def test_the_same_item_of_two_organs_has_one_basic_code() -> None:
    assert basic(NANJING + EASY) == basic(SUZHOU + EASY) == EASY
    assert basic("11-2-b") == "11-2-b"
    found = alike([Share(NANJING + EASY, 8, 10), Share(SUZHOU + EASY, 1, 10), Share(SUZHOU + HARD, 1, 2)])
    assert found == {EASY: Share(EASY, 9, 20), HARD: Share(HARD, 1, 2)}


def test_who_does_the_hard_items_is_not_taken_for_the_worse() -> None:
    peers = {"easy": Share("easy", 990, 1000), "hard": Share("hard", 800, 1000)}
    # 90 % hard items: 0.1·0.99 + 0.9·0.80 = 0.819 is to be expected, and 0.85 was reached
    found = against([Share("easy", 100, 100), Share("hard", 750, 900)], peers)
    assert found is not None
    assert found.observed == pytest.approx(0.85)
    assert found.expected == pytest.approx(0.819)
    assert found.difference == pytest.approx(0.031)
    assert found.low < found.difference < found.high
    assert not found.is_apart, "the peers' own rate of the hard item is not certain either"


def test_a_difference_of_many_cases_is_more_than_chance() -> None:
    peers = {"a": Share("a", 90_000, 100_000)}
    assert against([Share("a", 9_500, 10_000)], peers).is_apart  # type: ignore[union-attr]
    assert not against([Share("a", 19, 20)], peers).is_apart  # type: ignore[union-attr]
    assert against([Share("a", 8_500, 10_000)], peers).high < 0  # type: ignore[union-attr]


def test_an_item_without_peers_counts_on_neither_side_and_is_said() -> None:
    found = against([Share("a", 9, 10), Share("own", 0, 30)], {"a": Share("a", 5, 10), "own": Share("own", 0, 0)})
    assert found is not None
    assert (found.observed, found.expected, found.cases, found.covered) == (0.9, 0.5, 10, 0.25)
    assert against([Share("own", 1, 30)], {}) is None


def test_one_is_not_compared_with_oneself() -> None:
    whole = {"a": Share("a", 19, 20), "b": Share("b", 5, 5)}
    assert others(whole, {"a": Share("a", 9, 10)}) == {"a": Share("a", 10, 10), "b": Share("b", 5, 5)}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine draws slowly
@given(st.lists(st.integers(LEAST, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1))
def test_who_does_just_as_the_peers_differs_by_nothing(pairs: list[tuple[int, int]]) -> None:
    own = [Share(str(key), x, n) for key, (x, n) in enumerate(pairs)]
    found = against(own, {share.key: share for share in own})
    assert found is not None
    assert found.difference == pytest.approx(0, abs=1e-9)
    assert found.low < 0 < found.high
