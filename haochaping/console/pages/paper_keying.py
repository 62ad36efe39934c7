"""录表: two people key each form by keyboard alone; where they differ, somebody decides looking at the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.paper import commands, queries, rules
from haochaping.channels.paper.rules import FIELD_NAMES, State
from haochaping.console.access import needs
from haochaping.console.places import hall_name
from haochaping.console.rules import MAY_OPEN
from haochaping.evaluation import attachments
from haochaping.evaluation.attachments import ACCEPT
from haochaping.evaluation.rules import LEVEL_NAMES, Channel, Level
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.policy import queries as policy

if TYPE_CHECKING:
    from datetime import date
    from uuid import UUID

    from django.http import HttpRequest

    from haochaping.channels.models import PaperBatch, PaperSheet
    from haochaping.channels.paper.rules import Reading

ORDER = ("number", *FIELD_NAMES)
HINTS = {
    "number": "10 位，可用扫码枪",
    "level": "5 至 1",
    "tags": "如 115 113，空格隔开",
    "day": "月日，如 0610",
    "consent": "1、2 或 12",
    "service_number": "不填为 1",
    "window_code": "不填为表上所印窗口",
}


@needs(*MAY_OPEN["paper"])
@require_http_methods(["GET", "HEAD", "POST"])
def key(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Key one form and go on to the next. Nobody sees here what somebody else read."""
    actor, now = actor_of(request), clock.now()
    batch = queries.batch_for(actor, batch_id)
    if request.method != "POST":
        sheet = queries.next_to_key(batch, actor)
        return _screen(request, batch, {"number": sheet.number} if sheet else {}, sheet)
    typed = _typed(request)
    try:
        if scan := request.FILES.get("scan"):
            commands.attach(batch, typed.get("number", ""), scan.name or "", scan.read(), actor=actor, now=now)
        sheet = commands.key(batch, typed, actor=actor, now=now)
    except Refused as no:
        if no.status not in {403, 409, 422}:
            raise
        number = rules.read_number(typed.get("number", ""))
        known = queries.sheets(batch).filter(number=number).first() if number else None
        return _screen(request, batch, typed, known, no)
    said = rules.in_parts(sheet.number)
    if sheet.state == State.DIFFERS:
        messages.warning(request, f"{said} 两次录入不一致，请对照原件核定；也可以留给第三个人。")
        return redirect("console:paper_form", sheet.number)
    if sheet.state == State.REFUSED:
        messages.warning(request, f"{said} 两次一致，但未能入库：{sheet.reason}")
    elif sheet.state == State.ADMITTED:
        messages.success(request, f"{said} 两次一致，已入库。")
    else:
        messages.success(request, f"{said} 第一遍已录，等另一个人复录。")
    return redirect("console:paper_key", batch.pk)


def _screen(
    request: HttpRequest,
    batch: PaperBatch,
    typed: dict[str, str],
    sheet: PaperSheet | None,
    refused: Refused | None = None,
) -> HttpResponse:
    wrong = {error.field: error.message for error in refused.fields} if refused else {}
    first = next((name for name in ORDER if name in wrong), "level" if typed.get("number") else "number")
    context = {
        "batch": batch,
        "hall": hall_name(batch.hall_code),
        "progress": queries.progress([batch])[batch.pk],
        "fields": _fields(typed, wrong, first, ORDER),
        "problem": refused.message if refused else "",
        "codes": _codes(batch, clock.today()),
        "scan": sheet.scan if sheet else None,
        "accept": ACCEPT,
        "keys": [(int(level), LEVEL_NAMES[level]) for level in sorted(LEVEL_NAMES, reverse=True)],
    }
    return render(request, "console/paper_key.html", context, status=refused.status if refused else 200)


def _fields(typed: dict[str, str], wrong: dict[str, str], first: str, names: tuple[str, ...]) -> list[dict[str, Any]]:
    labels = {"number": "评价表编号"} | FIELD_NAMES
    digits = {"number", "level", "service_number", "day", "consent", "mobile"}
    return [
        {
            "name": name,
            "label": labels[name],
            "hint": HINTS.get(name, ""),
            "value": typed.get(name, ""),
            "wrong": wrong.get(name, ""),
            "is_first": name == first,
            "is_required": name in {"number", "level"},
            "is_digits": name in digits,
            "is_wide": name in {"number", "words", "tags", "project_no"},
        }
        for name in names
    ]


