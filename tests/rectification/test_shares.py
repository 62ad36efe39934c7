"""Co-units' shares: their own clock, which moves with the lead's extension only; what is late goes to the supervisor."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit
from haochaping.console.queries import desk
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import contribute
from haochaping.rectification.models import Move, OrderPart
from haochaping.rectification.queries import facts_for, shares_owed
from tests.cast import SUZHOU
from tests.rectification.conftest import Stage, at


@pytest.fixture
def joint(stage: Stage) -> Stage:
    stage.walk("sign confirm")
    stage.do("join", stage.cast.supervisor, co_organs=SUZHOU)
    return stage


def part_of(stage: Stage) -> OrderPart:
    return OrderPart.objects.get(order_id=stage.order.id)


def test_a_co_unit_finds_its_share_on_its_workbench_until_it_is_handed_in(joint: Stage) -> None:
    theirs = joint.cast.foreign_rectifier
    (share,) = desk(theirs, joint.now).shares
    assert (share.order.order_no, share.part.due) == (joint.order.order_no, part_of(joint).due)
    assert desk(joint.cast.rectifier, joint.now).shares == []
    contribute(order_id=joint.order.id, actor=theirs, text="接口已开放。", now=joint.now)
    assert shares_owed(theirs) == []
    (unit,) = facts_for(joint.order, joint.cast.rectifier)["co_units"]
    assert (unit["contribution"], unit["was_late"]) == ("接口已开放。", False)


def test_a_share_of_an_order_that_has_ended_is_owed_no_more(joint: Stage) -> None:
    joint.walk("submit approve satisfied")
    assert shares_owed(joint.cast.foreign_rectifier) == []


def test_what_is_owed_moves_with_the_leads_extension_and_the_trail_says_so(joint: Stage) -> None:
    before = part_of(joint).due
    joint.walk("request_extension", until="2026-06-20")
    assert part_of(joint).due == before, "asked for is not granted"
    joint.walk("grant_extension")
    assert part_of(joint).due == joint.order.extended_until == at("06-21 00:00")
    (line,) = Audit.objects.filter(action="extend_parts")
    assert line.facts == {"order_no": joint.order.order_no, "organs": ["苏州市市场监督管理局"], "until": "2026-06-20"}


def test_what_was_handed_in_keeps_its_day(joint: Stage) -> None:
    contribute(order_id=joint.order.id, actor=joint.cast.foreign_rectifier, text="已办。", now=joint.now)
    before = part_of(joint).due
    joint.walk("request_extension grant_extension", until="2026-06-20")
    assert part_of(joint).due == before
    assert not Audit.objects.filter(action="extend_parts").exists()


def test_a_late_share_goes_before_the_supervisor_once(joint: Stage) -> None:
    due = part_of(joint).due
    advance(due - timedelta(minutes=1))
    assert not Move.objects.filter(order_id=joint.order.id, verb="note").exists()
    for _ in range(2):
        advance(due + timedelta(minutes=1))
    (note,) = Move.objects.filter(order_id=joint.order.id, verb="note")
    assert note.facts["text"] == "苏州市市场监督管理局超过协办期限未提交协办情况，已提请督办。"
    assert (note.by, part_of(joint).reported_at) == ("system", due + timedelta(minutes=1))
