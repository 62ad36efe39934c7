"""What the themes put together, over a lake made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from haochaping.accounts.rules import Scope
from haochaping.analytics import themes
from haochaping.analytics.labels import label
from haochaping.analytics.looks import Look
from haochaping.analytics.themes import BUSINESS, CLUSTERED, answer, oddities
from haochaping.rectification.rules import CAUSE_NAMES
from tests.analytics.lake_rows import day, fill, item, noon, order, service

pytestmark = pytest.mark.django_db
NOW = noon("11-20")
BASIC = "320101001000"
NJ, SZ = f"{'N':0>18}3{BASIC}", f"{'S':0>18}3{BASIC}"


def look(start: str = "09-01", end: str = "11-20") -> Look:
    return Look(day(start), day(end), (Scope(),), NOW)


def fresh(level: int, n: int, on: str = "11-02", **more: Any) -> dict[str, Any]:
    return service(on, level, n=n, **more)


@pytest.fixture(autouse=True)
def lake(db: None) -> None:
    fill(
        [
            fresh(5, 90, item=NJ, indicators=["X513"], channel=4),
            fresh(1, 6, item=NJ, indicators=["101", "103"], channel=4),
            fresh(2, 2, "10-08", item=SZ, window="W2", indicators=["201"], channel=4),
            fresh(1, 1, "06-08", item=NJ, indicators=["101"], channel=4),  # within six months, before the look
            fresh(4, 40, item="OTHER", channel=3, clerk="C2"),
            fresh(4, 3, item="OTHER", channel=3, clerk="C3"),
            fresh(4, 30, "11-18", item="OTHER", channel=3, clerk="C2"),  # too fresh to be told of a person
        ],
        [
            order("11-03", "11-10", "11-06", cause="attitude", n=4, passed_review=True, state="closed"),
            order("11-03", "11-10", cause="", n=2),
            order("11-03", "11-10", cause="", n=1, was_signed=False, state="dispatched"),
        ],
        [item(NJ, "B1", enterprise=True, theme="开办"), item(SZ, "B1"), item("OTHER")],
    )


def test_bad_ratings_are_clustered_with_their_share_and_their_months() -> None:
    found = themes.clusters(look(), "indicator")
    assert [(line.key, line.figure.numerator, line.parts) for line in found.lines] == [
        ("101", 6, "6 ÷ 8"),
        ("103", 6, "6 ÷ 8"),
        ("201", 2, "2 ÷ 8"),
    ]
    assert found.months[0] == "2026-06"
    first = [figure.numerator if figure else 0 for figure in found.lines[0].months]
    assert first == [1, 0, 0, 0, 0, 6], "the month before the look is one of the six"
    assert found.held is None, "a rating may name several: nothing is concentrated in them"


def test_few_items_that_hold_most_are_told_and_causes_count_orders() -> None:
    found = themes.clusters(look(), "item")
    assert found.held is not None
    assert (found.held.parts, found.held.half, found.held.whole, found.without) == (2, 1, 8, 0)
    causes = themes.clusters(look(), "cause")
    assert [(line.name, line.figure.numerator) for line in causes.lines] == [(CAUSE_NAMES["attitude"], 4)]
    assert causes.without == 3, "not verified yet: no cause of theirs is known"
    assert themes.clusters(look("01-01", "01-31"), "item").lines == []
    assert set(CLUSTERED) == {"indicator", "cause", "item", "organ", "window"}


def test_items_for_enterprises_are_told_apart() -> None:
    part = next(part for part in BUSINESS if part.key == "theme")
    (line,) = answer(look(), part, {"is_enterprise": True}).lines
    assert (line[1], line[2]["ratings"].numerator, line[2]["bad_rate"].parts) == ("开办", 96, "6 ÷ 96")


def test_the_same_item_of_two_places_is_one_line_of_its_bundle() -> None:
    (line,) = themes.items_of_bundle(look(), "B1").lines
    assert (line[2]["ratings"].numerator, line[2]["bad_rate"].parts) == (98, "8 ÷ 98")


def test_what_is_praised_is_told_with_its_reasons() -> None:
    assert themes.reasons(look(), "item", [NJ]) == {NJ: [("X513", 90)]}
    assert themes.reasons(look(), "item", []) == {}


def test_of_a_person_nothing_small_and_nothing_fresh_is_told() -> None:
    found = {key: row["ratings"].text for key, _, row in themes.clerks(look()).lines}
    assert found == {"C1": "98"}, "C3 has three; C2 has forty of the 2nd, from which the three could be subtracted"


def test_a_channel_without_any_bad_rating_and_one_that_nobody_uses_are_odd() -> None:
    lines = answer(look(), themes.CHANNELS).lines
    found = oddities(lines, [(3, "二维码"), (4, "平板"), (8, "纸质")], minimum=30)
    assert [one.name for one in found] == [label("channel", 3), "纸质"]
    assert "73条评价里没有一条差评" in found[0].said
    assert oddities(lines, [], minimum=1000) == []


def test_the_way_of_the_orders_narrows_step_by_step() -> None:
    steps = themes.funnel(look().total(themes.FUNNEL))
    assert [step.figure.numerator for step in steps] == [7, 6, 4, 4, 4, 4, 4]
    assert (steps[1].of_all, steps[2].of_before) == ("85.71%", "66.67%")
    assert steps[0].of_before == "100%"
