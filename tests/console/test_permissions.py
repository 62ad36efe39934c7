"""Role by page, and one city before another's door: generated from the routes themselves."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import get_resolver

from haochaping.accounts.rules import ONLOOKERS, Role
from haochaping.console.pages import entry
from haochaping.console.rules import MAY_OPEN, NAVIGATION, may_open
from haochaping.kit.clock import held_at
from haochaping.rectification.workflow import VERBS
from tests.cast import NOW, PEOPLE
from tests.console.stage import bad_order

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
(CONSOLE,) = [r for r in get_resolver().url_patterns if str(r.pattern) == "console/"]
ROUTES = {pattern.name: pattern for pattern in CONSOLE.url_patterns}
PAGES = [entry.page for entry in NAVIGATION] + ["password"]
ENTRANCE = {"login", "login_code", "logout", "identity", "identity_back"}
POSTS = ("orders_export", "order_move", "order_callback", "order_identity", "order_share", "order_evidence")
ROLE_OF = {username: role for username, (_, role, _) in PEOPLE.items()}


def address(name: str, order_no: str = "CP20260610-00000000", verb: str = "sign") -> str:
    route = str(ROUTES[name].pattern).replace("<str:order_no>", order_no).replace("<str:verb>", verb)
    route = re.sub(r"<uuid:[^>]+>", "00000000-0000-0000-0000-000000000000", route)
    return "/console/" + re.sub(r"<[^>]+>", "1", route)


@pytest.mark.parametrize("name", ROUTES)
def test_every_route_but_the_entrance_names_its_roles(name):
    assert name in ENTRANCE or isinstance(ROUTES[name].callback.needs, frozenset)
    assert entry.login.__module__ == "haochaping.console.pages.entry"


@pytest.mark.parametrize("name", [name for name in ROUTES if name not in ENTRANCE])
def test_a_stranger_gets_nothing_but_the_login(client, name):
    for answer in (client.get(address(name)), client.post(address(name))):
        assert answer.status_code == 302
        assert answer.url.startswith("/console/login?next=")


@pytest.mark.parametrize("username", ROLE_OF)
def test_each_role_opens_its_pages_and_no_others(as_, username):
    client, role = as_(username), ROLE_OF[username]
    with held_at(LATER):
        found = {page: client.get(address(page), follow=page == "workbench").status_code for page in PAGES}
    assert found == {page: 200 if may_open(page, {role}) else 403 for page in PAGES}


@pytest.mark.parametrize("username", ROLE_OF)
def test_the_navigation_offers_what_may_be_opened_and_no_more(as_, username):
    with held_at(LATER):
        page = as_(username).get("/console/", follow=True).content.decode()
    links = {entry.page for entry in NAVIGATION if f'<li><a href="{address(entry.page)}"' in page}
    assert links == {entry.page for entry in NAVIGATION if may_open(entry.page, {ROLE_OF[username]})}


@pytest.mark.parametrize("username", [u for u, role in ROLE_OF.items() if role not in MAY_OPEN["orders"]])
def test_who_has_nothing_to_do_with_orders_is_refused_every_one_of_them(as_, username):
    order, client = bad_order(), as_(username)
    with held_at(LATER):
        answers = [client.post(address(name, order.order_no)).status_code for name in POSTS]
        answers.append(client.get(address("order", order.order_no)).status_code)
    assert set(answers) == {403}


@pytest.mark.parametrize("username", [u for u, role in ROLE_OF.items() if role in ONLOOKERS])
def test_who_only_looks_on_reads_and_changes_nothing_and_every_page_says_so(as_, username):
    order, client = bad_order(), as_(username)
    with held_at(LATER):
        writes = [client.post(address(name, order.order_no), {"seen": "1", "confirmed": "1"}) for name in POSTS]
        pages = [
            client.get(address(page)) for page in PAGES if may_open(page, {ROLE_OF[username]}) and page != "workbench"
        ]
        pages.append(client.get(address("order", order.order_no)))
    assert {answer.status_code for answer in writes} == {403}
    assert {page.status_code for page in pages} == {200}
    assert all(">只读</span>" in page.content.decode() for page in pages)
    assert "<form" not in pages[-1].content.decode().split("<main")[1]


@pytest.mark.parametrize("username", ["foreign_city", "foreign_rectifier"])
def test_another_citys_order_is_not_there_whatever_is_tried(as_, username):
    order, client = bad_order(), as_(username)
    facts = {"seen": "1", "confirmed": "1", "reason": "随便看看", "text": "x"}
    urls = [address("order_identity", order.order_no)]
    urls += [address("order_move", order.order_no, verb) for verb in VERBS]
    if ROLE_OF[username] is Role.HANDLER:
        urls.append(address("order_share", order.order_no))
    with held_at(LATER):
        answers = {url: client.post(url, facts).status_code for url in urls}
        answers["detail"] = client.get(address("order", order.order_no)).status_code
        listed = client.get("/console/orders/?state=all").content.decode()
        sheet = client.post("/console/orders/export?state=all")
    assert set(answers.values()) == {404}
    assert order.order_no not in listed
    assert sheet["X-Row-Count"] == "0"
    order.refresh_from_db()
    assert order.moves == 1


def test_an_order_that_never_was_and_one_of_others_answer_alike(as_):
    order, client = bad_order(), as_("foreign_city")
    with held_at(LATER):
        answers = [client.get(address("order", no)) for no in (order.order_no, "CP20260610-ZZZZZZZZ", "x%00y")]
    assert {answer.status_code for answer in answers} == {404}
    token = rb'name="csrfmiddlewaretoken" value="\w+"'
    assert len({re.sub(token, b"", answer.content) for answer in answers[:2]}) == 1


@pytest.mark.parametrize("username", ["leader", "reviewer"])
def test_who_may_only_read_an_order_is_offered_no_move_and_no_identity(as_, username):
    order = bad_order()
    with held_at(LATER):
        page = as_(username).get(address("order", order.order_no)).content.decode()
        reveal = as_(username).post(address("order_identity", order.order_no), {"reason": "随便看看"})
    assert f"/console/orders/{order.order_no}/sign" not in page
    assert f"/console/orders/{order.order_no}/identity" not in page
    assert reveal.status_code == 403


def test_a_form_without_its_token_is_refused(as_):
    from django.test import Client

    client, order = Client(enforce_csrf_checks=True), bad_order()
    client.cookies = as_("rectifier").cookies
    with held_at(LATER):
        assert client.post(address("order_move", order.order_no), {"seen": "1", "confirmed": "1"}).status_code == 403
    order.refresh_from_db()
    assert order.moves == 1
