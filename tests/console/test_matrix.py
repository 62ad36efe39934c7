"""Every route, every role, what lies elsewhere: it is not there, and nothing happens to it (security.md T10).

Generated from the routes: one that is new and stands in no table of `tests/console/samples.py` fails, and says what to add.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from django.db import transaction
from django.urls import get_resolver, reverse

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import ONLOOKERS, Role
from haochaping.kit.clock import held_at
from tests.cast import logged_in
from tests.console.foreign import LATER, World, world_of
from tests.console.reading import read, words_in
from tests.console.samples import BODIES, SAMPLES, names_of
from tests.console.tables import changed, database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from haochaping.accounts.rules import Actor

pytestmark = pytest.mark.django_db
(CONSOLE,) = [r for r in get_resolver().url_patterns if str(r.pattern) == "console/"]
ROUTES = {pattern.name: pattern for pattern in CONSOLE.url_patterns}
WITH_OBJECT = [name for name, route in ROUTES.items() if route.pattern.converters]
FACTS = {
    "seen": "1", "confirmed": "1", "sure": "1", "checked": "1", "reason": "随便看看再说", "reason_code": "not_ours", "text": "随便写写",
    "more": "别处", "to": "off", "note": "随便", "title": "别处", "name": "别处", "voids": "1", "forms": "3", "number": "1", "level": "1",
    "result": "satisfied", "view": "别处", "due": "2026-06-30", "done_on": "2026-06-10", "do": "put_back", "verdict": "matches",
    "findings": "属实", "measures": "改", "reply": "已改", "ruling": "认定", "kind": "untrue", "evidence": "录像", "way": "hotline",
    "is_true": "true", "is_reasonable": "true", "cause": "attitude", "severity": "general", "basis": "条例", "until": "2026-06-20",
    "valid_from": "2026-07-01", "remark": "退回", "role": "observer", "area": "3205", "windowName": "改名", "code": "x",
}  # fmt: skip
NOBODYS = {  # routes whose object lies in no place, and why
    "probe_run": "the probe rates made-up services in area 99, for the whole platform",
    "app": "system administrators keep the apps of all organs; nothing of a citizen stands there",
    "app_origins": "as app",
    "app_key_add": "as app",
    "app_key_revoke": "as app",
}

ENTRANCE = {
    "login",
    "login_code",
    "logout",
    "identity",
    "identity_back",
    "own_sessions_end",
    "alive",
    "password",
    "second_factor",
}
ASKED = {  # what of a list does not stand on its first page
    "orders": ("?state=all", "?state=dispatched", "?state=callback"),
    "orders_export": ("?state=all",),
    "directory": ("?kind=windows",),
    "repair": tuple(f"?tab={tab}" for tab in ("rejected", "parked", "waiting", "fixed")),
    "repair_export": tuple(f"?tab={tab}" for tab in ("rejected", "waiting")),
    "entries": ("?tab=all", "?tab=checked"),
    "devices": ("?state=online", "?area=3205", "?hall=SZ"),
    "windows": ("?area=3205", "?hall=SZ"),
    "signs": ("?area=3205", "?hall=SZ"),
    "consequences": ("?state=open",),
    "supervision": tuple(f"?show={show}" for show in ("late", "soon", "convened", "urged")),
    "policy": ("?region=3205",),
    "policy_compare": ("?region=3205",),
    "calendar": ("?region=3205",),
    "indicators": ("?region=3205",),
    "people": ("?area=3205", "?role=handler"),
}
PUBLIC = {  # what lies anywhere stands there for whoever opens it, and why
    "audit": "the trail of all that administrators and staff did, for the auditors; no citizen stands in it",
    "audit_export": "as audit",
    "directory": "master data: items, windows, halls",
    "policy": "the rules in force",
    "calendar": "which days are worked",
    "indicators": "the tags that raters are offered",
}
OTHERS = str.maketrans(
    {
        one: other
        for row in ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHJKMNPQRSTVWXYZ", "密物")
        for one, other in zip(row, row[1:] + row[0], strict=True)
    }
)
SOUGHT = ("order", "title", "person")  # what a search is tried with

RATED_SIDE = {
    ("pressing", "organ")
}  # whoever works for a unit hears nothing of pressure, wherever it was: 403 before all else


@pytest.fixture
def world(cast: Any) -> Iterator[World]:
    with held_at(LATER):
        yield world_of(cast)


def addresses(name: str, world: World) -> list[str]:
    return [reverse(f"console:{name}", kwargs=sample) for sample in SAMPLES[name](world)]


def as_(actor: Actor) -> Client:
    return logged_in(Person.objects.get(pk=actor.id))


def opens(name: str, role: Role) -> bool:
    return role in ROUTES[name].callback.needs


@pytest.mark.parametrize("name", WITH_OBJECT)
def test_every_route_with_an_object_in_its_address_stands_in_a_table(name):
    told = (name in SAMPLES) + (name in NOBODYS)
    assert told == 1, (
        f"console route {name!r} ({ROUTES[name].pattern}) names an object: give it a line in SAMPLES of tests/console/samples.py "
        "with one that lies in Suzhou, or one in NOBODYS of tests/console/test_matrix.py that says why it lies nowhere"
    )


def test_no_table_names_a_route_that_is_gone():
    assert set(SAMPLES) | set(NOBODYS) <= set(WITH_OBJECT)


def test_everything_is_there_for_somebody_who_works_where_it_lies(world):
    people = {who: as_(actor) for who, actor in world.home.items()}
    missing = [
        (name, url)
        for name in SAMPLES
        for url in addresses(name, world)
        if not any(_is_there(client, url) for (role, _), client in people.items() if opens(name, role))
    ]
    assert not missing, f"these samples prove nothing, for nobody finds them: {missing}"


def _is_there(client: Client, url: str) -> bool:
    found = client.get(url).status_code
    if found == 405:
        with transaction.atomic():
            found = client.post(url, FACTS).status_code
            transaction.set_rollback(True)
    return found not in {404, 405}


@pytest.mark.parametrize("role", Role)
def test_what_lies_in_another_city_is_not_there_whatever_is_tried(world, role):
    people = {part: as_(actor) for (held, part), actor in world.away.items() if held is role}
    before, wrong = database(), defaultdict(list)
    for name in WITH_OBJECT:
        if name not in SAMPLES:
            continue
        if not opens(name, role):  # the guard stands before everything else, whatever the method and the object
            (url, *_), client = addresses(name, world), next(iter(people.values()))
            if (found := client.post(url, FACTS).status_code) != 403:
                wrong[name].append((url, found))
            continue
        for n, (part, client) in enumerate(people.items()):
            for url in addresses(name, world)[
                : 1 if n else None
            ]:  # what one may do with an object asks for the object first
                found = {client.get(url).status_code, client.post(url, FACTS).status_code}
                if not found <= {404, 405} | ({403} if (name, part) in RATED_SIDE else set()) or found == {405}:
                    wrong[name].append((url, part, found))
    assert not wrong, dict(wrong)
    assert not changed(before), changed(before)


@pytest.mark.parametrize("role", [Role.CITY, Role.OPERATOR, Role.HANDLER])
def test_a_second_hat_worn_there_opens_no_page_of_the_first(world, role):
    """Who observes Suzhou and works in Nanjing works in Nanjing only; who administers everywhere sees nobody's data by it."""
    person = Person.objects.get(pk=next(actor.id for (held, _), actor in world.away.items() if held is role))
    Grant.objects.create(person=person, role=Role.OBSERVER, area="3205")
    Grant.objects.create(person=person, role=Role.ADMIN)
    client, wrong = logged_in(person), defaultdict(list)
    for name in SAMPLES:
        if opens(name, role) and not opens(name, Role.OBSERVER) and not opens(name, Role.ADMIN):
            for url in addresses(name, world):
                found = {client.get(url).status_code, client.post(url, FACTS).status_code}
                if not found <= {404, 405} or found == {405}:
                    wrong[name].append((url, found))
    assert not wrong, dict(wrong)


