"""月度考核: the sheet of a month, live until it is published; drawn up by one person, published by another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import commands, queries, rules
from haochaping.analytics.appraisal.drafting import FAULTS
from haochaping.analytics.appraisal.rules import Kind, Sort
from haochaping.analytics.overview import K
from haochaping.channels import sheets
from haochaping.console.access import needs
from haochaping.console.places import areas_worked_in, own_and_below
from haochaping.console.rules import MAY_OPEN, may_open
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.appraisal.drafting import Line
    from haochaping.analytics.appraisal.queries import Sheet
    from haochaping.analytics.appraisal.rules import Part, Total

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
DONE = {
    "publish": "已公布，有关单位和窗口人员会收到通知。",
    "refuse": "已退回，提交的人会收到通知。",
    "take_back": "已撤回，可以更正后重新提交。",
}


@dataclass(frozen=True)
class Asked:
    """Which sheet somebody wants to see."""

    area: str
    month: date

    @property
    def query(self) -> str:
        return urlencode({"area": self.area, "month": f"{self.month:%Y-%m}"})


def last_month(today: date) -> date:
    return (today.replace(day=1) - timedelta(days=1)).replace(day=1)


def areas_for(actor: Actor) -> list[tuple[str, str]]:
    """The areas whose sheets somebody may have a look at, prefix and name: where they run things, else where they work."""
    known = snapshot()
    if actor.has(*queries.WHOLE, *queries.UNITS):
        paths = {path for path in own_and_below(actor) if path}
    else:
        paths = {area[:length] for area in areas_worked_in(actor) for length in range(4, len(area) + 1)}
    found = [(path, region.name) for path in sorted(paths) if (region := known.region(path.ljust(12, "0")))]
    return [(path, name) for path, name in found if known.area_path(path) == path]


def asked(request: HttpRequest, *, area: str = "", month: str = "") -> Asked:
    """What the address says; Refused 404 for an area that is not theirs or a month that is none."""
    actor = actor_of(request)
    offered = [path for path, _ in areas_for(actor)]
    area = area or request.GET.get("area", "")
    if not area:
        area = next((path for path in offered if len(path) >= 4), offered[0] if offered else "")
    if area not in offered:
        raise queries.NOT_FOUND
    text = month or request.GET.get("month", "")
    found = rules.read_month(text) if text else last_month(clock.today())
    if found is None or found > clock.today():
        raise Refused("not_found", 404, "没有这个月份的考核：月份写作 2026-05，不能晚于本月。")
    return Asked(area, found)


@needs(*MAY_OPEN["appraisal"])
@require_safe
def appraisal(request: HttpRequest) -> HttpResponse:
    """The published sheet, or what the data say now; a clerk finds their own scores."""
    actor, now = actor_of(request), clock.now()
    if not actor.has(*queries.WHOLE, *queries.UNITS, Role.HANDLER):
        scores = queries.scores_for(actor).order_by("-appraisal__month", "-pk").select_related("appraisal")
        mine = queries.with_corrections(queries.as_line(score) for score in scores)
        months = {score.pk: score.appraisal for score in scores}
        lines = [(months[line.pk or 0], line, queries.standing(line)[1]) for line in mine]
        return render(request, "console/analysis/appraisal_own.html", {"lines": lines, "few": K})
    want = asked(request)
    runs = queries.runs(actor, want.area)
    found: Sheet | None = queries.shown_to(actor, queries.sheet(want.area, want.month, now=now))
    if found and not found.is_published and not runs and not actor.has(Role.HANDLER):
        found = None  # who looks on, and who rules on appeals, sees what was published
    waiting = queries.submitted(want.area, want.month) if runs else None
    context = {
        "want": want,
        "areas": areas_for(actor),
        "sheet": found,
        "units": _units(found) if found else [],
        "is_drawn": sum(line.total.value is not None for line in found.units) > 1 if found else False,
        "people": _people(found) if found else [],
        "several": len({rules.field_of(line.area_path) for line in found.units}) > 1 if found else False,
        "least": f"{found.basis.scheme.least:.0%}" if found else "",
        "formula_of_faults": FAULTS,
        "may_object": may_open("appraisal_objections", actor.roles),
        "columns": found.columns if found else [],
        "tab": "people" if request.GET.get("tab") == "people" else "units",
        "may_see_people": runs or actor.has(Role.HANDLER),
        "runs": runs,
        "waiting": waiting,
        "earlier": queries.earlier(want.area, want.month) if runs else [],
        "why_not": commands.why_not_yet(want.area, want.month, now) if runs else "",
        "may_submit": queries.may_submit(actor, want.area),
        "may_decide": waiting is not None and queries.may_decide(actor, waiting),
        "published": queries.months_published(want.area)[:12],
        "next": (rules.last_day(want.month) + timedelta(days=1)) if want.month < clock.today().replace(day=1) else None,
        "before": last_month(want.month),
    }
    return render(request, "console/analysis/appraisal.html", context)


def url_of(line: Line, area: str, month: date) -> str:
    if line.pk is not None:
        return reverse("console:appraisal_score", args=[line.pk])
    return reverse("console:appraisal_live", args=[area, f"{month:%Y-%m}", line.kind, line.subject])


def points(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def span(total: Total) -> str:
    """The composite at both ends of its figures' intervals."""
    if total.value is None or total.low is None or total.high is None:
        return ""
    return f"{total.low:.1f}–{total.high:.1f}"


