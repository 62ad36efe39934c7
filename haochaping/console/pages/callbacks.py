"""整改回访: the list of orders to be called about, one operator at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.console.access import needs
from haochaping.console.filters import areas_of
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification import callbacks as calls
from haochaping.rectification.queries import by_number, is_overdue, narrow

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from haochaping.rectification.models import Order

KINDS = (("real", "实名差评（必访）"), ("sampled", "抽中的其他差评"))
STANDINGS = (("late", "已超期"), ("new", "还没拨过"), ("again", "拨过没接通"))


@needs(*MAY_OPEN["callbacks"])
@require_safe
def callbacks(request: HttpRequest) -> HttpResponse:
    """What waits for a call, the oldest due first; who is called next is not for choosing."""
    actor, now = actor_of(request), clock.now()
    waiting = calls.callbacks_for(actor)
    chosen = {name: request.GET.get(name, "") for name in ("kind", "stands", "area")}
    areas = areas_of(actor)
    if chosen["area"] not in dict(areas):
        chosen["area"] = ""
    found = _narrowed(waiting, chosen)
    page = Paginator(found.order_by("step_due", "order_no"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": calls.lines(page, actor, now),
        "n": waiting.count(),
        "n_late": waiting.filter(is_overdue(now)).count(),
        "selects": [
            ("kind", "类别", KINDS, chosen["kind"]),
            ("stands", "情况", STANDINGS, chosen["stands"]),
            *([("area", "地区", areas, chosen["area"])] if areas else []),
        ],
        "is_filtered": any(chosen.values()),
        "may_call": actor.has(Role.OPERATOR),
        "is_calling_hour": calls.is_calling_hour(now),
    }
    return render(request, "console/callbacks.html", context)


def _narrowed(rows: QuerySet[Order], chosen: dict[str, str]) -> QuerySet[Order]:
    now = clock.now()
    if chosen["kind"] in dict(KINDS):
        rows = rows.filter(real_name=chosen["kind"] == "real")
    if chosen["stands"] == "late":
        rows = rows.filter(is_overdue(now))
    elif chosen["stands"] == "new":
        rows = rows.filter(calls=0)
    elif chosen["stands"] == "again":
        rows = rows.filter(calls__gt=0)
    return narrow(rows, now=now, area=chosen["area"].ljust(12, "0")) if chosen["area"] else rows


@needs(Role.OPERATOR)
@require_POST
def callbacks_next(request: HttpRequest) -> HttpResponse:
    """Put the next call on the screen, for this operator alone."""
    try:
        found = calls.take_next(actor=actor_of(request), now=clock.now())
    except Refused as no:
        messages.warning(request, no.message)
        return redirect("console:callbacks")
    if found is None:
        messages.info(request, "现在没有要回访的工单。没接通的过三小时再拨，答复审核通过后会有新的。")
        return redirect("console:callbacks")
    return redirect("console:order", found.order_no)


@needs(Role.OPERATOR)
@require_POST
def callback_back(request: HttpRequest, order_no: str) -> HttpResponse:
    """Give a call back without having made it."""
    actor = actor_of(request)
    if calls.put_back(by_number(actor, order_no).pk, actor=actor, now=clock.now()):
        messages.success(request, f"{order_no} 已放回名单。")
    return redirect("console:callbacks")
