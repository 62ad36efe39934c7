"""设备: the tablets and terminals of one's own area, their codes, their state, their history."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.device import commands, queries, rules
from haochaping.channels.device.rules import KIND_NAMES, STATE_NAMES, Kind, State
from haochaping.channels.sheets import write_csv
from haochaping.channels.windows.queries import Charge, tree
from haochaping.console.access import needs
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.directory.models import Device

DONE = {
    "device_code": "发放注册码",
    "device_enrol": "注册启用",
    "device_replaced": "被新设备替换",
    "device_revoke": "停用",
}
CHIPS = {State.ONLINE: "good", State.OFFLINE: "warn", State.REVOKED: "bad", State.WAITING: "", State.EXPIRED: "plain"}


def asked(request: HttpRequest) -> dict[str, str]:
    names = ("area", "hall", "q", "state")
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:100] for name in names}


def chosen(request: HttpRequest, want: dict[str, str], now: datetime) -> QuerySet[Device]:
    """The devices somebody manages that were asked for; those that work or will, unless another state is asked for."""
    rows = queries.narrowed(queries.devices_for(actor_of(request)), want["q"])
    if want["area"]:
        rows = rows.filter(area_path__startswith=want["area"])
    if want["hall"]:
        rows = rows.filter(hall=want["hall"])
    rows = queries.in_state(rows, want["state"], now) if want["state"] else rows.filter(revoked_at=None)
    return rows.order_by("area_path", "hall", "window", "made_at", "id")


@needs(*MAY_OPEN["devices"])
@require_safe
def devices(request: HttpRequest) -> HttpResponse:
    """By area, hall and window, searched; what is offline and what still waits to come up stands out."""
    want, now = asked(request), clock.now()
    page = Paginator(chosen(request, want, now), PER_PAGE).get_page(request.GET.get("page"))
    everything = queries.devices_for(actor_of(request))
    context = {
        "want": want,
        "page": page,
        "lines": _lines(page, now),
        "states": [(state, STATE_NAMES[state]) for state in State],
        "counts": [(state, STATE_NAMES[state], queries.in_state(everything, state, now).count()) for state in SHOWN],
        "tree": tree(Charge.of(actor_of(request)), area=want["area"], hall=want["hall"]),
        "is_narrowed": any(want.values()),
        "hall": snapshot().halls.get(want["hall"]),
    }
    return render(request, "console/devices.html", context)


SHOWN = (State.ONLINE, State.OFFLINE, State.WAITING)


def _lines(found: Iterable[Device], now: datetime) -> list[dict[str, Any]]:
    known = snapshot()
    lines = []
    for device in found:
        hall, window, state = (
            known.halls.get(device.hall),
            known.windows.get(device.window),
            queries.state_of(device, now),
        )
        lines.append(
            {
                "device": device,
                "kind": KIND_NAMES[Kind(device.kind)],
                "hall": hall.name if hall else device.hall,
                "window": window.name if window else "",
                "area": area_name(device.area_path),
                "state": STATE_NAMES[state],
                "chip": CHIPS[state],
            }
        )
    return lines


@needs(*MAY_OPEN["devices"], fresh=True)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The same list as a sheet."""
    now = clock.now()
    lines = _lines(chosen(request, asked(request), now), now)
    head = ["设备编号", "类型", "名称", "大厅", "窗口编号", "状态", "待上传", "最近在线", "注册时间"]
    rows = (
        [
            d.id, line["kind"], d.name, line["hall"], d.window, line["state"], str(d.waiting), _moment(d.last_seen_at),
            _moment(d.enrolled_at),
        ]
        for line in lines
        for d in (line["device"],)
    )  # fmt: skip
    audit(actor_of(request), "export", "devices", now=now, facts={"行数": len(lines)})
    return _csv(head, rows, f"devices-{clock.day(now)}.csv")


