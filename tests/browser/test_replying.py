"""Answering a rater, reviewing the answer and calling back, in a real browser: fit to be read, and without a script."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from haochaping.kit import clock
from haochaping.rectification import reply_templates
from haochaping.rectification.commands import perform
from tests.browser.test_console import SUBMIT, bad_order, log_in
from tests.cast import NANJING, PROVINCE_OFFICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from haochaping.rectification.models import Order
    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
STOCK = "我局高度重视，已责成相关科室处理，感谢您的理解与支持。"
TEXT = "您反映的“{事项}”排队问题属实。{日期}起，{措施}，等候时间降到二十分钟以内。"


@pytest.fixture
def is_sound(axe: Callable[[Page], list[str]], fits: Callable[[Page], bool]) -> Callable[[Page], None]:
    def check(page: Page) -> None:
        assert axe(page) == [], page.url
        assert fits(page), page.url

    return check


def go_on(order: Order, live: Live, verb: str, who: str, **facts: Any) -> None:
    perform(order_id=order.pk, verb=verb, actor=getattr(live.cast, who), facts=facts, now=clock.now())


@pytest.mark.parametrize("width", [1280, 390])
def test_an_answer_is_drafted_warned_of_and_sent_back_without_a_script(
    live: Live, visit: Visit, is_sound: Callable[[Page], None], *, width: int
) -> None:
    go_on(bad_order(live, 4), live, "record", "operator", result="satisfied")
    order, now = bad_order(live, 2), clock.now()
    owner = f"3201|/{PROVINCE_OFFICE}/{NANJING}/"
    typed = {"title": f"排队久{width}", "text": TEXT, "cause": "attitude", "owner": owner}
    reply_templates.keep(typed, actor=live.cast.rectifier, now=now)

    page = visit(width=width, height=900, java_script_enabled=False)
    log_in(page, live, "rectifier")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    page.get_by_label("整改措施").fill("加开两个窗口。")
    page.get_by_label("答复模板").select_option(label=f"排队久{width}（南京市市场监督管理局）")
    page.get_by_role("button", name="套用").click()
    reply = page.get_by_label("给评价人的答复")
    expect(reply).to_have_value(re.compile("起，加开两个窗口，等候时间"))
    page.get_by_text("对整改满意").first.click()
    page.get_by_role("button", name="用这条答复作底稿").first.click()
    expect(reply).to_have_value(re.compile(re.escape(SUBMIT["reply"])))
    reply.fill(STOCK)
    page.locator("#f-submit").get_by_role("button", name="下一步：核对").click()
    expect(page.get_by_text("套话空话")).to_be_visible()
    page.get_by_role("button", name="确认提交").click()
    expect(page.get_by_text("现为“待审核”")).to_be_visible()

    page = visit(width=width, height=900, java_script_enabled=False)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    page.get_by_role("button", name="写进发回理由").click()
    expect(page.locator("#m-send_back-reason")).to_have_value(re.compile("1. 套话空话："))


@pytest.mark.parametrize("width", [1280, 390])
def test_its_pages_are_fit_to_be_read(
    live: Live, visit: Visit, is_sound: Callable[[Page], None], *, width: int
) -> None:
    go_on(bad_order(live, 4), live, "record", "operator", result="accepted", pressed="yes", note="有人打电话让改评价")
    order, called = bad_order(live, 2), bad_order(live, 4)
    page = visit(width=width, height=900)
    log_in(page, live, "rectifier")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    page.locator("details.similar summary").first.click()
    is_sound(page)
    page.get_by_label("整改措施").fill("加开两个窗口。")
    page.get_by_label("给评价人的答复").fill(STOCK)
    page.locator("#f-submit").get_by_role("button", name="下一步：核对").click()
    page.wait_for_load_state("networkidle")
    is_sound(page)
    page.get_by_role("button", name="确认提交").click()
    for who, paths in (
        ("city", (f"orders/{order.order_no}/", "callbacks/", "pressings/")),
        ("operator", ("callbacks/", f"orders/{called.order_no}/")),
        ("supervisor", ("templates/", "templates/new")),
    ):
        page = visit(width=width, height=900)
        log_in(page, live, who)
        for path in paths:
            page.goto(f"{live.url}/console/{path}")
            page.wait_for_load_state("networkidle")
            is_sound(page)


def test_the_next_call_is_put_on_the_screen_for_one_operator(live: Live, visit: Visit) -> None:
    bad_order(live, 4)
    page = visit(width=1280, java_script_enabled=False)
    log_in(page, live, "operator")
    page.goto(f"{live.url}/console/callbacks/")
    page.get_by_role("button", name="下一件").click()
    expect(page.get_by_role("heading", name="回访")).to_be_visible()
    page.get_by_role("button", name="放回名单，不拨打").click()
    expect(page.get_by_text("已放回名单")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 390])
def test_pressure_is_looked_into_and_names_are_offered(
    live: Live, visit: Visit, is_sound: Callable[[Page], None], *, width: int
) -> None:
    order, open_ = bad_order(live, 4), bad_order(live, 1)
    go_on(order, live, "record", "operator", result="accepted", pressed="yes", note="有人打电话让改评价")
    page = visit(width=width, height=900)
    log_in(page, live, "supervisor")
    page.goto(f"{live.url}/console/pressings/")
    page.get_by_role("link", name=f"登记核实结果：{order.order_no}").click()
    page.get_by_role("button", name="登记").click()
    expect(page.get_by_text("请选择核实结果").first).to_be_visible()
    is_sound(page)
    page.get_by_label("查实有人施压").check()
    page.get_by_label("核实情况").fill("通话记录显示有人去电，已约谈。")
    page.get_by_role("button", name="登记").click()
    expect(page.get_by_text("核实结果已登记：查实有人施压")).to_be_visible()
    for path in ("pressings/?show=checked", f"pressings/{order.order_no}/{order.moves + 1}"):
        page.goto(f"{live.url}/console/{path}")
        is_sound(page)
    page.goto(f"{live.url}/console/consequences/new")
    page.get_by_label("典型案例通报").check()
    expect(page.get_by_label("窗口人员")).to_be_hidden()
    page.get_by_label("约谈").check()
    expect(page.get_by_label("窗口人员")).to_be_visible()
    is_sound(page)
    page.goto(f"{live.url}/console/orders/{open_.order_no}/")
    field = page.locator("form[action$='/join'] [name=co_organs]")
    page.locator("details", has=field).evaluate_all("all => all.forEach(each => { each.open = true; })")
    field.fill("苏州市市场监督管理局，南")
    offered = page.locator("form[action$='/join'] datalist option").evaluate_all("all => all.map(each => each.value)")
    assert "苏州市市场监督管理局，南京市市场监督管理局" in offered
