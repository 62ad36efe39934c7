"""The console in a real browser: nothing for axe to find, nothing over the edge."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.urls import get_resolver
from playwright.sync_api import expect

from haochaping.accounts import people, sessions
from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import SYSTEM, Scope, citizen
from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.problems import cases
from haochaping.analytics.problems import commands as problems
from haochaping.analytics.problems.drafts import Draft as ProblemDraft
from haochaping.analytics.problems.rules import CASE_TEXTS
from haochaping.analytics.reports import commands as reports
from haochaping.analytics.reports.kinds import Kind as ReportKind
from haochaping.analytics.reports.kinds import Period
from haochaping.analytics.reports.models import Report
from haochaping.evaluation.commands import follow_up
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.kit import clock
from haochaping.policy import calendars
from haochaping.rectification.briefs import commands as briefs
from haochaping.rectification.briefs.rules import TEXTS
from haochaping.rectification.commands import perform
from haochaping.rectification.consequences import commands as consequences
from haochaping.rectification.consequences.rules import Kind, Subject
from haochaping.rectification.models import Order
from haochaping.rectification.reminders import remind
from tests.cast import BAD, NANJING, NANJING_ITEM, PASSWORD, PEOPLE, PROVINCE_OFFICE, logged_in, wire_rating
from tests.console.stage import REAL_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from playwright.sync_api import Page

    from tests.browser.conftest import Live

Visit = "Callable[..., Page]"
WIDTHS = (390, 1280)
CONFIRM = {
    "is_true": "true",
    "is_reasonable": "true",
    "cause": "attitude",
    "severity": "general",
    "findings": "当日只开一个窗口，排队确有两小时。",
}
SUBMIT = {"measures": "增开两个窗口，安排导办员。", "reply": "已增开窗口，安排导办员，平均等候降到十分钟。"}
WAY: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("sign", "rectifier", {}),
    ("confirm", "rectifier", CONFIRM),
    ("submit", "rectifier", SUBMIT),
    ("approve", "city", {}),
)
(CONSOLE,) = [r for r in get_resolver().url_patterns if str(r.pattern) == "console/"]
# Routes with no object in their address that somebody must be logged in for; sheets and papers are no pages.
ROUTES = {
    each.name: each
    for each in CONSOLE.url_patterns
    if "<" not in str(each.pattern) and hasattr(each.callback, "needs") and not each.name.endswith(("export", "_paper"))
}
READER_OF = {  # of each route: the first of these who may open it
    name: next(who for who in ("city", *PEOPLE) if PEOPLE[who][1] in each.callback.needs)
    for name, each in ROUTES.items()
}
STATES = ("dispatched", "verifying", "appealing", "rectifying", "reviewing", "callback", "closed", "voided")
READERS = ("rectifier", "supervisor", "operator", "reviewer", "clerk", "observer", "analyst")
APPEAL = {"kind": "malicious", "reason": "多次来电辱骂，与办理无关。", "evidence": "通话记录"}
PAGES = {  # besides the routes without an object and the orders in every state, which have tests of their own
    "rectifier": ("", "orders/", "notices/?kind=late&unread=1", "consequences/", "consequences/{ordered}/"),
    "operator": ("", "callbacks/?kind=sampled&stands=again"),
    "supervisor": (
        "",
        "orders/?state=all&q=none",
        "orders/{late}/",
        "supervision/?show=soon",
        "briefs/{brief}/",
        "consequences/{proposed}/",
        "consequences/{ordered}/",
        "consequences/of/{voided}",
        "analysis/reports/{drawn}/",
        "analysis/problems/{problem}/",
        "analysis/problems/{problem}/edit",
        "analysis/effects/?item={item}",
        "analysis/cases/{case}/",
        "calendar/?region=32",
        "calendar/waiting/{waiting}/agree",
        "calendar/waiting/{waiting}/refuse",
    ),
    "leader": ("", "briefs/{submitted}/"),
    "observer": ("orders/", "analysis/reports/{archived}/"),
    "admin": (
        "",
        "directory/?kind=windows",
        "people/?q=rect&role=handler",
        "people/{person}/",
        "people/{person}/edit",
        "people/{person}/switch",
        "people/{person}/password",
    ),
    "security": (
        "",
        "people/{person}/",
        "people/{person}/grants/new",
        "people/{person}/grants/new?role=handler&area=3201",
        "people/{clerk}/grants/new?role=clerk&area=32",
        "people/{person}/grants/{grant}/take",
        "people/{person}/sessions/end",
        "locks/",
    ),
    "audit": ("audit/?who=rectifier&result=ok",),
    "clerk": ("", "notices/", "overview/", "orders/{opened}/"),
}


def bad_order(live: Live, steps: int = 0, days_ago: int = 0, **rating: Any) -> Order:
    """A bad rating's order that has come so far along the way."""
    now = clock.now() - timedelta(days=days_ago)
    with clock.held_at(now):
        event = live.serve(mobile=REAL_NAME["mobile"])
    at = clock.to_wire(now - timedelta(minutes=30))
    wire = wire_rating(event.project_no, **(BAD | REAL_NAME | {"assessTime": at} | rating))
    (outcome,) = admit([read_evaluation(wire, source=live.cast.app_id, best_is_one=False)], now=now)
    for verb, who, facts in WAY[:steps]:
        perform(order_id=outcome.id, verb=verb, actor=getattr(live.cast, who), facts=facts, now=now)
    return Order.objects.get(pk=outcome.id)


