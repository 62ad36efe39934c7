"""The list of orders: words, filters under a name, columns, order, and whole sheets."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from urllib.parse import unquote
from uuid import uuid4

import openpyxl
import pytest

from haochaping.accounts.models import Audit, Person
from haochaping.console import commands
from haochaping.console.columns import COLUMNS
from haochaping.console.lists import COUNTED
from haochaping.console.models import SavedFilter
from haochaping.kit.clock import held_at
from haochaping.kit.errors import Refused
from haochaping.rectification.commands import open_orders
from haochaping.rectification.models import Order
from haochaping.rectification.rules import RatedBad
from haochaping.rectification.search import index
from tests.cast import NANJING, NOW, PROVINCE_OFFICE
from tests.console.stage import CANARIES, PHONE, bad_order, form, suzhou_order, text
from tests.console.test_clerks import open_to_clerk
from tests.console.test_order_pages import CONFIRM, do

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
LIST = "/console/orders/"


def page(client, query: str = "", now=LATER) -> str:
    with held_at(now):
        answer = client.get(f"{LIST}?{query}" if query else LIST)
    assert answer.status_code == 200
    return answer.content.decode()


def shown(client, query: str = "", now=LATER) -> list[str]:
    return [part.partition('"')[0] for part in page(client, query, now).split('name="shown" value="')[1:]]


def numbers(client, query: str = "") -> set[str]:
    return {each.partition(":")[0] for each in shown(client, query)}


def many_orders(n: int, *, words: str = "叫号机坏了") -> list[Order]:
    day = NOW.date()
    facts = {
        "level": 1, "organ_code": NANJING, "organ_name": "南京市市场监督管理局", "organ_path": f"/{PROVINCE_OFFICE}/{NANJING}/",
        "area": "320102000000", "area_path": "320102", "window_code": "NJ-A01", "task_code": "T-1", "item_name": "食品经营许可",
        "service_day": day, "rated_day": day, "real_name": False, "opens_identity": False, "no_reason": False, "is_probe": False,
        "words": words,
    }  # fmt: skip
    return open_orders([RatedBad(id=uuid4(), **facts) for _ in range(n)], now=NOW)


def post(client, url: str, data: dict, now=LATER):
    with held_at(now):
        return client.post(url, data)


class TestFilters:
    def test_words_narrow_together_with_what_else_is_asked(self, as_):
        mine, theirs = bad_order(writingEvaluation="叫号机坏了，排队两小时"), suzhou_order()
        client = as_("supervisor")
        assert numbers(client, "q=叫号机") == numbers(client, "q=坏 叫号机&area=3201&level=1") == {mine.order_no}
        assert numbers(client, "q=排队") == {mine.order_no, theirs.order_no}
        assert (
            numbers(client, "q=叫号机&area=3205") == numbers(client, "q=火星") == numbers(client, f"q={PHONE}") == set()
        )
        assert numbers(client, f"q={mine.order_no}&state=open") == {mine.order_no}
        assert "没有符合条件的工单" in page(client, "q=火星")

    def test_words_find_ended_orders_in_their_tab_and_in_all(self, as_):
        order = bad_order(writingEvaluation="叫号机坏了")
        do(as_("rectifier"), order, "sign")
        do(as_("rectifier"), order, "appeal", kind="untrue", reason="当日无此事。", evidence="监控录像，存档于大厅。")
        do(as_("reviewer"), order, "uphold", ruling="证据充分，申诉成立。")
        client = as_("supervisor")
        assert numbers(client, "q=叫号机&state=voided") == numbers(client, "q=叫号机&appealed=true") == {order.order_no}
        assert numbers(client, "q=叫号机&state=open") == numbers(client, "q=叫号机&state=closed") == set()

    def test_a_frequent_word_finds_the_newest_page_and_says_that_there_are_more(self, as_):
        many_orders(COUNTED + 30)
        Order.objects.update(state="closed", closed_at=NOW, step_due=None)
        for order in Order.objects.all():
            index(order)
        drawn = page(as_("supervisor"), "q=食品经营&state=closed")
        assert f"共 {COUNTED}+ 件" in text(drawn)
        assert drawn.count('scope="row"') == 20
        assert "请加条件缩小范围，或导出" in drawn
        assert 'href="?q=%E5%8F%AB%E5%8F%B7%E6%9C%BA&amp;state=closed&amp;sort=level' not in drawn, (
            "no index keeps that order"
        )

    def test_of_cause_severity_route_real_name_item_and_what_happened(self, as_):
        order, other = bad_order(), many_orders(1)[0]
        do(as_("rectifier"), order, "sign")
        do(as_("rectifier"), order, "confirm", **CONFIRM)
        client = as_("supervisor")
        for query in ("cause=attitude", "real_name=true", f"item={order.task_code}", "severity=general&cause=attitude"):
            assert numbers(client, query) == {order.order_no}, query
        for query in (
            "reopened=true",
            "appealed=true",
            "extension=true",
            "was_late=true",
            "verdict=satisfied",
            "route=direct",
        ):
            assert numbers(client, query) == set(), query
        assert numbers(client, "real_name=false") == numbers(client, "item=T-1") == {other.order_no}
        assert numbers(client, "real_name=maybe&severity=9&cause=x&route=y&reopened=perhaps") == {
            order.order_no,
            other.order_no,
        }

    def test_an_organ_is_named_by_code_or_part_of_its_name_and_holds_all_below_it(self, as_):
        mine, theirs = bad_order(), suzhou_order()
        client = as_("supervisor")
        assert numbers(client, f"organ={PROVINCE_OFFICE}") == {mine.order_no, theirs.order_no}
        assert numbers(client, "organ=南京市市场") == numbers(client, f"organ={NANJING}") == {mine.order_no}
        assert numbers(client, "organ=不存在的局") == set()

    def test_a_search_tells_those_rated_nothing_that_the_page_hides(self, as_):
        order = bad_order(writingEvaluation=f"我姓钱，电话{PHONE}，排队两小时")
        client = as_("rectifier")
        assert numbers(client, "q=排队") == {order.order_no}
        for canary in (*CANARIES, PHONE[:7], PHONE[3:8], "09:30"):
            assert numbers(client, f"q={canary}") == set(), canary
        assert numbers(as_("foreign_rectifier"), "q=排队") == set()


class TestTheOrder:
    def test_heads_sort_by_their_column_and_turn_round(self, as_):
        mild, bad = bad_order(satisfaction=2, evalDetail="209"), bad_order("NJ-2")
        client = as_("supervisor")
        first = [each.partition(":")[0] for each in shown(client, "state=open&sort=level")]
        assert first == [bad.order_no, mild.order_no]
        assert [each.partition(":")[0] for each in shown(client, "state=open&sort=-level")] == first[::-1]
        drawn = page(client, "state=open&sort=level")
        assert 'aria-sort="ascending"' in drawn
        assert "sort=-level" in drawn
        assert len(shown(client, "state=open&sort=reply")) == len(shown(client, "state=open&sort=%00")) == 2

    def test_pages_lie_behind_one_another_and_none_is_lost(self, as_):
        many_orders(45)
        client = as_("supervisor")
        found = [each for n in (1, 2, 3) for each in shown(client, f"page={n}")]
        assert len(found) == len(set(found)) == 45


class TestOnesOwn:
    def save(self, client, name: str, query: str, **more: str):
        return post(client, "/console/orders/filters", {"name": name, "query": query} | more)

    def test_a_saved_filter_is_a_chip_that_leads_to_the_same_question(self, as_):
        mine, _ = bad_order(), suzhou_order()
        client = as_("supervisor")
        drawn = form(page(client, "area=3201&page=1&organ=&due="), "/filters")
        assert drawn["values"]["query"] == "area=3201&state=all"
        assert self.save(client, "南京的", drawn["values"]["query"]).url == f"{LIST}?area=3201&state=all"
        drawn = page(client, "state=open")
        assert 'href="?area=3201&amp;state=all"' in drawn
        assert numbers(client, "area=3201&state=all") == {mine.order_no}
        assert 'aria-current="page">南京的' in page(client, "state=all&area=3201")

    def test_it_is_its_owners_alone(self, as_):
        self.save(as_("supervisor"), "我的", "level=1")
        (saved,) = SavedFilter.objects.all()
        assert "我的</a>" not in page(as_("city"))
        for verb in ("delete", "default"):
            assert post(as_("city"), f"/console/orders/filters/{saved.pk}/{verb}", {}).status_code == 404
        assert post(as_("supervisor"), f"/console/orders/filters/{saved.pk}/drop", {}).status_code == 404
        post(as_("supervisor"), f"/console/orders/filters/{saved.pk}/delete", {})
        assert not SavedFilter.objects.exists()

    def test_the_usual_one_opens_by_itself_and_there_is_only_one(self, as_):
        client = as_("supervisor")
        self.save(client, "甲", "level=1", is_default="1")
        self.save(client, "乙", "level=2", is_default="1")
        with held_at(LATER):
            assert client.get(LIST).url == f"{LIST}?level=2"
        assert "没有工单" in page(client, "state=open"), "what is asked for goes before"
        saved = SavedFilter.objects.get(name="乙")
        post(client, f"/console/orders/filters/{saved.pk}/usual", {})
        with held_at(LATER):
            assert client.get(LIST).status_code == 200

    def test_a_name_is_needed_and_what_is_not_a_filter_is_not_kept(self, as_):
        client = as_("supervisor")
        for name, query in (("", "level=1"), ("很" * 21, "level=1"), ("空", "next=//evil.example&csrf=1")):
            self.save(client, name, query)
        assert not SavedFilter.objects.exists()
        self.save(client, "好的", "level=1&next=//evil.example")
        assert SavedFilter.objects.get().query == "level=1"

    def test_there_is_an_end_to_how_many_are_kept(self, cast):
        actor = Person.objects.get(username="city").actor()
        for n in range(commands.FILTERS_MOST):
            commands.save_filter(actor, "orders", name=f"第{n}个", query="level=1", is_default=False, now=NOW)
        with pytest.raises(Refused, match="最多保存"):
            commands.save_filter(actor, "orders", name="再一个", query="level=1", is_default=False, now=NOW)
        commands.save_filter(actor, "orders", name="第1个", query="level=2", is_default=False, now=NOW)

    def test_columns_and_length_are_chosen_by_each_person_for_themselves(self, as_):
        many_orders(25)
        mine, other = as_("supervisor"), as_("city")
        assert ">答复期限</a>" in page(mine)
        post(mine, "/console/orders/columns", {"column": ["window", "area", "nonsense", "number"], "size": "50"})
        drawn = page(mine)
        assert ">地区</a>" in drawn
        assert "NJ-A01" in drawn
        assert ">答复期限</a>" not in drawn
        assert (len(shown(mine)), len(shown(other))) == (25, 20)
        assert ">答复期限</a>" in page(other)
        post(mine, "/console/orders/columns", {"usual": "1", "size": "7"})
        assert ">答复期限</a>" in page(mine)
        assert len(shown(mine)) == 20


class TestTheSheet:
    def test_is_complete_over_many_pages_in_both_formats_and_streamed(self, as_):
        many_orders(420)
        client = as_("city")
        answer = post(client, "/console/orders/export?q=叫号机&area=3201", {"format": "csv"})
        rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
        assert answer.streaming
        assert rows[0] == [column.title for column in COLUMNS]
        assert answer["X-Row-Count"] == str(len(rows) - 1) == "420"
        assert len({row[0] for row in rows[1:]}) == 420
        answer = post(client, "/console/orders/export", {"format": "xlsx"})
        sheet = openpyxl.load_workbook(io.BytesIO(answer.getvalue()), read_only=True).worksheets[0]
        assert sum(1 for _ in sheet.iter_rows()) - 1 == int(answer["X-Row-Count"]) == 420
        assert unquote(answer["Content-Disposition"]).endswith(".xlsx")
        assert post(client, "/console/orders/export", {"format": "exe"}).status_code == 422

    def test_has_the_columns_of_the_list_if_wanted(self, as_):
        many_orders(3)
        client = as_("city")
        post(client, "/console/orders/columns", {"column": ["area"]})
        answer = post(client, "/console/orders/export", {"columns": "chosen"})
        assert answer.content.decode("utf-8-sig").splitlines()[0] == "工单编号,事项,地区"

    def test_holds_nothing_of_the_rater_and_the_trail_says_how_many_but_not_what_was_searched(self, as_):
        bad_order(writingEvaluation=f"叫号机坏了，请打{PHONE}")
        answer = post(as_("supervisor"), "/console/orders/export?q=叫号机&level=1", {})
        assert not [canary for canary in CANARIES if canary in answer.content.decode()]
        facts = Audit.objects.get(action="export").facts
        assert facts == {"rows": 1, "state": "all", "format": "csv", "q": "（有）", "level": "1"}


class TestTheHistory:
    def test_of_the_same_item_shows_what_this_person_may_see(self, as_):
        order, earlier = bad_order(), bad_order("NJ-2")
        do(as_("rectifier"), earlier, "sign")
        do(as_("rectifier"), earlier, "confirm", **CONFIRM)
        with held_at(LATER):
            drawn = as_("rectifier").get(f"/console/orders/{order.order_no}/").content.decode()
        part = drawn.partition('id="same-item"')[2].partition("</section>")[0]
        assert earlier.order_no in part
        assert order.order_no not in part
        assert "服务态度" in part

    def test_of_the_same_rater_is_shown_when_asked_for_and_the_look_is_written_down(self, as_):
        order, other = bad_order(), bad_order("NJ-2")
        bad_order("NJ-3", mobile="13900000009", certKey="320102190001010018", name="孙别人")
        client, url = as_("supervisor"), f"/console/orders/{order.order_no}/others"
        with held_at(LATER):
            before = client.get(f"/console/orders/{order.order_no}/").content.decode()
            after = client.post(url).content.decode()
        assert not Audit.objects.filter(action="look_at_rater", subject="x").exists()
        assert "另有 1 条评价，其中您能看到的差评工单 1 件" in text(after)
        assert other.order_no in after.partition('id="same-rater"')[2]
        assert other.order_no not in before.partition('id="same-rater"')[2].partition("</section>")[0]
        assert not [canary for canary in CANARIES[1:] if canary in after]
        assert Audit.objects.get(action="look_at_rater").facts == {"ratings": 1, "orders": 1}

    def test_of_the_same_rater_is_nothing_for_those_rated_not_even_with_consent(self, as_):
        for project, consent in (("NJ-2", []), ("NJ-3", ["contact_department"])):
            order = bad_order(project, consent=consent)
            with held_at(LATER):
                drawn = as_("rectifier").get(f"/console/orders/{order.order_no}/").content.decode()
                answer = as_("rectifier").post(f"/console/orders/{order.order_no}/others")
            assert "同一评价人" not in drawn
            assert answer.status_code == 403
        assert not Audit.objects.filter(action="look_at_rater").exists()


class TestWhoSeesLess:
    """What a view of an order hides is found out neither by searching nor by filtering nor by sorting."""

    def opened(self, as_) -> Order:
        order = bad_order(writingEvaluation="叫号机坏了")
        do(as_("rectifier"), order, "sign")
        open_to_clerk(as_, order)
        return do(as_("rectifier"), order, "confirm", **CONFIRM)

    def test_a_clerk_finds_an_order_by_number_and_item_and_by_nothing_else(self, as_):
        order = self.opened(as_)
        client = as_("clerk")
        everything = {order.order_no}
        assert numbers_listed(client, "state=all") == numbers_listed(client, "q=食品") == everything
        assert numbers_listed(client, f"q={order.order_no[:13]}") == everything
        assert numbers_listed(client, "q=只开一个窗口") == numbers_listed(client, "q=南京市市场") == set()
        for query in (
            "cause=system",
            "severity=complex",
            "real_name=false",
            "verdict=satisfied",
            "due=late",
            "organ=苏州",
        ):
            assert numbers_listed(client, f"state=all&{query}") == everything, "what they may not know does not narrow"
        drawn = page(client, "state=all")
        for hidden in (
            "承办单位</label>",
            "原因</label>",
            "只看",
            "本步期限</a>",
            "答复期限</a>",
            'value="cause"',
            'name="pick"',
            "导出",
        ):
            assert hidden not in drawn, hidden
        post(client, "/console/orders/columns", {"column": ["cause", "organ", "level", "real_name"]})
        drawn = page(client, "state=all&sort=cause")
        assert "服务态度" not in drawn
        assert 'aria-sort="ascending"' not in drawn

    def test_who_only_looks_on_does_not_learn_who_gave_their_name(self, as_):
        order = bad_order()
        client = as_("observer")
        for query in ("real_name=false", "reopened=true", "appealed=true", "extension=true"):
            assert numbers_listed(client, f"state=all&{query}") == {order.order_no}
        assert numbers_listed(client, "state=all&cause=system") == set(), "what they are shown they may ask for"
        drawn = page(client, "state=all&sort=real_name")
        assert 'name="column" value="real_name"' not in drawn
        assert 'name="pick"' not in drawn
        assert post(client, "/console/orders/many", {"pick": order.order_no}).status_code == 403


def numbers_listed(client, query: str) -> set[str]:
    """The orders on the page, ticked or not."""
    return {
        each.partition("/")[0] for each in page(client, query).split('class="nowrap"><a href="/console/orders/')[1:]
    }
