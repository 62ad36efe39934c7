"""The list of orders in a real browser: by keyboard, many at a time without a script, fit to be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.rectification.models import Order
from tests.browser.test_console import bad_order, log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"


@pytest.mark.parametrize("width", [390, 1280])
def test_the_list_with_everything_open_and_the_pages_of_many_are_fit_to_be_read(
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    bad_order(live), bad_order(live, 1)
    page = visit(width=width, height=900)
    log_in(page, live, "supervisor")

    def check() -> None:
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], page.url
        assert fits(page), page.url

    page.goto(f"{live.url}/console/orders/?state=open&level=1")
    for words in ("更多条件", "保存筛选、选择列", "快捷键"):
        page.get_by_text(words, exact=True).click()
    page.get_by_label("名称").fill(f"一星{width}")
    check()
    page.get_by_role("button", name="保存筛选").click()
    expect(page.get_by_role("navigation", name="我的筛选").get_by_role("link", name=f"一星{width}")).to_be_visible()
    check()
    page.get_by_role("checkbox", name="勾选 CP").first.check()
    page.get_by_role("button", name="批量办理勾选的").click()
    check()
    urge = page.locator("details:has(input[value=urge])")
    if urge.get_attribute("open") is None:
        urge.locator("summary").click()
    urge.locator("textarea").fill("请抓紧办理")
    page.locator("form:has(input[value=urge])").get_by_role("button").click()
    expect(page.get_by_role("heading", name="请核对：批量催办")).to_be_visible()
    check()
    page.get_by_role("button", name="确认办理").click()
    expect(page.get_by_role("status")).to_contain_text("已办理 1 件")
    check()


def test_by_keyboard_one_goes_down_the_rows_ticks_opens_and_searches(live: Live, visit: Visit) -> None:
    bad_order(live), bad_order(live)
    page = visit(width=1280)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/orders/?state=open")
    links, ticks = page.locator("tbody th a"), page.locator("tbody [name=pick]")
    page.keyboard.press("j")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(links.nth(1)).to_be_focused()
    page.keyboard.press("x")
    expect(ticks.nth(1)).to_be_checked()
    expect(ticks.nth(0)).not_to_be_checked()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("k")
    expect(links.nth(0)).to_be_focused()
    page.keyboard.press("/")
    search = page.locator("#q")
    expect(search).to_be_focused()
    page.keyboard.type("jkx?/")
    expect(search).to_have_value("jkx?/")
    page.keyboard.press("Tab")
    expect(page.locator("#organ")).to_be_focused()
    page.keyboard.press("Control+j")
    page.goto(f"{live.url}/console/orders/?state=open")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_have_attribute("open", "")
    page.keyboard.press("?")
    page.keyboard.press("j")
    number = links.nth(0).text_content()
    page.keyboard.press("Enter")
    expect(page.locator(".headline")).to_contain_text(number or "")


def test_one_box_ticks_the_page_with_a_script_and_without_one_a_button_takes_it(live: Live, visit: Visit) -> None:
    order = bad_order(live)
    page = visit(width=1280)
    log_in(page, live, "rectifier")
    page.goto(f"{live.url}/console/orders/?q={order.order_no}")
    page.get_by_label("勾选本页全部").check()
    expect(page.locator("tbody [name=pick]")).to_be_checked()
    page = visit(width=1280, java_script_enabled=False)
    log_in(page, live, "rectifier")
    page.goto(f"{live.url}/console/orders/?q={order.order_no}")
    expect(page.get_by_label("勾选本页全部")).to_be_hidden()
    page.get_by_role("button", name="批量办理本页 1 件").click()
    page.locator("form:has(input[value=sign])").get_by_role("button").click()
    page.get_by_role("button", name="确认办理 1 件").click()
    expect(page.get_by_role("status")).to_contain_text("已办理 1 件")
    assert Order.objects.get(pk=order.pk).state == "verifying"


def test_with_a_script_a_saved_filter_is_offered_for_what_the_list_shows_now(live: Live, visit: Visit) -> None:
    bad_order(live)
    page = visit(width=1280)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/orders/?state=open")
    page.evaluate("window.isSamePage = true")
    page.locator("#level").select_option("1")
    expect(page.locator("#rows input[name=query]").first).to_have_value("level=1&state=open")
    assert page.evaluate("window.isSamePage") is True
    page.keyboard.press("j")
    expect(page.get_by_label("勾选本页全部")).to_be_visible()
