"""The SMS gateway as it is reached: signed JSON both ways (docs/sms.md). No database; nothing is logged."""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from haochaping.kit import config, crypto, signatures
from haochaping.kit.errors import Refused
from haochaping.messaging.rules import reason_code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from uuid import UUID

TIMEOUT = 10.0  # seconds for one call, all in all
REPLY_MOST = 64 * 1024
PARALLEL = 8
_NONCE = re.compile(r"[0-9a-fA-F]{32,64}")
_NO = re.compile(r"[\w.:-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Access:
    """Where the gateway listens and the key that both sides sign with."""

    url: str
    app_id: str
    secret: str = field(repr=False)


def access() -> Access | None:
    """`HCP_SMS_*`, else the installation's own file; None if nobody has said yet. `Misconfigured` names what is missing."""
    names = ("URL", "APP_ID", "SECRET")
    given = {name: config.text(f"SMS_{name}") for name in names}
    if not any(given.values()):
        given = config.stored(_file())
    if not any(given.values()):
        return None
    if missing := [f"HCP_SMS_{name}" for name in names if not given.get(name)]:
        raise config.Misconfigured(f"{', '.join(missing)} missing: the SMS gateway needs all three")
    url = given["URL"].rstrip("/")
    if not url.startswith(("https://", "http://")) or (config.is_production() and not url.startswith("https://")):
        raise config.Misconfigured("HCP_SMS_URL must begin with https://")
    return Access(url, given["APP_ID"], given["SECRET"])


def _file() -> Path:
    return config.data_dir() / "messaging" / "gateway.json"


def store_access(url: str, app_id: str, secret: str) -> None:
    """Keep the way to the gateway in the installation's own file (0600); `HCP_SMS_*` still win."""
    config.store(_file(), {"URL": url, "APP_ID": app_id, "SECRET": secret})


class Answer(NamedTuple):
    """What one errand came to. `what`: accepted, delivered, failed (for good), later, unknown, absent (asked: not there)."""

    what: str
    code: str = ""
    gateway_no: str = ""


@dataclass(frozen=True)
class Errand:
    """One message: send it, or first ask whether the gateway has it and then send it if it may be and has not."""

    id: UUID
    mobile: str = field(repr=False)
    text: str = field(repr=False)
    kind: str
    asks_first: bool
    may_send: bool


def run_errands(way: Access, errands: Sequence[Errand], now: datetime) -> list[Answer]:
    """What each came to, in order; several at once, none longer than two calls of `TIMEOUT`."""
    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(_all(way, errands, now))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()  # does not wait for a name server that a timed-out call still asks


async def _all(way: Access, errands: Sequence[Errand], now: datetime) -> list[Answer]:
    gate = asyncio.Semaphore(PARALLEL)
    async with httpx.AsyncClient(
        timeout=TIMEOUT, limits=httpx.Limits(max_connections=PARALLEL), follow_redirects=False, trust_env=False
    ) as client:

        async def one(errand: Errand) -> Answer:
            async with gate:
                return await _run(way, client, errand, now)

        return list(await asyncio.gather(*(one(errand) for errand in errands)))


async def _run(way: Access, client: httpx.AsyncClient, errand: Errand, now: datetime) -> Answer:
    if errand.asks_first:
        known = await _call(way, client, "GET", f"/messages/{errand.id.hex}", b"", now)
        answer = read_status(known, errand.id)
        if answer.what != "absent" or not errand.may_send:
            return answer
    body = {"id": errand.id.hex, "to": errand.mobile, "text": errand.text, "kind": errand.kind}
    reply = await _call(way, client, "POST", "/messages", json.dumps(body, ensure_ascii=False).encode(), now)
    return read_sent(reply, errand.id)


class Reply(NamedTuple):
    """An HTTP answer; status 0 with the reason where none came."""

    status: int
    body: bytes = b""
    code: str = ""


async def _call(  # noqa: PLR0917
    way: Access, client: httpx.AsyncClient, method: str, path: str, body: bytes, now: datetime
) -> Reply:
    url = way.url + path
    headers = signatures.sign(way.app_id, way.secret, method, urlsplit(url).path, body, now)
    headers |= {"Content-Type": "application/json; charset=utf-8", "Accept": "application/json"}
    found = bytearray()
    try:
        async with (
            asyncio.timeout(TIMEOUT),  # httpx limits each read, not an answer that drips
            client.stream(method, url, content=body, headers=headers) as response,
        ):
            async for chunk in response.aiter_bytes():
                found += chunk
                if len(found) > REPLY_MOST:
                    return Reply(0, code="unreadable")
            return Reply(response.status_code, bytes(found))
    except (httpx.ConnectError, httpx.ConnectTimeout):
        return Reply(0, code="away")  # nothing was sent: no need to ask
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError):
        return Reply(0, code="no_answer")


