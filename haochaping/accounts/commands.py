"""Machines and the audit trail. What is done with people stands in `people` and `sessions`."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.accounts.models import App, AppKey, Audit, Nonce
from haochaping.accounts.queries import forget_apps
from haochaping.accounts.rules import WINDOW_MS, Actor, origin_of
from haochaping.kit import blobs
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.rows import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


ORIGINS_MOST = 20


def create_app(
    name: str,
    *,
    organ_code: str,
    organ_path: str,
    area: str,
    now: datetime,
    algorithm: str = "hmac-sm3",
    best_is_one: bool = False,
    is_probe: bool = False,
    return_origins: Iterable[str] = (),
) -> tuple[str, str]:
    """A business system that may speak for an organ and all below it: its `app_id` and its secret, shown only here."""
    if not name.strip():
        raise Refused("fields_refused", 422, "请填写应用名称。", (FieldError("name", "required", "请填写应用名称。"),))
    origins = read_origins(return_origins)
    app_id = "app_" + secrets.token_hex(8)
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        app = App.objects.create(
            app_id=app_id,
            name=name.strip(),
            organ=organ_path,
            organ_code=organ_code,
            area=area,
            algorithm=algorithm,
            best_is_one=best_is_one,
            is_probe=is_probe,
            return_origins=origins,
            created_at=now,
        )
        add_key(app, secret, now=now)
    forget_apps()
    return app_id, secret


def add_key(app: App, secret: str, *, now: datetime) -> None:
    """A further key for the app; the newest two are live, so that an integrator can change over without a gap."""
    AppKey.objects.create(
        app=app, secret=blobs.seal({"secret": secret}, table="accounts_appkey", row=app.app_id), created_at=now
    )
    old = list(AppKey.objects.filter(app=app, revoked_at__isnull=True).order_by("-created_at", "-id")[2:])
    AppKey.objects.filter(pk__in=[key.pk for key in old]).update(revoked_at=now)
    forget_apps()


def new_key(app_id: str, *, actor: Actor, now: datetime) -> str:
    """A further secret for the app, shown only here; of those before it the newest stays live beside it."""
    secret = secrets.token_urlsafe(32)
    with transaction.atomic():
        add_key(_locked(app_id), secret, now=now)
        audit(actor, "add_app_key", app_id, now=now)
    return secret


def revoke_key(app_id: str, key_id: int, *, actor: Actor, now: datetime) -> None:
    """End a key: within two seconds nothing signed with it is taken any more. 404 if the app has no such live key."""
    with transaction.atomic():
        _locked(app_id)
        ended = AppKey.objects.filter(pk=key_id, app_id=app_id, revoked_at__isnull=True).update(revoked_at=now)
        if not ended:
            raise Refused("no_such_key", 404, "没有这把密钥，或者它已经停用。")
        audit(actor, "revoke_app_key", app_id, now=now, facts={"key": key_id})
    forget_apps()


def set_return_origins(app_id: str, origins: Iterable[str], *, actor: Actor, now: datetime) -> list[str]:
    """The origins to which the app's links may lead back, in place of those before; 422 names what is no origin."""
    wanted = read_origins(origins)
    with transaction.atomic():
        app = _locked(app_id)
        app.return_origins = wanted
        app.save(update_fields=["return_origins"])
        audit(actor, "set_return_origins", app_id, now=now, facts={"origins": "、".join(wanted) or "无"})
    forget_apps()
    return wanted


def read_origins(given: Iterable[str]) -> list[str]:
    """Origins in one spelling, each once; 422 for what is none or goes on behind the host."""
    wanted: dict[str, None] = {}
    for text in filter(None, (line.strip() for line in given)):
        origin = origin_of(text)
        if not origin or text.lower().rstrip("/").count("/") != 2 or "?" in text or "#" in text:
            message = f"“{text[:100]}”不是网站地址。请写成 https://www.example.gov.cn，后面不带路径，必须是 https。"
            raise Refused("fields_refused", 422, message, (FieldError("origins", "malformed", message),))
        wanted[origin] = None
    if len(wanted) > ORIGINS_MOST:
        message = f"返回地址最多 {ORIGINS_MOST} 个。"
        raise Refused("fields_refused", 422, message, (FieldError("origins", "too_many", message),))
    return list(wanted)


def _locked(app_id: str) -> App:
    app = App.objects.select_for_update().filter(pk=app_id).first()
    if app is None:
        raise Refused("not_found", 404, "没有这个应用。")
    return app


def use_nonces(nonces: Iterable[tuple[str, str]], *, now: datetime) -> set[tuple[str, str]]:
    """Mark these `(app_id, nonce)` pairs as used; answer those that were new.

    Call it inside the transaction of what they guard: if that rolls back, the request can be sent again as it is.
    """
    wanted = sorted(set(nonces))
    if not wanted:
        return set()
    statement = (
        "INSERT INTO accounts_nonce (app_id, nonce, used_at) SELECT a, n, %s FROM unnest(%s::text[], %s::text[]) AS t(a, n)"
        " ON CONFLICT DO NOTHING RETURNING app_id, nonce"
    )
    return {(a, n) for a, n in fetch(statement, [now, [a for a, _ in wanted], [n for _, n in wanted]])}


def forget_nonces(*, now: datetime) -> int:
    """Drop the nonces whose signatures have expired by twice the window; the number dropped."""
    return Nonce.objects.filter(used_at__lt=now - timedelta(milliseconds=2 * WINDOW_MS)).delete()[0]


def audit(
    actor: Actor,
    action: str,
    subject: str,
    *,
    now: datetime,
    result: str = "ok",
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write down who did what. `facts` must not name a citizen."""
    Audit.objects.create(
        at=now,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        subject=subject,
        result=result,
        facts=dict(facts or {}),
    )
