"""自助分析 and 评价明细: any slice by its address, followed down to its ratings; what is closed stays closed."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from haochaping.accounts.models import Audit, Grant, Person
from haochaping.accounts.rules import Role
from haochaping.analytics.commands import rebuild_lake
from haochaping.evaluation.commands import rule
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from tests.cast import BAD, NANJING, NANJING_ITEM, NOW, PROVINCE_OFFICE, wire_rating, wire_service
from tests.console.stage import CANARIES, CASE, bad_order, suzhou_order, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpResponse
    from django.test import Client

    As = Callable[[str], Client]

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
SLICE, RATINGS = "/console/analysis/slice/", "/console/analysis/ratings/"


def look(client: Client, path: str = SLICE, *, status: int = 200, now: object = LATER, **words: str) -> str:
    with held_at(now):  # type: ignore[arg-type]
        answer: HttpResponse = client.get(f"{path}?{urlencode(words)}")
    assert answer.status_code == status
    return answer.content.decode()


def link(page: str, words: str) -> str:
    """Where the link leads that says so."""
    (found,) = {
        unescape(url)
        for url, said in re.findall(r'<a href="([^"]*)"[^>]*>(.*?)</a>', page)
        if text(said).strip() == words
    }
    return found


@pytest.fixture
def figures(cast: object) -> None:
    """Eight good ratings and two bad ones in Nanjing, one bad one in Suzhou."""
    for n in range(8):
        admit_services([wire_service(f"G-{n}")], source="test", now=NOW)
        admit([read_evaluation(wire_rating(f"G-{n}"), source="test", best_is_one=False)], now=NOW)
    bad_order(CASE, writingEvaluation="我叫钱密探，电话13912345678，排队两小时")
    bad_order("B-2")
    suzhou_order()
    rebuild_lake(now=NOW)


class TestTheSlice:
    def test_the_usual_one_is_this_month_by_what_lies_below(self, figures: None, as_: As) -> None:
        page = text(look(as_("leader")))
        assert "2026-06-01 至 2026-06-10" in page
        assert "南京市 10 80.00% 8 ÷ 10" in page
        assert "合计 11 72.73% 8 ÷ 11" in page
        assert "主动评价中基本满意及以上 ÷ 主动评价（不含监督查评）。本值 8 ÷ 11。" in page

    def test_it_is_followed_from_the_province_to_a_single_rating(self, figures: None, as_: As) -> None:
        client = as_("leader")
        with held_at(LATER):
            page = look(client, by="province")
            for place in ("江苏省", "南京市", "玄武区", "南京市市场监督管理局"):
                page = client.get(link(page, place)).content.decode()
            assert "地区" in page
            ratings = client.get(link(page, "食品经营许可（新办）")).content.decode()
        assert "共 10 条" in ratings
        assert "电话139****5678" in ratings
        assert text(ratings).count("2026-06-10 ") >= 10

    def test_a_row_of_time_becomes_the_period(self, figures: None, as_: As) -> None:
        page = look(as_("leader"), by="month", period="this_year")
        url = link(page, "2026-06")
        assert "from=2026-06-01" in url
        assert "by=day" in url

    def test_two_dimensions_are_a_cross_table(self, figures: None, as_: As) -> None:
        page = look(as_("leader"), by="city", across="level", metrics="ratings")
        assert 'data-chart="stack"' in page
        assert "南京市 · 8 2" not in text(page)
        assert re.search(r"南京市 2 8|南京市 8 2", text(page))

    def test_every_filter_stands_as_a_chip_that_takes_it_away(self, figures: None, as_: As) -> None:
        page = look(as_("leader"), area="3201", channel="4", real_name="false", party="citizen", level="5", by="window")
        words = text(page)
        for chip in ("地区：江苏省南京市", "渠道：", "实名：非实名", "评价对象：个人", "满意度：非常满意"):
            assert chip in words
        assert "A01 综合窗口 8" in words
        assert "channel=4" not in next(
            unescape(u)
            for u, s in re.findall(r'<a class="chip-link" href="([^"]*)"[^>]*>(.*?)</a>', page)
            if "渠道" in s
        )

    def test_names_are_typed_and_what_fits_twice_is_asked_back(self, figures: None, as_: As) -> None:
        client = as_("leader")
        assert "南京市 10" in text(look(client, organ_path="南京市市场监督管理局", by="city"))
        page = look(client, organ_path="市场监督管理局", status=422)
        assert "单位（含下属）：有2个单位符合" in text(page)
        assert 'is-wrong" id="f-organ_path"' in page
        assert 'value="市场监督管理局"' in page

    @pytest.mark.parametrize(
        ("words", "field"),
        [
            ({"period": "custom", "from": "2026-06-10", "to": "2026-06-01"}, "截止日期"),
            ({"period": "custom", "from": "yesterday"}, "起始日期"),
            ({"period": "sometime"}, "时段"),
            ({"by": "shoe"}, "行"),
            ({"by": "city", "across": "city"}, "列"),
            ({"metrics": "ratings", "by": "cause"}, "行"),
            ({"level": "many"}, "满意度"),
            ({"month": "2026-06"}, "月份"),
            ({"period": "custom", "from": "0001-01-01", "to": "0001-01-31", "compare": "both"}, "起始日期"),
            ({"period": "custom", "from": "9999-12-01", "to": "9999-12-31"}, "起始日期"),
            ({"level": "9" * 20}, "满意度"),
            ({"channel": "10"}, "渠道"),
        ],
    )
    def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(
        self, figures: None, as_: As, words: dict[str, str], field: str
    ) -> None:
        assert f"{field}：" in text(look(as_("leader"), status=422, **words))

    def test_last_year_and_the_time_before_stand_beside(self, cast: object, as_: As) -> None:
        bad_order("OLD", day="2026-05-05", now=NOW - timedelta(days=36))
        bad_order("NEW")
        bad_order("NEW-2")
        rebuild_lake(now=NOW)
        page = text(look(as_("leader"), compare="both", metrics="ratings,bad_rate"))
        assert "南京市 2 环比 上升1" in page
        assert "合计 2 环比 上升1 同比 上升2" in page

    def test_it_is_sorted_by_any_column(self, figures: None, as_: As) -> None:
        client = as_("leader")
        assert text(look(client, sort="-bad_rate")).index("苏州市 1") < text(look(client, sort="-bad_rate")).index(
            "南京市 10"
        )
        assert text(look(client, sort="bad_rate")).index("南京市 10") < text(look(client, sort="bad_rate")).index(
            "苏州市 1"
        )

    def test_without_cases_it_says_so(self, figures: None, as_: As) -> None:
        assert "没有数据。可以换一个时段" in look(as_("leader"), area="3202")

    def test_a_city_and_an_organ_see_their_own(self, figures: None, as_: As) -> None:
        for username in ("city", "rectifier"):
            page = text(look(as_(username), area="32", by="city"))
            assert "8 ÷ 10" in page
            assert "苏州市 1" not in page

    def test_figures_of_orders_lead_to_the_orders(self, figures: None, as_: As) -> None:
        client = as_("leader")
        page = look(client, by="level", metrics="orders")
        (url,) = {unescape(found) for found in re.findall(r'href="(/console/orders/[^"]*level=1)"', page)}
        assert "since=2026-06-01&until=2026-06-10" in url
        with held_at(LATER):
            assert "共 3 件" in client.get(url).content.decode()

    def test_the_sheet_says_what_the_page_says(self, figures: None, as_: As) -> None:
        client = as_("analyst")
        with held_at(LATER):
            answer = client.post(f"{SLICE}export?by=city&metrics=ratings,good_rate", {"format": "csv"})
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert rows[0][:8] == [
            "设区市",
            "设区市代码",
            "评价量",
            "评价量·分子",
            "评价量·分母",
            "主动好评率",
            "主动好评率·分子",
            "主动好评率·分母",
        ]
        assert rows[1][0] == "南京市"
        assert rows[1][2] == "10"
        assert rows[1][5:8] == ["80.00%", "8", "10"]
        assert rows[-1][0] == "合计"
        line = Audit.objects.get(action="export")
        assert (line.subject, line.facts["rows"]) == ("slice", 3)

    def test_it_is_kept_under_a_name(self, figures: None, as_: As) -> None:
        client = as_("leader")
        query = urlencode({"period": "last_month", "by": "channel"})
        with held_at(LATER):
            client.post(f"{SLICE}save", {"query": query, "name": "上月各渠道"})
            page = client.get(SLICE).content.decode()
            assert link(page, "上月各渠道") == f"?{query}"
            gone = re.search(r"/analysis/slice/saved/(\d+)/delete", page)
            assert gone is not None
            assert as_("city").post(f"/console{gone[0]}").status_code == 404
            client.post(f"/console{gone[0]}")
            assert "上月各渠道" not in text(
                client.get(SLICE).content.decode().split("<main")[1].split("已删除")[1].split("</p>", 1)[1]
            )


class TestWhoIsRated:
    def test_a_clerk_sees_whole_months_of_at_least_five_and_no_second_cut(self, figures: None, as_: As) -> None:
        july = NOW + timedelta(days=26)
        assert "食品经营许可（新办） 10" not in text(look(as_("clerk"), now=july)), "June is over since six days only"
        client = as_("clerk")
        page = text(look(client, now=july + timedelta(days=1)))
        assert "2026-06-01 至 2026-06-30" in page
        assert "食品经营许可（新办） 10" in page
        assert "8 ÷ 10" not in page, "the other two would be told by subtraction"
        for words in (
            {"by": "day"},
            {"by": "window"},
            {"across": "level"},
            {"channel": "4"},
            {"from": "2026-06-10"},
            {"compare": "year"},
        ):
            look(client, status=422, now=july + timedelta(days=1), **words)
        assert "查看单条评价" not in page

    def test_a_sum_of_points_does_not_tell_a_clerk_the_one_bad_rating(self, figures: None, as_: As) -> None:
        client, august = as_("clerk"), NOW + timedelta(days=27)
        page = look(client, metrics="ratings,score", status=422, now=august)
        assert "指标：您的角色不能看“平均分”" in text(page)
        assert 'value="score"' not in look(client, now=august)

    @pytest.mark.parametrize("role", [Role.ANALYST, Role.OBSERVER])
    def test_who_looks_on_besides_does_not_see_their_window_by_the_day(
        self, figures: None, as_: As, role: Role
    ) -> None:
        person = Person.objects.get(username="clerk")
        Grant.objects.create(person=person, role=role, organ=f"/{PROVINCE_OFFICE}/{NANJING}/")
        client, day = as_("clerk"), {"from": "2026-06-10", "to": "2026-06-10"}
        for path in ("themes/windows/", "themes/clusters/", "themes/profile/", "ranking/"):
            look(client, f"/console/analysis/{path}", status=403, **day)
        look(client, "/screen", status=403)
        assert "2 ÷ 10" not in text(look(client, "/console/overview/"))

    def test_a_clerk_opens_no_single_rating_and_takes_no_sheet(self, figures: None, as_: As) -> None:
        client = as_("clerk")
        look(client, RATINGS, status=403)
        with held_at(LATER):
            assert client.post(f"{SLICE}export").status_code == 403

    def test_a_second_hat_does_not_show_a_clerk_their_own_window(self, figures: None, as_: As) -> None:
        person = Person.objects.get(username="clerk")
        Grant.objects.create(person=person, role=Role.OBSERVER, area="32")
        client = as_("clerk")
        look(client, RATINGS, status=403)
        with held_at(LATER):
            assert client.post(f"{SLICE}export").status_code == 403
        look(client, channel="4", status=422)

    def test_who_only_looks_on_is_shown_no_staff(self, figures: None, as_: As) -> None:
        assert "窗口人员" in look(as_("leader"), by="clerk")
        for username in ("observer", "analyst"):
            look(as_(username), by="clerk", status=422)
            look(as_(username), RATINGS, clerk="NJ-0001", status=422)

    @pytest.mark.parametrize("username", ["leader", "city", "rectifier", "observer", "analyst", "supervisor"])
    def test_nobody_reads_who_rated_which_case_at_what_time(self, figures: None, as_: As, username: str) -> None:
        page = look(as_(username), RATINGS)
        assert "排队两小时" in page
        assert [word for word in (*CANARIES, "09:30", "17:30", "李窗口", "NJ-0001") if word in page] == []


class TestTheRatings:
    def test_an_excluded_one_is_marked_and_counted_apart(self, figures: None, as_: As) -> None:
        order = bad_order("OUT")
        rule(order.pk, excludes=True, kind="fraud", reason="刷评", by="督办", now=NOW)
        rebuild_lake(now=NOW)
        page = text(look(as_("city"), RATINGS))
        assert "共 11 条，其中 1 条已排除" in page
        assert page.count("已排除 ") == 1
        assert "共 1 条" in text(look(as_("city"), RATINGS, only="excluded"))

    def test_its_order_is_linked_for_who_may_see_it(self, figures: None, as_: As) -> None:
        assert "/console/orders/CP" in look(as_("rectifier"), RATINGS, level="1")

    def test_every_filter_of_the_lake_finds_the_same_in_postgresql(self, figures: None, as_: As) -> None:
        client, path = as_("leader"), f"/{PROVINCE_OFFICE}/{NANJING}/"
        for words, n in (
            ({"area": "3201"}, 10), ({"city": "3205"}, 1), ({"county": "320102"}, 10), ({"organ": NANJING}, 10),
            ({"organ_path": path}, 10), ({"hall": "NJ"}, 10), ({"window": "NJ-A01"}, 10), ({"clerk": "NJ-0001"}, 10),
            ({"item": NANJING_ITEM}, 10), ({"item_kind": "01"}, 11), ({"is_enterprise": "false"}, 11),
            ({"is_enterprise": "true"}, 0), ({"aspect": "service"}, 11), ({"point": "-"}, 11), ({"channel": "4"}, 8),
            ({"channel": "3,4"}, 11), ({"level": "1"}, 3), ({"level": "5"}, 8), ({"real_name": "true"}, 2),
            ({"real_name": "false"}, 9), ({"party": "citizen"}, 11), ({"party": "enterprise"}, 0), ({"mode": "on_site"}, 11),
            ({"has_case": "true"}, 11), ({"has_case": "false"}, 0), ({"indicator": "115"}, 3), ({"indicator": "510"}, 8),
            ({"theme": "-"}, 11),
        ):  # fmt: skip
            page = text(look(client, RATINGS, **words))
            assert (f"共 {n} 条" if n else "没有评价") in page, words
            assert len(re.findall(r"2026-06-10 ", page.split("怎么说的 工单")[-1])) == n or not n, words

    def test_it_is_paged_by_fifty_with_a_bounded_number_of_questions(self, cast: object, as_: As) -> None:
        for n in range(60):
            wire = wire_rating(f"P-{n}", **(BAD if n % 2 else {}))
            admit_services([wire_service(f"P-{n}")], source="test", now=NOW)
            admit([read_evaluation(wire, source="test", best_is_one=False)], now=NOW)
        rebuild_lake(now=NOW)
        client = as_("city")
        look(client, RATINGS)
        with CaptureQueriesContext(connection) as asked:
            page = text(look(client, RATINGS))
        assert "共 60 条，第 1 / 2 页" in page
        assert len(asked) <= 24
        second = text(look(client, RATINGS, page="2"))
        assert second.count("2026-06-10 ") == 11, "ten lines and the head"

    def test_what_only_orders_know_finds_no_ratings(self, figures: None, as_: As) -> None:
        look(as_("leader"), RATINGS, cause="attitude", status=422)


class TestTheDictionary:
    def test_every_metric_has_its_line(self, as_: As) -> None:
        page = look(as_("observer"), "/console/analysis/metrics/")
        for words in (
            "主动好评率",
            "主动评价中基本满意及以上 ÷ 主动评价（不含监督查评）",
            "越高越好",
            "评价日",
            "GB/T 39734-2020",
        ):
            assert words in page
        assert 'id="good_rate"' in page
