"""Ways in which an order was once lost, lateness forgotten, or one person judge of their own work."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from haochaping.accounts.rules import Role, Scope
from haochaping.evaluation.commands import rule
from haochaping.evaluation.queries import excluded
from haochaping.kit.errors import Refused
from haochaping.rectification.advance import advance
from haochaping.rectification.consequences.queries import verified_faults, why_not_admonish
from haochaping.rectification.consequences.rules import Subject
from tests.cast import NANJING
from tests.rectification.conftest import Stage, at

if TYPE_CHECKING:
    from haochaping.rectification.models import Order


def set_aside(stage: Stage, *, excludes: bool) -> Order:
    rule(
        stage.order.id,
        excludes=excludes,
        kind="batch",
        reason="整批无效" if excludes else "恢复",
        by="省督办",
        now=stage.now,
    )
    advance(stage.now)
    return stage.fresh()


def test_what_comes_back_without_an_organ_comes_back_to_the_arbiter(stage: Stage) -> None:
    stage.walk("return")
    assert set_aside(stage, excludes=True).state == "voided"
    back = set_aside(stage, excludes=False)
    assert (back.state, back.organ_code) == ("arbitrating", ""), "not to the unit that had given it back"
    stage.do("assign", stage.cast.supervisor, organ=NANJING)
    assert stage.order.state == "dispatched"


def test_a_dismissed_accusation_of_malice_never_admonishes(stage: Stage) -> None:
    stage.walk("sign")
    stage.do("appeal", stage.cast.rectifier, kind="malicious")
    stage.do("dismiss", stage.cast.reviewer)
    set_aside(stage, excludes=True)
    stage.walk("object")
    stage.do("uphold", stage.cast.reviewer)
    assert "恶意" in why_not_admonish(stage.order, at("12-01 00:00"))


def test_a_dismissal_takes_nothing_back_in_that_no_appeal_took_out(stage: Stage) -> None:
    stage.walk("sign appeal")
    rule(stage.order.id, excludes=True, kind="batch", reason="整批无效", by="省督办", now=stage.now)
    stage.do("dismiss", stage.cast.reviewer)
    assert excluded([stage.order.id])
    advance(stage.now)
    assert stage.fresh().state == "voided"


def test_every_voided_rating_is_out_of_the_figures(stage: Stage) -> None:
    stage.walk("sign appeal uphold object")
    stage.do("dismiss", replace(stage.cast.reviewer, id="other"))
    set_aside(stage, excludes=True)
    set_aside(stage, excludes=False)
    assert not excluded([stage.order.id])
    stage.walk("sign appeal")
    stage.do("uphold", replace(stage.cast.reviewer, id="third"))
    assert (stage.order.state, excluded([stage.order.id])) == ("voided", {stage.order.id})


def test_what_came_back_is_owed_an_answer_again_and_may_be_reopened(stage: Stage) -> None:
    stage.walk("sign confirm submit")
    set_aside(stage, excludes=True)
    advance(at("12-01 00:00"))
    assert stage.fresh().archived_at is not None
    stage.now = at("12-01 09:00")
    back = set_aside(stage, excludes=False)
    assert (back.answered_at, back.archived_at, back.objections) == (None, None, 0)


@pytest.mark.parametrize("verb", ["sign", "submit"])
def test_lateness_is_kept_though_no_worker_had_looked(stage: Stage, verb: str) -> None:
    if verb == "submit":
        stage.walk("sign confirm")
    stage.now = at("06-25 09:00")
    order = stage.walk(verb)
    assert order.was_late
    if verb == "sign":
        assert order.step_since < at("06-12 00:00"), "nothing is gained by signing late"


def test_one_person_of_many_roles_does_not_pass_their_own_work(stage: Stage) -> None:
    unit = stage.cast.rectifier.scopes[0]
    grants = ((Role.HANDLER, unit), (Role.CITY, Scope("3201")), (Role.OPERATOR, Scope("3201")))
    both = replace(
        stage.cast.city, roles=frozenset(r for r, _ in grants), scopes=tuple(s for _, s in grants), grants=grants
    )
    stage.do("sign", both)
    stage.do("confirm", both)
    stage.do("request_extension", both)
    for verb in ("grant_extension", "refuse_extension"):
        with pytest.raises(Refused) as no:
            stage.do(verb, both)
        assert no.value.code == "is_anothers_work"
    stage.do("refuse_extension", stage.cast.supervisor)
    stage.do("submit", both)
    for verb in ("approve", "send_back"):
        with pytest.raises(Refused) as no:
            stage.do(verb, both)
        assert no.value.code == "is_anothers_work"
    stage.do("approve", stage.cast.supervisor)
    with pytest.raises(Refused):
        stage.do("record", both)


def test_nobody_of_the_window_or_the_unit_decides_its_appeal(stage: Stage) -> None:
    stage.walk("sign appeal")
    province = (Role.REVIEWER, Scope("32"))
    for own in ((Role.CLERK, Scope("", "", "NJ-A01")), (Role.HANDLER, Scope("3201"))):
        grants = (own, province)
        judge = replace(
            stage.cast.reviewer,
            roles=frozenset(r for r, _ in grants),
            scopes=tuple(s for _, s in grants),
            grants=grants,
        )
        with pytest.raises(Refused) as no:
            stage.do("dismiss", judge)
        assert no.value.code == "is_impartial"
    at_home = replace(stage.cast.reviewer, organ=stage.order.organ_path)
    with pytest.raises(Refused):
        stage.do("dismiss", at_home)
    assert stage.do("dismiss", stage.cast.reviewer).state == "rectifying"


def test_losing_an_appeal_or_an_explanation_does_not_dodge_the_cause(stage: Stage) -> None:
    stage.walk("sign appeal dismiss")
    with pytest.raises(Refused) as no:
        stage.walk("submit", cause="")
    assert [error.field for error in no.value.fields] == ["cause"]
    stage.walk("submit", cause="attitude")
    assert verified_faults(Subject.ORGAN, "3201", date(2026, 6, 1), date(2026, 6, 30)) == {NANJING: 1}


def test_an_explanation_that_is_sent_back_is_a_fault_like_others(stage: Stage) -> None:
    stage.walk("sign explain send_back")
    assert (stage.order.is_true, stage.order.is_reasonable) == (True, True)
