"""Every operation of the machine API for an app of another city; every address of /my for another citizen (security.md T10)."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.accounts.signing import sign
from haochaping.channels.my import urls as my_urls
from haochaping.channels.my.rules import ACTS
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from haochaping.project.api import api
from haochaping.rectification.workflow import VERBS
from tests.cast import NOW
from tests.console.foreign import LATER, World, picture, world_of
from tests.console.samples import names_of
from tests.console.tables import changed, database
from tests.my.stage import MINE, OTHER, answered, logged_in, rated, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cast import Cast

pytestmark = pytest.mark.django_db
OPERATIONS = [(method, path) for path, operations in api.get_openapi_schema()["paths"].items() for method in operations]
FILE = {"name": "大厅.png", "content": base64.b64encode(picture()).decode()}
CASE = {"projectNo": "SZ-CALL", "serviceNumber": 1}


def _order(world: World, suffix: str = "") -> str:
    return f"/api/v1/orders/{world.order.order_no}{suffix}"


# what an app of Nanjing asks about Suzhou: target and body
ASKED: dict[tuple[str, str], Any] = {
    ("post", "/api/v1/links"): lambda _: [("/api/v1/links", CASE | {"channel": 3})],
    ("post", "/api/v1/calls"): lambda _: [
        ("/api/v1/calls", CASE | {"windowNo": "SZ-A01"}),
        ("/api/v1/calls", CASE | {"windowNo": "NJ-A01"}),
    ],
    ("get", "/api/v1/evaluations/{project_no}/{service_number}"): lambda _: [("/api/v1/evaluations/SZ-TOLD/1", None)],
    ("get", "/api/v1/batches/{batch}"): lambda w: [(f"/api/v1/batches/{w.batch}", None)],
    ("get", "/api/v1/orders/{order_no}"): lambda w: [(_order(w), None)],
    ("post", "/api/v1/orders/{order_no}/files"): lambda w: [(_order(w, "/files"), FILE)],
    ("get", "/api/v1/orders/{order_no}/files/{file_id}"): lambda w: [(_order(w, f"/files/{w.files.pages[0]}"), None)],
    ("delete", "/api/v1/orders/{order_no}/files/{file_id}"): lambda w: [(_order(w, f"/files/{w.files.pk}"), None)],
    ("post", "/api/v1/orders/{order_no}/{verb}"): lambda w: [
        (_order(w, f"/{verb}"), {"text": "看看"}) for verb in sorted({*VERBS, "contribute"})
    ],
}
NAMES_NONE = {  # operations that name no object of ours, and why; the lists among them are asked below
    (
        "post",
        "/api/v1/services",
    ): "brings records; of another organ they are refused line by line (tests/channels/test_door.py)",
    ("post", "/api/v1/evaluations"): "as services",
    ("post", "/api/v1/evaluations/batch"): "as services",
    ("get", "/api/v1/indicators"): "the tags that raters are offered: everybody reads them",
    ("get", "/api/v1/orders"): "a list",
    ("get", "/api/v1/statistics"): "figures within the app's organs (tests/analytics)",
}


@pytest.fixture
def world(cast: Cast) -> Iterator[World]:
    with held_at(LATER):
        yield world_of(cast)


def call(world: World, method: str, target: str, body: Any = None, *, at_home: bool = False) -> Any:
    cast = world.cast
    app = (cast.foreign_app_id, cast.foreign_secret) if at_home else (cast.app_id, cast.secret)
    raw = b"" if body is None else json.dumps(body).encode()
    headers = sign(*app, method.upper(), target, raw, clock.now())
    return Client().generic(method.upper(), target, raw, content_type="application/json", headers=headers)


@pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
def test_every_operation_stands_in_a_table(operation):
    assert (operation in ASKED) + (operation in NAMES_NONE) == 1, (
        f"{operation}: give it a line in ASKED of {__name__} with an object that lies in Suzhou, or in NAMES_NONE with the reason"
    )


def test_an_app_of_another_city_finds_nothing_and_changes_nothing(world):
    before, wrong = database(), []
    for (method, path), asks in ASKED.items():
        for target, body in asks(world):
            answer = call(world, method, target, body)
            if answer.status_code != 404:
                wrong.append((method, path, target, answer.status_code, answer.content.decode()))
    assert not wrong, wrong
    # a signed request that was refused uses its number up
    assert not set(changed(before)) - {"accounts_nonce"}, changed(before)


def test_the_app_of_that_city_finds_what_the_other_does_not(world):
    for (method, path), asks in ASKED.items():
        if method == "get":
            assert [call(world, method, target, at_home=True).status_code for target, _ in asks(world)] == [200], path


def test_the_list_and_its_search_tell_an_app_nothing_of_elsewhere(world):
    names = [*names_of(world).values()]
    for target in ("/api/v1/orders", "/api/v1/orders?state=open", f"/api/v1/orders?text={world.order.order_no}"):
        told = call(world, "get", target).content.decode()
        assert not [name for name in names if name in told and name not in target], target
        assert json.loads(told)["total"] == 0


def test_another_citizens_service_is_not_there_at_any_address_of_my(cast, settings):
    """Both have a service that was rated badly and answered: every act of the other one is open at that moment."""
    with held_at(NOW):
        mine, others = served(), served("NJ-OTHER", mobile=OTHER, userName="孙别人", creditNum="320102190001011117")
        for event, mobile in ((mine, MINE), (others, OTHER)):
            rated(event, mobile=mobile)
            answered(event, cast)
        unrated = served("NJ-UNRATED", mobile=OTHER, userName="孙别人", creditNum="320102190001011117")
        me = logged_in()
        assert me.get(f"/my/services/{mine.id}").status_code == 200
        routes = [route for route in my_urls.urlpatterns if "event_id" in route.pattern.converters]
        assert {route.name for route in routes} == {"my_service", "my_rate", "my_follow_up", "my_act"}, (
            "a new address of /my with a service in it: the loop below must reach it"
        )
        before, wrong = database(), []
        for event in (others, unrated):
            for suffix in ("", "/rate", "/follow-up", *(f"/{name}" for name in ACTS)):
                url = f"/my/services/{event.id}{suffix}"
                sent = {"level": "1", "words": "坏了", "reason": "不满意", "sure": "1"}
                found = {me.get(url).status_code, me.post(url, sent).status_code}
                if not found <= ({404} if suffix else {404, 405}):
                    wrong.append((url, found))
        assert not wrong, wrong
        assert not changed(before), changed(before)
        assert "NJ-OTHER" not in me.get("/my").content.decode() + me.get("/my/data.json").content.decode()