@needs(*MAY_OPEN["devices"])
@require_http_methods(["GET", "POST"])
def issue(request: HttpRequest) -> HttpResponse:
    """A place for a new device, and its code: shown in this answer and nowhere else."""
    actor, values, refused = actor_of(request), _given(request), None
    if request.method == "POST":
        try:
            kind = Kind.KIOSK if values["kind"] == Kind.KIOSK else Kind.TABLET
            place = {"window": _code(values["window"])} if kind is Kind.TABLET else {"hall": _code(values["hall"])}
            device, code = commands.issue_code(kind, actor=actor, now=clock.now(), name=values["name"], **place)
        except Refused as no:
            refused = no
        else:
            return _show_code(request, device, code)
    charge = Charge.of(actor)
    places = charge.places() if len(snapshot().windows) < 5000 else []
    context = {
        "values": values,
        "refused": refused,
        "wrong": {f.field: f.message for f in refused.fields} if refused else {},
        "windows": [(at.window.code, f"{at.hall_name} {at.window.name}") for at in places],
        "halls": [(hall.code, hall.name) for hall in snapshot().halls.values() if charge.has_hall(hall)],
    }
    return render(request, "console/device_new.html", context, status=422 if refused else 200)


def _given(request: HttpRequest) -> dict[str, str]:
    source = request.POST if request.method == "POST" else request.GET
    return {name: source.get(name, "").replace("\x00", "").strip()[:120] for name in ("kind", "window", "hall", "name")}


def _code(typed: str) -> str:
    """What was typed, or the code in front of the name that the list put in."""
    return typed.partition(" ")[0]


def _show_code(request: HttpRequest, device: Device, code: str) -> HttpResponse:
    (line,) = _lines([device], clock.now())
    context = line | {"code": rules.in_halves(code), "address": f"{settings.PUBLIC_URL}/device/"}
    return render(request, "console/device_code.html", context)


@needs(*MAY_OPEN["devices"])
@require_POST
def hall_codes(request: HttpRequest) -> HttpResponse:
    """Codes for every window of a hall that has no tablet, as a sheet to print and cut up."""
    now, hall = clock.now(), _code(request.POST.get("hall", "")[:64])
    made = commands.issue_codes(hall, actor=actor_of(request), now=now)
    if not made:
        messages.info(request, "这个大厅的窗口都已经有评价器，没有需要发放的注册码。")
        return redirect(f"/console/devices/?hall={hall}")
    rows = (
        [
            d.window,
            d.name,
            rules.in_halves(code),
            clock.to_wire(d.code_expires_at or now),
            f"{settings.PUBLIC_URL}/device/",
        ]
        for d, code in made
    )
    return _csv(["窗口编号", "窗口", "注册码", "有效期至", "注册地址"], rows, f"device-codes-{hall}.csv")


@needs(*MAY_OPEN["devices"])
@require_safe
def device(request: HttpRequest, device_id: str) -> HttpResponse:
    """One device: its facts and everything that was done with it."""
    return render(request, "console/device.html", _one(request, device_id))


def _one(request: HttpRequest, device_id: str) -> dict[str, Any]:
    found = queries.devices_for(actor_of(request)).filter(id=device_id).first()
    if found is None:
        raise commands.NOT_YOURS
    (line,) = _lines([found], clock.now())
    history = [(row, DONE.get(row.action, row.action)) for row in queries.history(found)]
    return line | {"history": history, "is_waiting": found.enrolled_at is None}


@needs(*MAY_OPEN["devices"])
@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, device_id: str) -> HttpResponse:
    """Stop it, after saying why and seeing what that means."""
    context = _one(request, device_id)
    if request.method == "POST":
        try:
            commands.revoke(device_id, actor=actor_of(request), reason=request.POST.get("reason", ""), now=clock.now())
        except Refused as no:
            return render(request, "console/device_revoke.html", context | {"refused": no}, status=no.status)
        messages.success(request, f"设备 {device_id} 已停用。")
        return redirect("console:device", device_id)
    return render(request, "console/device_revoke.html", context)


@needs(*MAY_OPEN["devices"])
@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest, device_id: str) -> HttpResponse:
    """A code for another device at the same place; the old one works until the new one is enrolled."""
    context = _one(request, device_id)
    if request.method == "POST":
        old: Device = context["device"]
        new, code = commands.issue_code(
            Kind(old.kind),
            window=old.window,
            hall=old.hall,
            name=old.name,
            replaces=old.id,
            actor=actor_of(request),
            now=clock.now(),
        )
        return _show_code(request, new, code)
    return render(request, "console/device_replace.html", context)


def _moment(at: datetime | None) -> str:
    return clock.to_wire(at) if at else ""


def _csv(head: list[str], rows: Iterable[list[str]], name: str) -> HttpResponse:
    out = io.StringIO(newline="")
    write_csv(out, head, rows)
    answer = HttpResponse(out.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
