"""The repair of what was refused or waits in vain 异常数据 (issue 3, item 12): mend, try again, settle with a reason.

What the rater said stays as it was said: level, words and time of a rating are nobody's to change. Whoever repairs does
not even see level and words, so that nobody can pick.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import sender, visible
from haochaping.accounts.rules import Role
from haochaping.evaluation.batches import is_provincial, reason_of, void_late
from haochaping.evaluation.commands import rule
from haochaping.evaluation.judge import Waiver
from haochaping.evaluation.kept import (
    DISCARDED,
    FIXED,
    OPEN,
    SUPERSEDED,
    Refusal,
    keep,
    open_kept,
    overtaken,
    rejected_for,
    reseal_faults,
    reseal_record,
    scrub,
    waiting_for,
    wire_of,
)
from haochaping.evaluation.models import Parked, Rejected, ServiceEvent
from haochaping.evaluation.records import Submission, read_evaluation
from haochaping.flow.admit import ALREADY_RATED, admit
from haochaping.flow.parking import read_again
from haochaping.flow.services import admit_services
from haochaping.kit import ids
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor

NOT_FOUND = Refused("not_found", 404, "没有这条异常数据，或它不属于您的范围。")
SETTLED = Refused("already_settled", 409, "这条数据已经处理过，不能再改。")
TELLS_BAD = "bad_rating_needs_reason"  # whose rating can only be a bad one: no city lays its own aside
SUPERVISORS_OWN = Refused("supervisors_own", 403, "这条评价只缺原因，只能由省级督办决定是否收下，请转告督办。")
MAY_REPAIR = (Role.SUPERVISOR, Role.CITY)
RETRY_MOST = 200
ONE_BY_ONE = {"device_revoked"}  # nothing is wrong with the record: whether it counts, somebody decides each time
# What may be mended of a record, by its wire name. Never satisfaction, writingEvaluation, assessTime, or who rated.
FIXABLE = {
    "evaluation": ("projectNo", "serviceNumber", "evalDetail", "consent", "userProp", "deviceId"),
    "service": ("taskCode", "orgcode", "areaCode", "windowNo"),
}
DROP_ONLY = {"evalDetail", "consent"}  # a choice that no longer exists may be left out, none may be put in
WAIVER_OF = {
    "rating_window_closed": Waiver.LATE,
    "before_service": Waiver.CLOCK,
    "in_the_future": Waiver.CLOCK,
    "bad_rating_needs_reason": Waiver.NO_REASON,
}


@dataclass(frozen=True)
class Tried:
    """What came of another try: fixed, superseded, or open still with the newest no."""

    row: Rejected
    no: Refused | None = None
    is_waiting: bool = False  # taken up, but its service event, item or organ is not there yet


def one_for(actor: Actor, id: UUID) -> Rejected:  # noqa: A002
    found = rejected_for(actor).filter(id=id).first()
    if found is None:
        raise NOT_FOUND
    return found


def waiting_one_for(actor: Actor, id: UUID, kind: str) -> Parked:  # noqa: A002
    found = waiting_for(actor).filter(id=id, kind=kind).first()
    if found is None:
        raise NOT_FOUND
    return found


def may_repair(actor: Actor, row: Rejected | Parked) -> bool:
    """Supervisors and city offices, each in the places of that very role."""
    return _has(actor, row, *MAY_REPAIR)


def may_accept(actor: Actor, row: Rejected) -> bool:
    """Whether this actor may let the rating count against its refusal; the law leaves only some refusals to decide."""
    return (
        row.state == OPEN and row.kind == "evaluation" and row.reason in WAIVER_OF and _has(actor, row, Role.SUPERVISOR)
    )


def _has(actor: Actor, row: Rejected | Parked, *roles: Role) -> bool:
    here = actor.over(area=row.area_path, organ=row.organ_path, window=row.window_code)
    return here.has(*roles) or (not row.area_path and Role.SUPERVISOR in roles and is_provincial(actor))


def take_in_hand(parked: Parked, *, actor: Actor, now: datetime) -> Rejected:
    """What waits leaves the park for repair, with the receipt that its sender holds. Refused 403, 404."""
    if not may_repair(actor, parked):
        raise NOT_FOUND
    with transaction.atomic():
        row = Parked.objects.select_for_update().filter(id=parked.id, kind=parked.kind).first()
        if row is None:
            raise NOT_FOUND
        record = read_again(row)
        refusal = Refusal(
            wire_of(record),
            Refused(row.reason, 422, "所依据的办件、事项或单位尚未登记。"),
            row.source,
            "parked",
            kind=row.kind,
            batch=record.batch if isinstance(record, Submission) else "",
            event_id=row.id,
            place=(row.area_path, row.organ_path, row.window_code),
            arrived=row.received_at,
            is_acknowledged=True,
        )
        (id_,) = keep([refusal], now=now)
        # Somebody discarded the very same content before: whoever takes it in hand now decides anew.
        Rejected.objects.filter(id=id_).update(state=OPEN, settled_at=None, settled_by="", settled_because="")
        row.delete()
        audit(actor, "repair_take", str(id_), now=now, facts={"reason": row.reason})
    return Rejected.objects.get(id=id_)


def retry(id: UUID, *, actor: Actor, now: datetime) -> Tried:  # noqa: A002
    """Try the record once more, as it is. Refused 404, 409 where it is settled."""
    with transaction.atomic():
        row = _locked(actor, id)
        tried = _try(row, now)
        audit(actor, "repair_retry", str(id), now=now, result=_word(tried), facts={"reason": row.reason})
    return tried


def retry_some(ids: Sequence[UUID], *, actor: Actor, now: datetime) -> int:
    """Try each of these (at most `RETRY_MOST`) that is open and this actor's; how many were taken in.

    What must be decided one by one (`ONE_BY_ONE`) stays as it is.
    """
    done = 0
    for id_ in list(ids)[:RETRY_MOST]:
        with transaction.atomic():
            try:
                row = _locked(actor, id_, skip=True)
            except Refused:  # settled meanwhile
                continue
            if row.reason in ONE_BY_ONE:
                Rejected.objects.filter(id=id_).update(tried_at=now)
            else:
                done += _try(row, now).no is None
    audit(actor, "repair_retry_many", "rejected", now=now, facts={"tried": len(ids), "fixed": done})
    return done


def fix(id: UUID, changes: Mapping[str, str], *, actor: Actor, now: datetime) -> Tried:  # noqa: A002
    """Mend what may be mended, and try again. As it came first stays beside it, whatever comes of the try.

    Refused 404, 409, 422 where a field may not be changed so.
    """
    with transaction.atomic():
        row = _locked(actor, id)
        record = open_kept(row).record
        mended = _mended(row, record, changes)
        if {"projectNo", "serviceNumber"} & changes.keys():
            _require_service(actor, mended)
        if mended == record:
            raise Refused("nothing_changed", 422, "没有改动。请更正后再提交，或直接重试。")
        row.blob = reseal_record(row, mended)
        tried = _try(row, now)
        changed = sorted(name for name in mended.keys() | record.keys() if mended.get(name) != record.get(name))
        audit(actor, "repair_fix", str(id), now=now, result=_word(tried), facts={"fields": "、".join(changed)})
    return tried


def accept(id: UUID, *, reason: str, actor: Actor, now: datetime) -> Tried:  # noqa: A002
    """A supervisor's decision that the rating counts although it came too late, with a wrong clock or without a reason.

    The rating is stored as it was given; a ruling beside it says who decided and why. What was rated after its window
    was over stays out whatever anybody decides. Refused 403, 404, 409, 422.
    """
    reason = reason_of(reason)
    with transaction.atomic():
        row = _locked(actor, id)
        if not may_accept(actor, row):
            raise Refused(
                "not_your_role", 403, "只有督办人员可以裁定计入，且只限逾期到达、时钟有误、未填原因三种情形。"
            )
        waiver = WAIVER_OF[row.reason]
        tried = _try(row, now, waives=frozenset({waiver}))
        if tried.is_waiting:
            raise Refused("service_unknown", 409, "所依据的办件服务还没有到，到达后再裁定。")
        if tried.no is None and tried.row.became is not None:
            rule(tried.row.became, excludes=False, kind=waiver, reason=reason, by=actor.name, now=now)
            void_late({tried.row.became: row.batch}, now=now)
            Rejected.objects.filter(id=row.id).update(settled_by=actor.name, settled_because=reason)
        audit(actor, "repair_accept", str(id), now=now, result=_word(tried), facts={"reason": reason, "kind": waiver})
    return tried


def discard(id: UUID, *, reason: str, actor: Actor, now: datetime) -> Rejected:  # noqa: A002
    """Settle a record by hand: it is kept and counted, and does not count as a rating. Whoever holds its receipt is told why."""
    reason = reason_of(reason)
    with transaction.atomic():
        row = _locked(actor, id)
        if row.reason == TELLS_BAD and not _has(actor, row, Role.SUPERVISOR):
            raise SUPERVISORS_OWN
        _settle(row, DISCARDED, actor.name, reason, now)
        audit(actor, "repair_discard", str(id), now=now, facts={"reason": reason})
    return row


def bring_back(id: UUID, *, reason: str, actor: Actor, now: datetime) -> Rejected:  # noqa: A002
    """A discarded record is open again."""
    reason = reason_of(reason)
    with transaction.atomic():
        row = rejected_for(actor).select_for_update().filter(id=id).first()
        if row is None or not may_repair(actor, row):
            raise NOT_FOUND
        if row.state != DISCARDED:
            raise SETTLED
        row.state, row.settled_at, row.settled_by, row.settled_because = OPEN, None, "", ""
        row.save()
        audit(actor, "repair_bring_back", str(id), now=now, facts={"reason": reason})
    return row


def supersede_overtaken(*, now: datetime) -> int:
    """Open refusals whose service was rated since by the same or another submission are settled; how many."""
    return overtaken().update(
        state=SUPERSEDED, settled_at=now, settled_by="系统", settled_because="该次服务已有有效评价。"
    )


def _locked(actor: Actor, id: UUID, *, skip: bool = False) -> Rejected:  # noqa: A002
    seen = rejected_for(actor).filter(id=id).values("id")
    row = Rejected.objects.select_for_update(skip_locked=skip).filter(id__in=seen).first()
    if row is None or not may_repair(actor, row):
        raise NOT_FOUND
    if row.state != OPEN:
        raise SETTLED
    return row


def _mended(row: Rejected, record: Mapping[str, Any], changes: Mapping[str, str]) -> dict[str, Any]:
    mended = dict(record)
    for name, value in changes.items():
        text = value.strip()
        if name not in FIXABLE[row.kind] or "\x00" in text:
            raise _wrong(name, "not_to_be_mended", f"{name} 不能在这里更改。")
        if name in DROP_ONLY:
            old = record.get(name) or []
            parts = (
                old
                if isinstance(old, list)
                else [c.strip() for c in str(old).replace("|", ",").split(",") if c.strip()]
            )
            left = [part for part in parts if part in text.split(",")]
            mended[name] = left if name == "consent" else ",".join(left)
        elif text or name in {"userProp", "deviceId", "windowNo"}:
            mended[name] = text
    if row.kind == "service" and "orgcode" in changes:
        mended.pop("deptCode", None)
    return mended


def _require_service(actor: Actor, record: Mapping[str, Any]) -> None:
    """A rating is moved only to a service that is there, and in the places of who moves it."""
    number = str(record.get("serviceNumber", ""))
    is_number = number.isascii() and number.isdigit() and len(number) < 3
    event_id = ids.event_id(str(record.get("projectNo", "")), int(number)) if is_number else None
    seen = visible(ServiceEvent.objects.filter(id=event_id), actor) if event_id else None
    if seen is None or not seen.exists():
        raise _wrong("projectNo", "service_not_found", "没有这个办件编号和服务次数的办件服务，请核对。")


def _wrong(name: str, code: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(name, code, message),))


def _try(row: Rejected, now: datetime, *, waives: frozenset[str] = frozenset()) -> Tried:
    """Take the record in as if it came now, but judged by when it first came; the row says what became of it."""
    tried = _try_service(row, now) if row.kind == "service" else _try_rating(row, now, waives)
    row.tried_at = now
    if tried.no is not None and row.state == OPEN:
        row.reason = tried.no.fields[0].code if tried.no.fields else tried.no.code
        row.fields = [[f.field, f.code] for f in tried.no.fields] or [["", tried.no.code]]
        row.blob = reseal_faults(row, tried.no)
    row.save()
    return tried


def _try_rating(row: Rejected, now: datetime, waives: frozenset[str]) -> Tried:
    kept = open_kept(row)
    try:
        read = read_evaluation(kept.record, source=row.source, best_is_one=kept.best_is_one, batch=row.batch)
    except Refused as no:
        return Tried(row, no)
    (outcome,) = admit([replace(read, arrived=row.received_at, waives=waives)], now=now, apps=[sender(row.source)])
    if outcome.refused is ALREADY_RATED:
        _settle(row, SUPERSEDED, "系统", outcome.refused.message, now)
        return Tried(row, outcome.refused)
    if outcome.refused is not None:
        return Tried(row, outcome.refused)
    row.became = outcome.id
    is_waiting = outcome.status == "parked"
    if not is_waiting:
        row.blob = scrub(row, "identity", "words")  # the rating has them now, and the rater may take them back there
        void_late({outcome.id: row.batch}, now=now)
    _settle(row, FIXED, "系统", "已转入等待，所依据的办件服务到达后自动入库。" if is_waiting else "已入库。", now)
    return Tried(row, is_waiting=is_waiting)


def _try_service(row: Rejected, now: datetime) -> Tried:
    kept = open_kept(row)
    assert row.event_id is not None  # a service record that waited was read
    newer = ServiceEvent.objects.filter(id=row.event_id, received_at__gt=row.received_at).exists()
    if newer:  # what waited never overtakes what came after it
        no = Refused("overtaken", 409, "该次服务已有更新的记录。")
        _settle(row, SUPERSEDED, "系统", no.message, now)
        return Tried(row, no)
    app = sender(row.source)
    is_probe = app is not None and app.is_probe
    (outcome,) = admit_services([kept.record], source=row.source, now=now, app=app, is_probe=is_probe)
    if outcome.status == "rejected":
        first = outcome.errors[0]
        return Tried(row, Refused(first.code, 422, first.message, outcome.errors))
    row.became = outcome.id
    is_waiting = outcome.status == "parked"
    _settle(row, FIXED, "系统", "已转入等待，所依据的事项或单位登记后自动入库。" if is_waiting else "已入库。", now)
    return Tried(row, is_waiting=is_waiting)


def _settle(row: Rejected, state: str, by: str, because: str, now: datetime) -> None:
    row.state, row.settled_at, row.settled_by, row.settled_because = state, now, by, because
    row.save()


def _word(tried: Tried) -> str:
    return "waiting" if tried.is_waiting else "ok" if tried.no is None else "refused"
