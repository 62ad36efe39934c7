"""渠道巡检 in a real browser: narrow and wide, good and bad."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from haochaping.channels.models import ProbeRun
from haochaping.channels.probe.rules import KINDS
from haochaping.kit import clock
from tests.cast import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

FAULT = "页面没有提供这一项：level=1（只有 5、4、3、2）"


@pytest.mark.parametrize("width", [375, 1440])
def test_the_table_of_channels_fits_and_says_what_is_wrong(
    live: Live,
    visit: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    width: int,
) -> None:
    lines: list[Any] = [
        [kind.key, int(asked.level), asked.is_bare, FAULT if kind.key == "sms" and asked.level == 1 else "", 42]
        for kind in KINDS
        for asked in kind.asked
    ]
    ProbeRun.objects.create(
        at=clock.now(), url=live.url, given=len(lines) - 1, failed=1, took_ms=9000, lines=lines, by="每夜巡检"
    )
    page = visit(width=width)
    page.goto(f"{live.url}/console/login?next=/console/probe/")
    page.get_by_label("用户名").fill("supervisor")
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    assert page.get_by_role("heading", name="渠道巡检").is_visible()
    assert page.get_by_text(FAULT).is_visible()
    assert page.get_by_text("评不了", exact=True).count() >= 1
    assert fits(page)
    assert axe(page) == []
