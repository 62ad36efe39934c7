"""Every write about work orders that somebody asks for; what the system does by itself stands in `advance`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import SYSTEM, Actor
from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.kit import clock, ids
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.rows import Attached, columns_of, insert_new
from haochaping.outbox.commands import notes
from haochaping.rectification import queries, relay, rules, search, veil
from haochaping.rectification.advance import advance
from haochaping.rectification.effects import Rulebook, enter, rulebook
from haochaping.rectification.models import Move, Order, OrderPart, OrderSearch
from haochaping.rectification.moving import move
from haochaping.rectification.workflow import Part, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.rectification.rules import RatedBad

__all__ = [
    "Revealed",
    "advance",
    "contribute",
    "forget_words",
    "open_orders",
    "perform",
    "reopen_on_follow_up",
    "reveal",
]

FIELDS = (
    "level", "organ_code", "organ_name", "organ_path", "area", "area_path", "window_code", "task_code", "item_name",
    "service_day", "rated_day", "real_name", "opens_identity", "no_reason", "is_probe",
)  # fmt: skip


def open_orders(bad: Sequence[RatedBad], *, now: datetime) -> list[Order]:
    """One order for each bad rating, in one statement, inside the caller's transaction: the answer clock runs from here.

    It waits for its organ to sign, or for the arbiter where nobody can tell which organ that is.
    """
    orders = [_new_order(rated, now) for rated in bad]
    moves = [
        {
            "order_id": order.id,
            "n": 1,
            "verb": "open",
            "source": "",
            "target": order.state,
            "by": Part.SYSTEM,
            "actor_kind": SYSTEM.kind,
            "actor_id": SYSTEM.id,
            "actor_name": SYSTEM.name,
            "organ_path": order.organ_path,
            "facts": {},
            "at": now,
        }
        for order in orders
    ]
    told = notes([(order.id, "order", order.dispatch_day) for order in orders], now=now)
    veil.lift(order for order, rated in zip(orders, bad, strict=True) if rated.words)
    attached = [
        Attached(Move._meta.db_table, moves, "order_id"),
        Attached(
            OrderSearch._meta.db_table,
            [search.row(order, rated.words) for order, rated in zip(orders, bad, strict=True)],
        ),
        Attached("outbox_note", told, "key"),
    ]
    insert_new(Order._meta.db_table, [columns_of(order) for order in orders], attached=attached)
    return orders


def _new_order(rated: RatedBad, now: datetime) -> Order:
    day = clock.day(now)
    order = Order(
        id=rated.id,
        order_no=ids.order_no(rated.id, day),
        **{name: getattr(rated, name) for name in FIELDS},
        rules_area=rated.area_path,
        opened_at=now,
        dispatched_at=now,
        dispatch_day=day,
        moves=1,
    )
    rules_ = rulebook(order)
    order.route = rules_.policy.dispatch.route
    _point_out(order, rated, rules_)
    order.sampled = rated.has_telephone and rules.is_sampled(rated.id, rules_.policy.callback.others)
    is_clear = bool(order.organ_code and order.organ_path)
    enter(order, State.DISPATCHED if is_clear else State.ARBITRATING, since=now, now=now, rules_=rules_, anew=True)
    order.remind_at = now  # whoever must act is told by the minute's duty: the door does not wait for it
    return order


def _point_out(order: Order, rated: RatedBad, rules_: Rulebook) -> None:
    """Name the organ that the rating points at; none where it points at several, which only the arbiter can weigh."""
    known = snapshot()
    window, item = known.windows.get(rated.window_code), known.item(rated.task_code)
    pointed = rules.responsible(
        rated,
        window=window.organ if window else "",
        item=item.organ if item else "",
        platform=rules_.policy.dispatch.platform_organ,
    )
    if pointed == (rated.organ_code,):
        return
    organ = known.organs.get(pointed[0]) if len(pointed) == 1 else None
    if organ is None or not organ.is_active:
        order.organ_code = order.organ_name = order.organ_path = ""
    else:
        order.organ_code, order.organ_name, order.organ_path = organ.code, organ.name, organ.path


def perform(*, order_id: UUID, verb: str, actor: Actor, facts: Mapping[str, Any], now: datetime) -> Order:
    """Move an order along its table; the order as it stands afterwards. The single way.

    Refused 404 if the actor cannot see it or nobody knows the verb, 403 if it is not theirs to take, 409 if the order
    does not stand so, 422 with the fields if a fact is missing or wrong.
    """
    with transaction.atomic():
        order = queries.orders_for(actor).select_for_update(of=("self",)).filter(pk=order_id).first()
        if order is None:
            raise queries.NOT_FOUND
        return move(order, verb, actor, facts, now=now)


def reopen_on_follow_up(order_id: UUID, *, level: int, now: datetime) -> bool:
    """After a bad 追评 a closed order is taken up again, once, until it is archived; whether it was. The caller has stored
    the follow-up.
    """
    with transaction.atomic():
        order = Order.objects.select_for_update().filter(pk=order_id, state=State.CLOSED, archived_at=None).first()
        if order is None or level > 2 or order.reopened >= rulebook(order).policy.reopen.times:
            return False
        move(order, "reopen", SYSTEM, {"reason": "评价人追评仍不满意。"}, now=now)
    return True


def forget_words(order_id: UUID) -> None:
    """The rater took their words back: what they answered to messages is erased, and nobody finds the order by what they
    wrote. Call it in the transaction of the erasure.
    """
    relay.forget_said(order_id)
    search.forget_words(order_id)


def contribute(*, order_id: UUID, actor: Actor, text: str, now: datetime) -> OrderPart:
    """A co-unit hands in its share; the lead closes. Refused 404, 409 `part_done`, 422."""
    text = text.strip()
    if not text or len(text) > 2000 or "\x00" in text:
        message = "请填写协办情况，最多 2000 字。"
        raise Refused("facts_refused", 422, message, (FieldError("text", "required", message),))
    with transaction.atomic():
        owed_first = F("done_at").asc(nulls_first=True), "n"
        part = queries.parts_for(actor).select_for_update().filter(order_id=order_id).order_by(*owed_first).first()
        if part is None:
            raise queries.NOT_FOUND
        if part.done_at is not None:
            raise Refused("part_done", 409, "协办情况已提交。")
        if not Order.objects.filter(pk=order_id, closed_at=None).exists():
            raise Refused("not_possible_now", 409, "工单已办结，不再收协办情况。")
        part.done_at, part.contribution = now, text
        part.save(force_update=True)
    return part


@dataclass(frozen=True)
class Revealed:
    """Who rated, in clear: for one pair of eyes, never to be stored."""

    name: str
    mobile: str


def reveal(order: Order, *, actor: Actor, reason: str, now: datetime) -> Revealed:
    """Open the rater's identity to one who must call; written down with its reason, and shown to the rater.

    For operators and supervisors of the order's place; for the rated side only with the rater's consent (design §1.3).
    Refused 403, 404 `no_identity`, 422.
    """
    queries.one_for(actor, order.pk)
    if not queries.may_reveal(order, actor):
        raise Refused("sealed", 403, "评价人身份已封存，请经平台转接或由12345联系。")
    reason = reason.strip()
    if not 4 <= len(reason) <= 200 or "\x00" in reason:
        message = "请写明查看理由，4 至 200 字；评价人会看到这次查看。"
        raise Refused("facts_refused", 422, message, (FieldError("reason", "required", message),))
    with transaction.atomic():
        who = evaluation.open_identity(order.pk)
        if who is None:
            raise Refused("no_identity", 404, "评价人没有留下身份信息，或已撤回。")
        part = min(queries.parts_in(order, actor) & {Part.HANDLER, Part.OPERATOR, Part.SUPERVISOR})
        audit(actor, queries.REVEAL, str(order.pk), now=now, facts={"reason": veil.masked(order, reason), "part": part})
    return Revealed(who.name, who.mobile or evaluation.number_of_rater(order.pk))


@dataclass(frozen=True)
class Others:
    """What else the rater of an order rated: how many ratings, and those of their orders that one may see."""

    ratings: int
    orders: list[Order]


def look_at_rater(order: Order, *, actor: Actor, now: datetime) -> Others:
    """The other ratings of the same person, found without opening who they are; the look is written down. Refused 403, 404."""
    queries.one_for(actor, order.pk)
    if not queries.may_see_others_of_rater(order, actor):
        raise Refused("sealed", 403, "评价人身份已封存，不能查看其其他评价。")
    ids_ = evaluation.rated_by_same(order.pk)
    found = list(queries.orders_for(actor).filter(pk__in=ids_).order_by("-order_no"))
    audit(actor, "look_at_rater", str(order.pk), now=now, facts={"ratings": len(ids_), "orders": len(found)})
    return Others(len(ids_), found)
