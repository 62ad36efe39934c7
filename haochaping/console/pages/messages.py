"""短信: how messages and the gateway stand, what failed and why, a test message. Numbers are shown by their last four digits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages as notices
from django.core.paginator import Paginator
from django.db import transaction
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of, visible
from haochaping.accounts.rules import Role
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging import commands, queries
from haochaping.messaging.rules import KIND_NAMES, STATE_NAMES, Kind, State, reason

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.messaging.models import Message

CHIPS = {
    State.DELIVERED: "good",
    State.SENT: "good",
    State.FAILED: "bad",
    State.UNKNOWN: "warn",
    State.SUPPRESSED: "plain",
    State.QUEUED: "plain",
    State.SENDING: "plain",
}
TEST = "这是一条测试短信，收到说明短信通道正常，无需回复。"


@needs(*MAY_OPEN["messages"])
@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """The gateway, counts of seven days, what failed, the list; offices see their own area, administrators counts of all."""
    now, actor = clock.now(), actor_of(request)
    rows = _counted(actor)
    kind, state = request.GET.get("kind", ""), request.GET.get("state", "")
    listed = _listed(actor)
    if kind in KIND_NAMES:
        listed = listed.filter(kind=kind)
    if state in STATE_NAMES:
        listed = listed.filter(state=state)
    page = Paginator(listed.order_by("-created_at", "id"), PER_PAGE).get_page(request.GET.get("page"))
    counts = queries.counts(rows, now)
    context = {
        "health": queries.health(now),
        "fault": reason(queries.health(now).fault),
        "states": list(STATE_NAMES.values()),
        "counts": [
            (KIND_NAMES[k], [(STATE_NAMES[s], counts[k][s]) for s in State]) for k in Kind if any(counts[k].values())
        ],
        "failures": [(failure, reason(failure.code)) for failure in queries.failures(rows)],
        "kinds": KIND_NAMES.items(),
        "state_names": STATE_NAMES.items(),
        "kind": kind,
        "state": state,
        "page": page,
        "lines": [
            {
                "row": row,
                "kind": KIND_NAMES[Kind(row.kind)],
                "state": STATE_NAMES[State(row.state)],
                "chip": CHIPS[State(row.state)],
                "tail": queries.masked(row),
                "where": console.area_name(row.area_path) if row.area_path else "",
                "reason": reason(row.error),
            }
            for row in page
        ],
        "sees_list": _sees_list(actor),
        "may_test": actor.has(Role.ADMIN),
    }
    return render(request, "console/messages.html", context)


@needs(*MAY_OPEN["messages"])
@require_POST
@transaction.atomic
def retry(request: HttpRequest) -> HttpResponse:
    """Try again what failed for one reason, or for any, and is still wanted; the gateway is asked first, so nothing goes twice."""
    now, actor, code = clock.now(), actor_of(request), request.POST.get("reason", "")[:40].replace("\x00", "")
    rows = console.still_wanted(_counted(actor))
    n = commands.retry(rows.filter(error=code) if code else rows, now=now)
    if n:
        audit(actor, "retry_messages", code or "all", now=now, facts={"count": n})
        commands.wake()
        notices.success(request, f"已重新排队 {n} 条。重发前先向网关查询，不会重复发送。")
    else:
        notices.warning(request, "没有可以重试的短信：已经评价的、运营商已答复未送达的、内容已按期清除的，不再重发。")
    return redirect("console:messages")


@needs(Role.ADMIN)
@require_POST
@transaction.atomic
def test(request: HttpRequest) -> HttpResponse:
    """Send the fixed test text to a number; one a minute and person."""
    now, actor = clock.now(), actor_of(request)
    mobile = request.POST.get("mobile", "")[:40]
    try:
        is_on_its_way = commands.send(
            kind=Kind.NOTICE, mobile=mobile, text=TEST, key=f"test:{actor.id}:{now:%Y%m%d%H%M}", now=now
        )
    except Refused as no:
        notices.error(request, no.message)
        return redirect("console:messages")
    if is_on_its_way:
        audit(actor, "test_message", "sms", now=now)
        commands.wake()
        notices.success(request, "测试短信已排队，几秒钟后应能收到。每分钟可发一条。")
    else:
        notices.error(request, "这个号码已退订短信，请换一个号码。")
    return redirect("console:messages")


def _sees_list(actor: Actor) -> bool:
    return actor.has(Role.SUPERVISOR, Role.CITY)


def _listed(actor: Actor) -> QuerySet[Message]:
    """What this person may see line by line. A message has a place and no organ, so a scope of one organ shows none."""
    return visible(queries.rows(), actor, area="area_path", organ="area_path", window="area_path")


def _counted(actor: Actor) -> QuerySet[Message]:
    """What this person may count: administrators keep the whole going, and see no line of it."""
    return queries.rows() if actor.has(Role.ADMIN) else _listed(actor)
