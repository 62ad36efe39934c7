"""Real-name login by the province's identity service: OpenID Connect with authorisation code, PKCE, state and nonce.

Authlib and joserfc do the protocol's arithmetic. What is proved is read from the claims that the settings name, from the
ID token or the userinfo endpoint; nothing of it is kept but the session's own sealed blob.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from haochaping.accounts.rules import origin_of
from haochaping.channels.my.rules import mobile_of
from haochaping.kit import config, crypto
from haochaping.kit.blobs import normal
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ALGORITHMS = ["RS256", "PS256", "ES256"]  # never `none`, never a shared secret
SECONDS = httpx.Timeout(8, connect=4)
KEPT = 3600.0  # seconds the provider's addresses and keys are kept
LEEWAY = 60
AWAY = Refused("identity_service_away", 503, "实名登录暂时不能用，请稍后再试，或用手机验证码登录。")
NOT_PROVED = Refused("identity_not_proved", 403, "没有通过实名登录，请重试，或用手机验证码登录。")
NOTHING_TOLD = Refused("identity_without_name", 403, "身份服务没有提供姓名和证件号码或手机号码，请用手机验证码登录。")


@dataclass(frozen=True)
class Provider:
    """The identity service as the settings name it."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str
    name_claim: str
    cert_claim: str
    phone_claim: str


@dataclass(frozen=True)
class Proved:
    """Who somebody is, by the identity service."""

    name: str
    cert: str
    mobile: str


def provider() -> Provider | None:
    """The configured service; None where there is none. `Misconfigured` if it is not to be trusted."""
    issuer = config.text("OIDC_ISSUER")
    if not issuer:
        return None
    if not origin_of(issuer):
        raise config.Misconfigured(f"HCP_OIDC_ISSUER={issuer!r} must begin with https://")
    return Provider(
        issuer,
        config.text("OIDC_CLIENT_ID"),
        config.text("OIDC_CLIENT_SECRET"),
        config.text("OIDC_SCOPE", "openid profile phone"),
        config.text("OIDC_CLAIM_NAME", "name"),
        config.text("OIDC_CLAIM_CERT", "id_number"),
        config.text("OIDC_CLAIM_PHONE", "phone_number"),
    )


def start(service: Provider, redirect_uri: str) -> tuple[str, dict[str, str]]:
    """Where to send the citizen, and what their browser must bring back for `finish`: state, nonce, verifier."""
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    url = prepare_grant_uri(
        _metadata(service)["authorization_endpoint"],
        client_id=service.client_id,
        response_type="code",
        redirect_uri=redirect_uri,
        scope=service.scope,
        state=kept["state"],
        nonce=kept["nonce"],
        code_challenge=create_s256_code_challenge(kept["verifier"]),
        code_challenge_method="S256",
    )
    return url, kept


def finish(
    service: Provider, redirect_uri: str, answered: Mapping[str, str], kept: Mapping[str, str], now: datetime
) -> Proved:
    """Who came back. Refused: `NOT_PROVED` for whatever does not fit, `AWAY` where the service does not answer."""
    expected, code = kept.get("state", ""), answered.get("code", "")
    if not expected or not code or not crypto.equal(answered.get("state", "").encode(), expected.encode()):
        raise NOT_PROVED
    metadata = _metadata(service)
    if (issuer := answered.get("iss")) and issuer != service.issuer:  # RFC 9207
        raise NOT_PROVED
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": kept.get("verifier", ""),
    }
    token = _call("POST", metadata["token_endpoint"], data=body, auth=(service.client_id, service.client_secret))
    claims = _claims(service, metadata, token, kept.get("nonce", ""), now)
    if metadata.get("userinfo_endpoint"):
        bearer = {"Authorization": f"Bearer {token.get('access_token', '')}"}
        told = _call("GET", metadata["userinfo_endpoint"], headers=bearer)
        if told.get("sub") != claims["sub"]:
            raise NOT_PROVED
        claims |= told
    return _proved(service, claims)


def _claims(
    service: Provider, metadata: Mapping[str, Any], token: Mapping[str, Any], nonce: str, now: datetime
) -> dict[str, Any]:
    """The claims of the ID token: signed by the issuer's key, for us, of this very login, in time."""
    raw = token.get("id_token")
    if not isinstance(raw, str) or not nonce:
        raise NOT_PROVED
    try:
        try:
            read = jwt.decode(raw, _keys(metadata["jwks_uri"]), algorithms=ALGORITHMS)
        except JoseError:  # perhaps the issuer has new keys
            read = jwt.decode(raw, _keys(metadata["jwks_uri"], anew=True), algorithms=ALGORITHMS)
        options = {
            "iss": {"essential": True, "value": service.issuer},
            "aud": {"essential": True, "value": service.client_id},
        }
        params = {"nonce": nonce, "client_id": service.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, options, params)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError, KeyError):
        raise NOT_PROVED from None
    return dict(claims)


def _proved(service: Provider, claims: Mapping[str, Any]) -> Proved:
    name, cert, phone = (_text(claims.get(n)) for n in (service.name_claim, service.cert_claim, service.phone_claim))
    mobile = "" if claims.get("phone_number_verified") is False else mobile_of(phone) or ""
    cert = normal(cert)
    if not (name and cert) and not mobile:
        raise NOTHING_TOLD
    return Proved(name, cert, mobile) if name and cert else Proved("", "", mobile)


def _text(value: Any) -> str:
    return value.strip()[:100] if isinstance(value, str) and "\x00" not in value else ""


def _call(method: str, url: str, **more: Any) -> dict[str, Any]:
    """The JSON object that the service answers; `NOT_PROVED` for a no, `AWAY` for anything broken. No redirects."""
    try:
        with httpx.Client(timeout=SECONDS, follow_redirects=False, headers={"Accept": "application/json"}) as client:
            answer = client.request(method, url, **more)
        told = answer.json() if answer.status_code < 500 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise AWAY from None
    if not isinstance(told, dict):
        raise AWAY
    if answer.status_code != 200:
        raise NOT_PROVED
    return told


_kept: dict[str, tuple[float, Any]] = {}
_lock = Lock()


def _remembered(url: str, *, anew: bool = False) -> dict[str, Any]:
    with _lock:
        at, value = _kept.get(url, (0.0, None))
    if value is not None and not anew and time.monotonic() - at < KEPT:
        found: dict[str, Any] = value
        return found
    told = _call("GET", url)
    with _lock:
        _kept[url] = (time.monotonic(), told)
    return told


def forget() -> None:
    """Ask the service for its addresses and keys anew."""
    with _lock:
        _kept.clear()


def _metadata(service: Provider) -> dict[str, Any]:
    found = _remembered(service.issuer.rstrip("/") + "/.well-known/openid-configuration")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if found.get("issuer") != service.issuer or not all(origin_of(str(found.get(name, ""))) for name in names):
        forget()
        raise AWAY
    return found


def _keys(url: str, *, anew: bool = False) -> KeySet:
    return KeySet.import_key_set(_remembered(url, anew=anew))  # type: ignore[arg-type]  # what the issuer serves
