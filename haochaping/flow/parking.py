"""Ratings that waited for their service event are taken up (design §4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from haochaping.accounts.queries import sender
from haochaping.directory.queries import snapshot
from haochaping.evaluation import batches
from haochaping.evaluation.kept import Refusal, keep, place_of, wire_of
from haochaping.evaluation.models import Parked, ServiceEvent
from haochaping.evaluation.records import ServiceRecord, Submission
from haochaping.flow.admit import ALREADY_RATED, NOT_YOURS, admit
from haochaping.kit import blobs

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from haochaping.kit.errors import Refused


def unpark(rows: Sequence[Parked], *, now: datetime) -> int:
    """Admit parked ratings whose service event has arrived; those that are refused now are kept for repair. How many came in.

    Whose service it is has only now come out: an app's rating is held to the organs that the app may rate.
    """
    waiting = [msgspec.json.decode(opened(row)["submission"], type=Submission) for row in rows]
    senders = {row.source: sender(row.source) for row in rows}
    apps = [senders[row.source] for row in rows]
    outcomes = admit(waiting, now=now, apps=apps)
    events = ServiceEvent.objects.in_bulk([row.id for row in rows])
    left, refusals = [], []
    for row, s, app, outcome in zip(rows, waiting, apps, outcomes, strict=True):
        if outcome.status == "parked":
            continue
        left.append(row.id)
        if outcome.refused is not None:
            refusals.append(
                Refusal(
                    wire_of(s),
                    outcome.refused,
                    s.source,
                    "parked",
                    batch=s.batch,
                    event_id=row.id,
                    place=place_of(None if outcome.refused is NOT_YOURS else events.get(row.id), app),
                    arrived=s.arrived,
                    is_acknowledged=True,
                    is_superseded=outcome.refused is ALREADY_RATED,
                )
            )
    keep(refusals, now=now)
    Parked.objects.filter(kind="evaluation", id__in=left).delete()
    batches.void_late(
        {o.id: s.batch for o, s in zip(outcomes, waiting, strict=True) if s.batch and o.status == "created"}, now=now
    )
    return len(left) - len(refusals)


def read_again(row: Parked) -> Submission | ServiceRecord:
    """What waits, as it was read when it came."""
    if row.kind == "evaluation":
        return msgspec.json.decode(opened(row)["submission"], type=Submission)
    return msgspec.json.decode(opened(row)["record"], type=ServiceRecord)


def opened(row: Parked) -> dict[str, str]:
    """What waits, in clear: its record or submission as JSON."""
    return blobs.unseal(bytes(row.blob), table="evaluation_parked", row=row.id)


PLACE = ("area_path", "organ_path", "window_code")


def service_place(record: ServiceRecord) -> tuple[str, str, str]:
    """Whose concern a service is that waits: where it was given, and its organ if that is known."""
    directory = snapshot()
    organ = directory.organs.get(record.organ_code)
    return directory.area_path(record.area), organ.path if organ else "", record.window_code


def keep_service(row: Parked, record: ServiceRecord, no: Refused, now: datetime) -> None:
    """A service record that waited and is refused now that its item and organ are there is kept for repair."""
    refusal = Refusal(
        wire_of(record),
        no,
        row.source,
        "parked",
        kind="service",
        event_id=row.id,
        place=(row.area_path, row.organ_path, row.window_code),
        arrived=row.received_at,
        is_acknowledged=True,
    )
    keep([refusal], now=now)
