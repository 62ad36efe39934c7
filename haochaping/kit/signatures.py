"""The signature of machine calls (contract §3), as any of the two ends makes it. Pure but for fresh nonces."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from haochaping.kit import crypto

if TYPE_CHECKING:
    from datetime import datetime

WINDOW_MS = 300_000  # how far a signed request's time may lie from ours, either way


def text_to_sign(method: str, target: str, timestamp: str, nonce: str, content_sm3: str) -> bytes:
    """The six lines that the signature covers. `target` is the raw path with its raw query."""
    path, _, raw = target.partition("?")
    query = "&".join(sorted(part for part in raw.split("&") if part))
    return f"{method.upper()}\n{path}\n{query}\n{timestamp}\n{nonce}\n{content_sm3}".encode()


def sign(  # noqa: PLR0917
    app_id: str, secret: str, method: str, target: str, body: bytes, now: datetime, algorithm: str = "hmac-sm3"
) -> dict[str, str]:
    """The five headers for a request. `target` is the raw path and query; `body` is empty where there is none."""
    timestamp, nonce = str(int(now.timestamp() * 1000)), secrets.token_hex(16)
    content = crypto.sm3(body).hex()
    text = text_to_sign(method, target, timestamp, nonce, content)
    return {
        "X-App-Id": app_id,
        "X-Timestamp": timestamp,
        "X-Nonce": nonce,
        "X-Content-SM3": content,
        "X-Signature": mac(algorithm, secret.encode(), text),
    }


def mac(algorithm: str, key: bytes, text: bytes) -> str:
    if algorithm == "hmac-sha256":
        return hmac.new(key, text, hashlib.sha256).hexdigest()
    return crypto.hmac_sm3(key, text).hex()
