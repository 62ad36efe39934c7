"""A department's own system works on its orders: all that its people can do, no more."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.accounts.signing import sign
from haochaping.kit import clock
from haochaping.rectification.models import Move, Order
from tests.cast import NANJING, NOW, SUZHOU, Cast
from tests.rectification.conftest import FACTS, REAL_NAME, Stage, rate_badly

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = "/api/v1/orders"


@pytest.fixture(autouse=True)
def held() -> Iterator[None]:
    with clock.held_at(NOW + timedelta(minutes=1)):
        yield


def call(cast: Cast, method: str, target: str, body: Any = None, *, foreign: bool = False) -> tuple[int, Any]:
    app = (cast.foreign_app_id, cast.foreign_secret) if foreign else (cast.app_id, cast.secret)
    raw = b"" if body is None else json.dumps(body).encode()
    headers = sign(*app, method, target, raw, clock.now())
    answer = Client().generic(method, target, raw, content_type="application/json", headers=headers)
    return answer.status_code, json.loads(answer.content)


def one(stage: Stage, suffix: str = "") -> str:
    return f"{ORDERS}/{stage.order.order_no}{suffix}"


def test_unsigned_requests_get_nothing(stage: Stage) -> None:
    for method, target in (("GET", ORDERS), ("GET", one(stage)), ("POST", one(stage, "/sign"))):
        assert Client().generic(method, target).status_code == 401


def test_the_list_is_paged_and_complete(cast: Cast) -> None:
    made = {rate_badly(f"NJ{n}").order_no for n in range(5)}
    found: list[str] = []
    target: str | None = f"{ORDERS}?size=2"
    while target:
        status, page = call(cast, "GET", target)
        assert (status, page["total"]) == (200, 5)
        found += [line["orderNo"] for line in page["results"]]
        target = page["next"] and f"{ORDERS}?size=2&after={page['next']}"
    assert found == sorted(made)


def test_the_list_is_narrowed_by_what_is_asked(stage: Stage) -> None:
    stage.walk("sign")
    asked = {
        "state=verifying": 1, "state=open": 1, "state=closed": 0, "overdue=true": 0, "from=2026-06-10&to=2026-06-10": 1,
        "from=2026-06-11": 0, f"text={stage.order.order_no}": 1,
    }  # fmt: skip
    for query, n in asked.items():
        assert len(call(stage.cast, "GET", f"{ORDERS}?{query}")[1]["results"]) == n, query
    for query, field in {"state=lost": "state", "size=0": "size", "from=soon": "from"}.items():
        status, answer = call(stage.cast, "GET", f"{ORDERS}?{query}")
        assert (status, [e["field"] for e in answer["error"]["fields"]]) == (422, [field])


def test_one_order_says_what_may_be_done_and_what_that_needs(stage: Stage) -> None:
    status, told = call(stage.cast, "GET", one(stage))
    assert status == 200
    assert (told["state"], told["deptCode"], told["answerBy"], told["stepBy"]) == (
        "dispatched", NANJING, "2026-06-17", "2026-06-11",
    )  # fmt: skip
    verbs = {verb["verb"]: verb for verb in told["verbs"]}
    assert set(verbs) == {"sign", "return"}
    code, reason = verbs["return"]["facts"]
    assert (code["name"], code["isRequired"], code["choices"]["out_of_area"]) == ("reason_code", True, "属地不符")
    assert (reason["name"], reason["kind"]) == ("reason", "text")


def test_it_is_as_sealed_as_a_page(stage: Stage) -> None:
    stage.walk("sign")
    told = json.dumps(call(stage.cast, "GET", one(stage)), ensure_ascii=False)
    listed = json.dumps(call(stage.cast, "GET", ORDERS), ensure_ascii=False)
    for canary in ("NJ2026060001", *REAL_NAME.values(), "赵试样", "13800000001", "09:30", "10:00:00"):
        assert canary not in told + listed


def test_an_app_walks_the_handlers_part_of_the_way(stage: Stage) -> None:
    for verb in ("sign", "contact", "confirm", "submit"):
        line = {name: FACTS[name] for name in needs_of(stage, verb)}
        status, told = call(
            stage.cast, "POST", one(stage, f"/{verb}"), line | ({"result": "已沟通"} if verb == "contact" else {})
        )
        assert status == 200, told
    assert told["state"] == "reviewing"
    assert [event["verb"] for event in told["history"]] == ["open", "sign", "contact", "confirm", "submit"]
    move = Move.objects.get(verb="submit")
    assert (move.actor_kind, move.actor_id, move.by) == ("app", stage.cast.app_id, "handler")
    status, answer = call(stage.cast, "POST", one(stage, "/approve"))
    assert (status, answer["error"]["code"]) == (403, "not_your_part")


def needs_of(stage: Stage, verb: str) -> list[str]:
    told = call(stage.cast, "GET", one(stage))[1]
    return [fact["name"] for v in told["verbs"] if v["verb"] == verb for fact in v["facts"] if fact["isRequired"]]


@pytest.mark.parametrize("verb", ["sign", "approve", "urge", "contribute", "nonsense"])
def test_another_organs_app_finds_nothing(stage: Stage, verb: str) -> None:
    assert call(stage.cast, "GET", ORDERS, foreign=True)[1]["total"] == 0
    for method, target in (
        ("GET", one(stage)),
        ("POST", one(stage, f"/{verb}")),
        ("GET", f"{ORDERS}/CP20260610-00000000"),
    ):
        status, answer = call(stage.cast, method, target, foreign=True)
        assert (status, answer["error"]["code"]) == (404, "not_found")


def test_noes_are_told_in_one_shape(stage: Stage) -> None:
    status, answer = call(stage.cast, "POST", one(stage, "/confirm"), {})
    assert (status, answer["error"]["code"]) == (409, "not_possible_now")
    status, answer = call(stage.cast, "POST", one(stage, "/nonsense"), {})
    assert (status, answer["error"]["code"]) == (404, "unknown_verb")
    status, answer = call(stage.cast, "POST", one(stage, "/return"), {"reason": "不属于我们"})
    assert (status, answer["error"]["fields"][0]["field"]) == (422, "reason_code")
    status, answer = call(stage.cast, "POST", one(stage, "/sign"), {"reson": "typo"})
    assert (status, answer["error"]["fields"][0]["code"]) == (422, "unknown")
    status, answer = call(stage.cast, "POST", one(stage, "/sign"), ["not", "an", "object"])
    assert status == 422
    assert Order.objects.get().moves == 1


def test_a_co_unit_hands_in_its_share(stage: Stage) -> None:
    stage.walk("return assign", organ=NANJING, co_organs=[SUZHOU])
    status, told = call(stage.cast, "POST", one(stage, "/contribute"), {"text": "已核对"}, foreign=True)
    assert (status, told["coUnits"][0]["contribution"], told["verbs"]) == (200, "已核对", [])
    status, answer = call(stage.cast, "POST", one(stage, "/contribute"), {"text": ""}, foreign=True)
    assert (status, answer["error"]["fields"][0]["field"]) == (422, "text")


def test_a_reply_that_says_nothing_is_answered_with_warnings_and_handed_in_all_the_same(
    cast: Cast, stage: Stage
) -> None:
    stage.walk("sign confirm")
    body = {"measures": "增开窗口", "reply": "已收悉，感谢您的支持。"}
    status, answered = call(cast, "POST", one(stage, "/submit"), body)
    assert (status, answered["state"]) == (200, "reviewing")
    assert [warning["code"] for warning in answered["warnings"]] == ["empty_phrase"]
    assert set(answered["warnings"][0]) == {"code", "reason", "passage", "isMild"}
    assert call(cast, "GET", one(stage))[1]["warnings"] == answered["warnings"]
    stage.fresh()
    stage.walk("approve")
    assert call(cast, "GET", one(stage))[1]["warnings"] == []
