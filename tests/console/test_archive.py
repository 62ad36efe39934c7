"""Orders that have ended are archived after the policy's term, read-only from then on; their file can be printed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit
from haochaping.evaluation import attachments
from haochaping.kit.clock import held_at
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import reopen_on_follow_up
from haochaping.rectification.evidence import bring
from tests.cast import NOW
from tests.console.stage import CANARIES, CASE, bad_order, text
from tests.console.test_order_pages import CONFIRM, SUBMIT, do, page_of
from tests.console.test_supervision import words_of
from tests.evaluation.test_attachments import picture

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def order(as_, cast):
    order = bad_order()
    do(as_("rectifier"), order, "sign")
    bring(order_id=order.pk, actor=cast.rectifier, name="排班表.png", raw=picture(), now=LATER)
    do(as_("rectifier"), order, "confirm", **CONFIRM)
    do(as_("rectifier"), order, "submit", **SUBMIT)
    do(as_("city"), order, "approve")
    return do(as_("operator"), order, "callback", result="satisfied", pressed="yes", note="窗口打过电话")


def file_of(client, order, status=200):
    with held_at(LATER):
        answer = client.get(f"/console/orders/{order.order_no}/file.pdf")
    assert answer.status_code == status
    return answer


def test_archived_after_the_term_and_not_before_and_nothing_may_be_done_then(as_, order):
    assert "/reopen" in page_of(as_("city"), order)
    assert (_listed(as_("city"), "closed", LATER), _listed(as_("city"), "archived", LATER)) == (1, 0)
    advance(order.archive_due - timedelta(minutes=1))
    order.refresh_from_db()
    assert order.archived_at is None
    after = order.archive_due + timedelta(minutes=1)
    advance(after)
    order.refresh_from_db()
    assert order.archived_at == after
    assert (_listed(as_("city"), "closed", after), _listed(as_("city"), "archived", after)) == (0, 1)
    assert _listed(as_("city"), "all", after) == 1
    page = page_of(as_("city"), order, after)
    assert "已归档" in text(page)
    assert f"/console/orders/{order.order_no}/reopen" not in page
    with held_at(after):
        facts = {"seen": str(order.moves), "confirmed": "1", "reason": "再办"}
        assert as_("city").post(f"/console/orders/{order.order_no}/reopen", facts).status_code == 409
    assert reopen_on_follow_up(order.pk, level=1, now=after) is False, "a bad 追评 is kept, the order stays"


def test_the_supervisors_file_holds_facts_history_reply_verdict_and_evidence(as_, order):
    (kept,) = attachments.kept(order.pk)
    said = words_of(file_of(as_("city"), order).content)
    for words in (
        "差评工单归档单",
        "尚未归档",
        order.order_no,
        CASE,
        "服务态度",
        SUBMIT["reply"],
        "对整改满意",
        "签收",
        "经江苏12345",
    ):
        assert words in said
    assert bytes(kept.sm3).hex() in said
    assert [canary for canary in CANARIES if canary in said] == [CASE]
    (line,) = Audit.objects.filter(action="print_file")
    assert (line.actor_name, line.facts) == ("南京主管", {"order_no": order.order_no})


def test_the_organs_file_is_sealed_as_its_page_is(as_, order):
    said = words_of(file_of(as_("rectifier"), order).content)
    assert SUBMIT["reply"] in said
    assert [canary for canary in CANARIES if canary in said] == []
    for words in ("09:30", "09:00", "窗口打过电话", "修改评价"):
        assert words not in said


def test_nobody_else_gets_a_file_nor_anybody_before_the_end(as_, order):
    for username in ("observer", "analyst", "clerk", "operator", "reviewer", "admin"):
        file_of(as_(username), order, 403)
    for username in ("foreign_city", "foreign_rectifier"):
        file_of(as_(username), order, 404)
    file_of(as_("city"), bad_order("NJ-OPEN"), 409)


def _listed(client, tab, now) -> int:
    with held_at(now):
        return len(client.get(f"/console/orders/?state={tab}").context["rows"])
