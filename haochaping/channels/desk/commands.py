"""Entering what somebody rated by telephone, on paper or in person, and having it checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.channels.desk import queries
from haochaping.channels.desk.rules import (
    CHECKS,
    ENTERS,
    NOTE_MOST,
    PROOF_NAMES,
    RATED,
    WAY_NAMES,
    Verdict,
    Way,
    is_drawn,
    may_enter,
    proof_of,
)
from haochaping.channels.models import Entry
from haochaping.evaluation import commands as evaluation
from haochaping.evaluation.queries import event as event_of
from haochaping.flow.admit import admit
from haochaping.flow.visits import open_visit
from haochaping.kit import ids
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import ServiceEvent
    from haochaping.evaluation.records import Submission
    from haochaping.flow.admit import Outcome
    from haochaping.flow.visits import Visit

NOT_THERE = Refused("service_not_found", 404, "没有查到这次服务，或它不在您的工作范围内，请核对后再录。")
NOT_YOURS = Refused("not_for_others", 403, "被评价单位和窗口的人员不能代评价人录入，请转12345或上级督办办理。")


def record_entry(
    submission: Submission,
    *,
    way: Way,
    proof: str,
    actor: Actor,
    now: datetime,
    visit: Visit | None = None,
    note: str = "",
    second: Actor | None = None,
    may_wait: bool = False,
) -> Outcome:
    """Enter a rating for the rater: service event (of `visit`), rating, proof and audit line in one transaction.

    With a `visit` the submission's own case number is not looked at. Without, the service must be known, or `may_wait`
    says that the rating is parked until it comes. The same content again is a duplicate and leaves no second entry.
    Refused: 403 for those who are rated there, 404 for services out of scope, 422 for a missing proof or as `judge` says,
    409 `already_rated`, `rating_window_closed`.
    """
    number = proof_of(way, proof, settings.RECORDING_NUMBER)
    if number is None:
        raise refused("proof", "required", f"请填写{PROOF_NAMES[way]}：由字母、数字和横线组成，请照原件核对。")
    if len(note) > NOTE_MOST:
        raise refused("note", "too_long", f"备注最多 {NOTE_MOST} 字。")
    source = f"desk-{way}"
    with transaction.atomic():
        if visit is not None:
            event: ServiceEvent | None = open_visit(visit, source=source, now=now)
        else:
            event = event_of(ids.event_id(submission.project_no, submission.service_number))
        _guard(actor, event, may_wait=may_wait)
        if second is not None:
            _guard(second, event, may_wait=may_wait)
        told = replace(submission, source=source)
        if event is not None:
            told = replace(told, project_no=event.project_no, service_number=event.service_number)
        (outcome,) = admit([told], now=now)
        if outcome.refused is not None:
            raise outcome.refused
        if outcome.status in {"created", "parked"}:
            _keep(outcome.id, way=way, proof=number, note=note, actor=actor, second=second, now=now)
    return outcome


def _guard(actor: Actor, event: ServiceEvent | None, *, may_wait: bool) -> None:
    if event is None:
        if not may_wait:
            raise NOT_THERE
        if actor.kind != "person" or not actor.has(*ENTERS) or actor.has(*RATED):
            raise NOT_YOURS
        return
    place = {"area": event.area_path, "organ": event.organ_path, "window": event.window_code}
    if may_enter(actor, **place):
        return
    raise NOT_YOURS if actor.over(**place).has(*RATED) else NOT_THERE


def _keep(
    event_id: UUID, *, way: Way, proof: str, note: str, actor: Actor, second: Actor | None, now: datetime
) -> None:
    _, is_new = Entry.objects.get_or_create(
        event_id=event_id,
        defaults={
            "way": way,
            "proof": proof,
            "note": note,
            "person_id": actor.id,
            "person_name": actor.name,
            "second_id": second.id if second else "",
            "second_name": second.name if second else "",
            "entered_at": now,
            # The same recording or letter behind several ratings is always looked at.
            "is_sampled": is_drawn(event_id, settings.ENTRY_CHECK_PERCENT / 100)
            or Entry.objects.filter(way=way, proof=proof).exists(),
        },
    )
    if is_new:
        audit(actor, "enter_rating", str(event_id), now=now, facts={"way": str(way), "proof": proof})


def check_entry(event_id: UUID, *, verdict: Verdict, note: str, actor: Actor, now: datetime) -> Entry:
    """A second person compared an entry with its proof. What differs leaves the figures by a ruling of kind `entry`.

    Only what the lot drew: whoever may choose what to check may choose what is to leave the figures. Once. Refused 403
    for who entered it, 404 out of scope, 409 `not_drawn` and `already_checked`, 422 for a difference without a word.
    """
    note = note.strip()
    if len(note) > NOTE_MOST or "\x00" in note:
        raise refused("note", "too_long", f"说明最多 {NOTE_MOST} 字。")
    if verdict is Verdict.DIFFERS and len(note) < 4:
        raise refused("note", "required", "请写明哪里不一致，至少 4 个字。")
    with transaction.atomic():
        entry = queries.entries_for(actor).select_for_update(of=("self",)).filter(pk=event_id).first()
        event = event_of(event_id)
        if entry is None or event is None:
            raise Refused("not_found", 404, "没有这条录入记录。")
        here = actor.over(area=event.area_path, organ=event.organ_path, window=event.window_code)
        if not here.has(*CHECKS) or here.has(*RATED) or actor.id in {entry.person_id, entry.second_id}:
            raise Refused("not_yours_to_check", 403, "自己录入的评价要由别人核对；核对由督办或市级主管办理。")
        if not entry.is_sampled:
            raise Refused("not_drawn", 409, "这条录入没有被抽中，不能核对。核对哪些由系统随机抽取，任何人不能挑选。")
        if entry.checked_at is not None:
            raise Refused("already_checked", 409, f"这条录入已由{entry.checked_by}核对过。")
        entry.checked_by_id, entry.checked_by, entry.checked_at = actor.id, actor.name, now
        entry.check_result, entry.check_note = verdict, note
        entry.save(force_update=True)
        if verdict is Verdict.DIFFERS:
            reason = f"{WAY_NAMES[Way(entry.way)]}录入与{PROOF_NAMES[Way(entry.way)]}不一致：{note}"
            evaluation.rule(event_id, excludes=True, kind="entry", reason=reason, by=actor.name, now=now)
        audit(actor, "check_entry", str(event_id), now=now, facts={"result": str(verdict), "proof": entry.proof})
    return entry


def refused(field: str, code: str, message: str) -> Refused:
    """One wrong field of a form."""
    return Refused("fields_refused", 422, message, (FieldError(field, code, message),))
