from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haochaping.analytics.rules import Share, hidden, percent, rank, wilson


@pytest.mark.parametrize(
    ("numerator", "denominator", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_the_published_one(numerator: int, denominator: int, low: float, high: float) -> None:
    found = wilson(numerator, denominator)
    assert found is not None
    assert (round(found[0], 4), round(found[1], 4)) == (low, high)


def test_nothing_to_divide_by_has_no_interval() -> None:
    assert wilson(0, 0) is None


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share(pair: tuple[int, int]) -> None:
    low, high = wilson(*pair) or (1.0, 0.0)
    assert 0 <= low <= pair[0] / pair[1] + 1e-12
    assert pair[0] / pair[1] - 1e-12 <= high <= 1


@given(st.integers(1, 10**9).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_only_all_prints_as_all_and_only_none_as_none(pair: tuple[int, int]) -> None:
    text = percent(*pair)
    assert (text == "100%") == (pair[0] == pair[1])
    assert (text == "0%") == (pair[0] == 0)
    assert text not in {"100.000%", "0.000%", "100.00%", "0.00%"}


def test_one_lucky_case_does_not_win_and_a_small_sample_is_not_ranked() -> None:
    rows = rank([Share("lucky", 31, 31), Share("large", 9_980, 10_000), Share("tiny", 5, 5)], minimum=30)
    assert [(r.share.key, r.rank) for r in rows] == [("large", 1), ("lucky", 2), ("tiny", None)]


def test_equals_share_a_rank_and_the_next_counts_them() -> None:
    rows = rank([Share("a", 90, 100), Share("b", 90, 100), Share("c", 80, 100)], minimum=30)
    assert [(r.share.key, r.rank) for r in rows] == [("a", 1), ("b", 1), ("c", 3)]


def test_where_low_is_good_the_lowest_comes_first() -> None:
    rows = rank([Share("bad", 50, 1000), Share("better", 5, 1000)], minimum=30, higher_is_better=False)
    assert [r.share.key for r in rows] == ["better", "bad"]
    assert rows[1].is_apart


def test_overlapping_intervals_are_marked_as_not_apart() -> None:
    rows = rank([Share("a", 95, 100), Share("b", 93, 100), Share("c", 10, 100)], minimum=30)
    assert [r.is_apart for r in rows] == [True, False, True]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([100, 50, 30], set()),
        ([100, 4, 30], {1, 2}),  # alone, subtraction would tell it: the next smallest goes as well
        ([100, 4, 3], {1, 2}),
        ([0, 100], set()),
        ([4], {0}),
    ],
)
def test_small_numbers_are_hidden_and_cannot_be_subtracted(sizes: list[int], expected: set[int]) -> None:
    assert hidden(sizes, 5) == expected
