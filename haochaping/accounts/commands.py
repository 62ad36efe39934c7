"""People, machines and the audit trail."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import make_password
from django.db import connection, transaction

from haochaping.accounts.models import App, AppKey, Audit, Grant, Nonce, Person
from haochaping.accounts.queries import forget_apps
from haochaping.accounts.rules import WINDOW_MS, Actor, Role, Scope
from haochaping.kit import blobs
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime


def create_person(
    username: str, name: str, password: str, grants: Iterable[tuple[Role, Scope]], *, now: datetime
) -> Person:
    """A person with these grants; repeating it brings name, password and grants up to date."""
    hashed = make_password(password)  # once: it takes its time on purpose
    with transaction.atomic():
        person, _ = Person.objects.update_or_create(
            username=username,
            defaults={"name": name, "password": hashed, "is_active": True},
            create_defaults={"name": name, "password": hashed, "created_at": now},
        )
        Grant.objects.filter(person=person).delete()
        Grant.objects.bulk_create(
            Grant(person=person, role=role, area=scope.area, organ=scope.organ, window=scope.window)
            for role, scope in grants
        )
    return person


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
) -> tuple[str, str]:
    """A business system that may speak for an organ and all below it: its `app_id` and its secret, shown only here."""
    if not name.strip():
        raise Refused("fields_refused", 422, "请填写应用名称。", (FieldError("name", "required", "请填写应用名称。"),))
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


def use_nonces(nonces: Iterable[tuple[str, str]], *, now: datetime) -> set[tuple[str, str]]:
    """Mark these `(app_id, nonce)` pairs as used; answer those that were new.

    Call it inside the transaction of what they guard: if that rolls back, the request can be sent again as it is.
    """
    wanted = sorted(set(nonces))
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_nonce (app_id, nonce, used_at) SELECT a, n, %s FROM unnest(%s::text[], %s::text[]) AS t(a, n)"
            " ON CONFLICT DO NOTHING RETURNING app_id, nonce",
            [now, [a for a, _ in wanted], [n for _, n in wanted]],
        )
        return set(cursor.fetchall())


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
