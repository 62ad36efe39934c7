"""协调会议: the orders that wait for one, as a list and as a paper; what was decided."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.console import moves, papers
from haochaping.console.access import needs
from haochaping.console.queries import area_name, scope_words
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy.queries import calendar
from haochaping.rectification.oversight import Issue, conclusions, issues
from haochaping.rectification.queries import by_number, moves_open_to

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor

KEPT = timedelta(days=180)  # how far back conclusions are shown


@needs(*MAY_OPEN["meetings"])
@require_safe
def meetings(request: HttpRequest) -> HttpResponse:
    """What waits for a meeting, by organ, and what the last ones decided."""
    return _show(request)


@needs(*MAY_OPEN["meetings"], fresh=True)
@require_safe
def paper(request: HttpRequest) -> HttpResponse:
    """The list as a paper for the meeting. Days only, no rater and no case: those rated sit at the table."""
    actor, now = actor_of(request), clock.now()
    groups = _groups(actor, now)
    context = {
        "groups": groups,
        "n": sum(len(found) for _, found in groups),
        "day": clock.day(now),
        "where": where_of(actor),
        "by": actor.name,
    }
    name = f"协调会议题清单_{clock.day(now)}"
    return papers.answer(papers.pdf("console/papers/meeting.html", context), name)


@needs(Role.SUPERVISOR, Role.CITY)
@require_POST
def conclude(request: HttpRequest, order_no: str) -> HttpResponse:
    """Write down what the meeting decided about an order: the move of that name, made from the list."""
    actor, now = actor_of(request), clock.now()
    found = by_number(actor, order_no)
    text = request.POST.get("text", "")
    try:
        moves.make(
            order_id=found.pk,
            seen=request.POST.get("seen", ""),
            verb="conclude",
            actor=actor,
            facts={"text": text},
            now=now,
            is_final=True,
        )
    except moves.Moved:
        return _show(request, order_no, text, "这个工单刚刚由别人办理过，结论没有登记，请看过最新情况再办。", 409)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, order_no, text, no.message, no.status)
    messages.success(request, f"{found.order_no} 已登记会议结论，承办单位和评价人都能看到。")
    return redirect("console:meetings")


def _show(request: HttpRequest, wrong: str = "", typed: str = "", problem: str = "", status: int = 200) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    groups = [
        (
            organ,
            [
                (issue, days, any(offer.verb == "conclude" for offer in moves_open_to(issue.order, actor, now)))
                for issue, days in found
            ],
        )
        for organ, found in _groups(actor, now)
    ]
    context = {
        "groups": groups,
        "n": sum(len(found) for _, found in groups),
        "past": conclusions(actor, now - KEPT),
        "wrong": wrong,
        "typed": typed,
        "problem": problem,
    }
    return render(request, "console/meetings.html", context, status=status)


def _groups(actor: Actor, now: datetime) -> list[tuple[str, list[tuple[Issue, int]]]]:
    return [(organ, [(issue, _waited(issue, now)) for issue in found]) for organ, found in issues(actor).items()]


def _waited(issue: Issue, now: datetime) -> int:
    """How many working days an order has waited for its meeting."""
    assert issue.order.convened_at is not None
    return calendar(issue.order.area_path).workdays_between(clock.day(issue.order.convened_at), clock.day(now))


def where_of(actor: Actor) -> str:
    """For which place somebody works, as a paper says it."""
    areas = {scope.area for scope in actor.scopes if not scope.organ}
    return area_name(areas.pop()) if len(areas) == 1 and "" not in areas else scope_words(actor)
