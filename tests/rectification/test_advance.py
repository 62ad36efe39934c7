"""What the system does by itself, on time, after a standstill, and twice."""

from __future__ import annotations

import logging
from datetime import date

import pytest

from haochaping.kit.errors import Refused
from haochaping.outbox.models import Note
from haochaping.policy.commands import load_calendar_year
from haochaping.policy.models import CalendarYear, PolicyRule
from haochaping.rectification.commands import advance
from haochaping.rectification.models import Move, Order
from haochaping.rectification.queries import is_overdue
from tests.cast import NOW, Cast, forget
from tests.rectification.conftest import REAL_NAME, Stage, at, rate_badly, stage_for


def verbs(order: Order) -> list[str]:
    return list(Move.objects.filter(order_id=order.id).order_by("n").values_list("verb", flat=True))


def test_nothing_is_done_before_its_time(stage: Stage) -> None:
    assert set(advance(at("06-11 23:59")).values()) == {0}
    assert verbs(stage.fresh()) == ["open"]


def test_who_does_not_sign_is_signed_for_and_gains_no_day(stage: Stage) -> None:
    assert advance(at("06-12 00:00"))["auto_sign"] == 1
    order = stage.fresh()
    assert (order.state, order.was_late) == ("verifying", False)
    assert order.step_due == at("06-16 00:00"), "two working days after the 11th, as if signed in its last minute"
    assert set(advance(at("06-12 00:00")).values()) == {0}, "twice does nothing"


def test_a_worker_that_stood_still_catches_up(stage: Stage) -> None:
    advance(at("06-25 09:00"))
    order = stage.fresh()
    assert (order.state, order.overdue_since, order.was_late) == ("verifying", at("06-13 00:00"), True)
    assert verbs(order) == ["open", "auto_sign", "escalate", "escalate"]
    assert [m.facts["to"] for m in Move.objects.filter(verb="escalate").order_by("n")] == ["supervisor", "leader"]
    assert set(advance(at("06-25 09:01")).values()) == {0}


def test_the_overdue_mark_escalates_by_the_policy_and_goes_when_the_step_is_done(stage: Stage) -> None:
    stage.walk("sign contact")
    assert advance(at("06-12 23:59"))["late"] == 0
    assert advance(at("06-13 00:00"))["late"] == 1
    assert stage.fresh().overdue_since == at("06-13 00:00")
    assert advance(at("06-15 23:59"))["escalate"] == 0, "a weekend between"
    assert advance(at("06-16 00:00"))["escalate"] == 1
    assert stage.fresh().escalated == 1
    stage.now = at("06-16 09:00")
    order = stage.walk("confirm")
    assert (order.overdue_since, order.escalated, order.next_escalation, order.was_late) == (None, 0, None, True)
    assert Move.objects.get(verb="confirm").due == at("06-13 00:00"), "the history says by when it should have been"
    assert advance(at("06-18 00:00"))["late"] == 1, "the answer"
    stage.now = at("06-18 08:00")
    order = stage.walk("submit")
    assert (order.overdue_since, order.answered_at > order.answer_due) == (None, True)


def test_a_rater_who_can_be_reached_must_be_contacted_in_time(stage: Stage) -> None:
    stage.walk("sign")
    assert stage.order.contact_due == at("06-12 00:00")
    assert advance(at("06-12 00:00"))["late"] == 1
    stage.now = at("06-12 09:00")
    assert stage.walk("contact").overdue_since is None


def test_an_anonymous_rater_need_not_be_contacted(anonymous: Stage) -> None:
    assert anonymous.walk("sign").contact_due is None


@pytest.fixture
def two(cast: Cast) -> tuple[Stage, Stage]:
    real, anonymous = rate_badly("NJ1", **REAL_NAME), rate_badly("NJ2")
    Order.objects.update(sampled=False)
    return stage_for(cast, real), stage_for(cast, anonymous)


def test_who_need_not_be_called_may_speak_until_the_limit_and_then_it_ends(two: tuple[Stage, Stage]) -> None:
    real, anonymous = two
    for stage in two:
        stage.walk("sign confirm submit approve")
    assert advance(at("06-15 23:59"))["skip"] == 0
    assert advance(at("06-16 00:00"))["skip"] == 1
    assert (anonymous.fresh().state, anonymous.order.verdict) == ("closed", "confirmed")
    assert (real.fresh().state, real.order.overdue_since) == ("callback", at("06-16 00:00")), "100 % of real-name ones"


