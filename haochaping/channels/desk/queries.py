"""What was entered for others, as far as somebody may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from haochaping.accounts.queries import visible
from haochaping.channels.models import Entry
from haochaping.evaluation.models import ServiceEvent

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor


def entries_for(actor: Actor) -> QuerySet[Entry]:
    """The entries whose service lies in the actor's scopes."""
    reachable = visible(ServiceEvent.objects.filter(id=OuterRef("event_id")), actor)
    return Entry.objects.filter(Exists(reachable))


def to_check(actor: Actor) -> QuerySet[Entry]:
    """The drawn entries that wait for a second person, not one's own, oldest first."""
    waiting = entries_for(actor).filter(is_sampled=True, checked_at=None)
    return waiting.exclude(person_id=actor.id).exclude(second_id=actor.id).order_by("entered_at", "event_id")
