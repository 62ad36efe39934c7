"""信息专报: orders picked, the system's figures beside the author's words, a leader's instruction, a paper to hand on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console import papers
from haochaping.console.access import needs
from haochaping.console.pages.meetings import where_of
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.briefs import commands, queries
from haochaping.rectification.briefs.rules import CASES_MOST, LONGEST, QUOTES_MOST, STATE_NAMES, TEXTS, By, State
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.briefs.models import Brief

CHIPS = {
    State.DRAFT: "chip-plain",
    State.SUBMITTED: "chip-warn",
    State.APPROVED: "chip-good",
    State.ARCHIVED: "chip-plain",
}
SHOWN = 100  # orders offered to be ticked one by one; all that fit may be taken together


class Asked(forms.Form):
    """By what orders are picked. An answer that makes no sense is left aside."""

    item = forms.CharField(required=False, max_length=100, label="事项")
    cause = forms.ChoiceField(required=False, choices=[("", "全部"), *CAUSE_NAMES.items()], label="原因")
    organ = forms.CharField(required=False, max_length=100, label="承办单位")
    since = forms.DateField(required=False, label="派发日自")
    until = forms.DateField(required=False, label="至")

    @property
    def words(self) -> list[tuple[str, str]]:
        """What was asked, as the brief says it."""
        return [
            (str(self.fields[name].label), CAUSE_NAMES[value] if name == "cause" else str(value))
            for name, value in self.cleaned_data.items()
            if value
        ]


@needs(*MAY_OPEN["briefs"])
@require_safe
def briefs(request: HttpRequest) -> HttpResponse:
    """Those one may see, what waits first."""
    actor = actor_of(request)
    seen, chosen = queries.briefs_for(actor), request.GET.get("state", "")
    found = seen.filter(state=chosen) if chosen in tuple(State) else seen
    page = Paginator(found.order_by("-made_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [
            (each, queries.number_of(each), STATE_NAMES[State(each.state)], CHIPS[State(each.state)]) for each in page
        ],
        "tabs": [("", "全部"), *STATE_NAMES.items()],
        "chosen": chosen if chosen in tuple(State) else "",
        "may_write": actor.has(*queries.WRITE),
    }
    return render(request, "console/briefs.html", context)


@needs(*queries.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def brief_new(request: HttpRequest) -> HttpResponse:
    """Pick orders by a filter, or tick them one by one, and begin a brief about them."""
    actor, now = actor_of(request), clock.now()
    asked = Asked({name: str(value).replace("\x00", "") for name, value in request.GET.items()})
    asked.is_valid()
    given = asked.cleaned_data
    found = queries.candidates(
        actor,
        now,
        item=given.get("item") or "",
        cause=given.get("cause") or "",
        organ=given.get("organ") or "",
        start=given.get("since"),
        end=given.get("until"),
    )
    n, no = found.count(), None
    if request.method == "POST":
        ticked = request.POST.getlist("case")
        numbers = found if request.POST.get("all") == "1" else found.filter(order_no__in=ticked)
        cases = list(numbers.values_list("pk", flat=True)[: CASES_MOST + 1])
        words = asked.words if request.POST.get("all") == "1" else [*asked.words, ("挑选", "逐件勾选")]
        title = str(request.POST.get("title", ""))
        try:
            made = commands.draft(title, cases, asked=words, office=office_of(actor), actor=actor, now=now)
        except Refused as refused:
            if refused.status != 422:
                raise
            no = refused
        else:
            return redirect("console:brief", made.pk)
    context = {
        "asked": asked,
        "causes": list(CAUSE_NAMES.items()),
        "orders": list(found[:SHOWN]),
        "n": n,
        "shown": SHOWN,
        "most": CASES_MOST,
        "title": request.POST.get("title", ""),
        "ticked": request.POST.getlist("case"),
        "is_all": request.POST.get("all") == "1",
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
    }
    return render(request, "console/brief_new.html", context, status=no.status if no else 200)


@needs(*MAY_OPEN["briefs"])
@require_safe
def brief(request: HttpRequest, pk: int) -> HttpResponse:
    """One brief: written on while it is a draft, read afterwards; what one may do with it."""
    return _show(request, queries.one_for(actor_of(request), pk))


@needs(*queries.WRITE)
@require_POST
def write(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what the author wrote."""
    actor = actor_of(request)
    found = queries.one_for(actor, pk)
    typed = {name: str(request.POST.get(name, "")) for name in TEXTS}
    try:
        commands.write(pk, typed, request.POST.getlist("quote"), seen=request.POST.get("seen", ""), actor=actor)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, found, typed=typed, no=no)
    messages.success(request, "已保存。")
    return redirect("console:brief", pk)


