"""The lean ASGI door of the hot machine API (design §4.1): signature, strict decoding, gathering, one `admit` a group.

Everything else goes through to Django.
"""

from __future__ import annotations

import asyncio
import io
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from threading import Barrier
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connections, transaction

from haochaping.accounts import signing
from haochaping.accounts.commands import use_nonces
from haochaping.accounts.queries import app_info, at_hand
from haochaping.channels.asgi import DATABASE_AWAY, TRY_AGAIN, Scope, answer, aside, body_of, headers_of
from haochaping.channels.lane import WRITERS, Lane, Paces
from haochaping.evaluation import batches
from haochaping.evaluation.kept import Refusal, keep, place_of
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import NONCE_USED, admit
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from haochaping.accounts.queries import AppInfo
    from haochaping.accounts.signing import SignedBy
    from haochaping.evaluation.records import Submission
    from haochaping.flow.admit import Outcome

ONE_MOST = 64 * 1024  # bytes of a body with one record
MANY_MOST = 16 * 1024 * 1024  # bytes of a batch
SERVICES_MOST, BATCH_MOST = 1_000, 10_000  # records
CHUNK = 2_000  # ratings of a batch in one transaction
TOO_MANY = Refused("too_many", 422, f"每批最多 {BATCH_MOST} 条评价，请分批提交。")
CHECKING_MOST = 500  # signatures of apps that are looked up first
RETRY_AFTER = ((b"retry-after", b"2"),)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Door:
    """ASGI application: answers `POST` on the three hot paths itself and hands on the rest."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.routes = {
            "/api/v1/services": (self.services, MANY_MOST),
            "/api/v1/evaluations": (self.evaluation, ONE_MOST),
            "/api/v1/evaluations/batch": (self.batch, MANY_MOST),
        }
        self.singles = Lane()
        self.paces = Paces()
        self.checking = 0
        # So that a batch holds no single rating up: not its writing, nor the reading of its app's key anew.
        self.bulk = ThreadPoolExecutor(WRITERS, thread_name_prefix="bulk")
        self.keys = ThreadPoolExecutor(WRITERS, thread_name_prefix="keys")

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        route = self.routes.get(scope.get("path", "")) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self.inner(scope, receive, send)
            return
        handle, most = route
        told = await self._answer(handle, most, scope, receive)
        await answer(send, told.status, told.body, told.headers)

    async def _lifespan(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.singles.empty()
                await asyncio.to_thread(self.close)
                await send({"type": "lifespan.shutdown.complete"})
                return

    def close(self) -> None:
        """End the writer threads, each with its database connection."""
        for threads in (self.keys, self.bulk, self.singles.threads):
            together = Barrier(WRITERS)  # so that each thread takes one of the farewells
            for _ in range(WRITERS):
                threads.submit(_leave, together)
            threads.shutdown()

    async def _answer(self, handle: Any, most: int, scope: Scope, receive: Any) -> Answer:
        try:
            if handle == self.evaluation and self.singles.is_full:
                raise TRY_AGAIN  # before any work: a flood must cost less than what it asks for
            body = await body_of(scope, receive, most)
            now = clock.now()
            headers = headers_of(scope)
            look_up = at_hand(headers.get("x-app-id", "")) if len(body) <= ONE_MOST else None
            if look_up is not None:
                signed = _signed(scope, headers, body, now, look_up)
            else:
                signed = await self._look_up_and_check(scope, headers, body, now)
            told: Answer = await handle(signed, body, now)
        except Refused as no:
            no.__traceback__ = no.__context__ = None  # the same no is raised for every request of a flood
            return Answer(no.status, no.as_json(), RETRY_AFTER if no.status == 503 else ())
        except DATABASE_AWAY:
            # Rather than acknowledge and lose: the client keeps it and comes again (contract §3).
            return Answer(503, TRY_AGAIN.as_json(), RETRY_AFTER)
        except Exception:
            log.exception("door failed on %s", scope["path"])
            return Answer(500, Refused("internal", 500, "系统内部错误，已记录。").as_json())
        return told

    async def _look_up_and_check(self, scope: Scope, headers: dict[str, str], body: bytes, now: datetime) -> SignedBy:
        """For an app that is not at hand. So many wait at most: a flood of made-up ids does not hold up everybody's keys."""
        if self.checking >= CHECKING_MOST:
            raise TRY_AGAIN
        self.checking += 1
        try:
            signed: SignedBy = await aside(self.keys, _signed, scope, headers, body, now, app_info)
        finally:
            self.checking -= 1
        return signed

    async def services(self, signed: SignedBy, body: bytes, now: datetime) -> Answer:
        given = _decode(body)
        records = given if isinstance(given, list) else [given]
        if len(records) > SERVICES_MOST:
            raise Refused("too_many", 422, f"每次最多 {SERVICES_MOST} 条办件服务，现有 {len(records)} 条，请分批提交。")
        if not all(isinstance(record, dict) for record in records):
            raise Refused("malformed", 422, "请求体应为一条办件服务或其数组。")
        app = signed.app
        done = await aside(
            self.bulk,
            lambda: admit_services(
                records, source=app.app_id, now=now, app=app, nonce=signed.nonce_key, is_probe=app.is_probe
            ),
        )
        results = [
            {
                "projectNo": o.project_no,
                "serviceNumber": o.service_number,
                "status": o.status,
                "errors": [e.as_json() for e in o.errors],
            }
            for o in done
        ]
        return Answer(200, {"results": results})

    async def evaluation(self, signed: SignedBy, body: bytes, now: datetime) -> Answer:
        record = _decode(body)
        if not isinstance(record, dict):
            raise Refused("malformed", 422, "请求体应为一条评价。多条请用 /api/v1/evaluations/batch。")
        self.paces.keep(signed.app, 1, now)
        submission = read_evaluation(record, source=signed.app.app_id, best_is_one=signed.app.best_is_one)
        outcome = await self.singles.put(submission, signed, now)
        if outcome.refused is not None:
            if outcome.refused is NONCE_USED:
                raise signing.BadSignature(NONCE_USED.code, NONCE_USED.message, now)
            raise outcome.refused
        if outcome.status == "parked":
            return Answer(202, {"status": "parked", "receipt": outcome.receipt})
        told: dict[str, Any] = {"id": str(outcome.id), "receipt": outcome.receipt}
        if outcome.status == "duplicate":
            return Answer(200, told | {"duplicate": True})
        return Answer(201, told | _order(outcome))

    async def batch(self, signed: SignedBy, body: bytes, now: datetime) -> Answer:
        lines = await aside(self.bulk, _lines, body)
        self.paces.keep(signed.app, len(lines), now)
        batch, results = await aside(self.bulk, _admit_lines, lines, signed, now)
        return Answer(200, {"batch": batch, "results": results})


