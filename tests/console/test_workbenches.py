"""Everybody lands on a workbench of their own: what is due, what is late, what changed for them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.analytics.commands import rebuild_lake
from haochaping.kit.clock import held_at
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import perform, reveal
from tests.cast import NOW, PASSWORD, PEOPLE
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
