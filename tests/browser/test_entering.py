"""Entering for others in a real browser: by keyboard alone within ten seconds, on a telephone's width, nothing for axe."""

from __future__ import annotations

import re
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.channels.models import CallOut, Entry
from haochaping.evaluation.models import Applicant, Evaluation
from haochaping.kit import clock, ids
from haochaping.rectification.models import Order
from tests.browser.test_console import log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

WIDTHS = (375, 1440)


def at_the_desk(
    visit: Callable[..., Page], live: Live, who: str = "operator", width: int = 1440, **more: object
) -> Page:
    page = visit(width=width, **more)
    log_in(page, live, who)
    return page


def drawn(live: Live, mobile: str) -> CallOut:
    """A service whose applicant is to be called."""
    event = live.serve(mobile=mobile)
    return CallOut.objects.create(
        event_id=event.id,
        phone_index=Applicant.objects.get(id=event.id).phone_index,
        area_path=event.area_path,
        organ_path=event.organ_path,
        window_code=event.window_code,
        next_at=clock.now(),
        closes_at=event.closes_at - timedelta(days=1),  # before those of other tests
        made_at=clock.now(),
    )


def test_a_good_rating_by_keyboard_alone_within_ten_seconds(visit, live) -> None:
    event = live.serve(mobile="13712345678")
    page = at_the_desk(visit, live)
    page.goto(f"{live.url}/console/telephone/")
    expect(page.locator("#proof-find")).to_be_focused()
    keys, began = page.keyboard, monotonic()
    keys.type("REC-20260610-0007")
    keys.press("Tab")
    keys.type(event.project_no)
    keys.press("Tab")
    keys.type("5678")
    keys.press("Enter")
    expect(page.locator("#lv5")).to_be_focused()
    assert not page.locator("input[name=level]:checked").count(), "nothing is chosen for the caller"
    keys.press("5")
    keys.press("Enter")
    receipt = ids.receipt(event.id)
    expect(page.locator("#receipt")).to_have_text(re.compile(f"^HP {receipt[2:6]} "))
    assert monotonic() - began < 10
    expect(page.get_by_role("link", name="录下一通电话")).to_be_focused()
    assert Entry.objects.get(event_id=event.id).proof == "REC-20260610-0007"
    keys.press("Enter")  # on to the next call
    expect(page.locator("#proof-find")).to_be_focused()


def test_a_bad_rating_shows_its_own_reasons_and_reads_out_the_order(visit, live) -> None:
    event = live.serve(mobile="13712345679")
    page = at_the_desk(visit, live)
    page.goto(f"{live.url}/console/telephone/")
    page.get_by_label("录音编号").fill("REC-20260610-0008")
    page.get_by_label("来电号码或办件编号").fill("137 1234 5679")
    page.keyboard.press("Enter")
    expect(page.locator("#lv5")).to_be_focused()
    page.keyboard.press("1")
    expect(page.locator(".reasons.t1")).to_be_visible()
    expect(page.locator(".reasons.t5")).to_be_hidden()
    page.locator(".reasons.t1 input").first.check()
    page.get_by_label("评价人希望就这件事得到回电").check()
    expect(page.get_by_label("回电号码")).to_have_value("137 1234 5679")
    page.get_by_role("button", name="录入评价").click()
    order = Order.objects.get(pk=event.id)
    expect(page.get_by_text(order.order_no, exact=True)).to_be_visible()
    rating = Evaluation.objects.get(id=event.id)
    assert (rating.level, len(rating.indicators), rating.assurance) == (1, 1, "real_name")


def test_without_a_script_a_visit_is_entered_too(visit, live) -> None:
    page = at_the_desk(visit, live, java_script_enabled=False)
    page.goto(f"{live.url}/console/telephone/")
    page.get_by_role("link", name="没有办件编号？").click()
    page.get_by_label("录音编号").fill("REC-20260610-0009")
    page.get_by_label("窗口、大厅或单位名称").fill("NJ A02")
    page.get_by_role("button", name="查询").click()
    page.locator("#lv3").check(force=True)
    page.get_by_role("button", name="录入评价").click()
    expect(page.locator("#receipt")).to_be_visible()
    assert Entry.objects.get(proof="REC-20260610-0009").way == "telephone"


