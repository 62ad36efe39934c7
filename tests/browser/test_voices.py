"""Comments, questionnaires, paper and letters in a real browser: nothing for axe to find, nothing over the edge, by keyboard."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import expect

from haochaping.accounts.models import Person
from haochaping.accounts.rules import Role, Scope
from haochaping.channels.models import PaperSheet
from haochaping.channels.paper import commands as paper
from haochaping.channels.paper import rules as numbers
from haochaping.channels.questionnaires import commands as questionnaires
from haochaping.channels.questionnaires.rules import Ask, Question
from haochaping.evaluation.models import Evaluation
from haochaping.kit import clock
from tests.cast import NANJING, PASSWORD, _person

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

WIDTHS = (375, 1440)


def enter(page: Page, live: Live, username: str) -> None:
    page.goto(f"{live.url}/console/login")
    page.fill("[name=username]", username)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{live.url}/console/")


def scan() -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (1240, 1754), "white")
    ImageDraw.Draw(image).rectangle((100, 300, 300, 380), outline="black", width=4)
    image.save(out, "PNG")
    return out.getvalue()


def asked(live: Live) -> str:
    """An open questionnaire of Nanjing: its code."""
    now = clock.now()
    found = questionnaires.draft(
        title="大厅延时服务征询",
        purpose="我们想知道周末是否需要开放窗口，结果用来安排下半年的班次。",
        questions=(
            Question(Ask.LEVEL, "您对目前的延时服务满意吗？", (), True),
            Question(Ask.SINGLE, "您常什么时候来办事？", ("上午", "中午", "下班后", "周末")),
            Question(Ask.MULTIPLE, "希望增加什么？", ("老花镜", "手机充电", "停车位")),
            Question(Ask.TEXT, "还有什么建议？"),
        ),
        area="320102000000",
        target="hall:NJ",
        starts=clock.day(now),
        ends=clock.day(now) + timedelta(days=10),
        actor=live.cast.city,
        now=now,
    )
    questionnaires.send(found.code, actor=live.cast.city, now=now)
    questionnaires.settle(found.code, approves=True, remark="", actor=live.cast.supervisor, now=now)
    return found.code


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comment_is_given_in_three_steps_without_a_script(
    live: Live, visit: Callable[..., Page], axe: Any, fits: Any, width: int
) -> None:
    page = visit(width, java_script_enabled=False)
    seen = visit(width)
    for address in ("/", "/comment", "/comment?kind=organ&q=南京", "/comment?kind=hall&q=没有", "/comment?elder=1"):
        seen.goto(live.url + address)
        assert axe(seen) == []
        assert fits(seen)
    seen.goto(f"{live.url}/comment?target=hall:NJ&elder=0")
    seen.check("#lv1", force=True)
    seen.click("button[type=submit]")
    expect(seen.locator(".errors")).to_contain_text("请至少选择一项不满意的方面")
    assert axe(seen) == []
    assert fits(seen)
    page.goto(f"{live.url}/comment")
    page.click("text=政府部门")
    page.fill("[name=q]", "南京 市场")
    page.press("[name=q]", "Enter")
    page.click("text=南京市市场监督管理局")
    page.check("#lv2", force=True)
    page.fill("[name=words]", "问了三次没人答复")
    page.click("button[type=submit]")
    expect(page.locator("h1")).to_have_text("评价已收到，谢谢您")
    rated = Evaluation.objects.filter(source="page", organ_code=NANJING, level=2).latest("received_at")
    assert rated.item_name == "南京市市场监督管理局"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_questionnaire_is_answered_once_without_a_script(
    live: Live, visit: Callable[..., Page], axe: Any, fits: Any, width: int
) -> None:
    code = asked(live)
    seen = visit(width)
    for address in (f"/q/{code}", f"/q/{code}?elder=1", "/q/UNKNOWN0"):
        seen.goto(live.url + address)
        assert axe(seen) == []
        assert fits(seen)
    page = visit(width, java_script_enabled=False)
    page.goto(f"{live.url}/q/{code}")
    page.click("text=提交")
    expect(page.locator(".errors")).to_contain_text("第 1 题是必答题")
    page.check("#q1", force=True)
    page.check("text=老花镜")
    page.click("main button")
    expect(page.locator("h1")).to_have_text("已收到您的回答，谢谢您")
    page.goto(f"{live.url}/q/{code}")
    expect(page.locator("form")).to_have_count(0)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_console_screens_fit_and_are_accessible(
    live: Live, visit: Callable[..., Page], axe: Any, fits: Any, width: int
) -> None:
    now, city = clock.now(), live.cast.city
    other = Person.objects.filter(username="second").first()
    second = other.actor() if other else _person("second", "复录员", Role.OPERATOR, Scope("3201"), now)
    run = paper.print_run("NJ", "", 6, actor=city, now=now)
    batch = paper.open_batch("NJ", clock.day(now), 6, actor=city, now=now)
    form = [numbers.number_of(run.year, run.first + n) for n in range(6)]
    for number in form[:3]:
        paper.attach(batch, number, "a.png", scan(), actor=city, now=now)
    differing = {"number": form[0], "level": "2", "tags": "214", "words": "排队太久，窗口只开一个"}
    paper.key(batch, differing, actor=live.cast.operator, now=now)
    paper.key(batch, differing | {"level": "1", "tags": "115"}, actor=second, now=now)
    for actor in (live.cast.operator, second):
        paper.key(batch, {"number": form[3], "level": "5"}, actor=actor, now=now)
    paper.void(batch, form[4], "没有勾选满意度", actor=city, now=now)
    code = asked(live)
    for n in range(6):
        found = questionnaires.Questionnaire.objects.get(code=code)
        questionnaires.answer(found, {"q1": [str(n % 3)], "q4": ["多放几把椅子"]}, browser=f"{code}{n}", now=now)
    page = visit(width)
    enter(page, live, "city")
    addresses = (
        "paper/",
        f"paper/{batch.pk}/",
        f"paper/{batch.pk}/key",
        f"paper/forms/{form[0]}/",
        f"paper/forms/{form[3]}/",
        "letters/",
        "letters/new",
        "comments/",
        "questionnaires/",
        "questionnaires/new",
        f"questionnaires/{code}/",
    )
    for address in addresses:
        page.goto(f"{live.url}/console/{address}")
        assert axe(page) == [], address
        assert fits(page), address
    page.goto(f"{live.url}/console/letters/new")
    page.fill("#number", f"YJX-{code}")
    page.fill("#words", "饮水机坏了半个月没人修")
    page.select_option("#area", index=1)
    page.get_by_role("button", name="登记", exact=True).click()
    expect(page.locator(".notice-success")).to_contain_text("不算评价")
    assert axe(page) == []
    assert fits(page)


def test_a_form_is_keyed_by_keyboard_alone(live: Live, visit: Callable[..., Page]) -> None:
    now = clock.now()
    run = paper.print_run("NJ", "", 2, actor=live.cast.city, now=now)
    batch = paper.open_batch("NJ", clock.day(now), 2, actor=live.cast.city, now=now)
    number = numbers.number_of(run.year, run.first)
    for username in ("operator", "city"):
        page = visit(1280)
        enter(page, live, username)
        page.goto(f"{live.url}/console/paper/{batch.pk}/key")
        expect(page.locator("#k-number")).to_be_focused()
        page.keyboard.type(number)
        page.keyboard.press("Tab")
        page.keyboard.type("2")
        page.keyboard.press("Tab")
        page.keyboard.type("214")
        page.keyboard.press("Enter")
        expect(page.locator(".notice-success")).to_be_visible()
        expect(page.locator("#k-number")).to_be_focused()
    sheet = PaperSheet.objects.get(number=number)
    assert sheet.state == "admitted"
    assert Evaluation.objects.get(id=sheet.event_id).indicators == ["214"]