@pytest.mark.parametrize("role", Role)
def test_no_list_no_sheet_and_no_search_knows_of_it(world, role):
    names, wrong = names_of(world), defaultdict(list)
    lists = [name for name, route in ROUTES.items() if not route.pattern.converters and name not in ENTRANCE]
    for actor in (actor for (held, _), actor in world.away.items() if held is role):
        client, is_first = as_(actor), actor == next(each for (held, _), each in world.away.items() if held is role)
        for name in lists:
            if not opens(name, role):
                continue
            for asked in ("", *ASKED.get(name, ())):
                answer = _got(client, reverse(f"console:{name}") + asked)
                told = read(answer)
                wrong[name] += [(asked, what) for what, known in names.items() if known in told and name not in PUBLIC]
                for field in _searches(answer, told) if is_first and not asked and name not in PUBLIC else ():
                    wrong[name] += [
                        (field, what) for what in SOUGHT if not _is_unknown(client, answer, field, names[what])
                    ]
    told = {name: found for name, found in wrong.items() if found}
    assert not told, told


def _got(client: Client, url: str) -> Any:
    answer = client.get(url)
    return answer if answer.status_code != 405 else client.post(url)


def _searches(answer: Any, told: str) -> set[str]:
    """The text fields of the forms by which this page is searched."""
    if answer.status_code != 200 or "<main" not in told:
        return set()
    return {
        name
        for form in re.findall(r"<form(?![^>]*method=.post)[^>]*>.*?</form>", told, re.DOTALL)
        for field in re.findall(r"<input[^>]*>", form)
        if not re.search(r'type="(hidden|checkbox|radio|submit|date|number)"', field)
        for name in re.findall(r'name="([^"]+)"', field)
    }


