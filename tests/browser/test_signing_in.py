"""Two steps at the door, in a real browser without a script: set up, come in by code, be asked again."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from haochaping.accounts import second_factor
from haochaping.accounts.people import create_person
from haochaping.accounts.rules import Role, Scope
from haochaping.kit import clock
from tests.browser.test_console import log_in
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

WIDTHS = (390, 1280)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_second_factor_is_set_up_and_then_asked_for(
    live: Live, visit: Callable[..., Page], axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    username = f"newcomer{width}"
    create_person(username, "新同事", PASSWORD, [(Role.CITY, Scope("3201"))], now=clock.now())
    page = visit(width, 900)

    def sound(what: str) -> None:
        if shots := os.environ.get("HCP_TEST_SHOTS"):
            page.screenshot(path=f"{shots}/signin-{what}-{width}.png", full_page=True)
        assert axe(page) == [], what
        assert fits(page), what

    page.goto(f"{live.url}/console/login")
    sound("door")
    log_in(page, live, username)
    page.goto(f"{live.url}/console/password")
    sound("account")
    for by in ("oidc", "password"):
        _age(page, by)
        page.goto(f"{live.url}/console/windows/")
        page.get_by_role("link", name="导出 CSV").click()
        sound(f"proof-{by}")
    page.get_by_label("您的登录密码").fill(PASSWORD)
    with page.expect_download():
        page.get_by_role("button", name="确认并继续").click()
    page.goto(f"{live.url}/console/password")
    page.get_by_role("link", name="开启两步验证").click()
    sound("start")
    page.get_by_role("button", name="开始设置").click()
    sound("enrol")
    key = page.locator("code.key").inner_text().replace(" ", "")
    page.get_by_label("输入验证器现在显示的6位数字").fill("12")
    page.get_by_role("button", name="确认开启").click()
    expect(page.get_by_role("alert")).to_contain_text("验证码不正确")
    sound("wrong")
    page.get_by_label("输入验证器现在显示的6位数字").fill(second_factor.code_at(key, clock.now()))
    page.get_by_role("button", name="确认开启").click()
    sound("codes")
    codes = page.locator(".codes code").all_inner_texts()
    page.goto(f"{live.url}/console/account/second-factor")
    sound("on")

    page.context.clear_cookies()
    page.goto(f"{live.url}/console/login?next=/console/windows/")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_role("heading", name="输入验证码")).to_be_visible()
    sound("code")
    page.get_by_label("验证码").fill("AAAAA-AAAAA")
    page.get_by_role("button", name="登录", exact=True).click()
    sound("code-wrong")
    page.get_by_label("验证码").fill(codes[0])
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(re.compile("/console/windows/"))

    _age(page)
    page.get_by_role("link", name="导出 CSV").click()
    expect(page.get_by_role("heading", name="请再次确认是您本人")).to_be_visible()
    sound("proof")
    page.get_by_label("验证码").fill(codes[1])
    with page.expect_download() as download:
        page.get_by_role("button", name="确认并继续").click()
    assert download.value.suggested_filename.startswith("windows-")


@pytest.mark.parametrize("width", WIDTHS)
def test_the_security_administrator_finds_what_to_take_away_on_the_persons_page(
    live: Live, visit: Callable[..., Page], axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int
) -> None:
    person, now = (
        create_person(f"lost{width}", "丢手机", PASSWORD, [(Role.CITY, Scope("3201"))], now=clock.now()),
        clock.now(),
    )
    second_factor.confirm(person, second_factor.code_at(second_factor.begin(person), now), now=now)
    page = visit(width, 900)
    log_in(page, live, "security")
    page.goto(f"{live.url}/console/people/{person.pk}/")

    def sound(what: str) -> None:
        if shots := os.environ.get("HCP_TEST_SHOTS"):
            page.screenshot(path=f"{shots}/signin-{what}-{width}.png", full_page=True)
        assert axe(page) == [], what
        assert fits(page), what

    sound("person")
    page.get_by_role("link", name="移除两步验证").click()
    sound("person-ask")
    page.get_by_role("button", name="确认移除两步验证").click()
    expect(page.get_by_role("status")).to_contain_text("的两步验证已移除")
    sound("person-done")


def _age(page: Page, by: str = "password") -> None:
    """As if the last proof were sixteen minutes old, and they had come in by that."""
    (cookie,) = [c for c in page.context.cookies() if c["name"] == "sessionid"]
    session = Session.objects.get(session_key=cookie["value"])
    kept = session.get_decoded()
    kept["proved"] -= timedelta(minutes=16).total_seconds()
    kept["by"] = by
    session.session_data = Session.objects.encode(kept)
    session.save()
