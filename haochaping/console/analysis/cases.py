"""优秀案例: nominated by a unit, reviewed by those who supervise, published for everybody to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.analytics.problems import cases as commands
from haochaping.analytics.problems import effects, queries
from haochaping.analytics.problems.rules import CASE_STATE_NAMES, CASE_TEXTS, LABELS, CaseState, State
from haochaping.console import naming
from haochaping.console.access import needs
from haochaping.console.analysis import problem_steps
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.problems.models import ExcellentCase

CHIPS = {
    CaseState.NOMINATED: "chip-warn",
    CaseState.RETURNED: "chip-bad",
    CaseState.ACCEPTED: "",
    CaseState.PUBLISHED: "chip-good",
    CaseState.WITHDRAWN: "chip-plain",
}
NOMINATE = (Role.HANDLER, *queries.KEEP)
HINTS = {
    "background": "原来群众遇到什么麻烦；可以写数据，不写评价人",
    "practice": "怎样做的，别的单位照着能学",
    "effect": "现在怎样，最好有前后数据",
}


@needs(*MAY_OPEN["cases"])
@require_safe
def cases(request: HttpRequest) -> HttpResponse:
    """Those one may see, newest first."""
    actor = actor_of(request)
    seen, chosen = queries.cases_for(actor), request.GET.get("state", "")
    found = seen.filter(state=chosen) if chosen in tuple(CaseState) else seen
    page = Paginator(found.order_by("-nominated_at", "-pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [(one, CASE_STATE_NAMES[CaseState(one.state)], CHIPS[CaseState(one.state)]) for one in page],
        "tabs": [("", "全部"), *CASE_STATE_NAMES.items()],
        "chosen": chosen if chosen in tuple(CaseState) else "",
        "may_nominate": actor.has(*NOMINATE),
    }
    return render(request, "console/analysis/cases.html", context)


@needs(*NOMINATE)
@require_http_methods(["GET", "HEAD", "POST"])
def case_new(request: HttpRequest) -> HttpResponse:
    """Nominate a case, about a solved problem or about none."""
    actor, now = actor_of(request), clock.now()
    given = request.POST if request.method == "POST" else request.GET
    typed = {name: str(given.get(name, "")).replace("\x00", "") for name in (*CASE_TEXTS, "organ", "problem")}
    organs, no = commands.organs_for(actor), None
    if request.method == "POST":
        try:
            organ = _organ(typed["organ"], organs)
            about = int(typed["problem"]) if typed["problem"].isdecimal() else None
            made = commands.nominate(organ, typed, problem=about, actor=actor, now=now)
        except Refused as refusal:
            if refusal.status != 422:
                raise
            no = refusal
        else:
            messages.success(request, "案例已报送，等待评审。")
            return redirect("console:case", made.pk)
    else:
        typed |= _drawn_from(actor, typed["problem"])
        if len(organs) == 1:
            typed["organ"] = next(iter(organs.values()))
    return _form(request, typed, no, None, organs)


@needs(*NOMINATE)
@require_http_methods(["GET", "HEAD", "POST"])
def case_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Rewrite a case that was returned."""
    actor, now = actor_of(request), clock.now()
    found = queries.case_for(actor, pk)
    if not queries.may_change_case(found, actor):
        messages.warning(request, "这个案例不在退回修改中，或不由您修改。")
        return redirect("console:case", pk)
    typed, no = {name: str(getattr(found, name)) for name in CASE_TEXTS}, None
    if request.method == "POST":
        typed = {name: str(request.POST.get(name, "")).replace("\x00", "") for name in CASE_TEXTS}
        try:
            commands.change_case(pk, typed, seen=str(request.POST.get("seen", "")), actor=actor, now=now)
        except Refused as refusal:
            if refusal.status not in {409, 422}:
                raise
            no = refusal
        else:
            messages.success(request, "已保存。改好后请重新报送。")
            return redirect("console:case", pk)
    return _form(request, typed, no, found, {})


@needs(*MAY_OPEN["cases"])
@require_safe
def case(request: HttpRequest, pk: int) -> HttpResponse:
    """One case, and what one may do with it."""
    return _show(request, queries.case_for(actor_of(request), pk))


