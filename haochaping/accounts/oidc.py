"""An identity service (OpenID Connect): authorisation code with PKCE, state and nonce. For citizens and for people who work here.

Authlib and joserfc do the protocol's arithmetic. Who somebody is, `finish` says by claims of a token that was signed for this
very sign-in; what they mean is the caller's.
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
from django.core import signing
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from haochaping.accounts.rules import origin_of
from haochaping.kit import config, crypto

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from haochaping.kit.errors import Refused

ALGORITHMS = ["RS256", "PS256", "ES256"]  # never `none`, never a shared secret
SECONDS = httpx.Timeout(8, connect=4)
KEPT = 3600.0  # seconds the provider's addresses and keys are kept
LEEWAY = 60
COOKIE_SECONDS = 600
SIGNED = frozenset({"iss", "sub", "aud", "amr", "acr", "auth_time"})  # only the token, which is signed, says these


@dataclass(frozen=True)
class Provider:
    """The identity service as the settings name it, and the two noes that those who come by it are told."""

    issuer: str
    client_id: str
    client_secret: str
    scope: str
    away: Refused  # it does not answer
    not_proved: Refused  # whatever does not fit


def configured(prefix: str, scope: str, *, away: Refused, not_proved: Refused) -> Provider | None:
    """The service that `HCP_<prefix>_ISSUER` and its fellows name; None where there is none.

    `Misconfigured` if it is not to be trusted.
    """
    issuer = config.text(f"{prefix}_ISSUER")
    if not issuer:
        return None
    if not origin_of(issuer):
        raise config.Misconfigured(f"HCP_{prefix}_ISSUER={issuer!r} must begin with https://")
    client_id, client_secret, asked = (
        config.text(f"{prefix}_{name}") for name in ("CLIENT_ID", "CLIENT_SECRET", "SCOPE")
    )
    return Provider(issuer, client_id, client_secret, asked or scope, away, not_proved)


def start(service: Provider, redirect_uri: str, *, anew: bool = False) -> tuple[str, dict[str, str]]:
    """Where to send the browser, and what it must bring back for `finish`: state, nonce, verifier.

    `anew`: the service shall ask who it is, even of somebody whom it knows already.
    """
    kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
    more = {"prompt": "login", "max_age": "0"} if anew else {}
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
        **more,
    )
    return url, kept


def finish(
    service: Provider, redirect_uri: str, answered: Mapping[str, str], kept: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    """The claims of whoever came back, of the ID token and the userinfo endpoint. Refused: the service's two noes."""
    expected, code = kept.get("state", ""), answered.get("code", "")
    if not expected or not code or not crypto.equal(answered.get("state", "").encode(), expected.encode()):
        raise service.not_proved
    metadata = _metadata(service)
    if (issuer := answered.get("iss")) and issuer != service.issuer:  # RFC 9207
        raise service.not_proved
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": kept.get("verifier", ""),
    }
    client = (service.client_id, service.client_secret)
    token = _call(service, "POST", metadata["token_endpoint"], data=body, auth=client)
    claims = _claims(service, metadata, token, kept.get("nonce", ""), now)
    if metadata.get("userinfo_endpoint"):
        bearer = {"Authorization": f"Bearer {token.get('access_token', '')}"}
        told = _call(service, "GET", metadata["userinfo_endpoint"], headers=bearer)
        if told.get("sub") != claims["sub"]:
            raise service.not_proved
        claims |= {name: value for name, value in told.items() if name not in SIGNED}
    return claims


def _claims(
    service: Provider, metadata: Mapping[str, Any], token: Mapping[str, Any], nonce: str, now: datetime
) -> dict[str, Any]:
    """The claims of the ID token: signed by the issuer's key, for us, of this very sign-in, in time."""
    raw = token.get("id_token")
    if not isinstance(raw, str) or not nonce:
        raise service.not_proved
    try:
        try:
            read = jwt.decode(raw, _keys(service, metadata["jwks_uri"]), algorithms=ALGORITHMS)
        except JoseError:  # perhaps the issuer has new keys
            read = jwt.decode(raw, _keys(service, metadata["jwks_uri"], anew=True), algorithms=ALGORITHMS)
        options = {
            "iss": {"essential": True, "value": service.issuer},
            "aud": {"essential": True, "value": service.client_id},
        }
        params = {"nonce": nonce, "client_id": service.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, options, params)
        claims.validate(now=int(now.timestamp()), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError, KeyError):
        raise service.not_proved from None
    return dict(claims)


def text_of(claims: Mapping[str, Any], name: str) -> str:
    """A claim that is a short text; "" where it is anything else."""
    value = claims.get(name)
    return value.strip()[:100] if isinstance(value, str) and "\x00" not in value else ""


def remember(request: HttpRequest, answer: HttpResponse, kept: Mapping[str, str], *, cookie: str, path: str) -> None:
    """Give the browser that sets out what it must bring back; nobody else can make such a cookie."""
    answer.set_cookie(
        cookie,
        signing.dumps(dict(kept), salt=cookie),
        max_age=COOKIE_SECONDS,
        path=path,
        httponly=True,
        samesite="Lax",
        secure=request.is_secure(),
    )


def remembered(request: HttpRequest, *, cookie: str) -> dict[str, str]:
    """What this browser was given less than ten minutes ago; {} for nothing."""
    try:
        kept: dict[str, str] = signing.loads(request.COOKIES.get(cookie, ""), salt=cookie, max_age=COOKIE_SECONDS)
    except signing.BadSignature:
        return {}
    return kept


def _call(service: Provider, method: str, url: str, **more: Any) -> dict[str, Any]:
    """The JSON object that the service answers; `not_proved` for a no, `away` for anything broken. No redirects."""
    try:
        with httpx.Client(timeout=SECONDS, follow_redirects=False, headers={"Accept": "application/json"}) as client:
            answer = client.request(method, url, **more)
        told = answer.json() if answer.status_code < 500 else None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        raise service.away from None
    if not isinstance(told, dict):
        raise service.away
    if answer.status_code != 200:
        raise service.not_proved
    return told


_kept: dict[str, tuple[float, Any]] = {}
_lock = Lock()


def _remembered(service: Provider, url: str, *, anew: bool = False) -> dict[str, Any]:
    with _lock:
        at, value = _kept.get(url, (0.0, None))
    if value is not None and not anew and time.monotonic() - at < KEPT:
        found: dict[str, Any] = value
        return found
    told = _call(service, "GET", url)
    with _lock:
        _kept[url] = (time.monotonic(), told)
    return told


def forget() -> None:
    """Ask the services for their addresses and keys anew."""
    with _lock:
        _kept.clear()


def _metadata(service: Provider) -> dict[str, Any]:
    found = _remembered(service, service.issuer.rstrip("/") + "/.well-known/openid-configuration")
    names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
    if found.get("issuer") != service.issuer or not all(origin_of(str(found.get(name, ""))) for name in names):
        forget()
        raise service.away
    return found


def _keys(service: Provider, url: str, *, anew: bool = False) -> KeySet:
    return KeySet.import_key_set(_remembered(service, url, anew=anew))  # type: ignore[arg-type]  # what the issuer serves
