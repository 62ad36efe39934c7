"""Ratings that waited for their service event are taken up (design §4)."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

import msgspec

from haochaping.accounts.queries import sender
from haochaping.directory.models import Device
from haochaping.directory.queries import snapshot
from haochaping.evaluation import batches
from haochaping.evaluation.kept import Refusal, keep, place_of, wire_of
from haochaping.evaluation.models import Parked, ServiceEvent
from haochaping.evaluation.records import ServiceRecord, Submission
from haochaping.flow.admit import ALREADY_RATED, NOT_YOURS, Outcome, admit
from haochaping.kit import blobs
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


ELSEWHERE = Refused("service_elsewhere", 409, "这次服务不是在本设备所在大厅办理的。")


def unpark(rows: Sequence[Parked], *, now: datetime) -> int:
    """Admit parked ratings whose service event has arrived; those that are refused now are kept for repair. How many came in.

    Whose service it is has only now come out: an app's rating is held to the organs that the app may rate.
    """
    waiting = [msgspec.json.decode(opened(row)["submission"], type=Submission) for row in rows]
    senders = {row.source: sender(row.source) for row in rows}
    apps = [senders[row.source] for row in rows]
    events = ServiceEvent.objects.in_bulk([row.id for row in rows])
    devices = Device.objects.in_bulk([s.device_id for s in waiting if s.source == f"device:{s.device_id}"])
    is_here = [may_rate(devices.get(s.device_id), events.get(row.id)) for row, s in zip(rows, waiting, strict=True)]
    admitted = iter(admit(list(compress(waiting, is_here)), now=now, apps=list(compress(apps, is_here))))
    outcomes = [
        next(admitted) if here else Outcome("rejected", row.id, refused=ELSEWHERE)
        for row, here in zip(rows, is_here, strict=True)
    ]
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


def may_rate(device: Device | None, event: ServiceEvent | None) -> bool:
    """Whether a service may be rated at this tablet: it was given in its hall, and a probe rates probes only."""
    if device is None or event is None:
        return True
    return event.is_probe == device.is_probe and event.hall_code in {"", device.hall}


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
