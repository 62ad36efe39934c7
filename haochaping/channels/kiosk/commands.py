"""Somebody comes to a terminal and leaves it; in between they rate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.channels.kiosk.rules import SESSION, SESSION_MOST
from haochaping.channels.models import TerminalSession
from haochaping.evaluation import queries as evaluation
from haochaping.flow.admit import admit
from haochaping.kit import blobs, ids

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.channels.forms import Draft
    from haochaping.directory.models import Device
    from haochaping.evaluation.models import ServiceEvent

TERMINAL = 5  # pf


def begin(number: str, device: Device, now: datetime) -> str:
    """The token of a new session for whoever has this identity number; whatever was open at this terminal is over."""
    token = ids.new_token()
    with transaction.atomic():
        end_all(device, now)
        TerminalSession.objects.create(
            digest=ids.token_digest(token),
            device_id=device.id,
            id_index=blobs.blind("cert", number),
            opened_at=now,
            expires_at=now + SESSION,
        )
    return token


def keep(session: TerminalSession, now: datetime) -> None:
    """Somebody is still there."""
    until = min(now + SESSION, session.opened_at + SESSION_MOST)
    TerminalSession.objects.filter(digest=session.digest).update(expires_at=until)


def end_all(device: Device, now: datetime) -> None:
    """Forget who stood at this terminal, and whoever left another one without a word."""
    TerminalSession.objects.filter(device_id=device.id).delete()
    TerminalSession.objects.filter(expires_at__lte=now).delete()


def rate(event: ServiceEvent, draft: Draft, *, is_named: bool, device: Device, now: datetime) -> bool:
    """Admit the rating; False if the service was rated already. `is_named`: the rater wants to be known by their card.

    The name and number are then those that the business system holds for the case: the card's holder is its applicant.
    Refused as `flow.admit` says.
    """
    submission = draft.submission(
        project_no=event.project_no, service_number=event.service_number, pf=TERMINAL, now=now
    )
    person = evaluation.applicant_of(event.id) if is_named else None
    if person is not None:
        submission = replace(submission, name=person.name, cert=person.cert, mobile=person.mobile)
    (outcome,) = admit([replace(submission, device_id=device.id)], now=now)
    if outcome.refused is not None and outcome.refused.code != "already_rated":
        raise outcome.refused
    return outcome.status == "created"