def _codes(batch: PaperBatch, day: date) -> list[tuple[str, list[Any]]]:
    norms = policy.indicators(batch.area_path, day, "service", Channel.PAPER)
    return [
        (f"{int(level)} {LEVEL_NAMES[level]}", [norm for norm in norms if norm.level == level])
        for level in sorted(LEVEL_NAMES, reverse=True)
    ]


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: str(value) for name, value in request.POST.items() if name in ORDER}


@needs(*MAY_OPEN["paper"])
@require_safe
def form(request: HttpRequest, number: str) -> HttpResponse:
    """One form: how it stands, its scan; both readings side by side where a decision is wanted."""
    return _one(request, queries.sheet_for(actor_of(request), number))


@needs(*MAY_OPEN["paper"])
@require_POST
def decide(request: HttpRequest, number: str) -> HttpResponse:
    """Settle the form by what stands on it."""
    actor = actor_of(request)
    sheet = queries.sheet_for(actor, number)
    typed = _typed(request)
    try:
        if "seen" not in request.POST:
            raise Refused("look_first", 422, "请先对照扫描件或纸质原件，并勾选“已对照原件”。")
        sheet = commands.decide(sheet, typed, actor=actor, now=clock.now())
    except Refused as no:
        if no.status not in {403, 409, 422}:
            raise
        return _one(request, sheet, typed, no)
    if sheet.state == State.ADMITTED:
        messages.success(request, f"{rules.in_parts(sheet.number)} 已核定入库。")
        return redirect("console:paper_batch", sheet.batch.pk)
    messages.warning(request, f"仍未能入库：{sheet.reason}")
    return redirect("console:paper_form", sheet.number)


def _one(
    request: HttpRequest, sheet: PaperSheet, typed: dict[str, str] | None = None, refused: Refused | None = None
) -> HttpResponse:
    state = State(sheet.state)
    keyed = queries.keyings(sheet.number)
    readings = [queries.reading_of(each) for each in keyed] if state.wants_decision else []
    differ = rules.differing(readings[0], readings[1]) if len(readings) > 1 else []
    if typed is None:
        typed = _agreed(readings[-1], differ if state is State.DIFFERS else []) if readings else {}
    wrong = {error.field: error.message for error in refused.fields} if refused else {}
    empty = next(iter(differ), "level")
    people = [each.person_name for each in keyed] if readings else []
    context = {
        "sheet": sheet,
        "number": rules.in_parts(sheet.number),
        "hall": hall_name(sheet.batch.hall_code),
        "state": rules.STATE_NAMES[state],
        "is_settled": state.is_settled,
        "wants_decision": state.wants_decision,
        "is_mine": bool(keyed) and keyed[0].person_id == actor_of(request).id,
        "keyed": keyed,
        "rows": _rows(people, readings, differ),
        "people": people,
        "fields": _fields(typed, wrong, next(iter(wrong), empty), tuple(FIELD_NAMES)),
        "problem": refused.message if refused else "",
        "receipt": ids.receipt(sheet.event_id) if sheet.event_id and state is State.ADMITTED else "",
    }
    return render(request, "console/paper_form.html", context, status=refused.status if refused else 200)


def _agreed(reading: Reading, differ: list[str]) -> dict[str, str]:
    """What both read alike, as it would be typed; what differs stays empty, so that nobody just presses on."""
    return {name: value for name, value in rules.retyped(reading).items() if name not in differ}


def _rows(people: list[str], readings: list[Reading], differ: list[str]) -> list[dict[str, Any]]:
    """Field by field who read what; what nobody wrote is left out."""
    told = [(who, rules.retyped(reading)) for who, reading in zip(people, readings, strict=True)]
    for _, each in told:
        each["level"] = f"{each['level']} {LEVEL_NAMES[Level(int(each['level']))]}"
    return [
        {"label": FIELD_NAMES[name], "said": [(who, each[name]) for who, each in told], "differs": name in differ}
        for name in FIELD_NAMES
        if name in differ or any(each[name] for _, each in told)
    ]


@needs(*MAY_OPEN["paper"])
@require_safe
def scan(request: HttpRequest, number: str, scan_id: UUID) -> HttpResponse:
    """The scan of a form."""
    sheet = queries.sheet_for(actor_of(request), number)
    kept = attachments.one(scan_id, "paper") if sheet.scan == scan_id else None
    if kept is None:
        raise Refused("not_found", 404, "没有这张扫描件。")
    return picture(attachments.open_for(sheet.event_id, kept), kept.name)


def picture(raw: bytes, name: str) -> HttpResponse:
    """A picture of ours, never to be taken for anything else by a browser."""
    headers = {
        "Content-Disposition": f"inline; filename*=UTF-8''{quote(name)}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(raw, content_type="image/jpeg", headers=headers)
