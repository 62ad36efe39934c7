"""Points, totals, places and corrections of an appraisal, reckoned by hand."""

from __future__ import annotations

import msgspec
import pytest

from haochaping.analytics.appraisal import rules
from haochaping.analytics.appraisal.rules import Part, Sort, Status, Total, Words
from haochaping.policy.commands import read_pack
from haochaping.policy.rules import parse
from haochaping.policy.scheme import Deduction, Index, Measure, Personal

NO_WORDS = Words()


def measured(numerator: int | None, denominator: int | None, **more: object) -> Part:
    given = {"metric": "on_time_rate", "weight": 20, "zero": 0.6, "full": 1.0, "minimum": 5, "stated": False} | more
    measure = msgspec.convert(given, Measure)
    return rules.of_measure(
        measure, NO_WORDS, name="按期办结率", best=1.0, has_interval=True, numerator=numerator, denominator=denominator
    )


def indexed(value: float | None, weight: int = 10) -> Part:
    return rules.of_index(Index(key="live", name="上线直播", weight=weight, stated=False), value, "")


def off(cases: float, points: int = 2, most: int = 10) -> Part:
    deduction = Deduction(rule="refused", points=points, most=most, stated=False)
    return rules.of_deduction(deduction, NO_WORDS, name="拒不办理", cases=cases)


def faulted(faults: int, ratings: int, put_right: int = 0) -> Part:
    own = Personal(minimum=20, points=10, remission=0.5, stated=False)
    return rules.of_faults(own, NO_WORDS, faults=faults, remitted=put_right, ratings=ratings)


@pytest.mark.parametrize(
    ("numerator", "denominator", "points"),
    [(20, 20, 20.0), (16, 20, 10.0), (12, 20, 0.0), (4, 20, 0.0), (17, 20, 12.5)],
)
def test_points_run_straight_from_the_zero_mark_to_the_full_mark(numerator, denominator, points):
    assert measured(numerator, denominator).points == points


def test_a_rate_where_low_is_good_runs_the_other_way():
    bad = measured(2, 100, metric="bad_rate", zero=0.05, full=0.01)
    assert bad.points == 15.0
    assert measured(9, 100, metric="bad_rate", zero=0.05, full=0.01).points == 0.0


def test_a_cautious_measure_takes_the_worse_end_of_its_interval():
    """5 of 5: Wilson gives 56.55 % … 100 %; 500 of 500 99.24 % … 100 %."""
    few, many = measured(5, 5, zero=0.5, cautious=True), measured(500, 500, zero=0.5, cautious=True)
    assert (few.points, few.low, few.high) == (2.62, 2.62, 20.0)
    assert many.points == 19.7
    assert measured(5, 5, zero=0.5).points == 20.0, "without caution five lucky cases win everything"


def test_what_has_no_case_or_too_few_does_not_count():
    assert (measured(0, 0).status, measured(0, 0).points) == (Status.NO_CASES, None)
    assert measured(None, None).status is Status.NO_CASES
    assert (measured(4, 4).status, measured(4, 4).points) == (Status.FEW, None)
    assert (indexed(None).status, indexed(87.5).points) == (Status.MISSING, 8.75)


def test_the_average_counts_as_a_share_of_the_best_score():
    measure = msgspec.convert(
        {"metric": "score", "weight": 20, "zero": 0.5, "full": 1.0, "minimum": 1, "stated": False}, Measure
    )
    part = rules.of_measure(
        measure, NO_WORDS, name="平均分", best=10.0, has_interval=False, numerator=75, denominator=10
    )
    assert (part.value, part.points, part.interval) == (0.75, 10.0, None)


def test_the_weight_of_what_is_absent_falls_to_the_rest_in_proportion():
    """20 of 20 and 5 of 10 of the present weights 30 of 40: 100 × 25 ÷ 30 = 83.33; at the low end (Wilson 83.89 %) 100 × 16.94 ÷ 30."""
    parts = [measured(20, 20), indexed(50), indexed(None)]
    assert rules.total(parts, 0.5) == Total(value=83.33, low=56.47, high=83.33, present=30, whole=40)


def test_too_little_that_could_be_judged_gives_no_total():
    found = rules.total([measured(0, 0), indexed(100)], 0.5)
    assert (found.value, found.present, found.whole) == (None, 10, 30)


def test_deductions_have_their_most_and_a_total_its_floor():
    assert [off(n).points for n in (0, 1, 3, 9)] == [0.0, -2.0, -6.0, -10.0]
    assert rules.total([measured(20, 20), off(3)], 0.5).value == 94.0
    assert rules.total([measured(12, 20), off(9)], 0.5).value == 0.0


def test_a_clerk_loses_by_verified_service_faults_in_a_hundred_ratings_and_half_of_it_where_they_were_put_right():
    assert faulted(0, 200).points == 100.0
    assert faulted(4, 200).points == 80.0
    assert faulted(4, 200, put_right=2).points == 85.0
    assert faulted(40, 200).points == 0.0
    assert (faulted(1, 19).status, faulted(1, 19).points) == (Status.FEW, None)
    assert rules.total([faulted(1, 19)], 1.0).value is None


