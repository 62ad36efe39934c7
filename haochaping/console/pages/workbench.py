"""Where everybody lands: what is due now, late, changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.analytics.overview import DELAY, K
from haochaping.channels.probe.queries import standing
from haochaping.console import desks, queries
from haochaping.console.access import needs
from haochaping.console.pages.trail import told
from haochaping.console.rules import MAY_OPEN, may_open
from haochaping.directory.queries import dangling
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.kept import backlog
from haochaping.exchange.queries import health
from haochaping.kit import clock
from haochaping.policy.queries import calendar, rules
from haochaping.rectification.queries import opened_to

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor

WATCHES = (Role.LEADER, Role.ANALYST, Role.OBSERVER)


@needs(*MAY_OPEN["workbench"])
@require_safe
def workbench(request: HttpRequest) -> HttpResponse:
    """Those who work on orders see theirs, a clerk what they are asked about, who only looks on what is late and new, the
    three administrators what needs their hand.
    """
    actor, now = actor_of(request), clock.now()
    if actor.has(*queries.WAITING):
        return render(request, "console/workbench.html", _desk(actor, now))
    if actor.has(Role.CLERK):
        asked = {"opened": opened_to(actor), "delay": DELAY.days, "least": K}
        return render(request, "console/workbench_clerk.html", asked)
    if actor.has(*WATCHES):
        return render(
            request,
            "console/workbench_watch.html",
            {"desk": desks.watch(actor, now), "is_guest": actor.has(Role.OBSERVER)},
        )
    if actor.has(Role.AUDITOR):
        desk = desks.trail(now)
        return render(request, "console/workbench_care.html", {"desk": desk, "lines": list(told(desk.lines))})
    if actor.has(Role.SECURITY):
        return render(request, "console/workbench_care.html", {"desk": desks.security(actor, now)})
    year = clock.day(now).year + 1
    checks = {
        "health": health(now),
        "packs": sum(1 for rule in rules() if rule.valid_to is None and not is_probe_area(rule.region)),
        "year": year,
        "knows_year": calendar().knows(year),
        "dangling": dangling(),
        "repair": backlog(None, now),
        "probe": standing(now),
    }
    return render(request, "console/workbench_admin.html", checks)


def _desk(actor: Actor, now: datetime) -> dict[str, Any]:
    """What waits for this person; who answers for the channels also hears of one that does not take ratings."""
    probe = standing(now) if may_open("probe", actor.roles) else None
    return {"desk": queries.desk(actor, now), "probe": probe if probe and probe.last else None}
