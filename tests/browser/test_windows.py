"""The window's page and the terminal in a real browser: with script and without, for a telephone, a card reader, a hall."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from haochaping.channels.device.access import COOKIE
from haochaping.evaluation.models import Evaluation
from tests.cast import PASSWORD
from tests.channels.windows.conftest import enrolled_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
CARDS = iter(range(1001, 9999))


def card() -> str:
    return f"32010219000101{next(CARDS)}"


def opened(live: Live, visit: Visit, width: int = 1280, height: int = 800, **more: object) -> Page:
    """The terminal's first page in a browser that is enrolled."""
    token = enrolled_by(live.cast.supervisor)[1]
    page = visit(width, height, **more)
    page.context.add_cookies([{"name": COOKIE, "value": token, "url": live.url}])
    page.goto(live.url + "/kiosk")
    return page


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("who", ["赵试样", "0001"])
def test_case_and_name_or_telephones_end_lead_to_the_receipt(live: Live, visit: Visit, script: bool, who: str) -> None:
    event = live.serve()
    page = visit(java_script_enabled=script)
    page.goto(f"{live.url}/w/NJ-A01")
    page.locator("#case").fill(event.project_no)
    page.locator("#who").fill(who)
    page.get_by_role("button", name="查到后去评价").click()
    page.locator("#lv4").check()
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    assert Evaluation.objects.get(id=event.id).level == 4


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_visit_without_a_case_is_two_presses_and_a_face(live: Live, visit: Visit, script: bool) -> None:
    page = visit(java_script_enabled=script)
    page.goto(f"{live.url}/w/NJ-A01")
    page.get_by_role("link", name="直接评价本次来访").click()
    page.locator("#lv2").check()
    page.get_by_label("还想说点什么").fill("指示牌看不懂")
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    page.goto(f"{live.url}/w/NJ-A01/visit")
    page.locator("#lv5").check()
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_text("十分钟内不用再评一次")).to_be_visible()


def test_a_miss_is_told_and_the_reader_is_led_to_the_field(live: Live, visit: Visit) -> None:
    page = visit()
    page.goto(f"{live.url}/w/NJ-A01")
    page.locator("#case").fill(f"NJ-{uuid4()}")
    page.locator("#who").fill("孙无名")
    page.get_by_role("button", name="查到后去评价").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("没有查到可以评价的服务")
    summary.get_by_role("link").click()
    expect(page.locator("#case")).to_be_focused()


@pytest.mark.parametrize(("width", "elder"), [(375, ""), (1440, ""), (375, "?elder=1")])
def test_the_windows_pages_hold_nothing_for_axe_and_fit(  # noqa: PLR0917
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int, elder: str
) -> None:
    event = live.serve(point="acceptance")
    live.serve(event.project_no, serviceNumber=2, point="issue")
    page = visit(width)
    for path in ("/w/NJ-A01", "/w/NJ-A01/visit", "/w/NO-SUCH"):
        page.goto(live.url + path + elder)
        assert axe(page) == []
        assert fits(page)
    page.goto(f"{live.url}/w/NJ-A01")
    page.locator("#case").fill(event.project_no)
    page.locator("#who").fill("赵试样")
    page.get_by_role("button", name="查到后去评价").click()
    expect(page.get_by_role("heading", name="请选择要评价的服务")).to_be_visible()
    assert axe(page) == []
    assert fits(page)


def test_a_card_readers_keys_and_enter_lead_to_the_holders_services(live: Live, visit: Visit) -> None:
    number = card()
    event = live.serve(creditNum=number)
    page = opened(live, visit)
    page.locator("h1").click()  # the focus is anywhere: the reader types all the same
    page.keyboard.type(number, delay=2)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.url}/kiosk/services")
    assert number not in page.content()
    page.get_by_role("link", name="食品经营许可（新办）").click()
    page.locator("#lv5").check()
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    expect(page.get_by_role("img", name="进度页二维码")).to_be_visible()
    rating = Evaluation.objects.get(id=event.id)
    assert (rating.level, rating.pf) == (5, 5)
    page.get_by_role("button", name="完成，清屏").click()
    expect(page.get_by_role("heading", name="请刷身份证")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="请刷身份证")).to_be_visible()
    assert "食品经营许可" not in page.content()


def test_a_number_is_typed_on_the_screen_with_an_x(live: Live, visit: Visit) -> None:
    number = f"32010219000102{next(CARDS)}"[:17] + "X"
    live.serve(creditNum=number)
    page = opened(live, visit)
    for key in number[:10] + "9":
        page.get_by_role("button", name=key, exact=True).click()
    page.get_by_role("button", name="删去一位").click()
    for key in number[10:]:
        page.get_by_role("button", name=key, exact=True).click()
    expect(page.locator("#number")).to_have_value(number)
    page.get_by_role("button", name="查看我办的事").click()
    expect(page.get_by_role("link", name="食品经营许可（新办）")).to_be_visible()


