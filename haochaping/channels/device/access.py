"""Which enrolled device asks: by the cookie that it got when it was enrolled, or by the signature of its key."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from haochaping.accounts.rules import text_to_sign
from haochaping.directory.models import Device
from haochaping.kit import ids
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

COOKIE = "hcp_device"
COOKIE_LIFE = 400 * 86_400  # the longest that browsers keep one; renewed each time the device opens its page
UNKNOWN = Refused("device_unknown", 403, "此设备尚未注册。请向系统管理员索取注册码，在 /device/ 页面注册。")
REVOKED = Refused("device_revoked", 403, "此设备已停用。如需继续使用，请系统管理员重新发放注册码。")
BAD_SIGNATURE = Refused("signature_invalid", 401, "设备签名不正确，请在 /device/ 页面重新注册本设备。")
_HEX = re.compile(r"[0-9a-f]+")


def device_of(request: HttpRequest, device_id: str = "") -> Device:
    """The enrolled device that asks; 403 `device_unknown` or `device_revoked`. With an id: this one and no other."""
    return by_cookie(request.COOKIES.get(COOKIE, ""), device_id)


def by_cookie(token: str, device_id: str = "") -> Device:
    found = Device.objects.filter(cookie_digest=ids.token_digest(token)).first() if token else None
    if found is None or (device_id and found.id != device_id):
        raise UNKNOWN
    if found.revoked_at is not None:
        raise REVOKED
    return found


def keep_cookie(answer: HttpResponse, token: str, *, secure: bool) -> None:
    """Out of reach of scripts, and sent by our own pages only."""
    answer.set_cookie(COOKIE, token, max_age=COOKIE_LIFE, path="/", httponly=True, samesite="Strict", secure=secure)


def public_key(raw: bytes) -> ec.EllipticCurvePublicKey:
    """A point of P-256 as WebCrypto exports it (`raw`); Refused (422) for anything else."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        raise Refused("key_malformed", 422, "设备公钥不正确，请刷新页面后重试。") from None


def sign(key: ec.EllipticCurvePrivateKey, path: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a batch, as the tablet's own script makes them: for probes and tests."""
    stamp, nonce, content = str(int(now.timestamp() * 1000)), secrets.token_hex(16), hashlib.sha256(body).hexdigest()
    r, s = decode_dss_signature(key.sign(text_to_sign("POST", path, stamp, nonce, content), ec.ECDSA(hashes.SHA256())))
    return {
        "X-Timestamp": stamp,
        "X-Nonce": nonce,
        "X-Content-SHA256": content,
        "X-Signature": (r.to_bytes(32) + s.to_bytes(32)).hex(),
        "Content-Type": "application/json",
    }


def by_signature(device_id: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Device:
    """The device whose key signed this request; 401 where the signature does not hold. A revoked one is told, not refused.

    The text is that of contract §3; the content digest is SHA-256, which WebCrypto has, and the signature r‖s in hex.
    The timestamp is not judged: a tablet's clock may be days off, and its batch says how old each tap is.
    """
    device = Device.objects.filter(id=device_id, enrolled_at__isnull=False).first()
    given = {
        name: headers.get(name, "").lower() for name in ("x-timestamp", "x-nonce", "x-content-sha256", "x-signature")
    }
    if device is None or device.public_key is None:
        raise UNKNOWN
    if not re.fullmatch(r"[0-9]{1,15}", given["x-timestamp"]) or not re.fullmatch(r"[0-9a-f]{32,64}", given["x-nonce"]):
        raise BAD_SIGNATURE
    content = hashlib.sha256(body).hexdigest()
    if not hmac.compare_digest(given["x-content-sha256"].encode(), content.encode()):
        raise BAD_SIGNATURE
    text = text_to_sign(method, target, given["x-timestamp"], given["x-nonce"], content)
    if not _holds(bytes(device.public_key), text, given["x-signature"]):
        raise BAD_SIGNATURE
    return device


def _holds(key: bytes, text: bytes, signature: str) -> bool:
    if len(signature) != 128 or not _HEX.fullmatch(signature):
        return False
    raw = bytes.fromhex(signature)
    encoded = encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    try:
        public_key(key).verify(encoded, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
