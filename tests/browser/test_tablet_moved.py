"""The window tablet when it moves, is stopped in the middle, gets new indicators, or its clock is put right."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from playwright.sync_api import expect

from haochaping.accounts.rules import SYSTEM
from haochaping.kit import clock
from tests.browser.test_tablet import DESK, enrol, eventually, finish_service, held, rated

# What the tablet's own clock says, moved by so many milliseconds from now on; ticks stand where they are.
MOVE_CLOCK = "(function (by) { var real = Date.now; Date.now = function () { return real() + by; }; })"


def rate_good(page: Any) -> None:
    page.locator(".face[data-level='5']").click()
    expect(page.locator("#thanks")).to_be_visible()


def test_a_tablet_that_moved_to_another_window_still_opens_by_itself(live, visit):
    from haochaping.flow.models import WindowCall

    page = visit(**DESK)
    enrol(page, live, "NJ-A01")
    finish_service(live, "NJ-A01")
    WindowCall.objects.filter(window_code="NJ-A01").update(seq=500)
    page.reload()
    expect(page.locator("#rate")).to_be_visible()
    rate_good(page)
    eventually(page, lambda: held(page) == 0, "it is handed in")
    enrol(page, live, "NJ-A02")
    case = finish_service(live, "NJ-A02")
    expect(page.locator("#rate")).to_be_visible()
    rate_good(page)
    assert eventually(page, lambda: rated(case), "it arrives").window_code == "NJ-A02"


def test_a_wrong_code_costs_a_working_tablet_nothing(live, visit):
    page = visit(**DESK)
    device = enrol(page, live)
    page.goto(f"{live.url}/device/")
    page.get_by_label("注册码").fill("AAAAA-AAAAA")
    page.get_by_role("button", name="注册这台设备").click()
    expect(page.get_by_role("alert")).to_contain_text("不正确、已用过或已过期")
    page.goto(f"{live.url}/device/{device}")
    case = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    rate_good(page)
    assert eventually(page, lambda: rated(case), "its key still signs").device_id == device


def test_what_was_tapped_before_a_stop_goes_up_and_the_stopped_screen_stays(live, visit):
    from haochaping.channels.device.commands import revoke
    from haochaping.evaluation.models import Rejected

    page = visit(**DESK)
    device = enrol(page, live)
    case = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    page.locator(".face[data-level='1']").click()
    expect(page.locator("#reasons")).to_be_visible()
    revoke(device, actor=SYSTEM, reason="遗失", now=clock.now())
    expect(page.get_by_role("heading", name="这台设备已停用")).to_be_visible()
    eventually(page, lambda: Rejected.objects.filter(source=f"device:{device}").exists(), "it is kept for repair")
    eventually(page, lambda: held(page) == 0, "and leaves the tablet")
    assert rated(case) is None
    page.wait_for_timeout(3500)
    assert page.locator("#stopped").is_visible(), "no timer brings a stopped tablet back"


def test_a_line_that_stands_does_not_keep_an_old_page(live, visit):
    from haochaping.directory.commands import writing
    from haochaping.directory.models import Window

    def rename(name: str) -> None:
        with writing("windows"):
            Window.objects.filter(code="NJ-A02").update(name=name)

    page = visit(**DESK)
    enrol(page, live, "NJ-A02")
    page.clock.install()
    page.reload()
    before = page.locator(".place strong").inner_text()
    rename("二号窗口新名")
    page.wait_for_timeout(2500)  # until the server has looked after its master data
    try:
        page.clock.fast_forward(301_000)
        page.clock.resume()
        expect(page.locator(".place strong")).to_have_text("二号窗口新名", timeout=15_000)
    finally:
        rename(before)


def test_a_clock_put_right_between_the_tap_and_the_network_ages_nothing(live, visit):
    page = visit(**DESK)
    enrol(page, live)
    case = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    years = 5 * 365 * 86_400_000
    page.evaluate(f"{MOVE_CLOCK}(-{years})")
    page.context.set_offline(True)
    page.locator(".face[data-level='4']").click()
    expect(page.locator("#thanks")).to_be_visible()
    page.evaluate(f"{MOVE_CLOCK}({years})")
    page.context.set_offline(False)
    rating = eventually(page, lambda: rated(case), "it is stored, and not parked as years too early")
    assert clock.now() - rating.assess_time < timedelta(minutes=2)


def test_a_second_tab_does_not_hand_in_what_is_being_said_in_the_first(live, visit):
    page = visit(**DESK)
    device = enrol(page, live)
    case = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    page.locator(".face[data-level='2']").click()
    expect(page.locator("#reasons")).to_be_visible()
    second = page.context.new_page()
    second.goto(f"{live.url}/device/{device}")
    second.wait_for_load_state()
    second.wait_for_timeout(1500)
    assert rated(case) is None
    page.locator("#tags button").first.click()
    page.get_by_role("button", name="提交", exact=True).click()
    assert len(eventually(page, lambda: rated(case), "with its reason").indicators) == 1
