"""The life of a bad rating in a real browser, from the phone to the archive, by the rules of all four policy packs.

Each pack holds in a city of its own of the stage's province; its people work there. What takes days is done by the system
at a later hour, everything else by somebody at a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Role
from haochaping.channels.commands import make_link
from haochaping.directory.commands import writing
from haochaping.directory.models import Hall, Item, Organ, Region, Window
from haochaping.evaluation.queries import excluded
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from haochaping.policy.commands import load_pack, read_pack
from haochaping.rectification.advance import advance
from haochaping.rectification.models import Order, OrderPart
from tests import cast as stage
from tests.browser.test_console import CONFIRM, log_in
from tests.browser.test_my_pages import came_in, gateway  # noqa: F401  the fixture
from tests.cast import PROVINCE_OFFICE, wire_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

PACKS = ("jiangsu", "shenzhen", "qufu", "shanghai")
SUBMIT = {
    "measures": "增开两个窗口，公布等候人数。",
    "reply": "您好，我们已增开两个窗口，平均等候由两小时降到十五分钟。",
}
_numbers = iter(range(13_800_300_000, 13_800_400_000))


@dataclass(frozen=True)
class City:
    """Where one pack holds: two organs, a window of each, an item of the first, and who works there."""

    pack: str
    prefix: str
    organ: str
    other: str
    item: str

    @property
    def window(self) -> str:
        return f"W{self.prefix}-1"

    @property
    def shared_window(self) -> str:
        return f"W{self.prefix}-2"


def _found(live: Live, n: int, pack: str) -> City:
    prefix = f"321{n}"
    code = prefix.ljust(12, "0")
    city = City(
        pack, prefix, f"11{prefix}00014000456K", f"11{prefix}00014000789M", f"11{prefix}00014000456K3{prefix}01001000"
    )
    if Region.objects.filter(code=code).exists():
        return city
    with (
        writing("regions"),
        writing("organs"),
        writing("halls"),
        writing("windows"),
        writing("items"),
    ):  # the server looks anew
        Region.objects.create(code=code, name=f"{'甲乙丙丁'[n]}市", level=2, parent="320000000000", path=prefix)
        for organ, name in ((city.organ, "行政审批局"), (city.other, "政务服务中心")):
            path = f"/{PROVINCE_OFFICE}/{organ}/"
            Organ.objects.create(
                code=organ, name=f"{'甲乙丙丁'[n]}市{name}", area=code, parent=PROVINCE_OFFICE, path=path
            )
        Hall.objects.create(code=f"H{prefix}", name=f"{'甲乙丙丁'[n]}市政务服务大厅", area=code)
        for window, organ in ((city.window, city.organ), (city.shared_window, city.other)):
            Window.objects.create(code=window, name=f"{window} 窗口", hall=f"H{prefix}", organ=organ)
        Item.objects.create(
            task_code=city.item,
            name="食品经营许可（新办）",
            kind="01",
            organ=city.organ,
            area=code,
            valid_from=date(2020, 1, 1),
        )
    template = Person.objects.get(username="rectifier").password
    for username, organ in ((f"lead-{prefix}", city.organ), (f"co-{prefix}", city.other)):
        person = Person.objects.create(
            username=username,
            name=f"承办{prefix}",
            password=template,
            created_at=clock.now(),
            password_changed_at=clock.now(),
        )
        Grant.objects.create(person=person, role=Role.HANDLER, organ=f"/{PROVINCE_OFFICE}/{organ}/")
    load_pack(dict(read_pack(pack)) | {"region": prefix}, "test", clock.now())
    return city


@pytest.fixture
def city(live: Live, pack: str) -> City:
    found = _found(live, PACKS.index(pack), pack)
    stage.forget()
    return found


each_pack = pytest.mark.parametrize("pack", PACKS)
STATES: dict[str, Any] = {}  # a login each, for all the stories of this process


@pytest.fixture
def as_(live: Live, visit: Callable[..., Page]) -> Callable[[str], Page]:
    """`as_("supervisor")`: a page in which that person is logged in."""

    def enter(username: str) -> Page:
        page = visit(width=1280, height=900, storage_state=STATES.get((live.url, username)))
        if (live.url, username) not in STATES:
            log_in(page, live, username)
            STATES[live.url, username] = page.context.storage_state()
        return page

    return enter


@dataclass
class Story:
    """One order and the pages in which it is moved."""

    live: Live
    order_no: str
    receipt: str
    number: str
    enter: Callable[[str], Page]

    def do(self, who: str, verb: str, **facts: str) -> Page:
        """Somebody opens the order, fills the move's form as a person would, and confirms where asked."""
        page = self.enter(who)
        page.goto(f"{self.live.url}/console/orders/{self.order_no}/")
        form = page.locator(f"form[action$='/{verb}']").first
        for _ in range(3):  # a move may stand in a folded group
            if form.is_visible():
                break
            page.locator("details:not([open])", has=form).first.locator("> summary").click()
        for name, value in facts.items():
            field = form.locator(f"[name={name}]").first
            kind = field.evaluate("e => e.type || e.tagName")
            if kind in {"radio", "checkbox"}:
                form.locator(f"[name={name}][value='{value}']").check()
            elif kind == "select-one":
                field.select_option(value)
            else:
                field.fill(value)
        form.get_by_role("button").last.click()
        if page.get_by_role("button", name="确认提交").count():
            page.get_by_role("button", name="确认提交").click()
        expect(page.get_by_role("status").first).to_be_visible()
        return page

    def see(self, who: str) -> Page:
        page = self.enter(who)
        page.goto(f"{self.live.url}/console/orders/{self.order_no}/")
        return page

    def progress(self, page: Page) -> str:
        page.goto(f"{self.live.url}/r/{self.receipt}")
        return page.inner_text("main")

    @property
    def order(self) -> Order:
        return Order.objects.get(order_no=self.order_no)