def test_a_call_out_from_the_list_to_the_next(visit, live) -> None:
    CallOut.objects.all().delete()
    first, second = drawn(live, "13712345601"), drawn(live, "13712345602")
    page = at_the_desk(visit, live)
    page.goto(f"{live.url}/console/callouts/")
    expect(page.get_by_role("button", name="取下一个电话")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".dial")).to_have_text(re.compile(r"137\*\*\*\*560[12]"))
    expect(page.get_by_role("button", name="显示号码并拨打")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".dial")).to_have_text(re.compile(r"1371234560[12]"))
    expect(page.locator("#lv5")).to_be_focused()
    page.keyboard.press("4")
    page.locator("#proof").fill("REC-20260610-0010")
    page.keyboard.press("Enter")
    expect(page.locator("#receipt")).to_be_visible()
    page.get_by_role("button", name="拨打下一个").click()
    page.get_by_role("button", name="显示号码并拨打").click()
    page.get_by_label("无人接听").check()
    page.get_by_role("button", name="登记结果").click()
    expect(page.get_by_role("status")).to_contain_text("过三小时再拨")
    states = {row.state for row in CallOut.objects.filter(event_id__in=[first.event_id, second.event_id])}
    assert states == {"rated", "waiting"}


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_is_sound(visit, live, axe, fits, width) -> None:
    CallOut.objects.all().delete()
    event = live.serve(mobile="13712345610")
    drawn(live, "13712345611")
    page = at_the_desk(visit, live, width=width)

    def sound(where: str) -> None:
        assert axe(page) == [], where
        assert fits(page), where

    page.goto(f"{live.url}/console/telephone/")
    sound("telephone")
    page.locator("#proof-find").fill("REC-20260610-0011")
    page.locator("#number").fill("13712345610")
    page.keyboard.press("Enter")
    page.locator("#lv1").check(force=True)
    page.locator("#wants_call").check()
    page.locator("#mobile").fill("")
    sound("telephone, found")
    page.get_by_role("button", name="录入评价").click()
    sound("telephone, refused")
    page.locator("#wants_call").uncheck()
    page.locator("#proof").fill("REC-20260610-0011")
    page.get_by_role("button", name="录入评价").click()
    expect(page.locator("#receipt")).to_be_visible()
    sound("telephone, done")
    page.goto(f"{live.url}/console/telephone/?visit=1&place=NJ&item=食品")
    sound("telephone, visit")
    page.goto(f"{live.url}/console/callouts/")
    sound("callouts")
    page.get_by_role("button", name="取下一个电话").click()
    sound("callout")
    page.get_by_role("button", name="显示号码并拨打").click()
    sound("callout, dialled")

    page = at_the_desk(visit, live, "supervisor", width)
    Entry.objects.filter(event_id=event.id).update(is_sampled=True)
    page.goto(f"{live.url}/console/entries/")
    sound("entries")
    page.goto(f"{live.url}/console/entries/?tab=all")
    sound("entries, all")
    page.goto(f"{live.url}/console/inspections/")
    sound("inspections")
    page.goto(f"{live.url}/console/inspections/new?place=A01&item=食品")
    sound("inspection")
    page.locator("input[name=at]").first.check()
    page.get_by_label("检查人员").fill("张检查（省政务办）")
    page.get_by_label("检查记录编号").fill(f"JC-{width}")
    page.locator("#lv2").check(force=True)
    page.locator("#words").fill("叫号屏不亮，老人听不清叫号。")
    page.get_by_role("button", name="录入监督查评").click()
    expect(page.get_by_role("status")).to_contain_text("形成差评工单")
    sound("inspections, one")
