"""Answering a rater in the console: what to look at again, templates, similar orders. A warning never hinders."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import SYSTEM
from haochaping.kit.clock import held_at
from haochaping.kit.errors import Refused
from haochaping.rectification import reply_templates
from haochaping.rectification.cautions import standing_cautions
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Move, Order, ReplyTemplate
from haochaping.rectification.similar import similar_to
from tests.cast import NANJING, NOW, PROVINCE_OFFICE, SUZHOU
from tests.console.stage import CANARIES, bad_order, form, suzhou_order, text
from tests.console.test_order_pages import CONFIRM, LATER, do, fill, page_of

pytestmark = pytest.mark.django_db
EMPTY = {"measures": "增开两个窗口，安排导办员。", "reply": "我局高度重视，已责成相关科室处理，感谢您的理解。"}
GOOD = {
    "measures": "增开两个窗口。",
    "reply": "您说的排队两小时属实。6月12日起上午加开2个窗口，当天值班主任已向您道歉。",
}
OURS = f"3201|/{PROVINCE_OFFICE}/{NANJING}/"


def rectifying(as_, project_no: str = "NJ-CANARY-7731", **rating) -> Order:
    order = bad_order(project_no, **rating)
    do(as_("rectifier"), order, "sign")
    return do(as_("rectifier"), order, "confirm", **CONFIRM)


def closed(cast, order: Order, reply: str, verb: str = "satisfied") -> Order:
    """An order that was answered so and is over."""
    for each, actor, facts in (
        ("sign", cast.rectifier, {}),
        ("confirm", cast.rectifier, CONFIRM),
        ("submit", cast.rectifier, {"measures": "已办。", "reply": reply}),
        ("approve", cast.city, {}),
        ("record", cast.operator, {"result": verb}),
    ):
        perform(order_id=order.id, verb=each, actor=actor, facts=facts, now=LATER)
    order.refresh_from_db()
    return order


def press(client, drawn, now=LATER, **more):
    with held_at(now):
        return client.post(drawn["action"], drawn["values"] | more)


class TestAWarning:
    def test_stands_on_the_confirmation_page_and_lets_the_move_go_on(self, as_):
        order = rectifying(as_)
        asked = text(fill(as_("rectifier"), order, "submit", **EMPTY).content.decode())
        assert "套话空话" in asked
        assert "照样提交" in asked
        assert do(as_("rectifier"), order, "submit", **EMPTY).state == "reviewing"

    def test_is_absent_where_the_reply_answers(self, as_):
        order = rectifying(as_)
        assert "请再看一看" not in text(fill(as_("rectifier"), order, "submit", **GOOD).content.decode())

    def test_stands_before_an_explanation_too(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        facts = {"findings": "经查无此事。", "basis": "条例第三条", "reply": EMPTY["reply"]}
        assert "套话空话" in text(fill(as_("rectifier"), order, "explain", **facts).content.decode())

    def test_is_kept_with_the_move_and_quoted_with_one_click_by_whoever_sends_back(self, as_):
        order = do(as_("rectifier"), rectifying(as_), "submit", **EMPTY)
        assert [w["code"] for w in Move.objects.get(order_id=order.id, verb="submit").facts["warnings"]] == [
            "empty_phrase"
        ]
        page = page_of(as_("city"), order)
        assert "系统提醒" in page
        drawn = form(page, "/send_back")
        quoted = press(as_("city"), drawn, quote="1").content.decode()
        assert "1. 套话空话：" in quoted.split('id="m-send_back-reason"', 1)[1].split("</textarea>", 1)[0]
        order.refresh_from_db()
        assert order.state == "reviewing", "nothing was done yet"

    def test_is_only_about_the_answer_under_review(self, as_):
        order = do(as_("rectifier"), rectifying(as_), "submit", **EMPTY)
        do(as_("city"), order, "send_back", reason="请写清做法。")
        assert standing_cautions(order) == ()
        do(as_("rectifier"), order, "submit", **GOOD)
        assert standing_cautions(order) == ()

    def test_never_keeps_the_raters_own_words_or_a_telephone(self, as_):
        order = rectifying(as_, writingEvaluation="钱密探在三楼档案室被晾了两小时")
        beside = "施工图纸审查6月3日完成，图审机构寄给建设单位，联系人手机13912345678，请注意查收快递。"
        do(as_("rectifier"), order, "submit", measures="已办。", reply=beside)
        kept = Move.objects.get(order_id=order.id, verb="submit").facts["warnings"]
        assert {w["code"] for w in kept} >= {"personal", "something_else"}
        assert "档案室" not in str(kept)
        assert not any(canary in str(kept) for canary in CANARIES)

    def test_names_the_order_from_which_a_reply_was_copied(self, cast, as_):
        before = closed(cast, bad_order("NJ-OLD-1", writingEvaluation="网上系统总是报错，传不上去"), GOOD["reply"])
        order = rectifying(as_)
        shown = text(fill(as_("rectifier"), order, "submit", **GOOD).content.decode())
        assert "照抄答复" in shown
        assert before.order_no in shown


class TestATemplate:
    def test_is_written_listed_put_into_the_form_and_switched_off(self, as_):
        client = as_("rectifier")
        page = client.get("/console/templates/new").content.decode()
        assert "南京市市场监督管理局" in page
        body = "您反映的“{事项}”问题属实。{日期}起，{措施}。"
        answer = client.post(
            "/console/templates/new", {"title": "排队久", "cause": "efficiency", "text": body, "owner": OURS}
        )
        assert answer.status_code == 302
        template = ReplyTemplate.objects.get()
        assert "排队久" in text(client.get("/console/templates/").content.decode())
        order = rectifying(as_)
        drawn = form(page_of(client, order), "/submit")
        filled = press(client, drawn, use="template", template=str(template.pk), measures="加开两个窗口。")
        shown = filled.content.decode()
        assert "“食品经营许可（新办）”问题属实。6月10日起，加开两个窗口。" in shown.replace("&quot;", '"')
        order.refresh_from_db()
        assert order.state == "rectifying", "nothing was done"
        as_("rectifier").post(f"/console/templates/{template.pk}/switch", {"to": "off"})
        assert "套用" not in page_of(as_("rectifier"), order)
        actions = set(Audit.objects.filter(action__startswith="reply_template").values_list("action", flat=True))
        assert actions == {"reply_template_save", "reply_template_off"}

    def test_is_put_below_what_was_typed_and_loses_nothing(self, as_, cast):
        template = kept(cast.rectifier, OURS)
        drawn = form(page_of(as_("rectifier"), rectifying(as_)), "/submit")
        shown = press(as_("rectifier"), drawn, use="template", template=str(template.pk), reply="先写的一句。")
        assert "先写的一句。\n您反映的" in shown.content.decode()

    def test_left_as_it_came_is_warned_of(self, as_, cast):
        kept(cast.rectifier, OURS)
        order = rectifying(as_)
        shown = text(fill(as_("rectifier"), order, "submit", measures="已办。", reply=TEXT).content.decode())
        assert "模板未改" in shown

    def test_refuses_what_is_blank_beside_the_field(self, as_):
        answer = as_("rectifier").post("/console/templates/new", {"title": "", "text": "", "owner": OURS})
        assert answer.status_code == 422
        assert "请填写名称" in text(answer.content.decode())

    def test_of_a_foreign_organ_is_not_there(self, as_, cast):
        theirs = kept(cast.foreign_rectifier, f"3205|/{PROVINCE_OFFICE}/{SUZHOU}/")
        client = as_("rectifier")
        assert client.get(f"/console/templates/{theirs.pk}/").status_code == 404
        assert client.post(f"/console/templates/{theirs.pk}/switch", {"to": "off"}).status_code == 404
        drawn = form(page_of(client, rectifying(as_)), "/submit")
        assert press(client, drawn, use="template", template=str(theirs.pk)).status_code == 404
        assert theirs.title not in text(client.get("/console/templates/").content.decode())

    def test_for_a_whole_province_is_used_below_and_changed_only_above(self, as_, cast):
        whole = kept(cast.supervisor, "32|")
        client = as_("rectifier")
        assert whole in reply_templates.templates_for(bad_order())
        assert "上级维护" in text(client.get(f"/console/templates/{whole.pk}/").content.decode())
        changed = client.post(f"/console/templates/{whole.pk}/", {"title": "改", "text": "改"})
        assert changed.status_code == 403
        assert (
            as_("supervisor").post(f"/console/templates/{whole.pk}/", {"title": "改", "text": "改好了"}).status_code
            == 302
        )
        assert whole in reply_templates.templates_for(suzhou_order())

    def test_is_for_nobody_whom_its_owner_is_not_over(self, cast):
        with pytest.raises(Refused) as no:
            kept(cast.rectifier, "32|")
        assert no.value.status == 422


TEXT = "您反映的问题属实，我们已按规定办理，今后不会再让您多跑。"


def kept(actor, owner: str) -> ReplyTemplate:
    typed = {"title": f"{actor.name}的模板", "text": TEXT, "cause": "", "owner": owner}
    return reply_templates.keep(typed, actor=actor, now=NOW)


class TestSimilarOrders:
    def test_are_shown_with_verdict_and_reply_and_one_becomes_a_draft(self, as_, cast):
        liked = closed(cast, bad_order("NJ-OLD-1"), GOOD["reply"])
        order = rectifying(as_)
        page = page_of(as_("rectifier"), order)
        assert "类似工单" in page
        assert liked.order_no in page
        assert GOOD["reply"] in page
        assert "对整改满意" in page
        drafted = press(as_("rectifier"), form(page, "/submit"), draft=liked.order_no).content.decode()
        assert GOOD["reply"] in form_reply(drafted)
        order.refresh_from_db()
        assert order.state == "rectifying"

    def test_come_with_those_that_satisfied_first(self, cast):
        closed(cast, bad_order("NJ-OLD-1"), "甲答复，已办。", "accepted")
        closed(cast, bad_order("NJ-OLD-2"), "乙答复，已办。")
        found = similar_to(bad_order("NJ-NEW"), cast.rectifier)
        assert [each.verdict for each in found] == ["satisfied", "accepted"]

    def test_are_at_most_five_and_never_ones_still_open(self, cast):
        for n in range(6):
            closed(cast, bad_order(f"NJ-OLD-{n}"), f"第{n}件，已办。")
        bad_order("NJ-OPEN")
        assert len(similar_to(bad_order("NJ-NEW"), cast.rectifier)) == 5

    def test_never_show_what_one_may_not_see(self, as_, cast):
        theirs = suzhou_order()
        Order.objects.filter(pk=theirs.pk).update(
            state="closed", reply="苏州的答复", verdict="satisfied", closed_at=NOW, cause="attitude"
        )
        order = rectifying(as_)
        Order.objects.filter(pk=theirs.pk).update(task_code=order.task_code)
        assert similar_to(order, cast.rectifier) == []
        assert "苏州的答复" not in page_of(as_("rectifier"), order)
        drawn = form(page_of(as_("rectifier"), order), "/submit")
        assert press(as_("rectifier"), drawn, draft=theirs.order_no).status_code == 404
        assert [each.order_no for each in similar_to(order, SYSTEM)] == [theirs.order_no]

    def test_are_for_those_who_rectify_or_review(self, as_, cast):
        closed(cast, bad_order("NJ-OLD-1"), GOOD["reply"])
        order = rectifying(as_)
        assert "类似工单" not in page_of(as_("leader"), order)
        do(as_("rectifier"), order, "submit", **GOOD)
        reviewing = page_of(as_("city"), order, LATER + timedelta(minutes=1))
        assert "类似工单" in reviewing
        assert "作底稿" not in reviewing


def form_reply(page: str) -> str:
    """What stands in the reply of the drawn form."""
    return page.split('id="m-submit-reply"', 1)[1].split("</textarea>", 1)[0]
