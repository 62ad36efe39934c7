"""One rating walks all the way: business system, phone, work order, department, 12345, citizen, public page, nation."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from haochaping.kit import clock
from tests.cast import NANJING, NANJING_ITEM, PASSWORD
from tests.fakes.national import NationalPlatform
from tests.story.running import Client, Installation, until

if TYPE_CHECKING:
    from collections.abc import Iterator

OTHERS = 19  # good ratings beside the bad one: figures of fewer than five are not published


@pytest.fixture
def nation(tmp_path) -> Iterator[NationalPlatform]:
    with NationalPlatform(tmp_path / "national") as platform:
        yield platform


@pytest.fixture
def province(reachable, nation) -> Iterator[Installation]:
    up = Installation(
        reachable / "province",
        HCP_NATIONAL_URL=nation.url,
        HCP_NATIONAL_APP_MARK=nation.app_mark,
        HCP_NATIONAL_APP_WORD=nation.app_word,
        HCP_NATIONAL_PUBLIC_KEY=nation.public_key.hex(),
    )
    yield up
    up.stop()


def service(n: int, served: str) -> dict[str, object]:
    return {
        "projectNo": f"NJ20260{n:04}",
        "serviceNumber": 1,
        "projectName": "食品经营许可",
        "taskCode": NANJING_ITEM,
        "orgcode": NANJING,
        "areaCode": "320102000000",
        "serviceTime": served,
        "serviceName": "签收",
        "proStatus": 3,
        "acceptDate": served,
        "resultDate": served,
        "proChannel": 2,
        "projectType": 1,
        "promiseDay": 5,
        "promiseType": 1,
        "windowNo": "NJ-A01",
        "userProp": 1,
        "userName": "赵试样",
        "creditType": "111",
        "creditNum": "320102190001010018",
        "mobile": "13800000001",
    }


def log_in(browser: Browser, province: Installation, who: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN").new_page()
    page.goto(f"{province.url}/console/login")
    page.get_by_label("用户名").fill(who)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page).to_have_url(f"{province.url}/console/")
    return page


def move(page: Page, verb: str, **facts: str) -> None:
    """Open the move's form if it is closed, fill it as a person would, confirm where asked."""
    form = page.locator(f"form[action$='/{verb}']")
    if not form.is_visible():
        page.locator("details.move", has=form).locator("summary").click()
    for name, value in facts.items():
        field = form.locator(f"[name={name}]")
        if field.first.get_attribute("type") == "radio":
            form.locator(f"[name={name}][value={value}]").check()
        elif field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    form.get_by_role("button").click()
    if page.get_by_role("button", name=re.compile("^确认")).count():
        page.get_by_role("button", name=re.compile("^确认")).click()


def test_one_rating_walks_all_the_way(province: Installation, nation: NationalPlatform, browser: Browser) -> None:
    province.wait_ready()
    app = json.loads(
        province.script(
            "import json; from tests.cast import settle; from haochaping.kit import clock; c = settle(now=clock.now());"
            "print(json.dumps([c.app_id, c.secret]))"
        )
    )
    now = clock.now()
    served, rated = clock.to_wire(now - timedelta(minutes=30)), clock.to_wire(now - timedelta(minutes=20))

    # The business system reports what it served, others rate at the window, and it asks for our citizen's link.
    with Client(province, *app) as system:
        services = [service(n, served) for n in range(OTHERS + 1)]
        told = system.post_until_told("/api/v1/services", services).json()["results"]
        assert {r["status"] for r in told} == {"created"}, told
        others = [
            {
                "projectNo": s["projectNo"],
                "serviceNumber": 1,
                "satisfaction": 5,
                "pf": 4,
                "evalDetail": "510",
                "assessTime": rated,
            }
            for s in services[1:]
        ]
        told = system.post_until_told("/api/v1/evaluations/batch", others).json()["results"]
        assert {r["status"] for r in told} == {"created"}, told
        link = system.post(
            "/api/v1/links", {"projectNo": services[0]["projectNo"], "serviceNumber": 1, "channel": 3}
        ).json()

    # The citizen rates it on a phone, and leaves the telephone that the case has.
    phone = browser.new_context(viewport={"width": 375, "height": 812}, has_touch=True, locale="zh-CN").new_page()
    phone.goto(link["url"])
    phone.locator("#lv1").check()
    phone.get_by_label("服务态度差效率低", exact=True).check()
    phone.get_by_label("还想说点什么").fill("等了两个小时，窗口说系统坏了")
    phone.get_by_text("留下联系方式").click()
    phone.get_by_label("联系电话").fill("13800000001")
    phone.get_by_role("button", name="提交评价").click()
    expect(phone.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    receipt = re.search(r"HP[0-9A-Z]{20}", re.sub(r"[\s-]", "", phone.inner_text("main"))).group()

    # It is a work order with a deadline; the department signs, confirms and rectifies it.
    desk = log_in(browser, province, "rectifier")
    desk.goto(f"{province.url}/console/orders/")
    order_no = re.search(r"CP\d{8}-[0-9A-Z]{8}", desk.inner_text("main")).group()
    order = f"{province.url}/console/orders/{order_no}/"
    desk.goto(order)
    assert "NJ20260000" not in desk.content(), "the rated organ does not see the case"
    assert "13800000001" not in desk.content()
    move(desk, "sign")
    move(
        desk,
        "confirm",
        is_true="true",
        is_reasonable="true",
        cause="efficiency",
        severity="general",
        findings="系统故障当日确有发生",
    )
    move(desk, "submit", measures="增设备用窗口", reply="对不起，当日系统故障，现已增设备用窗口。")

    supervisor = log_in(browser, province, "supervisor")
    supervisor.goto(order)
    move(supervisor, "approve")

    # 12345 calls back.
    operator = log_in(browser, province, "operator")
    operator.goto(order)
    move(operator, "callback", result="satisfied", pressed="no")

    # The citizen sees it by receipt.
    phone.goto(f"{province.url}/r/{receipt}")
    expect(phone.locator("main")).to_contain_text("已增设备用窗口")
    expect(phone.locator("main")).to_contain_text("已回访")
    assert "13800000001" not in phone.content()

    # The figures count it, with their parts; the public page tells today's tomorrow.
    province.hcp("lake", "refresh")
    leader = log_in(browser, province, "leader")

    def counted() -> bool:
        leader.goto(f"{province.url}/console/overview/")
        return "1 ÷ 20" in leader.inner_text("main")

    until(counted, 90, "the bad rating among the figures")
    text = leader.inner_text("main")
    assert "5.00%" in text or "5.0%" in text, text
    assert "19 ÷ 20" in text
    public = browser.new_page()
    public.goto(f"{province.url}/public/")
    assert "1 ÷ 20" not in public.inner_text("main")

    # The national platform has the service, the rating and the rectification, each once.
    def all_there() -> bool:
        ledger = nation.ledger.summary()
        counts = [ledger[kind]["count"] for kind in ("projectService", "evaluate", "rectify")]
        return counts == [OTHERS + 1, OTHERS + 1, 1]

    until(all_there, 150, "the nation's ledger")
