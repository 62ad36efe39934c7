"""What a device shows, and which devices somebody may manage."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Q

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import Role, Scope
from haochaping.channels.device import rules
from haochaping.channels.models import Silence
from haochaping.directory.models import Device
from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.rules import Channel, Level
from haochaping.flow.models import WindowCall
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.policy import queries as policy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

MANAGERS = (Role.ADMIN, Role.CITY, Role.SUPERVISOR)


def screen(device: Device, now: datetime) -> dict[str, Any]:
    """Everything the tablet shows without asking again; `edition` changes when any of it does."""
    known = snapshot()
    window, hall = known.windows.get(device.window), known.halls.get(device.hall)
    norms = policy.indicators(device.area_path, clock.day(now), "service", Channel.TABLET)
    told: dict[str, Any] = {
        "id": device.id,
        "window": window.name if window else device.name,
        "hall": hall.name if hall else "",
        "staff": _staff(device, now),
        "tags": {
            str(int(level)): [{"code": n.code, "name": n.name} for n in norms if n.level == level]
            for level in (Level.BAD, Level.VERY_BAD)
        },
        "link": f"{settings.PUBLIC_URL}/w/{device.window}",
        "seconds": {"tap": rules.TAP_SECONDS, "reasons": rules.REASON_SECONDS, "thanks": rules.THANKS_SECONDS},
    }
    told["edition"] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return told


def _staff(device: Device, now: datetime) -> list[dict[str, str]]:
    """Who serves at the window, as far as the place's rules show it."""
    try:
        shown = policy.policy_at(device.area_path, clock.day(now)).tablet.staff
    except Refused:  # a place without rules yet shows nobody
        shown = "none"
    if shown == "none" or not device.window:
        return []
    here = [clerk for clerk in snapshot().clerks.values() if clerk.window == device.window and clerk.is_active]
    found = sorted(here, key=lambda clerk: clerk.number)[:2]
    return [{"name": clerk.name if shown == "name" else "", "number": clerk.number} for clerk in found]


def call_for(device: Device, after: int, now: datetime) -> tuple[int, dict[str, Any] | None]:
    """The newest call number of the device's window, and the call itself while it waits to be answered.

    What the tablet has dealt with (`after`), what has expired, what is rated elsewhere or was left unanswered is none.
    """
    held = WindowCall.objects.filter(window_code=device.window).first() if device.window else None
    if held is None:
        return 0, None
    if held.seq <= after or now >= held.expires_at:
        return held.seq, None
    id_ = ids.event_id(held.project_no, held.service_number)
    over = Silence.objects.filter(window=device.window, event_id=id_, received_at__gte=held.called_at)
    if evaluation.is_rated(id_) or over.exists():
        return held.seq, None
    event = evaluation.event(id_)
    return held.seq, {
        "seq": held.seq,
        "projectNo": held.project_no,
        "serviceNumber": held.service_number,
        "item": event.item_name if event else "",
        "seconds": int((held.expires_at - now).total_seconds()),
    }


def may_manage(actor: Actor, *, area: str, organ: str, window: str) -> bool:
    """Whether somebody enrols and stops devices there: by role, within that role's own scope."""
    return actor.is_system or any(scope.covers(area, organ, window) for scope in _scopes(actor))


def devices_for(actor: Actor) -> QuerySet[Device]:
    """The devices that somebody manages. No citizen's data is among them, so administrators see those of their scope."""
    if actor.is_system:
        return Device.objects.all()
    reachable = Q(pk__in=[])
    for scope in _scopes(actor):
        part = Q(area_path__startswith=scope.area, organ_path__startswith=scope.organ)
        reachable |= part & Q(window=scope.window) if scope.window else part
    return Device.objects.filter(reachable)


def _scopes(actor: Actor) -> list[Scope]:
    if actor.grants:
        return [scope for role, scope in actor.grants if role in MANAGERS]
    return list(actor.scopes) if actor.has(*MANAGERS) else []


def state_of(device: Device, now: datetime) -> rules.State:
    return rules.state(
        now=now,
        enrolled_at=device.enrolled_at,
        code_expires_at=device.code_expires_at,
        revoked_at=device.revoked_at,
        last_seen_at=device.last_seen_at,
    )


def narrowed(rows: QuerySet[Device], text: str) -> QuerySet[Device]:
    """By number, name, window, hall or area in words."""
    if not text:
        return rows
    known = snapshot()
    halls = [code for code, hall in known.halls.items() if text in hall.name]
    windows = [code for code, window in known.windows.items() if text in window.name]
    areas = [region.path for region in known.regions.values() if text in region.name]
    found = Q(id__istartswith=text) | Q(name__icontains=text) | Q(window__startswith=text) | Q(hall__startswith=text)
    for area in areas[:50]:
        found |= Q(area_path__startswith=area)
    return rows.filter(found | Q(hall__in=halls) | Q(window__in=windows))


def history(device: Device) -> list[Audit]:
    """Everything that people did with it, newest first."""
    return list(Audit.objects.filter(subject=f"device:{device.id}").order_by("-at", "-id")[:100])


def windows_without(rows: Iterable[str]) -> list[str]:
    """Of these windows, those where no tablet works."""
    wanted = list(rows)
    busy = Device.objects.filter(kind=rules.Kind.TABLET, window__in=wanted, enrolled_at__isnull=False, revoked_at=None)
    taken = set(busy.values_list("window", flat=True))
    return [code for code in wanted if code not in taken]


def in_state(rows: QuerySet[Device], wanted: str, now: datetime) -> QuerySet[Device]:
    """The rows of one state (`rules.state`); of all of them for a word that is none."""
    fresh = now - rules.ONLINE_WITHIN
    working = rows.filter(revoked_at=None, enrolled_at__isnull=False)
    made = rows.filter(revoked_at=None, enrolled_at=None)
    by_state = {
        rules.State.REVOKED: rows.filter(revoked_at__isnull=False),
        rules.State.ONLINE: working.filter(last_seen_at__gt=fresh),
        rules.State.OFFLINE: working.exclude(last_seen_at__gt=fresh),
        rules.State.WAITING: made.filter(code_expires_at__gt=now),
        rules.State.EXPIRED: made.exclude(code_expires_at__gt=now),
    }
    return by_state[rules.State(wanted)] if wanted in tuple(rules.State) else rows
