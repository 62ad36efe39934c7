"""Every write about service events and ratings but their admission (see `flow.admit`)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef

from haochaping.evaluation.models import (
    Erasure,
    Evaluation,
    Evaluator,
    FollowUp,
    Lapse,
    Ruling,
    ServiceEvent,
    Words,
)
from haochaping.evaluation.rules import Level
from haochaping.kit import clock, crypto
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.workdays import deadline
from haochaping.outbox.commands import tell
from haochaping.policy.queries import calendar, policy_at, rules

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

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
        added, is_new = FollowUp.objects.get_or_create(
            id=event_id,
            defaults={
                "level": int(Level(level)),
                "text_digest": crypto.sm3(secrets.token_bytes(16) + text.encode()) if text else None,
                "at": now,
            },
        )
        if not is_new:
            raise Refused("already_followed_up", 409, "您已追评过一次，追评不能修改。")
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
    rows = Words.objects if what == "words" else Evaluator.objects
    with transaction.atomic():
        if not Evaluation.objects.filter(id=event_id).exists():
            raise Refused("not_found", 404, "没有这条评价。")
        rows.filter(id=event_id).delete()
        Erasure.objects.get_or_create(event_id=event_id, what=what, defaults={"by": by, "at": now})


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
    due = (
        ServiceEvent.objects.filter(
            ~Exists(rated),
            ~Exists(lapsed),
            area_path__startswith=region,
            closes_at__lte=now,
            closes_at__gt=now - LAPSE_LOOKS_BACK,
        )
        .order_by("closes_at")
        .iterator(chunk_size=LAPSE_BATCH)
    )
    copied = [f.attname for f in Lapse._meta.concrete_fields if f.attname not in {"level", "lapsed_at", "lapse_day"}]
    lapses = []
    for event in due:
        default = policy_at(event.area_path, event.service_day).default
        if not default.enabled or default.level is None or default.after is None:
            continue
        end = deadline(event.service_time, default.after.term, calendar(event.area_path))
        at = end.at
        if at <= now and not end.provisional:  # nobody is late by days that are not announced yet
            row = {name: getattr(event, name) for name in copied}
            day = clock.day(at - timedelta(microseconds=1))
            lapses.append(Lapse(**row, level=default.level, lapsed_at=at, lapse_day=day))
    with transaction.atomic():
        Lapse.objects.bulk_create(lapses, ignore_conflicts=True, batch_size=LAPSE_BATCH)
        days = {lapse.id: lapse for lapse in lapses}
        events = ServiceEvent.objects.filter(id__in=days).values_list("id", "service_day")
        tell([(id_, "lapse", day) for id_, day in events], now=now, topics=("lake",))
    return len(lapses)


def require_level(text: str) -> Level:
    """A level 1…5 from a form; Refused (422) otherwise."""
    try:
        return Level(int(text))
    except ValueError:
        no = FieldError("level", "required", "请选择满意程度。")
        raise Refused("fields_refused", 422, no.message, (no,)) from None
