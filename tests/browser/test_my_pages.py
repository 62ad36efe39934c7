"""`/my` in a real browser: in by a code or by name, every act with and without script, every page sound."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from django.db import connections
from playwright.sync_api import expect

from haochaping.evaluation.models import Evaluation, Evaluator
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.kit import clock, config
from haochaping.messaging import gateway as access
from haochaping.messaging import sending
from haochaping.rectification.models import Order
from tests.browser.test_citizen_page import SMALL_TARGETS
from tests.cast import BAD, wire_rating
from tests.fakes.sms import SmsGateway
from tests.my.stage import answered, last_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
_numbers = iter(range(13_800_100_000, 13_800_200_000))


@pytest.fixture(autouse=True)
def gateway(tmp_path: Path) -> Iterator[SmsGateway]:
    """A gateway that the server finds; what waits for it is sent when a test says so."""
    with SmsGateway(tmp_path / "sms") as running:
        access.store_access(running.url, running.app_id, running.secret)
        yield running
    (config.data_dir() / "messaging" / "gateway.json").unlink()


@pytest.fixture
def number() -> Iterator[str]:
    """A number of this test's own: the server's clock is the real one, and a code goes once a minute."""
    return str(next(_numbers))


def came_in(page: Page, live: Live, number: str) -> None:
    page.goto(live.url + "/my")
    page.get_by_label("手机号码").fill(number)
    page.get_by_role("button", name="获取验证码").click()
    page.get_by_label("验证码").fill(last_code(number))
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="我的办件", level=1)).to_be_visible()


def _send() -> None:
    try:
        sending.send_due(clock.now())
    finally:
        connections.close_all()


def rated(event: Any, number: str) -> None:
    at = clock.to_wire(clock.now())
    wire = wire_rating(event.project_no, 1, **(BAD | {"mobile": number, "assessTime": at}))
    (outcome,) = admit([read_evaluation(wire, source="page")], now=clock.now())
    assert outcome.status == "created", outcome


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_from_the_code_to_a_rating_and_its_withdrawal(live: Live, visit: Visit, number: str, script: bool) -> None:
    event = live.serve(mobile=number)
    page = visit(java_script_enabled=script)
    came_in(page, live, number)
    expect(page.get_by_text("还没有评价")).to_be_visible()
    page.get_by_role("link", name=re.compile("现在评价")).click()
    page.locator("#lv1").check()
    page.get_by_label("还想说点什么").fill("排队两小时")
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("status")).to_contain_text("评价已收到")
    rating = Evaluation.objects.get(id=event.id)
    assert (rating.level, rating.assurance, rating.pf) == (1, "real_name", 1)
    expect(page.locator(".steps")).to_contain_text("形成差评工单")
    page.get_by_role("link", name="追评").click()
    page.locator("#lv4").check()
    page.get_by_role("button", name="提交追评").click()
    expect(page.get_by_role("status")).to_contain_text("追评已收到")
    for what, done in (("撤回我的身份", "身份已撤回"), ("撤回我写的文字", "文字已撤回")):
        page.get_by_role("link", name=what).click()
        expect(page.get_by_role("heading", name="什么不变")).to_be_visible()
        page.get_by_role("button", name="确认撤回").click()
        expect(page.get_by_role("status")).to_contain_text(done)
    expect(page.locator("body")).not_to_contain_text("排队两小时")
    assert not Evaluator.objects.filter(id=event.id).exists()
    page.get_by_role("button", name="退出登录").click()
    expect(page.get_by_role("heading", name="已退出登录")).to_be_visible()
    page.goto(f"{live.url}/my/services/{event.id}")
    expect(page.get_by_role("button", name="获取验证码")).to_be_visible()


def test_the_code_is_read_on_the_telephone_to_which_the_gateway_brought_it(
    live: Live, visit: Visit, gateway: SmsGateway, number: str
) -> None:
    page, telephone = visit(), visit()
    page.goto(live.url + "/my")
    page.get_by_label("手机号码").fill(number)
    page.get_by_role("button", name="获取验证码").click()
    expect(page.get_by_text("验证码已发往")).to_be_visible()
    with ThreadPoolExecutor(1) as worker:  # Playwright keeps an event loop in this thread
        worker.submit(_send).result()
    telephone.goto(f"{gateway.url}/?mobile={number}")
    said = telephone.locator("body").inner_text()
    code = re.search(r"【.+】验证码(\d{6})", said)
    assert code, said
    page.get_by_label("验证码").fill(code[1])
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="还没有找到您的办件")).to_be_visible()


def test_a_telephone_rates_as_mobile_and_judges_the_rectification(live: Live, visit: Visit, number: str) -> None:
    event = live.serve(mobile=number)
    rated(event, number)
    answered(event, live.cast, clock.now())
    page = visit(user_agent="Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) Mobile/15E148")
    came_in(page, live, number)
    expect(page.get_by_text("请您确认整改结果")).to_be_visible()
    page.get_by_role("link", name=re.compile("查看")).first.click()
    page.get_by_role("link", name="对整改不满意").click()
    page.get_by_label("还有什么没有解决？").fill("还是要排队")
    page.get_by_role("button", name="确认不满意").click()
    expect(page.get_by_role("status")).to_contain_text("不满意")
    assert Order.objects.get(id=event.id).state == "rectifying"


def test_the_deletion_asks_first_and_then_nothing_is_left(live: Live, visit: Visit, number: str) -> None:
    event = live.serve(mobile=number)
    rated(event, number)
    page = visit()
    came_in(page, live, number)
    page.get_by_role("link", name="我的数据").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="下载表格（ZIP）").click()
    assert download.value.suggested_filename.endswith(".zip")
    page.get_by_role("link", name="删除我的数据").click()
    page.get_by_label("我知道删除后不能恢复").check()
    page.get_by_role("button", name="删除我的数据").click()
    expect(page.get_by_role("heading", name="您的数据已删除")).to_be_visible()
    assert not Evaluator.objects.filter(id=event.id).exists()
    assert Evaluation.objects.filter(id=event.id).exists()


def test_the_receipt_leads_here_and_the_door_leads_to_the_receipt(live: Live, visit: Visit) -> None:
    page = visit()
    page.goto(live.link(live.serve()))
    page.locator("#lv5").check()
    page.get_by_role("button", name="提交评价").click()
    page.get_by_role("link", name="查看进度").click()
    page.get_by_role("link", name="登录我的办件").click()
    expect(page).to_have_url(re.compile("/my/login"))
    page.get_by_role("link", name="凭回执号查进度").click()
    expect(page).to_have_url(live.url + "/r/")
    page.goto(live.url + "/")
    page.get_by_role("main").get_by_role("link", name="我的办件").click()
    expect(page).to_have_url(re.compile("/my/login"))


def test_it_can_be_used_with_the_keyboard(live: Live, visit: Visit, number: str) -> None:
    live.serve(mobile=number)
    page = visit(1280)
    page.goto(live.url + "/my")
    page.get_by_label("手机号码").focus()
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    expect(page.get_by_label("验证码")).to_be_focused()
    page.keyboard.type(last_code(number))
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("现在评价")).focus()
    page.keyboard.press("Enter")
    page.locator("#lv5").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="提交评价").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("评价已收到")


@pytest.mark.parametrize(("width", "elder"), [(width, elder) for width in (375, 1440) for elder in "01"])
def test_no_page_has_a_fault_that_axe_finds_or_stands_out(  # noqa: PLR0917
    live: Live,
    visit: Visit,
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    number: str,
    width: int,
    elder: str,
) -> None:
    waiting, open_ = live.serve(mobile=number), live.serve(mobile=number)
    rated(waiting, number)
    answered(waiting, live.cast, clock.now())
    page = visit(width)
    shots = os.environ.get("HCP_TEST_SHOTS")

    def sound(what: str) -> None:
        if shots:
            page.screenshot(path=f"{shots}/my-{what}-{width}-{elder}.png", full_page=True)
        assert axe(page) == [], what
        assert fits(page), what
        assert page.evaluate(SMALL_TARGETS, 72 if elder == "1" else 44) == [], what

    page.goto(f"{live.url}/my/login?elder={elder}")
    sound("login")
    page.get_by_label("手机号码").fill("123")
    page.get_by_role("button", name="获取验证码").click()
    expect(page.get_by_role("alert")).to_be_focused()
    sound("no number")
    page.get_by_label("手机号码").fill(number)
    page.get_by_role("button", name="获取验证码").click()
    sound("code")
    page.get_by_label("验证码").fill("x")
    page.get_by_role("button", name="登录").click()
    sound("wrong code")
    page.get_by_label("验证码").fill(last_code(number))
    page.get_by_role("button", name="登录").click()
    sound("list")
    one = f"{live.url}/my/services/{waiting.id}"
    for what, url in {
        "waiting": one,
        "follow up": one + "/follow-up",
        "unsatisfied": one + "/unsatisfied",
        "withdraw identity": one + "/withdraw-identity",
        "open": f"{live.url}/my/services/{open_.id}",
        "rate": f"{live.url}/my/services/{open_.id}/rate",
        "data": live.url + "/my/data",
        "delete": live.url + "/my/delete",
        "nowhere": f"{live.url}/my/services/00000000-0000-0000-0000-000000000000",
    }.items():
        page.goto(url)
        sound(what)
    page.goto(one + "/follow-up")
    page.locator("#lv2").check()
    page.get_by_role("button", name="提交追评").click()
    expect(page.get_by_role("alert")).to_be_visible()
    sound("follow up wrong")
    page.goto(live.url + "/my")
    page.get_by_role("button", name="退出登录").click()
    sound("left")
