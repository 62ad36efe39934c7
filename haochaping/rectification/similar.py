"""类似工单: what was answered before to the same complaint, for whoever answers or reviews one now."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from haochaping.kit.grams import wanted
from haochaping.rectification import veil
from haochaping.rectification.cautions import asked_of
from haochaping.rectification.models import Order, OrderSearch
from haochaping.rectification.needs import RESULTS
from haochaping.rectification.rules import CAUSE_NAMES, State
from haochaping.rectification.sight import View, orders_for, view_of

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

MOST = 5
LOOKED_AT = 100  # newest closed orders of the same item, and of the same cause
ALIKE = 0.15  # share of a complaint's grams that another item's order must hold
SAME_ITEM = 0.3  # how much the same item counts beside the words
VERDICTS = {**RESULTS, "confirmed": "督办确认", "unsatisfied": "仍不满意"}
BEST_FIRST = ("satisfied", "accepted", "confirmed", "", "unreachable", "unsatisfied")


class Similar(NamedTuple):
    """A closed order like this one, as much of it as helps."""

    order_no: str
    item_name: str
    cause: str
    verdict: str
    verdict_name: str
    closed_at: datetime | None
    reply: str


def similar_to(order: Order, actor: Actor, most: int = MOST) -> list[Similar]:
    """Closed orders that this actor may see, of the same item or cause and in like words; those that satisfied first."""
    closed = orders_for(actor).filter(state=State.CLOSED).exclude(pk=order.pk).exclude(reply="")
    found = {each.pk: each for each in _newest(closed.filter(task_code=order.task_code))}
    if order.cause:
        found |= {each.pk: each for each in _newest(closed.filter(cause=order.cause))}
    asked = asked_of([order])[order.pk]
    ours = {gram for text in (veil.masked(order, asked.words), *asked.indicators) for gram in wanted(text)}
    held = dict(OrderSearch.objects.filter(id__in=found).values_list("id", "grams"))
    ranked = []
    for key, each in found.items():
        alike = len(ours & set(held.get(key, ()))) / len(ours) if ours else 0.0
        is_same = each.task_code == order.task_code
        if is_same or alike >= ALIKE:
            ranked.append((alike + SAME_ITEM * is_same, each))
    ranked.sort(key=lambda pair: (-pair[0], pair[1].order_no))
    seen = (each for _, each in ranked if view_of(each, actor) is View.WHOLE)
    best = sorted(islice(seen, most), key=lambda each: BEST_FIRST.index(each.verdict))
    veil.lift(best)
    return [
        Similar(
            each.order_no,
            each.item_name,
            CAUSE_NAMES.get(each.cause, ""),
            each.verdict,
            VERDICTS.get(each.verdict, ""),
            each.closed_at,
            veil.masked(each, each.reply),
        )
        for each in best
    ]


def _newest(orders: QuerySet[Order]) -> QuerySet[Order]:
    return orders.order_by("-closed_at", "-order_no")[:LOOKED_AT]
