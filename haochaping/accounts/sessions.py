"""Logins, each of which can be seen and ended. An ended one is sent to the login at its next request."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from haochaping.accounts.models import Session

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.accounts.models import Person

KEPT = timedelta(days=180)  # 等保三级: what happened can be looked up for six months
_FAMILIES = (
    ("微信", r"MicroMessenger"),
    ("360浏览器", r"QIHU|360SE|360EE"),
    ("奇安信浏览器", r"Qaxbrowser"),
    ("UOS浏览器", r"UOS"),
    ("Edge", r"Edg(e|A|iOS)?/"),
    ("Firefox", r"Firefox/|FxiOS/"),
    ("Chrome", r"Chrom(e|ium)/|CriOS/"),
    ("Safari", r"Safari/"),
)
_SYSTEMS = (
    ("HarmonyOS", r"HarmonyOS|OpenHarmony"),
    ("Android", r"Android"),
    ("iPhone/iPad", r"iPhone|iPad"),
    ("Windows", r"Windows"),
    ("macOS", r"Mac OS X|Macintosh"),
    ("Linux", r"Linux"),
)


def family_of(user_agent: str) -> str:
    """Which browser on which system, as a person would say it: no version, nothing that tells two machines apart."""
    found = [next((name for name, mark in names if re.search(mark, user_agent)), "") for names in (_FAMILIES, _SYSTEMS)]
    return " · ".join(filter(None, found)) or "其他浏览器"


def begin(person: Person, *, address: str, user_agent: str, now: datetime) -> int:
    """Note a new login; its number goes into the browser's session."""
    browser = family_of(user_agent[:500])
    return Session.objects.create(person=person, began_at=now, seen_at=now, address=address or None, browser=browser).pk


def goes_on(session_id: int, person: Person) -> bool:
    """Whether this login of theirs has not been ended."""
    return Session.objects.filter(pk=session_id, person=person, ended_at=None).exists()


def use(session_id: int, *, now: datetime) -> None:
    """It is in use. Call it as seldom as the minute changes."""
    Session.objects.filter(pk=session_id).update(seen_at=now)


def end(session_id: int, *, now: datetime) -> None:
    """Somebody went out, or it rested too long."""
    Session.objects.filter(pk=session_id, ended_at=None).update(ended_at=now)


def end_all(person: Person, *, by: str, now: datetime, but: int | None = None, only: int | None = None) -> int:
    """End every login of this person, or all `but` one, or `only` one; how many went on until now."""
    rows = Session.objects.filter(person=person, ended_at=None)
    rows = rows.exclude(pk=but) if but is not None else rows
    rows = rows.filter(pk=only) if only is not None else rows
    return rows.update(ended_at=now, ended_by=by[:64])


def live(person: Person, *, since: datetime) -> list[Session]:
    """The logins that go on and were used since then, the last used first."""
    return list(Session.objects.filter(person=person, ended_at=None, seen_at__gte=since).order_by("-seen_at", "-pk"))


def past(person: Person, *, since: datetime, most: int = 10) -> list[Session]:
    """The last logins that are over, whether they were ended or just rested."""
    rows = Session.objects.filter(person=person).exclude(ended_at=None, seen_at__gte=since)
    return list(rows.order_by("-seen_at", "-pk")[:most])


def forget(*, now: datetime) -> int:
    """Drop those that nobody used for half a year; the number dropped."""
    return Session.objects.filter(seen_at__lt=now - KEPT).delete()[0]
