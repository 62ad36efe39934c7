"""Waiting, giving up and what the far side's words mean."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haochaping.exchange.rules import PHASE_NAMES, STATE_NAMES, Phase, State, Verdict, judge, pause_after, wait_after
from haochaping.exchange.target import national

TARGET = national()
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_waiting_takes_a_minute_to_six_hours(attempts, jitter):
    assert MINUTE <= wait_after(attempts, jitter, TARGET.sending) <= 6 * HOUR


def test_waiting_doubles_and_spreads():
    assert [wait_after(n, 0, TARGET.sending) / MINUTE for n in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert wait_after(3, 1, TARGET.sending) > wait_after(3, 0, TARGET.sending)


def test_the_circuit_opens_at_the_fifth_silence():
    assert [pause_after(n, TARGET.sending) is None for n in (1, 4, 5)] == [True, True, False]
    assert pause_after(5, TARGET.sending) == MINUTE
    assert pause_after(10_000, TARGET.sending) == 10 * MINUTE


SAYINGS = {
    "评价数据不可重复": Verdict.DUPLICATE,
    "本次服务已存在评价，请勿重复评价": Verdict.DUPLICATE,
    "没有对应的服务数据": Verdict.NEEDS_SERVICE,
    "没有对应的评价数据": Verdict.NEEDS_EVALUATION,
    "系统繁忙，请稍后再试": Verdict.AGAIN,
    "办件对应事项不存在": Verdict.REFUSED,
    "": Verdict.REFUSED,
}


@pytest.mark.parametrize(("message", "verdict"), SAYINGS.items())
def test_words_have_a_meaning(message, verdict):
    assert judge(False, "1004", message, TARGET) is verdict
    assert judge(True, "", message, TARGET) is Verdict.ACCEPTED


def test_a_system_error_is_temporary_whatever_it_says():
    assert judge(False, "-1", "?", TARGET) is Verdict.AGAIN


def test_every_phase_and_state_has_its_chinese_name():
    assert set(PHASE_NAMES) == set(Phase)
    assert set(STATE_NAMES) == set(State)
