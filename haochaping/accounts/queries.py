"""The only door to other people's data, and who stands before it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from django.db.models import Count, Model, Q, QuerySet

from haochaping.accounts.models import App, AppKey, Grant, Person
from haochaping.accounts.rules import ADMINISTRATORS, Actor, Role, Scope, origin_of
from haochaping.kit import blobs
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from django.http import HttpRequest

M = TypeVar("M", bound=Model)
KEYS_LIVE = 2.0  # seconds an app and its keys are kept in memory: a revoked key dies this soon


def person_of(request: HttpRequest) -> Person:
    """Whoever is logged in; 403 for nobody, so that a page without its own check still answers nothing."""
    person = request.user
    if not isinstance(person, Person):
        raise Refused("login_required", 403, "请先登录。")
    return person


def actor_of(request: HttpRequest) -> Actor:
    """Whoever is logged in, as one who acts, in the roles for which the page is open; 403 for nobody."""
    actor = person_of(request).actor()
    opened_to: frozenset[Role] = getattr(request, "opened_to", frozenset())
    return actor.only_as(opened_to) if opened_to else actor


def visible(
    rows: QuerySet[M],
    actor: Actor,
    *,
    area: str = "area_path",
    organ: str = "organ_path",
    window: str = "window_code",
) -> QuerySet[M]:
    """Of `rows`, those that lie in one of the actor's scopes. The names say which columns hold the three prefixes.

    The system sees all. Without a scope, nothing is seen. Administrators and auditors administer: a grant of theirs
    opens no citizen's data.
    """
    if actor.is_system:
        return rows
    if not actor.scopes or actor.roles <= ADMINISTRATORS:
        return rows.none()
    if Scope() in actor.scopes:
        return rows
    reachable = Q(pk__in=[])
    for scope in actor.scopes:
        part = Q()
        if scope.area:
            part &= Q(**{f"{area}__startswith": scope.area})
        if scope.organ:
            part &= Q(**{f"{organ}__startswith": scope.organ})
        if scope.window:
            part &= Q(**{window: scope.window})
        reachable |= part
    return rows.filter(reachable)


def looked_after(actor: Actor) -> QuerySet[Person]:
    """The people whom a system or security administrator looks after: those of the organs within their scopes.

    Somebody who belongs to no organ is looked after by whoever is restricted by nothing.
    """
    scopes = {*actor.scopes_as(Role.ADMIN), *actor.scopes_as(Role.SECURITY)}
    if Scope() in scopes:
        return Person.objects.all()
    within = Q(pk__in=[])
    for scope in scopes:
        if not scope.window:
            within |= Q(area__startswith=scope.area, organ__startswith=scope.organ)
    return Person.objects.filter(within)


@dataclass(frozen=True)
class AppInfo:
    """What a request needs to know of the app that signed it."""

    app_id: str
    name: str
    organ: str  # path prefix
    area: str  # area prefix
    algorithm: str
    best_is_one: bool
    is_probe: bool
    keys: tuple[bytes, ...]  # live keys, newest first
    most_per_second: int | None = None  # ratings

    def actor(self) -> Actor:
        """The app as one who acts: all that its organ's handlers may do, and no more (contract §3)."""
        return Actor("app", self.app_id, self.name, frozenset({Role.HANDLER}), (Scope(self.area, self.organ),))

    def reaches(self, *, area_path: str, organ_path: str) -> bool:
        return area_path.startswith(self.area) and organ_path.startswith(self.organ)


_apps: dict[str, tuple[float, AppInfo | None]] = {}
_apps_lock = Lock()


def app_info(app_id: str) -> AppInfo | None:
    """The active app of that id with its live keys, at most two seconds old; None if there is none."""
    kept = _apps.get(app_id)
    if kept is not None and time.monotonic() - kept[0] < KEYS_LIVE:
        return kept[1]
    info = _read_app(app_id)
    with _apps_lock:
        if len(_apps) > 10_000:  # made-up ids must not fill the memory
            _apps.clear()
        _apps[app_id] = (time.monotonic(), info)
    return info


def at_hand(app_id: str) -> Callable[[str], AppInfo | None] | None:
    """`app_info` of this app without a look at the database, for a door's event loop; None where that is not to be had.

    None too for an app that signs by SM2, whose signatures cost more than a loop should wait.
    """
    kept = _apps.get(app_id)
    if kept is None or time.monotonic() - kept[0] >= KEYS_LIVE or (kept[1] and kept[1].algorithm == "sm2"):
        return None
    info = kept[1]
    return lambda _: info


