"""`/public/` over a lake of Nanjing, Suzhou and Wuxi, in November 2026."""

from __future__ import annotations

import csv
import io
import re
import sys
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.directory import queries as directory
from haochaping.directory.models import Region
from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.project import assets
from haochaping.publication import queries
from haochaping.publication.rules import axis_start, mark

sys.path.append(str(ROOT / "tests" / "analytics"))
from tests.analytics.lake_rows import fill, noon, order, service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

NOW = noon("11-20")
NANJING, SUZHOU, WUXI = ({"area_path": area} for area in ("320102", "320508", "320213"))


@pytest.fixture(scope="module", autouse=True)
def published_assets() -> None:
    assets.build()


@pytest.fixture(autouse=True)
def stage(db: None, settings: SettingsWrapper, tmp_path: Path) -> Iterator[None]:
    settings.LAKE = tmp_path / "lake"
    names = {
        "32": "江苏省",
        "3201": "南京市",
        "3205": "=苏州市",
        "3202": "无锡市",
        "320102": "玄武区",
        "320106": "鼓楼区",
    }
    for path, name in names.items():
        level = {2: 1, 4: 2, 6: 3}[len(path)]
        parent = path[:-2].ljust(12, "0") if level > 1 else ""
        Region.objects.create(code=path.ljust(12, "0"), name=name, level=level, parent=parent, path=path)
    directory.forget()
    queries.forget()
    with clock.held_at(NOW):
        yield
    queries.forget()
    directory.forget()


def many(count: int, level: int, **more: Any) -> list[dict[str, Any]]:
    return [service("11-02", level, **more) for _ in range(count)]


@pytest.fixture
def three_cities() -> None:
    fill(
        [
            *many(95, 5, **NANJING), *many(5, 1, **NANJING), *[service("11-03", **NANJING) for _ in range(25)],
            *many(1, 1, excluded=True, **NANJING),
            *many(40, 4, **SUZHOU),
            *many(10, 4, **WUXI),
        ],
        [order("11-03", "11-10", "11-05", **NANJING) for _ in range(6)],
    )  # fmt: skip


def lines(client: Client, query: str = "") -> list[dict[str, str]]:
    text = client.get(f"/public/table.csv{query}").content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def test_every_figure_shows_its_parts_period_and_definition(client: Client, three_cities: None) -> None:
    page = client.get("/public/").content.decode()
    assert "江苏省政务服务“好差评”结果公示" in page
    assert "2026年11月1日至11月20日" in page
    assert re.search(r"主动好评率</dt><dd><strong[^>]*>96.67%</strong><span[^>]*>145 ÷ 150</span>", page)
    assert (
        "主动评价中基本满意及以上 ÷ 主动评价（不含监督查评）。评价日 2026-11-01 至 2026-11-20；不含系统巡检和已排除的评价"
        in page
    )
    assert re.search(r"未评率</dt><dd><strong[^>]*>14.29%</strong><span[^>]*>25 ÷ 175</span>", page)


def test_places_are_ranked_by_the_cautious_end_and_small_samples_are_not(client: Client, three_cities: None) -> None:
    table = lines(client)
    assert [(line["名次"], line["设区市代码"]) for line in table] == [("1", "3205"), ("2", "3201"), ("", "3202")]
    page = client.get("/public/").content.decode()
    assert page.count('<rect class="range"') == 2, "only who is ranked stands in the chart"
    assert "≈" in page.split("<tbody>")[1], "Nanjing's interval meets Suzhou's"


def test_the_table_and_the_csv_say_the_same(client: Client, three_cities: None) -> None:
    page = client.get("/public/").content.decode()
    for line in lines(client):
        assert line["主动好评率"] in page
        assert f"{int(line['主动好评率分子']):,} ÷ {int(line['主动好评率分母']):,}" in page
    nanjing = next(line for line in lines(client) if line["设区市代码"] == "3201")
    assert nanjing["排除评价数"] == "少于5"
    assert nanjing["未评率"] == "20.00%"


def test_no_cell_of_the_csv_is_a_formula(client: Client, three_cities: None) -> None:
    text = client.get("/public/table.csv").content.decode("utf-8-sig")
    assert "'=苏州市" in text
    assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell[:1] in set("=+-@\t\r")]


