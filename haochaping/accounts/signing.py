"""The signature of machine requests (contract §3): made by a client, checked by us."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from haochaping.accounts import queries
from haochaping.accounts.rules import WINDOW_MS, Actor, text_to_sign
from haochaping.kit import crypto, signatures
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from django.http import HttpRequest

    from haochaping.accounts.queries import AppInfo

_NONCE = re.compile(r"[0-9a-fA-F]{32,64}")
SIGNATURE_HEADERS = ("x-app-id", "x-timestamp", "x-nonce", "x-content-sm3", "x-signature")


@dataclass(frozen=True)
class SignedBy:
    """A request whose signature holds. Its nonce has still to be used up, in the transaction of what it guards."""

    app: AppInfo
    nonce: str

    @property
    def actor(self) -> Actor:
        return self.app.actor()

    @property
    def nonce_key(self) -> tuple[str, str]:
        return self.app.app_id, self.nonce


class BadSignature(Refused):
    """401, with our time so that a client can mend its clock."""

    def __init__(self, code: str, message: str, now: datetime) -> None:
        super().__init__(code, 401, message)
        self.server_time_ms = int(now.timestamp() * 1000)

    def as_json(self) -> dict[str, object]:
        answer = super().as_json()
        answer["serverTime"] = self.server_time_ms
        return answer


sign = signatures.sign


def check(  # noqa: PLR0917
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    look_up: Callable[[str], AppInfo | None] = queries.app_info,
) -> SignedBy:
    """Who signed this request; `BadSignature` says what is wrong. `headers` have lower-case names.

    Covers the raw bytes before anything is parsed. One Chinese message serves every mismatch of key or text, so that
    nothing is learnt about which app ids exist.
    """
    given = {name: headers.get(name, "") for name in SIGNATURE_HEADERS}
    if missing := next((name for name, value in given.items() if not value), None):
        raise BadSignature("signature_missing", f"缺少请求头 {missing}。", now)
    if not given["x-timestamp"].isascii() or not given["x-timestamp"].isdigit() or len(given["x-timestamp"]) > 15:
        raise BadSignature("timestamp_malformed", "X-Timestamp 应为毫秒时间戳。", now)
    if abs(int(given["x-timestamp"]) - int(now.timestamp() * 1000)) > WINDOW_MS:
        raise BadSignature("timestamp_out_of_window", "X-Timestamp 与服务器时间相差超过 300 秒，请校时后重试。", now)
    if not _NONCE.fullmatch(given["x-nonce"]):
        raise BadSignature("nonce_malformed", "X-Nonce 应为 16 至 32 字节的十六进制数。", now)
    app = look_up(given["x-app-id"])
    content = crypto.sm3(body).hex()
    text = text_to_sign(method, target, given["x-timestamp"], given["x-nonce"], content)
    if app is None or not _holds(app, text, given["x-signature"]):
        raise BadSignature("signature_invalid", "签名不正确：请核对 X-App-Id、密钥、待签文本与请求体。", now)
    if not _equal(given["x-content-sm3"].lower(), content):
        raise BadSignature("signature_invalid", "X-Content-SM3 与请求体不符。", now)
    return SignedBy(app, given["x-nonce"].lower())


def _holds(app: AppInfo, text: bytes, signature: str) -> bool:
    if app.algorithm == "sm2":
        try:
            raw = bytes.fromhex(signature)
        except ValueError:
            return False
        return any(crypto.sm2_verify(bytes.fromhex(key.decode()), text, raw) for key in app.keys)
    return any(_equal(signatures.mac(app.algorithm, key, text), signature.lower()) for key in app.keys)


def _equal(one: str, other: str) -> bool:
    """In constant time; a header may hold what is not ASCII, which `compare_digest` takes as bytes only."""
    return hmac.compare_digest(one.encode(), other.encode())


def _whole(request: HttpRequest, most: int) -> bytes:
    """The body of a request, as `request.body` is from now on, whatever Django allows to others."""
    body: bytes = request.read(most + 1)
    if len(body) > most:
        raise Refused("too_large", 413, f"请求体最大 {most // 1024 // 1024} MB。")
    request._body = body  # noqa: SLF001  where Django itself keeps what it has read
    return body


class Signed:
    """Authentication for the routers of django-ninja: `request.auth` becomes a `SignedBy` whose nonce is used up.

    `most`: bytes of the body where a call takes more than every other does; Refused 413 beyond.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most = most

    def __call__(self, request: HttpRequest) -> SignedBy:
        from haochaping.accounts.commands import use_nonces
        from haochaping.kit import clock

        now = clock.now()
        headers = {name: request.headers.get(name, "") for name in SIGNATURE_HEADERS}
        query = request.META.get("QUERY_STRING", "")
        raw = getattr(request, "scope", {}).get("raw_path")  # as it was signed, before anything is decoded
        path = raw.decode("latin-1") if raw else quote(request.path)
        target = path.partition("?")[0] + (f"?{query}" if query else "")
        body = request.body if self.most is None else _whole(request, self.most)
        signed = check(request.method or "", target, headers, body, now)
        if not use_nonces([signed.nonce_key], now=now):
            raise BadSignature("nonce_used", "X-Nonce 已使用过，请每次换新。", now)
        return signed
