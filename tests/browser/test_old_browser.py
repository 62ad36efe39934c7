"""Chromium 72, early 2019, as it stands in halls and villages: opt-in, `make old-browser`.

It is driven by its own switches (look.md §3): what it drew is asked by a probe put into a copy of the page as the server
gave it; that its own script runs under the content policy, of the page itself.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from haochaping.kit import clock
from haochaping.kit.config import ROOT
from tests.device.tablet import enrolled

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser.conftest import Live

CHROMIUM = ROOT / "build" / "old-browser" / "chromium"
SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
    "--virtual-time-budget=3000", "--disable-web-security",
)  # fmt: skip
PHONE, DESK = (375, 812), (1440, 900)
PROBE = """
<script>addEventListener('load', function () { setTimeout(function () {
  var all = function (s) { return [].slice.call(document.querySelectorAll(s)); };
  var box = function (e) { var b = e.getBoundingClientRect(), s = getComputedStyle(e);
    return {left: b.left, top: b.top, width: b.width, height: b.height, color: s.color, display: s.display,
            border: s.borderTopColor, background: s.backgroundColor, words: e.textContent.trim()}; };
  var told = {agent: navigator.userAgent, wide: document.documentElement.scrollWidth - innerWidth,
              font: getComputedStyle(document.documentElement).fontSize, faces: all('.face').map(box),
              drawn: all('.face svg').filter(function (e) { return e.getBoundingClientRect().width > 30; }).length,
              tags: all('.tags').map(box), chips: all('.chip').map(box), top: all('.top').map(box),
              cards: all('.card').map(box), button: all('button[type=submit], button.full').map(box),
              faults: window.faults, idle: all('#idle').map(box)};
  var out = document.createElement('template'); out.id = 'told'; out.setAttribute('data-told', JSON.stringify(told));
  document.body.appendChild(out);
}, 200); });</script>
"""

EAR = "<script>window.faults = []; addEventListener('error', function (e) { window.faults.push(e.message); });</script>"

pytestmark = [
    pytest.mark.old_browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium 72: make old-browser"),
]


def run(*switches: str) -> str:
    command = [str(CHROMIUM), *SWITCHES, *switches]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.fixture
def look(live: Live, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """`look(html, size)`: what Chromium 72 makes of a page; a picture of it lies in build/old-browser/shots."""

    def draw(html: str, size: tuple[int, int], name: str) -> dict[str, Any]:
        page = tmp_path / f"{name}.html"
        page.write_text(
            html.replace("<head>", f'<head><base href="{live.url}/">{EAR}', 1).replace("</body>", PROBE + "</body>")
        )
        window = f"--window-size={size[0]},{size[1]}"
        told = re.search(r'data-told="([^"]*)"', run(window, "--dump-dom", page.as_uri()))
        assert told, "the probe has run"
        shots = CHROMIUM.parent / "shots"
        shots.mkdir(exist_ok=True)
        run(window, f"--screenshot={shots / name}.png", page.as_uri())
        found: dict[str, Any] = json.loads(told[1].replace("&quot;", '"').replace("&amp;", "&").replace("&lt;", "<"))
        assert "Chrome/72." in found["agent"]
        return found

    return draw


def the_page(url: str, **posted: str) -> str:
    with httpx.Client() as client:
        page = client.get(url)
        if posted:
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
            assert token
            page = client.post(url, data={"csrfmiddlewaretoken": token[1], **posted}, headers={"Referer": url})
        return page.text


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("elder", [False, True], ids=["standard", "elder"])
def test_the_rating_page_shows_five_faces_in_their_colours(
    live: Live, look: Callable[..., dict[str, Any]], size: tuple[int, int], elder: bool
) -> None:
    url = live.link(live.serve()) + ("?elder=1" if elder else "")
    told = look(the_page(url), (size[0], 2000), f"rate-{size[0]}{'-elder' if elder else ''}")
    faces = told["faces"]
    assert [face["words"] for face in faces] == ["非常满意", "满意", "基本满意", "不满意", "非常不满意"]
    assert told["drawn"] == 5
    assert len({face["color"] for face in faces}) == 5, "the colours of tokens.css are there"
    assert len({face["top"] for face in faces}) == (5 if elder else 1), "a row, or in large type a column"
    assert all(face["height"] >= (72 if elder else 90) and face["width"] >= 55 for face in faces)
    assert {tags["display"] for tags in told["tags"]} == {"none"}, "no tags before a level is chosen"
    assert told["font"] == ("22px" if elder else "16px")
    assert told["wide"] <= 0, "nothing stands out"
    assert told["button"][0]["background"] == "rgb(21, 80, 181)"


@pytest.mark.parametrize("elder", [False, True], ids=["standard", "elder"])
def test_a_bad_rating_shows_its_tags_and_no_others(
    live: Live, look: Callable[..., dict[str, Any]], elder: bool
) -> None:
    url = live.link(live.serve())
    page = the_page(url, level="1")
    assert "请至少选择一项不满意的方面" in page
    if elder:
        page = page.replace('<html lang="zh-CN"', '<html lang="zh-CN" class="elder"', 1)
    told = look(page, (375, 2600), f"bad{'-elder' if elder else ''}")
    assert [tags["display"] for tags in told["tags"]] == ["none"] * 4 + ["block"]
    shown = [chip for chip in told["chips"] if chip["width"]]
    assert len(shown) == 8
    assert all(chip["height"] >= (72 if elder else 44) for chip in shown)
    assert told["wide"] <= 0
    assert told["faces"][4]["background"] != told["faces"][0]["background"], "the chosen one is marked"


def test_the_pages_own_script_runs_under_the_content_policy(live: Live) -> None:
    page = run("--dump-dom", live.link(live.serve()))
    assert "还可以写 500 字" in page


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_public_page_has_its_frame_and_fits(
    live: Live, look: Callable[..., dict[str, Any]], size: tuple[int, int]
) -> None:
    told = look(the_page(live.url + "/public/"), size, f"public-{size[0]}")
    assert told["top"][0]["background"] == "rgb(21, 80, 181)"
    assert told["wide"] <= 0


def test_the_window_tablet_draws_five_faces_without_scrolling_and_its_script_is_understood(
    live: Live, look: Callable[..., dict[str, Any]]
) -> None:
    tablet = enrolled(now=clock.now())
    page = httpx.get(f"{live.url}/device/{tablet.id}", headers={"Cookie": f"hcp_device={tablet.cookie}"}).text
    assert 'id="rate"' in page
    idle = look(page, (1280, 800), "device-idle")
    assert not [fault for fault in idle["faults"] if "SyntaxError" in fault or "is not a function" in fault]
    assert idle["wide"] <= 0
    still = re.sub(r"<script src=[^>]*></script>", "", page)
    rating = re.sub(r'(<section id="rate"[^>]*) hidden>', r"\1>", still).replace(
        '<section id="idle"', '<section hidden id="idle"'
    )
    told = look(rating, (1280, 800), "device-rate")
    faces = told["faces"]
    assert [face["words"] for face in faces] == ["非常满意", "满意", "基本满意", "不满意", "非常不满意"]
    assert len({face["top"] for face in faces}) == 1
    assert len({face["color"] for face in faces}) == 5
    assert all(face["height"] >= 224 and face["top"] + face["height"] <= 800 for face in faces), (
        "14 rem high, no scrolling"
    )
    assert told["drawn"] == 5
    assert told["wide"] <= 0
