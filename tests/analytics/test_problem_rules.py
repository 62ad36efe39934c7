"""The way of a typical problem, and what a measure was worth, by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from haochaping.analytics.problems import rules
from haochaping.analytics.problems.rules import (
    CASE_STEPS,
    STEPS,
    By,
    CaseState,
    Sample,
    Spot,
    State,
    Verdict,
    completion,
    difference,
    has_relapsed,
    is_concentrated,
    is_overdue,
    outcome,
    read,
    step,
    target_of,
    windows,
)
from haochaping.kit.errors import Refused

TODAY = date(2026, 6, 10)
FACTS = {
    "due": "2026-07-10", "text": "加开窗口", "in_force": "2026-06-01", "verdict": "effective", "reason": "数据已回落",
    "into": "3", "public_title": "排队久", "public_text": "上午排队久。", "public_reply": "已加开窗口。",
}  # fmt: skip
STORIES = {
    "taken up, measured, solved": ("accept measure judge", State.SOLVED),
    "a second measure, then solved, then back again": (
        "accept measure measure judge reopen measure judge",
        State.SOLVED,
    ),
    "told to the public and taken back": ("accept publish withdraw", State.RECTIFYING),
    "the same as another": ("merge", State.MERGED),
    "no problem at all": ("dismiss", State.DISMISSED),
}
CASE_STORIES = {
    "accepted and published": ("accept publish withdraw publish", CaseState.PUBLISHED),
    "returned first": ("return resubmit accept", CaseState.ACCEPTED),
}


@pytest.mark.parametrize(("verbs", "end"), STORIES.values(), ids=STORIES)
def test_a_problem_goes_its_way(verbs, end):
    state = State.PROPOSED
    for verb in verbs.split():
        facts = read(step(STEPS, state, verb, frozenset(By)).needs, FACTS, today=TODAY)
        state = target_of(step(STEPS, state, verb, frozenset(By)), state, facts)
    assert state is end


@pytest.mark.parametrize(("verbs", "end"), CASE_STORIES.values(), ids=CASE_STORIES)
def test_a_case_goes_its_way(verbs, end):
    state = CaseState.NOMINATED
    for verb in verbs.split():
        state = target_of(step(CASE_STEPS, state, verb, frozenset(By)), state, FACTS)
    assert state is end


def test_every_step_is_told_and_nobody_takes_anothers():
    told = {verb for verbs, _ in STORIES.values() for verb in verbs.split()}
    assert told == {one.verb for one in STEPS}
    assert {verb for verbs, _ in CASE_STORIES.values() for verb in verbs.split()} == {one.verb for one in CASE_STEPS}
    for one in (*STEPS, *CASE_STEPS):
        steps = STEPS if one in STEPS else CASE_STEPS
        with pytest.raises(Refused) as no:
            step(steps, one.sources[0], one.verb, frozenset(By) - set(one.by))
        assert (no.value.code, no.value.status) == ("not_your_part", 403)
    with pytest.raises(Refused) as no:
        step(STEPS, State.SOLVED, "judge", frozenset(By))
    assert (no.value.status, "已解决" in no.value.message) == (409, True)


@pytest.mark.parametrize("one", STEPS, ids=lambda one: one.verb)
def test_nothing_that_a_step_needs_may_be_left_blank(one):
    for name in one.needs:
        with pytest.raises(Refused) as no:
            read(one.needs, FACTS | {name: " "}, today=TODAY)
        assert [error.field for error in no.value.fields] == [name]


@pytest.mark.parametrize("verdict", [Verdict.PARTLY, Verdict.NONE])
def test_only_what_was_found_effective_is_solved(verdict):
    judge = step(STEPS, State.OBSERVING, "judge", frozenset({By.JUDGE}))
    assert target_of(judge, State.OBSERVING, {"verdict": verdict}) is State.RECTIFYING


def test_what_everybody_may_read_holds_nothing_personal():
    with pytest.raises(Refused) as no:
        read(("public_reply",), {"public_reply": "请找王小明 13812345678"}, today=TODAY)
    assert "公开前请删去" in no.value.message


def test_a_measure_is_told_within_a_year_and_half_a_year_ahead():
    for days, is_fine in ((-400, True), (-401, False), (180, True), (181, False)):
        given = {"in_force": f"{TODAY + timedelta(days=days)}"}
        if is_fine:
            assert read(("in_force",), given, today=TODAY) == given
        else:
            with pytest.raises(Refused):
                read(("in_force",), given, today=TODAY)


def test_the_windows_are_of_equal_length_and_end_yesterday():
    found = windows(date(2026, 5, 20), date(2026, 5, 20), TODAY)
    assert found is not None
    assert (found.before, found.after, found.days) == (
        (date(2026, 4, 29), date(2026, 5, 19)), (date(2026, 5, 20), date(2026, 6, 9)), 21,
    )  # fmt: skip
    long_ago = windows(date(2026, 3, 1), date(2026, 4, 1), TODAY)
    assert long_ago is not None
    assert long_ago.before == (date(2026, 1, 30), date(2026, 2, 28))
    assert long_ago.after == (date(2026, 4, 1), date(2026, 4, 30))
    assert windows(TODAY, TODAY, TODAY) is None
    assert windows(date(2026, 6, 9), date(2026, 6, 9), TODAY).days == 1  # type: ignore[union-attr]


def test_the_interval_of_a_difference_is_newcombes():
    found = difference(Sample(56, 70), Sample(48, 80))  # his table II, row (a): 56/70 and 48/80, 0.0524 … 0.3339
    assert found is not None
    assert (round(-found[1], 4), round(-found[0], 4)) == (0.0524, 0.3339)
    assert difference(Sample(0, 0), Sample(1, 2)) is None


@pytest.mark.parametrize(
    ("before", "after", "days", "verdict", "word"),
    [
        (Sample(60, 400), Sample(8, 400), 30, Verdict.EFFECTIVE, "降了一半以上"),
        (Sample(100, 400), Sample(65, 400), 30, Verdict.PARTLY, "还没有降到一半以下"),
        (Sample(12, 100), Sample(9, 100), 30, Verdict.NONE, "可能只是偶然"),
        (Sample(8, 400), Sample(60, 400), 30, Verdict.NONE, "情况变差了"),
        (Sample(3, 40), Sample(3, 40), 30, Verdict.NONE, "没有变化"),
        (Sample(60, 400), Sample(0, 19), 30, None, "样本太少"),
        (Sample(0, 0), Sample(0, 0), 30, None, "样本太少"),
        (Sample(60, 400), Sample(8, 400), 13, None, "满 14 天"),
    ],
)
def test_a_sentence_says_whether_the_difference_could_be_chance(before, after, days, verdict, word):
    found = outcome(before, after, days)
    assert found.verdict is verdict
    assert word in found.words


def test_a_solved_problem_is_back_when_it_is_clearly_worse_and_above_half_of_what_it_was():
    before, solved = Sample(60, 400), Sample(8, 400)
    assert has_relapsed(before, solved, Sample(55, 400))
    assert not has_relapsed(before, solved, Sample(25, 400)), "worse, but not half of what it was"
    assert not has_relapsed(before, solved, Sample(3, 19)), "too few to say"
    assert not has_relapsed(Sample(30, 100), Sample(12, 100), Sample(17, 100)), "may be chance"


def test_a_problem_is_late_while_nothing_came_into_force_by_its_day():
    due = date(2026, 6, 1)
    assert is_overdue(State.RECTIFYING, due, None, TODAY)
    assert not is_overdue(State.RECTIFYING, due, None, due)
    assert not is_overdue(State.OBSERVING, due, due, TODAY)
    assert is_overdue(State.OBSERVING, due, due + timedelta(days=1), TODAY)
    assert not is_overdue(State.SOLVED, due, None, TODAY)


def test_concentrated_is_what_many_name_and_what_lies_clear_of_its_peers():
    peers = Sample(100, 10_000)
    assert is_concentrated(Spot("T", "115", 5, Sample(8, 60), peers))
    assert not is_concentrated(Spot("T", "115", 4, Sample(8, 60), peers)), "too few name it"
    assert not is_concentrated(Spot("T", "115", 5, Sample(8, 19), peers)), "too few ratings"
    assert not is_concentrated(Spot("T", "115", 5, Sample(8, 60), Sample(10, 100))), "no worse than the others"
    assert not is_concentrated(Spot("T", "115", 5, Sample(8, 60), Sample(0, 0))), "no peers"


def test_the_completion_rate_counts_what_was_taken_up_and_an_item_once():
    found = completion(
        [
            (State.SOLVED, ["a", "b"]),
            (State.RECTIFYING, ["b", "c"]),
            (State.OBSERVING, ["d"]),
            (State.MERGED, ["x"]),
            (State.DISMISSED, ["y"]),
            (State.PROPOSED, ["z"]),
        ]
    )
    assert found == rules.Completion(problems=3, solved=1, items=4, items_solved=1), "b waits for its second problem"
