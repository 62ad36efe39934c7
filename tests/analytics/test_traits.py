from __future__ import annotations

import pytest

from haochaping.analytics.traits import Concentration, Recurrent, concentration, percentile, recurrent, stands

MONTHS = ["2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11"]


@pytest.mark.parametrize(
    ("value", "place"),
    [(0.5, 0.0), (0.9, 37.5), (0.93, 50.0), (1.0, 87.5), (1.1, 100.0)],
)
def test_the_position_is_how_many_do_worse_and_equals_count_half(value: float, place: float) -> None:
    assert percentile(value, [0.8, 0.9, 0.95, 1.0]) == place


def test_where_low_is_good_the_low_stand_high() -> None:
    assert percentile(0.01, [0.02, 0.03], higher_is_better=False) == 100
    assert percentile(0.01, []) is None


def test_only_what_is_more_than_chance_is_a_strength_or_a_weakness() -> None:
    assert stands(80, is_apart=True) == "strong"
    assert stands(20, is_apart=True) == "weak"
    assert stands(50, is_apart=True) == stands(99, is_apart=False) == stands(None, is_apart=True) == ""


def test_what_came_up_in_three_of_the_last_six_months_recurs() -> None:
    counts = [
        *[(month, "110", 2) for month in ("2026-06", "2026-08", "2026-11")],
        *[(month, "113", 9) for month in ("2026-06", "2026-08")],
        *[(month, "109", 1) for month in MONTHS],
        *[(month, "104", 5) for month in ("2026-03", "2026-04", "2026-11")],  # mostly longer ago
        ("2026-07", "110", 0),
    ]
    assert recurrent(counts, MONTHS) == [Recurrent("109", 6, 6), Recurrent("110", 3, 6)]


def test_few_parts_that_make_up_most_are_told() -> None:
    assert concentration({"a": 50, "b": 30, "c": 10, "d": 10, "e": 0}, first=2) == Concentration(4, 100, 1, 80, 2)
    assert concentration({"a": 1, "b": 1, "c": 1}) == Concentration(3, 3, 2, 3, 3)
    assert concentration({"a": 0}) is None
