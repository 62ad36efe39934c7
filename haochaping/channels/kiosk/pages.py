"""`/kiosk`: a self-service terminal. The card's number stands in no address, no cookie and no page."""

from __future__ import annotations

from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.channels import forms
from haochaping.channels import queries as channels
from haochaping.channels.device.access import device_of
from haochaping.channels.forms import Draft
from haochaping.channels.kiosk import commands, queries
from haochaping.channels.kiosk.rules import id_number
from haochaping.channels.pages import qr_svg
from haochaping.channels.rules import Misses, in_groups
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any
    from uuid import UUID

    from django.http import HttpRequest

    from haochaping.channels.kiosk.queries import Served
    from haochaping.channels.models import TerminalSession
    from haochaping.directory.models import Device

COOKIE = "hcp_terminal"
PATH = "/kiosk"
SHOWN_FOR = timedelta(minutes=10)
FRAME = "channels/kiosk/frame.html"
misses = Misses(size=20, every=timedelta(seconds=15))  # by device: cards without a service, numbers that fit nobody


def terminal(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Open the page on an enrolled terminal, with its device as second argument; elsewhere a page that says how to enrol."""

    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            device = device_of(request)
        except Refused as no:
            return render(request, "channels/kiosk/enrol.html", {"refused": no}, status=no.status)
        if device.kind != "kiosk":
            refused = Refused("not_a_kiosk", 403, "这台设备登记的是窗口评价器，不能作自助终端用。")
            return render(request, "channels/kiosk/enrol.html", {"refused": refused}, status=403)
        answer = page(request, device, *args, **kwargs)
        answer["X-Robots-Tag"] = "noindex"
        return answer

    return never_cache(guarded)


def held(page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Open the page to whoever showed their card a moment ago; else begin anew. Each request keeps the session open."""

    @wraps(page)
    def guarded(request: HttpRequest, device: Device, *args: Any, **kwargs: Any) -> HttpResponse:
        now = clock.now()
        session = queries.session(request.COOKIES.get(COOKIE, ""), device, now)
        if session is None:
            return _go(PATH)
        commands.keep(session, now)
        return page(request, device, session, now, *args, **kwargs)

    return terminal(guarded)


@require_http_methods(["GET", "HEAD", "POST"])
@terminal
def begin(request: HttpRequest, device: Device) -> HttpResponse:
    """Ask for the card. Whoever comes here has left: what was open at this terminal is over."""
    now = clock.now()
    if request.method != "POST":
        commands.end_all(device, now)
        return _forget(render(request, "channels/kiosk/begin.html"))
    if wait := misses.wait(device.id, now):
        return _ask_again(request, f"没有查到的次数太多，请 {wait} 秒后再试。", 429)
    number = id_number(request.POST.get("number", "")[:300])
    if number is None:
        return _ask_again(request, "没有读到正确的身份证号，请重新刷卡，或核对后再输入。", 422)
    token = commands.begin(number, device, now)
    session = queries.session(token, device, now)
    if session is None or not queries.services(session, device, now):
        misses.miss(device.id, now)
    answer = _go(f"{PATH}/services")
    answer.set_cookie(COOKIE, token, path=PATH, httponly=True, samesite="Strict", secure=request.is_secure())
    return answer


@require_safe
@held
def services(request: HttpRequest, device: Device, session: TerminalSession, now: datetime) -> HttpResponse:
    """What the card's holder was served lately: item, organ, day, and whether it can be rated; nothing else."""
    found = queries.services(session, device, now)
    context = {
        "services": found,
        "days": queries.days_back(device, now),
        "was_rated": request.GET.get("rated") == "1",
    }
    return render(request, "channels/kiosk/services.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@held
def rate(request: HttpRequest, device: Device, session: TerminalSession, now: datetime, event_id: UUID) -> HttpResponse:
    """Rate one of them; anybody else's service is not there."""
    served = _served(session, device, event_id, now)
    if served.is_rated or not served.is_open:
        return _go(f"{PATH}/services")
    if request.method != "POST":
        return _form(request, served, Draft())
    draft = Draft.read(request.POST)
    try:
        created = commands.rate(
            served.event, draft, is_named=request.POST.get("is_named") == "1", device=device, now=now
        )
    except Refused as no:
        if no.status == 422:
            return _form(request, served, draft, no)
        raise
    return _go(f"{PATH}/thanks/{event_id}" if created else f"{PATH}/services?rated=1")


@require_safe
@held
def thanks(
    request: HttpRequest, device: Device, session: TerminalSession, now: datetime, event_id: UUID
) -> HttpResponse:
    """The receipt of what was rated at this terminal a moment ago."""
    served = _served(session, device, event_id, now)
    if not queries.was_rated_here(event_id, device, since=now - SHOWN_FOR):
        return _go(f"{PATH}/services")
    receipt = ids.receipt(event_id)
    context = {
        "event": served.event,
        "order": channels.order_told(event_id),
        "receipt": in_groups(receipt),
        "qr": qr_svg(f"{settings.PUBLIC_URL}/r/{receipt}"),
    }
    return render(request, "channels/kiosk/thanks.html", context)


@require_POST
@held
def alive(request: HttpRequest, device: Device, session: TerminalSession, now: datetime) -> HttpResponse:  # noqa: ARG001
    """Somebody touches the screen; `held` has kept the session open."""
    return HttpResponse(status=204)


@require_POST
@terminal
def end(request: HttpRequest, device: Device) -> HttpResponse:  # noqa: ARG001
    """Leave: the session is over and the screen begins anew."""
    commands.end_all(device, clock.now())
    return _forget(_go(PATH))


def _served(session: TerminalSession, device: Device, event_id: UUID, now: datetime) -> Served:
    found = queries.one(session, device, event_id, now)
    if found is None:
        raise Refused("service_not_found", 404, "没有这次服务，请返回重新选择。")
    return found


def _form(request: HttpRequest, served: Served, draft: Draft, refused: Refused | None = None) -> HttpResponse:
    norms = channels.offered(served.event, commands.TERMINAL, clock.today())
    context = forms.context(channels.subject(served.event), draft, norms, refused)
    context |= {"frame": FRAME, "is_named": request.POST.get("is_named") == "1"}
    return render(request, "channels/kiosk/rate.html", context, status=422 if refused else 200)


def _ask_again(request: HttpRequest, problem: str, status: int) -> HttpResponse:
    """What was typed is not shown again: the next one in the queue reads the screen too."""
    return render(request, "channels/kiosk/begin.html", {"problem": problem}, status=status)


def _go(url: str) -> HttpResponse:
    answer = HttpResponseRedirect(url)
    answer.status_code = 303
    return answer


def _forget(answer: HttpResponse) -> HttpResponse:
    answer.delete_cookie(COOKIE, path=PATH, samesite="Strict")
    return answer
