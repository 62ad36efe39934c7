"""监督查评: what those who supervise found, and recording it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.desk import queries as desk
from haochaping.channels.desk.commands import refused
from haochaping.channels.desk.forms import Typed
from haochaping.channels.inspections import queries
from haochaping.channels.inspections.commands import INSPECTS, PHOTOS_MOST, Findings, record_inspection
from haochaping.console.access import needs
from haochaping.console.entering import rating_form
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.evaluation.attachments import ACCEPT
from haochaping.evaluation.rules import Channel
from haochaping.flow.visits import Visit
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest


@needs(*MAY_OPEN["inspections"])
@require_safe
def inspections(request: HttpRequest) -> HttpResponse:
    """The inspections in one's area, newest first."""
    actor = actor_of(request)
    page = Paginator(queries.inspections_for(actor), PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "lines": queries.lines(page), "may_record": actor.has(*INSPECTS)}
    return render(request, "console/inspections.html", context)


@needs(*MAY_OPEN["inspections"])
@require_safe
def inspection_photo(request: HttpRequest, photo: UUID) -> HttpResponse:
    return HttpResponse(queries.photo(actor_of(request), photo), content_type="image/jpeg")


@needs(*INSPECTS)
@require_http_methods(["GET", "HEAD", "POST"])
def inspection_new(request: HttpRequest) -> HttpResponse:
    """Find the place, then write down what was found."""
    if request.method != "POST":
        return _draw(request, Typed.read(request.GET))
    typed, now = Typed.read(request.POST), clock.now()
    try:
        submission = typed.submission(pf=Channel.OTHER, now=now)
        outcome = record_inspection(submission, _visit(request), _findings(request), actor=actor_of(request), now=now)
    except Refused as no:
        if no.status not in {404, 409, 422}:
            raise
        return _draw(request, typed, refusal=no, status=no.status)
    told = f"，形成差评工单 {outcome.order_no}" if outcome.order_no else ""
    messages.success(request, f"监督查评已录入{told}。")
    return redirect("console:inspections")


def _text(request: HttpRequest, name: str) -> str:
    given = request.POST if request.method == "POST" else request.GET
    return given.get(name, "").replace("\x00", "").strip()


def _visit(request: HttpRequest) -> Visit:
    place = desk.place(actor_of(request), _text(request, "at"))
    if place is None:
        raise refused("at", "required", "请查询并选择检查的窗口或单位。")
    kind, _, code = place.key.partition(":")
    return Visit(
        at=clock.now(),
        window_code=code if kind == "w" else "",
        organ_code=code if kind == "o" else "",
        task_code=_text(request, "task"),
        name="监督查评",
        key=f"{actor_of(request).id}/{_text(request, 'proof')}/{place.key}/{_text(request, 'task')}",
    )


def _findings(request: HttpRequest) -> Findings:
    try:
        day = date.fromisoformat(_text(request, "inspected_on"))
    except ValueError:
        raise refused("inspected_on", "required", "请填写检查日期，如 2026-10-09。") from None
    photos = [(file.name or "", file.read()) for file in request.FILES.getlist("photos")[: PHOTOS_MOST + 1]]
    return Findings(day, _text(request, "inspectors"), _text(request, "proof"), photos)


def _draw(request: HttpRequest, typed: Typed, *, refusal: Refused | None = None, status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    given = {name: _text(request, name) for name in ("place", "item", "at", "task", "inspected_on", "inspectors")}
    places = desk.places(actor, given["place"])
    at = desk.place(actor, given["at"])
    if at is not None and at not in places:
        places.insert(0, at)
    area = at.area_path if at else places[0].area_path if len(places) == 1 else ""
    organ = places[0].organ if len(places) == 1 else ""
    context: dict[str, Any] = {
        "given": given,
        "places": places,
        "at": given["at"] or (places[0].key if len(places) == 1 else ""),
        "items": desk.items(given["item"], organ),
        "today": clock.today(),
        "accept": ACCEPT,
        "photos_most": PHOTOS_MOST,
        "refusal": refusal,
        **rating_form(typed, refusal, area=area, pf=Channel.OTHER),
    }
    return render(request, "console/inspection.html", context, status=status)