def test_numbers_of_fewer_than_five_are_hidden_and_not_to_be_had_by_subtraction(client: Client) -> None:
    fill([*many(100, 5, **NANJING), *many(60, 5, **SUZHOU), *many(2, 1, **WUXI)])
    table = {line["设区市代码"]: line for line in lines(client)}
    assert table["3202"]["评价量"] == "少于5"
    assert table["3202"]["差评率分子"] == ""
    assert table["3205"]["评价量"] == "少于5", "the next smallest goes too, or the total would tell"
    assert table["3201"]["评价量"] == "100"
    page = client.get("/public/").content.decode()
    assert "2 ÷ 2" not in page
    assert client.get("/public/?area=3205").status_code == 404, "nor from the city's own page"
    assert client.get("/public/?area=3201").status_code == 200


def test_a_city_opens_into_its_counties(client: Client) -> None:
    fill([*many(40, 5, **NANJING), *many(50, 4, area_path="320106"), *many(50, 4, **SUZHOU)])
    table = lines(client, "?area=3201")
    assert {line["县（市、区）"] for line in table} == {"玄武区", "鼓楼区"}
    assert "南京市政务服务" in client.get("/public/?area=3201").content.decode()


def test_before_the_first_rating_the_page_says_so(client: Client) -> None:
    page = client.get("/public/")
    assert page.status_code == 200
    assert "这一期还没有数据" in page.content.decode()
    assert client.get("/public/table.csv").status_code == 200


@pytest.mark.parametrize(
    "query", ["month=2020-01", "month=x", "month=2026-12", "area=32' OR 1", "area=9999", "area=320102"]
)
def test_what_is_not_published_is_not_found(client: Client, three_cities: None, query: str) -> None:
    assert client.get(f"/public/?{query}").status_code == 404


def test_a_region_whose_policy_discloses_nothing_is_left_out(three_cities: None, monkeypatch: Any) -> None:
    import tomllib

    from haochaping.policy.commands import load_pack
    from haochaping.policy.queries import forget

    table = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
    table |= {"region": "3205", "pack": "suzhou-test", "valid_from": date(2019, 9, 9)}
    table["disclosure"] = table["disclosure"] | {"public_ratings": False}
    load_pack(table, "test", NOW)
    forget()
    shown = queries.published(date(2026, 11, 1), "", now=NOW)
    assert [place.key for place in shown.places] == ["3201", "3202"]
    forget()


def test_the_page_is_light_and_needs_no_script(client: Client, three_cities: None) -> None:
    page = client.get("/public/").content
    css = sum(
        (ROOT / "haochaping/project/static/hcp" / f).stat().st_size for f in ("tokens.css", "citizen.css", "public.css")
    )
    assert len(page) + css < 50_000
    text = page.decode()
    assert "style=" not in text
    assert "onclick" not in text
    assert text.count("<script") == 1, "the one of the frame, which the page does without"
    assert 'class="elder"' in client.get("/public/?elder=1").content.decode()


def test_it_is_kept_for_a_minute(client: Client, three_cities: None, django_assert_num_queries: Any) -> None:
    client.get("/public/")
    fill([])
    with django_assert_num_queries(0):
        assert "96.67%" in client.get("/public/").content.decode()


def test_open_data_has_one_line_for_each_month_place_and_metric(three_cities: None) -> None:
    head, rows = queries.open_data(date(2026, 11, 1), date(2026, 11, 30), now=NOW)
    told = {
        (line["month"], line["areaCode"], line["metric"]): line
        for line in (dict(zip(head, row, strict=True)) for row in rows)
    }
    assert len(told) == len(rows) == 3 * len(queries.OPEN)
    good = told["2026-11", "320100000000", "good_rate"]
    assert (good["numerator"], good["denominator"], good["value"]) == (95, 100, 0.95)
    hidden = told["2026-11", "320100000000", "excluded"]
    assert (hidden["numerator"], hidden["value"]) == (None, None)


def test_an_unknown_month_is_refused() -> None:
    with pytest.raises(Refused):
        queries.published(date(2026, 11, 2), "", now=NOW)


def test_the_axis_begins_below_every_interval() -> None:
    assert axis_start([0.961, 0.9999]) == 0.95
    assert axis_start([]) == 0.99
    assert axis_start([0.1]) == 0.0
    at = mark(0.96, 0.97, 0.99, 0.95)
    assert at.low < at.at < at.high <= 100
