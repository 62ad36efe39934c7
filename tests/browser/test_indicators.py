"""指标管理 in a real browser."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.kit import clock
from haochaping.policy.models import IndicatorSet
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"


def log_in(page: Page, live: Live, username: str) -> None:
    page.goto(f"{live.url}/console/login")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(re.compile(r"/console/(?!login)"))


@pytest.mark.parametrize("width", [375, 1440])
def test_a_set_from_draft_to_approval(
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    def sound(page: Page, what: str) -> None:
        assert axe(page) == [], what
        assert fits(page), what

    region = {375: "3201", 1440: "3205"}[width]
    page = visit(width, 900)
    log_in(page, live, "supervisor")
    page.goto(f"{live.url}/console/indicators/?region={region}")
    sound(page, "list")
    page.get_by_role("button", name="起草新版本").click()
    notice, heading = page.locator("[role=status] .notice"), page.locator("h1")
    gap = heading.bounding_box()["y"] - notice.bounding_box()["y"] - notice.bounding_box()["height"]  # type: ignore[index]
    assert gap >= 12, "the notice does not touch the heading"
    page.get_by_role("link", name="增加指标").click()
    sound(page, "line")
    page.get_by_label("名称").fill("叫号屏看不清")
    page.get_by_label("大厅评价器").check()
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#changes")).to_be_visible()
    sound(page, "draft")
    page.get_by_role("link", name="预览评价页").click()
    page.get_by_label("渠道").select_option(label="大厅评价器")
    page.get_by_role("button", name="换一页").click()
    today, then = (page.frame_locator(f"iframe[title='{title}']") for title in ("今天的评价页", "按本版的评价页"))
    expect(then.get_by_text("叫号屏看不清")).to_be_visible()
    expect(today.get_by_text("窗口人员业务不熟练")).to_be_visible()
    expect(today.get_by_text("叫号屏看不清")).to_have_count(0)
    then.get_by_role("button", name="提交评价").click()
    expect(then.get_by_role("button", name="提交评价")).to_be_visible()  # the frame lets nothing be sent
    sound(page, "preview")
    page.get_by_role("link", name="第1版").click()
    page.get_by_label("生效日期").fill((clock.today() + timedelta(days=5)).isoformat())
    page.get_by_role("button", name="提交审批").click()
    expect(page.get_by_text("您参与了起草或修改")).to_be_visible()

    leader = visit(width, 900)
    log_in(leader, live, "leader")
    leader.goto(page.url)
    sound(leader, "decision")
    leader.get_by_role("button", name="批准").click()  # the tick is missing
    assert IndicatorSet.objects.get(region=region).state == "submitted"
    leader.get_by_label("我已核对修订内容，并看过预览").check()
    leader.get_by_role("button", name="批准").click()
    expect(leader.locator("h1")).to_contain_text("已批准，待生效")
    assert IndicatorSet.objects.get(region=region).state == "approved"
