"""Taking a problem into the ledger by hand, and correcting one: what was typed stays until it is right."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import area_prefix
from haochaping.analytics.labels import label
from haochaping.analytics.problems import commands, queries
from haochaping.analytics.problems.drafts import Draft
from haochaping.analytics.problems.rules import By, refused
from haochaping.console import naming
from haochaping.console.access import needs
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy.queries import indicators
from haochaping.rectification.briefs.queries import as_
from haochaping.rectification.rules import CAUSE_NAMES
from haochaping.rectification.sight import orders_for

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpRequest, HttpResponse, QueryDict

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.problems.models import Problem

TEXTS = ("title", "description", "items", "lead", "co", "due", "start", "end", "orders")
LISTS = ("causes", "indicators")
USUAL_DAYS = timedelta(days=60)
ITEMS_OFFERED = 300
BAD_LEVELS = (1, 2)


@needs(*queries.KEEP)
@require_http_methods(["GET", "HEAD", "POST"])
def problem_new(request: HttpRequest) -> HttpResponse:
    """Take a problem into the ledger; a page of figures may bring along its slice in the address."""
    actor, now = actor_of(request), clock.now()
    typed, no = _given(request.POST if request.method == "POST" else request.GET), None
    if request.method == "POST":
        try:
            made = commands.register(_draft(typed, actor), actor=actor, now=now)
        except Refused as refusal:
            if refusal.status != 422:
                raise
            no = refusal
        else:
            messages.success(request, "已登记立项，责任单位能看到了。")
            return redirect("console:problem", made.pk)
    else:
        typed["due"] = typed["due"] or f"{clock.day(now) + USUAL_DAYS}"
    return _form(request, typed, no, None)


@needs(*queries.KEEP)
@require_http_methods(["GET", "HEAD", "POST"])
def problem_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Correct what stands in the ledger."""
    actor, now = actor_of(request), clock.now()
    found = queries.one_for(actor, pk)
    if By.KEEPER not in queries.parts_in(found, actor):
        raise queries.NOT_FOUND
    if not queries.may_change(found, actor):
        messages.warning(request, "这个问题已经办结，不能再修改。")
        return redirect("console:problem", pk)
    typed, no = _stored(found, actor), None
    if request.method == "POST":
        typed = _given(request.POST)
        try:
            commands.change(pk, _draft(typed, actor), seen=str(request.POST.get("seen", "")), actor=actor, now=now)
        except Refused as refusal:
            if refusal.status not in {409, 422}:
                raise
            no = refusal
        else:
            messages.success(request, "已保存。")
            return redirect("console:problem", pk)
    return _form(request, typed, no, found)


def items_for(actor: Actor) -> dict[str, str]:
    """The items of the actor's own places, by their code."""
    known = snapshot()
    found = {}
    for item in known.items.values():
        organ = known.organs.get(item.organ)
        if organ and actor.over(area=area_prefix(organ.area), organ=organ.path).has(*queries.KEEP):
            found[item.task_code] = item.name
    return found


def organs_for(actor: Actor) -> dict[str, str]:
    return {
        organ.code: organ.name
        for organ in snapshot().organs.values()
        if organ.is_active and actor.over(area=area_prefix(organ.area), organ=organ.path).has(*queries.KEEP)
    }


def _given(sent: QueryDict) -> dict[str, Any]:
    typed: dict[str, Any] = {name: str(sent.get(name, "")).replace("\x00", "") for name in TEXTS}
    typed["items"] = "\n".join(str(value).replace("\x00", "") for value in sent.getlist("items"))
    return typed | {name: [str(value) for value in sent.getlist(name)] for name in LISTS}


def _stored(found: Problem, actor: Actor) -> dict[str, Any]:
    units = queries.units_of([found])[found.pk]
    numbers = orders_for(actor).filter(pk__in=found.orders).order_by("order_no").values_list("order_no", flat=True)
    return {
        "title": found.title,
        "description": found.description,
        "items": "\n".join(f"{code} {queries.item_name(code)}" for code in found.items),
        "lead": next((unit.organ_name for unit in units if unit.is_lead), ""),
        "co": "\n".join(unit.organ_name for unit in units if not unit.is_lead),
        "due": _word(found.due),
        "start": _word(found.start),
        "end": _word(found.end),
        "orders": "\n".join(numbers),
        "causes": list(found.causes),
        "indicators": list(found.indicators),
    }


def _word(day: date | None) -> str:
    return day.isoformat() if day else ""


def _draft(typed: dict[str, Any], actor: Actor) -> Draft:
    """Names become codes; Refused 422 with every field whose name is not clear."""
    errors: list[FieldError] = []

    def codes(field: str, read: Any, names: dict[str, str], what: str) -> list[str]:
        if not typed[field].strip():
            return []
        try:
            found: list[str] = read(typed[field], names, what)
        except ValueError as error:
            errors.append(FieldError(field, "not_allowed", str(error)))
            return []
        return found

    organs = organs_for(actor)
    items = codes("items", naming.all_codes_of, items_for(actor), "事项")
    lead, co = codes("lead", naming.codes_of, organs, "单位"), codes("co", naming.codes_of, organs, "单位")
    if len(lead) > 1:
        errors.append(FieldError("lead", "not_allowed", "牵头单位只能有一个，其余写在配合单位里。"))
    if errors:
        raise refused(errors)
    return Draft(
        title=typed["title"],
        description=typed["description"],
        items=items,
        lead=lead[0] if lead else "",
        co=co,
        due=typed["due"],
        indicators=typed["indicators"],
        causes=typed["causes"],
        start=typed["start"],
        end=typed["end"],
        orders=[part for part in naming.BETWEEN.split(typed["orders"]) if part.strip()],
    )


def _form(request: HttpRequest, typed: dict[str, Any], no: Refused | None, found: Problem | None) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    scopes = as_(actor, *queries.KEEP).scopes
    area = scopes[0].area if scopes else ""
    norms = [norm for norm in indicators(area, clock.day(now)) if norm.level in BAD_LEVELS]
    known = {norm.code for norm in norms}
    chosen = [(code, label("indicator", code)) for code in typed["indicators"] if code not in known]
    names = sorted(set(items_for(actor).values()))
    organs = sorted(organs_for(actor).values())
    context = {
        "found": found,
        "typed": typed,
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
        "causes": list(CAUSE_NAMES.items()),
        "levels": [
            (word, [(norm.code, norm.name) for norm in norms if norm.level == level])
            for level, word in ((1, "非常不满意"), (2, "不满意"))
        ],
        "others": chosen,
        "organs": organs if len(organs) <= ITEMS_OFFERED else [],
        "names": names[:ITEMS_OFFERED] if len(names) <= ITEMS_OFFERED else [],
    }
    return render(request, "console/analysis/problem_form.html", context, status=no.status if no else 200)
