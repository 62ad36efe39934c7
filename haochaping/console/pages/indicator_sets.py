"""One version of a region's own indicators 指标集: its lines, what it changes, and each step from draft to decision."""

from __future__ import annotations

import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.channels import sheets
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.pages import indicators
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy import approval, drafts, queries, sets
from haochaping.policy.rules import ASPECTS, CHANNELS, DIMENSIONS, LEVELS
from haochaping.policy.sets import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haochaping.channels.sheets import Row
    from haochaping.policy.models import IndicatorSet

SHEET_MOST = 256 * 1024  # bytes of an imported sheet


def found(request: HttpRequest, pk: int) -> IndicatorSet:
    """That version, or Refused 404 where there is none that this person may read."""
    version = queries.indicator_set(pk)
    if version is None or not indicators.may_read(actor_of(request), version):
        raise Refused("no_such_set", 404, "没有这个版本，请从“指标管理”里重新选择。")
    return version


@needs(Role.SUPERVISOR)
@require_POST
def draft(request: HttpRequest) -> HttpResponse:
    """A new draft for the region, from the newest version or from one that was refused."""
    actor = actor_of(request)
    like = found(request, int(request.POST["like"])) if request.POST.get("like", "").isdigit() else None
    region = like.region if like else indicators.region_of(request, actor)
    try:
        made = drafts.new_draft(region, actor=actor, now=clock.now(), like=like)
    except Refused as no:
        messages.warning(request, no.message)
        return HttpResponseRedirect(f"{reverse('console:indicators')}?region={region or indicators.NATION}")
    messages.success(request, f"已起草第{made.number}版，内容与现行版本相同，请在下面修订。")
    return _to(made)


@needs(*MAY_OPEN["indicators"])
@require_safe
def version(request: HttpRequest, pk: int) -> HttpResponse:
    """The version with what it changes, and what whoever looks may do with it."""
    return _show(request, found(request, pk))


@needs(Role.SUPERVISOR)
@require_http_methods(["GET", "HEAD", "POST"])
def line(request: HttpRequest, pk: int, code: str) -> HttpResponse:
    """Change one indicator of a draft, or (`new`) add one."""
    row = found(request, pk)
    kept = {one["code"]: Line.of(one) for one in row.lines}
    was = kept.get(code)
    if was is None and code != "new":
        raise Refused("no_such_indicator", 404, "这个版本里没有这项指标。")
    if row.state != "draft" or not drafts.may_draft(actor_of(request), row.region):
        raise Refused("not_your_role", 403, "只有管辖该地区的督办人员可以修改起草中的版本。")
    typed, refused = was or Line("", "", 2), None
    if request.method == "POST":
        typed = _typed(request, was)
        try:
            code = drafts.save_line(row, typed, actor=actor_of(request), now=clock.now())
        except Refused as no:
            if no.status != 422:
                raise
            refused = no
        else:
            messages.success(request, f"已保存 {code}“{typed.name.strip()}”。")
            return _to(row)
    context = {
        "version": row,
        "where": console.area_name(row.region),
        "line": typed,
        "was": was,
        "wrong": {error.field: error.message for error in refused.fields} if refused else {},
        "levels": [(level, sets.LEVEL_NAMES[level]) for level in LEVELS],
        "dimensions": DIMENSIONS.items(),
        "aspects": ASPECTS.items(),
        "channels": CHANNELS.items(),
        "name_most": sets.NAME_MOST,
        "may_remove": was is not None and all(one["code"] != was.code for one in row.base),
    }
    return render(request, "console/indicator_line.html", context, status=422 if refused else 200)


