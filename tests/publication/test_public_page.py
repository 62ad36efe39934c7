"""`/public/` over a lake of Nanjing, Suzhou and Wuxi: November 2026 is final, December is running."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.analytics import lake
from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.policy.commands import load_pack
from haochaping.publication.commands import publish_due
from haochaping.publication.models import Correction, Issue, Line
from tests.analytics.lake_rows import fill, noon, order, service
from tests.publication.conftest import NOW, forget

if TYPE_CHECKING:
    from django.test import Client

NANJING, SUZHOU, WUXI = (
    {"area_path": area, "organ_code": f"O{area}", "item": f"T{area}"} for area in ("320102", "320508", "320213")
)
GULOU = {"area_path": "320106", "organ_code": "O320106", "item": "T320106"}


def refill(*given: Any) -> None:
    """Another lake in place of the first, with a version of its own as every refresh gives it."""
    fill(*given)
    for _ in range(next(_times)):
        lake.swap(lake.read(), {}, now=NOW)


_times = count(1)


def many(n: int, level: int, on: str = "11-02", **more: Any) -> list[dict[str, Any]]:
    return [service(on, level, **more) for _ in range(n)]


@pytest.fixture
def three_cities() -> None:
    fill(
        [
            *many(95, 5, **NANJING), *many(5, 1, **NANJING), *[service("11-03", **NANJING) for _ in range(25)],
            *many(1, 1, excluded=True, **NANJING), *many(40, 4, **SUZHOU), *many(10, 4, **WUXI),
            *many(30, 5, "12-03", **NANJING), *many(8, 5, "12-18", **SUZHOU),
        ],
        [order("11-03", "11-10", "11-05", **NANJING) for _ in range(6)],
    )  # fmt: skip
    publish_due(now=NOW)


def lines(client: Client, query: str = "") -> list[dict[str, str]]:
    text = client.get(f"/public/table.csv{query}").content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def read(client: Client, path: str = "") -> str:
    answer = client.get(f"/public/{path}")
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_every_figure_shows_its_parts_interval_period_and_definition(client: Client, three_cities: None) -> None:
    page = read(client)
    assert "江苏省政务服务“好差评”结果公示" in page
    assert "2026年11月 · 定稿" in page
    assert re.search(r"主动好评率</dt><dd><strong[^>]*>96.67%</strong><span[^>]*>145 ÷ 150</span>", page)
    assert "95%区间 92.43%～98.57%" in page
    assert (
        "主动评价中基本满意及以上 ÷ 主动评价（不含监督查评）。评价日 2026-11-01 至 2026-11-30；不含系统巡检和已排除的评价"
        in page
    )
    assert re.search(r"未评率</dt><dd><strong[^>]*>14.29%</strong><span[^>]*>25 ÷ 175</span>", page)


def test_the_month_that_runs_is_told_as_a_whole_and_marked_provisional(client: Client, three_cities: None) -> None:
    page = read(client)
    assert "12月至今（初步数）" in page
    assert "38 ÷ 38" in page
    early = read(client, "?month=2026-12")
    assert "2026年12月1日至12月19日" in early
    assert "截至12月19日的初步数" in early
    assert client.get("/public/places/3201/?month=2026-12").status_code == 404, "no place of its own before it is final"


def test_places_are_ranked_by_the_cautious_end_and_small_samples_are_not(client: Client, three_cities: None) -> None:
    table = lines(client)
    assert [(line["名次"], line["设区市代码"]) for line in table] == [("1", "3205"), ("2", "3201"), ("", "3202")]
    page = read(client)
    assert page.count('<rect class="range"') == 2, "only who is ranked stands in the chart"
    assert "≈" in page.split("<tbody>")[1], "Nanjing's interval meets Suzhou's"


def test_the_table_and_the_csv_say_the_same(client: Client, three_cities: None) -> None:
    page = read(client)
    for line in lines(client):
        assert line["主动好评率"] in page
        assert f"{int(line['主动好评率分子']):,} ÷ {int(line['主动好评率分母']):,}" in page
    nanjing = next(line for line in lines(client) if line["设区市代码"] == "3201")
    assert nanjing["排除评价数"] == "不公布"
    assert nanjing["未评率"] == "20.00%"


def test_no_cell_of_the_csv_is_a_formula(client: Client, three_cities: None) -> None:
    text = client.get("/public/table.csv").content.decode("utf-8-sig")
    assert "'=苏州市" in text
    assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell[:1] in set("=+-@\t\r")]


def test_numbers_of_fewer_than_five_are_hidden_and_not_to_be_had_by_subtraction(client: Client) -> None:
    fill([*many(100, 5, **NANJING), *many(60, 5, **SUZHOU), *many(2, 1, **WUXI)])
    publish_due(now=NOW)
    table = {line["设区市代码"]: line for line in lines(client)}
    assert table["3202"]["评价量"] == "不公布"
    assert table["3202"]["差评率分子"] == ""
    assert table["3205"]["评价量"] == "不公布", "the next smallest goes too, or the total would tell"
    assert table["3201"]["评价量"] == "100"
    assert "2 ÷ 2" not in read(client)
    assert "60 ÷ 60" not in read(client, "places/3205/")
    assert "60 ÷ 60" not in read(client, "places/320508/"), "nor from the county that is all of it"
    assert Line.objects.filter(area__startswith="3205", parts__has_key="ratings").count() == 0, "it is not even kept"


def test_a_city_opens_into_its_counties_and_a_county_into_its_organs(client: Client) -> None:
    fill([*many(40, 5, **NANJING), *many(50, 4, **GULOU), *many(50, 4, **SUZHOU)])
    publish_due(now=NOW)
    assert {line["县（市、区）"] for line in lines(client, "?area=3201")} == {"玄武区", "鼓楼区"}
    page = read(client, "places/3201/")
    assert "南京市政务服务" in page
    assert 'href="/public/places/320106/"' in page
    assert 'href="/public/places/3201/"' in read(client, "places/320106/"), "the way back up"
    assert "各单位主动好评率" in read(client, "places/320106/")


def test_what_a_province_does_itself_is_not_the_sum_of_its_counties(client: Client) -> None:
    own = {"area_path": "32", "organ_code": "O32", "item": "T32"}
    fill([*many(40, 5, **own), *many(40, 5, **NANJING), *many(50, 4, **GULOU)])
    publish_due(now=NOW)
    page = read(client, "places/3200/")
    assert "各单位主动好评率" in page
    assert "鼓楼区" not in page


def test_before_the_first_rating_the_page_says_so(client: Client) -> None:
    assert "这一期还没有数据" in read(client)
    for path in ("items/", "organs/", "replies/", "method/", "months/", "data/", "sitemap.xml", "data/index.json"):
        read(client, path)
    assert client.get("/public/table.csv").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "?month=2020-01", "?month=x", "?month=2027-12", "places/32%27/", "places/9999/", "places/320199/", "organs/none/",
        "items/none/", "items/?page=x", "data/haochaping-2026-12.csv", "data/..%2Fmanifest.json", "data/haochaping-2026-11.exe",
    ],
)  # fmt: skip
def test_what_is_not_published_is_not_found_and_says_so_in_plain_words(
    client: Client, three_cities: None, path: str
) -> None:
    answer = client.get(f"/public/{path}")
    assert answer.status_code == 404
    assert "<h1>没有找到" in answer.content.decode()


def test_a_region_whose_policy_discloses_nothing_is_in_no_line_and_in_no_sum(client: Client) -> None:
    table = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
    table |= {"region": "3205", "pack": "suzhou-test", "valid_from": date(2019, 9, 9)}
    table["disclosure"] = table["disclosure"] | {"public_ratings": False}
    load_pack(table, "test", NOW)
    forget()
    fill([*many(95, 5, **NANJING), *many(40, 4, **SUZHOU), *many(30, 4, **WUXI)])
    publish_due(now=NOW)
    assert [line["设区市代码"] for line in lines(client)] == ["3201", "3202"]
    assert "125 ÷ 125" in read(client)
    assert "165" not in read(client)


def test_the_page_is_light_and_needs_no_script(client: Client, three_cities: None) -> None:
    page = read(client)
    sheets = ("tokens.css", "citizen.css", "public.css")
    css = sum((ROOT / "haochaping/project/static/hcp" / f).stat().st_size for f in sheets)
    assert len(page.encode()) + css < 70_000
    assert "style=" not in page
    assert "onclick" not in page
    assert page.count("<script") == 1, "the one of the frame, which the page does without"
    assert 'class="elder"' in read(client, "?elder=1")


def test_it_is_kept_here_and_at_whoever_asked(
    client: Client, three_cities: None, django_assert_num_queries: Any
) -> None:
    first = client.get("/public/")
    fill([])
    with django_assert_num_queries(0):
        assert "96.67%" in client.get("/public/?utm=1").content.decode()
        again = client.get("/public/", HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert first["Cache-Control"] == again["Cache-Control"] == "public, max-age=60"
    assert first["Vary"] == "Cookie"
    assert client.get("/public/months/", HTTP_IF_MODIFIED_SINCE=first["Last-Modified"]).status_code == 200
    old = client.get("/public/places/3201/")
    assert client.get("/public/places/3201/", HTTP_IF_MODIFIED_SINCE=old["Last-Modified"]).status_code == 304
    assert client.get("/public/?elder=1")["Cache-Control"] == "private, max-age=60", "it sets a cookie"


def test_a_final_month_stays_as_it_was_published_and_what_changed_is_dated_beside_it(
    client: Client, three_cities: None
) -> None:
    assert publish_due(now=NOW) == []
    refill([*many(120, 5, **NANJING), *many(40, 4, **SUZHOU), *many(2, 1, **WUXI)])
    with clock.held_at(later := NOW + timedelta(days=2)):
        publish_due(now=later)
        publish_due(now=later)
        forget()
        page = read(client)
        archive = read(client, "months/")
    assert re.search(r"主动好评率</dt><dd><strong[^>]*>96.67%</strong><span[^>]*>145 ÷ 150</span>", page)
    assert "公布后的变化（<time" in page
    assert "2026年12月22日" in archive
    assert "160 ÷ 162" in page, "how it is now"
    assert Correction.objects.count() == 1
    assert [line["评价量"] for line in lines(client)] == ["40", "100", "10"]


def test_a_change_of_few_is_no_correction(three_cities: None) -> None:
    refill([
        *many(96, 5, **NANJING), *many(5, 1, **NANJING), *many(1, 1, excluded=True, **NANJING), *many(40, 4, **SUZHOU),
        *many(10, 4, **WUXI), *[service("11-03", **NANJING) for _ in range(25)],
    ], [order("11-03", "11-10", "11-05", **NANJING) for _ in range(6)])  # fmt: skip
    publish_due(now=NOW + timedelta(days=1))
    assert not Correction.objects.exists()


def test_a_month_is_final_once_the_days_of_the_policy_are_over(client: Client) -> None:
    fill([*many(60, 5, **NANJING), *many(40, 4, **SUZHOU)])
    publish_due(now=noon("12-10"))
    assert not Issue.objects.filter(is_final=True).exists()
    assert set(Line.objects.values_list("kind", flat=True)) == {"all", "city"}, "no county, organ or item before"
    publish_due(now=noon("12-11"))
    assert Issue.objects.get(is_final=True).as_of == date(2026, 11, 30)


@pytest.mark.parametrize("is_published", [True, False])
def test_nobody_watches_today_s_ratings_come_in(client: Client, is_published: bool) -> None:
    known = [*many(30, 5, "12-03", **NANJING), *many(9, 1, "12-03", **NANJING), *many(40, 4, "12-03", **SUZHOU)]
    fill(known)
    if is_published:
        publish_due(now=NOW)
    assert "9 ÷ 79" in read(client, "?month=2026-12")
    refill([*known, *many(1, 1, "12-20", **NANJING), *(many(1, 1, "12-19", **NANJING) if is_published else [])])
    publish_due(now=NOW) if is_published else None
    forget()
    assert "9 ÷ 79" in read(client, "?month=2026-12"), (
        "whoever knows who was there a minute ago would know what they said"
    )


def test_on_its_first_day_nothing_is_told_of_a_month(client: Client) -> None:
    fill(many(50, 5, "12-01", **NANJING))
    with clock.held_at(noon("12-01")):
        assert "这一期还没有数据" in read(client, "?month=2026-12")


def test_two_looks_at_a_running_month_do_not_tell_a_single_rating() -> None:
    fill([*many(30, 5, "12-03", **NANJING), *many(40, 4, "12-03", **SUZHOU)])
    publish_due(now=NOW)
    refill([*many(30, 5, "12-03", **NANJING), *many(1, 1, "12-04", **NANJING), *many(40, 4, "12-03", **SUZHOU)])
    assert publish_due(now=NOW) == [], "not today"
    refill([*many(36, 5, "12-03", **NANJING), *many(40, 4, "12-03", **SUZHOU)])
    assert len(publish_due(now=NOW)) == 1, "six more are nobody's in particular"
    refill([*many(37, 5, "12-03", **NANJING), *many(40, 4, "12-03", **SUZHOU)])
    assert publish_due(now=NOW + timedelta(days=1)) == [], "nor the next day"
    assert len(publish_due(now=NOW + timedelta(days=7))) == 1, "in a week it may have been anybody"


def test_machines_may_read_what_is_published_only(client: Client, three_cities: None) -> None:
    robots = client.get("/robots.txt").content.decode()
    assert "Disallow: /\n" in robots
    assert "Allow: /public/" in robots
    assert "/public/places/3201/</loc>" in read(client, "sitemap.xml")


def test_a_request_that_cannot_be_read_is_told_so_in_plain_words(client: Client) -> None:
    answer = client.get("/public/", HTTP_HOST="elsewhere.example")
    assert answer.status_code == 400
    assert "<h1>这个请求有误</h1>" in answer.content.decode()
