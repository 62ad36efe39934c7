"""What the citizen sees of the order that a bad rating opened: each step, who must act, by when, and what they may do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.accounts.rules import citizen
from haochaping.channels.my import commands
from haochaping.kit import clock, ids
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import perform, reveal
from haochaping.rectification.models import Order
from tests.cast import NANJING, NOW, SUZHOU, Cast
from tests.my.stage import ANSWER, FOUND, MINE, answered, rated, served, text

if TYPE_CHECKING:
    from haochaping.evaluation.models import ServiceEvent

pytestmark = pytest.mark.django_db
SECRET = "只给办理人员看的话"


def case(**more: Any) -> ServiceEvent:
    event = served()
    rated(event, **more)
    return event


def do(event: ServiceEvent, actor: Any, verb: str, now: Any = NOW, **facts: Any) -> None:
    perform(order_id=event.id, verb=verb, actor=actor, facts=facts, now=now)


def me(now: Any = NOW) -> Client:
    """A browser in which I am logged in already: so many codes in one minute nobody gets."""
    client = Client()
    client.cookies["hcp_my"] = commands.begin("sms", mobile=MINE, now=now)
    return client


def seen(event: ServiceEvent, now: Any = NOW) -> tuple[str, str]:
    """The page of my service and that of my receipt, as text."""
    with clock.held_at(now):
        mine = text(me(now).get(f"/my/services/{event.id}"))
        public = text(Client().get(f"/r/{ids.receipt(event.id)}"))
    return mine, public


def test_every_step_of_the_work_is_told_and_nothing_of_what_is_said_within_it(cast: Cast) -> None:
    event = case()
    do(event, cast.rectifier, "return", reason_code="not_ours", reason=SECRET)
    do(event, cast.supervisor, "assign", organ=NANJING, co_organs=SUZHOU, reason=SECRET)
    do(event, cast.rectifier, "sign")
    do(event, cast.rectifier, "open_to_clerk", clerk=cast.clerk.id, text=SECRET)
    do(event, cast.clerk, "statement", text=SECRET)
    do(event, cast.city, "instruct", text=SECRET)
    do(event, cast.city, "note", text=SECRET)
    do(event, cast.city, "urge", text=SECRET)
    do(event, cast.rectifier, "confirm", **FOUND)
    do(event, cast.city, "convene", text=SECRET)
    do(event, cast.city, "conclude", text="由市局牵头，一周内加开窗口。")
    do(event, cast.rectifier, "request_extension", reason=SECRET, until="2026-06-19")
    do(event, cast.city, "grant_extension", reason=SECRET)
    for page in seen(event):
        for words in (
            "主管部门已确定承办单位 承办单位：南京市市场监督管理局；协办单位：苏州市市场监督管理局",
            "协调会议已有结论 由市局牵头，一周内加开窗口。",
            "延期申请已批准 延期至2026年6月19日",
            "等待承办单位整改并答复 承办单位：南京市市场监督管理局 协办单位：苏州市市场监督管理局 最迟2026年6月19日（含当日）完成",
        ):
            assert words in page
        assert SECRET not in page
        assert "窗口员" not in page
        assert "南京整改" not in page


def test_the_answer_is_followed_by_what_i_may_say_of_it_the_first_and_the_second_time(cast: Cast) -> None:
    event = case()
    answered(event, cast)
    for page in seen(event):
        assert "已加开两个窗口。" in page
        assert "您可以说说对整改满意还是不满意 不满意的，退回承办单位重新整改。 最迟2026年6月" in page
    do(event, citizen(event.id), "unsatisfied", reason="还是要排队")
    do(event, cast.rectifier, "submit", **ANSWER)
    do(event, cast.supervisor, "approve")
    for page in seen(event):
        assert "您对整改不满意，已要求重新整改" in page
        assert "仍不满意的，工单办结，并记为不满意。" in page


def test_an_upheld_appeal_says_why_and_until_when_i_may_object_and_only_once(cast: Cast) -> None:
    event = case()
    do(event, cast.rectifier, "sign")
    do(event, cast.rectifier, "appeal", kind="untrue", reason=SECRET, evidence=SECRET)
    do(event, cast.reviewer, "uphold", ruling="录像显示当日没有排队。")
    for page in seen(event):
        assert "申诉成立，本次评价不计入统计" in page
        assert "录像显示当日没有排队。" in page
        assert "您可以提出一次异议 由另一位复核人员重新裁定，结论为最终结论。 最迟2026年" in page
        assert SECRET not in page
    late = seen(event, NOW + timedelta(days=60))
    assert all("您可以提出一次异议" not in page for page in late)
    do(event, citizen(event.id), "object", reason="当天人很多")
    for page in seen(event):
        assert "您可以提出一次异议" not in page
        assert "您提出异议，由另一位复核人员复核" in page


def test_what_a_follow_up_causes_is_said_before_it_is_written(cast: Cast) -> None:
    event = case()
    client = me()
    assert "建议看到答复、工单办结以后再写" in text(client.get(f"/my/services/{event.id}"))
    answered(event, cast)
    do(event, citizen(event.id), "satisfied")
    for url in (f"/my/services/{event.id}", f"/my/services/{event.id}/follow-up"):
        assert "工单重新整改一次，最迟" in text(client.get(url))
    order = Order.objects.get(id=event.id)
    assert order.archive_due is not None
    after = order.archive_due + timedelta(minutes=1)
    advance(after)
    mine, public = seen(event, after)
    assert "工单已归档" in mine
    assert "工单已归档" in public
    assert "工单不会因为追评再办一次" in mine


def test_a_bad_follow_up_after_the_end_opens_it_again_for_all_to_see(cast: Cast) -> None:
    event = case()
    answered(event, cast)
    do(event, citizen(event.id), "satisfied")
    me().post(f"/my/services/{event.id}/follow-up", {"level": "1", "words": "又排队了"})
    for page in seen(event):
        assert "工单重新打开，再次整改" in page


def test_nothing_personal_is_on_the_public_page_and_who_looked_at_me_is(cast: Cast) -> None:
    event = case(name="赵试样", writingEvaluation=f"我叫赵试样，电话{MINE}")
    reveal(Order.objects.get(id=event.id), actor=cast.operator, reason=f"核对{MINE}是否本人", now=NOW)
    mine, public = seen(event)
    for page in (mine, public):
        assert "12345话务员查看了您的身份信息" in page
        assert "核对138****0001是否本人" in page
    assert "赵试样" not in public
    assert MINE not in public
    assert event.project_no not in public
