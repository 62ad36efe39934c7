"""The doorbell of the window tablets: a finished service rings at its window, and nobody else can."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

CALL_LIFE = timedelta(minutes=5)
JUST_SERVED = timedelta(minutes=10)


def is_just_served(*, pro_status: int, service_time: datetime, now: datetime) -> bool:
    """Whether a record that arrives now is of somebody who may still stand at the window."""
    return pro_status >= 2 and now - JUST_SERVED <= service_time <= now + JUST_SERVED


def ring(calls: Iterable[tuple[str, str, int]], *, source: str, now: datetime) -> set[str]:
    """Ask at each `(window, project_no, service_number)` for a rating; the windows that have a tablet, which rang.

    The same case again rings anew only if another was called in between: two reports of one service are one call.
    """
    wanted = sorted({window: (project_no, number) for window, project_no, number in calls}.items())
    if not wanted:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO flow_windowcall AS held"
            " (window_code, seq, project_no, service_number, called_at, expires_at, source)"
            " SELECT w, 1, p, n, %s, %s, %s FROM unnest(%s::text[], %s::text[], %s::smallint[]) AS c(w, p, n)"
            " WHERE EXISTS (SELECT FROM directory_device d WHERE d.kind = 'tablet' AND d.\"window\" = w"
            " AND d.enrolled_at IS NOT NULL AND d.revoked_at IS NULL)"
            " ON CONFLICT (window_code) DO UPDATE SET seq = held.seq + CASE WHEN held.project_no = excluded.project_no"
            " AND held.service_number = excluded.service_number THEN 0 ELSE 1 END, project_no = excluded.project_no,"
            " service_number = excluded.service_number, called_at = excluded.called_at,"
            " expires_at = excluded.expires_at, source = excluded.source RETURNING window_code",
            [
                now,
                now + CALL_LIFE,
                source,
                [window for window, _ in wanted],
                [project_no for _, (project_no, _) in wanted],
                [number for _, (_, number) in wanted],
            ],
        )
        return {row[0] for row in cursor.fetchall()}
