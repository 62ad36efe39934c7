"""One move for many orders: what may be done with all that were ticked, what would come of it, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.accounts.commands import audit
from haochaping.console import moves
from haochaping.kit.errors import Refused
from haochaping.rectification.queries import moves_open_to, orders_for
from haochaping.rectification.workflow import TOGETHER, VERB_NAMES, VERBS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.kit.errors import FieldError
    from haochaping.rectification.models import Order
    from haochaping.rectification.queries import Offer

MOST = 200
_PICK = re.compile(r"([A-Z0-9-]{1,24})(?::(\d{1,5}))?")


@dataclass(frozen=True)
class Pick:
    """A ticked order, and how many moves it had when it was seen; "" where nobody has looked yet."""

    order_no: str
    seen: str = ""

    def __str__(self) -> str:
        return f"{self.order_no}:{self.seen}"


@dataclass(frozen=True)
class Line:
    """One of the ticked orders: what was or would be done with it, or why not."""

    order_no: str
    before: Order | None
    after: Order | None
    no: str = ""

    @property
    def is_done(self) -> bool:
        return self.after is not None


@dataclass(frozen=True)
class Batch:
    """What a move did with the ticked orders, or would do. `errors`: facts that were refused alike for all."""

    lines: list[Line]
    errors: tuple[FieldError, ...] = ()

    @property
    def done(self) -> list[Line]:
        return [line for line in self.lines if line.is_done]

    @property
    def refused(self) -> list[Line]:
        return [line for line in self.lines if not line.is_done]


def picks(given: Iterable[str]) -> list[Pick]:
    """The ticked orders as a form sends them, each once. Refused 422 for none, and for more than `MOST`."""
    found: dict[str, Pick] = {}
    for each in re.split(r"[\s,]+", ",".join(given)):
        if match := _PICK.fullmatch(each.upper()):
            found.setdefault(match[1], Pick(match[1], match[2] or ""))
    if not found:
        raise Refused("nothing_ticked", 422, "没有勾选工单。请回到列表，勾选要办理的工单。")
    if len(found) > MOST:
        raise Refused("too_many", 422, f"一次最多办理 {MOST} 件，现在勾选了 {len(found)} 件，请分批办理。")
    return list(found.values())


def ticked(chosen: Sequence[Pick], actor: Actor) -> tuple[list[Order], list[Pick]]:
    """The ticked orders that this person may see, as ticked; and the picks as they are seen now."""
    found = {order.order_no: order for order in orders_for(actor).filter(order_no__in=[p.order_no for p in chosen])}
    orders = [found[pick.order_no] for pick in chosen if pick.order_no in found]
    seen = [
        Pick(pick.order_no, pick.seen or (str(found[pick.order_no].moves) if pick.order_no in found else "0"))
        for pick in chosen
    ]
    return orders, seen


def offers(orders: Sequence[Order], actor: Actor, now: datetime) -> list[tuple[Offer, int]]:
    """The moves that may be made together, and with how many of these orders each; what all allow comes first."""
    found: dict[str, tuple[Offer, int]] = {}
    for order in orders:
        for offer in moves_open_to(order, actor, now):
            if offer.verb in TOGETHER:
                first, n = found.get(offer.verb, (offer, 0))
                found[offer.verb] = (first, n + 1)
    return sorted(found.values(), key=lambda pair: -pair[1])


def make(
    chosen: Sequence[Pick], verb: str, *, actor: Actor, facts: Mapping[str, str], now: datetime, is_final: bool
) -> Batch:
    """The move with each order in a transaction of its own; without `is_final` each is taken back, and only told.

    Refused 404 for no verb, 409 for one that is made order by order.
    """
    if verb not in VERBS:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    if verb not in TOGETHER:
        raise Refused("one_by_one", 409, f"“{VERB_NAMES[verb]}”须逐件办理，不能批量办理。")
    orders, seen = ticked(chosen, actor)
    by_number = {order.order_no: order for order in orders}
    lines, faults = [], []
    for pick in seen:
        order = by_number.get(pick.order_no)
        if order is None:
            lines.append(Line(pick.order_no, None, None, "没有这个工单，或不在您的管辖范围内。"))
            continue
        try:
            outcome = moves.make(
                order_id=order.id, seen=pick.seen, verb=verb, actor=actor, facts=facts, now=now, is_final=is_final
            )
        except moves.Moved:
            no = f"刚刚由别人办理过，现为“{moves.stands_at(order)}”，请看过再办。"
            lines.append(Line(pick.order_no, order, None, no))
        except Refused as refused:
            if refused.fields:
                faults.append(refused.fields)
            lines.append(Line(pick.order_no, order, None, refused.message))
        else:
            lines.append(Line(pick.order_no, outcome.before, outcome.after))
    batch = Batch(lines, faults[0] if faults and not any(line.is_done for line in lines) else ())
    if is_final:
        told = {"verb": VERB_NAMES[verb], "done": len(batch.done), "refused": len(batch.refused)}
        audit(actor, "bulk_move", verb, now=now, facts=told | {"orders": [line.order_no for line in batch.done]})
    return batch
