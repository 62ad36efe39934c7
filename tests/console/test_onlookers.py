"""What observers (人大, 政协, media) and analysts read of an order: what happened, and nobody in it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import ONLOOKERS
from haochaping.kit.clock import held_at
from tests.cast import NOW, PEOPLE
from tests.console.stage import CANARIES, PHONE, bad_order, suzhou_order, text
from tests.console.test_order_pages import CONFIRM, SUBMIT, do, page_of

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
STAFF = [name for name, role, _ in PEOPLE.values() if role not in ONLOOKERS and name not in "12345话务员"]


@pytest.fixture
def order(as_):
    """One with a whole life, in which everybody said something that is not for onlookers."""
    order = bad_order(writingEvaluation=f"排队两小时，请打{PHONE}找我")
    do(as_("rectifier"), order, "sign")
    clerk = str(Person.objects.get(username="clerk").pk)
    do(as_("rectifier"), order, "open_to_clerk", clerk=clerk, text="请说明当天情况。")
    do(as_("clerk"), order, "statement", text="当天只开了一个窗口。")
    do(as_("rectifier"), order, "confirm", **CONFIRM)
    do(as_("rectifier"), order, "submit", **SUBMIT | {"reply": f"已增开窗口，也已致电{PHONE}致歉。"})
    do(as_("city"), order, "approve")
    return do(as_("operator"), order, "callback", result="satisfied", pressed="yes", note="窗口打过电话")


@pytest.mark.parametrize("username", ["observer", "analyst"])
def test_they_read_what_was_said_and_done_with_parts_in_the_place_of_names(as_, order, username):
    page = page_of(as_(username), order)
    said = text(page)
    for words in (
        "排队两小时",
        "承办单位",
        "南京市市场监督管理局",
        "窗口人员",
        "12345话务员",
        "已增开窗口",
        "服务态度",
        "2026-06-10",
    ):
        assert words in said
    assert [name for name in STAFF if name in said] == []
    assert [canary for canary in CANARIES if canary in page] == []


@pytest.mark.parametrize("username", ["observer", "analyst"])
def test_they_see_no_moment_no_rater_and_nothing_told_in_confidence(as_, order, username):
    said = text(page_of(as_(username), order).split("<main")[1])
    assert ":" not in said, "days, no moments"
    for words in ("实名", "评价人身份", "修改评价", "窗口打过电话", "办件编号"):
        assert words not in said


def test_the_list_shows_them_the_same_orders_without_a_sheet_to_take_away(as_, order):
    with held_at(LATER):
        page = as_("observer").get("/console/orders/?state=all").content.decode()
    assert order.order_no in page
    assert "/console/orders/export" not in page
    assert [name for name in (*STAFF, *CANARIES) if name in page.split("<main")[1]] == []


def test_where_somebody_only_observes_they_only_observe_whatever_they_are_elsewhere(as_):
    """Nanjing's rectifier who observes the whole province: their own orders as ever, Suzhou's masked."""
    Grant.objects.create(person=Person.objects.get(username="rectifier"), role="observer", area="32")
    client, theirs = as_("rectifier"), suzhou_order()
    assert "/sign" in page_of(client, bad_order())
    masked = page_of(client, theirs)
    assert "评价人身份" not in masked
    with held_at(LATER):
        answer = client.post(f"/console/orders/{theirs.order_no}/sign", {"seen": "1", "confirmed": "1"})
    assert answer.status_code == 404  # the page of the moves is open to a rectifier, who has none of theirs
