"""通知: what people at work are told in the console. Every write and every read of them; who they are is not known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Count, Max

from haochaping.messaging.models import Notice, NoticeSetting
from haochaping.messaging.rules import NOTICES_KEPT, NoticeKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

SHOWN = 99  # more unread ones are not counted


class Told(NamedTuple):
    """One thing for one person. The same `key` is told them once."""

    recipient: str
    key: str
    kind: NoticeKind
    text: str
    url: str
    area: str = ""


def notify(told: Iterable[Told], *, now: datetime) -> None:
    """Write all of it in one statement, in the caller's transaction; what somebody was told already is left out."""
    rows = [
        Notice(
            recipient=one.recipient,
            key=one.key,
            kind=one.kind,
            text=one.text[:200],
            url=one.url,
            area=one.area,
            at=now,
        )
        for one in told
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def notices_of(recipient: str) -> QuerySet[Notice]:
    """Somebody's own, newest first."""
    return Notice.objects.filter(recipient=recipient).order_by("-at", "-id")


def unread(recipient: str) -> int:
    """How many somebody has not read; never more than one above SHOWN, however many there are."""
    return len(Notice.objects.filter(recipient=recipient, read_at=None).order_by().values_list("pk")[: SHOWN + 1])


def mark_read(rows: QuerySet[Notice], *, now: datetime) -> int:
    """Note that these were read; how many were not yet."""
    return rows.filter(read_at=None).update(read_at=now)


def read_before(moment: datetime, *, now: datetime) -> int:
    """Whatever anybody was told before that moment counts as read: for a demonstration that lived through weeks."""
    return Notice.objects.filter(read_at=None, at__lt=moment).update(read_at=now)


def without_text(recipient: str) -> frozenset[str]:
    """The kinds of which somebody wants no SMS."""
    row = NoticeSetting.objects.filter(recipient=recipient).first()
    return frozenset(row.no_text if row else ())


def set_without_text(recipient: str, kinds: Iterable[str]) -> None:
    """From now on no SMS of these kinds, and of all others."""
    no_text = sorted({NoticeKind(kind) for kind in kinds})
    NoticeSetting.objects.update_or_create(recipient=recipient, defaults={"no_text": no_text})


class Waiting(NamedTuple):
    """What somebody has not read and has not been texted about: how many of each kind, and the last one's place."""

    recipient: str
    area: str
    last_id: int
    counts: dict[str, int]  # kinds of which they want no SMS are left out


def waiting() -> list[Waiting]:
    """Everybody who has something waiting; two queries."""
    rows = Notice.objects.filter(read_at=None, is_texted=False).order_by()
    found: dict[str, Waiting] = {}
    for who, area, kind, n, last in (
        rows.values_list("recipient", "area", "kind").annotate(n=Count("id"), last=Max("id")).order_by("last")
    ):
        before = found.get(who)
        counts = before.counts if before else {}
        counts[kind] = counts.get(kind, 0) + n
        found[who] = Waiting(who, area, last, counts)
    settings = dict(NoticeSetting.objects.filter(recipient__in=found).values_list("recipient", "no_text"))
    for who, no_text in settings.items():
        for kind in no_text:
            found[who].counts.pop(kind, None)
    return list(found.values())


def mark_texted(waiting: Waiting) -> None:
    """What was found waiting has been seen to."""
    rows = Notice.objects.filter(recipient=waiting.recipient, id__lte=waiting.last_id, is_texted=False)
    rows.update(is_texted=True)


def forget_notices(*, now: datetime) -> int:
    """Delete those that are older than NOTICES_KEPT, read or not; how many."""
    return Notice.objects.filter(at__lt=now - NOTICES_KEPT).delete()[0]