def _is_unknown(client: Client, answer: Any, field: str, known: str) -> bool:
    """Whether a search for this name says what one says for a name that nobody has."""
    url, made_up = answer.request["PATH_INFO"], known[:-3] + known[-3:].translate(OTHERS)
    return _told(client, url, field, known) == _told(client, url, field, made_up)


def _told(client: Client, url: str, field: str, value: str) -> str:
    page = re.sub(r"\b\w{64}\b", "", words_in(client.get(url, {field: value}).content))  # tokens against forgery
    return page.replace(value, "§").replace(quote(value), "§").replace(quote_plus(value), "§")


def test_naming_it_in_a_form_makes_and_changes_nothing(world):
    people, wrong = [(role, part, as_(actor)) for (role, part), actor in world.away.items()], []
    for name, body in BODIES:
        told, url, before = body(world) | {"confirmed": "1"}, reverse(f"console:{name}"), database()
        found = [(role, part, client.post(url, told).status_code) for role, part, client in people if opens(name, role)]
        touched = set(changed(before)) - {"accounts_audit"}  # what somebody looked for in vain may be written down
        if touched or not {status for _, _, status in found} <= {200, 302, 403, 404, 409, 422}:
            wrong.append((name, told, found, touched))
    assert not wrong, wrong


OWN_PART = {  # what is theirs to decide
    (Role.REVIEWER, "appraisal_objection_act"),  # who rules on appeals rules on these too
    (Role.LEADER, "report_act"),  # a report belongs to whoever supervises or leads there
}


@pytest.mark.parametrize("role", [Role.OBSERVER, Role.ANALYST, Role.LEADER, Role.REVIEWER])
def test_who_may_see_what_lies_here_and_not_act_on_it_changes_nothing(world, role):
    client = as_(world.at_home(role))
    before, wrong = database(), defaultdict(list)
    for name in SAMPLES:
        if (role, name) in OWN_PART:
            continue
        for url in addresses(name, world):
            found = client.post(url, FACTS).status_code
            # leaders and reviewers have parts of their own: what is not for this moment or incomplete is told anybody so
            if found not in {403, 404, 405} | (set() if role in ONLOOKERS else {409, 422}):
                wrong[name].append((url, found))
    assert not wrong, dict(wrong)
    assert not changed(before), changed(before)