@pytest.fixture
def rate(live: Live, city: City, visit: Callable[..., Page], as_: Callable[[str], Page]) -> Callable[..., Story]:
    """A citizen rates 非常不满意 on a phone and leaves the telephone of the case."""

    def begin(*, window: str = "", tags: tuple[str, ...] = ("服务态度差效率低",), days_ago: int = 0) -> Story:
        now, number = clock.now() - timedelta(days=days_ago), str(next(_numbers))
        at = clock.to_wire(now - timedelta(hours=1))
        wire = wire_service(
            f"ST{number}", serviceTime=at, acceptDate=at, resultDate=at, mobile=number, taskCode=city.item, orgcode=city.organ,
            areaCode=city.prefix.ljust(12, "0"), windowNo=window or city.window, clerkNo="",
        )  # fmt: skip
        (outcome,) = admit_services([wire], source=live.cast.app_id, now=now)
        phone = visit(width=375, has_touch=True)
        phone.goto(f"{live.url}/e/{make_link(outcome.id, 3, timedelta(days=15), 'test', clock.now())}")
        phone.locator("#lv1").check()
        for tag in tags:
            phone.get_by_label(tag, exact=True).check()
        phone.get_by_label("还想说点什么").fill("等了两个小时，窗口说系统坏了")
        phone.get_by_text("留下联系方式").click()
        phone.get_by_label("联系电话").fill(number)
        phone.get_by_role("button", name="提交评价").click()
        expect(phone.get_by_role("heading", name="评价已收到，谢谢您")).to_be_visible()
        receipt = re.search(r"HP[0-9A-Z]{20}", re.sub(r"[\s-]", "", phone.inner_text("main")))
        assert receipt
        return Story(live, Order.objects.get(pk=outcome.id).order_no, receipt.group(), number, as_)

    return begin


def lead(city: City) -> str:
    return f"lead-{city.prefix}"


def put_right(story: Story, city: City) -> None:
    """Signed, verified, rectified and approved."""
    story.do(lead(city), "sign")
    story.do(lead(city), "confirm", **CONFIRM)
    story.do(lead(city), "submit", **SUBMIT)
    story.do("supervisor", "approve")


def to_the_archive(story: Story) -> None:
    """A month later, by itself."""
    Order.objects.filter(order_no=story.order_no).update(archive_due=clock.now() - timedelta(minutes=1))
    advance(clock.now())
    assert story.order.archived_at is not None
    expect(story.see("supervisor").locator("main")).to_contain_text("归档")


@each_pack
def test_rectified_called_back_and_archived(rate: Callable[..., Story], city: City, visit: Callable[..., Page]) -> None:
    story = rate()
    put_right(story, city)
    page = story.see(lead(city))
    assert story.number not in page.content(), "the unit never sees the rater"
    story.do("operator", "callback", result="satisfied", pressed="no")
    told = story.progress(visit())
    assert SUBMIT["reply"] in told
    assert "已回访" in told
    assert story.order.verdict == "satisfied"
    to_the_archive(story)


@each_pack
def test_an_appeal_is_upheld_and_the_rating_leaves_the_figures(
    rate: Callable[..., Story], city: City, visit: Callable[..., Page]
) -> None:
    story = rate()
    story.do(lead(city), "sign")
    story.do(lead(city), "appeal", kind="malicious", reason="同一人多次要求违规办理", evidence="三次接待记录")
    story.do("reviewer", "uphold", ruling="证据充分，申诉成立。")
    assert story.order.state == "voided"
    assert excluded([story.order.pk])
    told = story.progress(visit())
    assert "申诉成立" in told
    assert "证据充分，申诉成立。" in told
    to_the_archive(story)


