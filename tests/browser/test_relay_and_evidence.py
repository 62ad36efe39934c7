"""A unit asks through the platform and brings evidence, the rater answers at `/my`: in a real browser, every page sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from haochaping.channels.my import commands
from haochaping.evaluation.models import ServiceEvent
from haochaping.kit import clock, ids
from haochaping.rectification.commands import perform
from haochaping.rectification.evidence import bring
from tests.browser.test_citizen_page import SMALL_TARGETS
from tests.browser.test_console import REAL_NAME, bad_order, log_in
from tests.evaluation.test_attachments import picture
from tests.papers import pdf

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from haochaping.rectification.models import Order
    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"


def asked(live: Live) -> Order:
    order = bad_order(live, 1)
    facts = {"text": "您好，请问当天是在哪个窗口、大约几点办理的？我们想核对一下叫号记录。"}
    perform(order_id=order.id, verb="relay", actor=live.cast.rectifier, facts=facts, now=clock.now())
    order.refresh_from_db()
    return order


def came_in(page: Page, live: Live) -> None:
    token = commands.begin("sms", mobile=REAL_NAME["mobile"], now=clock.now())
    page.context.add_cookies([{"name": "hcp_my", "value": token, "url": live.url}])


@pytest.mark.parametrize("width", [390, 1280])
def test_every_page_of_it_is_sound(
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    order = asked(live)
    for name, raw in (("叫号记录截图.png", picture()), ("情况说明.pdf", pdf(3))):
        file = bring(order_id=order.id, actor=live.cast.rectifier, name=name, raw=raw, now=clock.now())
    page = visit(width=width, height=900)

    def sound(address: str) -> None:
        page.goto(live.url + address)
        assert axe(page) == [], address
        assert fits(page), address

    came_in(page, live)
    mine = f"/my/services/{order.id}"
    for address in (mine, f"{mine}/respond", f"/r/{ids.receipt(order.id)}"):
        sound(address)
        assert page.evaluate(SMALL_TARGETS, 44) == [], address
    page.goto(f"{live.url}{mine}/respond")
    page.get_by_label("您的回复").fill("A01窗口，上午十点左右。")
    page.get_by_role("button", name="发送回复").click()
    expect(page.get_by_role("status")).to_contain_text("回复已发送")
    log_in(page, live, "rectifier")
    place = f"/console/orders/{order.order_no}/"
    sound(place)
    expect(page.get_by_text("A01窗口，上午十点左右。")).to_be_visible()
    sound(f"{place}files/{file.id}/delete")


def test_evidence_is_brought_ticked_and_named_without_a_script(live: Live, visit: Visit, tmp_path: Any) -> None:
    order = bad_order(live, 1)
    scan = tmp_path / "监控截图.png"
    scan.write_bytes(picture())
    page = visit(width=1280, java_script_enabled=False)
    log_in(page, live, "rectifier")
    page.goto(f"{live.url}/console/orders/{order.order_no}/")
    page.get_by_label("上传材料").set_input_files(scan)
    page.get_by_role("button", name="上传", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("材料已上传")
    form = page.locator("form[action$='/appeal']")
    page.locator("details.move", has=form).locator("summary").click()
    form.locator("[name=kind][value=untrue]").check()
    form.locator("[name=reason]").fill("当日没有排队。")
    form.locator("[name=evidence]").fill("见监控截图。")
    form.get_by_label("监控截图").check()
    form.get_by_role("button", name="下一步：核对").click()
    expect(page.locator("dl.facts")).to_contain_text("监控截图")
    page.get_by_role("button", name="确认提交").click()
    expect(page.locator(".timeline")).to_contain_text("监控截图")
    assert ServiceEvent.objects.filter(id=order.id).exists()
