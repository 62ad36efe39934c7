"""The delivery rows: put up, claimed, settled. One statement for a whole batch; no transaction outlives its function."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection

from haochaping.exchange.models import Circuit, Delivery
from haochaping.exchange.rules import NO_ANSWER, Phase, State, pause_after, wait_after

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.exchange.records import Wanted
    from haochaping.exchange.target import Target


@dataclass(frozen=True)
class Claim:
    """A delivery that is ours to send until its lease ends; `attempts` tells our claim from a later one."""

    event_id: UUID
    phase: Phase
    version: int
    attempts: int
    first_tried_at: datetime
    last_error: str


@dataclass(frozen=True)
class Settled:
    """What became of one claim: its new state, and why."""

    claim: Claim
    state: State
    code: str = ""
    text: str = ""


def put_up(wanted: Sequence[Wanted], target: Target, now: datetime) -> int:
    """A delivery for each phase that is new, a further version for each whose content changed; how many.

    An older version that nobody has accepted is dropped: the newer tells all. A corrected record frees what stood
    in quarantine behind it.
    """
    newest = _newest([w.event_id for w in wanted], target)
    rows = []
    for w in wanted:
        version, digest = newest.get((w.event_id, w.phase), (0, b""))
        if digest != w.digest:
            rows.append(
                Delivery(
                    event_id=w.event_id,
                    target=target.name,
                    phase=w.phase,
                    version=version + 1,
                    digest=w.digest,
                    state=State.WAITING,
                    next_at=now,
                    created_at=now,
                )
            )
    Delivery.objects.bulk_create(rows, batch_size=2000)
    if changed := [row.event_id for row in rows if row.version > 1]:
        drop_superseded(changed, target)
        Delivery.objects.filter(target=target.name, event_id__in=changed, state=State.QUARANTINED).update(
            **_afresh(now)
        )
    return len(rows)


def _newest(ids: Sequence[UUID], target: Target) -> dict[tuple[UUID, int], tuple[int, bytes]]:
    rows = (
        Delivery.objects.filter(target=target.name, event_id__in=set(ids))
        .order_by("version")
        .values_list("event_id", "phase", "version", "digest")
    )
    return {(event_id, phase): (version, bytes(digest)) for event_id, phase, version, digest in rows}


def drop_superseded(ids: Sequence[UUID], target: Target) -> None:
    """Drop what was not accepted and is not under way where a newer version of the same phase stands."""
    _execute(
        "DELETE FROM exchange_delivery d WHERE target = %s AND event_id = ANY(%s)"
        " AND state IN ('waiting', 'failed', 'quarantined')"
        " AND EXISTS (SELECT 1 FROM exchange_delivery n WHERE n.event_id = d.event_id AND n.target = d.target"
        " AND n.phase = d.phase AND n.version > d.version)",
        [target.name, list(ids)],
    )


def _afresh(now: datetime) -> dict[str, Any]:
    return {
        "state": State.WAITING,
        "next_at": now,
        "attempts": 0,
        "first_tried_at": None,
        "error_code": "",
        "error_text": "",
    }


def set_waiting(rows: Sequence[tuple[UUID, Phase]], target: Target, now: datetime, states: Sequence[State]) -> int:
    """Send the newest version of each of these phases (again), from the first attempt; only where it is in one of `states`."""
    done = 0
    for phase in Phase:
        ids = [event_id for event_id, p in rows if p is phase]
        if not ids:
            continue
        done += _execute(
            "UPDATE exchange_delivery d SET state = 'waiting', next_at = %s, attempts = 0, first_tried_at = NULL,"
            " error_code = '', error_text = '' WHERE target = %s AND phase = %s AND event_id = ANY(%s)"
            " AND state = ANY(%s) AND NOT EXISTS (SELECT 1 FROM exchange_delivery n WHERE n.event_id = d.event_id"
            " AND n.target = d.target AND n.phase = d.phase AND n.version > d.version)",
            [now, target.name, phase, ids, [str(state) for state in states]],
        )
    return done


def claim(target: Target, now: datetime, limit: int) -> list[Claim]:
    """Take up to `limit` deliveries that are due, for the length of a lease; several senders share the work.

    A phase waits for every earlier one of its service event, a version for the one before it that is still on its way. A
    claim that ended unsettled (its sender died) is taken again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH due AS MATERIALIZED (
                SELECT event_id, target, phase, version FROM exchange_delivery d
                WHERE target = %(target)s AND state IN ('waiting', 'sent') AND next_at <= %(now)s
                AND NOT EXISTS (
                    SELECT 1 FROM exchange_delivery e WHERE e.event_id = d.event_id AND e.target = d.target
                    AND ((e.phase < d.phase AND e.state <> 'accepted')
                        OR (e.phase = d.phase AND e.version < d.version AND e.state IN ('waiting', 'sent'))))
                ORDER BY next_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
            UPDATE exchange_delivery d SET state = 'sent', attempts = d.attempts + 1, next_at = %(lease)s,
                first_tried_at = coalesce(d.first_tried_at, %(now)s)
            FROM due WHERE (d.event_id, d.target, d.phase, d.version) = (due.event_id, due.target, due.phase, due.version)
            RETURNING d.event_id, d.phase, d.version, d.attempts, d.first_tried_at, d.error_code
            """,
            {
                "now": now,
                "lease": now + timedelta(seconds=target.sending.lease_seconds),
                "target": target.name,
                "limit": limit,
            },
        )
        return sorted(
            (Claim(row[0], Phase(row[1]), *row[2:]) for row in cursor.fetchall()),
            key=lambda c: (c.phase, c.first_tried_at, c.event_id),
        )


def settle(settled: Sequence[Settled], target: Target, now: datetime) -> None:
    """Write down what became of claims. An acceptance is a fact whoever claims the row by now; anything else only
    holds for a claim that is still ours.
    """
    accepted = [s for s in settled if s.state is State.ACCEPTED]
    if accepted:
        _execute(_ACCEPT, [now, *_columns(accepted), target.name])
    others = [s for s in settled if s.state is not State.ACCEPTED]
    if others:
        give_up = timedelta(hours=target.sending.give_up_hours)
        states, times = [], []
        for s in others:
            is_over = s.state is State.WAITING and now - s.claim.first_tried_at >= give_up
            states.append(str(State.FAILED if is_over else s.state))
            times.append(now + wait_after(s.claim.attempts, random.random(), target.sending))  # noqa: S311  jitter
        _execute(_SETTLE, [*_columns(others), states, times, target.name])
    drop_superseded([s.claim.event_id for s in settled], target)


def release(claims: Sequence[Claim], target: Target, now: datetime) -> None:
    """Give back claims that were not sent after all, as if they had not been taken."""
    settled = [Settled(claim, State.WAITING, claim.last_error) for claim in claims]
    _execute(_RELEASE, [now, *_columns(settled), target.name])


_ACCEPT = """
UPDATE exchange_delivery d SET state = 'accepted', accepted_at = %s, error_code = v.code, error_text = ''
FROM unnest(%s::uuid[], %s::smallint[], %s::smallint[], %s::int[], %s::text[], %s::text[])
    AS v(event_id, phase, version, attempts, code, text)
WHERE d.event_id = v.event_id AND d.target = %s AND d.phase = v.phase AND d.version = v.version AND d.state <> 'accepted'
"""
_RELEASE = """
UPDATE exchange_delivery d SET state = 'waiting', next_at = %s, attempts = d.attempts - 1
FROM unnest(%s::uuid[], %s::smallint[], %s::smallint[], %s::int[], %s::text[], %s::text[])
    AS v(event_id, phase, version, attempts, code, text)
WHERE d.event_id = v.event_id AND d.target = %s AND d.phase = v.phase AND d.version = v.version
    AND d.state = 'sent' AND d.attempts = v.attempts
"""
_SETTLE = """
UPDATE exchange_delivery d SET state = v.state, next_at = v.next_at, error_code = v.code, error_text = v.text
FROM unnest(%s::uuid[], %s::smallint[], %s::smallint[], %s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[])
    AS v(event_id, phase, version, attempts, code, text, state, next_at)
WHERE d.event_id = v.event_id AND d.target = %s AND d.phase = v.phase AND d.version = v.version
    AND d.state = 'sent' AND d.attempts = v.attempts
"""


def _columns(settled: Sequence[Settled]) -> list[list[Any]]:
    return [
        [s.claim.event_id for s in settled],
        [int(s.claim.phase) for s in settled],
        [s.claim.version for s in settled],
        [s.claim.attempts for s in settled],
        [s.code for s in settled],
        [s.text[:300] for s in settled],
    ]


def admitted(target: Target, now: datetime, limit: int) -> int:
    """How many records may be sent now: `limit`, one envelope as a trial after a pause, or none while the circuit is open."""
    circuit = Circuit.objects.filter(target=target.name).first()
    if circuit is None or circuit.open_until is None:
        return limit
    # Whoever moves the end of the pause has the trial; a trial that dies leaves only a lease's length of pause.
    trial = Circuit.objects.filter(target=target.name, open_until=circuit.open_until, open_until__lte=now)
    is_ours = trial.update(open_until=now + timedelta(seconds=target.sending.lease_seconds))
    return min(limit, target.sending.batch) if is_ours else 0


def note_answer(target: Target, now: datetime) -> None:
    """The far side answers: close the circuit; if it was open, let what only waited for an answer go on at once."""
    circuit = Circuit.objects.filter(target=target.name, failures__gt=0)
    was_open = circuit.filter(opened_at__isnull=False).update(failures=0, open_until=None, opened_at=None)
    if not was_open:
        circuit.update(failures=0)
        return
    silent = Delivery.objects.filter(target=target.name, error_code__in=NO_ANSWER)
    silent.filter(state=State.WAITING, next_at__gt=now).update(next_at=now)
    silent.filter(state=State.FAILED).update(state=State.WAITING, next_at=now, first_tried_at=None)


def note_silence(target: Target, now: datetime) -> None:
    """One more envelope in a row without an answer; the circuit opens when there were enough."""
    Circuit.objects.bulk_create([Circuit(target=target.name)], ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE exchange_circuit SET failures = failures + 1 WHERE target = %s RETURNING failures", [target.name]
        )
        failures = cursor.fetchone()[0]
    if pause := pause_after(failures, target.sending):
        circuit = Circuit.objects.filter(target=target.name)
        circuit.update(open_until=now + pause)
        circuit.filter(opened_at=None).update(opened_at=now)


def _execute(statement: str, parameters: list[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
