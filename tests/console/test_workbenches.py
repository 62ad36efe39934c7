"""Everybody lands on a workbench of their own: what is due, what is late, what changed for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Grant
from haochaping.accounts.rules import citizen
from haochaping.analytics.commands import rebuild_lake
from haochaping.kit.clock import held_at
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import perform, reveal
from haochaping.rectification.models import Order
from haochaping.rectification.queries import moves_open_to
from haochaping.rectification.standing import reviewable_by
from tests.cast import NANJING, NOW, PASSWORD, PEOPLE, PROVINCE_OFFICE
from tests.console.stage import CANARIES, bad_order, text

pytestmark = pytest.mark.django_db
LATE = NOW + timedelta(days=12)


@pytest.mark.parametrize("username", PEOPLE)
def test_each_role_has_one_and_it_says_so(as_, username):
    bad_order()
    with held_at(NOW + timedelta(hours=1)):
        answer = as_(username).get("/console/")
    assert answer.status_code == 200
    assert "工作台" in text(answer.content.decode())


@pytest.mark.parametrize("username", ["leader", "analyst", "observer"])
def test_who_looks_on_sees_what_is_late_and_this_months_figures(as_, username):
    order = bad_order()
    for _ in range(3):
        advance(LATE)
    rebuild_lake(now=LATE)
    with held_at(LATE):
        page = as_(username).get("/console/").content.decode()
    assert "1 已超期" in text(page)
    assert order.order_no in page
    assert "差评率" in page
    assert ("上报给您的" in page) is (username == "leader")
    assert ("只读" in page) is (username != "leader")
    assert not [word for word in CANARIES if word in page]


def test_the_leader_finds_what_came_up_to_them(as_):
    bad_order()
    for _ in range(3):
        advance(LATE)
    with held_at(LATE):
        page = text(as_("leader").get("/console/").content.decode())
    assert "1 上报给您的" in page


def test_the_auditor_sees_who_looked_at_a_rater_and_why(as_, cast):
    order = bad_order()
    for verb, actor, facts in (("sign", cast.rectifier, {}),):
        perform(order_id=order.pk, verb=verb, actor=actor, facts=facts, now=NOW)
    order.refresh_from_db()
    reveal(order, actor=cast.supervisor, reason="核对回访对象", now=NOW)
    with held_at(NOW + timedelta(hours=1)):
        page = text(as_("audit").get("/console/").content.decode())
    assert "1 查看评价人身份" in page
    assert "核对回访对象" in page
    assert f"工单 {order.order_no}" in page


def test_the_security_administrator_sees_locks_and_who_lacks_a_role(as_, client):
    for _ in range(6):
        client.post("/console/login", {"username": "city", "password": PASSWORD + "x"})
    page = text(as_("security").get("/console/").content.decode())
    assert "1 登录锁定" in page
    assert "0 没有角色的人员" in page


def test_a_reviewer_is_shown_only_the_appeals_that_they_may_rule_on(as_, cast):
    theirs, free = bad_order("NJ-1"), bad_order("NJ-2")
    appeal = {"kind": "malicious", "reason": "多次", "evidence": "记录"}
    for order in (theirs, free):
        perform(order_id=order.pk, verb="sign", actor=cast.rectifier, facts={}, now=NOW)
        perform(order_id=order.pk, verb="appeal", actor=cast.rectifier, facts=appeal, now=NOW)
    perform(order_id=theirs.pk, verb="uphold", actor=cast.reviewer, facts={"ruling": "证据充分"}, now=NOW)
    perform(order_id=theirs.pk, verb="object", actor=citizen(theirs.pk), facts={"reason": "不属实"}, now=NOW)

    def look(path: str, now=LATE) -> str:
        with held_at(now):
            return text(as_("reviewer").get(path).content.decode())

    page = look("/console/")
    assert "1 待复核申诉" in page
    assert "1 已超期" in page
    assert free.order_no in page.partition("三天内的变化")[0]
    assert theirs.order_no not in page.partition("三天内的变化")[0]
    for query in ("state=appealing&mine=true", "mine=true&due=late"):
        found = look(f"/console/orders/?{query}")
        assert free.order_no in found
        assert theirs.order_no not in found
    for order in (theirs, free):
        order.refresh_from_db()
        may = bool([offer for offer in moves_open_to(order, cast.reviewer, NOW) if offer.verb == "dismiss"])
        assert may is Order.objects.filter(reviewable_by(cast.reviewer), pk=order.pk).exists()
    Grant.objects.filter(person__username="reviewer").update(organ=f"/{PROVINCE_OFFICE}/{NANJING}/")
    assert "0 待复核申诉" in look("/console/"), "nor those of their own organ"


def test_late_counts_what_waits_for_oneself_and_for_supervisors_all(as_, cast):
    bad_order()
    for _ in range(3):
        advance(LATE)

    def look(who: str) -> str:
        with held_at(LATE):
            return text(as_(who).get("/console/").content.decode())

    assert "1 已超期" in look("rectifier")
    assert "1 已超期" in look("supervisor")
    assert "0 已超期" in look("operator"), "it waits for the unit"