def of(value: float | None, low: float = 0.0, high: float = 0.0) -> Total:
    return Total(value=value, low=low, high=high, present=100, whole=100)


def test_places_know_ties_minimum_samples_and_who_is_clear_of_whom():
    totals = [of(80, 70, 90), of(95, 92, 97), of(80, 75, 85), of(None), of(99, 99, 99), of(40, 30, 50)]
    found = rules.places(totals, [100, 100, 100, 100, 10, 100], 30)
    assert [one.rank for one in found] == [2, 1, 2, None, None, 4]
    assert {one.of for one in found} == {4}
    assert [one.is_apart for one in found] == [True, True, False, False, False, True]


def test_a_correction_reckons_its_part_anew_and_leaves_the_rest():
    parts = [measured(12, 20), indexed(50), off(1)]
    after = rules.corrected(parts, "on_time_rate", 16, 20)
    assert [part.points for part in after] == [10.0, 5.0, -2.0]
    assert [part.points for part in parts] == [0.0, 5.0, -2.0], "what was published stays"
    assert rules.corrected(parts, "refused", 0, None)[2].points == 0.0
    assert rules.corrected([faulted(4, 200, 4)], "service_faults", 3, 200)[0].points == 92.5
    with pytest.raises(ValueError, match="on_time_rate"):
        rules.corrected(parts, "on_time_rate", 21, 20)
    with pytest.raises(ValueError, match="live"):
        rules.corrected(parts, "live", 101, None)
    with pytest.raises(KeyError):
        rules.corrected(parts, "good_rate", 1, 1)


def test_a_part_comes_back_from_what_is_stored_and_scores_the_same():
    for part in (measured(17, 20, cautious=True), indexed(33.3), off(2), faulted(3, 77, 1)):
        stored = msgspec.json.decode(msgspec.json.encode(part), type=Part)
        assert stored == part == rules.scored(stored)


def test_figures_that_changed_since_are_told_apart_from_those_that_did_not():
    frozen = [measured(12, 20), indexed(50), off(0)]
    now = [measured(13, 20), indexed(50), off(0)]
    assert [(old.key, new.numerator) for old, new in rules.differences(frozen, now) if new] == [("on_time_rate", 13)]
    assert [new for _, new in rules.differences(frozen, [])] == [None, None, None]


def test_a_city_judges_its_counties_organs_and_ranks_them_apart_and_a_province_its_own_alone():
    assert rules.covers("3201", "3201")
    assert rules.covers("3201", "320102")
    assert not rules.covers("3201", "32")
    assert not rules.covers("32", "3201")
    assert rules.field_of("370881001") == rules.field_of("370881") != rules.field_of("3708")


def test_months_are_read_and_ended():
    assert str(rules.last_day(rules.read_month("2026-02"))) == "2026-02-28"  # type: ignore[arg-type]
    assert [rules.read_month(text) for text in ("2026-13", "26-01", "", "2026-1")] == [None] * 4


@pytest.mark.parametrize("name", ["jiangsu", "shenzhen", "qufu", "shanghai"])
def test_every_pack_has_a_scheme_whose_weights_come_to_a_hundred_and_says_that_its_numbers_are_ours(name):
    scheme = parse(read_pack(name)).scheme
    assert sum(one.weight for one in scheme.measures) + sum(one.weight for one in scheme.indices) == 100
    assert not any(one.stated for one in (*scheme.measures, *scheme.indices, *scheme.deductions, scheme.personal))


def test_jiangsu_asks_for_the_five_indices_of_its_12345():
    names = [one.name for one in parse(read_pack("jiangsu")).scheme.indices]
    assert names == [
        "12345在线诉求办理",
        "国家重点督办诉求办理",
        "政风热线上线直播",
        "自建热线服务整合",
        "政务服务“一号答”",
    ]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"least": 0.0}, "scheme.least"),
        ({"ranked_from": 3}, "scheme.ranked_from"),
        ({"measures": []}, "scheme.measures"),
        ({"indices": [{"key": "good_rate", "name": "重名", "weight": 20, "stated": False}]}, "scheme.indices"),
        ({"personal": {"minimum": 4, "points": 10, "remission": 0.5, "stated": False}}, "scheme.personal.minimum"),
    ],
)
def test_a_scheme_that_cannot_hold_is_refused_with_its_key(change, key):
    from haochaping.kit.errors import Refused

    table = read_pack("jiangsu")
    with pytest.raises(Refused) as no:
        parse({**table, "scheme": {**table["scheme"], **change}})
    assert key in {error.field for error in no.value.fields}


def test_the_sorts_of_parts_are_all_scored():
    assert {measured(1, 1).sort, indexed(1).sort, off(1).sort, faulted(1, 1).sort} == set(Sort)
