"""Batches 批次: what came of every line, and a whole batch taken out of the figures or back into them (issue 3, item 7)."""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import Max, Sum

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Actor, Role
from haochaping.directory.probes import without_probes
from haochaping.evaluation.models import Batch, BatchMark, BatchPart, Rejected, ServiceEvent
from haochaping.kit import clock, ids
from haochaping.kit.errors import FieldError, Refused
from haochaping.outbox.commands import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

STATUSES = ("created", "duplicate", "parked", "conflict", "rejected")
PART = 500  # lines of a part: as many ratings are ruled on in one transaction
BATCH = "batch"  # the kind of a batch's rulings
SYSTEM_NAME = "系统"
REASON_LEAST, REASON_MOST = 4, 500
NOT_FOUND = Refused("batch_not_found", 404, "没有这个批次，或它不属于您的范围。")


@dataclass(frozen=True)
class Line:
    """What came of one line: its status, the rating's id where it has one, the code where it was refused."""

    status: str
    event_id: UUID | None = None
    code: str = ""


def open_batch(*, lane: str, source: str, name: str, now: datetime, place: tuple[str, str, str] = ("", "", "")) -> str:
    """A new batch; its number. Call it in the transaction of its first lines."""
    id_ = f"PC{clock.day(now):%Y%m%d}-" + "".join(secrets.choice(ids.CROCKFORD) for _ in range(10))
    area, organ, window = place
    Batch.objects.create(
        id=id_,
        lane=lane,
        source=source,
        name=name[:200],
        received_at=now,
        area_path=area,
        organ_path=organ,
        window_code=window,
    )
    return id_


def record_lines(batch: str, first: int, lines: Sequence[Line]) -> None:
    """What came of these lines, the first of which has this index. Call it in the transaction that took them in."""
    BatchPart.objects.bulk_create(
        _part(batch, first + start, lines[start : start + PART]) for start in range(0, len(lines), PART)
    )


def _part(batch: str, n: int, lines: Sequence[Line]) -> BatchPart:
    counts = Counter(line.status for line in lines)
    packed = msgspec.msgpack.encode(
        [(STATUSES.index(line.status), line.event_id.bytes if line.event_id else b"", line.code) for line in lines]
    )
    return BatchPart(batch=batch, n=n, lines=packed, **{status: counts[status] for status in STATUSES})


_LINES = msgspec.msgpack.Decoder(list[tuple[int, bytes, str]])


def _lines(part: BatchPart) -> list[Line]:
    return [
        Line(STATUSES[status], UUID(bytes=id_) if id_ else None, code)
        for status, id_, code in _LINES.decode(bytes(part.lines))
    ]


def batches_for(actor: Actor) -> QuerySet[Batch]:
    """The batches of this actor's places; those of no place (imports of files) for who works for a whole province. No probe's."""
    rows = without_probes(visible(Batch.objects.all(), actor), actor)
    return rows | Batch.objects.filter(area_path="", organ_path="") if is_provincial(actor) else rows


def is_provincial(actor: Actor) -> bool:
    """Whether a supervisor of a whole province asks: what has no place is theirs to look after."""
    return any(role is Role.SUPERVISOR and not scope.organ and len(scope.area) <= 2 for role, scope in actor.grants)


def one_for(actor: Actor, id: str) -> Batch:  # noqa: A002
    found = batches_for(actor).filter(id=id).first()
    if found is None:
        raise NOT_FOUND
    return found


def of_source(id: str, source: str) -> Batch:  # noqa: A002
    """The batch that this source sent; Refused 404 for any other."""
    found = Batch.objects.filter(id=id, source=source).first()
    if found is None:
        raise NOT_FOUND
    return found


def counts(batches: Iterable[str]) -> dict[str, dict[str, int]]:
    """How many lines of each batch came to what."""
    wanted = list(batches)
    parts = BatchPart.objects.filter(batch__in=wanted).order_by()
    rows = parts.values_list("batch").annotate(*map(Sum, STATUSES))
    found = {row[0]: dict(zip(STATUSES, row[1:], strict=True)) for row in rows}
    return {batch: found.get(batch) or dict.fromkeys(STATUSES, 0) for batch in wanted}


def lines_of(batch: str, *, start: int = 0, most: int = PART, status: str = "") -> list[tuple[int, Line]]:
    """Up to `most` lines with their index, from `start` on; only those of one status if it is named."""
    if status not in {"", *STATUSES}:
        raise Refused("unknown_status", 422, f"status 只能是 {'、'.join(STATUSES)}。")
    found: list[tuple[int, Line]] = []
    parts = BatchPart.objects.filter(batch=batch, n__gt=start - PART).order_by("n")
    if status:
        parts = parts.filter(**{f"{status}__gt": 0})
    for part in parts.iterator(chunk_size=4):
        found += [
            (part.n + place, line)
            for place, line in enumerate(_lines(part))
            if part.n + place >= start and status in {"", line.status}
        ]
        if len(found) >= most:
            break
    return found[:most]


def marks(batches: Iterable[str]) -> dict[str, BatchMark]:
    """The newest decision about each of these batches that has one."""
    rows = BatchMark.objects.filter(batch__in=list(batches)).order_by("batch", "n")
    return {mark.batch: mark for mark in rows}


def history(batch: str) -> list[BatchMark]:
    return list(BatchMark.objects.filter(batch=batch).order_by("n"))


def size(batch: str) -> int:
    return sum(counts([batch])[batch].values())


def may_mark(actor: Actor, batch: Batch) -> bool:
    """Supervisors of the batch's place; what has no place is a provincial supervisor's."""
    here = actor.over(area=batch.area_path, organ=batch.organ_path, window=batch.window_code)
    return here.has(Role.SUPERVISOR) or (not batch.area_path and is_provincial(actor))


