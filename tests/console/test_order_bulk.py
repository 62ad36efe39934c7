"""Many orders at a time: what is ticked, checked, moved together, and what did not go."""

from __future__ import annotations

import pytest

from haochaping.accounts.models import Audit
from haochaping.kit.clock import held_at
from haochaping.rectification.models import Move
from haochaping.rectification.workflow import MOVES, TOGETHER, VERBS
from tests.console.stage import Forms, bad_order, form, suzhou_order, text
from tests.console.test_order_lists import LATER, many_orders, page, post, shown
from tests.console.test_order_pages import do

pytestmark = pytest.mark.django_db


class TestManyAtATime:
    def choose(self, client, picks, **more):
        answer = post(client, "/console/orders/many", {"pick": picks} | more)
        assert answer.status_code == 200, answer.content.decode()
        return answer.content.decode()

    def go_on(self, client, drawn: str, verb: str, **facts: str):
        (found,) = [each for each in Forms(drawn).found if each["values"].get("verb") == verb]
        return post(client, found["action"], found["values"] | facts)

    def test_what_can_be_done_is_told_before_and_after_and_each_order_has_its_own_history(self, as_):
        ready, signed = bad_order(), bad_order("NJ-2")
        do(as_("rectifier"), signed, "sign")
        client = as_("rectifier")
        drawn = self.choose(client, [each for each in shown(client) if each])
        assert "2 件中有 1 件可以办" in text(drawn)
        drawn = self.go_on(client, drawn, "sign").content.decode()
        assert "确认后将办理 1 件，另有 1 件不能办" in text(drawn)
        assert "工单现为“核实中”，不能“签收”" in drawn
        assert Move.objects.filter(verb="sign").count() == 1, "nothing is done before it is confirmed"
        answer = self.go_on(client, drawn, "sign", confirmed="1")
        assert "已办理 1 件" in text(answer.content.decode())
        ready.refresh_from_db()
        assert ready.state == "verifying"
        trail = Audit.objects.get(action="bulk_move")
        assert trail.facts == {"verb": "签收", "done": 1, "refused": 0, "orders": [ready.order_no]}

    def test_one_text_goes_to_all_and_an_order_that_moved_meanwhile_is_left_alone(self, as_):
        one, two = bad_order(), bad_order("NJ-2")
        client = as_("supervisor")
        drawn = self.choose(client, shown(client))
        answer = self.go_on(client, drawn, "urge", text="")
        assert answer.status_code == 422
        assert "请填写" in text(answer.content.decode())
        drawn = self.go_on(client, drawn, "urge", text="请今天内签收").content.decode()
        do(as_("rectifier"), two, "sign")
        answer = self.go_on(client, drawn, "urge", confirmed="1").content.decode()
        assert "已办理 1 件，1 件没有办成" in text(answer)
        assert "刚刚由别人办理过，现为“核实中”" in answer
        one.refresh_from_db(), two.refresh_from_db()
        assert (one.urged, two.urged) == (1, 0)

    def test_anothers_order_is_refused_and_told_apart_from_none_by_nothing(self, as_):
        mine, theirs = bad_order(), suzhou_order()
        picks = [f"{order.order_no}:1" for order in (mine, theirs)] + ["CP20260610-ZZZZZZZZ:1"]
        drawn = self.choose(as_("city"), picks, verb="urge", text="请抓紧", confirmed="1")
        assert "已办理 1 件，2 件没有办成" in text(drawn)
        assert drawn.count("没有这个工单，或不在您的管辖范围内") == 2
        assert theirs.item_name in drawn  # the same item as mine
        theirs.refresh_from_db()
        assert (theirs.moves, theirs.urged) == (1, 0)

    def test_the_whole_page_may_be_taken_and_at_most_two_hundred(self, as_):
        many_orders(21)
        client = as_("supervisor")
        drawn = self.choose(client, [], whole="1", shown=shown(client))
        assert "批量办理 20 件工单" in text(drawn)
        assert (
            post(client, "/console/orders/many", {"pick": [f"CP20260610-{n:08}:1" for n in range(201)]}).status_code
            == 422
        )
        assert post(client, "/console/orders/many", {}).status_code == 422

    def test_where_nothing_is_ticked_the_way_back_keeps_the_filter(self, as_):
        bad_order()
        client = as_("supervisor")
        with held_at(LATER):
            page = client.get("/console/orders/?state=dispatched&area=3201").content.decode()
        drawn = form(page, "/orders/many")
        assert drawn["values"]["query"] == "area=3201&state=dispatched"
        answer = post(client, "/console/orders/many", {"picked": "1", "query": drawn["values"]["query"]})
        assert answer.status_code == 422
        assert "没有勾选工单" in answer.content.decode()
        assert 'href="/console/orders/?area=3201&amp;state=dispatched"' in answer.content.decode()

    @pytest.mark.parametrize("verb", sorted(set(VERBS) - TOGETHER))
    def test_what_judges_one_raters_case_is_never_done_together(self, as_, verb):
        order = bad_order()
        answer = post(
            as_("rectifier"), "/console/orders/many", {"pick": f"{order.order_no}:1", "verb": verb, "confirmed": "1"}
        )
        assert answer.status_code == 409
        order.refresh_from_db()
        assert order.moves == 1

    def test_together_holds_only_moves_that_there_are(self):
        assert set(VERBS) > TOGETHER
        judging = {"confirm", "explain", "appeal", "uphold", "dismiss", "record", "submit", "contact", "unsatisfied"}
        assert not TOGETHER & judging
        assert not [
            line for line in MOVES if line.verb in TOGETHER and {"reply", "findings", "ruling"} & set(line.needs)
        ]

    def test_who_plays_no_part_ticks_nothing_and_moves_nothing(self, as_):
        order = bad_order()
        client = as_("leader")
        assert 'name="pick"' not in page(client)
        answer = post(client, "/console/orders/many", {"pick": f"{order.order_no}:1", "verb": "urge", "text": "快"})
        assert answer.status_code == 403

    def test_many_orders_cost_each_the_same(self, as_, django_assert_max_num_queries):
        many_orders(30)
        client = as_("supervisor")
        page(client)
        with django_assert_max_num_queries(12):
            page(client, "q=叫号机&level=1")
