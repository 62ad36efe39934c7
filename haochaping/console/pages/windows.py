"""窗口管理: the windows of one's own area as a tree, searched, added, changed, stopped, brought in and taken out by file."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.kinds import WIRE
from haochaping.channels.models import Upload
from haochaping.channels.windows import queries, upkeep
from haochaping.channels.windows.queries import Charge
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import WINDOW_KINDS
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from haochaping.accounts.models import Audit
    from haochaping.channels.windows.queries import Place

TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
SHOWN_REJECTED = 50
DONE = {
    "window_add": "新增",
    "window_change": "修改",
    "window_stop": "停用",
    "window_start": "恢复启用",
    "sign_print": "打印二维码",
    "sign_replace": "更换二维码",
}


def asked(request: HttpRequest) -> dict[str, str]:
    """Which part of the tree, and which text."""
    names = ("area", "hall", "q", "state")
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:100] for name in names}


def chosen(charge: Charge, want: dict[str, str]) -> list[Place]:
    """The windows in charge that were asked for."""
    found = charge.places(area=want["area"], hall=want["hall"], text=want["q"])
    if want["state"] in {"active", "stopped"}:
        found = [at for at in found if at.window.is_active == (want["state"] == "active")]
    return found


@needs(*MAY_OPEN["windows"])
@require_safe
def windows(request: HttpRequest) -> HttpResponse:
    """The tree of areas and halls, and the windows of the branch that is open."""
    charge, want = Charge.of(actor_of(request)), asked(request)
    page = Paginator(chosen(charge, want), PER_PAGE).get_page(request.GET.get("page"))
    signs = queries.signs_in_force(at.window.code for at in page)
    context = {
        "tree": queries.tree(charge, area=want["area"], hall=want["hall"]),
        "want": want,
        "is_narrowed": bool(want["q"] or want["state"]),
        "page": page,
        "lines": [(at, WINDOW_KINDS.get(at.window.kind, ""), at.window.code in signs) for at in page],
        "export": urlencode({name: value for name, value in want.items() if value}),
    }
    return render(request, "console/windows.html", context)


@needs(*MAY_OPEN["windows"], fresh=True)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """These windows as a sheet that an import takes back."""
    actor, want = actor_of(request), asked(request)
    suffix = ".xlsx" if request.GET.get("format") == "xlsx" else ".csv"
    found = chosen(Charge.of(actor), want)
    now = clock.now()
    audit(actor, "export", "windows", now=now, facts={"行数": len(found)})
    return download(upkeep.export(found, suffix), f"windows-{clock.day(now)}{suffix}", TYPES[suffix])


@needs(*MAY_OPEN["windows"])
@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new window."""
    values = dict.fromkeys(WIRE["windows"], "") | {"hallCode": request.GET.get("hall", ""), "windowKind": "integrated"}
    return _edit(request, None, values)


@needs(*MAY_OPEN["windows"])
@require_http_methods(["GET", "POST"])
def window(request: HttpRequest, code: str) -> HttpResponse:
    """One window: its facts to change, its signs, its history."""
    at = _mine(request, code)
    return _edit(request, at, upkeep.as_wire(at.window))


def _edit(request: HttpRequest, at: Place | None, values: dict[str, str]) -> HttpResponse:
    refused: Refused | None = None
    actor = actor_of(request)
    if request.method == "POST":
        given = {name: request.POST.get(name, "").strip() for name in WIRE["windows"]}
        fixed = {"windowNo": at.window.code, "isActive": values["isActive"]} if at else {"isActive": "1"}
        values = given | {"hallCode": _code(given["hallCode"]), "orgcode": _code(given["orgcode"])} | fixed
        try:
            code = upkeep.put(values, actor=actor, now=clock.now(), is_new=at is None)
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
        else:
            messages.success(request, f"窗口“{values['windowName']}”已保存。")
            return redirect("console:window", code)
    known, charge = snapshot(), Charge.of(actor)
    context = {
        "at": at,
        "values": values,
        "wrong": {error.field: error.message for error in refused.fields} if refused else {},
        "halls": sorted((h.code, h.name) for h in known.halls.values() if charge.has_hall(h) and h.is_active),
        "organs": sorted((o.code, o.name) for o in known.organs.values() if o.is_active),
        "hall_name": known.halls[values["hallCode"]].name if values["hallCode"] in known.halls else "",
        "organ_name": known.organs[values["orgcode"]].name if values["orgcode"] in known.organs else "",
        "kinds": WINDOW_KINDS.items(),
        "history": [(row, DONE[row.action]) for row in _history(at)],
        "sign": queries.signs_in_force([at.window.code]).get(at.window.code) if at else None,
    }
    return render(request, "console/window.html", context, status=422 if refused else 200)