def read_sent(reply: Reply, id_: UUID) -> Answer:
    """The meaning of an answer to `POST /messages`. In doubt the outcome is unknown, never assumed."""
    said = _object(reply.body)
    if reply.code:
        return Answer("later" if reply.code == "away" else "unknown", reply.code)
    if reply.status in {200, 201, 202}:
        if said.get("id") == id_.hex and said.get("status") in {"accepted", "delivered"}:
            return Answer("accepted", gateway_no=_number(said))
        return Answer("unknown", "unreadable")
    if reply.status in {401, 403, 404}:
        return Answer("later", "unauthorized" if reply.status != 404 else "away")
    if reply.status == 429:
        return Answer("later", "busy")
    if reply.status in {400, 409, 413, 422} and isinstance(said.get("error"), dict):
        return Answer("failed", reason_code(said["error"].get("code")))
    return Answer("unknown", "unreadable" if reply.status < 500 else "no_answer")


def read_status(reply: Reply, id_: UUID) -> Answer:
    """The meaning of an answer to `GET /messages/{id}`; `absent` only where the gateway says so in so many words."""
    said = _object(reply.body)
    if reply.status == 200 and said.get("id") == id_.hex:
        match said.get("status"):
            case "accepted" | "delivered" as what:
                return Answer(str(what), gateway_no=_number(said))
            case "failed":
                return Answer("failed", reason_code(said.get("reason") or "undelivered"), _number(said))
    error = said.get("error")
    if reply.status == 404 and isinstance(error, dict) and error.get("code") == "message_unknown":
        return Answer("absent")
    if reply.status in {401, 403}:
        return Answer("unknown", "unauthorized")
    return Answer("unknown", reply.code if reply.code in {"away", "no_answer"} else "unreadable")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _number(said: Mapping[str, Any]) -> str:
    given = str(said.get("gatewayNo") or "")
    return given if _NO.fullmatch(given) else ""


def check_call(method: str, path: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The nonce of a call that the gateway signed; Refused 401 for any other. It has still to be used up."""
    way = access()
    given = {name: headers.get(name, "") for name in ("X-App-Id", "X-Timestamp", "X-Nonce", "X-Signature")}
    timestamp = given["X-Timestamp"]
    is_timely = (
        timestamp.isascii()
        and timestamp.isdigit()
        and len(timestamp) <= 15
        and abs(int(timestamp) - int(now.timestamp() * 1000)) <= signatures.WINDOW_MS
    )
    if way is None or not is_timely or not _NONCE.fullmatch(given["X-Nonce"]):
        raise UNSIGNED
    content = crypto.sm3(body).hex()
    text = signatures.text_to_sign(method, path, timestamp, given["X-Nonce"], content)
    expected = signatures.mac("hmac-sm3", way.secret.encode(), text)
    is_theirs = hmac.compare_digest(given["X-App-Id"].encode(), way.app_id.encode())
    if not (hmac.compare_digest(expected.encode(), given["X-Signature"].lower().encode()) and is_theirs):
        raise UNSIGNED
    return given["X-Nonce"].lower()


UNSIGNED = Refused("signature_invalid", 401, "签名不正确或已过期：请核对应用编号、密钥、时间和待签文本。")
