"""docs/embed.md, example by example, on a page of another origin with a strict content policy of its own."""

from __future__ import annotations

import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from haochaping.accounts.commands import set_return_origins
from haochaping.accounts.queries import forget_apps
from haochaping.channels.commands import make_link
from haochaping.evaluation.models import Evaluation
from haochaping.kit import clock
from haochaping.kit.config import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
EXAMPLES = re.findall(r"```html\n(.*?)```", (ROOT / "docs" / "embed.md").read_text(encoding="utf-8"), re.DOTALL)
SITE = "https://zwfw.example.gov.cn"


class Elsewhere:
    """A department's own site, on another origin."""

    def __init__(self) -> None:
        site = self
        self.body = self.policy = ""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = f'<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>外单位网站</title><main><h1>办件已办结</h1>{site.body}</main></html>'
                body = page.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", site.policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *given: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self._server.server_address[1]}"
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def elsewhere(live: Live) -> Iterator[Elsewhere]:
    site = Elsewhere()
    site.policy = f"default-src 'none'; script-src {live.url}; style-src 'self'"
    yield site
    site.close()


def example(number: int, live: Live, event: Any, back: str = SITE) -> str:
    from datetime import timedelta

    path = "/e/" + make_link(event.id, 1, timedelta(days=1), live.cast.app_id, clock.now())
    text = EXAMPLES[number].replace("https://haochaping.example.gov.cn", live.url).replace("/e/TOKEN", path)
    return text.replace(SITE, back).replace(quote(SITE, safe=""), quote(back, safe=""))


def test_the_one_line_puts_a_button_that_opens_the_page(
    live: Live, visit: Visit, elsewhere: Elsewhere, axe: Callable[[Page], list[str]]
) -> None:
    event = live.serve()
    elsewhere.body = example(0, live, event)
    page = visit()
    page.goto(elsewhere.url)
    button = page.get_by_role("link", name="评价本次服务（在新窗口打开）")
    expect(button).to_be_visible()
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert axe(page) == []
    assert page.context.cookies() == [], "not one cookie"
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    with page.expect_popup() as opened:
        page.keyboard.press("Enter")
    form = opened.value
    assert form.evaluate("window.opener") is None
    form.locator("#lv5").check()
    form.get_by_role("button", name="提交评价").click()
    expect(form.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    assert Evaluation.objects.get(id=event.id).level == 5


def test_in_the_same_window_and_back_to_the_case(live: Live, visit: Visit, elsewhere: Elsewhere) -> None:
    set_return_origins(live.cast.app_id, [elsewhere.url], actor=live.cast.admin, now=clock.now())
    forget_apps()
    for number, name in ((1, "评价本次服务"), (4, "评价本次服务")):
        elsewhere.body = example(number, live, live.serve(), elsewhere.url)
        page = visit()
        page.goto(elsewhere.url)
        page.get_by_role("link", name=name).click()
        page.locator("#lv5").check()
        page.get_by_role("button", name="提交评价").click()
        expect(page.locator(".receipt")).to_be_visible()
        page.get_by_role("link", name="返回南京一体化平台").click()
        expect(page).to_have_url(elsewhere.url + "/cases/1")


def test_with_a_look_of_ones_own(live: Live, visit: Visit, elsewhere: Elsewhere) -> None:
    elsewhere.body = example(2, live, live.serve())
    page = visit()
    page.goto(elsewhere.url)
    link = page.locator("a.hcp-rate")
    expect(link).to_have_text("我的办件")
    assert link.get_attribute("style") is None
    assert link.get_attribute("href") == live.url + "/my"


def test_a_plain_link_needs_no_script(live: Live, visit: Visit, elsewhere: Elsewhere) -> None:
    elsewhere.body = example(3, live, live.serve())
    page = visit(java_script_enabled=False)
    page.goto(elsewhere.url)
    with page.expect_popup() as opened:
        page.get_by_role("link", name="评价本次服务").click()
    expect(opened.value.get_by_role("button", name="提交评价")).to_be_visible()


@pytest.mark.parametrize(
    "bad", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/console/", "", "/e/x"]
)
def test_a_wrong_address_puts_no_button(live: Live, visit: Visit, elsewhere: Elsewhere, bad: str) -> None:
    elsewhere.body = f'<script src="{live.url}/embed.js" data-link="{bad}" async></script><p id="after">x</p>'
    page = visit()
    page.goto(elsewhere.url, wait_until="load")
    expect(page.locator("#after")).to_be_visible()
    expect(page.locator("a.hcp-rate")).to_have_count(0)


def test_several_lines_put_several_buttons(live: Live, visit: Visit, elsewhere: Elsewhere) -> None:
    elsewhere.body = example(2, live, live.serve()) + example(0, live, live.serve())
    page = visit()
    page.goto(elsewhere.url)
    expect(page.locator("a.hcp-rate")).to_have_count(2)


def test_the_script_is_small_old_fashioned_kept_and_without_cookies(live: Live) -> None:
    answer = httpx.get(live.url + "/embed.js")
    assert answer.status_code == 200
    assert len(answer.content) <= 3_000
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=604800"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert not re.search(
        r"=>|`|\b(let|const|class|fetch|Promise|cookie|localStorage|XMLHttpRequest|sendBeacon)\b", answer.text
    )
    again = httpx.get(live.url + "/embed.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
