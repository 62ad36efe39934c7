"""Writing and taking notes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

TOPICS = ("national", "lake")


@dataclass(frozen=True)
class Taken:
    key: UUID
    kind: str
    day: date


def notes(
    changes: Iterable[tuple[UUID, str, date]], *, now: datetime, topics: tuple[str, ...] = TOPICS
) -> list[dict[str, Any]]:
    """What `tell` would write, as rows of `outbox_note`: for a statement that writes the change itself (`kit.rows`)."""
    return [
        {"topic": topic, "key": key, "kind": kind, "day": day, "at": now}
        for key, kind, day in changes
        for topic in topics
    ]


def tell(changes: Iterable[tuple[UUID, str, date]], *, now: datetime, topics: tuple[str, ...] = TOPICS) -> None:
    """Note for every topic that `(key, kind, day)` changed. Call it inside the transaction of the change."""
    rows = list(changes)
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO outbox_note (topic, key, kind, day, at) SELECT topic, key, kind, day, %s"
            " FROM unnest(%s::uuid[], %s::text[], %s::date[]) AS n(key, kind, day), unnest(%s::text[]) AS t(topic)",
            [
                now,
                [key for key, _, _ in rows],
                [kind for _, kind, _ in rows],
                [day for _, _, day in rows],
                list(topics),
            ],
        )


def take(topic: str, limit: int) -> list[Taken]:
    """Take out up to `limit` notes of a topic, oldest first; they come back if the caller's transaction rolls back.

    Several takers share the work (SKIP LOCKED). A note of a transaction that is still open is not seen, so nothing is
    skipped; the caller must do its work, or hand it on to a table of its own, in the same transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM outbox_note WHERE id IN (SELECT id FROM outbox_note WHERE topic = %s ORDER BY id"
            " LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id, key, kind, day",
            [topic, limit],
        )
        rows = sorted(cursor.fetchall())
    return [Taken(key, kind, day) for _, key, kind, day in rows]