def _leave(together: Barrier) -> None:
    together.wait()
    connections.close_all()


def _signed(
    scope: Scope, headers: dict[str, str], body: bytes, now: datetime, look_up: Callable[[str], AppInfo | None]
) -> SignedBy:
    query = scope.get("query_string", b"").decode("latin-1")
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").partition("?")[0]
    return signing.check(scope["method"], f"{path}?{query}" if query else path, headers, body, now, look_up)


def _decode(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused("malformed", 422, "请求体不是合法的 JSON（UTF-8）。") from None


@dataclass(frozen=True)
class Unreadable:
    """A line that is not JSON, with the refusal it earns."""

    line: str
    refused: Refused


def _lines(body: bytes) -> list[Any]:
    """The records of a JSON array or of NDJSON, Refused `too_many` (422) before more of them are read than a batch may hold."""
    if body.lstrip()[:1] == b"[":
        given: list[Any] = _decode(body)
        if len(given) > BATCH_MOST:
            raise TOO_MANY
        return given
    lines: list[Any] = []
    for line in io.BytesIO(body):
        if not line.strip():
            continue
        if len(lines) == BATCH_MOST:
            raise TOO_MANY
        try:
            lines.append(_decode(line))
        except Refused as no:
            lines.append(Unreadable(line[:ONE_MOST].decode(errors="replace"), no))
    return lines


def _admit_lines(lines: Sequence[Any], signed: SignedBy, now: datetime) -> tuple[str, list[dict[str, Any]]]:
    """Judge each line and admit the good ones, chunk by chunk; the number of the batch, and what came of each line.

    The nonce and the batch lie in the first chunk's transaction; what came of a chunk's lines, and what of them was
    refused, in its own.
    """
    results: list[dict[str, Any]] = []
    batch = ""
    for start in range(0, max(1, len(lines)), CHUNK):
        with transaction.atomic():
            if not start:
                if not use_nonces([signed.nonce_key], now=now):
                    raise signing.BadSignature(NONCE_USED.code, NONCE_USED.message, now)
                app = signed.app
                batch = batches.open_batch(
                    lane="batch", source=app.app_id, name=app.name, now=now, place=place_of(None, app)
                )
            results += _admit_chunk(lines[start : start + CHUNK], start, batch, signed.app, now)
    return batch, results


def _admit_chunk(lines: Sequence[Any], start: int, batch: str, app: AppInfo, now: datetime) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = [{"index": start + place} for place in range(len(lines))]
    told: list[batches.Line] = [batches.Line("rejected")] * len(lines)
    good: list[tuple[int, Submission]] = []
    refused: list[Refusal] = []
    for place, line in enumerate(lines):
        try:
            if isinstance(line, Unreadable):
                raise line.refused
            if not isinstance(line, dict):
                raise Refused("malformed", 422, "每条评价应为一个 JSON 对象。")
            good.append((place, read_evaluation(line, source=app.app_id, best_is_one=app.best_is_one, batch=batch)))
        except Refused as no:
            results[place] |= {"status": "rejected", "errors": _errors(no)}
            told[place] = batches.Line("rejected", None, _errors(no)[0]["code"])
            record = line.line if isinstance(line, Unreadable) else line
            refused.append(
                Refusal(
                    record,
                    no,
                    app.app_id,
                    "batch",
                    batch=batch,
                    best_is_one=app.best_is_one,
                    place=place_of(None, app),
                )
            )
    apps: list[AppInfo | None] = [app] * len(good)
    outcomes = admit([s for _, s in good], now=now, apps=apps, keeps_refused=True, lane="batch")
    keep(refused, now=now)
    for (place, _), outcome in zip(good, outcomes, strict=True):
        results[place] |= _result(outcome)
        no_ = outcome.refused
        told[place] = batches.Line(
            results[place]["status"], outcome.id, (no_.fields[0].code if no_.fields else no_.code) if no_ else ""
        )
    batches.record_lines(batch, start, told)
    return results


def _result(outcome: Outcome) -> dict[str, Any]:
    if outcome.refused is not None:
        status = outcome.status
        if status == "kept":  # for repair; to its sender it is refused
            status = "conflict" if outcome.refused.status == HTTPStatus.CONFLICT else "rejected"
        return {"status": status, "errors": _errors(outcome.refused)}
    return {"status": outcome.status, "id": str(outcome.id), "receipt": outcome.receipt} | _order(outcome)


def _order(outcome: Outcome) -> dict[str, Any]:
    if not outcome.order_no or outcome.answer_by is None:
        return {}
    return {"orderNo": outcome.order_no, "answerBy": clock.to_wire(outcome.answer_by)}


def _errors(no: Refused) -> list[dict[str, str]]:
    return [f.as_json() for f in no.fields] or [{"field": "", "code": no.code, "message": no.message}]
