"""How the exchange stands: for the interfaces page, for one rating, for reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Min

from haochaping.exchange.models import Attempt, Balance, Circuit, Delivery
from haochaping.exchange.rules import Phase, State
from haochaping.exchange.target import NATIONAL, access, national

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

OPEN_STATES = (State.WAITING, State.SENT, State.FAILED, State.QUARANTINED)


@dataclass(frozen=True)
class Health:
    """One target at a glance. `backlog` counts what is not accepted by state; `circuit` is closed, open or trial."""

    target: str
    title: str
    is_configured: bool
    backlog: dict[str, int]
    backlog_by_phase: dict[str, dict[str, int]]
    oldest_waiting: datetime | None
    accepted_today: int  # within 24 hours
    last_accepted: datetime | None
    last_answer: datetime | None
    last_error: str
    last_error_at: datetime | None
    circuit: str
    open_until: datetime | None
    failures: int


def health(now: datetime, target: str = NATIONAL) -> Health:
    """How the exchange with a target stands; nothing in it names a person."""
    rows = Delivery.objects.filter(target=target)
    by_phase: dict[str, dict[str, int]] = {phase.key: {str(state): 0 for state in OPEN_STATES} for phase in Phase}
    for phase, state, n in (
        rows.filter(state__in=OPEN_STATES).values_list("phase", "state").annotate(n=Count("event_id"))
    ):
        by_phase[Phase(phase).key][state] = n
    attempts = Attempt.objects.filter(target=target).order_by("-at", "-id")
    bad = attempts.exclude(code="").first()
    circuit = Circuit.objects.filter(target=target).first()
    accepted = rows.filter(state=State.ACCEPTED)
    return Health(
        target=target,
        title=national().title,
        is_configured=access() is not None,
        backlog={str(state): sum(counts[state] for counts in by_phase.values()) for state in OPEN_STATES},
        backlog_by_phase=by_phase,
        oldest_waiting=rows.filter(state__in=[State.WAITING, State.SENT]).aggregate(at=Min("created_at"))["at"],
        accepted_today=accepted.filter(accepted_at__gt=now - timedelta(days=1)).count(),
        last_accepted=accepted.order_by("-accepted_at").values_list("accepted_at", flat=True).first(),
        last_answer=attempts.filter(code="").values_list("at", flat=True).first(),
        last_error=f"{bad.code} {bad.text}".strip() if bad else "",
        last_error_at=bad.at if bad else None,
        circuit=_circuit(circuit, now),
        open_until=circuit.open_until if circuit else None,
        failures=circuit.failures if circuit else 0,
    )


@dataclass(frozen=True)
class Fault:
    """Records of one phase that were refused, by us or by them, for the same reason."""

    phase: Phase
    reason: str
    records: int
    since: datetime


def faults(target: str = NATIONAL, limit: int = 20) -> list[Fault]:
    """Why records are quarantined or failed, the most frequent reason first, in the words of our check or of the far side."""
    rows = Delivery.objects.filter(target=target, state__in=(State.QUARANTINED, State.FAILED))
    counted = rows.values_list("phase", "error_text").annotate(n=Count("event_id"), since=Min("created_at"))
    return [Fault(Phase(phase), text, n, since) for phase, text, n, since in counted.order_by("-n")[:limit]]


def _circuit(circuit: Circuit | None, now: datetime) -> str:
    if circuit is None or circuit.open_until is None:
        return "closed"
    return "open" if now < circuit.open_until else "trial"


@dataclass(frozen=True)
class Line:
    """How one phase of a service event fared with a target."""

    target: str
    phase: Phase
    version: int
    state: State
    attempts: int
    next_at: datetime | None
    accepted_at: datetime | None
    error: str


def history(event_id: UUID) -> list[Line]:
    """Everything that was or will be told of a service event, in order."""
    rows = Delivery.objects.filter(event_id=event_id).order_by("target", "phase", "version")
    return [_line(row) for row in rows]


def stuck(target: str = NATIONAL, limit: int = 200) -> list[tuple[UUID, Line]]:
    """What needs a person, oldest first: the repair screen's list."""
    rows = Delivery.objects.filter(target=target, state__in=[State.FAILED, State.QUARANTINED]).order_by("created_at")
    return [(row.event_id, _line(row)) for row in rows[:limit]]


def _line(row: Delivery) -> Line:
    is_open = row.state in {State.WAITING, State.SENT}
    return Line(
        row.target,
        Phase(row.phase),
        row.version,
        State(row.state),
        row.attempts,
        row.next_at if is_open else None,
        row.accepted_at,
        "" if row.state == State.ACCEPTED else row.error_text,
    )


def accepted_counts(target: str = NATIONAL) -> dict[str, int]:
    """How many service events the target holds by our books, a phase."""
    rows = (
        Delivery.objects.filter(target=target, state=State.ACCEPTED)
        .values_list("phase")
        .annotate(n=Count("event_id", distinct=True))
    )
    return {phase.key: dict(rows).get(phase, 0) for phase in Phase}


def balances(target: str = NATIONAL, limit: int = 30) -> list[Balance]:
    """The newest reconciliations first."""
    return list(Balance.objects.filter(target=target).order_by("-at", "phase")[:limit])
