"""Refused records are kept for repair 异常数据: sealed, each once, with the reason. Nothing vanishes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Count, Exists, Min, OuterRef, Q

from haochaping.accounts.queries import visible
from haochaping.evaluation.batches import is_provincial
from haochaping.evaluation.models import Evaluation, Parked, Rejected
from haochaping.evaluation.records import ServiceRecord, Submission, content, service_content
from haochaping.evaluation.rules import canonical
from haochaping.kit import blobs, crypto, ids, keys
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from django.db.models import QuerySet

    from haochaping.accounts.queries import AppInfo
    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import Place
    from haochaping.kit.errors import Refused

TABLE = "evaluation_rejected"
OPEN, FIXED, DISCARDED, SUPERSEDED = "open", "fixed", "discarded", "superseded"


@dataclass(frozen=True)
class Refusal:
    """One record with the no that it got. `record` is in wire form: an object, or whatever came in the place of one."""

    record: Any = field(repr=False)
    refused: Refused
    source: str
    lane: str
    kind: str = "evaluation"
    batch: str = ""
    event_id: UUID | None = None
    best_is_one: bool = False  # the direction in which `record` counts
    place: tuple[str, str, str] = ("", "", "")  # area path, organ path, window code
    arrived: datetime | None = None
    is_acknowledged: bool = False
    is_superseded: bool = False  # another rating holds its place


def wire_of(record: Submission | ServiceRecord) -> dict[str, Any]:
    """A read record as it would stand on the wire, best level 5."""
    return content(record) if isinstance(record, Submission) else service_content(record)


def place_of(event: Place | Any | None, app: AppInfo | None = None) -> tuple[str, str, str]:
    """Where the service was given, else whose app sent it, else nobody knows."""
    if event is not None:
        return event.area_path, event.organ_path, event.window_code
    return (app.area, app.organ, "") if app else ("", "", "")


def keep(refusals: Sequence[Refusal], *, now: datetime) -> list[UUID]:
    """Keep each, in one statement; their ids. The same content of the same source again is counted, not kept twice.

    What somebody has settled stays settled.
    """
    rows: dict[UUID, dict[str, Any]] = {}
    found = []
    for refusal in refusals:
        row = _row(refusal, now)
        found.append(row["id"])
        if row["id"] in rows:
            row["times"] += rows[row["id"]]["times"]
        rows[row["id"]] = row
    if rows:
        body = msgspec.json.encode([rows[id_] for id_ in sorted(rows)]).decode()
        back = [r.lane == "parked" and not r.is_superseded for r in refusals]
        with connection.cursor() as cursor:
            if any(back):
                cursor.execute(_REOPEN, [[id_ for id_, is_back in zip(found, back, strict=True) if is_back]])
            cursor.execute(_KEEP, [body])
    return found


_KEEP = """
INSERT INTO evaluation_rejected AS kept SELECT * FROM json_populate_recordset(NULL::evaluation_rejected, %s::json)
ON CONFLICT (id) DO UPDATE SET
    times = kept.times + excluded.times, last_at = excluded.last_at,
    is_acknowledged = kept.is_acknowledged OR excluded.is_acknowledged,
    event_id = coalesce(excluded.event_id, kept.event_id),
    reason = CASE kept.state WHEN 'open' THEN excluded.reason ELSE kept.reason END,
    fields = CASE kept.state WHEN 'open' THEN excluded.fields ELSE kept.fields END,
    blob = CASE kept.state WHEN 'open' THEN excluded.blob ELSE kept.blob END
"""
# What was taken in and waited since, and is refused now, has no other place: it is open again.
_REOPEN = """
UPDATE evaluation_rejected SET state = 'open', settled_at = NULL, settled_by = '', settled_because = '', became = NULL
 WHERE id = ANY(%s) AND state = 'fixed'
"""


def _row(refusal: Refusal, now: datetime) -> dict[str, Any]:
    body = msgspec.json.encode(refusal.record)
    digest = crypto.hmac_sm3(
        keys.key("content"), f"refused\x00{refusal.kind}\x00{refusal.source}\x00".encode() + _stable(refusal.record)
    )
    id_ = UUID(bytes=digest[:16])
    no = refusal.refused
    faults = _faults(no)
    area, organ, window = refusal.place
    given = {"record": body.decode(), "faults": msgspec.json.encode(faults).decode()}
    if refusal.best_is_one:
        given["best_is_one"] = "1"
    arrived = refusal.arrived or now
    return {
        "id": id_,
        "kind": refusal.kind,
        "lane": refusal.lane,
        "source": refusal.source[:40],
        "batch": refusal.batch,
        "event_id": refusal.event_id or (_named(refusal.record) if refusal.kind == "evaluation" else None),
        "reason": no.fields[0].code if no.fields else no.code,
        "fields": [(field_, code) for field_, code, _ in faults],
        "blob": "\\x" + blobs.seal(given, table=TABLE, row=id_).hex(),
        "times": 1,
        "is_acknowledged": refusal.is_acknowledged,
        "received_at": arrived,
        "last_at": now,
        "tried_at": None,
        "became": None,
        "state": SUPERSEDED if refusal.is_superseded else OPEN,
        "settled_at": now if refusal.is_superseded else None,
        "settled_by": "系统" if refusal.is_superseded else "",
        "settled_because": no.message if refusal.is_superseded else "",
        "area_path": area,
        "organ_path": organ,
        "window_code": window,
    }


def _named(record: Any) -> UUID | None:
    """The service that a rating names which could not be read: what its rater takes back later is taken back here too."""
    if not isinstance(record, dict):
        return None
    project_no, number = (str(record.get(name) or "").strip() for name in ("projectNo", "serviceNumber"))
    is_number = number.isascii() and number.isdigit() and len(number) < 3
    return ids.event_id(project_no, int(number)) if project_no and is_number else None


def _stable(record: Any) -> bytes:
    return canonical(record) if isinstance(record, dict) else canonical({"line": str(record)})


@dataclass(frozen=True)
class Opened:
    """What was kept, in clear: for repair only, never to be shown as it is (see `shown`)."""

    record: dict[str, Any] = field(repr=False)
    faults: list[tuple[str, str, str]] = field(repr=False)  # field, code, message
    best_is_one: bool
    original: dict[str, Any] = field(default_factory=dict, repr=False)  # as it came, where it was mended since


def open_kept(row: Rejected) -> Opened:
    given = blobs.unseal(bytes(row.blob), table=TABLE, row=row.id)
    record = msgspec.json.decode(given["record"])
    faults = [(f, code, mask_text(message)) for f, code, message in msgspec.json.decode(given["faults"])]
    original = msgspec.json.decode(given["original"]) if "original" in given else {}
    return Opened(
        record if isinstance(record, dict) else {},
        faults,
        "best_is_one" in given,
        original if isinstance(original, dict) else {},
    )


def reseal_record(row: Rejected, record: Mapping[str, Any]) -> bytes:
    """The row's blob with another record in it; as it came first stays beside it, and the faults as they were found."""
    given = blobs.unseal(bytes(row.blob), table=TABLE, row=row.id)
    mended = {"original": given["record"], **given, "record": msgspec.json.encode(record).decode()}
    return blobs.seal(mended, table=TABLE, row=row.id)