@pytest.mark.parametrize("where", ["services", "form", "thanks"])
def test_the_screen_is_cleared_after_thirty_seconds_without_a_touch(live: Live, visit: Visit, where: str) -> None:
    number = card()
    live.serve(creditNum=number)
    page = opened(live, visit)
    page.locator("#number").fill(number)
    page.clock.install()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.url}/kiosk/services")
    if where != "services":
        page.get_by_role("link", name="食品经营许可（新办）").click()
    if where == "thanks":
        page.locator("#lv3").check()
        page.get_by_role("button", name="提交评价").click()
        expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    page.clock.run_for(19_000)
    expect(page.locator("[data-countdown]")).to_be_empty()
    page.clock.run_for(3_000)
    expect(page.locator("[data-countdown]")).to_contain_text("秒后清屏")
    page.mouse.click(5, 400)
    expect(page.locator("[data-countdown]")).to_be_empty()
    page.clock.run_for(31_000)
    expect(page.get_by_role("heading", name="请刷身份证")).to_be_visible()
    expect(page).to_have_url(f"{live.url}/kiosk")
    page.goto(f"{live.url}/kiosk/services")
    expect(page.get_by_role("heading", name="请刷身份证")).to_be_visible()


def test_a_half_typed_number_is_cleared_too(live: Live, visit: Visit) -> None:
    page = opened(live, visit)
    page.clock.install()
    page.reload()
    page.locator("#number").fill("3201021900")
    page.clock.run_for(31_000)
    expect(page.locator("#number")).to_have_value("")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1080, 1920), (375, 812)])
def test_the_terminals_pages_hold_nothing_for_axe_fit_and_are_large_enough_to_touch(  # noqa: PLR0917
    live: Live,
    visit: Visit,
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    width: int,
    height: int,
) -> None:
    number = card()
    event = live.serve(creditNum=number)
    live.serve(creditNum=number)
    page = opened(live, visit, width, height)

    def check() -> None:
        assert axe(page) == []
        assert fits(page)
        small = page.evaluate(SMALL)
        assert small == []

    check()
    assert width != 1280 or page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "no scrolling"
    page.locator("#number").fill("12")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("没有读到正确的身份证号")
    check()
    page.locator("#number").fill(number)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.url}/kiosk/services")
    check()
    page.goto(f"{live.url}/kiosk/rate/{event.id}")
    assert width != 1280 or page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "no scrolling"
    page.locator("#lv1").check()
    check()
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    check()
    assert width != 1280 or page.evaluate("document.documentElement.scrollHeight <= innerHeight"), "no scrolling"


SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), label.face, .chip label')]
  .filter(e => e.offsetParent && !e.closest('.skip') && e.type !== 'checkbox' && !e.closest('.errors'))
  .filter(e => e.getBoundingClientRect().height < 72).map(e => e.outerHTML.slice(0, 80))"""


def test_a_browser_that_is_no_terminal_is_told_how_to_become_one(
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool]
) -> None:
    page = visit(375)
    page.goto(live.url + "/kiosk")
    expect(page.get_by_role("heading", name="这台设备还不是自助评价终端")).to_be_visible()
    assert axe(page) == []
    assert fits(page)


@pytest.mark.parametrize("width", [375, 1440])
def test_the_consoles_pages_of_windows_and_signs_hold_nothing_for_axe_and_fit(
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    page = visit(width, 900, accept_downloads=True)
    page.goto(live.url + "/console/")
    page.get_by_label("用户名").fill("city")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.goto(live.url + "/console/signs/?hall=NJ")
    page.get_by_role("checkbox", name="选择 A01 综合窗口").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="打印（PDF").click()
    assert download.value.suggested_filename.endswith(".pdf")
    for path in (
        "windows/",
        "windows/?hall=NJ",
        "windows/?q=没有",
        "windows/new",
        "windows/at/NJ-A01/",
        "windows/at/NJ-A01/switch",
        "windows/import",
        "signs/",
        "signs/?hall=NJ",
        "signs/at/NJ-A01/",
        "signs/tickets",
    ):
        page.goto(f"{live.url}/console/{path}")
        assert axe(page) == [], path
        assert fits(page), path
    page.goto(live.url + "/console/signs/at/NJ-A01/")
    page.get_by_role("link", name="更换").click()
    assert axe(page) == []
    assert fits(page)
