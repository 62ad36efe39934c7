"""The big screen for who is logged in: `/screen`, looked into place by place; and the links for walls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.queries import actor_of, person_of
from haochaping.analytics.looks import look_of
from haochaping.analytics.overview import refuse_rated
from haochaping.analytics.screen import screen as screen_of
from haochaping.console.access import needs
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.console.screens import commands
from haochaping.console.screens.drawing import context_of
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.sight import orders_for

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@needs(*MAY_OPEN["screen"])
@require_safe
def screen(request: HttpRequest) -> HttpResponse:
    """The whole page, at `/screen` and from the navigation; `?area=` looks into a place below."""
    return render(request, "console/screens/screen.html", _shown(request))


@needs(*MAY_OPEN["screen"])
@require_safe
def fresh(request: HttpRequest) -> HttpResponse:
    """What changes on it, asked for every quarter of a minute. It keeps no login alive (`access.PASSIVE`)."""
    return render(request, "console/screens/panels.html", _shown(request))


def _shown(request: HttpRequest) -> dict[str, Any]:
    refuse_rated(person_of(request).actor())
    actor, now = actor_of(request), clock.now()
    look = look_of(actor, now=now, area=request.GET.get("area", "").replace("\x00", "").strip()[:12])
    orders = orders_for(actor)
    if look.area:
        orders = orders.filter(area_path__startswith=look.area)
    own = [scope.area for scope in look.scopes if not scope.organ]
    floor = min(own, key=len) if own else look.home
    return context_of(screen_of(look, orders), address="/screen", floor=floor)


@needs(*MAY_OPEN["screens"])
@require_http_methods(["GET", "HEAD", "POST"])
def links(request: HttpRequest) -> HttpResponse:
    """The links there are, and a new one, whose address is told once."""
    actor, now = actor_of(request), clock.now()
    refused: Refused | None = None
    address = ""
    if request.method == "POST":
        try:
            link, token = commands.open_link(
                actor,
                name=request.POST.get("name", ""),
                area=request.POST.get("area", ""),
                days=request.POST.get("days", "").strip(),
                now=now,
            )
        except Refused as no:
            refused = no
        else:
            address = request.build_absolute_uri(f"/screen/w/{token}")
            messages.success(request, f"已设立“{link.name}”的大屏链接。")
    page = Paginator(commands.links_for(actor), PER_PAGE).get_page(request.GET.get("page"))
    lines = [
        {
            "link": link,
            "place": area_name(link.area_path),
            "is_open": link.closed_at is None and link.ends_at > now,
        }
        for link in page
    ]
    typed = {name: request.POST.get(name, "") for name in ("name", "area", "days")} if refused else {"days": "90"}
    context = {
        "page": page,
        "lines": lines,
        "address": address,
        "places": commands.places_for(actor),
        "typed": typed,
        "said": refused.message if refused else "",
        "wrong": {error.field: error.message for error in refused.fields} if refused else {},
        "longest": commands.LONGEST,
        "name_most": commands.NAME_MOST,
    }
    return render(request, "console/screens/links.html", context, status=refused.status if refused else 200)


@needs(*MAY_OPEN["screens"])
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask once, then close it for good."""
    actor = actor_of(request)
    if request.method == "POST":
        closed = commands.close_link(pk, actor=actor, now=clock.now())
        messages.success(request, f"“{closed.name}”的大屏链接已停用。")
        return redirect("console:screens")
    link = commands.links_for(actor).filter(pk=pk, closed_at=None).first()
    if link is None:
        raise Refused("not_found", 404, "没有这个大屏链接，或者它已经停用。")
    return render(request, "console/screens/close.html", {"link": link, "place": area_name(link.area_path)})
