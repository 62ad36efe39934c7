"""大屏 in a real browser: on a wall, on a telephone, looked into by keyboard, and when its link is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.analytics.commands import rebuild_lake
from haochaping.console.screens.commands import close_link, open_link
from haochaping.kit import clock
from tests.browser.test_console import bad_order, log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (390, 844)])
def test_it_is_drawn_fits_and_axe_finds_nothing(  # noqa: PLR0917
    live: Live,
    visit: Callable[..., Page],
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    width: int,
    height: int,
) -> None:
    bad_order(live)
    rebuild_lake(now=clock.now())
    page = visit(width=width, height=height)
    log_in(page, live, "leader")
    page.goto(f"{live.url}/screen")
    expect(page.locator(".chart canvas")).to_be_visible()
    assert axe(page) == []
    assert fits(page)
    page.get_by_role("link", name="南京市").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("南京市")


def test_on_a_wall_it_says_when_its_link_is_closed(live: Live, visit: Callable[..., Page]) -> None:
    now = clock.now()
    link, token = open_link(live.cast.supervisor, name="一楼大厅", area="3201", days="3", now=now)
    page = visit(width=1920, height=1080)
    page.add_init_script("window.setTimeout = (act => (run, wait) => act(run, Math.min(wait, 200)))(window.setTimeout)")
    page.goto(f"{live.url}/screen/w/{token}")
    expect(page.get_by_text("只统计到昨天")).to_be_visible()
    close_link(link.pk, actor=live.cast.supervisor, now=now)
    expect(page.get_by_role("status")).to_contain_text("已停用或已到期")
