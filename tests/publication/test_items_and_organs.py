"""Item and organ pages: found by name, the score beside the guide, twelve months, what was ticked, and what is added up."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.directory import queries as directory
from haochaping.directory.models import Guide, Item, Organ
from haochaping.publication.commands import publish_due
from tests.analytics.lake_rows import fill, service
from tests.publication.conftest import NOW

if TYPE_CHECKING:
    from django.test import Client

BUREAU, CARD, PASS = "11320102014000456K", "T-CARD", "T-PASS"
HERE = {"area_path": "320102", "organ_code": BUREAU, "item": CARD}


def some(n: int, level: int, on: str = "11-02", **more: Any) -> list[dict[str, Any]]:
    return [service(on, level, **(HERE | more)) for _ in range(n)]


@pytest.fixture
def bureau(stage: None) -> None:
    Organ.objects.create(code=BUREAU, name="玄武区公安局", area="320102000000", path=f"/{BUREAU}/")
    shared = {"organ": BUREAU, "area": "320102000000", "valid_from": date(2020, 1, 1)}
    card = Item.objects.create(task_code=CARD, name="居民身份证换领", kind="07", **shared)
    Item.objects.create(task_code=PASS, name="普通护照签发<b>", kind="07", **shared)
    Guide.objects.create(
        item=card,
        conditions="本市户籍居民\n身份证到期",
        materials=["户口簿", {"name": "旧身份证"}],
        steps=["预约", "采集指纹", "领证"],
        promise_days=10,
        fees="20 元",
        rating_channels=[2, 4],
    )
    directory.forget()
    bad = {"indicators": ["115"]}
    fill([
        *some(40, 5), *some(5, 1, **bad), *some(1, 2, indicators=["214"]), *some(30, 5, "10-08"), *some(10, 5, item=PASS),
        *some(3, 5, "10-08", item=PASS), *some(12, 5, "10-08", item="T-OTHER"), *some(50, 4, area_path="320106", organ_code="O2", item="T2"),
    ])  # fmt: skip
    publish_due(now=NOW)


def read(client: Client, path: str) -> str:
    answer = client.get(f"/public/{path}")
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_items_are_found_by_parts_of_their_names_and_of_their_organs(client: Client, bureau: None) -> None:
    assert "居民身份证换领" in read(client, "items/?q=身份证")
    assert "普通护照" not in read(client, "items/?q=身份证")
    assert "40 ÷ 46" in read(client, "items/?q=玄武 身份证"), "its score stands in the list"
    assert "没有找到“<b>驾照”" not in read(client, "items/?q=<b>驾照")
    assert "没有找到“&lt;b&gt;驾照”" in read(client, "items/?q=<b>驾照")
    assert f"/public/organs/{BUREAU}/" in read(client, "organs/?q=公安")


def test_an_item_shows_its_score_beside_its_guide(client: Client, bureau: None) -> None:
    page = read(client, f"items/{CARD}/")
    assert re.search(r"主动好评率</dt><dd><strong[^>]*>86.96%</strong><span[^>]*>40 ÷ 46</span>", page)
    assert "95%区间 74.33%～93.88%" in page
    for told in (
        "行政确认",
        "10 个工作日",
        "20 元",
        "本市户籍居民",
        "身份证到期",
        "户口簿",
        "旧身份证",
        "采集指纹",
        "评价器",
    ):
        assert told in page, told
    assert "&lt;b&gt;" in read(client, f"items/{PASS}/")


def test_an_organ_looks_at_itself(client: Client, bureau: None) -> None:
    page = read(client, f"organs/{BUREAU}/")
    assert re.search(r"主动好评率</dt><dd><strong[^>]*>89.29%</strong><span[^>]*>50 ÷ 56</span>", page)
    assert page.count('<circle class="dot"') == 2, "two months are final"
    assert "近2个月的主动好评率" in page
    assert f'href="/public/items/{CARD}/"' in page
    why = page.split('id="h-why"')[1].split("</section>")[0]
    assert why.count("<li>") == 1, "what was ticked by one or two is not named"
    assert "W1" not in page, "no window"


def test_an_organ_in_several_counties_is_the_sum_of_what_is_told_and_says_what_it_leaves_out(client: Client) -> None:
    Organ.objects.create(code=BUREAU, name="玄武区公安局", area="320102000000", path=f"/{BUREAU}/")
    directory.forget()
    elsewhere = {"organ_code": "O2", "item": "T2"}
    fill([
        *some(40, 5), *some(30, 4, area_path="320106"), *some(2, 1, area_path="320508"),
        *some(20, 5, area_path="320508", **elsewhere), *some(60, 5, area_path="320213", **elsewhere),
    ])  # fmt: skip
    publish_due(now=NOW)
    page = read(client, f"organs/{BUREAU}/")
    assert "70 ÷ 70" in page
    assert "评价过少的地区不公布，也没有计入" in page
    assert "玄武区：主动好评率" in page


def test_a_month_before_can_be_chosen(client: Client, bureau: None) -> None:
    page = read(client, f"items/{CARD}/?month=2026-10")
    assert "30 ÷ 30" in page
    assert "40 ÷ 46" not in page.split('id="h-trend"')[0]
    assert "样本过少" in read(client, f"items/{PASS}/?month=2026-10")


def test_before_anything_is_published_the_guide_is_there(client: Client, stage: None) -> None:
    Organ.objects.create(code=BUREAU, name="玄武区公安局", area="320102000000", path=f"/{BUREAU}/")
    Item.objects.create(
        task_code=CARD, name="居民身份证换领", organ=BUREAU, area="320102000000", valid_from=date(2020, 1, 1)
    )
    directory.forget()
    assert "第一个满月定稿后公布" in read(client, f"items/{CARD}/")
    assert "第一个满月定稿后公布" in read(client, f"organs/{BUREAU}/")
