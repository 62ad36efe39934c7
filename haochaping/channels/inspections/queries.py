"""Reading inspections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.accounts.queries import visible
from haochaping.channels.models import Entry, Inspection
from haochaping.directory.queries import snapshot
from haochaping.evaluation import attachments
from haochaping.evaluation.models import Evaluation, ServiceEvent, Words
from haochaping.evaluation.queries import secrets
from haochaping.kit.errors import Refused
from haochaping.kit.masks import mask_text
from haochaping.rectification.models import Order

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor
from haochaping.evaluation.models import Attachment


def inspections_for(actor: Actor) -> QuerySet[Inspection]:
    """The inspections in the actor's scopes, newest first."""
    return visible(Inspection.objects.all(), actor).order_by("-inspected_on", "-made_at", "event_id")


@dataclass(frozen=True)
class Inspected:
    """One inspection with its rating."""

    inspection: Inspection
    what: str
    organ: str
    window: str
    level: int
    reasons: tuple[str, ...]
    findings: str
    number: str
    order_no: str
    photos: tuple[Attachment, ...]


def lines(rows: Iterable[Inspection]) -> list[Inspected]:
    found = list(rows)
    ids = [row.event_id for row in found]
    events, ratings = ServiceEvent.objects.in_bulk(ids), Evaluation.objects.in_bulk(ids)
    words, entries, orders = Words.objects.in_bulk(ids), Entry.objects.in_bulk(ids), Order.objects.in_bulk(ids)
    known, photos = snapshot(), attachments.kept_of(ids, "inspection")
    lined, hidden = [], secrets(words)
    for row in found:
        event, window = events[row.event_id], known.windows.get(row.window_code)
        text, entry, order = words.get(row.event_id), entries.get(row.event_id), orders.get(row.event_id)
        lined.append(
            Inspected(
                row,
                event.item_name if event.task_code else "不针对具体事项",
                event.organ_name,
                window.name if window else row.window_code,
                ratings[row.event_id].level,
                tuple(ratings[row.event_id].indicator_names),
                mask_text(text.text, hidden[row.event_id]) if text else "",
                entry.proof if entry else "",
                order.order_no if order else "",
                tuple(photos.get(row.event_id, ())),
            )
        )
    return lined


def photo(actor: Actor, id_: UUID) -> bytes:
    """One photograph of an inspection in the actor's scopes, a JPEG; Refused 404 otherwise."""
    kept = attachments.one(id_, "inspection")
    if kept is None or not inspections_for(actor).filter(event_id=kept.event_id).exists():
        raise Refused("not_found", 404, "没有这张照片。")
    return attachments.open_(kept)
