"""A city's own rules from draft to approval in a real browser without a script, and every page of it looked at by axe."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from haochaping.accounts.rules import Role
from haochaping.kit import clock
from haochaping.policy import pack_drafts, queries
from haochaping.policy.models import PolicyDraft, PolicyRule
from tests.browser.test_console import WIDTHS, bad_order, log_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
SECTIONS = ("limits", "returns", "invitation", "levels", "channels", "default", "sources", "name", "warnings")


@pytest.fixture
def drafts(live: Live) -> dict[str, int]:
    """A draft of the province's that is open, and one of Suzhou's that waits; this process's server keeps them."""
    now = clock.now()
    if not PolicyDraft.objects.filter(region="32").exists():
        bad_order(live)
        pack_drafts.new_draft("32", name="江苏省", actor=live.cast.supervisor, now=now)
        waiting = pack_drafts.new_draft("3205", name="苏州市", actor=live.cast.foreign_city, now=now)
        limits = waiting.body["limits"] | {"sign": {"n": 4, "unit": "hour", "stated": False, "note": "试行"}}
        pack_drafts.save(waiting, {"limits": limits}, actor=live.cast.foreign_city, now=now)
        day = clock.day(now) + timedelta(days=20)
        pack_drafts.submit(waiting, valid_from=day, note="提速", actor=live.cast.foreign_city, now=now)
    found = {row.region: row.pk for row in PolicyDraft.objects.filter(state__in=["draft", "submitted"])}
    return {"open": found["32"], "waiting": found["3205"], "pack": PolicyRule.objects.get(region="32").pk}


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_of_the_rules_fits_and_axe_finds_nothing(
    live: Live,
    visit: Visit,
    axe: Callable[[Page], list[str]],
    fits: Callable[[Page], bool],
    drafts: dict[str, int],
    *,
    width: int,
) -> None:
    page = visit(width=width, height=900)
    log_in(page, live, "supervisor")
    paths = [f"drafts/{drafts['open']}/section/{name}" for name in SECTIONS]
    paths += ["?region=3205", f"drafts/{drafts['open']}/", f"drafts/{drafts['waiting']}/"]
    paths += [f"drafts/{drafts['waiting']}/approve", f"versions/{drafts['pack']}/"]
    paths += [f"compare?region=3205&a=pack-{drafts['pack']}&b=draft-{drafts['waiting']}"]
    for path in paths:
        page.goto(f"{live.url}/console/policy/{path}")
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], page.url
        assert fits(page), page.url


def test_without_a_script_a_city_drafts_its_own_rules_and_the_supervisor_approves(live: Live, visit: Visit) -> None:
    assert Role.CITY in live.cast.city.roles
    page = visit(width=1280, java_script_enabled=False)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/policy/")
    page.get_by_role("button", name="起草自己的规则").click()
    page.get_by_role("link", name="差评办理期限").click()
    page.locator("[name='limits.sign.n']").fill("十")
    page.locator("[name='limits.sign.note']").fill("先试半年")
    page.get_by_role("button", name="保存", exact=True).last.click()
    expect(page.get_by_role("alert")).to_contain_text("差评办理期限 · 签收 · 数值：请填整数")
    expect(page.locator("[name='limits.sign.note']")).to_have_value("先试半年")
    page.locator("[name='limits.sign.n']").fill("4")
    page.locator("[name='limits.sign.unit']").select_option(label="小时")
    page.locator("[name='limits.sign.source']").select_option(index=0)
    page.locator("[name='limits.sign.stated']").check()
    page.get_by_role("button", name="保存", exact=True).last.click()
    expect(page.get_by_role("status")).to_contain_text("已保存“差评办理期限”")
    expect(page.get_by_role("row", name="差评办理期限 签收 1个工作日 4小时")).to_be_visible()
    for name in ("退单", "评价渠道", "短信邀评", "默认评价"):  # opened and saved as they stand, nothing changes
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("button", name="保存", exact=True).last.click()
        expect(page.get_by_role("status")).to_contain_text(f"已保存“{name}”")
    expect(page.get_by_text("3 处，其中规定 1 处")).to_be_visible()
    page.get_by_label("生效日期").fill(str(clock.today() + timedelta(days=10)))
    page.get_by_role("button", name="提交审批").click()
    expect(page.get_by_text("您参与了起草或修改")).to_be_visible()
    url = page.url
    other = visit(width=390, java_script_enabled=False)
    log_in(other, live, "supervisor")
    other.goto(url)
    other.get_by_role("link", name="下一步：确认批准").click()
    other.get_by_label("我已核对以上每一处").check()
    other.get_by_role("button", name="确认批准").click()
    expect(other.get_by_role("status")).to_contain_text("已批准。")
    queries.forget()
    policy = queries.policy_at("320102", clock.today() + timedelta(days=10))
    assert str(policy.limits.sign) == "4小时"
    assert policy.channels == queries.policy_at("3205", clock.today()).channels