def sums(parts: Iterable[Part]) -> dict[str, str]:
    """What the parts of a unit come to by sort: points of weight that counted."""
    found = {}
    for sort in (Sort.MEASURE, Sort.INDEX):
        there = [part for part in parts if part.sort is sort and part.points is not None]
        of = sum(part.weight for part in there)
        found[str(sort)] = f"{sum(part.points or 0 for part in there):.2f} / {of}" if there else "—"
    return found


def _units(found: Sheet) -> list[dict[str, object]]:
    return [_unit(line) | {"url": url_of(line, found.area, found.month)} for line in found.units]


def _unit(line: Line) -> dict[str, object]:
    _, total = queries.standing(line)
    return {
        "line": line,
        "field": queries.area_name(rules.field_of(line.area_path)),
        "total": line.total,
        "span": span(line.total),
        "now": total if line.corrections else None,
        "corrected_at": line.corrections[-1].at if line.corrections else None,
        "sums": sums(line.parts),
        "cells": [(part, points(part.points), rules.STATUS_NAMES[part.status]) for part in line.parts],
    }


def _people(found: Sheet) -> list[dict[str, object]]:
    organs = snapshot().organs
    return [
        {
            "line": line,
            "url": url_of(line, found.area, found.month),
            "organ": organs[line.organ_code].name if line.organ_code in organs else line.organ_code,
            "part": line.parts[0],
            "now": queries.standing(line)[1] if line.corrections else None,
            "status": rules.STATUS_NAMES[line.parts[0].status],
        }
        for line in found.people
    ]


@needs(*(MAY_OPEN["appraisal"] - {Role.CLERK}), fresh=True)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """量化评估表 as a workbook: every unit and person that one may see, every part with its figures."""
    actor, now, want = actor_of(request), clock.now(), asked(request)
    found = queries.shown_to(actor, queries.sheet(want.area, want.month, now=now))
    if not found.is_published and not queries.runs(actor, want.area) and not actor.has(Role.HANDLER):
        raise queries.NOT_FOUND
    head, rows = table_of(found)
    with TemporaryDirectory(prefix="hcp-export-") as folder:
        out = Path(folder) / "sheet.xlsx"
        sheets.write(out, head, rows)
        content = out.read_bytes()
    audit(
        actor,
        "export",
        "appraisal",
        now=now,
        facts={"地区": want.area, "月份": f"{want.month:%Y-%m}", "行数": len(rows)},
    )
    answer = HttpResponse(content, content_type=XLSX)
    answer["Content-Disposition"] = f'attachment; filename="appraisal-{want.area}-{want.month:%Y-%m}.xlsx"'
    return answer


def table_of(found: Sheet) -> tuple[list[str], list[list[str]]]:
    """The sheet as a long table: a row for each part of each score, so that nothing needs a second file to be checked."""
    head = [
        "月份", "地区", "口径", "类别", "名称", "代码", "名次", "参加排名", "总分", "总分下限", "总分上限", "评价数", "项目", "类型",
        "权重或上限", "得分", "分子或数值", "分母", "零分线", "满分线", "状态", "怎样计算", "范围", "更正后得分", "更正日期",
    ]  # fmt: skip
    state = "已公布" if found.is_published else "待公布" if found.appraisal else "实时测算"
    rows = []
    for line in found.units + found.people:
        now = f"{queries.standing(line)[1].value}" if line.corrections else ""
        when = f"{clock.day(line.corrections[-1].at)}" if line.corrections else ""
        for part in line.parts:
            cells = [
                f"{found.month:%Y-%m}", found.area_name, state, rules.KIND_NAMES[line.kind], line.name, line.subject,
                line.place.rank, line.place.of, line.total.value, line.total.low, line.total.high, line.sample, part.name,
                SORT_NAMES[part.sort], part.weight, part.points, part.numerator, part.denominator,
                part.zero if part.sort is Sort.MEASURE else "", part.full if part.sort is Sort.MEASURE else "",
                rules.STATUS_NAMES[part.status], part.formula, part.filter, now, when,
            ]  # fmt: skip
            rows.append(["" if cell is None else str(cell) for cell in cells])
    return head, rows


SORT_NAMES = {Sort.MEASURE: "平台指标", Sort.INDEX: "外部指标", Sort.DEDUCTION: "扣分", Sort.FAULTS: "服务差错"}


