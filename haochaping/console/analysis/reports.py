"""报告: what the system has written, read as it will be printed; written on, approved by a second person, downloaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.analytics.reports import commands, queries
from haochaping.analytics.reports.kinds import KINDS, Kind
from haochaping.analytics.reports.paper import laid_out, pdf
from haochaping.analytics.reports.rules import FINAL, LONGEST, OWED, STATE_NAMES, TEXTS, By, State
from haochaping.console import papers
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.analytics.reports.models import Report

CHIPS = {
    State.QUEUED: "chip-plain",
    State.FAILED: "chip-bad",
    State.DRAFT: "chip-plain",
    State.SUBMITTED: "chip-warn",
    State.APPROVED: "chip-good",
    State.ARCHIVED: "chip-good",
    State.WITHDRAWN: "chip-bad",
    State.DROPPED: "chip-plain",
}
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
LISTED = tuple(state for state in State if state is not State.DROPPED)  # by default


@needs(*MAY_OPEN["reports"])
@require_safe
def reports(request: HttpRequest) -> HttpResponse:
    """Those one may see, newest period first, by kind, state and words."""
    actor = actor_of(request)
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    may_write, may_approve = actor.has(*queries.WRITE), actor.has(*queries.APPROVE)
    found = queries.reports_for(actor)
    found = found.filter(state=state) if state in tuple(State) else found.filter(state__in=LISTED)
    if kind in tuple(Kind):
        found = found.filter(kind=kind)
    if text:
        found = found.filter(title__icontains=text) | found.filter(place__icontains=text)
    page = Paginator(found.order_by("-end", "-made_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    states = tuple(State) if may_write else (State.SUBMITTED, State.APPROVED, *FINAL) if may_approve else FINAL
    context = {
        "page": page,
        "lines": [_line(each) for each in page],
        "kinds": [(one, spec.name) for one, spec in KINDS.items()],
        "states": [(one, STATE_NAMES[one]) for one in states],
        "kind": kind,
        "state": state,
        "text": text,
        "may_write": may_write,
        "is_filtered": bool(kind or state or text),
        "waiting": queries.waiting_for(actor),
    }
    return render(request, "console/analysis/reports.html", context)


def _line(report: Report) -> dict[str, Any]:
    state = State(report.state)
    return {
        "report": report,
        "kind": KINDS[Kind(report.kind)].name,
        "title": report.title or f"{report.place}{KINDS[Kind(report.kind)].name}（{queries.period_of(report).words}）",
        "number": queries.number_of(report),
        "state": STATE_NAMES[state],
        "chip": CHIPS[state],
    }


@needs(*MAY_OPEN["reports"])
@require_safe
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """One report as it will be printed; what one may do with it. While it is drawn the page looks again by itself."""
    return _show(request, queries.one_for(actor_of(request), pk))


def _show(
    request: HttpRequest,
    found: Report,
    *,
    typed: dict[str, str] | None = None,
    verb: str = "",
    text: str = "",
    no: Refused | None = None,
) -> HttpResponse:
    actor, state = actor_of(request), State(found.state)
    wrong = {error.field: error.message for error in no.fields} if no else {}
    document = queries.document_of(found)
    may_write = state is State.DRAFT and By.AUTHOR in queries.parts_in(found, actor)
    owed = OWED.get(Kind(found.kind), ())
    context = {
        **_line(found),
        "is_topic": found.kind == Kind.TOPIC,
        "period": queries.period_of(found).words,
        "is_working": state in {State.QUEUED, State.APPROVED},
        "document": document,
        "sections": list(laid_out(document)) if document else [],
        "files": queries.files_of(found)
        if state is State.ARCHIVED or By.OWNER in queries.parts_in(found, actor)
        else [],
        "may_write": may_write,
        "may_preview": By.OWNER in queries.parts_in(found, actor) and state in {State.DRAFT, State.SUBMITTED},
        "texts": [
            (name, label, (typed or {}).get(name, getattr(found, name)), wrong.get(name, ""), name in owed)
            for name, label in TEXTS.items()
        ],
        "longest": LONGEST,
        "steps": queries.open_steps(found, actor),
        "must_be_second": state is State.SUBMITTED
        and By.OWNER in queries.parts_in(found, actor)
        and actor.id in found.writers,
        "history": queries.history(found),
        "verb": verb,
        "text": text,
        "no": no,
        "wrong": wrong,
    }
    return render(request, "console/analysis/report.html", context, status=no.status if no else 200)


@needs(*queries.WRITE)
@require_POST
def write(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what the author wrote beside the figures."""
    actor = actor_of(request)
    found = queries.one_for(actor, pk)
    typed = {name: str(request.POST.get(name, "")) for name in TEXTS}
    try:
        commands.write(pk, typed, seen=request.POST.get("seen", ""), actor=actor)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, found, typed=typed, no=no)
    messages.success(request, "已保存。")
    return redirect("console:report", pk)


@needs(*queries.APPROVE)
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Submit, approve, return, withdraw: asked once more before it is done."""
    actor, now = actor_of(request), clock.now()
    found, text = queries.one_for(actor, pk), str(request.POST.get("text", ""))
    if request.POST.get("back"):
        return _show(request, found, verb=verb, text=text)
    try:
        if not request.POST.get("confirmed"):
            step, said = commands.check(found, verb, text, actor=actor)
            context = {**_line(found), "step": step, "text": said}
            return render(request, "console/analysis/report_confirm.html", context)
        after = commands.act(pk, verb, text, actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, queries.one_for(actor, pk), verb=verb, text=text, no=no)
    messages.success(request, f"已办理，报告现为“{STATE_NAMES[State(after.state)]}”。")
    is_there = queries.reports_for(actor).filter(pk=pk).exists()
    return redirect("console:report", pk) if is_there else redirect("console:reports")


@needs(*MAY_OPEN["reports"])
@require_safe
def chart(request: HttpRequest, pk: int, n: int) -> HttpResponse:
    """A chart as it is printed; its numbers stand in the table below it."""
    found = queries.one_for(actor_of(request), pk)
    return HttpResponse(queries.file_of(found, f"{n}.png"), content_type="image/png")


@needs(*MAY_OPEN["reports"])
@require_safe
def paper(request: HttpRequest, pk: int) -> HttpResponse:
    """The PDF: as it was archived; before that, for those who work on it, a proof marked as one."""
    actor = actor_of(request)
    found = queries.one_for(actor, pk)
    if found.state in {State.DRAFT, State.SUBMITTED}:
        document = queries.document_of(found)
        if document is None or By.OWNER not in queries.parts_in(found, actor):
            raise queries.NO_FILE
        content = pdf(document, queries.drawings(found, "svg"), mark=STATE_NAMES[State(found.state)])
        return papers.answer(content, f"{found.title}（{STATE_NAMES[State(found.state)]}）")
    return papers.answer(_kept(found, actor, "pdf"), found.title)


@needs(*MAY_OPEN["reports"])
@require_safe
def word(request: HttpRequest, pk: int) -> HttpResponse:
    """The Word document as it was archived."""
    actor = actor_of(request)
    found = queries.one_for(actor, pk)
    return papers.download(_kept(found, actor, "docx"), f"{found.title}.docx", WORD)


def _kept(found: Report, actor: Any, name: str) -> bytes:
    """A file of an archived report; of a withdrawn one only for those who supervise or lead there."""
    if found.state == State.WITHDRAWN and By.OWNER not in queries.parts_in(found, actor):
        raise Refused("withdrawn", 404, "这份报告已撤回，不再提供下载。撤回理由见报告页。")
    return queries.file_of(found, name)