def reseal_faults(row: Rejected, no: Refused) -> bytes:
    """The row's blob with the newest faults."""
    given = blobs.unseal(bytes(row.blob), table=TABLE, row=row.id)
    return blobs.seal(given | {"faults": msgspec.json.encode(_faults(no)).decode()}, table=TABLE, row=row.id)


def _faults(no: Refused) -> list[tuple[str, str, str]]:
    return [(f.field, f.code, f.message) for f in no.fields] or [("", no.code, no.message)]


PERSONAL = {"identity": ("name", "certKey", "mobile"), "words": ("writingEvaluation",)}


def scrub(row: Rejected, *what: str) -> bytes:
    """The row's blob without who rated, or without their words (`PERSONAL`)."""
    given = blobs.unseal(bytes(row.blob), table=TABLE, row=row.id)
    gone = {name for each in what for name in PERSONAL[each]}
    for part in ("record", "original"):
        record = msgspec.json.decode(given[part]) if part in given else None
        if isinstance(record, dict):
            left = {name: value for name, value in record.items() if name not in gone}
            given[part] = msgspec.json.encode(left).decode()
    return blobs.seal(given, table=TABLE, row=row.id)


def forget_person(event_id: UUID, what: str) -> None:
    """Of refused ratings of this service too, whoever gave them takes back identity or words."""
    for row in Rejected.objects.filter(Q(event_id=event_id) | Q(became=event_id), kind="evaluation"):
        Rejected.objects.filter(id=row.id).update(blob=scrub(row, what))


def rejected_for(actor: Actor) -> QuerySet[Rejected]:
    """What was kept of this actor's places; what has no place is a provincial supervisor's."""
    rows = visible(Rejected.objects.all(), actor)
    return rows | Rejected.objects.filter(area_path="", organ_path="") if is_provincial(actor) else rows


def waiting_for(actor: Actor) -> QuerySet[Parked]:
    """What waits for its service event, item or organ in this actor's places."""
    rows = visible(Parked.objects.all(), actor)
    return rows | Parked.objects.filter(area_path="", organ_path="") if is_provincial(actor) else rows


def counts_by_reason() -> list[tuple[str, int]]:
    """How many are open for each reason, everywhere, most first: numbers for who runs the system."""
    rows = Rejected.objects.filter(state=OPEN).order_by().values_list("reason").annotate(n=Count("id"))
    return sorted(rows, key=lambda row: (-row[1], row[0]))


def settled_receipt(event_id: UUID) -> Rejected | None:
    """Of an acknowledged rating that was refused later: the newest row that says what became of it."""
    rows = Rejected.objects.filter(event_id=event_id, kind="evaluation", is_acknowledged=True)
    return rows.exclude(state=SUPERSEDED).order_by("-last_at").first()


def overtaken() -> QuerySet[Rejected]:
    """Open refusals of ratings whose service is rated meanwhile."""
    rated = Evaluation.objects.filter(id=OuterRef("event_id"))
    return Rejected.objects.filter(Exists(rated), state=OPEN, kind="evaluation")


OLD = timedelta(days=3)


@dataclass(frozen=True)
class Backlog:
    """How much waits for repair, and how long the oldest of it has."""

    rejected: int
    rejected_old: int
    waiting: int
    waiting_old: int
    oldest: datetime | None


def backlog(actor: Actor | None, now: datetime) -> Backlog:
    """What is open in this actor's places; of None, everywhere: for who runs the system and sees numbers only."""
    rejected = (Rejected.objects.all() if actor is None else rejected_for(actor)).filter(state=OPEN)
    waiting = Parked.objects.all() if actor is None else waiting_for(actor)
    is_old = Q(received_at__lte=now - OLD)
    ours = rejected.aggregate(n=Count("id"), old=Count("id", filter=is_old), first=Min("received_at"))
    theirs = waiting.aggregate(n=Count("id"), old=Count("id", filter=is_old), first=Min("received_at"))
    oldest = min((first for first in (ours["first"], theirs["first"]) if first), default=None)
    return Backlog(ours["n"], ours["old"], theirs["n"], theirs["old"], oldest)
