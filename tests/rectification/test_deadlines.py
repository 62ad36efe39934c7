"""When an order is due: a table to be read with the calendar on the wall."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from haochaping.kit.clock import CHINA
from haochaping.kit.config import ROOT
from haochaping.kit.workdays import Calendar, Deadline, Term
from haochaping.policy.rules import Policy, parse
from haochaping.rectification.rules import (
    CAUSE_NAMES,
    CHARGED,
    CHARGED_NAMES,
    STEP_OF,
    Cause,
    Charged,
    State,
    answer_due,
    due_for,
    end_of,
    is_sampled,
    latest_extension,
    next_escalation,
    over,
    overdue_since,
    since_missed,
    who_is_charged,
)


def pack(name: str) -> Policy:
    return parse(tomllib.loads((ROOT / "policies" / f"{name}.toml").read_text(encoding="utf-8")))


JIANGSU, QUFU, SHANGHAI = pack("jiangsu"), pack("qufu"), pack("shanghai")
CALENDAR = Calendar()


def at(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=CHINA)


def says(due: Deadline | None) -> str:
    """The last day in time, as it is shown: 暂定 stands behind what rests on days that are not announced."""
    assert due is not None
    return f"{due.day:%m-%d}" + (" 暂定" if due.provisional else "")


# 2026: 国庆 10-01 (Thursday) to 10-07, worked instead: Sunday 09-20 and Saturday 10-10.
ANSWERS = {
    # dispatched               by       severity   answer by
    "Monday morning": ("2026-06-01 09:00", JIANGSU, "general", "06-08"),
    "Monday, last minute": ("2026-06-01 23:59", JIANGSU, "general", "06-08"),
    "Friday night": ("2026-06-05 22:00", JIANGSU, "simple", "06-10"),
    "Saturday": ("2026-06-06 10:00", JIANGSU, "simple", "06-10"),
    "before 国庆": ("2026-09-30 10:00", JIANGSU, "simple", "10-10"),
    "before 国庆, five days": ("2026-09-30 10:00", JIANGSU, "general", "10-13"),
    "in the middle of 国庆": ("2026-10-03 10:00", JIANGSU, "general", "10-13"),
    "on the Saturday that is worked": ("2026-10-10 10:00", JIANGSU, "simple", "10-14"),
    "Sunday 20 September is worked": ("2026-09-18 10:00", QUFU, "general", "09-22"),
    "Qufu, complex": ("2026-09-18 10:00", QUFU, "complex", "09-24"),
    "Shanghai, simple": ("2026-06-01 09:00", SHANGHAI, "simple", "06-08"),
    "Shanghai, complex, over 端午 (06-19)": ("2026-06-01 09:00", SHANGHAI, "complex", "06-23"),
    "into a year that is not announced": ("2026-12-30 09:00", JIANGSU, "general", "01-06 暂定"),
    "the week before it, whose days it may still move": ("2026-12-21 09:00", JIANGSU, "general", "12-28 暂定"),
    "well before it": ("2026-12-14 09:00", JIANGSU, "general", "12-21"),
}


@pytest.mark.parametrize(("dispatched", "policy", "severity", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answer_by(dispatched: str, policy: Policy, severity: str, expected: str) -> None:
    assert says(answer_due(severity, at(dispatched), policy, CALENDAR)) == expected


STEPS = {
    "sign": (State.DISPATCHED, "2026-09-30 10:00", "10-08"),
    "verify": (State.VERIFYING, "2026-09-30 10:00", "10-09"),
    "rectify": (State.RECTIFYING, "2026-09-30 10:00", "10-13"),
    "review": (State.REVIEWING, "2026-09-30 10:00", "10-09"),
    "callback": (State.CALLBACK, "2026-09-30 10:00", "10-10"),
    "appeal": (State.APPEALING, "2026-09-30 10:00", "10-13"),
    "arbitrate": (State.ARBITRATING, "2026-09-30 10:00", "10-08"),
}


@pytest.mark.parametrize(("state", "since", "expected"), STEPS.values(), ids=STEPS)
def test_step_by(state: State, since: str, expected: str) -> None:
    assert says(due_for(state, "general", at(since), JIANGSU, CALENDAR)) == expected


def test_limits_run_in_every_state_but_the_ended_ones() -> None:
    assert set(STEP_OF) == {state for state in State if state.is_open}
    for state in (State.CLOSED, State.VOIDED):
        assert due_for(state, "general", at("2026-06-01 09:00"), JIANGSU, CALENDAR) is None


def test_no_step_outlasts_the_answer_that_is_owed() -> None:
    entered, answer_by = at("2026-06-04 09:00"), end_of(date(2026, 6, 8))
    due = due_for(State.RECTIFYING, "general", entered, JIANGSU, CALENDAR, answer=Deadline(answer_by))
    assert says(due) == "06-08", "not 06-11, five days after it came here"


def test_a_step_entered_after_the_answer_limit_has_its_own_time() -> None:
    entered, answer_by = at("2026-06-09 09:00"), end_of(date(2026, 6, 8))
    due = due_for(State.RECTIFYING, "general", entered, JIANGSU, CALENDAR, answer=Deadline(answer_by))
    assert says(due) == "06-16"


def test_letting_a_limit_pass_gains_no_day() -> None:
    missed = due_for(State.DISPATCHED, "general", at("2026-06-01 09:00"), JIANGSU, CALENDAR)
    assert says(missed) == "06-02"
    assert missed is not None
    signed_late = due_for(State.VERIFYING, "general", since_missed(missed.at), JIANGSU, CALENDAR)
    signed_in_the_last_minute = due_for(State.VERIFYING, "general", at("2026-06-02 23:59"), JIANGSU, CALENDAR)
    assert signed_late == signed_in_the_last_minute


def test_hours_end_on_the_full_hour_so_that_no_limit_tells_the_minute_of_a_rating() -> None:
    assert over(at("2026-06-01 09:17"), Term(4, "hour"), CALENDAR).at == at("2026-06-01 14:00")
    assert over(at("2026-06-01 09:00"), Term(4, "hour"), CALENDAR).at == at("2026-06-01 13:00")


def test_an_announced_year_makes_the_date_final() -> None:
    holidays = {date(2027, 1, 1): False, date(2027, 1, 4): False}
    announced = Calendar(extra=holidays, extra_years=frozenset({2027}))
    assert says(answer_due("general", at("2026-12-30 09:00"), JIANGSU, announced)) == "01-08"


def test_overdue_since_the_first_limit_that_passed() -> None:
    one, two = at("2026-06-01 00:00"), at("2026-06-02 00:00")
    assert overdue_since(at("2026-06-03 00:00"), two, None, one) == one
    assert overdue_since(at("2026-06-01 12:00"), two, one) == one
    assert overdue_since(one, one) == one, "the limit itself is already too late"
    assert overdue_since(at("2026-05-31 23:59"), one, two) is None


def test_late_orders_go_to_the_supervisor_and_then_to_the_leader() -> None:
    late_since = end_of(date(2026, 9, 29))  # due on Tuesday
    one_late = (end_of(date(2026, 9, 30)), "supervisor")
    three_late = (end_of(date(2026, 10, 9)), "leader")  # 国庆 does not count
    assert next_escalation(late_since, 0, JIANGSU, CALENDAR) == one_late
    assert next_escalation(late_since, 1, JIANGSU, CALENDAR) == three_late
    assert next_escalation(late_since, 2, JIANGSU, CALENDAR) is None


def test_an_extension_ends_with_the_policy() -> None:
    assert latest_extension(end_of(date(2026, 9, 30)), JIANGSU, CALENDAR) == date(2026, 10, 13)


def test_the_lot_for_a_callback_is_fixed_and_fair() -> None:
    ids = [UUID(int=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128) for n in range(10_000)]
    drawn = {i for i in ids if is_sampled(i, 0.1)}
    assert 850 < len(drawn) < 1150
    assert drawn == {i for i in ids if is_sampled(i, 0.1)}
    assert drawn <= {i for i in ids if is_sampled(i, 0.2)}, "a larger share keeps those of a smaller one"
    assert all(is_sampled(i, 1.0) for i in ids)
    assert not any(is_sampled(i, 0.0) for i in ids)


def test_service_faults_go_to_the_window_and_content_to_the_item() -> None:
    assert set(CHARGED) == set(Cause) == set(CAUSE_NAMES)
    assert set(CHARGED_NAMES) == set(Charged)
    charged = {who: {str(c) for c in Cause if who_is_charged(c) is who} for who in Charged}
    assert charged[Charged.WINDOW] == {"attitude", "efficiency"}
    assert charged[Charged.ITEM] == {"procedure", "guide", "material", "policy"}
    assert who_is_charged("") is Charged.ORGAN


def test_a_day_ends_at_midnight_in_china() -> None:
    assert end_of(date(2026, 6, 1)) == at("2026-06-02 00:00")
    assert end_of(date(2026, 6, 1)) - since_missed(end_of(date(2026, 6, 1))) == timedelta(microseconds=1)
