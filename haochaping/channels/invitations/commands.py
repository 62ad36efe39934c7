"""Asking people by SMS to rate what they were served: once, and one reminder (issue 3, items 4 and 10)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from haochaping.channels.commands import make_link
from haochaping.channels.invitations.rules import (
    PF_SMS,
    TOO_LATE,
    Outcome,
    Step,
    first_at,
    next_morning,
    night,
    reminder_at,
    text,
)
from haochaping.channels.models import Invitation
from haochaping.evaluation import queries as evaluation
from haochaping.flow.invites import TOPIC
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging import commands as messaging
from haochaping.messaging import queries as messages
from haochaping.messaging.rules import ASKING, Kind, awake, sendable
from haochaping.outbox.commands import take
from haochaping.policy.queries import calendar, policy_at

if TYPE_CHECKING:
    from haochaping.evaluation.models import ServiceEvent
    from haochaping.policy.pack import Invitation as Asking


def collect(now: datetime, limit: int = 2000) -> int:
    """Turn notes about new services into invitations to come, in one transaction; how many notes were taken.

    A service event that was once asked about is not asked about again, whatever its record says later.
    """
    with transaction.atomic():
        notes = take(TOPIC, limit)
        events = evaluation.events({note.key for note in notes})
        rows = []
        for event in events.values():
            ask = _asking(event)
            if ask is None or not ask.asks_after(event.point, event.pro_status) or now - event.received_at > TOO_LATE:
                continue
            at = first_at(event.received_at, now, ask, calendar(event.area_path))
            rows.append(Invitation(event_id=event.id, step=Step.INVITE, next_at=at))
        Invitation.objects.bulk_create(rows, ignore_conflicts=True)
    return len(notes)


def ask_due(now: datetime, limit: int = 200) -> int:
    """Invite and remind whoever is due, in one transaction; how many were looked at.

    Nobody is asked who has rated, whose window is over, whose number said stop; nobody at night; no number more often a day
    than the policy says, the rest follows the next morning.
    """
    with transaction.atomic():
        due = Invitation.objects.select_for_update(skip_locked=True).filter(next_at__lte=now)
        rows = list(due.order_by("next_at")[:limit])
        ids = {row.event_id for row in rows}
        events, rated = evaluation.events(ids), evaluation.rated_among(ids)
        for row in rows:
            _go_on(row, events.get(row.event_id), now, is_rated=row.event_id in rated)
            row.save(update_fields=["step", "outcome", "next_at", "invited_at", "reminded_at"])
    return len(rows)


def _go_on(row: Invitation, event: ServiceEvent | None, now: datetime, *, is_rated: bool) -> None:
    """The next step of one invitation, or its end."""
    ask = _asking(event) if event is not None else None
    person = evaluation.applicant_of(row.event_id) if event is not None else None
    if event is None or ask is None or person is None:
        _end(row, Outcome.GONE)
    elif is_rated:
        _end(row, Outcome.RATED)
    elif now >= event.closes_at:
        _end(row, Outcome.CLOSED)
    elif (mobile := sendable(person.mobile)) is None:
        _end(row, Outcome.NO_NUMBER)
    elif not messages.may_text(mobile):
        _end(row, Outcome.STOPPED)
    elif (morning := awake(now, *night(ask))) > now:
        row.next_at = morning
    elif messages.asked_since(mobile, _midnight(now)) >= ask.daily_most:
        row.next_at = next_morning(now, ask)
    else:
        _ask(row, event, ask, mobile, now)


def _ask(row: Invitation, event: ServiceEvent, ask: Asking, mobile: str, now: datetime) -> None:
    again = row.step == Step.REMIND
    kind = Kind.REMINDER if again else Kind.INVITATION
    life = min(event.closes_at - now, timedelta(days=ask.link_days))
    token = make_link(event.id, PF_SMS, life, TOPIC, now, is_short=True)
    words = text(
        ask,
        day=event.service_time,
        item=event.item_name or event.service_name,
        is_issue=event.point == "issue" or (not event.point and event.pro_status == 3),
        closes=min(event.closes_at, now + life),
        url=f"{settings.PUBLIC_URL}/e/{token}",
        again=again,
    )
    messaging.send(
        kind=kind,
        mobile=mobile,
        text=words,
        key=f"{kind}:{event.id}",
        now=now,
        not_after=now + life,
        quiet=night(ask),
        event_id=event.id,
        area=event.area_path,
    )
    if again:
        row.reminded_at = now
        _end(row, Outcome.ASKED)
        return
    row.invited_at = now
    then = reminder_at(now, ask.reminder.term, ask, calendar(event.area_path)) if ask.reminder else None
    if then is None or then >= event.closes_at:
        _end(row, Outcome.ASKED)
    else:
        row.step, row.next_at = Step.REMIND, then


def _end(row: Invitation, outcome: Outcome) -> None:
    row.step, row.outcome, row.next_at = Step.OVER, outcome, None


def drop_rated(now: datetime, limit: int = 2000) -> int:
    """Take back what still waits to be sent about services that were rated meanwhile; how many messages."""
    rated = evaluation.rated_among(set(messages.waiting_about(limit)))
    return messaging.withdraw(rated, now=now, kinds=ASKING) if rated else 0


def _asking(event: ServiceEvent) -> Asking | None:
    """What the policy of the service day says of inviting; None where it invites nobody."""
    if event.is_probe:
        return None
    try:
        ask = policy_at(event.area_path, event.service_day).invitation
    except Refused:
        return None
    return ask if ask.enabled else None


def _midnight(now: datetime) -> datetime:
    return datetime.combine(clock.day(now), time(), clock.CHINA)