@each_pack
def test_an_appeal_is_dismissed_and_the_unit_rectifies_after_all(rate: Callable[..., Story], city: City) -> None:
    story = rate()
    story.do(lead(city), "sign")
    story.do(
        lead(city),
        "appeal",
        kind="untrue" if city.pack != "qufu" else "malicious",
        reason="录像没有拍到",
        evidence="录像第三段",
    )
    story.do("reviewer", "dismiss", ruling="证据不足，请整改。")
    story.do(lead(city), "submit", **SUBMIT, cause="efficiency")
    story.do("supervisor", "approve")
    story.do("operator", "callback", result="accepted", pressed="no")
    assert story.order.state == "closed"
    assert not excluded([story.order.pk])
    to_the_archive(story)


@each_pack
def test_not_satisfied_it_is_rectified_again_and_then_closed(
    rate: Callable[..., Story], city: City, live: Live, visit: Callable[..., Page]
) -> None:
    story = rate()
    put_right(story, city)
    phone = visit()
    came_in(phone, live, story.number)
    phone.goto(f"{live.url}/my/services/{story.order.pk}/unsatisfied")
    phone.get_by_label("还有什么没有解决").fill("我今天又去，还是等了一个小时")
    phone.get_by_role("button", name="确认不满意").click()
    expect(phone.locator("main")).to_contain_text("已登记：您对整改不满意")
    assert story.order.state == "rectifying"
    story.do(lead(city), "submit", **SUBMIT)
    story.do("supervisor", "approve")
    phone.goto(f"{live.url}/my/services/{story.order.pk}/satisfied")
    phone.get_by_role("button", name="确认满意").click()
    expect(phone.locator("main")).to_contain_text("工单办结")
    assert (story.order.state, story.order.verdict) == ("closed", "satisfied")
    to_the_archive(story)


@each_pack
def test_a_return_is_refused_where_the_rules_know_none_and_given_once_where_they_do(
    rate: Callable[..., Story], city: City
) -> None:
    story = rate()
    page = story.see(lead(city))
    if story.order.state == "dispatched" and not page.locator("form[action$='/return']").count():
        story.do(lead(city), "sign")
        assert city.pack == "shanghai", "only Shanghai forbids it"
        return
    assert city.pack != "shanghai"
    reason = page.locator("form[action$='/return'] [name=reason_code]").first.get_attribute("value") or ""
    story.do(lead(city), "return", reason_code=reason or "not_ours", reason="事项由其他单位承办")
    due = story.order.answer_due
    story.do("supervisor", "assign", organ=city.organ, reason="按职责应由该单位办理")
    assert story.order.answer_due == due, "the clock is not reset by a return"
    again = story.see(lead(city))
    assert not again.locator("form[action$='/return']").count(), "once only"


@each_pack
def test_nobody_acts_and_it_goes_up_to_the_leader(rate: Callable[..., Story], city: City) -> None:
    story = rate(days_ago=0)
    order = story.order
    past = clock.now() - timedelta(days=30)
    with clock.held_at(past):
        Order.objects.filter(pk=order.pk).update(
            step_since=past, step_due=past + timedelta(days=1), dispatched_at=past, answer_due=past + timedelta(days=9)
        )
    for _ in range(3):  # signed for the unit, late, then up step by step
        advance(clock.now())
    assert story.order.overdue_since is not None
    page = story.see("supervisor")
    expect(page.locator("main")).to_contain_text("自动签收")
    expect(page.locator("main")).to_contain_text("超期上报")
    expect(page.locator("main")).to_contain_text("领导")
    desk = story.enter("supervisor")
    desk.goto(f"{story.live.url}/console/orders/?due=late&q={story.order_no}")
    expect(desk.locator("#rows")).to_contain_text(story.order_no)
    story.do("supervisor", "urge", text="已超期，请今天办结并答复。")
    expect(story.see(lead(city)).locator("main")).to_contain_text("已催办1次")


@each_pack
def test_several_organs_are_weighed_by_the_arbiter_and_each_has_its_part(
    rate: Callable[..., Story], city: City
) -> None:
    story = rate(window=city.shared_window, tags=("服务态度差效率低", "在办事指南之外增加新的审批条件"))
    assert (story.order.state, story.order.organ_code) == ("arbitrating", ""), "tags point at window and item"
    story.do("supervisor", "assign", organ=city.organ, co_organs=city.other, reason="事项单位牵头，窗口单位协办")
    (part,) = OrderPart.objects.filter(order_id=story.order.pk)
    assert part.organ_code == city.other
    helper = story.see(f"co-{city.prefix}")
    helper.get_by_label("协办情况").fill("已调整窗口排班，补岗一人。")
    helper.get_by_role("button", name="提交给主办单位").click()
    expect(helper.get_by_role("status").first).to_contain_text("协办情况已提交")
    put_right(story, city)
    expect(story.see("supervisor").locator("main")).to_contain_text("补岗一人")
    story.do("operator", "callback", result="satisfied", pressed="no")
    to_the_archive(story)
