"""电话评价: the operator of 12345 enters what a caller says, by keyboard alone and on one screen."""

from __future__ import annotations

import secrets
from datetime import datetime, time, timedelta
from os.path import commonprefix
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.desk import queries as desk
from haochaping.channels.desk.commands import record_entry, refused
from haochaping.channels.desk.forms import Typed
from haochaping.channels.desk.rules import WAY_NAMES, Way
from haochaping.channels.queries import order_told
from haochaping.channels.rules import in_groups
from haochaping.console.access import needs
from haochaping.console.entering import rating_form
from haochaping.console.rules import MAY_OPEN
from haochaping.evaluation.rules import Channel
from haochaping.flow.visits import Visit
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.rectification.queries import by_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse, QueryDict

    from haochaping.accounts.rules import Actor
    from haochaping.channels.desk.queries import Candidate
    from haochaping.channels.models import Entry
    from haochaping.flow.admit import Outcome

SHOWN_FOR = timedelta(minutes=30)  # how long whoever entered a rating may read its receipt out
VISITS_BACK = timedelta(days=30)


@needs(*MAY_OPEN["telephone"])
@require_http_methods(["GET", "HEAD", "POST"])
def telephone(request: HttpRequest) -> HttpResponse:
    """Find the service, then rate it: two steps on one screen. What the caller tells travels in no address."""
    actor, given = actor_of(request), _given(request)
    if request.method != "POST":
        return _draw(request, actor, given)
    if given.get("do") == "find":
        return _find(request, actor, given)
    return _enter(request, actor, given)


def _given(request: HttpRequest) -> QueryDict:
    given = (request.POST if request.method == "POST" else request.GET).copy()
    for name in given:
        given.setlist(name, [value.replace("\x00", "") for value in given.getlist(name)])
    return given


def _find(request: HttpRequest, actor: Actor, given: QueryDict) -> HttpResponse:
    number, who = given.get("number", "").strip()[:100], given.get("who", "").strip()[:100]
    now = clock.now()
    if not number:
        no = refused("number", "required", "请输入来电号码或办件编号。")
        return _draw(request, actor, given, refusal=no, status=422)
    if not desk.is_phone(number) and not who:
        no = refused("who", "required", "按办件编号查，请再问姓名，或办件时所留手机号的后四位。")
        return _draw(request, actor, given, refusal=no, status=422)
    found = desk.find(actor, number=number, who=who, now=now)
    by = "phone" if desk.is_phone(number) else "case"
    audit(actor, "find_service", "telephone", now=now, facts={"by": by, "found": len(found)})
    return _draw(request, actor, given, found=found, is_searched=True)


def _enter(request: HttpRequest, actor: Actor, given: QueryDict) -> HttpResponse:
    typed, now = Typed.read(given), clock.now()
    order = given.get("order", "")
    way = Way.CALLBACK if order else Way.TELEPHONE
    note = f"工单 {by_number(actor, order).order_no} 回访中提出" if order else ""
    try:
        outcome = _record(actor, given, typed, way=way, note=note, now=now)
    except Refused as no:
        if no.code == "already_rated" and (entry := _pressed_twice(actor, given, typed, now)) is not None:
            return redirect("console:telephone_done", entry.event_id)
        if no.status not in {404, 409, 422}:
            raise
        return _draw(request, actor, given, typed=typed, refusal=no, found=_kept(actor, given, now), status=no.status)
    return redirect("console:telephone_done", outcome.id)


def _record(actor: Actor, given: QueryDict, typed: Typed, *, way: Way, note: str, now: datetime) -> Outcome:
    submission = typed.submission(pf=Channel.TELEPHONE, now=now)
    if given.get("visit"):
        visit = _visit(actor, given, now)
        return record_entry(submission, way=way, proof=typed.proof, actor=actor, now=now, visit=visit, note=note)
    event = desk.one(actor, id_) if (id_ := _uuid(given.get("event", ""))) else None
    if event is None:
        raise refused("event", "required", "请选择来电人说的是哪一次服务。")
    submission = typed.submission(
        pf=Channel.TELEPHONE, now=now, project_no=event.project_no, service_number=event.service_number
    )
    return record_entry(submission, way=way, proof=typed.proof, actor=actor, now=now, note=note)


def _visit(actor: Actor, given: QueryDict, now: datetime) -> Visit:
    place = desk.place(actor, given.get("at", ""))
    if place is None:
        raise refused("at", "required", "请查询并选择来电人去的窗口或单位。")
    kind, _, code = place.key.partition(":")
    return Visit(
        at=_served(given.get("day", ""), now),
        window_code=code if kind == "w" else "",
        organ_code=code if kind == "o" else "",
        task_code=given.get("task", ""),
        name=given.get("about", "").strip() or "电话评价（没有办件编号）",
        key=f"{actor.id}/{given.get('key', '')}" if given.get("key") else "",
    )


