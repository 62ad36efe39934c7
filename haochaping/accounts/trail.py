"""The audit trail, searched and read backwards in time from the newest line. Reading never counts the whole of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Q

from haochaping.accounts.models import Audit, Person

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import QuerySet

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BATCH = 2000
RESULTS = {"ok": "成功", "refused": "被拒绝", "other": "其他"}
KINDS = {"person": "人员", "app": "业务系统", "citizen": "评价人", "system": "系统"}
PEOPLE_MOST = 200  # that a part of a name may mean
OF_PEOPLE = (
    "person_add", "person_change", "person_off", "person_on", "reset_password", "grant", "revoke_grant", "end_sessions",
    "unlock", "change_password", "second_factor_on", "second_factor_codes", "second_factor_off", "second_factor_remove",
    "link_identity", "unlink_identity",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the trail is asked for; empty fields do not restrict. `subjects` are ways to write one thing."""

    who: str = ""
    action: str = ""
    subjects: tuple[str, ...] = ()
    result: str = ""
    kind: str = ""
    since: datetime | None = None
    until: datetime | None = None  # not any more


@dataclass(frozen=True)
class Place:
    """A line's place in time: pages begin after one."""

    at: datetime
    id: int

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}-{self.id}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """What `str` wrote; None for anything else."""
        moment, _, number = text.partition("-")
        if not (moment.isascii() and moment.isdigit() and number.isascii() and number.isdigit()):
            return None
        if len(moment) > 17 or len(number) > 18:
            return None
        return cls(EPOCH + timedelta(microseconds=int(moment)), int(number))


def lines(asked: Asked) -> QuerySet[Audit]:
    """The lines asked for, newest first."""
    rows = Audit.objects.order_by("-at", "-id")
    if asked.who:
        named = Person.objects.filter(Q(username__icontains=asked.who) | Q(name__icontains=asked.who))
        ids = [str(pk) for pk in named.order_by("pk").values_list("pk", flat=True)[:PEOPLE_MOST]]
        rows = rows.filter(Q(actor_kind="person", actor_id__in=ids) | Q(actor_name=asked.who) | Q(actor_id=asked.who))
    if asked.action:
        rows = rows.filter(action=asked.action)
    if asked.subjects:
        wanted = Q(subject__in=asked.subjects)
        for text in asked.subjects:
            wanted |= Q(subject__startswith=text)
        rows = rows.filter(wanted)
    if asked.result:
        rows = (
            rows.exclude(result__in=("ok", "refused")) if asked.result == "other" else rows.filter(result=asked.result)
        )
    if asked.kind:
        rows = rows.filter(actor_kind=asked.kind)
    if asked.since:
        rows = rows.filter(at__gte=asked.since)
    if asked.until:
        rows = rows.filter(at__lt=asked.until)
    return rows


def page(rows: QuerySet[Audit], before: Place | None, size: int) -> tuple[list[Audit], Place | None]:
    """The next `size` lines before that place, and the place after which there are more (None: that was all)."""
    if before is not None:
        rows = rows.filter(at__lte=before.at).exclude(at=before.at, id__gte=before.id)
    found = list(rows[: size + 1])
    more = len(found) > size
    found = found[:size]
    return found, Place(found[-1].at, found[-1].id) if more else None


def all_of(rows: QuerySet[Audit]) -> Iterator[Audit]:
    """Every line, by many short questions."""
    before: Place | None = None
    while True:
        found, before = page(rows, before, BATCH)
        yield from found
        if before is None:
            return


def of_person(username: str, most: int = 50) -> list[Audit]:
    """What was done with somebody's account, newest first."""
    return list(Audit.objects.filter(subject=username, action__in=OF_PEOPLE).order_by("-at", "-id")[:most])
