"""The big screen on a wall, opened by a link and by nobody's login: what anybody may see who passes by."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.rules import SYSTEM, Scope
from haochaping.analytics.looks import Look
from haochaping.analytics.screen import screen as screen_of
from haochaping.console.screens.commands import link_by
from haochaping.console.screens.drawing import context_of
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.sight import orders_for

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KEPT = 10.0  # seconds that a place's screen is shown to everybody who watches it
_kept: dict[str, tuple[float, dict[str, Any]]] = {}


@require_safe
def wall(request: HttpRequest, token: str) -> HttpResponse:
    return _answer(request, token, "console/screens/screen.html")


@require_safe
def fresh(request: HttpRequest, token: str) -> HttpResponse:
    return _answer(request, token, "console/screens/panels.html")


def forget() -> None:
    """Read everything anew at the next question (tests)."""
    _kept.clear()


def _answer(request: HttpRequest, token: str, template: str) -> HttpResponse:
    now = clock.now()
    link = link_by(token, now=now)
    area = request.GET.get("area", "").replace("\x00", "").strip()[:12] or link.area_path
    is_there = area == link.area_path or (len(area) in {2, 4} and snapshot().region(area) is not None)
    if not (is_there and area.startswith(link.area_path)):
        raise Refused("not_found", 404, "这个大屏链接看不到这个地区。")
    kept = _kept.get(area)
    if kept is None or time.monotonic() >= kept[0]:
        look = Look(clock.day(now), clock.day(now), (Scope(area=area),), now, area)
        orders = orders_for(SYSTEM).filter(area_path__startswith=area)
        kept = _kept[area] = (time.monotonic() + KEPT, {"screen": screen_of(look, orders, is_open=True)})
    shown = context_of(kept[1]["screen"], address=f"/screen/w/{token}", floor=link.area_path)
    answer = render(request, template, shown)
    answer["Cache-Control"] = "no-store"
    return answer
