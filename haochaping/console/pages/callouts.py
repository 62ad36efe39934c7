"""满意度回访: the list, the call on the screen, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.channels.callouts import commands, queries
from haochaping.channels.callouts.rules import (
    CALL_RESULT_NAMES,
    CALL_STATE_NAMES,
    CallResult,
    CallState,
    is_calling_hour,
)
from haochaping.channels.desk.commands import refused
from haochaping.channels.desk.forms import Typed
from haochaping.console.access import needs
from haochaping.console.entering import rating_form
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.evaluation.queries import one_for
from haochaping.evaluation.rules import Channel
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

    from haochaping.channels.callouts.commands import Dialled
    from haochaping.channels.models import CallOut

UNRATED = [result for result in CALL_RESULT_NAMES if result is not CallResult.RATED]


@needs(*MAY_OPEN["callouts"])
@require_safe
def callouts(request: HttpRequest) -> HttpResponse:
    """How far the calls have come, and what waits; who is called next is not for choosing."""
    actor, now = actor_of(request), clock.now()
    waiting = queries.callouts_for(actor).filter(state=CallState.WAITING, closes_at__gt=now)
    page = Paginator(waiting.order_by("next_at", "closes_at", "event_id"), PER_PAGE).get_page(request.GET.get("page"))
    figures = queries.progress(actor, now)
    tiles = [
        ("现在可拨打", figures["due"], ""),
        ("三十天内抽取", figures["drawn"], ""),
        ("已拨打", figures["called"], ""),
        (
            CALL_STATE_NAMES[CallState.RATED],
            figures["rated"],
            f"占已拨打的{_share(figures)}" if figures["called"] else "",
        ),
        (CALL_STATE_NAMES[CallState.REFUSED], figures["refused"], ""),
        (CALL_STATE_NAMES[CallState.UNREACHED], figures["unreached"], ""),
        (CALL_STATE_NAMES[CallState.DO_NOT_CALL], figures["do_not_call"], ""),
        (CALL_STATE_NAMES[CallState.WRONG_NUMBER], figures["wrong_number"], ""),
        (CALL_STATE_NAMES[CallState.ELSEWHERE], figures["elsewhere"], ""),
        (CALL_STATE_NAMES[CallState.EXPIRED], figures["expired"], ""),
    ]
    context = {
        "tiles": tiles,
        "page": page,
        "lines": queries.lines(page, now),
        "may_call": actor.has(Role.OPERATOR),
        "is_calling_hour": is_calling_hour(now, settings.CALL_HOURS),
        "me": actor.id,
    }
    return render(request, "console/callouts.html", context)


def _share(figures: dict[str, int]) -> str:
    return f"{figures['rated'] / figures['called']:.0%}（{figures['rated']}/{figures['called']}）"


@needs(Role.OPERATOR)
@require_POST
def callouts_next(request: HttpRequest) -> HttpResponse:
    """Put the next call on the screen."""
    found = commands.take_next(actor=actor_of(request), now=clock.now())
    if found is None:
        messages.info(request, "现在没有要拨打的电话。没接通的过三小时再拨，每天早上还会抽取新的。")
        return redirect("console:callouts")
    return redirect("console:callout", found.event_id)


@needs(Role.OPERATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def callout(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """One call: the masked number, the number once it is dialled, the rating or how else it ended."""
    actor, now = actor_of(request), clock.now()
    found = queries.of_operator(actor).filter(event_id=event_id).first()
    if found is None:
        raise Refused("not_found", 404, "没有这次回访，或它不在您的工作范围内。")
    if not queries.is_held_by(found, actor, now):
        messages.warning(request, str(commands.NOT_HELD))
        return redirect("console:callouts")
    if request.method != "POST":
        return _draw(request, found, Typed.read(request.GET))
    typed = Typed.read(request.POST)
    try:
        match request.POST.get("do", ""):
            case "dial":
                return _draw(request, found, typed, dialled=commands.dial(event_id, actor=actor, now=now))
            case "rate":
                return _rate(request, found, typed)
            case "put_back":
                commands.put_back(event_id, actor=actor, now=now)
                return redirect("console:callouts")
            case _:
                return _end(request, event_id)
    except Refused as no:
        if no.code in {commands.NOT_HELD.code, commands.RATED_ELSEWHERE.code}:
            commands.settle_callouts(now=now)
            messages.warning(request, no.message)
            return redirect("console:callouts")
        if no.status not in {404, 409, 422}:
            raise
        return _draw(request, found, typed, refusal=no, status=no.status)


def _end(request: HttpRequest, event_id: UUID) -> HttpResponse:
    given = request.POST.get("result", "")
    if given not in UNRATED:
        raise refused("result", "required", "请选择这次通话的结果。")
    result = CallResult(given)
    ended = commands.end_call(event_id, result, actor=actor_of(request), now=clock.now())
    further = "过三小时再拨。" if ended.state == CallState.WAITING else "不再拨打。"
    messages.success(request, f"已登记“{CALL_RESULT_NAMES[result]}”。{further}")
    return redirect("console:callouts")


def _rate(request: HttpRequest, found: CallOut, typed: Typed) -> HttpResponse:
    actor, now = actor_of(request), clock.now()
    event = one_for(actor, found.event_id)
    submission = typed.submission(
        pf=Channel.TELEPHONE, now=now, project_no=event.project_no, service_number=event.service_number
    )
    outcome = commands.rate_in_call(event.id, submission, proof=typed.proof, actor=actor, now=now)
    return redirect("console:telephone_done", outcome.id)


def _draw(
    request: HttpRequest,
    found: CallOut,
    typed: Typed,
    *,
    dialled: Dialled | None = None,
    refusal: Refused | None = None,
    status: int = 200,
) -> HttpResponse:
    event = one_for(actor_of(request), found.event_id)
    if dialled is not None:
        typed.draft.mobile, typed.draft.name = dialled.mobile, dialled.name
    context: dict[str, Any] = {
        "callout": found,
        "item": event.item_name,
        "organ": event.organ_name,
        "day": event.service_day,
        "masked": queries.masked(found),
        "dialled": dialled,
        "tries": policy_at(event.area_path, event.service_day).callout.tries,
        "results": [(result, CALL_RESULT_NAMES[result]) for result in UNRATED],
        "is_calling_hour": is_calling_hour(clock.now(), settings.CALL_HOURS),
        "pattern": settings.RECORDING_NUMBER,
        "refusal": refusal,
        **rating_form(typed, refusal, area=event.area_path, aspect=event.aspect),
    }
    return render(request, "console/callout.html", context, status=status)