def _served(typed: str, now: datetime) -> datetime:
    """Noon of the day that the caller names, or this moment if it was today."""
    today = clock.day(now)
    try:
        day = datetime.strptime(typed, "%Y-%m-%d").replace(tzinfo=clock.CHINA).date() if typed else today
    except ValueError:
        raise refused("day", "bad_time", "办理日期应写成 2026-10-09 的样子。") from None
    if not today - VISITS_BACK <= day <= today:
        raise refused("day", "out_of_range", "办理日期应在最近30天之内，不能晚于今天。")
    this_second = now.replace(microsecond=0)  # as the wire counts: what is rated now was served no later
    return min(datetime.combine(day, time(12), clock.CHINA), this_second) if day != today else this_second


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _pressed_twice(actor: Actor, given: QueryDict, typed: Typed, now: datetime) -> Entry | None:
    """The entry that this very form made a moment ago."""
    latest = desk.own_entries(actor, now - timedelta(minutes=2)).filter(proof=typed.proof).first()
    is_it = latest is not None and (given.get("visit") or str(latest.event_id) == given.get("event"))
    return latest if is_it else None


def _kept(actor: Actor, given: QueryDict, now: datetime) -> list[Candidate]:
    """The services that stood there to choose from."""
    wanted = [id_ for text in given.getlist("offered") if (id_ := _uuid(text))][: desk.MOST]
    return desk.candidates([event for id_ in wanted if (event := desk.one(actor, id_))], now)


def _draw(
    request: HttpRequest,
    actor: Actor,
    given: QueryDict,
    *,
    typed: Typed | None = None,
    refusal: Refused | None = None,
    found: Sequence[Candidate] = (),
    is_searched: bool = False,
    status: int = 200,
) -> HttpResponse:
    typed = typed or Typed.read(given)
    is_visit = bool(given.get("visit"))
    open_ = [each for each in found if each.standing == "open"]
    if desk.is_phone(given.get("number", "")) and not typed.draft.mobile:
        typed.draft.mobile = given.get("number", "").strip()
    if not typed.draft.name and not desk.is_phone(given.get("number", "")) and not given.get("who", "").isdigit():
        typed.draft.name = given.get("who", "").strip()
    at = desk.place(actor, given.get("at", "")) if is_visit and given.get("at") else None
    places = desk.places(actor, given.get("place", "")) if is_visit else []
    if at is not None and at not in places:
        places.insert(0, at)
    areas = [each.area_path for each in open_] or [each.area_path for each in places]
    now = clock.now()
    context: dict[str, Any] = {
        "given": given,
        "found": found,
        "offered": [each.id for each in found],
        "chosen": given.get("event") or (str(open_[0].id) if len(open_) == 1 else ""),
        "is_visit": is_visit,
        "is_searched": is_searched,
        "is_ready": bool(open_) or (is_visit and bool(places)),
        "places": places,
        "at": given.get("at") or (places[0].key if len(places) == 1 else ""),
        "items": desk.items(given.get("item", ""), _organ(places)) if is_visit else [],
        "key": given.get("key") or secrets.token_hex(8),
        "today": clock.day(now),
        "order": given.get("order", ""),
        "today_entries": desk.lines(desk.own_entries(actor, now - timedelta(hours=12))[:8]),
        "way_names": WAY_NAMES,
        "pattern": settings.RECORDING_NUMBER,
        "refusal": refusal,
        **rating_form(typed, refusal, area=commonprefix(areas)),  # noqa: RUF071  digits, not files
    }
    return render(request, "console/telephone.html", context, status=status)


def _organ(places: Sequence[desk.Place]) -> str:
    return places[0].organ if len(places) == 1 else ""


@needs(*MAY_OPEN["telephone"])
@require_safe
def telephone_done(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """What to read out: the receipt in groups, the order's number and its day. For who entered it, and not for long."""
    actor, now = actor_of(request), clock.now()
    entry = desk.entry_of(event_id)
    if entry is None or entry.person_id != actor.id or now - entry.entered_at > SHOWN_FOR:
        raise Http404
    (line,) = desk.lines([entry])
    context = {
        "line": line,
        "way": WAY_NAMES[Way(entry.way)],
        "receipt": in_groups(ids.receipt(event_id)),
        "order": order_told(event_id),
    }
    return render(request, "console/telephone_done.html", context)
