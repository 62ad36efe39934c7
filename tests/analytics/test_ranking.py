"""Who is ranked before whom, over a lake made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from haochaping.accounts.rules import Scope
from haochaping.analytics.looks import Look
from haochaping.analytics.metrics import METRICS, Better, Unit
from haochaping.analytics.ranking import METHODS, SUBJECTS, Ranking, check, opened, rankable, ranking
from haochaping.kit.errors import Refused
from tests.analytics.lake_rows import day, fill, item, noon, order, service

pytestmark = pytest.mark.django_db
NOW = noon("11-20")
EASY, HARD = "320101001000", "320701002000"


def organ(code: str, area: str, good: int, bad: int, basic: str = EASY) -> list[dict[str, Any]]:
    place = {"organ_code": code, "organ_path": f"/{code}/", "area_path": area, "item": f"{code:0>18}3{basic}"}
    return [service("11-02", 5, n=good, **place)] * (good > 0) + [service("11-03", 1, n=bad, **place)] * (bad > 0)


@pytest.fixture
def look(db: None) -> Look:
    """Five organs: a large good one, its equal, one that is lucky, one with the hard items, and a tiny one."""
    fill(
        [
            *organ("LARGE", "320102", 950, 50),
            *organ("EQUAL", "320102", 950, 50),
            *organ("LUCKY", "320504", 31, 0),
            *organ("HARD", "320504", 300, 100, HARD),
            *organ("OTHER", "320504", 20, 20, HARD),
            *organ("TINY", "320504", 3, 1),
        ],
        [order("11-03", "11-10", organ_code="LARGE")],
        [item(f"{'LARGE':0>18}3{EASY}", "B1"), item(f"{'HARD':0>18}3{HARD}", "B1")],
    )
    return Look(day("11-01"), day("11-20"), (Scope(),), NOW)


def places(found: Ranking) -> list[tuple[str, int | None]]:
    return [(one.key, one.rank) for one in found.placed]


def test_by_the_cautious_end_luck_does_not_win_equals_share_and_the_tiny_stands_apart(look: Look) -> None:
    found = ranking(look, "good_rate", "organ")
    assert places(found) == [("EQUAL", 1), ("LARGE", 1), ("LUCKY", 3), ("HARD", 4), ("OTHER", 5), ("TINY", None)]
    assert found.is_wide
    lines = opened(found, look)
    assert [line.is_apart for line in lines] == [None, False, False, True, True, None]
    assert (lines[2].placed.figure.parts, round(lines[2].low, 4)) == ("31 ÷ 31", 0.8897)
    assert lines[2].placed.judged == 0.8897


def test_empirical_bayes_draws_the_few_to_the_mean_of_all(look: Look) -> None:
    found = ranking(look, "good_rate", "organ", "bayes")
    assert found.prior is not None
    judged = {one.key: one.judged for one in found.placed}
    assert judged["LUCKY"] < 1
    assert abs(judged["LARGE"] - 0.95) < abs(judged["TINY"] - 0.75), "the more cases, the less it is drawn"
    line = next(line for line in opened(found, look) if line.placed.key == "LUCKY")
    assert line.low < judged["LUCKY"] < line.high


def test_where_low_is_good_the_lowest_comes_first(look: Look) -> None:
    assert places(ranking(look, "bad_rate", "organ"))[-3:] == [("HARD", 4), ("OTHER", 5), ("TINY", None)]


def test_beside_each_rate_stands_what_its_items_let_expect(look: Look) -> None:
    mixes = {line.placed.key: line.mix for line in opened(ranking(look, "good_rate", "organ"), look)}
    hard, large = mixes["HARD"], mixes["LARGE"]
    assert hard is not None
    assert large is not None
    assert (hard.observed, hard.expected, hard.is_apart) == (0.75, 0.5, True), "others reach half on that item"
    assert large.expected == pytest.approx((950 + 31 + 3) / (1000 + 31 + 4)), "all others with the easy item"


def test_a_page_of_the_ranking_is_opened_as_it_stands_in_the_whole(look: Look) -> None:
    found = ranking(look, "good_rate", "organ")
    whole = opened(found, look)
    assert opened(found, look, 1, 4) == whole[1:4]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_all_that_may_be_ranked_can_be(look: Look, subject: str, method: str) -> None:
    keys = [one.key for one in ranking(look, "good_rate", subject, method).placed]
    assert keys
    expected = {"city": {"3201", "3205"}, "bundle": {"B1"}, "hall": {"H1"}}
    assert set(keys) == expected.get(subject, set(keys))


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_is_ranked_or_refused_with_what_to_take_instead(metric: str) -> None:
    told = METRICS[metric]
    if told.better is not Better.NEITHER and told.unit is Unit.RATIO:
        check(metric, "city", "wilson")
        assert metric in rankable()
        return
    assert metric not in rankable()
    with pytest.raises(Refused) as no:
        check(metric, "city", "wilson")
    assert (no.value.code, no.value.status) == ("not_rankable", 422)
    assert "请改用" in no.value.message


def test_default_ratings_are_never_ranked_and_it_says_why() -> None:
    with pytest.raises(Refused, match="不是评价人的意见"):
        check("good_rate_with_default", "city", "wilson")


@pytest.mark.parametrize(
    "asked", [("none", "city", "wilson"), ("good_rate", "clerk", "wilson"), ("good_rate", "city", "x")]
)
def test_what_is_not_known_is_refused(asked: tuple[str, str, str]) -> None:
    with pytest.raises(Refused):
        check(*asked)


def test_without_a_single_rating_there_is_no_ranking(look: Look) -> None:
    assert ranking(look.over(day("10-01"), day("10-31")), "good_rate", "organ").placed == []
