"""What `replies.check` says of an order's reply, with what the house knows: the rating, the organ's other replies, its templates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.evaluation import queries as evaluation
from haochaping.rectification.models import Move, Order
from haochaping.rectification.replies import Asked, Earlier, check, from_json, resembling
from haochaping.rectification.reply_templates import templates_for
from haochaping.rectification.rules import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from haochaping.rectification.replies import Caution

RECENT = 200  # replies of the same organ with which a new one is compared
SAME_TEXT = 5  # orders of one text that are looked at
ANSWERS = ("submit", "explain")  # the moves that answer the rater


def cautions_for(order: Order, facts: Mapping[str, Any]) -> tuple[Caution, ...]:
    """What to look at again in the `reply` among these facts of a move, gravest first."""
    reply = str(facts.get("reply", ""))
    templates = [template.text for template in templates_for(order)]
    return check(
        reply,
        asked_of([order])[order.pk],
        measures=str(facts.get("measures", "")),
        earlier=_earlier(order, reply),
        templates=templates,
    )


def standing_cautions(order: Order) -> tuple[Caution, ...]:
    """Those that stood when the answer under review was handed in; () in every other state."""
    if order.state != State.REVIEWING:
        return ()
    told = Move.objects.filter(order_id=order.pk, verb__in=ANSWERS).order_by("-n").values_list("facts", flat=True)
    facts = told.first()
    return from_json((facts or {}).get("warnings", ()))


def asked_of(orders: Iterable[Order]) -> dict[UUID, Asked]:
    """What each of these orders is about."""
    by_id = {order.pk: order for order in orders}
    said = evaluation.said(by_id)
    return {key: Asked(*said.get(key, ("", ())), item=order.item_name) for key, order in by_id.items()}


def _earlier(order: Order, reply: str) -> list[Earlier]:
    """The replies of the same organ to other orders that resemble this one."""
    if not order.organ_path:
        return []
    others = Order.objects.filter(organ_path=order.organ_path, is_probe=False).exclude(pk=order.pk).exclude(reply="")
    by_text: dict[str, list[UUID]] = {}
    for key, text in others.order_by("-answered_at").values_list("pk", "reply")[:RECENT]:
        by_text.setdefault(text, []).append(key)
    alike = [key for text in resembling(reply, {text: text for text in by_text}) for key in by_text[text][:SAME_TEXT]]
    found = Order.objects.in_bulk(alike)
    asked = asked_of(found.values())
    return [Earlier(found[key].order_no, asked[key], found[key].reply) for key in alike if key in found]
