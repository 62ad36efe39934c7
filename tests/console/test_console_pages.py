"""Overview, rules, directory, interfaces and audit trail: what they show and to whom."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from haochaping.analytics.commands import rebuild_lake
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from tests.cast import NANJING_ITEM, NOW, PASSWORD, wire_rating, wire_service
from tests.console.stage import CANARIES, bad_order, suzhou_order, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


def look(client, url: str, now=LATER):
    with held_at(now):
        answer = client.get(url)
    assert answer.status_code == 200
    return answer


class TestTheOverview:
    @pytest.fixture
    def figures(self, cast):
        """Eight good ratings and two bad ones in Nanjing, one bad one in Suzhou."""
        for n in range(8):
            admit_services([wire_service(f"G-{n}")], source="test", now=NOW)
            admit([read_evaluation(wire_rating(f"G-{n}"), source="test", best_is_one=False)], now=NOW)
        bad_order("B-1")
        bad_order("B-2")
        suzhou_order()
        rebuild_lake(now=NOW)

    def test_every_figure_stands_with_its_parts_and_its_definition(self, figures, as_):
        page = text(look(as_("leader"), "/console/overview/").content.decode())
        assert "评价量 11" in page
        assert "主动好评率 72.73% 8 ÷ 11" in page
        assert "主动评价中基本满意及以上 ÷ 主动评价（不含监督查评）。本值 8 ÷ 11。" in page
        assert "南京市 10 80.00%" in page
        assert "苏州市 1 0%" in page

    def test_a_city_sees_its_own_and_an_organ_its_own(self, figures, as_):
        for username in ("city", "rectifier"):
            page = text(look(as_(username), "/console/overview/").content.decode())
            assert "8 ÷ 10" in page
            assert "苏州" not in page

    def test_a_clerk_sees_nothing_as_fresh_or_as_small_as_one_rating(self, figures, as_):
        page = text(look(as_("clerk"), "/console/overview/").content.decode())
        assert "只有已结束满7天的整月、不少于5件的汇总" in page
        assert "8 ÷ 10" not in page
        page = text(look(as_("clerk"), "/console/overview/", NOW + timedelta(days=27)).content.decode())
        assert "10 ÷ 11" not in page, "one unrated service is a group of one"
        assert "8 ÷ 10" not in page, "the other two would be told by subtraction"
        assert "少于5" in page

    def test_the_chart_is_drawn_from_the_table_of_the_page_itself(self, figures, as_):
        page = look(as_("leader"), "/console/overview/").content.decode()
        assert 'data-chart="bar"' in page
        assert "2026-06-10 11 11 72.73% 27.27%" in text(page)

    def test_before_anything_happened_it_says_so(self, as_):
        assert "本月还没有数据" in look(as_("leader"), "/console/overview/").content.decode()


class TestTheRules:
    def test_the_pack_in_force_is_told_in_plain_words_with_its_sources(self, as_):
        page = text(look(as_("rectifier"), "/console/policy/").content.decode())
        for words in (
            "江苏省",
            "签收 1个工作日 ",
            "不设默认评价",
            "服务当日起5个工作日内可以评价 暂定",
            "2027年 尚未公布",
        ):
            assert words in page


class TestTheDirectory:
    @pytest.mark.parametrize("query", ["食品", NANJING_ITEM[:20], "南京市市场"])
    def test_items_are_found_by_name_code_and_organ(self, as_, query):
        page = look(as_("operator"), f"/console/directory/?q={query}").content.decode()
        assert NANJING_ITEM in page

    def test_windows_are_found_by_hall(self, as_):
        page = look(as_("operator"), "/console/directory/?kind=windows&q=SZ政务").content.decode()
        assert "SZ-A01" in page
        assert "NJ-A01" not in page

    def test_what_is_not_there_is_said_with_a_way_on(self, as_):
        page = look(as_("operator"), "/console/directory/?q=%3Cscript%3Ealert(1)%00").content.decode()
        assert "没有符合“&lt;script&gt;alert(1)”的事项" in page


class TestTheSystem:
    def test_the_interface_shows_backlog_acceptance_error_and_circuit(self, as_):
        from haochaping.exchange.models import Attempt, Circuit

        Attempt.objects.create(
            target="national", phase=1, at=NOW, records=3, accepted=0, code="timeout", text="15 s", took_ms=15000
        )
        Circuit.objects.create(target="national", failures=5, open_until=LATER + timedelta(minutes=5), opened_at=NOW)
        page = text(look(as_("admin"), "/console/exchange/").content.decode())
        assert "暂停重试" in page
        assert "timeout 15 s" in page
        assert "对方连续5次没有应答" in page

    def test_the_interface_says_why_records_are_quarantined(self, as_):
        from haochaping.exchange.models import Delivery
        from haochaping.exchange.rules import Phase, State

        assert "失败与隔离的原因" not in look(as_("admin"), "/console/exchange/").content.decode()
        wrong = {"state": State.QUARANTINED, "error_code": "userProp", "error_text": "userProp：缺少申请人类型代码"}
        for _ in range(3):
            Delivery.objects.create(event_id=uuid4(), target="national", phase=Phase.SERVICE, version=1, digest=b"", next_at=NOW, created_at=NOW, **wrong)  # fmt: skip
        page = text(look(as_("admin"), "/console/exchange/").content.decode())
        assert "userProp：缺少申请人类型代码 办件服务 3 " in page

    def test_the_trail_is_filtered_by_person_action_and_day_and_names_no_citizen(self, as_):
        order = bad_order()
        with held_at(LATER):
            as_("operator").post(f"/console/orders/{order.order_no}/identity", {"reason": "回访整改结果"})
            as_("city").post("/console/orders/export")
        client = as_("audit")
        page = look(client, "/console/audit/").content.decode()
        assert "查看评价人身份" in text(page)
        assert not [canary for canary in CANARIES if canary in page]
        assert "查看评价人身份" not in text(
            look(client, "/console/audit/?who=南京").content.decode().partition("<tbody>")[2]
        )
        assert "没有符合条件" in look(client, "/console/audit/?since=2026-06-11").content.decode()
        assert "南京主管" in look(client, "/console/audit/?action=export&until=2026-06-10").content.decode()


def test_what_citizens_wrote_is_shown_as_text(as_):
    order = bad_order(writingEvaluation="<img src=x onerror=alert(1)>{{7*7}}")
    page = look(as_("city"), f"/console/orders/{order.order_no}/").content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;{{7*7}}" in page


def test_no_page_shows_a_password(cast, client):
    answer = client.post("/console/login", {"username": "city", "password": PASSWORD + "x"})
    assert PASSWORD not in answer.content.decode()
