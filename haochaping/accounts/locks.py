"""登录锁定: who is locked out for guessing at a password, and letting them in again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from axes.models import AccessAttempt
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Sum

from haochaping.accounts.commands import audit
from haochaping.accounts.models import Person
from haochaping.accounts.queries import looked_after
from haochaping.accounts.rules import Act, Role, Scope, check_act
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.accounts.rules import Actor

COOL_OFF = timedelta(hours=settings.AXES_COOLOFF_TIME)
UNKNOWN = "unknown"  # the audit's subject for a name that nobody has: what was typed may be anything


@dataclass(frozen=True)
class Lock:
    """A user name that may not log in from an address for a while; `person` is who has that name, if anybody."""

    id: int  # of its first try
    username: str
    address: str
    failures: int
    since: datetime
    person: Person | None

    @property
    def until(self) -> datetime:
        return self.since + COOL_OFF

    @property
    def shown(self) -> str:
        """The name as it may be shown: of one that nobody has, only the beginning, lest a mistyped password be read."""
        return self.username if self.person else f"{self.username[:2]}***"


def locks(actor: Actor, now: datetime, *, username: str = "") -> list[Lock]:
    """The locks of people whom this administrator looks after, the latest first; names of nobody are for whoever sees all."""
    rows = AccessAttempt.objects.filter(attempt_time__gt=now - COOL_OFF)
    if username:
        rows = rows.filter(username=username)
    found = list(
        rows.order_by()
        .values("username", "ip_address")
        .annotate(first=Min("id"), failures=Sum("failures_since_start"), since=Max("attempt_time"))
        .filter(failures__gte=settings.AXES_FAILURE_LIMIT)
        .order_by("-since", "username")
    )
    names = {row["username"] or "" for row in found}
    known = {p.username: p for p in Person.objects.filter(username__in=names)}
    mine = set(looked_after(actor).filter(username__in=names).values_list("username", flat=True))
    sees_all = Scope() in actor.scopes_as(Role.SECURITY) or Scope() in actor.scopes_as(Role.ADMIN)
    return [
        Lock(row["first"], name, row["ip_address"] or "", row["failures"], row["since"], known.get(name))
        for row in found
        for name in (row["username"] or "",)
        if name in mine or (sees_all and name not in known)
    ]


def unlock(lock_id: int, *, actor: Actor, now: datetime) -> Lock:
    """Forget the failures of this name from this address; 404 if nobody is locked there whom the actor looks after."""
    lock = next((lock for lock in locks(actor, now) if lock.id == lock_id), None)
    if lock is None:
        raise Refused("lock_not_found", 404, "没有这个锁定，或它已经解除。")
    check_act(actor, Act.UNLOCK, person_id=str(lock.person.pk) if lock.person else "")
    with transaction.atomic():
        AccessAttempt.objects.filter(username=lock.username, ip_address=lock.address or None).delete()
        subject = lock.username if lock.person else UNKNOWN
        audit(actor, "unlock", subject, now=now, facts={"来自": lock.address})
    return lock
