"""Who learns what of the rater: nothing for those rated while sealed, and nothing for anybody without the rater knowing."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.evaluation.commands import erase_identity
from haochaping.kit.errors import Refused
from haochaping.rectification.commands import Revealed, reveal
from haochaping.rectification.models import Order
from haochaping.rectification.queries import facts_for, public_progress, timeline
from tests.cast import NOW, Cast
from tests.rectification.conftest import REAL_NAME, Stage, at, rate_badly, stage_for

CANARIES = ("NJ2026060001", "钱真名", "13911112222", "320102190001019999", "赵试样", "13800000001", "09:30", "01:30")
CALL = "回访核实整改结果"


def shown(order: Order, actor: Actor) -> str:
    """Everything this actor is told of an order."""
    return json.dumps(facts_for(order, actor), default=str, ensure_ascii=False) + str(timeline(order, actor))


def app_of(cast: Cast) -> Actor:
    return Actor("app", cast.app_id, "南京一体化平台", frozenset({Role.HANDLER}), (Scope("3201"),))


def test_the_rated_organ_sees_item_window_day_and_masked_text_and_nothing_else(cast: Cast) -> None:
    words = "办件NJ不写了，我叫钱真名，电话13911112222，窗口态度差"
    stage = stage_for(cast, rate_badly(**REAL_NAME, writingEvaluation=words))
    for rated in (cast.rectifier, app_of(cast)):
        facts = facts_for(stage.order, rated)
        assert facts["is_sealed"]
        assert (facts["item_name"], facts["window_name"]) == ("食品经营许可（新办）", "A01 综合窗口")
        assert (str(facts["service_day"]), str(facts["rated_day"])) == ("2026-06-10", "2026-06-10")
        assert "窗口态度差" in facts["words"]
        assert not facts.keys() & {"project_no", "service_number", "service_time", "assess_time", "rater"}
        assert [canary for canary in CANARIES if canary in shown(stage.order, rated)] == []


def test_the_moment_of_a_rating_is_not_told_by_the_history_either(stage: Stage) -> None:
    stage.walk("sign confirm submit approve unsatisfied")
    at_of = {event.verb: event.at for event in timeline(stage.order, stage.cast.rectifier)}
    assert at_of["open"] is None
    assert at_of["unsatisfied"] is None
    assert at_of["sign"] is not None
    assert all(event.at for event in timeline(stage.order, stage.cast.supervisor))


def test_what_the_rater_told_the_operator_is_not_for_those_rated(stage: Stage) -> None:
    stage.walk("sign confirm submit approve")
    stage.walk("record", pressed="yes", note="窗口打电话让我改评价，我叫钱真名")
    assert "让我改评价" not in shown(stage.order, stage.cast.rectifier)
    assert "修改评价" not in shown(stage.order, stage.cast.rectifier)
    assert ("有没有人要求您修改评价？", "有") in timeline(stage.order, stage.cast.operator)[-1].facts


def test_what_the_rater_writes_reaches_those_rated_masked(stage: Stage) -> None:
    stage.walk("sign confirm submit approve")
    stage.walk("unsatisfied", reason="还是老样子，我叫钱真名，13911112222")
    told = shown(stage.order, stage.cast.rectifier)
    assert "还是老样子" in told
    assert [canary for canary in CANARIES if canary in told] == []


SEES: dict[str, tuple[bool, bool]] = {
    # who: case number, masked identity
    "operator": (True, True),
    "supervisor": (True, True),
    "city": (True, True),
    "reviewer": (True, False),
    "leader": (False, False),
    "observer": (False, False),
    "rectifier": (False, False),
}


@pytest.mark.parametrize("who", SEES)
def test_each_sees_what_their_work_needs(stage: Stage, who: str) -> None:
    facts = facts_for(stage.order, getattr(stage.cast, who))
    assert ("project_no" in facts, "rater" in facts) == SEES[who]
    if "rater" in facts:
        assert facts["rater"] == {"name": "钱*名", "mobile": "139****2222"}
    for canary in ("钱真名", "13911112222", "赵试样", "13800000001"):
        assert canary not in shown(stage.order, getattr(stage.cast, who))


def test_a_second_hat_does_not_lift_the_seal(stage: Stage) -> None:
    two_hats = replace(stage.cast.rectifier, roles=frozenset({Role.HANDLER, Role.SUPERVISOR}))
    units_own_supervisor = replace(stage.cast.rectifier, roles=frozenset({Role.SUPERVISOR}))
    for actor in (two_hats, units_own_supervisor):
        assert not facts_for(stage.order, actor).keys() & {"project_no", "rater"}
        with pytest.raises(Refused) as no:
            reveal(stage.order, actor=actor, reason=CALL, now=NOW)
        assert no.value.status == 403


def test_consent_opens_the_seal_until_it_is_withdrawn(cast: Cast) -> None:
    stage = stage_for(cast, rate_badly(**REAL_NAME, consent=["contact_department"]))
    facts: dict[str, Any] = facts_for(stage.order, cast.rectifier)
    assert (facts["project_no"], facts["rater"]["name"], facts["is_sealed"]) == ("NJ2026060001", "钱*名", False)
    assert reveal(stage.order, actor=cast.rectifier, reason=CALL, now=NOW) == Revealed("钱真名", "13911112222")
    stage.walk("sign contact", way="phone")
    erase_identity(stage.order.id, by="评价人", now=NOW)
    facts = facts_for(stage.order, cast.rectifier)
    assert facts["is_sealed"]
    assert not facts.keys() & {"project_no", "rater"}


def test_while_sealed_the_department_contacts_through_the_relay_only(stage: Stage) -> None:
    stage.walk("sign")
    with pytest.raises(Refused) as no:
        stage.walk("contact", way="phone")
    assert [e.field for e in no.value.fields] == ["way"]
    stage.walk("contact", way="relay")


class TestReveal:
    def test_the_operator_gets_the_number_and_the_rater_learns_of_it(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve")
        assert reveal(stage.order, actor=stage.cast.operator, reason=CALL, now=stage.now).mobile == "13911112222"
        (line,) = Audit.objects.filter(action="reveal_identity")
        assert (line.actor_name, line.subject) == ("话务员", str(stage.order.id))
        assert line.facts == {"reason": CALL, "part": "operator"}
        (seen,) = [step for step in public_progress(stage.order.id) if step.kind == "reveal"]
        assert (seen.text, seen.detail) == ("12345话务员查看了您的身份信息", CALL)

    @pytest.mark.parametrize("reason", ["", "看", "x" * 201, "a\x00bcde"])
    def test_not_without_a_reason(self, stage: Stage, reason: str) -> None:
        with pytest.raises(Refused) as no:
            reveal(stage.order, actor=stage.cast.operator, reason=reason, now=NOW)
        assert [e.field for e in no.value.fields] == ["reason"]
        assert not Audit.objects.filter(action="reveal_identity").exists()

    @pytest.mark.parametrize(
        ("who", "status"),
        [("rectifier", 403), ("reviewer", 403), ("leader", 403), ("foreign_city", 404), ("clerk", 404), ("admin", 404)],
    )
    def test_not_to_others(self, stage: Stage, who: str, status: int) -> None:
        with pytest.raises(Refused) as no:
            reveal(stage.order, actor=getattr(stage.cast, who), reason=CALL, now=NOW)
        assert no.value.status == status
        assert not Audit.objects.filter(action="reveal_identity").exists()

    def test_there_is_nothing_to_reveal_of_an_anonymous_rater(self, anonymous: Stage) -> None:
        assert facts_for(anonymous.order, anonymous.cast.operator)["rater"] is None
        with pytest.raises(Refused) as no:
            reveal(anonymous.order, actor=anonymous.cast.operator, reason=CALL, now=NOW)
        assert (no.value.code, no.value.status) == ("no_identity", 404)


class TestTheRatersView:
    def test_every_step_who_must_act_and_by_when(self, stage: Stage) -> None:
        steps = public_progress(stage.order.id)
        assert [(s.kind, s.text) for s in steps] == [("done", "您的评价已受理，形成差评工单"), ("now", "承办单位签收")]
        assert (steps[-1].who, steps[-1].by) == ("南京市市场监督管理局", at("06-11 00:00").date())
        stage.walk("sign contact instruct note confirm submit")
        assert "已增开" not in str(public_progress(stage.order.id)), "not before it is approved"
        stage.walk("approve")
        steps = public_progress(stage.order.id)
        assert [s.detail for s in steps if s.text == "办理结果已审核通过"] == ["已增开两个窗口，向您致歉"]
        assert "请抓紧" not in str(steps), "instructions and notes stay among those who work on it"
        stage.walk("record")
        assert [s.kind for s in public_progress(stage.order.id)].count("now") == 0

    @pytest.mark.parametrize(
        ("real_name", "sampled", "words"),
        [(True, False, "12345回访"), (False, True, "12345回访"), (False, False, "不作电话回访")],
    )
    def test_nobody_is_promised_a_call_that_will_not_come(self, stage: Stage, real_name, sampled, words) -> None:
        stage.walk("sign confirm submit approve")
        Order.objects.filter(pk=stage.order.pk).update(real_name=real_name, sampled=sampled)
        assert words in public_progress(stage.order.id)[-1].text

    def test_it_names_nobody(self, stage: Stage) -> None:
        stage.walk("sign confirm")
        stage.walk("submit", reply="已向钱真名（我叫钱真名，13911112222）致歉")
        stage.walk("approve satisfied")
        told = str(public_progress(stage.order.id))
        assert [canary for canary in ("13911112222", "南京整改", "南京主管") if canary in told] == []

    def test_decisions_are_told_with_their_reasons(self, stage: Stage) -> None:
        stage.walk("sign appeal uphold", ruling="录像显示窗口未排队")
        step = public_progress(stage.order.id)[-1]
        assert (step.kind, step.detail) == ("done", "录像显示窗口未排队")
        assert "不计入统计" in step.text
        stage.walk("object")
        stage.do("uphold", Actor("person", "999", "另一复核", frozenset({Role.REVIEWER}), (Scope("32"),)))
        texts = [s.text for s in public_progress(stage.order.id)]
        assert "不计入统计" in texts[-3]
        assert texts[-1] == "经另一位复核人员复核，维持原裁决"

    def test_a_rating_without_an_order_has_no_steps(self, cast: Cast) -> None:
        assert public_progress(uuid4()) == []
