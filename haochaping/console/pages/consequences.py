"""约谈、培训、通报、表扬、劝诫: what was proposed and decided, and each with its steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console import naming
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.consequences import commands, queries
from haochaping.rectification.consequences.rules import (
    CONCERNS,
    DATES,
    KIND_NAMES,
    LABELS,
    STATE_NAMES,
    SUBJECT_NAMES,
    Kind,
    State,
    Subject,
)
from haochaping.rectification.sight import by_number, one_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.consequences.models import Consequence

DRAFTED = tuple(kind for kind in Kind if kind is not Kind.ADMONITION)  # an admonition begins at its order
DRAFTED_FOR = tuple(subject for subject in Subject if subject is not Subject.RATER)
LISTED = 300  # of a kind of subject, that are offered while one types; more are found by what was sent
CODE = re.compile(r"[0-9A-Za-z-]{4,64}")
TABS = (
    ("open", "待办"),
    (State.PROPOSED, "待决定"),
    (State.ORDERED, "待落实"),
    (State.DONE, "已完成"),
    (State.DROPPED, "已撤销"),
)


@needs(*MAY_OPEN["consequences"])
@require_safe
def consequences(request: HttpRequest) -> HttpResponse:
    """What one may see, what waits first."""
    actor = actor_of(request)
    seen = queries.consequences_for(actor)
    kind, chosen = request.GET.get("kind", ""), request.GET.get("state", "")
    found = seen.filter(kind=kind) if kind in tuple(Kind) else seen
    if chosen in tuple(State):
        found = found.filter(state=chosen)
    elif chosen == "open":
        found = found.filter(state__in=[state for state in State if state.is_open])
    page = Paginator(found.order_by("ended_at", "-made_at"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [(record, *_words(record)) for record in page],
        "tabs": [("", "全部"), *TABS],
        "chosen": chosen if chosen == "open" or chosen in tuple(State) else "",
        "kinds": list(KIND_NAMES.items()),
        "kind": kind,
        "may_draft": actor.has(*queries.DECIDE),
    }
    return render(request, "console/consequences.html", context)


@needs(*MAY_OPEN["consequences"])
@require_safe
def consequence(request: HttpRequest, pk: int) -> HttpResponse:
    """One record: why, what was decided, what one may do now."""
    return _show(request, queries.one_for(actor_of(request), pk))


@needs(*MAY_OPEN["consequences"])
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Go on with a record; what others hear of is asked twice."""
    actor, now = actor_of(request), clock.now()
    record = queries.one_for(actor, pk)
    typed = {name: str(request.POST.get(name, "")) for name in LABELS}
    if request.POST.get("back"):
        return _show(request, record, verb=verb, typed=typed)
    try:
        if not request.POST.get("confirmed"):
            return _confirm(request, record, verb, typed)
        record = commands.act(pk, verb, typed, actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, queries.one_for(actor, pk), verb=verb, typed=typed, no=no, status=no.status)
    messages.success(request, f"已办理，现为“{STATE_NAMES[State(record.state)]}”。")
    return redirect("console:consequence", pk)


def _confirm(request: HttpRequest, record: Consequence, verb: str, typed: dict[str, str]) -> HttpResponse:
    """What would be done, in words; Refused as the step itself."""
    actor, now = actor_of(request), clock.now()
    step = commands.check(record, verb, typed, actor=actor, now=now)
    kind, subject, state = _words(record)
    told = [(LABELS[name], typed[name]) for name in step.needs]
    context = {
        "record": record,
        "kind": kind,
        "subject": subject,
        "state": state,
        "step": step,
        "told": told,
        "typed": typed,
    }
    return render(request, "console/consequence_confirm.html", context)


