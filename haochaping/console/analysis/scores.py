"""One score with its parts, each opening to its orders; and the appeal against it, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import objections, queries, rules
from haochaping.analytics.appraisal.rules import Kind, Sort
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.overview import K
from haochaping.analytics.periods import Period
from haochaping.analytics.rules import percent
from haochaping.console.access import needs
from haochaping.console.analysis import appraisal, links
from haochaping.console.rules import MAY_OPEN, PER_PAGE, may_open
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.appraisal.drafting import Line
    from haochaping.analytics.appraisal.models import Objection, Score
    from haochaping.analytics.appraisal.queries import Sheet
    from haochaping.analytics.appraisal.rules import Part

LISTS = (Role.SUPERVISOR, Role.CITY, Role.LEADER, Role.HANDLER)  # who has a list of orders to open
FIELDS = ("key", "text", "numerator", "denominator")


@needs(*MAY_OPEN["appraisal"])
@require_safe
def live(request: HttpRequest, area: str, month: str, kind: str, subject: str) -> HttpResponse:
    """A unit's or clerk's score as the data say now."""
    actor = actor_of(request)
    want = appraisal.asked(request, area=area, month=month)
    if kind not in tuple(Kind):
        raise queries.NOT_FOUND
    found, line = queries.line_for(actor, want.area, want.month, Kind(kind), subject, now=clock.now())
    context = _context(actor, line, found)
    return render(request, "console/analysis/score.html", context)


@needs(*MAY_OPEN["appraisal"])
@require_safe
def score(request: HttpRequest, pk: int) -> HttpResponse:
    """A score of a sheet as it was frozen, with what was put right since."""
    return _score(request, queries.score_for(actor_of(request), pk))


def _score(
    request: HttpRequest, row: Score, *, typed: dict[str, str] | None = None, no: Refused | None = None
) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    (line,) = queries.with_corrections([queries.as_line(row)])
    found = queries.Sheet(
        row.appraisal.region, queries.area_name(row.appraisal.region), row.appraisal.month,
        queries.basis_of(row.appraisal), [], [], row.appraisal.computed_at, row.appraisal,
    )  # fmt: skip
    is_concerned = queries.is_concerned(actor, row)
    context = _context(actor, line, found) | {
        "row": row,
        "is_concerned": is_concerned,
        "why_not": queries.why_not_appeal(actor, row, now) if is_concerned else "",
        "appeal_by": queries.appeal_by(row) if found.is_published else None,
        "may_correct": queries.may_correct(actor, row),
        "objections": [(one, objections.STATE_NAMES[one.state]) for one in queries.objections_of(actor, row)],
        "typed": typed or {},
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
    }
    return render(request, "console/analysis/score.html", context, status=no.status if no else 200)


def _context(actor: Actor, line: Line, found: Sheet) -> dict[str, object]:
    parts, total = queries.standing(line)
    after = {part.key: part for part in parts}
    corrected = {one.key for one in line.corrections}
    is_few = line.kind is Kind.CLERK and line.sample < K and not actor.has(*LISTS)  # design §1.3
    orders = queries.fault_orders(actor, line, found.area, found.month) if line.kind is Kind.CLERK else []
    return {
        "line": line,
        "sheet": found,
        "kind": rules.KIND_NAMES[line.kind],
        "is_unit": line.kind is Kind.ORGAN,
        "span": appraisal.span(line.total),
        "parts": [
            (_told(part, line, found.month, actor), after[part.key] if part.key in corrected else None)
            for part in line.parts
        ],
        "now": total if line.corrections else None,
        "corrections": [
            (one, line.part(one.key), *(appraisal.shown(_part(each)) for each in (one.before, one.after)), one.total)
            for one in line.corrections
        ],
        "orders": orders,
        "few": K if is_few else 0,
        "query": urlencode({"area": found.area, "month": f"{found.month:%Y-%m}"}),
    }


def _part(stored: object) -> Part:
    return queries.part_of(stored)


def _told(part: Part, line: Line, month: date, actor: Actor) -> dict[str, object]:
    """A part as its row says it: figure, marks, points, and where its cases are."""
    marks = ""
    if part.sort is Sort.MEASURE:
        marks = f"{part.zero:.0%} 得 0 分，{part.full:.0%} 得满分"
        if part.is_cautious:
            marks += "；按置信区间较差的一端"
    elif part.sort is Sort.DEDUCTION:
        marks = f"每件扣 {part.each} 分，至多 {part.weight} 分"
    elif part.sort is Sort.FAULTS:
        marks = f"每百次评价 1 件扣 {part.each} 分，整改到位的少扣 {part.remission:.0%}（{part.remitted} 件）"
    value = ""
    if part.sort is Sort.MEASURE and part.denominator and part.numerator is not None:
        value = percent(int(part.numerator), part.denominator) if part.has_interval else f"{part.value or 0:.2%}"
    ends = part.interval
    return {
        "part": part,
        "sort": appraisal.SORT_NAMES[part.sort],
        "figure": appraisal.shown(part),
        "value": value,
        "bounds": f"{ends[0]:.1%}–{ends[1]:.1%}" if ends else "",
        "marks": marks,
        "points": appraisal.points(part.points),
        "status": rules.STATUS_NAMES[part.status],
        "is_aside": part.points is None,
        "url": cases_url(part, line, month, actor),
    }


def cases_url(part: Part, line: Line, month: date, actor: Actor) -> str:
    """The orders or ratings behind a figure, as this person may list them; "" for what no list of ours shows."""
    if line.kind is not Kind.ORGAN or part.sort is Sort.INDEX or part.key == rules.REFUSED:
        return ""
    days = Period(month, rules.last_day(month))
    if part.sort is Sort.MEASURE and METRICS[part.key].basis.table != "orders":
        words = {"period": "custom", "from": f"{days.start}", "to": f"{days.end}", "organ": line.organ_code}
        return links.cases(part.key, words, days, actor) or _slice(part.key, words, actor)
    if not actor.has(*LISTS):
        return ""
    more = {"overdue": {"was_late": "true"}, "unsatisfied": {"verdict": "unsatisfied"}}.get(part.key, {})
    asked = {"state": "all", "organ": line.organ_code, "since": f"{days.start}", "until": f"{days.end}"}
    return f"{reverse('console:orders')}?{urlencode(asked | more)}"


def _slice(metric: str, words: dict[str, str], actor: Actor) -> str:
    """The figure by day among the slices, for what no list of single cases shows."""
    if not may_open("slice", actor.roles):
        return ""
    return links.address("slice", words | {"metrics": metric, "by": "day"})


@needs(*MAY_OPEN["appraisal_objections"])
@require_POST
def object_(request: HttpRequest, pk: int) -> HttpResponse:
    """The unit or the clerk appeals; who runs the place asks for a correction."""
    actor, now = actor_of(request), clock.now()
    row = queries.score_for(actor, pk)
    typed = {name: request.POST.get(name, "") for name in ("key", "text")}
    raise_ = objections.appeal if request.POST.get("kind") != "correction" else objections.ask_correction
    try:
        made = raise_(pk, key=typed["key"], reason=typed["text"], actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _score(request, row, typed=typed, no=no)
    messages.success(request, "已提出，由其他单位的复核或督办人员裁定，每一步都会通知您。")
    return redirect("console:appraisal_objection", made.pk)


@needs(*MAY_OPEN["appraisal_objections"])
@require_safe
def objections_list(request: HttpRequest) -> HttpResponse:
    """Those one has to do with, what waits first."""
    found = queries.objections_for(actor_of(request))
    chosen = request.GET.get("state", "")
    if chosen in objections.STATE_NAMES:
        found = found.filter(state=chosen)
    page = Paginator(found.order_by("ended_at", "due", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    lines = [(one, objections.KIND_NAMES[one.kind], objections.STATE_NAMES[one.state], _name_of(one)) for one in page]
    context = {
        "page": page,
        "lines": lines,
        "tabs": [("", "全部"), *objections.STATE_NAMES.items()],
        "chosen": chosen,
    }
    return render(request, "console/analysis/objections.html", context)


def _name_of(one: Objection) -> str:
    part = queries.as_line(one.score).part(one.key)
    return part.name if part else one.key


@needs(*MAY_OPEN["appraisal_objections"])
@require_safe
def objection(request: HttpRequest, pk: int) -> HttpResponse:
    """One appeal or request: every step, and what one may do now."""
    return _objection(request, queries.objection_for(actor_of(request), pk))


@needs(*MAY_OPEN["appraisal_objections"])
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Add, withdraw, decide; what is decided is asked twice."""
    actor, now = actor_of(request), clock.now()
    row = queries.objection_for(actor, pk)
    typed = {name: request.POST.get(name, "") for name in FIELDS}
    if request.POST.get("back"):
        return _objection(request, row, verb=verb, typed=typed)
    try:
        if verb != "add" and not request.POST.get("confirmed"):
            objections.check(row, verb, typed, actor=actor)
            context = _objection_context(actor, row) | {
                "verb": verb,
                "word": objections.VERB_NAMES[verb],
                "typed": typed,
            }
            return render(request, "console/analysis/objection_confirm.html", context)
        objections.act(pk, verb, typed, actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _objection(request, queries.objection_for(actor, pk), verb=verb, typed=typed, no=no)
    messages.success(request, f"已办理：{objections.VERB_NAMES[verb]}。")
    return redirect("console:appraisal_objection", pk)


def _objection(
    request: HttpRequest,
    row: Objection,
    *,
    verb: str = "",
    typed: dict[str, str] | None = None,
    no: Refused | None = None,
) -> HttpResponse:
    context = _objection_context(actor_of(request), row) | {
        "verb": verb,
        "typed": typed or {},
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
    }
    return render(request, "console/analysis/objection.html", context, status=no.status if no else 200)


def _objection_context(actor: Actor, row: Objection) -> dict[str, object]:
    (line,) = queries.with_corrections([queries.as_line(row.score)])
    parts, _ = queries.standing(line)
    part = next(part for part in parts if part.key == row.key)
    return {
        "row": row,
        "line": line,
        "kind": objections.KIND_NAMES[row.kind],
        "state": objections.STATE_NAMES[row.state],
        "part": part,
        "told": _told(part, line, row.score.appraisal.month, actor),
        "verbs": [(one, objections.VERB_NAMES[one]) for one in objections.verbs_for(row, actor)],
        "steps": [(one, objections.VERB_NAMES[one.verb]) for one in queries.steps_of(row)],
        "correction": next((one for one in line.corrections if one.objection_id == row.pk), None),
        "has_denominator": part.denominator is not None,
    }