def forget_apps() -> None:
    """Read every app anew at the next request."""
    with _apps_lock:
        _apps.clear()


def sender(source: str) -> AppInfo | None:
    """The app that sent what waits here since, switched off or not; None where no app did. For its reach, not for signing."""
    app = App.objects.filter(app_id=source).first()
    return _info(app) if app else None


def returns_to(app_id: str, url: str) -> str:
    """The name of the app to whose site this address leads back, "" if the app does not allow it (or is switched off)."""
    origin = origin_of(url) if url else ""
    if not origin:
        return ""
    app = App.objects.filter(app_id=app_id, is_active=True).first()
    return app.name if app is not None and origin in app.return_origins else ""


def apps() -> list[App]:
    """Every app, by name. For administrators: nothing of a citizen stands here."""
    return list(App.objects.order_by("name", "app_id"))


def app(app_id: str) -> App | None:
    return App.objects.filter(app_id=app_id).first()


def app_keys(app_id: str) -> list[AppKey]:
    """The app's keys, newest first, ended ones with the moment of their end; what is in them is not opened."""
    return list(AppKey.objects.filter(app_id=app_id).defer("secret").order_by("-created_at", "-id"))


def live_keys() -> dict[str, int]:
    """How many keys each app has that still hold."""
    rows = AppKey.objects.filter(revoked_at=None).order_by().values_list("app_id").annotate(n=Count("id"))
    return dict(rows)


def app_names(app_ids: set[str]) -> dict[str, str]:
    """What those of these apps are called that there are, switched off or not."""
    return dict(App.objects.filter(app_id__in=app_ids).values_list("app_id", "name"))


def clerks_at(window: str) -> dict[str, str]:
    """Who may log in as a clerk of that window: names by the person's id."""
    if not window:
        return {}
    grants = Grant.objects.filter(role=Role.CLERK, window=window, person__is_active=True).select_related("person")
    return {str(grant.person_id): grant.person.name for grant in grants.order_by("person__name", "person_id")}


@dataclass(frozen=True)
class Holder:
    """Somebody active who holds a role, and within which scope."""

    person_id: str
    role: Role
    scope: Scope
    organ: str  # path of the unit they belong to, "" where that is not known


def holders(roles: Iterable[Role], *, area: str, organ: str) -> list[Holder]:
    """Everybody who holds one of these roles over that place: `area` a prefix, `organ` a path, "" where there is none.

    A clerk's grants of single windows do not count.
    """
    parts = organ.strip("/").split("/") if organ else []
    paths = ["", *("/" + "/".join(parts[:n]) + "/" for n in range(1, len(parts) + 1))]
    grants = Grant.objects.filter(
        role__in=list(roles), window="", area__in=[area[:n] for n in range(len(area) + 1)], organ__in=paths
    )
    rows = grants.filter(person__is_active=True).order_by("person_id", "id")
    return [
        Holder(str(person_id), Role(role), Scope(at, path), home)
        for person_id, role, at, path, home in rows.values_list("person_id", "role", "area", "organ", "person__organ")
    ]


def phones_of(person_ids: Iterable[str]) -> dict[str, str]:
    """The telephones at work of those of these people who are active and have one: for sending to, never for showing."""
    people = Person.objects.filter(pk__in=list(person_ids), is_active=True, phone__isnull=False)
    return {
        str(person.pk): blobs.unseal(bytes(person.phone or b""), table="accounts_person", row=str(person.pk))["phone"]
        for person in people
    }


def _read_app(app_id: str) -> AppInfo | None:
    app = App.objects.filter(app_id=app_id, is_active=True).first()
    return _info(app) if app else None


def _info(app: App) -> AppInfo:
    keys = AppKey.objects.filter(app=app, revoked_at__isnull=True).order_by("-created_at", "-id")[:2]
    return AppInfo(
        app.app_id,
        app.name,
        app.organ,
        app.area,
        app.algorithm,
        app.best_is_one,
        app.is_probe,
        tuple(open_secret(app.app_id, key.secret) for key in keys),
        app.most_per_second,
    )


def open_secret(app_id: str, sealed: Any) -> bytes:
    """The secret of an app's key, as the UTF-8 bytes that sign."""
    return blobs.unseal(bytes(sealed), table="accounts_appkey", row=app_id)["secret"].encode()
