"""Help for whoever answers a rater or reviews an answer: templates, similar orders, what to look at again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.accounts.rules import Role
from haochaping.kit.errors import Refused
from haochaping.rectification import callbacks, reply_templates, veil
from haochaping.rectification.cautions import standing_cautions
from haochaping.rectification.needs import LONGEST
from haochaping.rectification.queries import by_number
from haochaping.rectification.replies import quoted
from haochaping.rectification.rules import State
from haochaping.rectification.sight import View, view_of
from haochaping.rectification.similar import similar_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.console.moves import Form
    from haochaping.rectification.models import Order
    from haochaping.rectification.queries import Offer


def help_for(order: Order, forms: Sequence[Form], actor: Actor, now: datetime) -> dict[str, Any]:
    """What the order's page shows beside the moves that answer the rater (`reply_verb`) or judge an answer (`quote_verb`)."""
    answers = next((form.verb for form in forms if _asks_reply(form.offer)), "")
    judges = next((form.verb for form in forms if form.verb == "send_back"), "")
    cautions = standing_cautions(order)
    return {
        "reply_verb": answers,
        "templates": reply_templates.templates_for(order) if answers else [],
        "similar": similar_to(order, actor) if answers or judges else [],
        "cautions": cautions,
        "quote_verb": judges if cautions else "",
        "turn": _turn(order, actor, now),
        "is_calling_hour": callbacks.is_calling_hour(now),
    }


def helped(
    order: Order, offer: Offer, given: Mapping[str, str], typed: Mapping[str, str], *, actor: Actor, now: datetime
) -> dict[str, str] | None:
    """What was typed, with the text that was asked for put into the form; None where nothing was asked for.

    What somebody typed is never lost: the text is put below it. Refused 404 for an order or template that is not theirs.
    """
    if _asks_reply(offer) and given.get("use"):
        chosen = given.get("template", "")
        found = next((t for t in reply_templates.templates_for(order) if str(t.pk) == chosen), None)
        if chosen and found is None:
            raise reply_templates.NOT_FOUND
        return _with(typed, "reply", reply_templates.filled(found, order, typed, now) if found else "")
    if _asks_reply(offer) and (number := given.get("draft")):
        other = by_number(actor, number)
        if other.state != State.CLOSED or view_of(other, actor) is not View.WHOLE:
            raise Refused("not_closed", 409, "只能用已办结工单的答复作底稿。")
        return _with(typed, "reply", veil.masked(other, other.reply, of_staff=True))
    if offer.verb == "send_back" and given.get("quote"):
        return _with(typed, "reason", quoted(standing_cautions(order)))
    return None


def _with(typed: Mapping[str, str], name: str, text: str) -> dict[str, str]:
    before = typed.get(name, "").rstrip()
    joined = text if before in {"", text} else f"{before}\n{text}".rstrip()
    return {**typed, name: joined[:LONGEST]}


def _asks_reply(offer: Offer) -> bool:
    return any(field.name == "reply" for field in offer.fields)


def _turn(order: Order, actor: Actor, now: datetime) -> dict[str, Any] | None:
    """For an operator before an order that waits for its callback: whose turn it is."""
    if order.state != State.CALLBACK or not actor.has(Role.OPERATOR):
        return None
    turn = callbacks.held(order.pk, now)
    if turn is None:
        return None
    return {"is_mine": turn.holder_id == actor.id, "holder": turn.holder_name, "until": turn.held_until}