@needs(*queries.DECIDE)
@require_http_methods(["GET", "HEAD", "POST"])
def submit(request: HttpRequest, area: str, month: str) -> HttpResponse:
    """What would be frozen, and then the handing in."""
    actor, now, want = actor_of(request), clock.now(), asked(request, area=area, month=month)
    if not queries.may_submit(actor, want.area):
        raise queries.NOT_FOUND
    no = None
    if request.method == "POST":
        try:
            note = request.POST.get("note", "")
            commands.submit(want.area, want.month, note=note, actor=actor, now=now)
        except Refused as refused:
            if refused.status not in {409, 422}:
                raise
            no = refused
        else:
            messages.success(request, "已提交，数字从现在起固定。请另一位督办、市级主管或领导核对公布。")
            return redirect(f"{reverse('console:appraisal')}?{want.query}")
    found = queries.sheet(want.area, want.month, now=now, live=True)
    context = {
        "want": want,
        "sheet": found,
        "no": no,
        "why_not": commands.why_not_yet(want.area, want.month, now),
        "missing": missing(found.units),
        "unranked": sum(line.place.rank is None for line in found.units),
        "unscored": sum(line.total.value is None for line in found.people),
    }
    return render(request, "console/analysis/appraisal_submit.html", context, status=no.status if no else 200)


def missing(lines: Sequence[Line]) -> list[tuple[str, int]]:
    """Indices that were not entered, and for how many units."""
    found: dict[str, int] = {}
    for line in lines:
        for part in line.parts:
            if part.status is rules.Status.MISSING:
                found[part.name] = found.get(part.name, 0) + 1
    return list(found.items())


@needs(*queries.WHOLE)
@require_safe
def waiting(request: HttpRequest, pk: int) -> HttpResponse:
    """A submitted sheet, or one that was sent back, as it was frozen; whoever may publish it does so here."""
    return _waiting(request, pk)


def _waiting(request: HttpRequest, pk: int, no: Refused | None = None) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    row = queries.appraisal_for(actor, pk)
    found = queries.frozen(row)
    is_open = row.state == "submitted"
    context = {
        "row": row,
        "sheet": found,
        "units": _units(found),
        "people": _people(found),
        "several": len({rules.field_of(line.area_path) for line in found.units}) > 1,
        "columns": found.columns,
        "missing": missing(found.units),
        "changed": _changes(queries.changed(row, now=now)) if is_open else [],
        "may_decide": is_open and queries.may_decide(actor, row),
        "may_take_back": is_open and queries.may_submit(actor, row.region),
        "is_own": actor.id in row.authors,
        "no": no,
    }
    return render(request, "console/analysis/appraisal_waiting.html", context, status=no.status if no else 200)


@needs(*queries.WHOLE)
@require_POST
def decide(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Publish, send back, take back."""
    actor, now = actor_of(request), clock.now()
    row = queries.appraisal_for(actor, pk)
    try:
        match verb:
            case "publish":
                commands.publish(pk, actor=actor, now=now)
            case "refuse":
                commands.refuse(pk, reason=request.POST.get("reason", ""), actor=actor, now=now)
            case "take_back":
                commands.take_back(pk, actor=actor, now=now)
            case _:
                raise Refused("unknown_verb", 404, "没有这一操作。")
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _waiting(request, pk, no)
    messages.success(request, DONE[verb])
    return redirect(f"{reverse('console:appraisal')}?{Asked(row.region, row.month).query}")


@needs(*queries.WHOLE)
@require_safe
def changes(request: HttpRequest, pk: int) -> HttpResponse:
    """What a recount of today would make different from the frozen sheet."""
    row = queries.appraisal_for(actor_of(request), pk)
    found = _changes(queries.changed(row, now=clock.now()))
    return render(
        request,
        "console/analysis/appraisal_changes.html",
        {"row": row, "changed": found, "area": queries.area_name(row.region)},
    )


def _changes(found: Sequence[queries.Changed]) -> list[Mapping[str, object]]:
    return [
        {
            "line": one.line,
            "now": one.now,
            "is_unit": one.line.kind is Kind.ORGAN,
            "parts": [(old, shown(old), shown(new) if new else "已没有数据") for old, new in one.parts],
        }
        for one in found
    ]


def shown(part: Part) -> str:
    """A part's figure in words: 6 ÷ 8, 87.5, 3 件."""
    if part.numerator is None:
        return "—"
    if part.sort is Sort.FAULTS:
        return f"{part.numerator:,.0f}件 ÷ {part.denominator or 0:,}次评价"
    if part.denominator is not None:
        return f"{part.numerator:,.0f} ÷ {part.denominator:,}"
    return f"{part.numerator:g}" + ("件" if part.sort is Sort.DEDUCTION else "")
