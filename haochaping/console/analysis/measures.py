"""以评促优: every measure with what it did to the ratings, and the curve of one item around the measures that concern it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.analytics.problems import effects as worth
from haochaping.analytics.problems import queries
from haochaping.analytics.problems.rules import OBSERVED_LEAST, RATED_LEAST, WINDOW
from haochaping.analytics.queries import reach_of
from haochaping.console.access import needs
from haochaping.console.analysis import curves
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.queries import snapshot
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.problems.models import Problem, ProblemMeasure

LENGTHS = (7, 14, 30, 60, 90)
OFFERED = 300


@needs(*MAY_OPEN["effects"])
@require_safe
def effects(request: HttpRequest) -> HttpResponse:
    """All measures within sight, newest first; those of one item with its curve where one is asked for."""
    actor, now = actor_of(request), clock.now()
    given = {name: str(value).replace("\x00", "").strip()[:100] for name, value in request.GET.items()}
    days = int(given["days"]) if given.get("days", "").isdecimal() and int(given["days"]) in LENGTHS else WINDOW
    found = queries.measures_for(actor)
    item, codes = _item(actor, given.get("item", ""))
    if item:
        found = found.filter(problem_id__in=_problems_of(actor, codes).values("pk"))
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    measures = list(page)
    known = {one.pk: one for one in queries.problems_for(actor).filter(pk__in={m.problem_id for m in measures})}
    context: dict[str, Any] = {
        "page": page,
        "lines": _lines(measures, known, codes, days, now),
        "lengths": LENGTHS,
        "days": days,
        "item": item,
        "typed": given.get("item", ""),
        "codes": codes,
        "offered": _offered(actor),
        "least": RATED_LEAST,
        "observed": OBSERVED_LEAST,
        "keeps": actor.has(*queries.KEEP),
    }
    if item:
        marked = sorted({m.in_force for m in found[: curves.MONTHS]})
        context["curve"] = curves.of(codes, marked, given.get("unit", ""), now=now, scopes=reach_of(actor))
    return render(request, "console/analysis/effects.html", context)


def _lines(
    measures: Sequence[ProblemMeasure], known: dict[int, Problem], codes: Sequence[str], days: int, now: datetime
) -> list[tuple[ProblemMeasure, Problem, worth.Effect]]:
    """Each measure, with what it did to the problem's items, or to the item that was asked for."""
    wanted = [worth.Around(tuple(codes) or tuple(known[m.problem_id].items), m.in_force, m.in_force) for m in measures]
    found = worth.effects(wanted, now=now, most=days)
    return [(m, known[m.problem_id], each) for m, each in zip(measures, found, strict=True)]


def _problems_of(actor: Actor, codes: Sequence[str]) -> QuerySet[Problem]:
    return queries.problems_for(actor).filter(items__overlap=list(codes)).order_by()


def _item(actor: Actor, typed: str) -> tuple[str, list[str]]:
    """The name of the item that was named by code or by its whole name, and the codes within sight that bear it."""
    affected = {code for items in queries.problems_for(actor).values_list("items", flat=True) for code in items}
    names = {code: queries.item_name(code) for code in affected}
    if typed in names:
        return names[typed], [typed]
    codes = sorted(code for code, name in names.items() if typed and name == typed)
    return (typed, codes) if codes else ("", [])


def _offered(actor: Actor) -> list[str]:
    affected = {code for items in queries.problems_for(actor).values_list("items", flat=True) for code in items}
    return sorted({snapshot().items[code].name for code in affected if code in snapshot().items})[:OFFERED]