@needs(*MAY_OPEN["cases"])
@require_POST
def case_act(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Go on with a case; every step is shown once more before it is made."""
    actor, now = actor_of(request), clock.now()
    found = queries.case_for(actor, pk)
    typed = {name: str(request.POST.get(name, "")) for name in LABELS if name in request.POST}
    if request.POST.get("back"):
        return _show(request, found, verb=verb, typed=typed)
    try:
        if not request.POST.get("confirmed"):
            return _confirm(request, found, verb, typed)
        after = commands.act_case(pk, verb, typed, actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, queries.case_for(actor, pk), verb=verb, typed=typed, no=no)
    messages.success(request, f"已办理，案例现为“{CASE_STATE_NAMES[CaseState(after.state)]}”。")
    return redirect("console:case", pk)


def _confirm(request: HttpRequest, found: ExcellentCase, verb: str, typed: dict[str, str]) -> HttpResponse:
    step, facts = commands.check_case(found, verb, typed, actor=actor_of(request), now=clock.now())
    told = [(problem_steps.label_of(step, name), facts[name]) for name in step.needs]
    if verb == "publish":
        told = [("报送单位", found.organ_name), *((label, getattr(found, name)) for name, label in CASE_TEXTS.items())]
    context = {
        "what": "案例",
        "title": found.title,
        "home": "console:cases",
        "home_title": "优秀案例",
        "back": "console:case",
        "pk": found.pk,
        "step": step,
        "notice": problem_steps.CASE_NOTICES[verb],
        "told": told,
        "facts": facts,
    }
    return render(request, "console/analysis/confirm.html", context)


def _organ(typed: str, organs: dict[str, str]) -> str:
    try:
        return naming.code_of(typed, organs)
    except ValueError as error:
        raise Refused("facts_refused", 422, str(error), (FieldError("organ", "not_allowed", str(error)),)) from None


def _drawn_from(actor: Actor, problem: str) -> dict[str, str]:
    """What a solved problem says for the case about it."""
    seen = queries.problems_for(actor).filter(state=State.SOLVED)
    found = seen.filter(pk=int(problem)).first() if problem.isdecimal() and len(problem) < 10 else None
    if found is None:
        return {"problem": ""}
    did = "\n".join(f"{m.in_force:%Y-%m-%d}起：{m.text}" for m in queries.measures_of(found))
    words = (
        found.judged["words"] if found.judged else effects.effect(effects.around(found), now=clock.now()).outcome.words
    )
    lead = next((unit.organ_name for unit in queries.units_of([found])[found.pk]), "")
    return {"background": found.description, "practice": did, "effect": words, "organ": lead}


def _form(
    request: HttpRequest, typed: dict[str, str], no: Refused | None, found: ExcellentCase | None, organs: dict[str, str]
) -> HttpResponse:
    actor = actor_of(request)
    solved = queries.problems_for(actor).filter(state=State.SOLVED).order_by("-solved_at")[:100] if not found else ()
    wrong = {error.field: error.message for error in no.fields} if no else {}
    names = sorted(organs.values())
    context = {
        "found": found,
        "typed": typed,
        "no": no,
        "wrong": wrong,
        "texts": [
            (name, label, typed.get(name, ""), wrong.get(name, ""), HINTS.get(name, ""))
            for name, label in CASE_TEXTS.items()
        ],
        "solved": [(str(one.pk), f"{queries.number_of(one)} {one.title}") for one in solved],
        "organs": names if len(names) <= 300 else [],
    }
    return render(request, "console/analysis/case_form.html", context, status=no.status if no else 200)


def _show(
    request: HttpRequest,
    found: ExcellentCase,
    *,
    verb: str = "",
    typed: dict[str, str] | None = None,
    no: Refused | None = None,
) -> HttpResponse:
    actor = actor_of(request)
    about = queries.problems_for(actor).filter(pk=found.problem_id).first() if found.problem_id else None
    context = {
        "case": found,
        "state": CASE_STATE_NAMES[CaseState(found.state)],
        "chip": CHIPS[CaseState(found.state)],
        "texts": [(label, getattr(found, name)) for name, label in CASE_TEXTS.items() if name != "title"],
        "forms": problem_steps.drawn(queries.open_case_steps(found, actor), {}, {}, verb=verb, typed=typed, no=no),
        "may_change": queries.may_change_case(found, actor),
        "about": about,
        "history": queries.case_history(found) if queries.parts_in_case(found, actor) else [],
        "verb": verb,
        "no": no,
    }
    return render(request, "console/analysis/case.html", context, status=no.status if no else 200)
