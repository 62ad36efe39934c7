"""人员: who works here, searched; a sheet of them; a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts import people as accounts
from haochaping.accounts.commands import audit
from haochaping.accounts.locks import locks
from haochaping.accounts.models import Grant, Person
from haochaping.accounts.people import Home
from haochaping.accounts.queries import actor_of, looked_after
from haochaping.accounts.rules import BELONGS_TO, Act, Actor, Role, Scope
from haochaping.console import trees
from haochaping.console.access import needs
from haochaping.console.places import OFFERED_MOST
from haochaping.console.queries import area_name, reach_words
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.console.streams import Sheet
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

STATES = {"active": "在用", "off": "已停用", "locked": "登录锁定", "new": "还没有登录过"}
NO_ROLE = "none"
BATCH = 500


@dataclass(frozen=True)
class Line:
    """One person in a list."""

    person: Person
    organ: str
    grants: list[tuple[str, str]]  # role and scope in words
    is_locked: bool

    @property
    def state(self) -> str:
        return "登录锁定" if self.is_locked else "在用" if self.person.is_active else "已停用"

    @property
    def chip(self) -> str:
        return "bad" if self.is_locked else "good" if self.person.is_active else "plain"


def asked(request: HttpRequest) -> dict[str, str]:
    names = ("q", "organ", "role", "area", "state")
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:100] for name in names}


def chosen(actor: Actor, want: dict[str, str], now: datetime) -> QuerySet[Person]:
    """The people somebody looks after, as they were asked for."""
    rows = looked_after(actor)
    grants = Grant.objects.filter(person=OuterRef("pk"))
    if want["q"]:
        rows = rows.filter(Q(username__icontains=want["q"]) | Q(name__icontains=want["q"]))
    if want["organ"]:
        named = [o for o in trees.within([Scope()]) if want["organ"] in o.name or o.code == want["organ"].upper()]
        belongs = Q(pk__in=[])
        for organ in named[:BATCH]:
            belongs |= Q(organ__startswith=organ.path)
        rows = rows.filter(belongs)
    if want["role"] == NO_ROLE:
        rows = rows.exclude(Exists(grants))
    elif want["role"]:
        rows = rows.filter(Exists(grants.filter(role=want["role"])))
    if want["area"]:
        rows = rows.filter(Q(area__startswith=want["area"]) | Exists(grants.filter(area__startswith=want["area"])))
    if want["state"] == "locked":
        rows = rows.filter(username__in=[lock.username for lock in locks(actor, now)])
    elif want["state"] == "new":
        rows = rows.filter(is_active=True, last_login=None)
    elif want["state"]:
        rows = rows.filter(is_active=want["state"] == "active")
    return rows.order_by("username")


def lines(found: Iterable[Person], actor: Actor, now: datetime) -> list[Line]:
    """These people with what they may do, where."""
    listed = list(found)
    grants: dict[int, list[tuple[str, str]]] = {}
    for grant in Grant.objects.filter(person__in=listed).order_by("id"):
        scope = Scope(grant.area, grant.organ, grant.window)
        grants.setdefault(grant.person_id, []).append((Role(grant.role).name_zh, reach_words(scope)))
    locked = {lock.username for lock in locks(actor, now)}
    return [Line(p, organ_name(p), grants.get(p.pk, []), p.username in locked) for p in listed]


def organ_name(person: Person) -> str:
    organ = snapshot().organs.get(person.organ_code)
    return organ.name if organ else person.organ_code


@needs(*MAY_OPEN["people"])
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Who works in one's part of the province."""
    actor, want, now = actor_of(request), asked(request), clock.now()
    page = Paginator(chosen(actor, want, now), PER_PAGE).get_page(request.GET.get("page"))
    mine = looked_after(actor)
    context = {
        "want": want,
        "page": page,
        "lines": lines(page, actor, now),
        "tree": trees.areas(_scopes(actor), want["area"]),
        "area": area_name(want["area"]) if want["area"] else "",
        "roles": list(Role),
        "states": STATES.items(),
        "is_narrowed": any(want.values()),
        "may_create": actor.has(BELONGS_TO[Act.CREATE]),
        "without_role": mine.filter(is_active=True)
        .exclude(Exists(Grant.objects.filter(person=OuterRef("pk"))))
        .count(),
    }
    return render(request, "console/people.html", context)


@needs(*MAY_OPEN["people"], fresh=True)
@require_safe
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The same list as a sheet, every row of it. Telephones stay here."""
    actor, want, now = actor_of(request), asked(request), clock.now()
    rows = chosen(actor, want, now)
    told = {name: value for name, value in want.items() if value}
    audit(actor, "export", "people", now=now, facts={"rows": rows.count(), **told})
    head = ["用户名", "姓名", "所属单位", "单位代码", "地区", "角色与范围", "状态", "最近登录", "建立时间"]
    return Sheet(head, _cells(rows, actor, now), f"人员_{clock.day(now)}.csv")


def _cells(rows: QuerySet[Person], actor: Actor, now: datetime) -> Iterator[list[str]]:
    last = ""
    while batch := list(rows.filter(username__gt=last)[:BATCH]):
        for line in lines(batch, actor, now):
            person = line.person
            yield [
                person.username,
                person.name,
                line.organ,
                person.organ_code,
                area_name(person.area) if person.area else "",
                "；".join(f"{role}（{reach}）" for role, reach in line.grants),
                line.state,
                clock.to_wire(person.last_login) if person.last_login else "",
                clock.to_wire(person.created_at),
            ]
        last = batch[-1].username


@needs(BELONGS_TO[Act.CREATE])
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Somebody new, without any right yet; the password of their first login stands in the answer and nowhere else."""
    actor, values, refused = actor_of(request), given(request), None
    if request.method == "POST":
        try:
            person, password = accounts.add_person(
                values["username"],
                values["name"],
                home=home_of(values["organ"]),
                phone=values["phone"],
                actor=actor,
                now=clock.now(),
            )
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
        else:
            return render(
                request, "console/person_password.html", {"person": person, "password": password, "is_new": True}
            )
    context = {"values": values, "organs": offered(actor)} | wrongs(refused)
    return render(request, "console/person_new.html", context, status=422 if refused else 200)


def given(request: HttpRequest) -> dict[str, str]:
    """What the form of a person said."""
    source = request.POST if request.method == "POST" else request.GET
    return {
        name: source.get(name, "").replace("\x00", "").strip()[:120] for name in ("username", "name", "organ", "phone")
    }


def wrongs(refused: Refused | None) -> dict[str, Any]:
    """What a form says of a refusal: the sentence by field."""
    return {"refused": refused, "wrong": {f.field: f.message for f in refused.fields} if refused else {}}


def home_of(typed: str) -> Home:
    """The organ that was typed by its code, as the list offers it or alone; none for nothing. 422 if there is none such."""
    code = typed.partition(" ")[0].upper()
    if not code:
        return Home()
    organ = snapshot().organs.get(code)
    if organ is None:
        message = "没有这个单位。请从列出的单位中选择，或填统一社会信用代码。"
        raise Refused("fields_refused", 422, message, (FieldError("organ", "unknown", message),))
    return Home(organ.code, organ.path, snapshot().area_path(organ.area))


def offered(actor: Actor) -> list[tuple[str, str]]:
    """The organs that a list offers; where there are more, one types the code."""
    return [(organ.code, organ.name) for organ in trees.within(actor.scopes_as(Role.ADMIN))[:OFFERED_MOST]]


def _scopes(actor: Actor) -> tuple[Scope, ...]:
    return (*actor.scopes_as(Role.ADMIN), *actor.scopes_as(Role.SECURITY))
