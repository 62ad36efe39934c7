"""Sending: claim what is due, run the errands with no transaction open, write down what came of each.

Whoever dies in between leaves a claim that ends by itself; as nobody knows then whether the gateway has the message, it
is asked first. So a message goes out at most once, whatever is killed when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Case, F, Value, When

from haochaping.kit import blobs, crypto
from haochaping.messaging import gateway
from haochaping.messaging.commands import TABLE, note_receipt
from haochaping.messaging.gateway import Answer, Errand
from haochaping.messaging.models import Gateway, Message, Stop
from haochaping.messaging.rules import (
    CIRCUIT_AFTER,
    CIRCUIT_PAUSE,
    LEASE,
    OPEN_STATES,
    POLLS,
    SILENT,
    TRIES,
    UNCERTAIN,
    Kind,
    State,
    awake,
    next_poll,
    try_every,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

LIMIT = 16  # messages a run: two rounds of parallel calls, well within a lease
ONE = "sms"


@dataclass(frozen=True)
class Claim:
    """A message that is ours to send until its lease ends; `attempts` tells our claim from a later one."""

    row: Message
    errand: Errand
    blocked: str  # why it may not be sent any more, "" if it may


def send_due(now: datetime, limit: int = LIMIT) -> int:
    """Send what is due, at most `limit` messages; how many were taken up. 0 without a gateway or while it is paused."""
    way = gateway.access()
    # A pause's one trial is not spent on nothing: whoever comes next would wait for it.
    is_work = way is not None and Message.objects.filter(state__in=OPEN_STATES, next_at__lte=now).exists()
    allowed = _admitted(now, limit) if is_work else 0
    if way is None or not allowed:
        return 0
    with transaction.atomic(durable=True):
        claims = _claim(now, allowed)
    answers = gateway.run_errands(way, [claim.errand for claim in claims], now)
    with transaction.atomic():
        for claim, answer in zip(claims, answers, strict=True):
            _settle(claim, answer, now)
        _note_health(answers, now)
    return len(claims)


def _claim(now: datetime, limit: int) -> list[Claim]:
    """Take up what is due, codes first. What is stopped, too late or at night is put where it belongs instead."""
    first = Case(When(kind=Kind.CODE, then=Value(0)), default=Value(1))
    due = Message.objects.select_for_update(skip_locked=True).filter(state__in=OPEN_STATES, next_at__lte=now)
    rows = list(due.order_by(first, "next_at")[:limit])
    stops = _stops(rows)
    claims = []
    for row in rows:
        blocked = _blocked(row, now, is_stopped=bytes(row.phone_index) in stops)
        morning = awake(now, row.quiet_from, row.quiet_to)
        if blocked and row.state not in UNCERTAIN:
            _end(row, State.SUPPRESSED, blocked, now)
        elif morning > now and not blocked:
            later = State.UNKNOWN if row.state in UNCERTAIN else State.QUEUED
            Message.objects.filter(pk=row.pk).update(state=later, next_at=morning)
        elif (claim := _claimed(row, blocked, now)) is not None:
            claims.append(claim)
    return claims


def _claimed(row: Message, blocked: str, now: datetime) -> Claim | None:
    try:
        sealed = blobs.unseal(bytes(row.blob), table=TABLE, row=row.id)
    except crypto.Tampered:
        _end(row, State.FAILED, "not_readable", now)
        return None
    errand = Errand(
        row.id, sealed["mobile"], sealed["text"], row.kind, asks_first=row.state in UNCERTAIN, may_send=not blocked
    )
    row.attempts += 1
    row.state, row.next_at, row.first_tried_at = State.SENDING, now + LEASE, row.first_tried_at or now
    row.save(update_fields=["attempts", "state", "next_at", "first_tried_at"])
    return Claim(row, errand, blocked)


def _stops(rows: Sequence[Message]) -> set[bytes]:
    asked = [bytes(row.phone_index) for row in rows if row.kind != Kind.CODE]
    found = Stop.objects.filter(phone_index__in=asked, way="text").values_list("phone_index", flat=True)
    return {bytes(index) for index in found}


def _blocked(row: Message, now: datetime, *, is_stopped: bool) -> str:
    if is_stopped and row.kind != Kind.CODE:
        return "stopped"
    return "too_late" if row.not_after is not None and now >= row.not_after else ""


def _end(row: Message, state: State, error: str, now: datetime) -> None:
    Message.objects.filter(pk=row.pk).update(state=state, error=error, next_at=None, ended_at=now)


def _settle(claim: Claim, answer: Answer, now: datetime) -> None:
    """Write down what became of a claim that is still ours; a receipt that overtook the answer stands."""
    row = claim.row
    mine = Message.objects.filter(pk=row.pk, state=State.SENDING, attempts=row.attempts)
    if answer.what in {"accepted", "delivered"}:
        mine.update(state=State.SENT, sent_at=now, next_at=now + POLLS[0], error="", gateway_no=answer.gateway_no)
        if answer.what == "delivered":
            note_receipt(row.id, "delivered", "", "query", now=now)
    elif answer.what == "failed":
        mine.update(state=State.FAILED, error=answer.code, next_at=None, ended_at=now)
    elif answer.what == "absent":  # asked only: it never went, and it is not wanted any more
        mine.update(state=State.SUPPRESSED, error=claim.blocked, next_at=None, ended_at=now)
    elif row.attempts >= TRIES:
        mine.update(state=State.FAILED, error=answer.code, next_at=None, ended_at=now)
    else:
        state = State.UNKNOWN if answer.what == "unknown" else State.QUEUED
        mine.update(state=state, error=answer.code, next_at=now + try_every(row.kind))


def poll_receipts(now: datetime, limit: int = LIMIT) -> int:
    """Ask for the receipts that never came, three times at most; how many messages were asked for."""
    way = gateway.access()
    awaited = Message.objects.filter(state=State.SENT, next_at__lte=now)
    allowed = _admitted(now, limit) if way is not None and awaited.exists() else 0
    if way is None or not allowed:
        return 0
    with transaction.atomic(durable=True):
        rows = list(awaited.select_for_update(skip_locked=True).order_by("next_at")[:allowed])
        for row in rows:
            wait = next_poll(row.polls + 1)
            Message.objects.filter(pk=row.pk).update(polls=F("polls") + 1, next_at=now + wait if wait else None)
    errands = [Errand(row.id, "", "", row.kind, asks_first=True, may_send=False) for row in rows]
    answers = gateway.run_errands(way, errands, now)
    with transaction.atomic():
        for row, answer in zip(rows, answers, strict=True):
            if answer.what in {"delivered", "failed"}:
                note_receipt(row.id, answer.what, answer.code, "query", now=now)
        _note_health(answers, now)
    return len(rows)


def _admitted(now: datetime, limit: int) -> int:
    """How many may be sent now: `limit`, one as a trial after a pause, or none during it."""
    row = Gateway.objects.filter(name=ONE).first()
    if row is None or row.open_until is None:
        return limit
    trial = Gateway.objects.filter(name=ONE, open_until=row.open_until, open_until__lte=now)
    return 1 if trial.update(open_until=now + LEASE) else 0  # whoever moves the end of the pause has the trial


def _note_health(answers: Sequence[Answer], now: datetime) -> None:
    """Keep when the gateway last answered and what was last wrong; pause after three runs that nobody answered."""
    if not answers:
        return
    Gateway.objects.bulk_create([Gateway(name=ONE)], ignore_conflicts=True)
    row = Gateway.objects.filter(name=ONE)
    faults = [answer.code for answer in answers if answer.code in SILENT]
    if faults:
        row.update(fault=faults[-1], fault_at=now)
    if len(faults) < len(answers):
        row.update(failures=0, open_until=None, answered_at=now)
        return
    row.update(failures=F("failures") + 1)
    row.filter(failures__gte=CIRCUIT_AFTER).update(open_until=now + CIRCUIT_PAUSE)
