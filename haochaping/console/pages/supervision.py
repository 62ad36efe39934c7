"""督办: what is late, by how much and with whom; what was urged in vain, came back, is not content; what will be late next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console.access import needs
from haochaping.console.queries import area_name, end_of_next_workday
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.rectification import oversight

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor

QUIET = {"extension", "convened", "soon"}  # they wait for somebody, but nobody is at fault yet


@needs(*MAY_OPEN["supervision"])
@require_safe
def supervision(request: HttpRequest) -> HttpResponse:
    """The board of who supervises; one concern at a time as a list."""
    actor, now = actor_of(request), clock.now()
    until = end_of_next_workday(now)
    known = oversight.concerns_of(actor)
    chosen = request.GET.get("show", "")
    chosen = chosen if chosen in known else "late"
    page = Paginator(oversight.giving(actor, chosen, now, until), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "tiles": [(each, each.key not in QUIET) for each in oversight.tallies(actor, now, until)],
        "chosen": chosen,
        "concern": oversight.CONCERNS[chosen],
        "page": page,
        "steps": oversight.late_steps(actor, now),
        "organs": oversight.by_organ(actor, now, until),
        "places": [
            (area_name(each.code), each) for each in oversight.by_place(actor, now, until, _digits(actor)) if each.code
        ],
        "until": until,
    }
    return render(request, "console/supervision.html", context)


def _digits(actor: Actor) -> int:
    """The cities of who works for a province, the counties of who works for a city."""
    widest = min((len(scope.area) for scope in actor.scopes), default=0)
    return 4 if widest <= 2 else 6
