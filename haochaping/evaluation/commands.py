"""Every write about service events and ratings but their admission (see `flow.admit`)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q

from haochaping.evaluation.kept import forget_person
from haochaping.evaluation.models import (
    Applicant,
    Erasure,
    Evaluation,
    Evaluator,
    FollowUp,
    FollowUpWords,
    Lapse,
    Ruling,
    ServiceEvent,
    Words,
)
from haochaping.evaluation.queries import closing
from haochaping.evaluation.rules import Level
from haochaping.kit import clock, crypto
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.workdays import deadline
from haochaping.outbox.commands import tell
from haochaping.policy.queries import calendar, policy_at, rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

LAPSE_BATCH = 5_000
LAPSE_LOOKS_BACK = timedelta(days=120)


def rule(event_id: UUID, *, excludes: bool, kind: str, reason: str, by: str, now: datetime) -> Ruling:
    """Take a rating out of the figures, or back into them. The rating stays; every ruling stays.

    `kind` is mistaken, untrue, malicious, objection or fraud; `by` the name of whoever decided.
    """
    with transaction.atomic():
        rated = Evaluation.objects.filter(id=event_id).first()
        if rated is None:
            raise Refused("not_found", 404, "没有这条评价。")
        connection.cursor().execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"ruling {event_id}"])
        last = Ruling.objects.filter(event_id=event_id).aggregate(last=Max("n"))["last"] or 0
        ruling = Ruling.objects.create(
            event_id=event_id, n=last + 1, excludes=excludes, kind=kind, reason=reason, by=by, at=now
        )
        day = ServiceEvent.objects.values_list("service_day", flat=True).get(id=event_id)
        tell([(event_id, "ruling", day)], now=now)
    return ruling


def follow_up(event_id: UUID, *, level: int, text: str, now: datetime) -> FollowUp:
    """追评, once: added to the rating, never in its place. 409 if there is one already."""
    with transaction.atomic():
        if not Evaluation.objects.filter(id=event_id).exists():
            raise Refused("not_found", 404, "没有这条评价。")
        salt = secrets.token_bytes(16)
        digest = crypto.sm3(salt + text.encode()) if text else None
        added, is_new = FollowUp.objects.get_or_create(
            id=event_id, defaults={"level": int(Level(level)), "text_digest": digest, "at": now}
        )
        if not is_new:
            raise Refused("already_followed_up", 409, "您已追评过一次，追评不能修改。")
        if text:
            FollowUpWords.objects.create(id=event_id, salt=salt, text=text)
        day = ServiceEvent.objects.values_list("service_day", flat=True).get(id=event_id)
        tell([(event_id, "follow_up", day)], now=now)
    return added


def erase_words(event_id: UUID, *, by: str, now: datetime) -> None:
    """Erase the rater's words at their wish. The rating, its figures and its seal stay valid."""
    _erase(event_id, "words", by=by, now=now)


def erase_identity(event_id: UUID, *, by: str, now: datetime) -> None:
    """Erase who rated, at their wish; the rating stays, now without a person."""
    _erase(event_id, "identity", by=by, now=now)


def _erase(event_id: UUID, what: str, *, by: str, now: datetime) -> None:
    tables = (Words, FollowUpWords) if what == "words" else (Evaluator,)
    with transaction.atomic():
        if not Evaluation.objects.filter(id=event_id).exists():
            raise Refused("not_found", 404, "没有这条评价。")
        for table in tables:
            table.objects.filter(id=event_id).delete()
        forget_person(event_id, what)
        Erasure.objects.get_or_create(event_id=event_id, what=what, defaults={"by": by, "at": now})


def forget_applicants(ids: Iterable[UUID]) -> int:
    """Delete whom the business systems named for these cases, at their wish; how many there were."""
    return Applicant.objects.filter(id__in=list(ids)).delete()[0]


def make_lapses(*, now: datetime) -> int:
    """Where the policy of the service's day says so: what nobody rated in time gets a `Lapse`. How many were made.

    Catch-up style: everything that is due and not there yet. A rating that still arrives beats the lapse in every figure.
    """
    made = 0
    for policy_row in rules():
        if policy_row.policy.default.enabled:
            made += _lapse_region(policy_row.region, now=now)
    return made


def _lapse_region(region: str, *, now: datetime) -> int:
    rated = Evaluation.objects.filter(id=OuterRef("id"))
    lapsed = Lapse.objects.filter(id=OuterRef("id"))
    due = ServiceEvent.objects.filter(
        ~Exists(rated), ~Exists(lapsed), area_path__startswith=region, closes_at__lte=now
    ).order_by("closes_at", "id")
    made, after = 0, (now - LAPSE_LOOKS_BACK, UUID(int=0))
    while block := list(due.filter(Q(closes_at__gt=after[0]) | Q(closes_at=after[0], id__gt=after[1]))[:LAPSE_BATCH]):
        after = (block[-1].closes_at, block[-1].id)
        lapses = [lapse for event in block if (lapse := _lapse(event, now)) is not None]
        days = {event.id: event.service_day for event in block}
        with transaction.atomic():
            Lapse.objects.bulk_create(lapses, ignore_conflicts=True)
            tell([(lapse.id, "lapse", days[lapse.id]) for lapse in lapses], now=now, topics=("lake",))
        made += len(lapses)
    return made


_LAPSE_OWN = {"level", "lapsed_at", "lapse_day"}


def _lapse(event: ServiceEvent, now: datetime) -> Lapse | None:
    """The lapse of a service that nobody rated, if its policy has one and its time is over."""
    default = policy_at(event.area_path, event.service_day).default
    if not default.enabled or default.level is None or default.after is None:
        return None
    end = deadline(event.service_time, default.after.term, calendar(event.area_path))
    if end.provisional or end.at > now:  # nobody is late by days that are not announced yet
        return None
    copied = {f.attname: getattr(event, f.attname) for f in Lapse._meta.concrete_fields if f.attname not in _LAPSE_OWN}
    day = clock.day(end.at - timedelta(microseconds=1))
    return Lapse(**copied, level=default.level, lapsed_at=end.at, lapse_day=day)


def settle_windows(*, now: datetime) -> int:
    """Windows that rest on days which have been announced since get their true end; how many were settled."""
    settled = 0
    unsettled = ServiceEvent.objects.filter(closes_is_provisional=True).order_by("closes_at")
    for event in unsettled.iterator(chunk_size=LAPSE_BATCH):
        end = closing(event.area_path, event.service_time, event.service_day)
        if not end.provisional:
            with transaction.atomic():
                ServiceEvent.objects.filter(id=event.id).update(closes_at=end.at, closes_is_provisional=False)
                tell([(event.id, "service", event.service_day)], now=now, topics=("lake",))
            settled += 1
    return settled


def require_level(text: str) -> Level:
    """A level 1…5 from a form; Refused (422) otherwise."""
    try:
        return Level(int(text))
    except ValueError:
        no = FieldError("level", "required", "请选择满意程度。")
        raise Refused("fields_refused", 422, no.message, (no,)) from None
