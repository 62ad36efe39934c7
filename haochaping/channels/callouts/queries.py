"""Reading the call-out list: what may be called now, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, Value, When

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Role
from haochaping.channels.callouts.rules import CallState
from haochaping.channels.models import CallOut
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.evaluation.queries import applicant_of
from haochaping.kit.masks import mask_name, mask_phone

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

NEWEST = timedelta(days=30)  # progress figures look back so far


def callouts_for(actor: Actor) -> QuerySet[CallOut]:
    """The call-outs in the actor's scopes."""
    return visible(CallOut.objects.all(), actor)


def of_operator(actor: Actor) -> QuerySet[CallOut]:
    """Those that somebody may call: in the scopes in which they are an operator; nothing for who is none."""
    if not actor.has(Role.OPERATOR):
        return CallOut.objects.none()
    scopes = tuple(scope for role, scope in actor.grants if role is Role.OPERATOR) or actor.scopes
    return callouts_for(replace(actor, scopes=scopes))


def callable_by(actor: Actor, now: datetime) -> QuerySet[CallOut]:
    """Those that they may call still: waiting, in time, and rated nowhere."""
    rated = Evaluation.objects.filter(id=OuterRef("event_id"))
    return of_operator(actor).filter(~Exists(rated), state=CallState.WAITING, closes_at__gt=now)


def is_held_by(callout: CallOut, actor: Actor, now: datetime) -> bool:
    is_fresh = callout.held_until is not None and callout.held_until > now
    return is_fresh and callout.holder_id == actor.id and callout.state == CallState.WAITING


def first_those_of(actor: Actor) -> Case:
    return Case(When(holder_id=actor.id, then=Value(0)), default=Value(1), output_field=IntegerField())


@dataclass(frozen=True)
class Waiting:
    """A line of the list. Nothing of the person stands in it."""

    callout: CallOut
    item: str
    organ: str
    service_day: object
    is_held: bool


def lines(callouts: Iterable[CallOut], now: datetime) -> list[Waiting]:
    rows = list(callouts)
    events = ServiceEvent.objects.in_bulk([row.event_id for row in rows])
    return [
        Waiting(
            row,
            events[row.event_id].item_name,
            events[row.event_id].organ_name,
            events[row.event_id].service_day,
            row.held_until is not None and row.held_until > now,
        )
        for row in rows
        if row.event_id in events
    ]


@dataclass(frozen=True)
class Masked:
    """The applicant as an operator sees them before dialling."""

    name: str
    mobile: str


def masked(callout: CallOut) -> Masked:
    who = applicant_of(callout.event_id)
    return Masked(mask_name(who.name), mask_phone(who.mobile)) if who else Masked("", "")


def progress(actor: Actor, now: datetime) -> dict[str, int]:
    """Of the last thirty days: how many were drawn, wait, are due now, were called, and ended in each state."""
    rows = callouts_for(actor).filter(made_at__gt=now - NEWEST)
    return rows.aggregate(
        drawn=Count("event_id"),
        called=Count("event_id", filter=Q(tries__gt=0)),
        due=Count("event_id", filter=Q(state=CallState.WAITING, next_at__lte=now, closes_at__gt=now)),
        **{str(state): Count("event_id", filter=Q(state=state)) for state in CallState},
    )
