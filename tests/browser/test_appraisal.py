"""月度考核 in a real browser: from a typed index to a published sheet, an appeal and its dated correction."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.analytics.appraisal import rules
from haochaping.analytics.appraisal.models import Score
from haochaping.analytics.appraisal.rules import Kind
from haochaping.kit import clock
from tests.cast import PASSWORD
from tests.console.appraisal_stage import AREA, month_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from playwright.sync_api import Page

    from tests.browser.conftest import Live


@pytest.fixture
def enter(live: Live, visit: Callable[..., Page]) -> Callable[..., Page]:
    """A page of somebody who has just logged in."""

    def open_one(username: str, width: int = 1280) -> Page:
        page = visit(width=width, height=900)
        page.goto(f"{live.url}/console/login")
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码").fill(PASSWORD)
        page.get_by_role("button", name="登录").click()
        page.wait_for_url(re.compile(r"/console/(?!login)"))
        return page

    return open_one


@pytest.fixture
def is_sound(axe: Callable[[Page], list[str]], fits: Callable[[Page], bool]) -> Callable[[Page], None]:
    def check(page: Page) -> None:
        assert axe(page) == [], page.url
        assert fits(page), page.url

    return check


def settled_month(today: date) -> date:
    """The newest month that may be published today."""
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    if today > rules.last_day(month) + rules.SETTLED:
        return month
    return (month - timedelta(days=1)).replace(day=1)


def test_a_month_goes_from_an_index_typed_by_one_to_a_correction_decided_by_another(
    live: Live, enter: Callable[..., Page], is_sound: Callable[[Page], None]
) -> None:
    month = settled_month(clock.today())
    stage = month_of(live.cast, month, clock.now())
    when = f"{month:%Y-%m}"
    of = f"{live.url}/console/analysis/appraisal/of/{AREA}/{when}/"
    sheet = f"{live.url}/console/analysis/appraisal/?area={AREA}&month={when}"

    city = enter("city")
    city.goto(of + "entries")
    city.get_by_label("单位", exact=True).fill("市场监督")
    city.get_by_label("指标", exact=True).select_option(label="政风热线上线直播")
    city.get_by_label("数值").fill("88")
    city.get_by_label("依据", exact=True).fill("省纠风办通报")
    city.get_by_role("button", name="填报", exact=True).click()
    expect(city.get_by_text("请另一人核对")).to_be_visible()
    is_sound(city)

    second = enter("city2")
    second.goto(of + "entries")
    second.get_by_role("button", name="已对照依据，核对无误").click()
    expect(second.get_by_text("已核对 1 项")).to_be_visible()

    city.goto(sheet)
    is_sound(city)
    city.get_by_role("link", name="提交考核").click()
    is_sound(city)
    city.get_by_role("button", name="确认提交").click()
    second.goto(sheet)
    second.get_by_role("link", name="查看提交的考核").click()
    is_sound(second)
    second.get_by_role("button", name="核对无误，公布").click()
    expect(second.get_by_text("已公布", exact=True)).to_be_visible()

    own = Score.objects.get(kind=Kind.ORGAN, appraisal__state="approved", appraisal__month=month)
    page = enter("rectifier", width=390)
    page.goto(f"{live.url}/console/analysis/appraisal/scores/{own.pk}/")
    is_sound(page)
    page.get_by_label("有异议的一项").select_option("on_time_rate")
    page.get_by_label("理由").fill("有一件当天已答复，系统登记晚了。")
    page.get_by_role("button", name="提出申诉").click()
    expect(page.get_by_text("待裁定", exact=True)).to_be_visible()
    is_sound(page)
    where = page.url

    judge = enter("reviewer")
    judge.goto(where)
    is_sound(judge)
    judge.get_by_label("更正后的分子").fill("4")
    judge.locator("#uphold-text").fill("经核实，答复在期限内。")
    judge.get_by_role("button", name="下一步：核对").first.click()
    judge.get_by_role("button", name="确认提交").click()
    expect(judge.get_by_text("成立，已更正")).to_be_visible()

    page.goto(where)
    expect(page.get_by_text("公布的").first).to_be_visible()
    assert stage.month == month
