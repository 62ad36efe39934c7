"""Whom one may write to and call, how the messages and the gateway stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Min, Q

from haochaping.kit import blobs, config, crypto
from haochaping.messaging import gateway
from haochaping.messaging.models import Gateway, Message, Receipt, Stop
from haochaping.messaging.rules import ASKING, OPEN_STATES, Kind, State

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet


def may_text(mobile: str) -> bool:
    """Whether this number has not said 退订. Codes that its owner asks for may always be sent."""
    return not _has_stopped(mobile, "text")


def may_call(mobile: str) -> bool:
    """Whether this number may be called to ask how satisfied it was."""
    return not _has_stopped(mobile, "call")


def _has_stopped(mobile: str, way: str) -> bool:
    return Stop.objects.filter(phone_index=blobs.blind("phone", mobile), way=way).exists()


def is_available() -> bool:
    """Whether there is a gateway to send by; without one messages wait."""
    try:
        return gateway.access() is not None
    except config.Misconfigured:
        return False


def awaits_codes(now: datetime) -> bool:
    """Whether somebody still waits for a code that could not be sent at once, and may be."""
    codes = Message.objects.filter(state__in=OPEN_STATES, kind=Kind.CODE, not_after__gt=now)
    return is_available() and codes.exists()


def asked_since(mobile: str, since: datetime) -> int:
    """How many invitations and reminders this number got, or is about to get, from then on."""
    asking = Message.objects.filter(phone_index=blobs.blind("phone", mobile), created_at__gte=since)
    return asking.filter(kind__in=ASKING).exclude(state=State.SUPPRESSED).count()


def rows() -> QuerySet[Message]:
    """Every message; whoever lists them narrows this to what somebody may see."""
    return Message.objects.all()


def waiting_about(limit: int) -> list[UUID]:
    """The service events that somebody is still to be asked about, the next ones first."""
    waiting = Message.objects.filter(state__in=OPEN_STATES, event_id__isnull=False, kind__in=ASKING).order_by("next_at")
    return [id_ for id_ in waiting.values_list("event_id", flat=True)[:limit] if id_ is not None]


def masked(row: Message) -> str:
    """The last four digits of the number, no more; "" once it was forgotten."""
    if not row.blob:
        return ""
    try:
        return "****" + blobs.unseal(bytes(row.blob), table="messaging_message", row=row.id)["mobile"][-4:]
    except crypto.Tampered:
        return ""


@dataclass(frozen=True)
class Health:
    """The gateway at a glance; nothing in it names a person. `wrong` is what is missing in the configuration."""

    is_configured: bool
    wrong: str
    circuit: str  # closed | open
    open_until: datetime | None
    answered_at: datetime | None
    fault: str
    fault_at: datetime | None
    waiting: int
    oldest_waiting: datetime | None
    stops: dict[str, int]


def health(now: datetime) -> Health:
    wrong = ""
    try:
        way = gateway.access()
    except config.Misconfigured as error:
        way, wrong = None, str(error)
    row = Gateway.objects.first() or Gateway()
    is_open = row.open_until is not None and row.open_until > now
    waiting = Message.objects.filter(state__in=OPEN_STATES, next_at__lte=now)
    stops = dict(Stop.objects.values_list("way").annotate(n=Count("*")))
    return Health(
        is_configured=way is not None,
        wrong=wrong,
        circuit="open" if is_open else "closed",
        open_until=row.open_until if is_open else None,
        answered_at=row.answered_at,
        fault=row.fault,
        fault_at=row.fault_at,
        waiting=waiting.count(),
        oldest_waiting=waiting.aggregate(at=Min("created_at"))["at"],
        stops={"text": stops.get("text", 0), "call": stops.get("call", 0)},
    )


class Failure(NamedTuple):
    """So many messages failed for one reason, since then; `may_retry` where the gateway never took them in."""

    code: str
    n: int
    since: datetime
    may_retry: bool


def failures(rows: QuerySet[Message]) -> list[Failure]:
    """What failed and is still readable, by reason, most first."""
    failed = rows.filter(state=State.FAILED).exclude(blob=b"").order_by()
    told = failed.filter(id__in=Receipt.objects.values("message_id")).values_list("error", flat=True)
    over = set(told.distinct())
    found = failed.values_list("error").annotate(
        n=Count("id"), since=Min("created_at"), lasting=Count("id", filter=~Q(kind=Kind.CODE))
    )
    return [
        Failure(code, n, since, may_retry=bool(lasting) and code not in over)
        for code, n, since, lasting in found.order_by("-n")
    ]


def counts(rows: QuerySet[Message], now: datetime, days: int = 7) -> dict[str, dict[str, int]]:
    """Kind → state → how many of the last days; every kind and state is there."""
    found: dict[str, dict[str, int]] = {str(kind): {str(state): 0 for state in State} for kind in Kind}
    recent = rows.filter(created_at__gte=now - timedelta(days=days))
    for kind, state, n in recent.order_by().values_list("kind", "state").annotate(n=Count("id")):
        found[kind][state] = n
    return found
