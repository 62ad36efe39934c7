"""The citizen's pages in a real browser: with script and without, in large type, on a phone and on a desk."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.evaluation.models import Evaluation
from haochaping.kit import clock, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
TAGS = {
    5: "一窗受理一次办结",
    4: "填写一张表单就可完成申报",
    3: "提供申报材料样本",
    2: "窗口人员业务不熟练",
    1: "服务态度差效率低",
}


def rate(page: Page, level: int, words: str = "") -> None:
    page.locator(f"#lv{level}").check()
    page.get_by_label(TAGS[level], exact=True).check()
    if words:
        page.get_by_label("还想说点什么").fill(words)
    page.get_by_role("button", name="提交评价").click()


@pytest.mark.parametrize("level", [5, 4, 3, 2, 1])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
@pytest.mark.parametrize("elder", ["", "?elder=1"], ids=["standard", "elder"])
def test_every_level_can_be_given(live: Live, visit: Visit, level: int, script: bool, elder: str) -> None:
    event = live.serve()
    page = visit(java_script_enabled=script)
    page.goto(live.link(event) + elder)
    rate(page, level, "在浏览器里写的一句话")
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    rating = Evaluation.objects.get(id=event.id)
    assert (rating.level, rating.indicator_names) == (level, [TAGS[level]])


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_the_tags_of_the_chosen_level_show_and_no_others(live: Live, visit: Visit, script: bool) -> None:
    page = visit(java_script_enabled=script)
    page.goto(live.link(live.serve()))
    for level in TAGS:
        page.locator(f"#lv{level}").check()
        for other, tag in TAGS.items():
            expect(page.get_by_text(tag, exact=True)).to_be_visible(visible=other == level)


def test_the_whole_form_can_be_filled_with_the_keyboard(live: Live, visit: Visit) -> None:
    event = live.serve()
    page = visit(1280)
    page.goto(live.link(event))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#lv5")).to_be_checked()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#lv1")).to_be_checked()
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.get_by_label("还想说点什么").focus()
    page.keyboard.type("键盘")
    page.get_by_role("button", name="提交评价").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    assert Evaluation.objects.get(id=event.id).indicators == ["108"]


def test_a_bad_rating_without_a_reason_is_told_so_and_keeps_what_was_typed(live: Live, visit: Visit) -> None:
    page = visit()
    page.goto(live.link(live.serve()))
    page.locator("#lv2").check()
    page.get_by_text("留下联系方式").click()
    page.get_by_label("联系电话").fill("13900000002")
    page.get_by_role("button", name="提交评价").click()
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("请至少选择一项不满意的方面，或写一句话说明原因。")
    expect(page.get_by_label("联系电话")).to_have_value("13900000002")
    summary.get_by_role("link").click()
    expect(page.locator("#t207")).to_be_in_viewport()
    page.get_by_label("还想说点什么").fill("等太久")
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()


def test_a_double_click_sends_once(live: Live, visit: Visit) -> None:
    event = live.serve()
    page = visit()
    page.goto(live.link(event))
    page.locator("#lv5").check()
    posts: list[str] = []
    page.on("request", lambda request: request.method == "POST" and posts.append(request.url))
    page.get_by_role("button", name="提交评价").dblclick()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    assert len(posts) == 1


def test_the_rater_follows_the_receipt_and_the_next_one_sees_only_that_it_is_rated(live: Live, visit: Visit) -> None:
    event = live.serve()
    url = live.link(event)
    page = visit()
    page.goto(url)
    rate(page, 1, "排队两小时")
    receipt = ids.receipt(event.id)
    shown = page.locator(".receipt").inner_text()
    assert shown.replace(" ", "") == receipt
    page.reload()
    expect(page.locator(".receipt")).to_be_visible()
    page.get_by_role("link", name="查看进度").click()
    expect(page).to_have_url(f"{live.url}/r/{receipt}")
    expect(page.locator(".steps")).to_contain_text("形成差评工单")
    expect(page.locator(".steps .now")).to_contain_text(
        re.compile(r"等待承办单位签收.*最迟\d+年\d+月\d+日（含当日）完成", re.DOTALL)
    )

    other = visit()
    other.goto(url)
    expect(other.get_by_role("heading", name="已评价")).to_be_visible()
    assert receipt not in other.content()
    other.goto(live.url + "/r/")
    other.get_by_label("回执号").fill(" ".join(shown.lower().split()))
    other.get_by_role("button", name="查进度").click()
    expect(other).to_have_url(f"{live.url}/r/{receipt}")


@pytest.mark.parametrize("elder", ["", "?elder=1"], ids=["standard", "elder"])
def test_the_first_load_is_light(live: Live, visit: Visit, elder: str) -> None:
    page = visit()
    sizes: list[int] = []
    page.on("requestfinished", lambda r: sizes.append(r.sizes()["responseBodySize"] + r.sizes()["responseHeadersSize"]))
    page.goto(live.link(live.serve()) + elder, wait_until="networkidle")
    assert 4 <= len(sizes) <= 6
    assert sum(sizes) < 50_000
    kinds = page.evaluate("performance.getEntriesByType('resource').map(e => new URL(e.name).origin)")
    assert set(kinds) == {live.url}, "nothing comes from elsewhere"


@pytest.mark.parametrize(
    ("width", "elder"), [(320, "0"), *((width, elder) for width in (375, 390, 1440) for elder in "01")]
)
def test_no_page_has_a_fault_that_axe_finds_or_stands_out(  # noqa: PLR0917
    live: Live, visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], width: int, elder: str
) -> None:
    page = visit(width)
    event = live.serve()
    url = live.link(event)

    def sound(what: str) -> None:
        assert axe(page) == [], what
        assert fits(page), what
        small = page.evaluate(SMALL_TARGETS, 72 if elder == "1" else 44)
        assert small == [], what

    page.goto(f"{live.url}/?elder={elder}")
    sound("front")
    page.goto(url)
    sound("empty form")
    page.locator("#lv1").check()
    page.get_by_text("留下联系方式").click()
    sound("bad rating chosen")
    page.get_by_label("联系电话").fill("12ab")
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("alert")).to_be_visible()
    sound("errors")
    page.get_by_label("联系电话").fill("")
    page.get_by_label("还想说点什么").fill("排队两小时")
    page.get_by_role("button", name="提交评价").click()
    expect(page.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
    sound("thanks")
    page.get_by_role("link", name="查看进度").click()
    sound("progress")
    page.goto(live.url + "/r/?receipt=HP12")
    sound("a receipt that is none")
    page.goto(live.url + "/e/" + ids.new_token())
    sound("unknown link")
    page.goto(live.url + "/nowhere")
    sound("no such page")
    assert clock.now() > event.service_time


# Links within a sentence may be as high as their line (WCAG 2.5.8); everything else is a finger wide.
SMALL_TARGETS = """
least => [...document.querySelectorAll('a, button, summary, input, textarea')]
  .filter(e => e.offsetParent && e.type !== 'hidden' && !e.closest('p:not(.buttons), .brand, .foot, .type'))
  .map(e => [e, (e.type === 'checkbox' && e.closest('.tick') || e).getBoundingClientRect()])
  .filter(([e, box]) => box.width && box.height < least - .5 && !e.closest('.errors'))
  .map(([e, box]) => e.outerHTML.slice(0, 80) + ' ' + box.height)
"""
