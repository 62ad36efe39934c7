"""What all versions have in common that two people make 两人审批: authors, states, and who moved them on when."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy.models import Version

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor

V = TypeVar("V", bound=Version)
OPEN = ("draft", "submitted")


def next_number(model: type[Version], region: str) -> int:
    numbers = model._default_manager.filter(region=region).order_by("-number").values_list("number", flat=True)  # noqa: SLF001
    return (numbers.first() or 0) + 1


def locked(version: V, state: str) -> V:
    """The row as it stands now, held until the transaction ends; Refused 409 if it has left that state."""
    row = type(version)._default_manager.select_for_update().get(pk=version.pk)  # noqa: SLF001
    if row.state != state:
        raise Refused("moved_on", 409, "这个版本的状态已经变了，请刷新页面再看。")
    return row


def touch(draft: Version, actor: Actor) -> None:
    """Save what the actor changed, and keep that they did: they will not decide about it."""
    if actor.id not in draft.authors:
        draft.authors = [*draft.authors, actor.id]
    draft.save()


def hand_in(draft: Version, actor: Actor, now: datetime) -> None:
    draft.state, draft.submitted_by, draft.submitted_at = "submitted", actor.name, now
    touch(draft, actor)


def decide(row: Version, state: str, reason: str, actor: Actor, now: datetime) -> None:
    row.state, row.reason = state, reason.strip()[:200]
    row.decided_by, row.decided_at = actor.name, now
    row.save(update_fields=["state", "reason", "decided_by", "decided_at"])


def day_to_come(day: date | None, now: datetime) -> date:
    """A day from which something new may hold: tomorrow at the earliest, for nobody's case of today changes its rules."""
    if day is None or day <= clock.day(now):
        message = "生效日期应晚于今天。"
        raise Refused("fields_refused", 422, message, (FieldError("valid_from", "not_allowed", message),))
    return day


def day_in_time(row: Version, now: datetime) -> date:
    """The day from which the row is to hold; Refused 409 `too_late` once it has come."""
    if row.valid_from is None or row.valid_from <= clock.day(now):
        raise Refused("too_late", 409, "生效日期已到，不能再批准：请退回，改日期后重新提交。")
    return row.valid_from


def reason_given(reason: str) -> str:
    if not reason.strip():
        message = "请写明退回的理由。"
        raise Refused("fields_refused", 422, message, (FieldError("reason", "required", message),))
    return reason
