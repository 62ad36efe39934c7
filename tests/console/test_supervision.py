"""The board of who supervises, the list for the coordination meeting, and its paper."""

from __future__ import annotations

import re
from datetime import timedelta

import pypdfium2
import pytest

from haochaping.kit.clock import held_at
from haochaping.rectification.advance import advance
from tests.cast import NOW, SUZHOU
from tests.console.stage import CANARIES, bad_order, form, suzhou_order, text
from tests.console.test_order_pages import CONFIRM, SUBMIT, do

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
MUCH_LATER = NOW + timedelta(days=5)
QUESTION = "系统归口不清，需明确由谁改造接口。"
DECISION = "由市局牵头改造接口，月底前完成。"


def look(client, url, now=LATER):
    with held_at(now):
        answer = client.get(f"/console/{url}")
    assert answer.status_code == 200
    return answer


def words_of(pdf: bytes) -> str:
    return re.sub(r"\s+", "", "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)))


def counts(client, now=LATER) -> dict[str, int]:
    context = look(client, "supervision/", now).context
    return {tally.key: tally.n for tally, _ in context["tiles"] if tally.n}


def listed(client, key, now=LATER) -> set[str]:
    return {order.order_no for order in look(client, f"supervision/?show={key}", now).context["page"]}


class TestTheBoard:
    def test_says_what_is_late_in_which_step_by_how_much_and_to_whom_it_went(self, as_):
        order = do(as_("rectifier"), bad_order(), "sign")
        assert counts(as_("city")) == {}
        assert counts(as_("city"), NOW + timedelta(days=2)) == {"soon": 1}
        advance(MUCH_LATER)
        found = counts(as_("city"), MUCH_LATER)
        assert found["late"] == 1
        assert found.get("supervisor", 0) + found.get("leader", 0) >= 1
        page = look(as_("city"), "supervision/", MUCH_LATER)
        (step,) = page.context["steps"]
        assert (step.state, step.n) == ("verifying", 1)
        assert step.oldest < MUCH_LATER
        assert order.order_no in page.content.decode()

    def test_finds_what_was_urged_and_has_not_moved_since(self, as_):
        order = bad_order()
        do(as_("city"), order, "urge", text="请尽快签收。")
        assert listed(as_("city"), "urged") == {order.order_no}
        do(as_("rectifier"), order, "sign", now=LATER + timedelta(minutes=1))
        assert listed(as_("city"), "urged") == set()

    def test_finds_what_was_sent_back_twice_asks_for_time_or_left_the_rater_discontented(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        do(as_("rectifier"), order, "confirm", **CONFIRM)
        for _ in range(2):
            do(as_("rectifier"), order, "submit", **SUBMIT)
            do(as_("city"), order, "send_back", reason="没有说明整改了什么。")
        assert listed(as_("city"), "twice") == {order.order_no}
        do(as_("rectifier"), order, "request_extension", reason="需改系统。", until="2026-06-20")
        assert listed(as_("city"), "extension") == {order.order_no}
        do(as_("city"), order, "refuse_extension", reason="不复杂。")
        do(as_("rectifier"), order, "submit", **SUBMIT)
        do(as_("city"), order, "approve")
        do(as_("operator"), order, "callback", result="unsatisfied", reason="还是一样。", pressed="yes")
        assert listed(as_("city"), "unsatisfied") == listed(as_("city"), "pressed") == {order.order_no}

    def test_groups_by_organ_and_place_and_leads_into_the_list(self, as_):
        bad_order()
        bad_order("NJ-2")
        suzhou_order()
        page = look(as_("supervisor"), "supervision/", MUCH_LATER)
        assert [(each.name, each.open, each.late) for each in page.context["organs"]] == [
            ("南京市市场监督管理局", 2, 2),
            ("苏州市市场监督管理局", 1, 1),
        ]
        assert [(name, each.late) for name, each in page.context["places"]] == [
            ("江苏省南京市", 2),
            ("江苏省苏州市", 1),
        ]
        link = re.search(r'href="(/console/orders/\?state=late&amp;area=3201)"', page.content.decode())
        with held_at(MUCH_LATER):
            there = as_("supervisor").get(link.group(1).replace("&amp;", "&")).content.decode()
        assert there.count("南京市市场监督管理局") >= 2
        assert 'class="muted">苏州市' not in there

    def test_shows_a_city_nothing_of_another(self, as_):
        theirs = suzhou_order()
        page = look(as_("city"), "supervision/?show=late", MUCH_LATER).content.decode()
        assert theirs.order_no not in page
        assert "苏州" not in page

    def test_a_units_own_supervisor_is_not_told_what_raters_said_in_confidence(self, as_):
        from haochaping.accounts.models import Grant

        Grant.objects.filter(person__username="supervisor").update(organ=f"/{SUZHOU}/")
        page = look(as_("supervisor"), "supervision/?show=pressed")
        assert page.context["chosen"] == "late"
        assert "pressed" not in {tally.key for tally, _ in page.context["tiles"]}


class TestTheMeeting:
    @pytest.fixture
    def order(self, as_):
        order = do(as_("rectifier"), bad_order(), "sign")
        return do(as_("city"), order, "convene", text=QUESTION)

    def test_lists_by_organ_what_is_to_be_decided_with_whom_and_since_when(self, as_, order):
        assert order.order_no not in look(as_("foreign_city"), "meetings/").content.decode()
        do(as_("supervisor"), order, "join", co_organs=SUZHOU, text="请联合核实。")
        said = text(look(as_("city"), "meetings/").content.decode())
        for words in ("南京市市场监督管理局 1 件", order.order_no, QUESTION, "苏州市市场监督管理局", "已等 0 个工作日"):
            assert words in said

    def test_its_paper_says_the_same_and_nobody_who_rated_is_in_it(self, as_, order):
        answer = look(as_("leader"), "meetings/paper.pdf")
        assert answer["Content-Type"] == "application/pdf"
        said = words_of(answer.content)
        for words in ("江苏省差评整改协调会议题清单", "2026年6月10日，共1件", order.order_no, QUESTION, "会议意见"):
            assert words in said
        assert [canary for canary in CANARIES if canary in said] == []
        assert "10:00" not in said

    def test_its_decision_is_written_down_from_the_list_and_stays_to_be_read(self, as_, order):
        client = as_("city")
        drawn = form(look(client, "meetings/").content.decode(), "/conclude")
        with held_at(LATER):
            empty = client.post(drawn["action"], drawn["values"])
            done = client.post(drawn["action"], drawn["values"] | {"text": DECISION})
            again = client.post(drawn["action"], drawn["values"] | {"text": DECISION})
        assert (empty.status_code, done.status_code, again.status_code) == (422, 302, 409)
        order.refresh_from_db()
        assert order.convened_at is None
        page = look(client, "meetings/")
        assert page.context["n"] == 0
        (past,) = page.context["past"]
        assert (past.asked, past.text, past.by) == (QUESTION, DECISION, "南京主管")

    def test_the_leader_reads_and_another_city_finds_nothing_to_conclude(self, as_, order):
        assert "/conclude" not in look(as_("leader"), "meetings/").content.decode()
        url, facts = f"/console/meetings/{order.order_no}/conclude", {"seen": str(order.moves), "text": DECISION}
        with held_at(LATER):
            assert as_("leader").post(url, facts).status_code == 403
            assert as_("foreign_city").post(url, facts).status_code == 404
        order.refresh_from_db()
        assert order.convened_at is not None
