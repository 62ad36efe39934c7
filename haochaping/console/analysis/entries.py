"""指标填报: what comes from elsewhere, by form or file, entered by one person and checked by another."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.analytics.appraisal import entering, queries
from haochaping.channels import sheets
from haochaping.console import naming
from haochaping.console.access import needs
from haochaping.console.analysis.appraisal import XLSX, Asked, areas_for, asked
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.appraisal.models import Entry

FILE_MOST = 4 * 1024 * 1024
STATES = {"entered": "待核对", "confirmed": "已核对", "returned": "已退回"}
DONE = {"enter": "已填报，请另一人核对。", "confirm": "已核对 {} 项，计入考核。", "send_back": "已退回 {} 项。"}


@needs(*MAY_OPEN["appraisal_entries"])
@require_http_methods(["GET", "HEAD", "POST"])
def entries(request: HttpRequest, area: str, month: str) -> HttpResponse:
    """The month's entries, a form for one, a file for many, and the second look."""
    want = asked(request, area=area, month=month)
    actor = actor_of(request)
    if not queries.runs(actor, want.area):
        raise queries.NOT_FOUND
    if request.method != "POST":
        return _show(request, want)
    do = request.POST.get("do", "")
    try:
        said = _do(request, want, do, actor)
    except Refused as no:
        if no.status not in {403, 409, 422} or no.code == "not_your_role":
            raise
        return _show(request, want, do=do, no=no)
    messages.success(request, said)
    return redirect("console:appraisal_entries", want.area, f"{want.month:%Y-%m}")


def _do(request: HttpRequest, want: Asked, do: str, actor: Actor) -> str:
    posted, now = request.POST, clock.now()
    picked = [int(pk) for pk in posted.getlist("pick") if pk.isdigit()]
    match do:
        case "enter":
            entering.enter(
                want.area, want.month, organ=_organ(want, posted.get("organ", "")), key=posted.get("key", ""),
                value=posted.get("value", ""), basis=posted.get("basis", ""), actor=actor, now=now,
            )  # fmt: skip
            return DONE[do]
        case "confirm":
            return DONE[do].format(entering.confirm(picked, actor=actor, now=now))
        case "send_back":
            return DONE[do].format(entering.send_back(picked, reason=posted.get("reason", ""), actor=actor, now=now))
        case "import":
            taken = entering.bring_in(want.area, _rows(request), actor=actor, now=now)
            return f"已导入 {taken} 个数值，请另一人核对。"
        case _:
            raise Refused("unknown_verb", 404, "没有这一操作。")


def _organ(want: Asked, typed: str) -> str:
    try:
        return naming.code_of(typed, queries.organs_judged(want.area))
    except ValueError as error:
        raise Refused("fields_refused", 422, str(error), (FieldError("organ", "not_allowed", str(error)),)) from None


def _rows(request: HttpRequest) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    file = request.FILES.get("file")
    if file is None or not file.name:
        raise Refused("file_missing", 422, "请选择文件。", (FieldError("file", "required", "请选择文件。"),))
    if (file.size or 0) > FILE_MOST:
        raise Refused("too_large", 422, "文件超过 4 MB。", (FieldError("file", "too_large", "文件超过 4 MB。"),))
    with TemporaryDirectory(prefix="hcp-upload-") as folder:
        path = Path(folder) / f"entries{Path(file.name).suffix.lower()[:8]}"
        path.write_bytes(file.read())
        for row in sheets.read(path):
            yield row.line, row.values if row.fault is None else row.fault[1]


def _show(request: HttpRequest, want: Asked, *, do: str = "", no: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    names = queries.organs_judged(want.area)
    things = entering.asked_in(want.area, want.month)
    rows = queries.entries(want.area, want.month)
    held: dict[tuple[str, str], Entry] = {}
    for row in reversed(rows):
        if row.state in {"entered", "confirmed"}:
            held[row.organ_code, row.key] = row
    words = {one.key: one.name for one in things}
    entered = {code for code, _ in held}
    posted = request.POST
    context = {
        "want": want,
        "area_name": queries.area_name(want.area),
        "areas": areas_for(actor),
        "things": things,
        "organs": sorted(names.items(), key=lambda one: one[1]),
        "table": [
            (name, [(one, held.get((code, one.key))) for one in things])
            for code, name in names.items()
            if code in entered
        ],
        "left": len(names) - len(entered),
        "waiting": [
            (row, words.get(row.key, row.key), row.made_by_id == actor.id) for row in rows if row.state == "entered"
        ],
        "returned": [(row, words.get(row.key, row.key)) for row in rows if row.state == "returned"][:50],
        "states": STATES,
        "may_enter": queries.may_submit(actor, want.area),
        "do": do,
        "no": no,
        "errors": [(error.field, error.message) for error in no.fields] if no and do == "import" else [],
        "wrong": {error.field: error.message for error in no.fields} if no and do != "import" else {},
        "typed": {name: posted.get(name, "") for name in ("organ", "key", "value", "basis", "reason")},
        "picked": set(posted.getlist("pick")),
    }
    status = (409 if no.status == 403 else no.status) if no else 200
    return render(request, "console/analysis/entries.html", context, status=status)


@needs(*MAY_OPEN["appraisal_entries"])
@require_safe
def template(request: HttpRequest, area: str, month: str) -> HttpResponse:
    """A sheet to fill in: every organ, a column for each index, what was checked already in its place."""
    want = asked(request, area=area, month=month)
    if not queries.runs(actor_of(request), want.area):
        raise queries.NOT_FOUND
    things = entering.asked_in(want.area, want.month)
    head = ["月份", "单位", *(one.name for one in things), "依据"]
    rows = [
        [f"{want.month:%Y-%m}", name, *("" for _ in things), ""] for name in queries.organs_judged(want.area).values()
    ]
    with TemporaryDirectory(prefix="hcp-export-") as folder:
        out = Path(folder) / "template.xlsx"
        sheets.write(out, head, rows)
        content = out.read_bytes()
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="indices-{want.area}-{want.month:%Y-%m}.xlsx"'
    return answer
