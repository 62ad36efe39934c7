"""Orders in the database: opened with the rating, moved by perform, their history kept for good."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

from haochaping.accounts.rules import Actor, Role, Scope, citizen
from haochaping.evaluation.models import Applicant, Evaluator
from haochaping.evaluation.queries import excluded, rulings
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.outbox.models import Note
from haochaping.policy.commands import load_pack
from haochaping.rectification.commands import contribute, open_orders, perform, reopen_on_follow_up
from haochaping.rectification.models import Move, OrderPart
from haochaping.rectification.queries import counts_by_state, moves_open_to, narrow, orders_for, timeline
from haochaping.rectification.rules import RatedBad
from haochaping.rectification.workflow import State
from tests.cast import NANJING, NOW, SUZHOU, Cast, forget
from tests.rectification.conftest import FACTS, REAL_NAME, Stage, at, rate_badly, stage_for

ANOTHER_REVIEWER = Actor("person", "999", "另一复核", frozenset({Role.REVIEWER}), (Scope("32"),))


def bad(**more: object) -> RatedBad:
    facts = {
        "id": uuid4(), "level": 1, "organ_code": NANJING, "organ_name": "南京局", "organ_path": f"/{NANJING}/",
        "area": "320100000000", "area_path": "3201", "window_code": "", "task_code": "T", "item_name": "事项",
        "service_day": at("06-10 00:00").date(), "rated_day": at("06-10 00:00").date(), "real_name": False,
        "opens_identity": False, "no_reason": False, "is_probe": False,
    }  # fmt: skip
    return RatedBad(**(facts | more))


class TestOpening:
    def test_a_bad_rating_becomes_an_order_that_waits_to_be_signed(self, stage: Stage) -> None:
        order = stage.order
        assert (order.state, order.organ_code, order.level, order.real_name) == ("dispatched", NANJING, 1, True)
        assert order.order_no.startswith("CP20260610-")
        assert (order.answer_due, order.step_due) == (at("06-18 00:00"), at("06-12 00:00")), "5 and 1 working days"
        assert [(m.n, m.verb, m.target) for m in Move.objects.filter(order_id=order.id)] == [(1, "open", "dispatched")]
        assert set(Note.objects.filter(kind="order").values_list("topic", "day")) == {
            ("national", order.dispatch_day),
            ("lake", order.dispatch_day),
        }

    def test_an_unclear_organ_goes_to_the_arbiter_and_the_clock_runs(self, cast: Cast) -> None:
        (order,) = open_orders([bad(organ_code="", organ_name="", organ_path="")], now=NOW)
        assert order.state == "arbitrating"
        stage = stage_for(cast, order)
        stage.do("assign", cast.supervisor, organ=NANJING)
        assert (stage.order.state, stage.order.organ_code) == ("dispatched", NANJING)
        assert stage.order.answer_due == at("06-18 00:00")

    def test_many_are_opened_in_as_many_statements_as_one(self, cast: Cast, django_assert_num_queries) -> None:
        open_orders([bad()], now=NOW)
        with django_assert_num_queries(1):
            orders = open_orders([bad() for _ in range(50)], now=NOW)
        assert len({order.order_no for order in orders}) == 50
        assert Move.objects.filter(verb="open").count() == 51


class TestTheWay:
    def test_from_signing_to_the_end(self, stage: Stage) -> None:
        order = stage.walk("sign contact confirm submit approve record")
        assert (order.state, order.verdict, order.answer_kind) == ("closed", "satisfied", "submitted")
        assert (order.is_true, order.is_reasonable, order.cause) == (True, True, "attitude")
        assert order.answered_at is not None
        assert order.replied_at is not None
        assert order.closed_at == stage.now
        assert order.was_called
        assert (order.step_due, order.overdue_since, order.was_late) == (None, None, False)
        assert order.moves == 7 == Move.objects.filter(order_id=order.id).count()
        history = timeline(order, stage.cast.supervisor)
        assert [event.label for event in history][:3] == ["形成工单", "签收", "联系评价人"]
        assert ("原因分类", "服务态度") in history[3].facts

    def test_every_move_is_told_to_the_lake_and_a_change_of_state_to_the_nation(self, stage: Stage) -> None:
        Note.objects.all().delete()
        stage.walk("sign urge")
        assert sorted(Note.objects.values_list("topic", flat=True)) == ["lake", "lake", "national"]

    def test_the_step_limit_belongs_to_the_step_and_the_answer_limit_to_the_case(self, stage: Stage) -> None:
        stage.now = at("06-11 09:00")
        assert stage.walk("sign").step_due == at("06-16 00:00")
        stage.now = at("06-15 09:00")
        assert stage.walk("confirm").step_due == at("06-18 00:00"), "capped: the answer is owed by then"
        stage.walk("submit")
        assert stage.order.step_due == at("06-18 00:00"), "review: two working days of its own"
        assert stage.order.answer_due == at("06-18 00:00")

    def test_what_is_refused_leaves_no_trace(self, stage: Stage) -> None:
        with pytest.raises(Refused) as no:
            stage.do("confirm", stage.cast.rectifier)
        assert no.value.status == 409
        stage.walk("sign")
        with pytest.raises(Refused) as no:
            stage.do("confirm", stage.cast.rectifier, cause="", findings="")
        assert {e.field for e in no.value.fields} == {"cause", "findings"}
        assert Move.objects.filter(order_id=stage.order.id).count() == stage.fresh().moves == 2

    def test_an_answer_that_is_sent_back_is_no_answer(self, stage: Stage) -> None:
        stage.walk("sign confirm submit")
        first = stage.order.answered_at
        stage.walk("send_back")
        assert (stage.order.state, stage.order.answered_at) == ("rectifying", None)
        stage.walk("submit approve")
        assert stage.order.answered_at > first

    def test_an_explanation_that_comes_back_is_none(self, stage: Stage) -> None:
        """Else whoever explained in vain, and rectifies nothing, would leave the share of those that should."""
        assert stage.walk("sign explain send_back").answer_kind == ""
        assert stage.walk("submit approve unsatisfied").answer_kind == ""

    def test_an_explained_order_says_so(self, stage: Stage) -> None:
        order = stage.walk("sign explain approve")
        assert (order.answer_kind, order.is_reasonable, order.state) == ("explained", False, "callback")


class TestTheClock:
    def test_a_return_does_not_reset_it(self, stage: Stage) -> None:
        due = stage.order.answer_due
        stage.walk("return")
        stage.now = at("06-15 10:00")
        stage.walk("assign", organ=NANJING)
        assert (stage.order.state, stage.order.answer_due, stage.order.returns) == ("dispatched", due, 1)
        with pytest.raises(Refused, match="退单"):
            stage.walk("return")

    def test_a_pack_without_returns_refuses_them(self, db: None) -> None:
        from tests.cast import settle

        table = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
        cast = settle()
        table |= {"valid_from": at("06-10 00:00").date(), "pack": "without", "returns": {"allowed": False, "times": 0, "stated": False}}  # fmt: skip
        load_pack(table, "test", NOW)
        forget()
        stage = stage_for(cast, rate_badly())
        assert "return" not in {offer.verb for offer in moves_open_to(stage.order, cast.rectifier, NOW)}
        with pytest.raises(Refused, match="不能退单"):
            stage.walk("return")
        forget()

    def test_an_old_case_keeps_the_rules_of_its_day(self, cast: Cast) -> None:
        old = stage_for(cast, rate_badly("NJ1"))
        table = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
        table |= {"valid_from": at("06-11 00:00").date(), "pack": "quicker"}
        for severity in ("simple", "general", "complex"):
            table["limits"]["answer"][severity] = {"n": 2, "unit": "workday", "stated": False}
            table["limits"]["rectify"][severity] = {"n": 2, "unit": "workday", "stated": False}
        load_pack(table, "test", NOW)
        forget()
        later = at("06-11 10:00")
        new = stage_for(cast, rate_badly("NJ2", now=later), later)
        assert (old.fresh().answer_due, new.order.answer_due) == (at("06-18 00:00"), at("06-16 00:00"))
        old.now = new.now
        assert old.walk("sign confirm").answer_due == at("06-18 00:00")
        assert new.walk("sign confirm").answer_due == at("06-16 00:00")

    def test_the_severity_that_is_found_decides_the_limit_from_dispatch(self, stage: Stage) -> None:
        stage.now = at("06-11 15:00")
        assert stage.walk("sign confirm", severity="simple").answer_due == at("06-16 00:00")

    def test_only_a_granted_extension_puts_it_off(self, stage: Stage) -> None:
        stage.walk("sign confirm request_extension")
        assert stage.order.answer_due == at("06-18 00:00")
        stage.walk("refuse_extension")
        assert (stage.order.answer_due, stage.order.extension_asked) == (at("06-18 00:00"), None)
        stage.walk("request_extension grant_extension")
        assert (stage.order.answer_due, stage.order.step_due) == (at("06-21 00:00"), at("06-21 00:00"))
        with pytest.raises(Refused, match="次数已用完"):
            stage.walk("request_extension")

    def test_nobody_asks_for_more_than_the_policy_allows(self, stage: Stage) -> None:
        stage.walk("sign confirm")
        with pytest.raises(Refused) as no:
            stage.walk("request_extension", until="2026-06-30")
        assert [e.field for e in no.value.fields] == ["until"]


class TestAppeals:
    def test_upheld_sets_the_rating_aside_and_keeps_it(self, stage: Stage) -> None:
        order = stage.walk("sign appeal uphold")
        assert (order.state, order.upheld, order.closed_at) == ("voided", True, stage.now)
        assert excluded([order.id]) == {order.id}
        assert [(r.excludes, r.kind, r.by) for r in rulings(order.id)] == [(True, "untrue", "省复核")]

    def test_dismissed_it_stays_in_the_figures(self, stage: Stage) -> None:
        order = stage.walk("sign appeal dismiss")
        assert (order.state, order.upheld, order.is_true) == ("rectifying", False, True)
        assert not rulings(order.id)

    def test_not_ours_finds_another_organ_and_excludes_nothing(self, stage: Stage) -> None:
        due = stage.order.answer_due
        order = stage.walk("sign appeal uphold", kind="not_ours")
        assert (order.state, excluded([order.id])) == ("arbitrating", set())
        stage.walk("assign")
        assert (stage.order.organ_code, stage.order.area_path, stage.order.rules_area) == (SUZHOU, "3205", "320102")
        assert stage.order.answer_due == due
        stage.do("sign", stage.cast.foreign_rectifier)
        stage.do("appeal", stage.cast.foreign_rectifier)
        stage.do("dismiss", stage.cast.reviewer)
        with pytest.raises(Refused) as no:
            stage.do("submit", stage.cast.rectifier)
        assert no.value.status == 404, "it is no longer theirs to see"

    def test_the_rater_may_object_once_and_another_reviewer_decides(self, stage: Stage) -> None:
        stage.walk("sign appeal uphold object")
        assert (stage.order.state, stage.order.closed_at) == ("appealing", None)
        with pytest.raises(Refused, match="另一位复核人员"):
            stage.do("uphold", stage.cast.reviewer)
        assert moves_open_to(stage.order, stage.cast.reviewer, stage.now) == []
        stage.do("dismiss", ANOTHER_REVIEWER)
        assert (stage.order.state, stage.order.upheld, excluded([stage.order.id])) == ("rectifying", False, set())
        assert [(r.excludes, r.kind) for r in rulings(stage.order.id)] == [(True, "untrue"), (False, "objection")]

    def test_an_objection_in_vain_is_final(self, stage: Stage) -> None:
        stage.walk("sign appeal uphold object")
        stage.do("uphold", ANOTHER_REVIEWER)
        assert (stage.order.state, excluded([stage.order.id])) == ("voided", {stage.order.id})
        with pytest.raises(Refused, match="只能提出一次"):
            stage.walk("object")

    def test_an_appeal_too_late_is_refused(self, stage: Stage) -> None:
        stage.walk("sign")
        stage.now = at("06-17 10:00")
        with pytest.raises(Refused, match="申诉期限已过"):
            stage.walk("appeal")


class TestTheRatersWord:
    def test_not_satisfied_twice_ends_it_and_marks_it(self, stage: Stage) -> None:
        order = stage.walk("sign confirm submit approve unsatisfied")
        assert (order.state, order.verdict, order.unsatisfied) == ("rectifying", "", 1)
        order = stage.walk("submit approve unsatisfied")
        assert (order.state, order.verdict, order.unsatisfied) == ("closed", "unsatisfied", 2)

    def test_an_answer_once_given_stays_given_in_the_second_round(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve")
        answered = stage.order.answered_at
        assert stage.walk("unsatisfied submit send_back submit approve").answered_at == answered

    def test_three_calls_make_unreachable(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve")
        for calls in (1, 2):
            order = stage.walk("record", result="unreachable")
            assert (order.state, order.calls, order.verdict) == ("callback", calls, "")
        order = stage.walk("record", result="unreachable")
        assert (order.state, order.verdict) == ("closed", "unreachable")

    def test_nobody_was_called_who_left_no_telephone(self, stage: Stage) -> None:
        """Neither the rater nor the applicant can be reached: an operator cannot have heard that they are content."""
        Evaluator.objects.filter(id=stage.order.id).delete()
        Applicant.objects.filter(id=stage.order.id).update(phone_index=None)
        stage.walk("sign confirm submit approve")
        for result in ("satisfied", "accepted"):
            with pytest.raises(Refused) as no:
                stage.walk("record", result=result)
            assert (no.value.status, no.value.fields[0].field) == (422, "result")
            assert "没有留电话" in no.value.message
        assert stage.walk("record", result="unreachable").state == "callback"

    def test_the_applicants_telephone_is_enough_for_a_call(self, stage: Stage) -> None:
        Evaluator.objects.filter(id=stage.order.id).delete()
        assert stage.walk("sign confirm submit approve record").verdict == "satisfied"

    def test_nobody_speaks_for_another_rater(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve")
        for nobody in (citizen(uuid4()), citizen("no id"), citizen("")):
            with pytest.raises(Refused) as no:
                stage.do("satisfied", nobody)
            assert no.value.status == 404

    def test_a_bad_supplement_takes_it_up_again_once(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve satisfied")
        assert not reopen_on_follow_up(stage.order.id, level=3, now=stage.now)
        assert reopen_on_follow_up(stage.order.id, level=1, now=stage.now)
        assert (stage.fresh().state, stage.order.verdict, stage.order.closed_at) == ("rectifying", "", None)
        stage.walk("submit approve satisfied")
        assert not reopen_on_follow_up(stage.order.id, level=1, now=stage.now)
        with pytest.raises(Refused, match="只能重新打开一次"):
            stage.walk("reopen")


class TestWhoSeesIt:
    def test_another_citys_people_find_nothing(self, stage: Stage) -> None:
        for stranger in (stage.cast.foreign_city, stage.cast.foreign_rectifier, stage.cast.clerk, stage.cast.admin):
            assert not orders_for(stranger).exists()
            for verb in ("sign", "urge", "nonsense"):
                with pytest.raises(Refused) as no:
                    perform(order_id=stage.order.id, verb=verb, actor=stranger, facts=FACTS, now=NOW)
                assert (no.value.code, no.value.status) == ("not_found", 404)

    def test_those_who_look_on_see_it_and_move_nothing(self, stage: Stage) -> None:
        for onlooker in (stage.cast.leader, stage.cast.observer):
            assert orders_for(onlooker).get() == stage.order
            assert moves_open_to(stage.order, onlooker, NOW) == []
            with pytest.raises(Refused) as no:
                perform(order_id=stage.order.id, verb="sign", actor=onlooker, facts={}, now=NOW)
            assert no.value.status == 403

    @pytest.mark.parametrize("verb", ["satisfied", "unsatisfied"])
    def test_nobody_who_only_looks_on_speaks_for_the_rater(self, stage: Stage, verb: str) -> None:
        stage.walk("sign appeal uphold assign", kind="not_ours", organ=NANJING, co_organs=SUZHOU)
        stage.walk("sign confirm submit approve")
        for actor in (stage.cast.leader, stage.cast.observer, stage.cast.foreign_rectifier):
            with pytest.raises(Refused) as no:
                stage.do(verb, actor)
            assert (no.value.status, no.value.code) == (403, "not_your_part"), actor.name
        assert stage.fresh().state == "callback"

    def test_an_arbiter_gives_orders_only_to_organs_of_their_own_place(self, stage: Stage) -> None:
        stage.walk("return")
        with pytest.raises(Refused) as no:
            stage.do("assign", stage.cast.city, organ=SUZHOU)
        assert [(e.field, e.code) for e in no.value.fields] == [("organ", "out_of_scope")]
        with pytest.raises(Refused) as no:
            stage.do("assign", stage.cast.supervisor, organ="9" * 18)
        assert [(e.field, e.code) for e in no.value.fields] == [("organ", "unknown")]

    def test_a_co_unit_sees_the_order_and_hands_in_its_share_but_the_lead_handles_it(self, stage: Stage) -> None:
        stage.walk("return assign", organ=NANJING, co_organs=SUZHOU)
        (part,) = OrderPart.objects.filter(order_id=stage.order.id)
        assert (part.organ_code, part.due) == (SUZHOU, at("06-18 00:00"))
        theirs = stage.cast.foreign_rectifier
        assert orders_for(theirs).get() == stage.order
        assert moves_open_to(stage.order, theirs, stage.now) == []
        with pytest.raises(Refused) as no:
            stage.do("sign", theirs)
        assert no.value.status == 403
        done = contribute(order_id=stage.order.id, actor=theirs, text="数据已共享", now=stage.now)
        assert (done.done_at, done.contribution) == (stage.now, "数据已共享")
        with pytest.raises(Refused, match="已提交"):
            contribute(order_id=stage.order.id, actor=theirs, text="再来", now=stage.now)
        with pytest.raises(Refused) as no:
            contribute(order_id=stage.order.id, actor=stage.cast.rectifier, text="我", now=stage.now)
        assert no.value.status == 404

    def test_a_co_unit_that_has_done_its_share_may_be_given_another(self, stage: Stage) -> None:
        theirs = stage.cast.foreign_rectifier
        for text in ("数据已共享", "又已补充"):
            stage.walk("sign appeal uphold assign", kind="not_ours", organ=NANJING, co_organs=SUZHOU)
            contribute(order_id=stage.order.id, actor=theirs, text=text, now=stage.now)
        parts = OrderPart.objects.filter(order_id=stage.order.id).order_by("n")
        assert [part.contribution for part in parts] == ["数据已共享", "又已补充"]


def test_history_cannot_be_rewritten(stage: Stage) -> None:
    moves = Move.objects.filter(order_id=stage.order.id)
    for change in (lambda: moves.update(verb="sign"), moves.delete):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            change()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_trigger WHERE tgname = 'append_only' AND tgrelid = 'rectification_move'::regclass"
        )
        assert cursor.fetchone() == (1,)


def test_lists_are_narrowed_and_counted(cast: Cast) -> None:
    one, two = stage_for(cast, rate_badly("NJ1", **REAL_NAME)), stage_for(cast, rate_badly("NJ2"))
    one.walk("sign")
    orders = orders_for(cast.city)
    assert counts_by_state(orders) == dict.fromkeys(State, 0) | {State.VERIFYING: 1, State.DISPATCHED: 1}

    def found(**asked: object) -> set[str]:
        return set(narrow(orders, now=NOW, **asked).values_list("order_no", flat=True))

    both = {one.order.order_no, two.order.order_no}
    assert found() == found(state="open") == found(area="320100") == found(organ=NANJING) == found(text="食品") == both
    assert found(state="verifying") == found(text=one.order.order_no.lower()) == {one.order.order_no}
    assert found(overdue=True) == found(area="3205") == found(level=2) == found(text="\x00无") == set()
    assert set(narrow(orders, now=NOW + timedelta(days=2), overdue=True)) == {two.order}
    assert found(due_before=at("06-12 00:00")) == {two.order.order_no}
    assert found(start=at("06-11 00:00").date()) == set()
    assert found(end=at("06-10 00:00").date()) == both
    assert not orders_for(replace(cast.city, scopes=())).exists()
