"""The signed machine API as an integrator meets it (contract §3), through the real ASGI application."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.db import OperationalError, connection

from haochaping.accounts.models import App
from haochaping.accounts.queries import app_info, forget_apps
from haochaping.accounts.signing import SignedBy, sign
from haochaping.channels import lane
from haochaping.channels.door import Door, _admit_lines
from haochaping.evaluation.models import Evaluation, Rejected, ServiceEvent
from haochaping.kit import clock
from haochaping.rectification.models import Order
from tests.cast import BAD, NOW, Cast, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator


class Integrator:
    """Speaks to the application in this process, at a held clock, as its app would over HTTP."""

    def __init__(self, cast: Cast) -> None:
        from haochaping.project.asgi import application

        self.cast = cast
        self.door = Door(application.inner)  # with writer threads, and so database connections, of its own
        self.transport = httpx.ASGITransport(app=self.door)
        self.app = (cast.app_id, cast.secret)

    def call(
        self, method: str, target: str, body: Any = None, *, headers: dict[str, str] | None = None, now=NOW
    ) -> httpx.Response:
        return self.together([(method, target, body)], headers=headers, now=now)[0]

    def together(self, requests, *, headers=None, now=NOW) -> list[httpx.Response]:
        """All at once."""
        return asyncio.run(self.calls(requests, headers=headers, now=now))

    async def calls(self, requests, *, headers=None, now=NOW) -> list[httpx.Response]:
        with clock.held_at(now):
            async with httpx.AsyncClient(transport=self.transport, base_url="http://testserver") as client:
                return await asyncio.gather(*(self._one(client, request, headers, now) for request in requests))

    async def _one(self, client, request, headers, now) -> httpx.Response:
        method, target, body = request
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        signed = sign(*self.app, method, target, raw, now) | (headers or {})
        return await client.request(method, target, content=raw, headers=signed)


@pytest.fixture
def api(committing_db) -> Iterator[Integrator]:
    integrator = Integrator(settle())
    yield integrator
    integrator.door.close()


@pytest.fixture
def served(api) -> Integrator:
    assert api.call("POST", "/api/v1/services", wire_service()).json()["results"][0]["status"] == "created"
    return api


class TestServices:
    def test_one_record_or_an_array(self, api):
        one = api.call("POST", "/api/v1/services", wire_service("A"))
        many = api.call(
            "POST", "/api/v1/services", [wire_service("A"), wire_service("B"), wire_service("C", serviceNumber="x")]
        )
        assert [one.status_code, many.status_code] == [200, 200]
        assert [r["status"] for r in many.json()["results"]] == ["unchanged", "created", "rejected"]
        assert many.json()["results"][2]["errors"][0]["field"] == "serviceNumber"

    def test_more_than_a_thousand_are_sent_back_whole(self, api):
        answer = api.call("POST", "/api/v1/services", [wire_service(f"P{n}") for n in range(1001)])
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_many")
        assert not ServiceEvent.objects.exists()


class TestAnEvaluation:
    def test_201_then_200_then_409(self, served):
        first = served.call("POST", "/api/v1/evaluations", wire_rating())
        again = served.call("POST", "/api/v1/evaluations", wire_rating())
        other = served.call("POST", "/api/v1/evaluations", wire_rating(satisfaction=4, evalDetail=""))
        assert [first.status_code, again.status_code, other.status_code] == [201, 200, 409]
        assert again.json() == {"id": first.json()["id"], "receipt": first.json()["receipt"], "duplicate": True}
        assert other.json()["error"]["code"] == "already_rated"

    def test_a_bad_one_answers_with_order_number_and_day(self, served):
        answer = served.call("POST", "/api/v1/evaluations", wire_rating(**BAD)).json()
        order = Order.objects.get()
        assert answer["orderNo"] == order.order_no
        assert answer["answerBy"] == clock.to_wire(order.answer_due)

    def test_202_while_its_service_is_unknown(self, api):
        answer = api.call("POST", "/api/v1/evaluations", wire_rating())
        assert answer.status_code == 202
        assert answer.json()["status"] == "parked"
        assert answer.json()["receipt"].startswith("HP")

    def test_422_names_the_fields(self, served):
        answer = served.call("POST", "/api/v1/evaluations", wire_rating(satisfaction=1, evalDetail="", pf=2))
        assert answer.status_code == 422
        assert answer.json()["error"]["fields"][0]["code"] == "bad_rating_needs_reason"

    def test_fifty_parallel_posts_are_one_row_and_one_receipt(self, served):
        answers = served.together([("POST", "/api/v1/evaluations", wire_rating())] * 50)
        assert sorted({a.status_code for a in answers}) == [200, 201]
        assert len({a.json()["receipt"] for a in answers}) == 1
        assert Evaluation.objects.count() == 1

    def test_another_organs_service_is_not_there(self, served):
        served.app = (served.cast.foreign_app_id, served.cast.foreign_secret)
        assert served.call("POST", "/api/v1/evaluations", wire_rating()).status_code == 404
        assert not Evaluation.objects.exists()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"[]",
            b'"text"',
            b"\xff\xfe",
            b'{"projectNo": "\\ud800"}',
            b"[" * 5000,
            json.dumps(wire_rating("a\x00b")).encode(),
        ],
        ids=["empty", "cut off", "array", "text", "not utf-8", "lone surrogate", "deep", "nul"],
    )
    def test_malformed_bodies_are_refused_not_crashed_on(self, served, body):
        answer = served.call("POST", "/api/v1/evaluations", body)
        assert answer.status_code == 422
        assert answer.json()["error"]["message"]

    def test_a_body_over_64_kb_is_too_large(self, served):
        assert served.call("POST", "/api/v1/evaluations", wire_rating(extra="x" * 70_000)).status_code == 413


class TestABatch:
    def test_one_result_per_line_in_order(self, served):
        lines = [
            wire_rating(),
            wire_rating(),
            wire_rating(satisfaction=4, evalDetail=""),
            wire_rating("?"),
            wire_rating(pf=10),
            7,
        ]
        answer = served.call("POST", "/api/v1/evaluations/batch", lines)
        results = answer.json()["results"]
        assert [r["index"] for r in results] == list(range(6))
        assert [r["status"] for r in results] == ["created", "duplicate", "conflict", "parked", "rejected", "rejected"]

    def test_it_has_a_number_and_its_sender_reads_its_lines_again(self, served):
        lines = [wire_rating(), wire_rating("?"), wire_rating(pf=10), 7]
        told = served.call("POST", "/api/v1/evaluations/batch", lines).json()
        again = served.call("GET", f"/api/v1/batches/{told['batch']}").json()
        assert again["counts"] == {"created": 1, "duplicate": 0, "parked": 1, "conflict": 0, "rejected": 2}
        assert [(r["index"], r["status"], r.get("code")) for r in again["results"]] == [
            (0, "created", None), (1, "parked", None), (2, "rejected", "out_of_range"), (3, "rejected", "malformed"),
        ]  # fmt: skip
        assert again["results"][0]["id"] == told["results"][0]["id"]
        assert (again["void"], "next" in again) == (False, False)
        assert Evaluation.objects.get().batch == told["batch"]
        only = served.call("GET", f"/api/v1/batches/{told['batch']}?status=rejected&start=3").json()["results"]
        assert [r["index"] for r in only] == [3]
        served.app = (served.cast.foreign_app_id, served.cast.foreign_secret)
        answers = [served.call("GET", f"/api/v1/batches/{n}") for n in (told["batch"], "PC20260610-0000000000")]
        assert [a.status_code for a in answers] == [404, 404]

    def test_what_of_it_is_refused_is_kept_for_repair(self, served):
        lines = [wire_rating(evalDetail="501"), wire_rating(pf=10), 7]
        told = served.call("POST", "/api/v1/evaluations/batch", lines).json()
        rows = Rejected.objects.filter(batch=told["batch"], lane="batch", source=served.cast.app_id)
        assert sorted(rows.values_list("reason", flat=True)) == ["indicator_retired", "malformed", "out_of_range"]
        served.call("POST", "/api/v1/evaluations/batch", b"{broken\n" + json.dumps(lines[0]).encode())
        assert sorted(Rejected.objects.values_list("reason", "times")) == [
            ("indicator_retired", 2), ("malformed", 1), ("malformed", 1), ("out_of_range", 1),
        ]  # fmt: skip

    def test_ndjson_with_a_broken_line(self, served):
        body = json.dumps(wire_rating()).encode() + b"\n{broken\n\n"
        results = served.call("POST", "/api/v1/evaluations/batch", body).json()["results"]
        assert [r["status"] for r in results] == ["created", "rejected"]

    def test_ten_thousand_and_one_are_sent_back_whole(self, served):
        for too_many in ([{}] * 10_001, b"{\n" * 10_001):
            answer = served.call("POST", "/api/v1/evaluations/batch", too_many)
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "too_many")

    def test_its_nonce_is_unused_if_nothing_of_it_was_stored(self, served):
        """So that it can be sent again as it is after a 503."""
        target, raw = "/api/v1/evaluations/batch", json.dumps([wire_rating()]).encode()
        signed = sign(*served.app, "POST", target, raw, NOW)

        def away(execute, sql, params, many, context):
            if "evaluation_evaluation" in str(sql):
                raise OperationalError("the database went away")
            return execute(sql, params, many, context)

        app = app_info(served.cast.app_id)
        with connection.execute_wrapper(away), pytest.raises(OperationalError):
            _admit_lines([wire_rating()], SignedBy(app, signed["X-Nonce"]), NOW)
        again = served.call("POST", target, raw, headers=signed)
        assert [r["status"] for r in again.json()["results"]] == ["created"]
        assert served.call("POST", target, raw, headers=signed).json()["error"]["code"] == "nonce_used"

    def test_an_empty_one_uses_its_nonce_too(self, served):
        target = "/api/v1/evaluations/batch"
        signed = sign(*served.app, "POST", target, b"[]", NOW)
        assert served.call("POST", target, b"[]", headers=signed).json()["results"] == []
        assert served.call("POST", target, b"[]", headers=signed).status_code == 401


class TestTheSignature:
    def test_without_one_nothing_is_answered(self, served):
        for header in ("X-App-Id", "X-Timestamp", "X-Nonce", "X-Content-SM3", "X-Signature"):
            answer = served.call("POST", "/api/v1/evaluations", wire_rating(), headers={header: ""})
            assert answer.status_code == 401, header

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Signature": "0" * 64},
            {"X-App-Id": "app_0000000000000000"},
            {"X-Nonce": "1234"},
            {"X-Timestamp": "yesterday"},
            {"X-Content-SM3": "0" * 64},
        ],
        ids=lambda h: next(iter(h)),
    )
    def test_a_wrong_one_is_refused_with_our_time(self, served, headers):
        answer = served.call("POST", "/api/v1/evaluations", wire_rating(), headers=headers)
        assert answer.status_code == 401
        assert answer.json()["serverTime"] == int(NOW.timestamp() * 1000)

    def test_a_clock_five_minutes_off_is_refused(self, served):
        target, raw = "/api/v1/evaluations", json.dumps(wire_rating()).encode()
        old = sign(*served.app, "POST", target, raw, NOW - timedelta(seconds=301))
        answer = served.call("POST", target, raw, headers=old)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "timestamp_out_of_window")

    def test_a_nonce_serves_once(self, served):
        target, raw = "/api/v1/evaluations", json.dumps(wire_rating()).encode()
        once = sign(*served.app, "POST", target, raw, NOW)
        assert served.call("POST", target, raw, headers=once).status_code == 201
        again = served.call("POST", target, raw, headers=once)
        assert (again.status_code, again.json()["error"]["code"]) == (401, "nonce_used")

    def test_a_nonce_serves_once_among_those_that_come_together(self, served):
        target, raw = "/api/v1/evaluations", json.dumps(wire_rating()).encode()
        once = sign(*served.app, "POST", target, raw, NOW)
        answers = served.together([("POST", target, raw)] * 4, headers=once)
        assert sorted(answer.status_code for answer in answers) == [201, 401, 401, 401]

    def test_it_covers_the_raw_body(self, served):
        target = "/api/v1/evaluations"
        signed = sign(*served.app, "POST", target, json.dumps(wire_rating()).encode(), NOW)
        assert served.call("POST", target, wire_rating(satisfaction=1), headers=signed).status_code == 401

    def test_it_covers_the_sorted_query(self, served):
        assert served.call("GET", "/api/v1/indicators?b=2&a=1").status_code == 200


def test_the_openapi_document_holds_the_doors_paths_and_every_field_it_reads(client, db):
    """What `read_service` and `read_evaluation` take is what the document says, no more and no less."""
    import inspect
    import re

    from haochaping.evaluation import records

    document = client.get("/api/v1/openapi.json").json()
    for path in ("/api/v1/services", "/api/v1/evaluations", "/api/v1/evaluations/batch"):
        assert set(document["paths"][path]) == {"post"}
    for reader, schema in ((records.read_service, "Service"), (records.read_evaluation, "Evaluation")):
        source = inspect.getsource(reader) + (inspect.getsource(records._organ) if schema == "Service" else "")
        read = set(re.findall(r"r\.(?:text|number|moment|choice)\(\s*\"(\w+)\"", source))
        read |= {"orgcode", "deptCode"} if schema == "Service" else {"consent"}
        assert read - {"proManagerNo"} == set(document["components"]["schemas"][schema]["properties"])


class TestLimits:
    def test_an_app_keeps_to_the_pace_that_was_set_for_it_and_others_do_not_notice(self, api):
        App.objects.filter(app_id=api.cast.app_id).update(most_per_second=1)
        forget_apps()
        api.call("POST", "/api/v1/services", [wire_service(f"P{n}") for n in range(12)])
        answers = [api.call("POST", "/api/v1/evaluations", wire_rating(f"P{n}")) for n in range(12)]
        assert [a.status_code for a in answers] == [201] * 10 + [503] * 2
        assert answers[-1].json()["error"]["code"] == "too_fast"
        assert answers[-1].headers["retry-after"]
        later = NOW + timedelta(seconds=2)
        assert api.call("POST", "/api/v1/evaluations", wire_rating("P10"), now=later).status_code == 201
        api.app = (api.cast.foreign_app_id, api.cast.foreign_secret)
        assert api.call("POST", "/api/v1/evaluations", wire_rating("P11")).status_code == 404

    def test_one_app_cannot_take_every_place(self, api, monkeypatch):
        monkeypatch.setattr(lane, "APP_MOST", 3)
        monkeypatch.setattr(lane, "GATHER_SECONDS", 0.2)
        api.call("POST", "/api/v1/services", [wire_service(f"Q{n}") for n in range(5)])
        answers = api.together([("POST", "/api/v1/evaluations", wire_rating(f"Q{n}")) for n in range(5)])
        assert sorted(a.status_code for a in answers) == [201, 201, 201, 503, 503]
        assert all(a.headers["retry-after"] for a in answers if a.status_code == 503)

    def test_batches_under_way_hold_no_single_rating_up(self, served):
        """Not even while its app's key has to be read anew."""
        forget_apps()
        written = Event()
        for _ in range(lane.WRITERS):
            served.door.bulk.submit(written.wait)
        try:
            single = served.calls([("POST", "/api/v1/evaluations", wire_rating())])
            (answer,) = asyncio.run(asyncio.wait_for(single, 10))
        finally:
            written.set()
        assert answer.status_code == 201

    def test_a_group_that_is_stuck_does_not_hold_up_a_rating_that_comes_alone(self, api, monkeypatch):
        api.call("POST", "/api/v1/services", [wire_service(f"R{n}") for n in range(2)])
        write, is_first, entered, let_through = lane._write, iter([True]), Event(), Event()

        def stuck(group):
            if next(is_first, False):
                entered.set()
                assert let_through.wait(30)
            return write(group)

        monkeypatch.setattr(lane, "_write", stuck)

        async def one_then_another() -> tuple[int, int]:
            with clock.held_at(NOW):
                async with httpx.AsyncClient(transport=api.transport, base_url="http://testserver") as client:
                    requests = [("POST", "/api/v1/evaluations", wire_rating(f"R{n}")) for n in range(2)]
                    held = asyncio.create_task(api._one(client, requests[0], None, NOW))
                    await asyncio.to_thread(entered.wait, 30)
                    second = await api._one(client, requests[1], None, NOW)
                    let_through.set()
                    return (await held).status_code, second.status_code

        assert asyncio.run(one_then_another()) == (201, 201)