def log_in(page: Page, live: Live, username: str) -> None:
    page.goto(f"{live.url}/console/login")
    page.get_by_label("用户名").fill(username)
    page.get_by_label("密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(re.compile(r"/console/(?!login)"))


def people_to_look_at(live: Live) -> dict[str, str]:
    """Somebody with a role, a login, a lock and a history, and a clerk."""
    found = {name: Person.objects.get(username=name) for name in ("rectifier", "clerk")}
    path = f"/{PROVINCE_OFFICE}/{NANJING}/"
    home = people.Home(NANJING, path, "3201")
    name, now = found["rectifier"].name, clock.now()
    people.change_person(found["rectifier"].pk, name=name, home=home, phone="13800000009", actor=SYSTEM, now=now)
    sessions.begin(found["rectifier"], address="10.1.2.3", user_agent="Chrome/126 Windows", now=now)
    for username in ("rectifier", "who-is-this"):
        for _ in range(5):
            Client(REMOTE_ADDR="10.7.7.7").post("/console/login", {"username": username, "password": "wrong"})
    grant = Grant.objects.get(person=found["rectifier"])
    return {"person": str(found["rectifier"].pk), "clerk": str(found["clerk"].pk), "grant": str(grant.pk)}


DRAWN = (
    "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"  # charts follow the window
)
SCENE: dict[str, str] = {}
SIGNED_IN: dict[str, Any] = {}  # by username: what the browser keeps of a login, so that each signs in once


def in_state(live: Live, state: str) -> Order:
    """An order in that state that a clerk was asked about once it was signed, and whose rater added something later."""
    order, now = bad_order(live), clock.now()
    asked = {"clerk": live.cast.clerk.id, "text": "请说明当天的情况。"}
    way: list[tuple[str, Any, dict[str, str]]] = [(verb, getattr(live.cast, who), facts) for verb, who, facts in WAY]
    way.insert(1, ("open_to_clerk", live.cast.rectifier, asked))
    appealed = [*way[:2], ("appeal", live.cast.rectifier, APPEAL)]
    ways = {
        "dispatched": [],
        "verifying": way[:2],
        "rectifying": way[:3],
        "reviewing": way[:4],
        "callback": way,
        "closed": [*way, ("satisfied", citizen(order.pk), {})],
        "appealing": appealed,
        "voided": [*appealed, ("uphold", live.cast.reviewer, {"ruling": "证据充分，认定为恶意差评。"})],
    }
    for verb, actor, facts in ways[state]:
        perform(order_id=order.pk, verb=verb, actor=actor, facts=facts, now=now)
    follow_up(order.pk, level=2, text="又去了一次，还是只开一个窗口。", now=now)
    order.refresh_from_db()
    assert order.state == state
    return order


def decided(live: Live) -> dict[str, str]:
    """A talk that is proposed, one that is ordered, and a local day off that waits for a second person."""
    city, now, made = live.cast.city, clock.now(), {}
    for name in ("proposed", "ordered"):
        record = consequences.propose(
            Kind.TALK, Subject.ORGAN, NANJING, title="约谈排队问题", text="请说明原因。", actor=city, now=now
        )
        made[name] = str(record.pk)
    due = {"text": "到市政务办说明。", "due": f"{clock.day(now) + timedelta(days=10)}"}
    consequences.act(record.pk, "decide", due, actor=city, now=now)
    first = clock.day(now) + timedelta(days=1)
    days = calendars.local_days("3201", first, first + timedelta(days=9), "台风停工", works=False, now=now)
    waits = calendars.change_local("3201", days, source="市防指停工通知", actor=city, now=now)
    assert waits is not None
    return made | {"waiting": str(waits.pk)}


def opened_to_the_clerk(live: Live) -> Order:
    """An order that waits for a meeting, about which a clerk is asked."""
    order, now = bad_order(live, 1), clock.now()
    asked = {"clerk": live.cast.clerk.id, "text": "请说明当天的情况。"}
    for verb, who, facts in (("open_to_clerk", "rectifier", asked), ("convene", "city", {"text": "系统归口不清。"})):
        perform(order_id=order.pk, verb=verb, actor=getattr(live.cast, who), facts=facts, now=now)
    return order


def briefs_to_read(live: Live, order: Order) -> dict[str, str]:
    """A brief that is being written, and one that waits for the leader."""
    actor, now, made = live.cast.supervisor, clock.now(), {}
    for name in ("brief", "submitted"):
        one = briefs.draft(
            "关于排队的专报", [order.pk], asked=[("原因", "办理效率")], office="省督办", actor=actor, now=now
        )
        briefs.write(one.pk, dict.fromkeys(TEXTS, "排队两小时。"), [], seen="1", actor=actor)
        made[name] = str(one.pk)
    briefs.act(one.pk, "submit", "", actor=actor, now=now)
    return made


def reports_to_read(live: Live) -> dict[str, str]:
    """A brief that is being written, and one that is archived, both as the worker draws them."""
    now, made = clock.now(), {}
    for name in ("drawn", "archived"):
        period = Period(clock.day(now) - timedelta(days=20), clock.day(now))
        one = reports.ask(
            ReportKind.TOPIC, period, Scope("32"), issuer="省政务办", title="近期差评专报", by=["channel"],
            actor=live.cast.supervisor, now=now,
        )  # fmt: skip
        made[name] = str(one.pk)
    reports.work(now)
    Report.objects.filter(pk=made["archived"]).update(state="archived", archived_at=now, decided_at=now, year=2026, n=1)
    return made


def problems_to_read(live: Live, order: Order) -> dict[str, str]:
    """A problem with a measure that is three weeks old, and a case that waits for its review."""
    city, handler, now = live.cast.city, live.cast.rectifier, clock.now()
    told = ProblemDraft("上午排队久", "上午只开一个窗口。", [NANJING_ITEM], due="2099-01-01", orders=[order.order_no])
    problem = problems.register(told, actor=city, now=now)
    since = {"text": "加开两个窗口。", "in_force": f"{clock.day(now) - timedelta(days=21)}"}
    problems.act(problem.pk, "measure", since, actor=handler, now=now)
    case = cases.nominate(NANJING, dict.fromkeys(CASE_TEXTS, "潮汐窗口不再排队"), actor=handler, now=now)
    return {"problem": str(problem.pk), "case": str(case.pk), "item": NANJING_ITEM}


@pytest.fixture
def scene(live: Live) -> dict[str, str]:
    """The orders of the pages below; this process's server keeps them."""
    if not SCENE:
        made = {state: in_state(live, state) for state in STATES}
        made["late"] = bad_order(live, 1, days_ago=4)
        made["opened"] = opened_to_the_clerk(live)
        SCENE.update({name: order.order_no for name, order in made.items()})
        SCENE.update(briefs_to_read(live, made["verifying"]))
        SCENE.update(decided(live))
        SCENE.update(problems_to_read(live, made["verifying"]))
        SCENE.update(people_to_look_at(live))
        remind(clock.now())
        rebuild_lake(now=clock.now())
        SCENE.update(reports_to_read(live))
    return SCENE


@pytest.fixture
def is_sound(axe: Callable[[Page], list[str]], fits: Callable[[Page], bool]) -> Callable[[Page], None]:
    def check(page: Page) -> None:
        assert axe(page) == [], page.url
        assert fits(page), page.url

    return check


@pytest.fixture
def read_all(visit: Visit, axe: Callable[[Page], list[str]], fits: Callable[[Page], bool], live: Live) -> Any:
    """`read_all(username, paths)`: what is wrong with these pages on a desk's screen and on a phone's, all of it at once.

    `sparing`: axe, which takes most of the time, reads every other page on a phone only and the rest on a desk only.
    """

    def read(username: str, paths: Iterable[str], *, sparing: bool = False) -> list[str]:
        page = visit(width=WIDTHS[-1], height=900, storage_state=SIGNED_IN.get(username))
        if username not in SIGNED_IN:
            log_in(page, live, username)
            SIGNED_IN[username] = page.context.storage_state()
        found = []
        for n, path in enumerate(paths):
            answer = page.goto(f"{live.url}/console/{path}")
            assert answer is not None
            if answer.status != 200 or "/login" in page.url:
                found.append(f"{path}: {answer.status} {page.url}")
            for width in reversed(WIDTHS):
                page.set_viewport_size({"width": width, "height": 900})
                page.evaluate(DRAWN)
                if not sparing or width == WIDTHS[n % len(WIDTHS)]:
                    found += [f"{path} {width}: {line}" for line in axe(page)]
                found += [] if fits(page) else [f"{path} {width}: over the edge"]
            page.set_viewport_size({"width": WIDTHS[-1], "height": 900})
        return found

    return read


@pytest.mark.parametrize("username", PAGES)
def test_every_page_fits_and_axe_finds_nothing(read_all: Any, scene: dict[str, str], username: str) -> None:
    assert read_all(username, [path.format(**scene) for path in PAGES[username]]) == []


@pytest.mark.parametrize("username", sorted(set(READER_OF.values())))
def test_every_route_that_a_link_may_open_fits_and_axe_finds_nothing(
    read_all: Any, scene: dict[str, str], username: str
) -> None:
    client, paths = logged_in(Person.objects.get(username=username)), []
    for name, reader in READER_OF.items():
        path = str(ROUTES[name].pattern)
        if reader == username:
            answer = client.get(f"/console/{path}")
            assert answer.status_code in {200, 302, 405}, f"{name}: {answer.status_code}"
            paths += [path] if answer.status_code == 200 and "html" in answer.get("Content-Type", "") else []
    assert read_all(username, paths, sparing=True) == []


@pytest.mark.parametrize("username", READERS)
def test_an_order_in_every_state_fits_and_axe_finds_nothing(
    read_all: Any, scene: dict[str, str], username: str
) -> None:
    seen = STATES[1:] if username == "clerk" else STATES  # a clerk is asked once it is signed
    assert read_all(username, [f"orders/{scene[state]}/" for state in seen], sparing=True) == []


def test_the_login_its_error_and_its_lock_are_fit_to_be_read(
    live: Live, visit: Visit, is_sound: Callable[[Page], None]
) -> None:
    page = visit(width=390)
    for n in range(6):
        page.goto(f"{live.url}/console/login")
        if n == 0:
            is_sound(page)
        page.get_by_label("用户名").fill("somebody")
        page.get_by_label("密码").fill("guess")
        page.get_by_role("button", name="登录").click()
        is_sound(page)
    expect(page.get_by_role("heading", name="账号暂时锁定")).to_be_visible()


def test_a_problem_shows_its_curve_with_the_measure_and_is_published_in_two_steps(
    live: Live, scene: dict[str, str], visit: Visit
) -> None:
    page = visit(width=1280)
    log_in(page, live, "city")
    page.goto(f"{live.url}/console/analysis/problems/{scene['problem']}/?unit=month")
    expect(page.locator(".chart canvas")).to_be_visible()
    page.locator("summary", has_text="公开").first.click()
    page.get_by_label("整改情况").fill("请联系王科长 13812345678")
    page.locator("form[action$='/publish'] button").click()
    expect(page.get_by_role("alert")).to_contain_text("公开前请删去")
    expect(page.get_by_label("整改情况")).to_have_value("请联系王科长 13812345678")
    page.get_by_label("整改情况").fill("已加开两个窗口。")
    page.locator("form[action$='/publish'] button").click()
    expect(page.get_by_text("任何人都能在公众页看到")).to_be_visible()
    page.get_by_role("button", name="确认公开").click()
    expect(page.get_by_role("status")).to_contain_text("已办理")
    expect(page.locator(".headline")).to_contain_text("已公开")