@needs(Role.SUPERVISOR)
@require_POST
def import_sheet(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a CSV or XLSX of lines into a draft, all or none."""
    row, file = found(request, pk), request.FILES.get("file")
    if file is None or file.size is None or file.size > SHEET_MOST:
        refused = Refused("fields_refused", 422, f"请选择一个不超过 {SHEET_MOST // 1024} KB 的 CSV 或 XLSX 文件。")
        return _show(request, row, refused, at="import")
    try:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / f"sheet{'.xlsx' if str(file.name).lower().endswith('.xlsx') else '.csv'}"
            path.write_bytes(file.read())
            rows = [_cells(one) for one in sheets.read(path)]
        if not any("名称" in row for row in rows):
            raise Refused(
                "fields_refused", 422, "文件里没有读到指标：第一行应为表头（编码、名称、等级……），下面每行一项。"
            )
        taken = drafts.import_lines(row, rows, actor=actor_of(request), now=clock.now())
    except Refused as no:
        return _show(request, row, no, at="import")
    messages.success(request, f"已导入 {taken} 项。")
    return _to(row)


@needs(Role.SUPERVISOR, Role.LEADER)
@require_POST
def act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Submit, take back, drop, approve, refuse, or remove a line that never was in force."""
    row, actor, now = found(request, pk), actor_of(request), clock.now()
    reason = request.POST.get("reason", "")
    try:
        match act:
            case "submit":
                note = request.POST.get("note", "")
                drafts.submit(row, valid_from=_day(request.POST), note=note, actor=actor, now=now)
            case "take_back":
                drafts.take_back(row, actor=actor, now=now)
            case "drop":
                drafts.drop(row, actor=actor, now=now)
            case "approve":
                drafts.approve(row, reason=reason, actor=actor, now=now)
            case "refuse":
                drafts.refuse(row, reason=reason, actor=actor, now=now)
            case "remove":
                drafts.remove_line(row, request.POST.get("code", ""), actor=actor, now=now)
            case _:
                raise Http404
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, row, no, at=act)
    messages.success(request, DONE[act])
    return _to(row)


DONE = {
    "submit": "已提交审批，由另一位督办人员或领导审批。",
    "take_back": "已撤回，可以继续修改。",
    "drop": "已作废。",
    "approve": "已批准，到生效日自动启用。",
    "refuse": "已退回。",
    "remove": "已删去。",
}


def _show(request: HttpRequest, row: IndicatorSet, refused: Refused | None = None, at: str = "") -> HttpResponse:
    row = found(request, row.pk)
    actor, today = actor_of(request), clock.today()
    lines, base = ([Line.of(one) for one in kept] for kept in (row.lines, row.base))
    day = row.valid_from or today + timedelta(days=1)
    is_draft = row.state == "draft"
    context = {
        "version": row,
        "state": indicators.said(row, today),
        "where": console.area_name(row.region),
        "lines": [_shown(one, base) for one in lines],
        "changes": sets.differences(base, lines),
        "unsound": queries.page_problems(row, day) if row.state in approval.OPEN else [],
        "may_edit": is_draft and drafts.may_draft(actor, row.region),
        "may_take_back": row.state == "submitted" and drafts.may_draft(actor, row.region),
        "may_decide": row.state == "submitted" and drafts.may_decide(actor, row),
        "may_copy": row.state in {"refused", "dropped"} and drafts.may_draft(actor, row.region),
        "is_own": actor.id in row.authors,
        "tomorrow": today + timedelta(days=1),
        "typed": request.POST,
        "refused": refused,
        "at": at,
    }
    return render(request, "console/indicator_set.html", context, status=refused.status if refused else 200)


def _shown(one: Line, base: list[Line]) -> dict[str, Any]:
    was = {line.code: line for line in base}.get(one.code)
    return {
        "line": one,
        "level": one.level,
        "dimension": DIMENSIONS[one.dimension],
        "aspect": sets.aspect_words(one.aspect),
        "channels": sets.channel_words(one.channels),
        "change": "新增" if was is None else "有修订" if was != one else "",
    }


def _typed(request: HttpRequest, was: Line | None) -> Line:
    posted = request.POST
    level = posted.get("level", "")
    return Line(
        was.code if was else "",
        posted.get("name", "")[:100],
        was.level if was else int(level) if level in {str(level) for level in LEVELS} else 0,
        posted.get("dimension", ""),
        posted.get("aspect", ""),
        tuple(int(pf) for pf in posted.getlist("channels") if pf in {str(pf) for pf in CHANNELS}),
        was is None or "is_active" in posted,
    )


def _cells(row: Row) -> dict[str, str]:
    if row.fault:
        raise Refused("fields_refused", 422, f"第 {row.line} 行读不懂：{row.fault[1]}")
    return row.values


def _day(posted: Mapping[str, str]) -> date | None:
    try:
        return date.fromisoformat(posted.get("valid_from", ""))
    except ValueError:
        return None


def _to(row: IndicatorSet) -> HttpResponse:
    return HttpResponseRedirect(reverse("console:indicator_set", args=[row.pk]))
