"""整改回访: who is to be called about which order, one operator at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, IntegerField, OuterRef, Q, QuerySet, Value, When

from haochaping.accounts.rules import Role
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.models import CallbackTurn, Move, Order, Pressing
from haochaping.rectification.rules import State
from haochaping.rectification.sight import orders_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor

HELD_FOR = timedelta(minutes=15)  # how long one operator keeps a call to themselves without ending it
AGAIN_AFTER = timedelta(hours=3)  # until who did not answer is called again
REST_HOURS = Refused("rest_hours", 409, "现在是休息时间，不能拨打，请在白天再拨。")


def callbacks_for(actor: Actor) -> QuerySet[Order]:
    """The orders that are to be called about: their answer is approved, and their rater is known or they were drawn."""
    return orders_for(actor).filter(Q(real_name=True) | Q(sampled=True), state=State.CALLBACK)


def is_calling_hour(now: datetime) -> bool:
    """Whether people may be called at home now (HCP_CALL_HOURS)."""
    first, last = settings.CALL_HOURS
    return bool(first <= now.astimezone(clock.CHINA).time() < last)


def take_next(*, actor: Actor, now: datetime) -> Order | None:
    """The order to call about next, the oldest due first, this operator's alone for a quarter of an hour; None if there is none.

    What they hold already comes first. Two operators never get the same: the row is locked while it is taken. Refused
    409 `rest_hours` while people rest.
    """
    if not is_calling_hour(now):
        raise REST_HOURS
    here = replace(actor, scopes=actor.scopes_as(Role.OPERATOR), roles=actor.roles & {Role.OPERATOR})
    turns = CallbackTurn.objects.filter(id=OuterRef("pk"))
    theirs = turns.filter(held_until__gt=now).exclude(holder_id=actor.id)
    mine = turns.filter(held_until__gt=now, holder_id=actor.id)
    free = callbacks_for(here).exclude(Exists(theirs)).exclude(Exists(turns.filter(not_before__gt=now)))
    first = Case(When(Exists(mine), then=Value(0)), default=Value(1), output_field=IntegerField())
    with transaction.atomic():
        found = free.select_for_update(skip_locked=True, of=("self",)).order_by(first, "step_due", "order_no").first()
        if found is not None:
            held = {"holder_id": actor.id, "holder_name": actor.name, "held_until": now + HELD_FOR}
            CallbackTurn.objects.update_or_create(id=found.pk, defaults=held)
    return found


def put_back(order_id: UUID, *, actor: Actor, now: datetime) -> bool:
    """Give a call back to the list without having made it; whether it was in this operator's hands."""
    mine = CallbackTurn.objects.filter(id=order_id, holder_id=actor.id, held_until__gt=now)
    return bool(mine.update(holder_id="", holder_name="", held_until=None))


def held(order_id: UUID, now: datetime) -> CallbackTurn | None:
    """In whose hands this call is now, if in anybody's."""
    return CallbackTurn.objects.filter(id=order_id, held_until__gt=now).first()


def called(order: Order, move: Move) -> None:
    """After a call: the turn is over; who did not answer is left in peace for a while; what was said of pressure is kept."""
    if move.facts.get("pressed") == "yes":
        Pressing.objects.create(order_id=order.id, n=move.n, at=move.at)
    CallbackTurn.objects.filter(id=order.id).delete()
    if move.verb == "record" and move.target == State.CALLBACK:
        CallbackTurn.objects.create(id=order.id, not_before=move.at + AGAIN_AFTER)


@dataclass(frozen=True)
class Waiting:
    """A line of the list. Nothing of the person stands in it."""

    order: Order
    holder: str
    is_mine: bool
    not_before: datetime | None


def lines(orders: Iterable[Order], actor: Actor, now: datetime) -> list[Waiting]:
    rows = list(orders)
    turns = CallbackTurn.objects.in_bulk([row.pk for row in rows])
    found = []
    for row in rows:
        turn = turns.get(row.pk)
        is_held = turn is not None and turn.held_until is not None and turn.held_until > now
        later = turn.not_before if turn is not None and turn.not_before is not None and turn.not_before > now else None
        holder = turn.holder_name if turn is not None and is_held else ""
        found.append(Waiting(row, holder, bool(turn and is_held and turn.holder_id == actor.id), later))
    return found
