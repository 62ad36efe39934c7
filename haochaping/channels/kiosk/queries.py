"""Who stands at a terminal, and what they may rate there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.channels.kiosk.rules import LIST_MOST
from haochaping.channels.models import TerminalSession
from haochaping.evaluation import queries as evaluation
from haochaping.kit import clock, ids
from haochaping.policy.queries import asks_about, policy_at

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from haochaping.directory.models import Device
    from haochaping.evaluation.models import ServiceEvent


class Served(NamedTuple):
    """One service of the card's holder: nothing about them is in it."""

    event: ServiceEvent
    is_rated: bool
    is_open: bool


def session(token: str, device: Device, now: datetime) -> TerminalSession | None:
    """Who stands at this terminal; None once they left, or for another terminal's token."""
    if not token:
        return None
    return TerminalSession.objects.filter(
        digest=ids.token_digest(token), device_id=device.id, expires_at__gt=now
    ).first()


def days_back(device: Device, now: datetime) -> int:
    """How many days back the terminal lists services, by the policy of where it stands."""
    return policy_at(device.area_path, clock.day(now)).kiosk.days


def services(held: TerminalSession, device: Device, now: datetime) -> list[Served]:
    """The services of the last days of whoever stands there that their place asks about, newest first."""
    since = clock.day(now) - timedelta(days=days_back(device, now))
    found = evaluation.services_of_cert(bytes(held.id_index), since=since)
    events = [e for e in found if asks_about(e.area_path, e.service_day, e.aspect, e.point)][:LIST_MOST]
    rated = evaluation.rated_among([event.id for event in events])
    return [Served(e, e.id in rated, evaluation.is_open_for_rating(e, now)) for e in events]


def one(held: TerminalSession, device: Device, event_id: UUID, now: datetime) -> Served | None:
    """One of these; None for anybody else's service."""
    return next((served for served in services(held, device, now) if served.event.id == event_id), None)


def was_rated_here(event_id: UUID, device: Device, *, since: datetime) -> bool:
    """Whether this service was rated at this terminal since then."""
    rating = evaluation.rating(event_id)
    return rating is not None and rating.device_id == device.id and rating.received_at >= since
