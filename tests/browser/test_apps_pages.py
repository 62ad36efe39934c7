"""接入应用 in a real browser: sound at every width, a key added and ended, return addresses put right."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.accounts.commands import create_app
from haochaping.accounts.models import App, AppKey
from haochaping.kit import clock
from tests.browser.test_console import log_in
from tests.cast import NANJING, PROVINCE_OFFICE

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live


@pytest.mark.parametrize("width", [375, 1440])
def test_the_pages_are_sound_and_do_what_they_say(
    live: Live, visit: Callable[..., Page], axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    path = f"/{PROVINCE_OFFICE}/{NANJING}/"
    app_id, _ = create_app(f"门户{width}", organ_code=NANJING, organ_path=path, area="3201", now=clock.now())
    page = visit(width)
    log_in(page, live, "admin")

    def sound(what: str) -> None:
        if shots := os.environ.get("HCP_TEST_SHOTS"):
            page.screenshot(path=f"{shots}/apps-{what}-{width}.png", full_page=True)
        assert axe(page) == [], what
        assert fits(page), what

    page.goto(live.url + "/console/apps/")
    sound("list")
    page.get_by_role("link", name=f"门户{width}").click()
    sound("one")
    page.get_by_role("button", name="生成新密钥").click()
    expect(page.get_by_text("只显示这一次")).to_be_visible()
    sound("secret")
    page.get_by_label("评价完成后可以返回的网站").fill("http://a.gov.cn")
    page.get_by_role("button", name="保存返回地址").click()
    expect(page.get_by_text("不是网站地址")).to_be_visible()
    sound("wrong")
    page.get_by_label("评价完成后可以返回的网站").fill("https://a.gov.cn")
    page.get_by_role("button", name="保存返回地址").click()
    expect(page.get_by_role("status")).to_contain_text("返回地址已保存")
    assert App.objects.get(pk=app_id).return_origins == ["https://a.gov.cn"]
    page.get_by_role("button", name=re.compile("停用")).last.click()
    sound("confirm")
    page.get_by_role("button", name="确认停用").click()
    expect(page.get_by_role("status")).to_contain_text("密钥已停用")
    assert AppKey.objects.filter(app_id=app_id, revoked_at=None).count() == 1
