"""A small, strict, running identity service 统一身份认证 (OpenID Connect): for tests and for `hcp demo`.

It knows a few made-up people; `/authorize` shows them to choose from. It checks what a real one checks: the client and its
secret, the very redirect address, `openid` in the scope, state and nonce there, PKCE with S256, each code once and for a
minute. `fault` makes it misbehave in one way (see FAULTS). People with a `preferred_username` work for the government and
are shown to the console alone; it asked them who they are `auth_age` seconds ago, unless it is to ask anew (`prompt=login`).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

if TYPE_CHECKING:
    from collections.abc import Mapping

FAULTS = (
    "wrong_nonce", "no_nonce", "wrong_issuer", "wrong_audience", "expired", "not_signed", "foreign_key", "shared_secret",
    "other_subject", "no_id_token", "error", "garbage", "list", "new_key", "other_state",
)  # fmt: skip
NOT_ANEW = ("stale", "no_auth_time")  # it does not ask anew where it should, or does not say when it asked
CALLBACKS = ("/my/oidc/callback", "/console/login/oidc/callback")
SAID_BY_TOKEN = {"amr", "acr", "auth_age"}
PEOPLE: dict[str, dict[str, Any]] = {
    "zhao": {"name": "赵试样", "id_number": "320102190001010018", "phone_number": "+86 13800000001"},
    "qian": {"name": "钱试样", "id_number": "320102190001010026", "phone_number": "13800000002"},
    "phone": {"phone_number": "13800000001"},
    "unverified": {"name": "孙试样", "phone_number": "13800000001", "phone_number_verified": False},
    "nobody": {},
}
STAFF: dict[str, dict[str, Any]] = {
    "s-city": {"name": "南京主管", "preferred_username": "city"},
    "s-city-mfa": {"name": "南京主管", "preferred_username": "city", "amr": ["pwd", "mfa"]},
    "s-long-ago": {"name": "南京主管", "preferred_username": "city", "auth_age": 7200},
    "s-analyst": {"name": "分析员", "preferred_username": "analyst", "amr": ["pwd"], "acr": "level3"},
    "s-nobody": {"name": "吴此人", "preferred_username": "nobody-here"},
    "s-no-name": {"name": "无用户名", "preferred_username": ""},
}
SCOPES = {"openid", "profile", "phone"}


class IdentityService:
    """The service on a port of its own, in threads of this process; `with IdentityService() as service:`."""

    def __init__(
        self,
        *,
        port: int = 0,
        client_id: str = "hcp",
        client_secret: str = "",
        people: Mapping[str, Mapping[str, Any]] = PEOPLE,
    ) -> None:
        self.client_id, self.client_secret = client_id, client_secret or secrets.token_hex(16)
        self.people, self.fault = people, ""
        self.redirect_uris: set[str] = set()  # empty: the first that is asked for is the registered one
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, str] = {}
        self.refused: list[str] = []
        self.lock = Lock()
        handler = type("Handler", (_Handler,), {"service": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def env(self) -> dict[str, str]:
        """The settings of whoever uses it."""
        return {
            "HCP_OIDC_ISSUER": self.url,
            "HCP_OIDC_CLIENT_ID": self.client_id,
            "HCP_OIDC_CLIENT_SECRET": self.client_secret,
        }

    @property
    def staff_env(self) -> dict[str, str]:
        """The same for people who work here."""
        return {name.replace("HCP_", "HCP_STAFF_"): value for name, value in self.env.items()}

    def change_keys(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig", "alg": "RS256"})

    def id_token(self, asked: Mapping[str, str], access_token: str) -> str:
        now = int(time.time())
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": asked["person"],
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        person = self.people[asked["person"]]
        claims |= {name: person[name] for name in ("amr", "acr") if name in person}
        if "preferred_username" in person and self.fault != "no_auth_time":
            is_anew = asked.get("prompt") == "login" and self.fault != "stale"
            claims["auth_time"] = now - (0 if is_anew else 3600 if self.fault == "stale" else person.get("auth_age", 0))
        changed: dict[str, dict[str, Any]] = {
            "wrong_nonce": {"nonce": "another"},
            "wrong_issuer": {"iss": "https://evil.example"},
            "wrong_audience": {"aud": "another-client"},
            "expired": {"iat": now - 900, "exp": now - 600},
        }
        claims |= changed.get(self.fault, {})
        if self.fault == "no_nonce":
            del claims["nonce"]
        if self.fault == "not_signed":
            return _unsigned(claims)
        if self.fault == "foreign_key":
            other = RSAKey.generate_key(2048, {"kid": "first"})
            return jwt.encode({"alg": "RS256", "kid": "first"}, claims, other)
        if self.fault == "shared_secret":  # the public key taken for a secret: an old trick
            return _hmac_signed(claims, self.key.as_pem(private=False))
        return jwt.encode({"alg": "RS256", "kid": self.key.kid or ""}, claims, self.key)


def _part(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _unsigned(claims: Mapping[str, Any]) -> str:
    return ".".join([_part(json.dumps({"alg": "none"}).encode()), _part(json.dumps(claims).encode()), ""])


def _hmac_signed(claims: Mapping[str, Any], secret: bytes) -> str:
    import hmac

    text = ".".join([_part(json.dumps({"alg": "HS256"}).encode()), _part(json.dumps(claims).encode())])
    return text + "." + _part(hmac.new(secret, text.encode(), "sha256").digest())


class _Handler(BaseHTTPRequestHandler):
    service: IdentityService

    def log_message(self, *given: object) -> None:
        pass

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = dict(parse_qsl(address.query, keep_blank_values=True))
        match address.path:
            case "/.well-known/openid-configuration":
                self._json(200, self._metadata())
            case "/jwks":
                self._json(200, {"keys": [self.service.key.as_dict(private=False)]})
            case "/authorize":
                self._authorize(asked)
            case "/userinfo":
                self._userinfo()
            case _:
                self._json(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 10_000)).decode()
        if urlsplit(self.path).path == "/token":
            self._token(dict(parse_qsl(body, keep_blank_values=True)))
        else:
            self._json(404, {"error": "not_found"})

    def _metadata(self) -> dict[str, Any]:
        url = self.service.url
        return {
            "issuer": url,
            "authorization_endpoint": url + "/authorize",
            "token_endpoint": url + "/token",
            "userinfo_endpoint": url + "/userinfo",
            "jwks_uri": url + "/jwks",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, asked: dict[str, str]) -> None:
        service = self.service
        wrong = self._wrong(asked)
        if wrong:
            service.refused.append(wrong)
            self._answer(
                400, "text/html; charset=utf-8", f"<!doctype html><title>400</title>{html.escape(wrong)}".encode()
            )
            return
        person = asked.pop("person", "")
        if person not in service.people:
            is_staff = asked["redirect_uri"].endswith("/console/login/oidc/callback")
            offered = {key: p for key, p in service.people.items() if ("preferred_username" in p) is is_staff}
            self._answer(200, "text/html; charset=utf-8", _choice(asked, offered).encode())
            return
        code = secrets.token_urlsafe(16)
        with service.lock:
            service.codes[code] = {**asked, "person": person, "until": str(time.time() + 60)}
        state = "another" if service.fault == "other_state" else asked["state"]
        back = urlencode({"code": code, "state": state, "iss": service.url})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{back}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _wrong(self, asked: Mapping[str, str]) -> str:
        """What a strict service refuses; "" if nothing."""
        service = self.service
        if len(parse_qs(urlsplit(self.path).query)) != len(parse_qsl(urlsplit(self.path).query)):
            return "a parameter stands twice"
        if asked.get("client_id") != service.client_id:
            return "unknown client"
        redirect = asked.get("redirect_uri", "")
        kind = next((path for path in CALLBACKS if redirect.endswith(path)), "")
        if kind and not any(known.endswith(kind) for known in service.redirect_uris):
            service.redirect_uris.add(redirect)
        if redirect not in service.redirect_uris:
            return "redirect_uri is not registered"
        scope = set(asked.get("scope", "").split())
        if asked.get("response_type") != "code" or "openid" not in scope or not scope <= SCOPES:
            return "response_type or scope"
        if len(asked.get("state", "")) < 16 or len(asked.get("nonce", "")) < 16:
            return "state and nonce must be there and long"
        if asked.get("code_challenge_method") != "S256" or len(asked.get("code_challenge", "")) != 43:
            return "PKCE with S256 is required"
        if asked.get("prompt", "login") != "login" or asked.get("max_age", "0") != "0":
            return "prompt or max_age"
        return ""

    def _token(self, given: dict[str, str]) -> None:
        service = self.service
        wanted = base64.b64encode(f"{service.client_id}:{service.client_secret}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {wanted}":
            self._refuse(401, "invalid_client")
            return
        with service.lock:
            asked = service.codes.pop(given.get("code", ""), None)  # once
        challenge = _part(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or given.get("grant_type") != "authorization_code"
            or float(asked["until"]) < time.time()
            or given.get("redirect_uri") != asked["redirect_uri"]
            or challenge != asked["code_challenge"]
        ):
            self._refuse(400, "invalid_grant")
            return
        if service.fault == "new_key":
            service.change_keys()
        token = secrets.token_urlsafe(24)
        service.tokens[token] = asked["person"]
        told = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
        if service.fault != "no_id_token":
            told["id_token"] = service.id_token(asked, token)
        match service.fault:
            case "error":
                self._json(500, {"error": "server_error"})
            case "garbage":
                self._answer(200, "application/json", b"\xff\x00{")
            case "list":
                self._answer(200, "application/json", b"[]")
            case _:
                self._json(200, told)

    def _userinfo(self) -> None:
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        person = self.service.tokens.get(token)
        if person is None:
            self._refuse(401, "invalid_token")
            return
        subject = "another" if self.service.fault == "other_subject" else person
        told = {name: value for name, value in self.service.people[person].items() if name not in SAID_BY_TOKEN}
        self._json(200, {"sub": subject, **told})

    def _refuse(self, status: int, error: str) -> None:
        self.service.refused.append(error)
        self._json(status, {"error": error})

    def _json(self, status: int, told: Any) -> None:
        self._answer(status, "application/json", json.dumps(told).encode())

    def _answer(self, status: int, mime: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _choice(asked: Mapping[str, str], people: Mapping[str, Mapping[str, Any]]) -> str:
    lines = "".join(
        f'<li><a href="/authorize?{html.escape(urlencode({**asked, "person": key}))}">{html.escape(_label(key, person))}</a></li>'
        for key, person in people.items()
    )
    return (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>模拟统一身份认证</title><h1>模拟统一身份认证</h1><p>这里的人都是虚构的。请选择以谁的身份登录：</p><ul>{lines}</ul></html>"
    )


def _label(key: str, person: Mapping[str, Any]) -> str:
    return f"{person.get('name', '（没有姓名）')}　{person.get('phone_number') or person.get('preferred_username', '')}　{key}"