@needs(*queries.DECIDE)
@require_http_methods(["GET", "HEAD", "POST"])
def consequence_new(request: HttpRequest) -> HttpResponse:
    """Draft one for a clerk, window, organ or place."""
    given = request.POST if request.method == "POST" else request.GET
    typed = {name: str(given.get(name, "")) for name in ("kind", "subject_kind", "subject", "title", "text", "cases")}
    actor, no = actor_of(request), None
    if request.method == "POST":
        try:
            kind, subject_kind = (
                _one_of(Kind, typed["kind"], "kind"),
                _one_of(Subject, typed["subject_kind"], "subject_kind"),
            )
            record = commands.propose(
                kind,
                subject_kind,
                _subject(actor, subject_kind, typed["subject"]),
                title=typed["title"],
                text=typed["text"],
                cases=typed["cases"].replace("，", ",").replace("\n", ",").split(","),
                actor=actor,
                now=clock.now(),
            )
        except Refused as refused:
            if refused.status not in {404, 409, 422}:
                raise
            no = refused
        else:
            messages.success(request, "已提出，请核对后决定或发布。")
            return redirect("console:consequence", record.pk)
    fitting = CONCERNS[Kind(typed["kind"])] if typed["kind"] in DRAFTED else DRAFTED_FOR
    context = {
        "typed": typed,
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
        "kinds": [(kind, KIND_NAMES[kind], " ".join(CONCERNS[kind])) for kind in DRAFTED],
        "subjects": [(s, SUBJECT_NAMES[s], s in fitting) for s in DRAFTED_FOR],
        "offered": _offered(actor, [Subject(typed["subject_kind"])] if typed["subject_kind"] in fitting else fitting),
        "fits": [(KIND_NAMES[k], "、".join(SUBJECT_NAMES[s] for s in CONCERNS[k])) for k in DRAFTED],
    }
    return render(request, "console/consequence_new.html", context, status=no.status if no else 200)


@needs(*queries.DECIDE)
@require_http_methods(["GET", "HEAD", "POST"])
def admonish(request: HttpRequest, order_no: str) -> HttpResponse:
    """Draft the admonition of an order's rater, where an appeal against malice was upheld for good."""
    actor, now = actor_of(request), clock.now()
    order = by_number(actor, order_no)
    commands.open_to(order, actor)
    why = queries.why_not_admonish(order, now)
    text, no = str(request.POST.get("text", "")), None
    if request.method == "POST" and not why:
        try:
            record = commands.admonish(order, text=text, actor=actor, now=now)
        except Refused as refused:
            if refused.status not in {409, 422}:
                raise
            no = refused
        else:
            messages.success(request, "劝诫已起草，请核对后送达。")
            return redirect("console:consequence", record.pk)
    status = no.status if no else 409 if request.method == "POST" else 200
    return render(
        request,
        "console/consequence_admonish.html",
        {"order": order, "why": why, "text": text, "no": no},
        status=status,
    )


def _subject(actor: Actor, kind: Subject, typed: str) -> str:
    """The code of whom somebody named; a code that is not theirs goes on, and `propose` says why not."""
    if kind is Subject.RATER or not typed.strip() or CODE.fullmatch(typed.strip()):
        return typed
    try:
        return naming.code_of(typed, queries.subjects_for(actor, kind), SUBJECT_NAMES[kind])
    except ValueError as error:
        raise commands.wrong("subject", str(error)) from None


def _offered(actor: Actor, kinds: Sequence[Subject]) -> list[tuple[str, str]]:
    """Names to choose from while one types, each with its kind."""
    found = []
    for kind in kinds:
        names = sorted(set(queries.subjects_for(actor, kind).values()))
        found += [(name, SUBJECT_NAMES[kind]) for name in names] if len(names) <= LISTED else []
    return found


def _one_of(kinds: Any, value: str, field: str) -> Any:
    if value not in tuple(kinds):
        raise commands.wrong(field, "请从列出的选项中选择。")
    return kinds(value)


def _words(record: Consequence) -> tuple[str, str, str]:
    subject = Subject(record.subject_kind)
    name = "评价人（身份封存）" if subject is Subject.RATER else f"{SUBJECT_NAMES[subject]} {record.subject_name}"
    return KIND_NAMES[Kind(record.kind)], name, STATE_NAMES[State(record.state)]


def _show(
    request: HttpRequest,
    record: Consequence,
    *,
    verb: str = "",
    typed: dict[str, str] | None = None,
    no: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    kind, subject, state = _words(record)
    wrong = {error.field: error.message for error in no.fields} if no else {}
    steps = [
        (
            step,
            [
                (
                    name,
                    LABELS[name],
                    name in DATES,
                    _value(record, step.verb, name, verb, typed),
                    wrong.get(name, "") if step.verb == verb else "",
                )
                for name in step.needs
            ],
        )
        for step in queries.open_steps(record, actor)
    ]
    context = {
        "record": record,
        "kind": kind,
        "subject": subject,
        "state": state,
        "steps": steps,
        "verb": verb,
        "no": no,
        "history": queries.history(record),
        "cases": queries.cases_of(record, actor),
        "order": _order_no(record, actor),
    }
    return render(request, "console/consequence.html", context, status=status)


def _value(record: Consequence, step: str, name: str, verb: str, typed: dict[str, str] | None) -> str:
    if step == verb and typed:
        return typed.get(name, "")
    return record.text if (step, name) == ("decide", "text") else ""


def _order_no(record: Consequence, actor: Any) -> str:
    return one_for(actor, record.order_id).order_no if record.order_id else ""
