"""A department's own system works on its orders: all that its people can do, no more."""

from __future__ import annotations

import io
import json
import random
from base64 import b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from PIL import Image

from haochaping.accounts.signing import sign
from haochaping.kit import clock
from haochaping.rectification.models import Move, Order
from haochaping.rectification.workflow import Part
from tests.cast import NANJING, NOW, SUZHOU, Cast
from tests.evaluation.test_attachments import picture
from tests.papers import LOCKED, pdf
from tests.rectification.conftest import FACTS, REAL_NAME, Stage, rate_badly

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = "/api/v1/orders"
APPEAL = {"kind": "untrue", "reason": "当日无此事", "evidence": "见附件"}


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


class TestFiles:
    """Evidence through the API: all that people can."""

    def bring(self, stage: Stage, raw: bytes, name: str = "截图.png", **more: Any) -> tuple[int, Any]:
        body = {"name": name, "content": b64encode(raw).decode()}
        return call(stage.cast, "POST", one(stage, "/files"), body, **more)

    def test_are_brought_named_by_a_move_listed_and_read(self, stage: Stage) -> None:
        stage.walk("sign")
        status, file = self.bring(stage, pdf(2), "说明.pdf")
        assert (status, len(file["pages"]), file["isMine"]) == (200, 2, True)
        status, told = call(stage.cast, "POST", one(stage, "/appeal"), APPEAL | {"files": [file["id"]]})
        assert status == 200, told
        assert told["history"][-1]["files"] == [file["id"]]
        assert [(each["name"], each["isNamed"]) for each in told["files"]] == [("说明", True)]
        target = one(stage, f"/files/{file['pages'][1]}")
        headers = sign(stage.cast.app_id, stage.cast.secret, "GET", target, b"", clock.now())
        answer = Client().get(target, headers=headers)
        assert (answer["Content-Type"], answer.content[:3]) == ("image/jpeg", b"\xff\xd8\xff")
        status, answer = call(stage.cast, "DELETE", one(stage, f"/files/{file['id']}"))
        assert (status, answer["error"]["code"]) == (409, "evidence_named")

    def test_are_taken_back_by_whoever_brought_them(self, stage: Stage) -> None:
        stage.walk("sign")
        file = self.bring(stage, picture())[1]
        assert call(stage.cast, "DELETE", one(stage, f"/files/{file['id']}")) == (200, {"files": []})

    def test_of_several_hundred_kilobytes_pass_and_too_large_a_body_does_not(self, stage: Stage) -> None:
        stage.walk("sign")
        noise = Image.frombytes("RGB", (600, 400), random.Random(1).randbytes(720_000))
        out = io.BytesIO()
        noise.save(out, "PNG")
        assert len(out.getvalue()) > 500_000
        assert self.bring(stage, out.getvalue())[0] == 200
        status, answer = self.bring(stage, bytes(11 * 1024 * 1024))
        assert (status, answer["error"]["code"]) == (413, "too_large")

    def test_are_refused_as_a_page_refuses_them(self, stage: Stage) -> None:
        stage.walk("sign")
        status, answer = self.bring(stage, LOCKED)
        assert (status, answer["error"]["code"]) == (422, "attachment_locked")
        status, answer = call(stage.cast, "POST", one(stage, "/files"), {"name": "x", "content": "不是Base64"})
        assert (status, answer["error"]["fields"][0]["field"]) == (422, "content")

    def test_of_another_organ_are_not_there(self, stage: Stage) -> None:
        stage.walk("sign")
        file = self.bring(stage, picture())[1]
        assert self.bring(stage, picture(), foreign=True)[0] == 404
        for method in ("GET", "DELETE"):
            assert call(stage.cast, method, one(stage, f"/files/{file['id']}"), foreign=True)[0] == 404


def test_the_exchange_with_the_rater_is_told_masked_and_by_the_day(stage: Stage) -> None:
    stage.walk("sign")
    call(stage.cast, "POST", one(stage, "/relay"), {"text": "请问是哪天？"})
    said = {"text": f"昨天，电话{REAL_NAME['mobile']}"}
    stage.do("respond", stage.actors[Part.CITIZEN], **said)
    told = call(stage.cast, "GET", one(stage))[1]
    ours, theirs = told["messages"]
    assert (ours["text"], theirs["text"], theirs["at"]) == ("请问是哪天？", "昨天，电话139****2222", None)
    assert REAL_NAME["mobile"] not in json.dumps(told)
