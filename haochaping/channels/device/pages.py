"""The tablet's own pages: enrolment, the screen, its state, its service worker."""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.channels.device import access, commands, queries
from haochaping.channels.device.rules import Kind
from haochaping.channels.forms import NAME_PARTS
from haochaping.channels.pages import client_of, qr_svg
from haochaping.channels.rules import Misses
from haochaping.evaluation.rules import Level
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from haochaping.directory.models import Device

# What the tablet needs when there is no network: the page itself is kept beside these.
SHELL = (
    "hcp/tokens.css",
    "hcp/device.css",
    "hcp/device-store.js",
    "hcp/device-line.js",
    "hcp/device.js",
    "hcp/mark.svg",
    "hcp/device-rate.wav",
    "hcp/device-thanks.wav",
)
misses = Misses()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def enrol(request: HttpRequest) -> HttpResponse:
    """`/device/`: type the one-time code; the browser makes its key and becomes the device."""
    if request.method == "POST":
        return _enrol(request)
    try:
        here: Device | None = access.device_of(request)
    except Refused:
        here = None
    return render(request, "channels/device/enrol.html", {"here": here, "url": _home(here) if here else ""})


def _enrol(request: HttpRequest) -> HttpResponse:
    now, client = clock.now(), client_of(request)
    if wait := misses.wait(client, now):
        no = Refused("too_many_misses", 429, f"注册码输错次数太多，请 {wait} 秒后再试。")
        return _refused(no)
    try:
        given = json.loads(request.body)
        code, key = str(given["code"])[:40], base64.b64decode(str(given["publicKey"]), validate=True)
        version = str(given.get("version", ""))
    except (ValueError, KeyError, TypeError, binascii.Error):
        return _refused(Refused("malformed", 422, "注册信息不完整，请刷新页面后重试。"))
    try:
        device, token = commands.enrol(code, key, app_version=version, now=now)
    except Refused as no:
        if no.code == commands.CODE_UNKNOWN.code:
            misses.miss(client, now)
        return _refused(no)
    answer = JsonResponse({"id": device.id, "kind": device.kind, "name": device.name, "url": _home(device)})
    access.keep_cookie(answer, token, secure=request.is_secure())
    return answer


def _home(device: Device) -> str:
    return "/kiosk" if device.kind == Kind.KIOSK else f"/device/{device.id}"


@never_cache
@require_safe
def screen(request: HttpRequest, device_id: str) -> HttpResponse:
    """`/device/{id}`: the tablet's screen, for that device only."""
    try:
        device = access.device_of(request, device_id)
        if device.kind != Kind.TABLET:
            raise access.UNKNOWN
    except Refused as no:
        return render(request, "channels/device/stopped.html", {"refused": no}, status=no.status)
    told = queries.screen(device, clock.now())
    told["assets"] = {"rate": static("hcp/device-rate.wav"), "thanks": static("hcp/device-thanks.wav")}
    faces = [{"level": int(level), "parts": NAME_PARTS[level]} for level in sorted(Level, reverse=True)]
    context = {"device": device, "told": told, "faces": faces, "qr": qr_svg(told["link"])}
    answer = render(request, "channels/device/screen.html", context)
    access.keep_cookie(answer, request.COOKIES[access.COOKIE], secure=request.is_secure())
    return answer


@never_cache
@require_safe
def state(request: HttpRequest, device_id: str) -> HttpResponse:
    """`GET /device/{id}/state?after=seq`: the truth behind the doorbell, and the server's time."""
    now = clock.now()
    try:
        device = access.device_of(request, device_id)
    except Refused as no:
        return _refused(no)
    after, waiting = _number(request.GET.get("after")), request.GET.get("waiting")
    seq, call = queries.call_for(device, after or 0, now)
    commands.note_state(
        device,
        waiting=_number(waiting) if waiting else None,
        app_version=request.GET.get("version", "")[:40],
        now=now,
    )
    told: dict[str, Any] = {"now": int(now.timestamp() * 1000), "seq": seq, "call": call}
    return JsonResponse(told | {"edition": queries.screen(device, now)["edition"]})


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: its scope is /device/, its text changes with any file of the shell."""
    files = json.dumps([static(name) for name in SHELL])
    answer = render(request, "channels/device/worker.js", {"files": files}, content_type="text/javascript")
    answer["Cache-Control"] = "no-cache"
    return answer


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else None


def _refused(no: Refused) -> JsonResponse:
    return JsonResponse(no.as_json(), status=no.status)