def test_an_order_drawn_by_lot_is_called_too(two: tuple[Stage, Stage]) -> None:
    _, anonymous = two
    Order.objects.filter(id=anonymous.order.id).update(sampled=True)
    anonymous.walk("sign confirm submit approve")
    assert advance(at("06-20 00:00"))["skip"] == 0
    with pytest.raises(Refused):
        anonymous.walk("skip")


def test_the_list_of_late_ones_needs_no_mark(stage: Stage) -> None:
    moments = {"06-11 23:59": False, "06-12 00:00": True}
    for moment, is_late in moments.items():
        assert Order.objects.filter(is_overdue(at(moment))).exists() is is_late


class TestAYearThatIsNotAnnounced:
    ANNOUNCED = [(date(2027, 1, 1), False, "元旦"), (date(2027, 1, 4), False, "元旦"), (date(2027, 1, 2), True, "调休")]

    @pytest.fixture
    def winter(self, cast: Cast) -> Stage:
        now = at("12-30 10:00")
        return stage_for(cast, rate_badly(now=NOW), now)

    @pytest.fixture
    def order(self, winter: Stage) -> Order:
        from haochaping.rectification.commands import open_orders
        from tests.rectification.test_orders import bad

        (order,) = open_orders([bad(area_path="3201")], now=winter.now)
        return order

    def test_its_limit_is_provisional_and_says_so(self, order: Order) -> None:
        assert (order.answer_due, order.due_is_provisional) == (
            at("01-07 00:00").replace(year=2027),
            True,
        )

    def test_nothing_happens_until_it_is_announced(self, order: Order) -> None:
        assert advance(at("12-30 11:00"))["announce"] == 0

    def test_a_year_that_came_with_a_newer_release_needs_no_notice(self, order: Order) -> None:
        """Then no change of ours is noted, and yet the year is known."""
        CalendarYear.objects.create(year=2027, source="new release", loaded_at=NOW)
        forget()
        assert advance(at("12-30 11:00"))["announce"] == 1
        order.refresh_from_db()
        assert (order.due_is_provisional, order.answer_due) == (False, at("01-07 00:00").replace(year=2027))
        assert "不变" in Move.objects.get(order_id=order.id, verb="note").facts["text"]

    def test_then_the_limit_is_final_and_the_history_says_what_it_was(self, order: Order) -> None:
        load_calendar_year(2027, self.ANNOUNCED, "国办发明电〔2026〕9号", NOW)
        forget()
        Note.objects.all().delete()
        assert advance(at("12-30 11:00"))["reckon"] == 1
        order.refresh_from_db()
        assert not order.due_is_provisional
        assert order.answer_due == at("01-08 00:00").replace(year=2027), "two days off more, a Saturday worked"
        note = Move.objects.get(order_id=order.id, verb="note")
        assert (note.by, note.actor_name) == ("system", "系统")
        assert "2027-01-06" in note.facts["text"]
        assert set(Note.objects.filter(key=order.id).values_list("topic", flat=True)) == {"lake", "national"}
        assert set(advance(at("12-30 11:01")).values()) == {0}

    def test_a_move_in_between_changes_no_limit_in_silence(self, order: Order, winter: Stage) -> None:
        due = order.answer_due
        load_calendar_year(2027, [(date(2027, 1, d), False, "停工") for d in (1, 4, 5)], "国办发明电〔2026〕9号", NOW)
        forget()
        stage = stage_for(winter.cast, order, winter.now)
        order.organ_path = winter.order.organ_path
        order.save()
        stage.walk("sign")
        assert stage.order.answer_due > due
        assert verbs(order) == ["open", "note", "sign"], "first the days, with their line, then the move"
        assert advance(at("12-30 11:00"))["reckon"] == 0


def test_one_order_that_fails_does_not_stop_the_others(
    two: tuple[Stage, Stage], caplog: pytest.LogCaptureFixture
) -> None:
    broken, sound = two
    Order.objects.filter(id=broken.order.id).update(rules_area="99")  # a place no policy holds for
    with caplog.at_level(logging.ERROR):
        done = advance(at("06-12 00:00"))
    assert done["auto_sign"] == 1
    assert (sound.fresh().state, broken.fresh().state) == ("verifying", "dispatched")
    assert "rectification.advance failed" in caplog.text
    assert PolicyRule.objects.exists()


def test_orders_that_ended_are_left_alone(stage: Stage) -> None:
    stage.walk("sign appeal uphold")
    assert {duty: n for duty, n in advance(at("12-31 00:00")).items() if n} == {"archive": 1}
    assert stage.fresh().state == "voided"
    assert set(advance(at("12-31 00:00")).values()) == {0}
