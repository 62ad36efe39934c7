"""The window tablet 评价器 in the real browser: it opens by itself, offers five levels, keeps what it cannot send."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from haochaping.accounts.rules import SYSTEM
from haochaping.kit import clock
from tests.cast import PASSWORD, wire_service
from tests.device.test_server import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable

DESK = {"width": 1280, "height": 800}


def code_for(window: str = "NJ-A01") -> str:
    from haochaping.channels.device.commands import issue_code
    from haochaping.channels.device.rules import Kind

    return issue_code(Kind.TABLET, window=window, actor=SYSTEM, now=clock.now())[1]


def enrol(page: Page, live: Any, window: str = "NJ-A01") -> str:
    from haochaping.flow.models import WindowCall

    WindowCall.objects.update(expires_at=clock.now())  # what an earlier test called and nobody rated is over
    page.goto(f"{live.url}/device/")
    page.get_by_label("注册码").fill(code_for(window))
    page.get_by_role("button", name="注册这台设备").click()
    expect(page).to_have_url(re.compile(r"/device/D"))
    expect(page.get_by_role("heading", name="您来评价，我们来改")).to_be_visible()
    page.wait_for_load_state()
    return page.url.rpartition("/")[2]


def finish_service(live: Any, window: str = "NJ-A01") -> str:
    """What the business system reports when the clerk finishes a case."""
    from haochaping.flow.services import admit_services

    now = clock.now()
    case, at = f"T-{uuid4()}", clock.to_wire(now - timedelta(minutes=1))
    wire = wire_service(case, serviceTime=at, acceptDate=at, resultDate=at, windowNo=window)
    assert admit_services([wire], source=live.cast.app_id, now=now)[0].status == "created"
    return case


def rated(case: str) -> Any:
    from haochaping.evaluation.models import Evaluation
    from haochaping.kit import ids

    return Evaluation.objects.filter(id=ids.event_id(case, 1)).first()


def eventually(page: Page, found: Callable[[], Any], what: str, tries: int = 100) -> Any:
    """Ask until it is so; the page lives on meanwhile."""
    for _ in range(tries):
        if (value := found()) not in (None, False, 0):
            return value
        page.wait_for_timeout(100)
    raise AssertionError(what)


def held(page: Page) -> int:
    found: int = page.evaluate("hcpStore.all().then(function (taps) { return taps.length; })")
    return found


def test_it_opens_by_itself_and_takes_each_of_the_five_levels(live, visit, axe):
    page = visit(**DESK)
    device = enrol(page, live)
    for level in (5, 4, 3, 2, 1):
        case = finish_service(live)
        expect(page.get_by_role("heading", name="请您评价本次服务")).to_be_visible()
        expect(page.locator("#what")).to_contain_text("食品经营许可")
        page.locator(f".face[data-level='{level}']").click()
        if level <= 2:
            expect(page.get_by_role("heading", name="哪里让您不满意？")).to_be_visible()
            page.locator("#tags button").first.click()
            assert axe(page) == []
            page.get_by_role("button", name="提交", exact=True).click()
        expect(page.get_by_role("heading", name="评价已收下，谢谢您")).to_be_visible()
        assert not re.search("满意|评分", page.locator("#thanks").inner_text()), "the result is hidden from the clerk"
        rating = eventually(page, lambda case=case: rated(case), "the rating arrives")
        assert (rating.level, rating.pf, rating.device_id) == (level, 4, device)
        assert len(rating.indicators) == (1 if level <= 2 else 0)
        expect(page.locator("#idle")).to_be_visible(timeout=8000)
    assert held(page) == 0


def test_every_screen_is_accessible_and_fits_without_scrolling(live, visit, axe, fits):
    page = visit(**DESK)
    enrol(page, live)

    def whole() -> bool:
        return bool(page.evaluate("document.documentElement.scrollHeight <= innerHeight"))

    assert axe(page) == []
    assert whole()
    page.get_by_role("button", name="我要评价").click()
    assert axe(page) == []
    for large in (False, True):
        if large:
            page.get_by_role("button", name="大字").click()
        assert whole(), "no scrolling at 1280 × 800"
        boxes = [face.bounding_box() for face in page.locator(".face").all()]
        assert len({(round(b["width"]), round(b["height"])) for b in boxes}) == 1, "no level is bigger than another"
        if large:
            assert all(b["width"] > 1200 for b in boxes), "five rows as wide as the screen"
            assert [b["y"] for b in boxes] == sorted(b["y"] for b in boxes)
        else:
            assert all(b["height"] >= 14 * 16 for b in boxes)
            assert [b["x"] for b in boxes] == sorted(b["x"] for b in boxes)
    assert [f.inner_text().replace("\n", "") for f in page.locator(".face").all()] == [
        "非常满意", "满意", "基本满意", "不满意", "非常不满意",
    ]  # fmt: skip
    assert axe(page) == []
    page.reload()
    expect(page.get_by_role("button", name="大字")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="大字").click()
    for width in (375, 800):
        page.set_viewport_size({"width": width, "height": 812})
        assert fits(page)
        page.get_by_role("button", name="我要评价").click()
        assert fits(page)
        page.get_by_role("button", name="暂不评价").click()


def test_thirty_seconds_without_a_tap_say_only_that_nobody_rated(live, visit):
    from haochaping.channels.models import Silence
    from haochaping.evaluation.models import ServiceEvent
    from haochaping.kit import ids

    page = visit(**DESK)
    enrol(page, live)
    page.clock.install()
    page.reload()
    case = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    page.clock.fast_forward(31_000)
    expect(page.locator("#idle")).to_be_visible()
    page.clock.resume()
    silence = eventually(page, lambda: Silence.objects.filter(event_id=ids.event_id(case, 1)).first(), "it is noted")
    assert silence.window == "NJ-A01"
    assert rated(case) is None
    event = ids.event_id(case, 1)
    page.goto(live.link(ServiceEvent.objects.get(id=event)))
    expect(page.get_by_role("heading", name="请为本次服务评价")).to_be_visible()


def test_a_bad_level_counts_without_a_reason_when_its_minute_is_over(live, visit):
    page = visit(**DESK)
    enrol(page, live)
    page.clock.install()
    page.reload()
    case = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    page.locator(".face[data-level='1']").click()
    expect(page.locator("#reasons")).to_be_visible()
    page.clock.fast_forward(61_000)
    expect(page.locator("#thanks")).to_be_visible()
    page.clock.resume()
    assert eventually(page, lambda: rated(case), "it arrives").no_reason


def test_a_newer_service_replaces_the_one_nobody_rated(live, visit):
    from haochaping.channels.models import Silence
    from haochaping.kit import ids

    page = visit(**DESK)
    enrol(page, live)
    first = finish_service(live)
    expect(page.locator("#rate")).to_be_visible()
    second = finish_service(live)
    eventually(page, lambda: Silence.objects.filter(event_id=ids.event_id(first, 1)).exists(), "the first is over")
    page.locator(".face[data-level='5']").click()
    assert eventually(page, lambda: rated(second), "the second is rated").level == 5
    assert rated(first) is None


def test_where_no_event_comes_through_it_asks_by_itself(live, visit):
    page = visit(**DESK)
    enrol(page, live)
    page.add_init_script("delete window.EventSource;")
    page.reload()
    finish_service(live)
    expect(page.locator("#rate")).to_be_visible(timeout=15_000)
    page.get_by_role("button", name="暂不评价").click()
    eventually(page, lambda: held(page) == 0, "that nobody rated is told, or the window would still ask")


def test_somebody_without_a_case_rates_the_window_with_the_keyboard(live, visit):
    from haochaping.evaluation.models import Evaluation

    page = visit(**DESK)
    device = enrol(page, live, "NJ-A02")
    page.get_by_role("button", name="我要评价").press("Enter")
    page.keyboard.press("2")
    expect(page.get_by_role("heading", name="哪里让您不满意？")).to_be_focused()
    page.get_by_role("button", name="跳过").press("Enter")
    expect(page.locator("#thanks")).to_be_visible()
    rating = eventually(page, lambda: Evaluation.objects.filter(device_id=device).first(), "it arrives")
    assert (rating.level, rating.window_code, rating.no_reason) == (2, "NJ-A02", True)


def test_it_speaks_unless_it_is_told_not_to_and_remembers_that(live, visit):
    page = visit(**DESK)
    enrol(page, live)
    page.get_by_role("button", name="我要评价").click()
    expect(page.locator("body[data-said=rate]")).to_be_attached()
    page.get_by_role("button", name="语音").click()
    page.reload()
    page.get_by_role("button", name="我要评价").click()
    expect(page.locator("#rate")).to_be_visible()
    page.wait_for_timeout(300)
    assert page.locator("body[data-said]").count() == 0


def test_it_is_stopped_at_once(live, visit):
    from haochaping.channels.device.commands import revoke

    page = visit(**DESK)
    device = enrol(page, live)
    eventually(page, lambda: page.evaluate("document.documentElement.dataset.offline"), "the line stands")
    revoke(device, actor=SYSTEM, reason="遗失", now=clock.now())
    expect(page.get_by_role("heading", name="这台设备已停用")).to_be_visible(timeout=3000)
    page.reload()
    expect(page.get_by_role("heading", name="这台设备现在不能使用")).to_be_visible()


def test_a_wrong_code_is_told_in_words(live, visit, axe, fits):
    page = visit()
    page.goto(f"{live.url}/device/")
    page.get_by_role("button", name="注册这台设备").click()
    expect(page.get_by_role("alert")).to_contain_text("请输入注册码")
    page.get_by_label("注册码").fill("AAAAA-AAAAA")
    page.get_by_role("button", name="注册这台设备").click()
    expect(page.get_by_role("alert")).to_contain_text("不正确、已用过或已过期")
    assert axe(page) == []
    assert fits(page)


FIVE_HUNDRED = """
(function () {
  var jobs = [];
  for (var n = 0; n < 499; n += 1) {
    jobs.push(hcpStore.put({ uuid: hcpStore.uuid(), device: DEVICE, tappedAt: Date.now() - n * 100000, level: 1 + n % 5, tags: [], projectNo: "", serviceNumber: 1 }));
  }
  return Promise.all(jobs).then(function () { return jobs.length; });
}())
"""


@pytest.fixture
def kept_browser(_playwright, tmp_path):
    """A browser whose storage outlives it: closing it is the power cut."""

    def start():
        return _playwright.chromium.launch_persistent_context(
            str(tmp_path / "profile"),
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox"],
            viewport=DESK,
            locale="zh-CN",
        )

    open_ones = []

    def opened():
        for old in open_ones:
            old.close()
        open_ones.clear()
        open_ones.append(start())
        context = open_ones[0]
        context.set_default_timeout(15_000)
        return context, context.pages[0] if context.pages else context.new_page()

    yield opened
    for context in open_ones:
        context.close()


def test_five_hundred_ratings_of_a_day_offline_come_in_once_and_whole(live, kept_browser):
    """Cut off, rated by hand and in numbers, reloaded, power gone and back, one sync: none lost, none twice."""
    from haochaping.evaluation.models import Evaluation

    context, page = kept_browser()
    device = enrol(page, live)
    eventually(page, lambda: page.evaluate("document.documentElement.dataset.offline") == "ready", "the shell is kept")
    context.set_offline(True)
    page.get_by_role("button", name="我要评价").click()
    page.locator(".face[data-level='5']").click()
    expect(page.locator("#thanks")).to_be_visible()
    assert page.evaluate(FIVE_HUNDRED.replace("DEVICE", f'"{device}"')) == 499
    page.reload()
    expect(page.get_by_role("heading", name="您来评价，我们来改")).to_be_visible()
    expect(page.locator("#sign")).to_have_text("离线，已暂存 500 条")
    assert held(page) == 500
    assert not Evaluation.objects.filter(device_id=device).exists()

    context, page = kept_browser()  # the power went and came back
    page.goto(f"{live.url}/device/{device}")
    eventually(page, lambda: held(page) == 0, "all of it goes up", 300)
    assert Evaluation.objects.filter(device_id=device).count() == 500
    levels = [Evaluation.objects.filter(device_id=device, level=level).count() for level in range(1, 6)]
    assert levels == [100, 100, 100, 100, 100]
    expect(page.locator("#sign")).to_have_text("")
    page.reload()
    page.wait_for_timeout(300)
    assert Evaluation.objects.filter(device_id=device).count() == 500


def test_a_cut_while_reasons_are_said_still_hands_in_the_level(live, kept_browser):
    from haochaping.evaluation.models import Evaluation

    _, page = kept_browser()
    device = enrol(page, live)
    page.get_by_role("button", name="我要评价").click()
    page.locator(".face[data-level='1']").click()
    expect(page.locator("#reasons")).to_be_visible()
    _, page = kept_browser()
    page.goto(f"{live.url}/device/{device}")
    rating = eventually(page, lambda: Evaluation.objects.filter(device_id=device).first(), "it arrives")
    assert (rating.level, rating.no_reason) == (1, True)


def test_old_ratings_end_in_repair_and_leave_the_tablet(live, visit):
    from haochaping.evaluation.models import Evaluation, Rejected

    page = visit(**DESK)
    device = enrol(page, live)
    old = "hcpStore.put({uuid: hcpStore.uuid(), device: '', tappedAt: Date.now() - 4e10, level: 4, tags: [], projectNo: '', serviceNumber: 1}).then(hcpLine.flush)"
    page.evaluate(old)
    eventually(page, lambda: Rejected.objects.filter(source=f"device:{device}").exists(), "it is kept for repair")
    eventually(page, lambda: held(page) == 0, "it has its outcome")
    assert not Evaluation.objects.filter(device_id=device).exists()


def test_without_indexeddb_for_the_taps_localstorage_keeps_them(live, visit):
    from haochaping.evaluation.models import Evaluation

    page = visit(**DESK)
    device = enrol(page, live)
    page.add_init_script(
        "var made = IDBDatabase.prototype.transaction;"
        "IDBDatabase.prototype.transaction = function (name) { if (name === 'taps') { throw new Error('full'); }"
        " return made.apply(this, arguments); };"
    )
    page.context.set_offline(True)
    page.context.set_offline(False)
    page.reload()
    page.route("**/ratings", lambda route: route.abort())
    page.get_by_role("button", name="我要评价").click()
    page.locator(".face[data-level='4']").click()
    expect(page.locator("#thanks")).to_be_visible()
    assert (
        page.evaluate("Object.keys(localStorage).filter(function (k) { return k.indexOf('hcp-tap-') === 0; }).length")
        == 1
    )
    page.reload()
    assert held(page) == 1
    page.unroute("**/ratings")
    page.reload()
    assert eventually(page, lambda: Evaluation.objects.filter(device_id=device).first(), "it arrives").level == 4


def test_what_is_rated_while_the_server_is_dead_comes_in_when_it_is_back(live, kept_browser):
    """The server killed outright, ratings given, the browser killed too, the server back: each arrives once."""
    from haochaping.evaluation.models import Evaluation

    port = free_port()
    here = f"http://127.0.0.1:{port}"
    with serving(live.database, port):
        _, page = kept_browser()
        device = enrol(page, replace(live, url=here), "SZ-A01")
        eventually(page, lambda: page.evaluate("document.documentElement.dataset.offline") == "ready", "shell kept")
    for level in (5, 3):
        page.get_by_role("button", name="我要评价").click()
        page.locator(f".face[data-level='{level}']").click()
        expect(page.locator("#thanks")).to_be_visible()
        expect(page.locator("#idle")).to_be_visible(timeout=8000)
    expect(page.locator("#sign")).to_have_text("离线，已暂存 2 条")
    _, page = kept_browser()
    page.goto(f"{here}/device/{device}")
    expect(page.locator("#sign")).to_have_text("离线，已暂存 2 条")
    with serving(live.database, port):
        page.evaluate("window.dispatchEvent(new Event('online'))")
        eventually(page, lambda: held(page) == 0, "both go up", 300)
        assert sorted(Evaluation.objects.filter(device_id=device).values_list("level", flat=True)) == [3, 5]


CONSOLE = (
    "devices/",
    "devices/?hall=NJ",
    "devices/?q=none",
    "devices/new",
    "devices/{id}/",
    "devices/{id}/stop",
    "devices/{id}/replace",
)


@pytest.mark.parametrize("width", [375, 1440])
def test_the_console_screens_are_accessible_and_fit(live, visit, axe, fits, width):
    from haochaping.channels.device.commands import issue_code
    from haochaping.channels.device.rules import Kind

    device, _ = issue_code(Kind.KIOSK, hall="NJ", actor=SYSTEM, now=clock.now())
    page = visit(width)
    page.goto(f"{live.url}/console/login")
    page.get_by_label("用户名").fill("city")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    for where in CONSOLE:
        page.goto(f"{live.url}/console/{where.format(id=device.id)}")
        assert axe(page) == [], where
        assert fits(page), where
    page.get_by_role("button", name="发放注册码").click()
    expect(page.locator("#code")).to_have_text(re.compile("^[0-9A-Z]{5}-[0-9A-Z]{5}$"))
    assert axe(page) == []
    assert fits(page)
    page.emulate_media(media="print")
    expect(page.locator("#code")).to_be_visible()
    for rest in (".side", ".bar", ".foot"):
        expect(page.locator(rest)).to_be_hidden()
