"""The pages of the themes and the ranking: what they show, to whom, and what they say where there is nothing."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.looks import look_of
from haochaping.console.analysis.themes import THEMES
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from tests.cast import NANJING, NOW, SUZHOU, wire_rating, wire_service
from tests.console.stage import CANARIES, bad_order, suzhou_order, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
PAGES = [reverse(theme.route) for theme in THEMES if theme.route != "console:overview"] + [reverse("console:ranking")]
SEERS = ("supervisor", "city", "rectifier", "observer")


@pytest.fixture
def figures(cast: Any) -> None:
    """Forty good ratings and two bad ones in Nanjing, one bad one in Suzhou."""
    cases = [f"G-{n}" for n in range(40)]
    admit_services([wire_service(case) for case in cases], source="test", now=NOW)
    admit([read_evaluation(wire_rating(case), source="test", best_is_one=False) for case in cases], now=NOW)
    bad_order("B-1")
    bad_order("B-2")
    suzhou_order()
    rebuild_lake(now=NOW)


def look(client: Any, url: str, status: int = 200, now: Any = LATER) -> str:
    with held_at(now):
        answer = client.get(url)
    assert answer.status_code == status, url
    return str(answer.content.decode())


@pytest.mark.parametrize("username", SEERS)
def test_every_theme_opens_within_ones_reach_and_nothing_of_a_rater_stands_there(
    figures: None, as_: Any, username: str
) -> None:
    client = as_(username)
    for url in PAGES:
        page = look(client, url)
        assert not [word for word in CANARIES if word in page], url
        if username in {"city", "rectifier"}:
            assert "苏州" not in page.split("<main")[1], url


@pytest.mark.parametrize("username", ["clerk", "operator", "reviewer", "admin"])
def test_who_is_rated_there_and_who_only_works_on_cases_opens_none(figures: None, as_: Any, username: str) -> None:
    client = as_(username)
    assert {look(client, url, 403) != "" for url in [*PAGES, reverse("console:ranking_export")]} == {True}


def test_before_there_is_a_lake_every_page_says_so(cast: Any, as_: Any) -> None:
    client = as_("leader")
    for url in PAGES:
        assert "没有" in text(look(client, url).split("<main")[1]), url


@pytest.mark.parametrize("by", ["indicator", "cause", "item", "organ", "window"])
def test_bad_ratings_are_clustered_by_what_is_asked(figures: None, as_: Any, by: str) -> None:
    page = text(look(as_("leader"), f"/console/analysis/themes/clusters/?by={by}"))
    assert "差评量 3" in page
    assert {"item": "2 ÷ 3", "organ": "2 ÷ 3", "window": "2 ÷ 3"}.get(by, "差评") in page
    assert "只能按" in look(as_("leader"), "/console/analysis/themes/clusters/?by=name", 422)


def test_a_profile_shows_true_values_and_is_closed_to_other_places(figures: None, as_: Any) -> None:
    url = reverse("console:theme_profile")
    page = text(look(as_("rectifier"), f"{url}?organ={NANJING}"))
    assert "主动好评率 越高越好 — 95.24% 40 ÷ 42" in page
    assert "可比的同类（市级单位）不足5个" in page
    for username in ("rectifier", "city"):
        assert "管辖范围" in look(as_(username), f"{url}?organ={SUZHOU}", 404)
    assert "管辖范围" in look(as_("city"), f"{url}?area=3205", 404)
    assert "40 ÷ 42" in look(as_("rectifier"), f"{url}?area=3205"), (
        "one's own organ: no area is theirs to be compared as"
    )


def test_the_address_carries_days_and_place_and_wrong_ones_are_said(figures: None, as_: Any) -> None:
    client, url = as_("supervisor"), reverse("console:theme_channels")
    page = look(client, f"{url}?from=2026-06-01&to=2026-06-10&area=3205")
    assert "2026-06-01 至 2026-06-10" in text(page)
    assert "苏州市" in text(page)
    assert 'value="2026-06-01"' in page
    assert "这个时段、这个范围还没有数据" in text(look(client, f"{url}?from=2026-01-01&to=2026-01-31"))
    assert "开始日期应不晚于结束日期" in look(client, f"{url}?from=2026-06-09&to=2026-06-01", 422)
    assert "没有这个名称的单位" in look(client, f"{url}?organ=不存在的局", 404)


def test_people_at_windows_are_told_late_and_to_those_above_them_alone(figures: None, as_: Any) -> None:
    url, late = reverse("console:theme_windows"), NOW + timedelta(days=9)
    assert "还没有谁的评价满5条" in look(as_("rectifier"), url), "too fresh"
    for username in ("rectifier", "city", "supervisor", "leader"):
        assert "s-clerk" in look(as_(username), url, now=late), username
    for username in ("analyst", "observer"):
        assert "s-clerk" not in look(as_(username), url, now=late), username


def test_a_ranking_shows_place_parts_interval_and_those_apart(figures: None, as_: Any) -> None:
    page = text(look(as_("leader"), "/console/analysis/ranking/"))
    assert "南京市 1 95.24% 40 ÷ 42" in page
    assert "样本不足30，不排名" in page
    assert "苏州市 — 0% 0 ÷ 1" in page
    assert "按95%置信区间（Wilson）的下限排" in page


def test_every_line_leads_to_its_slice_and_every_figure_to_its_cases(figures: None, as_: Any) -> None:
    client = as_("supervisor")
    for url in (
        "ranking/",
        "ranking/?of=organ",
        "themes/clusters/?by=item",
        "themes/windows/",
    ):
        page = look(client, f"/console/analysis/{url}").split("<main")[1]
        table = "".join(re.findall(r"<table.*?</table>", page, re.DOTALL))
        ways = {html.unescape(way) for way in re.findall(r'href="([^"]+)"', table)}
        assert ways, url
        for way in ways:
            look(client, way)


@pytest.mark.parametrize("metric", ["good_rate_with_default", "ratings", "score", "nonsense"])
def test_what_may_not_be_ranked_is_refused_on_the_page_with_what_to_take(figures: None, as_: Any, metric: str) -> None:
    page = look(as_("leader"), f"/console/analysis/ranking/?metric={metric}", 422)
    assert 'role="alert"' in page
    assert "请" in text(page.split('role="alert"')[1])[:120]


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_the_whole_ranking_is_taken_out_with_its_parts(figures: None, as_: Any, suffix: str) -> None:
    client = as_("supervisor")
    with held_at(LATER):
        answer = client.get(f"/console/analysis/ranking/export?of=organ&format={suffix}")
    assert (answer.status_code, answer["X-Row-Count"]) == (200, "2")
    if suffix == "csv":
        head, first, _ = answer.content.decode("utf-8-sig").strip().splitlines()
        assert head.startswith("名次,单位代码,单位,主动好评率,分子,分母")
        assert first.startswith(f"1,{NANJING},")
        assert ",40,42," in first


@pytest.mark.parametrize(("words", "name"), [({"from": "0001-01-01"}, "开始日期"), ({"to": "0001-01-01"}, "结束日期")])
def test_days_that_have_no_year_before_are_refused(cast: Any, as_: Any, words: dict[str, str], name: str) -> None:
    client = as_("leader")
    for url in (reverse("console:theme_clusters"), reverse("console:ranking")):
        assert f"{name}应在 2000 年至" in look(client, f"{url}?{urlencode(words)}", 422)


def test_a_city_whose_code_ends_in_ten_is_no_other_city(cast: Any) -> None:
    assert look_of(cast.leader, now=NOW, area="321000000000").area == "3210"