def _code(typed: str) -> str:
    """`code 名称`, as a list offers it, or the code alone."""
    return typed.split(" ", 1)[0] if typed else ""


def _history(at: Place | None) -> list[Audit]:
    return list(queries.history(at.window.code)) if at else []


@needs(*MAY_OPEN["windows"])
@require_http_methods(["GET", "POST"])
def switch(request: HttpRequest, code: str) -> HttpResponse:
    """Stop a window or open it again, with a reason, once it was confirmed."""
    at = _mine(request, code)
    wrong, reason = "", request.POST.get("reason", "")
    if request.method == "POST":
        try:
            upkeep.switch(
                code, is_active=not at.window.is_active, reason=reason, actor=actor_of(request), now=clock.now()
            )
        except Refused as no:
            if no.status != 422:
                raise
            wrong = no.message
        else:
            messages.success(request, f"窗口“{at.window.name}”已{'停用' if at.window.is_active else '恢复启用'}。")
            return redirect("console:window", code)
    context = {"at": at, "wrong": wrong, "reason": reason}
    return render(request, "console/window_switch.html", context, status=422 if wrong else 200)


@needs(*MAY_OPEN["windows"])
@require_http_methods(["GET", "POST"])
def bring_in(request: HttpRequest) -> HttpResponse:
    """A file of windows goes in, and it is said what was made of every row."""
    wrong = ""
    if request.method == "POST":
        file = request.FILES.get("file")
        try:
            if file is None:
                raise Refused("file_missing", 422, "请选择文件。")
            upload = upkeep.bring_in(file.name or "", file, file.size or 0, actor=actor_of(request), now=clock.now())
        except Refused as no:
            wrong = no.message
        else:
            return redirect("console:windows_imported", str(upload.id))
    context = {"wrong": wrong, "columns": WIRE["windows"], "labels": upkeep.LABELS}
    return render(request, "console/windows_import.html", context, status=422 if wrong else 200)


@needs(*MAY_OPEN["windows"])
@require_safe
def imported(request: HttpRequest, pk: str) -> HttpResponse:
    """What was made of an uploaded file; whoever sent it may download the rows that were not taken."""
    upload = _upload(request, pk)
    rejected = upkeep.rejected_rows(upload)
    if request.GET.get("rejected"):
        return download(rejected, f"windows-{upload.at:%Y%m%d%H%M}-rejected.csv", TYPES[".csv"])
    lines = rejected.decode("utf-8-sig").splitlines()
    context = {
        "upload": upload,
        "counts": {name: upload.counts.get(name, 0) for name in ("created", "updated", "unchanged", "rejected")},
        "rows": upkeep.table(lines[: SHOWN_REJECTED + 1]),
        "more": max(len(lines) - 1 - SHOWN_REJECTED, 0),
    }
    return render(request, "console/windows_imported.html", context)


def _upload(request: HttpRequest, pk: str) -> Upload:
    try:
        found = Upload.objects.filter(id=UUID(pk), kind="windows", person_id=actor_of(request).id).first()
    except ValueError:
        found = None
    if found is None:
        raise Refused("upload_not_found", 404, "没有这次导入的结果，或它不是您导入的。")
    return found


def _mine(request: HttpRequest, code: str) -> Place:
    at = Charge.of(actor_of(request)).one(code)
    if at is None:
        raise Refused("window_not_found", 404, "没有这个窗口，或它不在您的管理范围内。")
    return at


def download(content: bytes, name: str, kind: str) -> HttpResponse:
    answer = HttpResponse(content, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
