"""The console used in a real browser: by keyboard, on a telephone, with and without a script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.analytics.commands import rebuild_lake
from haochaping.kit import clock
from tests.browser.test_console import CONFIRM, bad_order, log_in

if TYPE_CHECKING:
    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"


def test_on_a_phone_the_side_bar_is_a_menu(live: Live, visit: Visit) -> None:
    page = visit(width=390, java_script_enabled=False)
    log_in(page, live, "rectifier")
    link = page.get_by_role("navigation", name="主导航（菜单）").get_by_role("link", name="差评工单")
    expect(link).to_be_hidden()
    page.get_by_text("菜单", exact=True).click()
    link.click()
    expect(page.get_by_role("heading", name="差评工单")).to_be_visible()


def test_without_a_script_an_order_is_signed_and_verified(live: Live, visit: Visit) -> None:
    order = bad_order(live)
    page = visit(width=1280, java_script_enabled=False)
    log_in(page, live, "rectifier")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    page.get_by_role("button", name="下一步：核对").first.click()
    page.get_by_role("button", name="确认提交").click()
    expect(page.get_by_role("status")).to_contain_text("已办理“签收”，现为“核实中”")
    page.get_by_role("button", name="下一步：核对").first.click()
    expect(page.get_by_role("alert")).to_contain_text("请填写“核实情况”")
    for name, value in CONFIRM.items():
        field = page.locator(f"form[action$='/confirm'] [name={name}]")
        if name in {"is_true", "is_reasonable", "severity"}:
            page.locator(f"form[action$='/confirm'] [name={name}][value={value}]").check()
        elif name == "cause":
            field.select_option(value)
        else:
            field.fill(value)
    page.get_by_role("button", name="下一步：核对").first.click()
    expect(page.get_by_text("由“核实中”转入“整改中”")).to_be_visible()
    page.get_by_role("button", name="返回修改").click()
    expect(page.locator("form[action$='/confirm'] [name=findings]")).to_have_value(CONFIRM["findings"])
    page.get_by_role("button", name="下一步：核对").first.click()
    page.get_by_role("button", name="确认提交").click()
    expect(page.get_by_role("status")).to_contain_text("现为“整改中”")


def test_by_keyboard_alone_one_skips_to_the_content_opens_a_move_and_makes_it(live: Live, visit: Visit) -> None:
    order = bad_order(live, 1)
    page = visit(width=1280)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "催办":
            break
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("请今天内核实")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已办理“催办”")


def test_with_a_script_a_filter_changes_list_tabs_and_address_without_a_new_page(live: Live, visit: Visit) -> None:
    mild = bad_order(live, satisfaction=2, evalDetail="209")
    page = visit(width=1280)
    log_in(page, live, "supervisor")
    page.goto(f"{live.url}/console/orders/")
    page.evaluate("window.isSamePage = true")
    page.get_by_label("检索：编号或文字").fill(mild.order_no)
    page.locator("#level").select_option("2")
    expect(page.locator("#rows tbody tr")).to_have_count(1)
    expect(page.locator("#tabs [aria-current]")).to_contain_text("1")
    assert "level=2" in page.url
    assert page.evaluate("window.isSamePage") is True
    page.locator("#level").select_option("1")
    expect(page.get_by_text("没有符合条件的工单")).to_be_visible()


def test_the_chart_is_drawn_and_its_table_says_the_same(live: Live, visit: Visit) -> None:
    bad_order(live)
    rebuild_lake(now=clock.now())
    page = visit(width=1280)
    log_in(page, live, "leader")
    page.get_by_role("link", name="综合概览").first.click()
    part = page.get_by_role("region", name="近30天趋势")
    chart = part.locator(".chart")
    expect(chart.locator("canvas")).to_be_visible()
    assert chart.locator("canvas").bounding_box()["width"] == chart.bounding_box()["width"] > 600
    expect(chart).to_have_attribute("aria-label", re.compile("^近30天趋势图。服务量最高.*数据见表。$"))
    part.get_by_text("查看数据表").click()
    expect(page.get_by_role("region", name="近30天数据表").locator("tbody tr").first).to_be_visible()


def test_words_that_pretend_to_be_markup_do_nothing(live: Live, visit: Visit) -> None:
    words = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    order = bad_order(live, writingEvaluation=words)
    page = visit(width=1280)
    page.on("dialog", lambda _: pytest.fail("a dialog opened"))
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    expect(page.get_by_text(words)).to_be_visible()
    assert order.order_no in page.title()
