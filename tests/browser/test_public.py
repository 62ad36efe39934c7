"""The public site in a real browser: every page fits, in both sizes of type, and axe finds nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from haochaping.kit import clock
from haochaping.publication.commands import publish_due
from haochaping.publication.rules import months_before
from tests.analytics.lake_rows import fill, service
from tests.cast import NANJING, NANJING_ITEM, SUZHOU, SUZHOU_ITEM

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

PATHS = (
    "", "?month={running}", "?month={final}", "places/3201/", "places/320102/", f"organs/{NANJING}/", f"items/{NANJING_ITEM}/",
    "items/?q=食品", "organs/", "problems/", "replies/", "reports/", "months/", "method/", "data/", "items/none/",
)  # fmt: skip


@pytest.fixture
def published(live: Live) -> dict[str, str]:
    """Two final months and one that runs, of Nanjing and Suzhou; one county is of few."""
    now = clock.now()
    this = clock.day(now).replace(day=1)
    months = [this, months_before(this, 2), months_before(this, 3)]
    places: list[tuple[dict[str, Any], int]] = [
        ({"area_path": "320102", "organ_code": NANJING, "item": NANJING_ITEM}, 20),
        ({"area_path": "320508", "organ_code": SUZHOU, "item": SUZHOU_ITEM}, 15),
        ({"area_path": "320106", "organ_code": NANJING, "item": "T9"}, 10),
        ({"area_path": "320104", "organ_code": "O9", "item": "T8"}, 1),
    ]
    fill([
        service("01-01", level, **place) | dict.fromkeys(("service_day", "rated_day", "counted_day"), month)
        for month in months for place, n in places for level in ((5, 4, 3, 2, 5) if n > 1 else (1,)) for _ in range(n)
    ])  # fmt: skip
    publish_due(now=now + timedelta(seconds=1))
    return {"running": f"{this:%Y-%m}", "final": f"{months[2]:%Y-%m}"}


@pytest.mark.parametrize(("width", "elder"), [(390, "1"), (1440, "0"), (390, "0")])
def test_every_public_page_fits_and_axe_finds_nothing(  # noqa: PLR0917
    live: Live,
    visit: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    published: dict[str, str],
    width: int,
    elder: str,
) -> None:
    page = visit(width)
    page.goto(f"{live.url}/public/?elder={elder}")
    table = page.get_by_role("region", name=re.compile("指标表")).first
    expect(table).to_contain_text("南京市")
    assert table.evaluate("e => e.scrollWidth <= e.clientWidth"), "nothing is cut"
    found = []
    for path in PATHS:
        page.goto(f"{live.url}/public/{path.format(**published)}")
        assert page.locator("h1").count() == 1, path
        found += [] if fits(page) else [f"{path} stands out"]
        if (width, elder) != (390, "0"):
            found += [f"{path}: {fault}" for fault in axe(page)]
    assert found == []


def test_without_a_script_one_finds_an_item_and_its_score_of_another_month(
    live: Live, visit: Callable[..., Page], published: dict[str, str]
) -> None:
    page = visit(1280, java_script_enabled=False)
    page.goto(f"{live.url}/public/")
    page.get_by_role("link", name="事项", exact=True).click()
    page.get_by_label("事项名称").fill("食品")
    page.get_by_role("button", name="查找").click()
    page.locator(f"a[href='/public/items/{NANJING_ITEM}/']").click()
    expect(page.locator("main")).to_contain_text("80 ÷ 100")
    page.get_by_label("看哪个月").select_option(published["final"])
    page.get_by_role("button", name="查看").click()
    expect(page.locator("h2").first).to_contain_text(re.sub(r"(\d+)-0?(\d+)", r"\1年\2月", published["final"]))
