"""Every metric of the dictionary, over a month that is worked out by hand.

It is noon of 20 November 2026. Services of November (closing after seven days unless told otherwise):

    A 2nd  5 real-name   B 2nd  4             C 3rd  3             D 3rd  2 real-name
    E 4th  1 real-name, rated on the 5th      F 4th  1, excluded by a ruling
    G 5th  unrated, lapsed on the 12th as 5   H 5th  unrated, no lapse
    I 18th unrated, still open                J 2nd  1, a probe
    K 30 October, rated 5 on 1 November       L 6th  lapsed as 5 on the 13th, then rated 2 on the 16th
    M 9th  4, a comment without a case        N 10th 3, O 10th 1, P 10th 1 excluded: inspections without a case
    Q 9th  without a case, never rated, lapsed as 5 on the 16th

D was of an enterprise (2) and ticked 201 and 203, E of one (5) at the clerk C2 and ticked 203, F ticked 201; nobody else
ticked anything. C did not tell what it is, M is an association; all others are citizens. Everything is of the item T1, but B
of T2, which is for enterprises, and K of T9, which the directory does not know. B1 bundles T1 and T2, B2 only T2.

Scores 10/8/6/3/0. Orders dispatched in November ("r" = real-name):

    1  r due 10th, answered 8th, called: satisfied, closed
    2  r due 12th, answered 13th (late), waits for its callback
    3    appeal upheld, so excluded and voided
    4    due 23rd, not signed yet
    5    due 13th, explained on the 9th, closed
    6  r due 14th, not answered; appeal dismissed
    7  r due 16th, answered 15th, the rater said no once, then accepted; closed
    8  r due 17th, answered 12th, called but not reached; closed
    9    due 19th, answered 14th, not sampled, confirmed by the supervisor; closed
    10   a probe
    11   appeal upheld, the rater objects: undecided again
    12   of 31 October

All but 4 were signed after two hours, 9 after half an hour: it had been with another unit, which returned it. 2 and 6 were late for a limit. 1 took 6 days until it was closed,
5 and 8 took 4, 7 took 9, 9 took 4. The cause of 1 is attitude, it is simple.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from haochaping.analytics.metrics import METRICS
from haochaping.analytics.queries import figures
from haochaping.kit.errors import Refused
from tests.analytics.lake_rows import day, fill, item, noon, order, service

NOW = noon("11-20")
NANJING, SUZHOU = {"area_path": "320102"}, {"area_path": "320508", "organ_code": "O2", "organ_path": "/P/O2/"}
INSPECTION = {"mode": "inspection", "has_case": False}
SERVICES = [
    service("11-02", 5, real_name=True),
    service("11-02", 4, item="T2", **SUZHOU),
    service("11-03", 3, channel=3, user_prop=None),
    service("11-03", 2, real_name=True, user_prop=2, indicators=["201", "203"]),
    service("11-04", 1, rated="11-05", real_name=True, user_prop=5, clerk="C2", indicators=["203"], **SUZHOU),
    service("11-04", 1, excluded=True, indicators=["201"]),
    service("11-05", lapse=("11-12", 5)),
    service("11-05", **SUZHOU),
    service("11-18"),
    service("11-02", 1, is_probe=True),
    service("10-30", 5, rated="11-01", item="T9"),
    service("11-06", 2, rated="11-16", lapse=("11-13", 5)),
    service("11-09", 4, mode="comment", has_case=False, user_prop=3),
    service("11-10", 3, **INSPECTION),
    service("11-10", 1, **INSPECTION),
    service("11-10", 1, excluded=True, **INSPECTION),
    service("11-09", lapse=("11-16", 5), has_case=False),
]
ITEMS = [item("T1", "B1", theme="户籍"), item("T2", "B1", "B2", kind="07", enterprise=True)]
CLOSED: dict[str, Any] = {"state": "closed", "passed_review": True}
DAY = 24 * 60
ORDERS = [
    order("11-03", "11-10", "11-08", real_name=True, was_called=True, verdict="satisfied", satisfied=1, verdicts=1,
          cause="attitude", severity="simple", close_minutes=6 * DAY, **CLOSED),
    order("11-05", "11-12", "11-13", real_name=True, passed_review=True, state="callback", was_late=True, **SUZHOU),
    order("11-04", "11-11", excluded=True, state="voided", appealed=True, decided=True, upheld=True),
    order("11-16", "11-23", state="dispatched", level=2, was_signed=False, sign_minutes=None),
    order("11-06", "11-13", "11-09", answer_kind="explained", close_minutes=4 * DAY, **CLOSED),
    order("11-07", "11-14", real_name=True, appealed=True, decided=True, was_verified=True, was_late=True),
    order("11-09", "11-16", "11-15", real_name=True, was_called=True, verdict="accepted", satisfied=1, verdicts=2,
          was_redone=True, close_minutes=9 * DAY, **CLOSED),
    order("11-10", "11-17", "11-12", real_name=True, was_called=True, verdict="unreachable", close_minutes=4 * DAY, **CLOSED),
    order("11-12", "11-19", "11-14", verdict="confirmed", was_returned=True, sign_minutes=30, close_minutes=4 * DAY, **CLOSED),
    order("11-05", "11-12", is_probe=True, appealed=True),
    order("11-11", "11-18", excluded=True, state="appealing", appealed=True, upheld=True),
    order("10-31", "11-06", "11-02", **CLOSED),
]  # fmt: skip
BY_HAND = {
    "services": (10, None),  # A B C D E F G H I L
    "ratings": (8, None),  # A B C D E K L M
    "excluded": (1, None),  # F
    "active_rate": (6, 8),  # A B C D E L of these and G H; I is open, F excluded, K of October
    "unrated_rate": (2, 8),  # G H
    "good_rate": (5, 8),  # A B C K M
    "good_rate_with_default": (6, 9),  # and the lapse G; L's rating beats its lapse
    "bad_rate": (3, 8),  # D E L
    "bad": (3, None),  # the same
    "score": (48, 8),  # 10 + 8 + 6 + 3 + 0 + 10 + 3 + 8
    "real_name_rate": (3, 8),  # A D E
    "inspections": (2, None),  # N O
    "inspection_good_rate": (1, 2),  # N
    "orders": (8, None),  # 1 2 4 5 6 7 8 9
    "reply_rate": (6, 8),  # 1 2 5 7 8 9
    "on_time_rate": (5, 7),  # 1 5 7 8 9; 2 was late, 6 is; 4 has time
    "rectified_rate": (3, 6),  # 1 7 9 of these and 2 6 8; 5 was explained, 4 has time
    "callback_rate": (3, 4),  # 1 7 8 of these and 2
    "callback_satisfied_rate": (2, 3),  # 1, and one of the two of 7; 8 was not reached
    "appeal_rate": (3, 10),  # 3 6 11, of all but the probe
    "upheld_rate": (1, 2),  # 3 of 3 and 6; 11 is open again
    "signed": (7, None),  # all but 4
    "verified_in": (7, None),  # 6 too, by the appeal that was refused
    "submitted": (6, None),  # 1 2 5 7 8 9
    "reviewed": (6, None),  # the same
    "past_callback": (5, None),  # 1 7 8 called, 5 9 closed without
    "closed": (5, None),  # 1 5 7 8 9; 2 waits for its callback
    "overdue_rate": (2, 8),  # 2 6
    "reopen_rate": (1, 6),  # 7
    "return_rate": (1, 8),  # 9
    "hours_to_sign": (6 * 120 + 30, 7),
    "days_to_answer": ((5 + 8 + 3 + 6 + 2 + 2) * DAY, 6),  # 1 2 5 7 8 9
    "days_to_close": ((6 + 4 + 9 + 4 + 4) * DAY, 5),  # 1 5 7 8 9
}


def november(metrics: list[str], by: list[str] | None = None, **filters: Any) -> Any:
    return figures(metrics, by or [], day("11-01"), day("11-30"), filters, now=NOW)


@pytest.fixture(autouse=True)
def the_month(engine: str) -> None:
    fill(SERVICES, ORDERS, ITEMS)


def test_every_metric_is_worked_out_by_hand_here() -> None:
    assert set(BY_HAND) == set(METRICS)


def test_each_metric_gives_what_the_hand_gives() -> None:
    row = november(list(METRICS)).total
    assert {key: (figure.numerator, figure.denominator) for key, figure in row.figures.items()} == BY_HAND


def test_single_rows_and_cubes_give_the_same() -> None:
    from_rows = november(list(METRICS), organ_path="/").total
    from_cubes = november(list(METRICS)).total
    for key in METRICS:
        assert from_rows[key].numerator == from_cubes[key].numerator, key
        assert from_rows[key].denominator == from_cubes[key].denominator, key


def test_a_figure_says_what_it_is_made_of() -> None:
    figure = november(["good_rate"], area="32").total["good_rate"]
    assert figure.value == 5 / 8
    assert figure.text == "62.50%"
    assert figure.filter == "评价日 2026-11-01 至 2026-11-30；地区 32；不含系统巡检和已排除的评价"
    assert "5 ÷ 8" in figure.definition
    assert "÷ 主动评价" in figure.definition


def test_figures_are_told_apart_by_place_channel_level_and_time() -> None:
    def ratings(*by: str, **filters: Any) -> dict[Any, int]:
        rows = november(["ratings"], list(by), **filters).rows
        return {row.keys[by[0]]: row["ratings"].numerator for row in rows if row["ratings"].numerator}

    assert ratings("city") == {"3201": 6, "3205": 2}
    assert ratings("county") == {"320102": 6, "320508": 2}
    assert ratings("province") == {"32": 8}
    assert ratings("organ") == {"O1": 6, "O2": 2}
    assert ratings("channel") == {3: 1, 4: 7}
    assert ratings("level") == {1: 1, 2: 2, 3: 1, 4: 2, 5: 2}
    assert ratings("real_name") == {False: 5, True: 3}
    assert ratings("month") == {"2026-11": 8}
    assert ratings("day") == {
        day("11-01"): 1,
        day("11-02"): 2,
        day("11-03"): 2,
        day("11-05"): 1,
        day("11-09"): 1,
        day("11-16"): 1,
    }
    assert ratings("window", window="W1", level=[1, 2]) == {"W1": 3}
    assert ratings("hall", "window", area=["3205"]) == {"H1": 2}
    assert ratings("aspect") == {"service": 8}
    assert ratings("point") == {"": 8}
    assert ratings("mode") == {"comment": 1, "on_site": 7}
    assert ratings("has_case") == {False: 1, True: 7}
    assert ratings("mode", has_case=False) == {"comment": 1}
    assert ratings("clerk") == {"C1": 7, "C2": 1}
    assert ratings("year") == {"2026": 8}
    assert ratings("quarter", year="2026") == {"2026-Q4": 8}
    mondays = {day("10-26"): 1, day("11-02"): 5, day("11-09"): 1, day("11-16"): 1}
    assert ratings("week") == mondays
    assert ratings("week", organ_path="/") == mondays
    assert ratings("week", week=[day("11-09"), day("11-16")]) == {day("11-09"): 1, day("11-16"): 1}
    assert ratings("party") == {None: 1, "citizen": 4, "enterprise": 2, "other": 1}
    assert ratings("city", party="enterprise") == {"3201": 1, "3205": 1}


def test_a_case_counts_under_each_indicator_it_ticked_and_once_in_a_filter() -> None:
    rows = november(["ratings", "bad_rate"], ["indicator"]).rows
    assert {r.keys["indicator"]: (r["bad_rate"].numerator, r["bad_rate"].denominator) for r in rows} == {
        "": (1, 6),  # A B C K L M
        "201": (1, 1),  # D
        "203": (2, 2),  # D E
    }
    assert november(["ratings"], indicator=["201", "203"]).total["ratings"].numerator == 2
    assert november(["ratings"], indicator="").total["ratings"].numerator == 6


def test_what_the_directory_says_of_an_item_tells_figures_apart() -> None:
    def ratings(by: str, **filters: Any) -> dict[Any, int]:
        rows = november(["ratings"], [by], **filters).rows
        return {row.keys[by]: row["ratings"].numerator for row in rows if row["ratings"].numerator}

    assert ratings("theme") == {None: 1, "": 1, "户籍": 6}
    assert ratings("item_kind") == {None: 1, "01": 6, "07": 1}
    assert ratings("is_enterprise") == {None: 1, False: 6, True: 1}
    assert ratings("bundle") == {"": 1, "B1": 7, "B2": 1}
    assert ratings("item", bundle="B1") == {"T1": 6, "T2": 1}
    assert ratings("item", bundle=["B1", "B2"], is_enterprise=True) == {"T2": 1}
    fill(SERVICES, ORDERS)
    assert ratings("theme") == {None: 8}, "without a directory nothing is known"
    assert ratings("bundle", bundle="B1") == {}


def test_orders_are_told_apart_by_what_was_found_and_by_the_organ_below() -> None:
    rows = november(["orders"], ["cause", "severity"]).rows
    assert {tuple(row.keys.values()): row["orders"].numerator for row in rows} == {
        ("", "general"): 7,
        ("attitude", "simple"): 1,
    }
    assert november(["orders"], cause="attitude", clerk="C1").total["orders"].numerator == 1
    with pytest.raises(Refused) as no:
        november(["ratings", "orders"], ["cause"])
    assert [error.code for error in no.value.fields] == ["not_of_this_metric"]


def test_a_branch_is_the_organ_right_below_the_path_that_is_asked_for() -> None:
    def branches(**filters: Any) -> dict[Any, int]:
        return {
            row.keys["branch"]: row["ratings"].numerator for row in november(["ratings"], ["branch"], **filters).rows
        }

    assert branches() == {"P": 8}
    assert branches(organ_path="/P/") == {"O1": 6, "O2": 2}
    assert branches(organ_path="/P/O2/") == {"O2": 2}, "its own cases stand under itself"
    assert branches(organ_path=["/P/O1/", "/P/O2/"]) == {"O1": 6, "O2": 2}


def test_a_duration_is_an_average_in_its_measure() -> None:
    row = november(["hours_to_sign", "days_to_answer"]).total
    assert (row["hours_to_sign"].text, row["days_to_answer"].text) == ("1.8 小时", "4.3 天")
    assert row["hours_to_sign"].parts == "750 分钟 ÷ 7"
    assert row["days_to_answer"].value == (5 + 8 + 3 + 6 + 2 + 2) / 6
    assert row["days_to_answer"].interval is None


def test_an_inspection_is_no_citizens_rating_and_has_figures_of_its_own() -> None:
    keys = ["ratings", "good_rate", "score", "active_rate", "excluded", "inspections", "inspection_good_rate"]
    row = november(keys, mode="inspection").total
    assert [(row[key].numerator, row[key].denominator) for key in keys] == [
        (0, None), (0, 0), (0, 0), (0, 0), (0, None), (2, None), (1, 2),
    ]  # fmt: skip


def test_a_rating_without_a_case_is_a_rating_but_no_service_that_might_have_gone_unrated() -> None:
    row = november(["services", "ratings", "active_rate", "unrated_rate"], has_case=False).total
    assert [(f.numerator, f.denominator) for f in row.figures.values()] == [(0, None), (1, None), (0, 0), (0, 0)]


def test_metrics_of_different_days_stand_side_by_side() -> None:
    rows = november(["services", "ratings", "orders"], ["city"]).rows
    assert [(r.keys["city"], r["services"].text, r["ratings"].text, r["orders"].text) for r in rows] == [
        ("3201", "7", "6", "7"),
        ("3205", "3", "2", "1"),
    ]


def test_a_limit_that_has_not_passed_yet_counts_nothing() -> None:
    then = figures(["active_rate", "on_time_rate"], [], day("11-01"), day("11-30"), now=noon("11-04")).total
    assert (then["active_rate"].numerator, then["active_rate"].denominator) == (6, 6)
    assert then["on_time_rate"].denominator == 6  # those answered (as we know today); none is late yet


def test_the_first_moment_after_the_limit_is_late_and_an_answer_nobody_approved_is_no_reply() -> None:
    due = order("11-03", "11-10", "11-10")["answer_due"]
    fill(
        [], [order("11-03", "11-10", answered_at=due), order("11-03", "11-10", answered_at=due - timedelta(seconds=1))]
    )
    row = november(["on_time_rate", "reply_rate"]).total
    assert [(row[key].numerator, row[key].denominator) for key in row.figures] == [(1, 2), (0, 2)]


def test_scores_of_different_scales_are_not_added_up() -> None:
    fill([service("11-02", 5), service("11-02", 5, score=5, best=5)])
    mixed = november(["score"]).total["score"]
    assert mixed.value is None
    assert mixed.text == "—"


def test_without_scores_in_the_policy_there_is_no_average() -> None:
    fill([service("11-02", 5, score=None, best=None), service("11-03", 4)])
    assert november(["score"]).total["score"].value is None
    assert november(["score"], ["day"]).rows[1]["score"].value == 8


def test_an_empty_lake_gives_empty_figures() -> None:
    fill([])
    row = november(list(METRICS)).total
    assert all(figure.numerator == 0 for figure in row.figures.values())
    assert {figure.text for figure in row.figures.values()} == {"0", "—"}
    assert november(list(METRICS), ["city"]).rows == []
