"""Tamper evidence: each rating carries its SM3; batches of them are chained (security §0.6).

A chain extended inside every request would cap the province at a few hundred ratings a second, so the hash is written
with the row and the chain follows in batches. `verify` recomputes both from the stored columns.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import connection, transaction

from haochaping.evaluation.models import Evaluation, Seal, SealedRow, Words
from haochaping.evaluation.queries import evaluation_row
from haochaping.evaluation.rules import canonical
from haochaping.kit import crypto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

BATCH = 10_000
START = crypto.sm3("好差评".encode())

# Ratings whose transaction is older than every open one: a slower transaction cannot slip in before them later. So all
# before the last sealed one are sealed, and nobody need look at them again.
_UNSEALED = """
SELECT e.id, e.row_sm3 FROM evaluation_evaluation e
 WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot()) AND e.xid >= %s::text::xid8
   AND NOT EXISTS (SELECT FROM evaluation_sealedrow s WHERE s.id = e.id)
 ORDER BY e.xid, e.id LIMIT %s
"""


# None where the last sealed transaction lies ahead: the database was restored elsewhere and counts its own anew.
_LAST_SEALED = """
SELECT e.xid::text FROM evaluation_sealedrow s JOIN evaluation_evaluation e ON e.id = s.id
 WHERE s.seal = %s AND e.xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY s.place DESC LIMIT 1
"""


def seal(*, now: datetime) -> int:
    """Bring every committed rating under a seal; the number of ratings sealed now."""
    total = 0
    while True:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtext('evaluation seal'))")
                last = Seal.objects.order_by("-n").first()
                cursor.execute(_LAST_SEALED, [last.n if last else 0])
                (since,) = cursor.fetchone() or ("0",)
                cursor.execute(_UNSEALED, [since, BATCH])
                rows = [(id_, bytes(sm3)) for id_, sm3 in cursor.fetchall()]
            if not rows:
                return total
            n, previous = (last.n + 1, bytes(last.head)) if last else (1, START)
            SealedRow.objects.bulk_create(
                SealedRow(id=id_, seal=n, place=place, row_sm3=sm3) for place, (id_, sm3) in enumerate(rows)
            )
            head = crypto.sm3(previous + b"".join(sm3 for _, sm3 in rows))
            Seal.objects.create(n=n, previous=previous, head=head, rows=len(rows), at=now)
        total += len(rows)


@dataclass
class Report:
    """What `verify` found: how much was checked, and each fault by the row it lies in."""

    seals: int = 0
    rows: int = 0
    unsealed: int = 0
    head: str = ""
    faults: list[str] = field(default_factory=list)


def verify() -> Report:
    """Recompute every hash and every seal from the stored rows.

    Finds a rating that was changed, deleted, inserted under a seal or moved, words that are not those that were rated
    with, and a broken chain. Erased words and withdrawn identities leave it valid. A cut-off tail is found by comparing
    `head` with one that was kept elsewhere.
    """
    report = Report()
    previous, expected = START, 0
    for link in Seal.objects.order_by("n").iterator():
        expected += 1
        report.seals += 1
        if link.n != expected:
            report.faults.append(f"seal {expected}: missing from the chain")
            expected = link.n
        hashes = []
        for place, (row, found) in enumerate(_sealed(link.n)):
            report.rows += 1
            hashes.append(bytes(row.row_sm3))
            if row.place != place:
                report.faults.append(f"rating {row.id}: stands at place {row.place} of seal {link.n}, not {place}")
            if found is None:
                report.faults.append(f"rating {row.id}: deleted")
            elif not (crypto.sm3(canonical(evaluation_row(found))) == bytes(found.row_sm3) == bytes(row.row_sm3)):
                report.faults.append(f"rating {row.id}: changed")
        if len(hashes) != link.rows:
            report.faults.append(f"seal {link.n}: holds {len(hashes)} rows, {link.rows} were sealed")
        if bytes(link.previous) != previous or crypto.sm3(previous + b"".join(hashes)) != bytes(link.head):
            report.faults.append(f"seal {link.n}: does not follow from its rows and the seal before")
        previous = bytes(link.head)
    report.head = previous.hex()
    _check_words(report)
    report.unsealed = Evaluation.objects.count() - report.rows + sum("deleted" in fault for fault in report.faults)
    return report


def _sealed(n: int) -> Iterator[tuple[SealedRow, Evaluation | None]]:
    rows = list(SealedRow.objects.filter(seal=n).order_by("place"))
    found = Evaluation.objects.in_bulk([row.id for row in rows])
    for row in rows:
        yield row, found.get(row.id)


def _check_words(report: Report) -> None:
    digests = Evaluation.objects.filter(words_digest__isnull=False).values_list("id", "words_digest")
    by_id = {id_: bytes(digest) for id_, digest in digests.iterator() if digest is not None}
    for words in Words.objects.iterator():
        if crypto.sm3(bytes(words.salt) + words.text.encode()) != by_id.get(words.id):
            report.faults.append(f"words of {words.id}: not those that were rated with")