def check_mark(batch: Batch, *, voids: bool, reason: str, actor: Actor) -> str:
    """The reason as it is kept; Refused as `mark` says."""
    if not may_mark(actor, batch):
        raise Refused("not_your_role", 403, "只有督办人员可以标记整批无效或恢复。")
    last = last_mark(batch.id)
    if last is not None and last.finished_at is None:
        raise Refused("still_marking", 409, "上一次标记还在处理，请等它完成。")
    if voids == (last is not None and last.voids):
        raise Refused("already_so", 409, "该批次已经是这个状态。")
    return reason_of(reason)


def mark(batch: str, *, voids: bool, reason: str, actor: Actor, now: datetime) -> BatchMark:
    """Decide that a batch is void, or counts again; `continue_mark` carries it out.

    Refused 403 to who is no supervisor of its place, 409 if it stands so already or the last decision is still being
    carried out, 422 without a reason.
    """
    found = one_for(actor, batch)
    with transaction.atomic():
        connection.cursor().execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"batch {batch}"])
        reason = check_mark(found, voids=voids, reason=reason, actor=actor)
        last = last_mark(batch)
        made = BatchMark.objects.create(
            batch=batch,
            n=last.n + 1 if last else 1,
            voids=voids,
            reason=reason,
            by=actor.name,
            person=actor.id,
            at=now,
        )
        audit(actor, "void_batch" if voids else "restore_batch", batch, now=now, facts={"reason": reason})
    return made


def reason_of(text: str) -> str:
    """A reason as it is kept; Refused (422) where it is too short or too long to be one."""
    text = text.strip()
    if not REASON_LEAST <= len(text) <= REASON_MOST or "\x00" in text:
        message = f"请写明理由，{REASON_LEAST} 至 {REASON_MOST} 字。"
        raise Refused("fields_refused", 422, message, (FieldError("reason", "required", message),))
    return text


def continue_mark(mark: BatchMark, *, now: datetime) -> list[UUID]:
    """Rule on the ratings of the next part of a marked batch, in one transaction; which were ruled on.

    Void takes out what counts; restore brings back only what this kind of ruling took out last: a rating that an appeal
    took out stays out.
    """
    with transaction.atomic():
        held = BatchMark.objects.select_for_update(skip_locked=True).filter(batch=mark.batch, n=mark.n)
        row = held.filter(finished_at=None).first()
        if row is None:  # done, or somebody else is at it
            return []
        part = BatchPart.objects.filter(batch=mark.batch, n__gte=row.lines_done).order_by("n").first()
        if part is None:
            row.finished_at = now
            row.save(update_fields=["finished_at"])
            return []
        lines = _lines(part)
        row.lines_done = part.n + len(lines)
        wanted = [line.event_id for line in lines if line.event_id]  # a refused line may have been repaired since
        if not BatchPart.objects.filter(batch=mark.batch, n__gte=row.lines_done).exists():
            row.finished_at = now
            wanted += _repaired(mark.batch)
        ruled = _rule(wanted, row, now)
        row.ratings += len(ruled)
        row.save(update_fields=["lines_done", "ratings", "finished_at"])
    return ruled


def _repaired(batch: str) -> list[UUID]:
    """Where refused lines of the batch stand now: one that was mended may stand under another service than it named."""
    rows = Rejected.objects.filter(batch=batch, kind="evaluation", became__isnull=False)
    return [id_ for id_ in rows.values_list("became", flat=True) if id_]


_RULE = """
INSERT INTO evaluation_ruling (event_id, n, excludes, kind, reason, by, at)
SELECT e.id, coalesce(r.n, 0) + 1, %(voids)s, 'batch', %(reason)s, %(by)s, %(now)s
  FROM evaluation_evaluation e
  LEFT JOIN LATERAL (SELECT n, excludes, kind FROM evaluation_ruling WHERE event_id = e.id ORDER BY n DESC LIMIT 1) r ON true
 WHERE e.id = ANY(%(ids)s) AND e.batch = %(batch)s
   AND CASE WHEN %(voids)s THEN NOT coalesce(r.excludes, false) ELSE r.excludes AND r.kind = 'batch' END
 ORDER BY e.id
ON CONFLICT DO NOTHING RETURNING event_id
"""


def _rule(wanted: Sequence[UUID], mark: BatchMark, now: datetime) -> list[UUID]:
    given: Mapping[str, Any] = {
        "voids": mark.voids,
        "reason": mark.reason,
        "by": mark.by,
        "now": now,
        "ids": list(wanted),
        "batch": mark.batch,
    }
    ruled: list[UUID] = []
    with connection.cursor() as cursor:
        while True:  # somebody ruled on one of them this moment: look again at what is left
            cursor.execute(_RULE, given)
            new = [row[0] for row in cursor.fetchall()]
            if not new:
                break
            ruled += new
    days = ServiceEvent.objects.filter(id__in=ruled).values_list("id", "service_day")
    tell([(id_, "ruling", day) for id_, day in sorted(days)], now=now)
    return ruled


def void_late(came: Mapping[UUID, str], *, now: datetime) -> None:
    """Ratings that came in only now, by id, with their batches: where a batch is void, they are out like the others."""
    for batch, newest in marks(set(came.values())).items():
        if newest.voids:
            _rule(sorted(id_ for id_, of in came.items() if of == batch), newest, now)


def unfinished() -> list[BatchMark]:
    return list(BatchMark.objects.filter(finished_at=None).order_by("at"))


def last_mark(batch: str) -> BatchMark | None:
    last = BatchMark.objects.filter(batch=batch).aggregate(n=Max("n"))["n"]
    return BatchMark.objects.filter(batch=batch, n=last).first() if last else None
