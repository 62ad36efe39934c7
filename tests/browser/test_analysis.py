"""自助分析 in a real browser: its chart is drawn from its table, its rows are followed by keyboard, and all of it without script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.analytics.commands import rebuild_lake
from haochaping.kit import clock
from tests.browser.test_console import bad_order, log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_figure_is_followed_by_keyboard_from_the_province_to_its_ratings(
    live: Live,
    visit: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    *,
    script: bool,
) -> None:
    bad_order(live, writingEvaluation="排队两小时")
    rebuild_lake(now=clock.now())
    page = visit(width=1280, java_script_enabled=script)
    log_in(page, live, "leader")
    page.goto(f"{live.url}/console/analysis/slice/?period=this_week")
    chart = page.locator(".chart")
    if script:
        expect(chart.locator("canvas")).to_be_visible()
        assert "各设区市指标图。评价量最高" in (chart.get_attribute("aria-label") or "")
        assert axe(page) == []
        page.set_viewport_size({"width": 390, "height": 900})
        assert axe(page) == []
        assert fits(page)
        page.set_viewport_size({"width": 1280, "height": 900})
    else:
        expect(chart).to_have_count(0)
    page.get_by_label("列", exact=True).select_option("level")
    page.get_by_role("button", name="统计").press("Enter")
    expect(page.get_by_role("columnheader", name="非常不满意", exact=True)).to_be_visible()
    page.get_by_label("列", exact=True).select_option("")
    page.get_by_role("button", name="统计").press("Enter")
    for place in ("南京市", "玄武区", "南京市市场监督管理局", "食品经营许可（新办）"):
        page.get_by_role("rowheader", name=place).get_by_role("link").press("Enter")
    expect(page.get_by_role("heading", name="评价明细")).to_be_visible()
    expect(page.get_by_text("排队两小时").first).to_be_visible()
    if script:
        assert axe(page) == []
        assert fits(page)