@needs(*MAY_OPEN["briefs"])
@require_POST
def act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Submit, instruct, return, archive: asked once more before it is done."""
    actor, now = actor_of(request), clock.now()
    found, text = queries.one_for(actor, pk), str(request.POST.get("text", ""))
    if request.POST.get("back"):
        return _show(request, found, verb=verb, text=text)
    try:
        if not request.POST.get("confirmed"):
            step, said = commands.check(found, verb, text, actor=actor)
            return render(request, "console/brief_confirm.html", {"brief": found, "step": step, "text": said})
        after = commands.act(pk, verb, text, actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, queries.one_for(actor, pk), verb=verb, text=text, no=no)
    messages.success(request, f"已办理，专报现为“{STATE_NAMES[State(after.state)]}”。")
    is_there = queries.briefs_for(actor).filter(pk=pk).exists()
    return redirect("console:brief", pk) if is_there else redirect("console:briefs")


@needs(*MAY_OPEN["briefs"], fresh=True)
@require_safe
def paper(request: HttpRequest, pk: int) -> HttpResponse:
    """The brief as a paper of A4. Its quotations are those that may be quoted at this moment."""
    found = queries.one_for(actor_of(request), pk)
    now = clock.now()
    context = {
        "brief": found,
        "number": queries.number_of(found),
        "told": _told(found),
        "quotes": queries.chosen_quotes(found),
        "day": clock.day(found.decided_at or found.submitted_at or now),
        "state": STATE_NAMES[State(found.state)],
    }
    return papers.answer(papers.pdf("console/papers/brief.html", context), f"信息专报_{found.title}")


def office_of(actor: Actor) -> str:
    """In whose name the author writes: their organ's, else their place's."""
    organ = snapshot().organs.get(actor.organ.strip("/").rpartition("/")[2]) if actor.organ else None
    return organ.name if organ else f"{where_of(actor)}政务服务督办"


def _told(found: Brief) -> dict[str, Any]:
    """Its figures as they stood at submission, or as they stand while it is written."""
    return found.figures or queries.figures_of(found.cases, clock.now())


def _show(
    request: HttpRequest,
    found: Brief,
    *,
    typed: dict[str, str] | None = None,
    verb: str = "",
    text: str = "",
    no: Refused | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    wrong = {error.field: error.message for error in no.fields} if no else {}
    may_write = found.state == State.DRAFT and By.AUTHOR in queries.parts_in(found, actor)
    texts = [
        (name, label, (typed or {}).get(name, getattr(found, name)), wrong.get(name, ""))
        for name, label in TEXTS.items()
    ]
    context = {
        "brief": found,
        "number": queries.number_of(found),
        "state": STATE_NAMES[State(found.state)],
        "chip": CHIPS[State(found.state)],
        "texts": texts,
        "longest": LONGEST,
        "may_write": may_write,
        "told": _told(found),
        "quotes": queries.quotes_of(found.cases) if may_write else queries.chosen_quotes(found),
        "chosen": set(found.quotes),
        "quotes_most": QUOTES_MOST,
        "steps": queries.open_steps(found, actor),
        "history": queries.history(found),
        "verb": verb,
        "text": text,
        "no": no,
        "wrong": wrong,
    }
    return render(request, "console/brief.html", context, status=no.status if no else 200)
