"""What a move leaves on its order besides the state, and the clocks that run afterwards. Writes nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from haochaping.kit import clock
from haochaping.kit.workdays import Deadline, nearing
from haochaping.policy.queries import calendar as calendar_of
from haochaping.policy.queries import calendar_change, policy_at
from haochaping.policy.rules import Step
from haochaping.rectification import rules
from haochaping.rectification.rules import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from haochaping.kit.workdays import Calendar
    from haochaping.policy.rules import Policy
    from haochaping.rectification.models import Order


@dataclass(frozen=True)
class Rulebook:
    """The rules that hold for one order: policy of its dispatch day and working days, both of the place that was rated."""

    policy: Policy
    calendar: Calendar
    calendar_change: int = 0  # the last one that the calendar holds


def rulebook(order: Order) -> Rulebook:
    """An old case keeps the rules of its day (design §1.5); whoever takes it over, its clocks do not move."""
    known = calendar_change()  # before the calendar itself
    return Rulebook(policy_at(order.rules_area, order.dispatch_day), calendar_of(order.rules_area), known)


@dataclass(frozen=True)
class Happening:
    """One move as it happens: its facts, when, where it leads, and whether an operator made it."""

    facts: dict[str, Any]
    now: datetime
    target: State
    by_operator: bool = False


def leave(order: Order, verb: str, happening: Happening) -> None:
    """Write on the order what this verb says of it. State and clocks are set by `enter`."""
    if verb in _EFFECTS:
        _EFFECTS[verb](order, happening)


def enter(order: Order, state: State, *, since: datetime, now: datetime, rules_: Rulebook, anew: bool = False) -> None:
    """Put the order into a state; if it is another one, that step's clock starts at `since`.

    `anew`: what the answer limit rests on has changed, so it is computed again (from dispatch, as ever).
    """
    is_new = state != order.state
    if is_new:
        order.state, order.step_since = state, since
        order.extension_asked = None
        if state is State.VERIFYING and (order.real_name or order.opens_identity):
            term = rules_.policy.limit(Step.CONTACT)
            order.contact_due, order.contacted_at = rules.over(since, term, rules_.calendar).at, None
        order.archive_due = None
        if not state.is_open:
            order.closed_at = now
            order.archive_due = rules.over(now, rules_.policy.archive.after.term, rules_.calendar).at
    if is_new or anew:
        set_clocks(order, rules_, anew=anew)
    mark_late(order, now, rules_)
    plan_escalation(order, rules_)
    plan_reminder(order, rules_)


def set_clocks(order: Order, rules_: Rulebook, *, anew: bool) -> None:
    """Both limits, from the same beginnings as ever: the answer's from dispatch, the step's from its entry.

    Only the severity that is found, a granted extension, a rating that came back and changed working days move the answer
    limit (`anew`).
    """
    state = State(order.state)
    answer, extended = None, extended_end(order, rules_)
    if is_owed(order):
        since = order.answer_since or order.dispatched_at
        answer = rules.answer_due(order.severity, since, rules_.policy, rules_.calendar)
        if extended is not None and extended > answer.at:
            answer = Deadline(extended)
        if not anew:
            answer = replace(answer, at=order.answer_due)
        order.answer_due = answer.at
    if anew:
        order.calendar_seen = rules_.calendar_change
    step = rules.due_for(state, order.severity, order.step_since, rules_.policy, rules_.calendar, answer=answer)
    if step is not None and state is State.RECTIFYING and extended is not None:
        step = replace(step, at=max(step.at, extended))
    order.step_due = step.at if step else None
    order.due_is_provisional = bool((step and step.provisional) or (answer and answer.provisional))


def extended_end(order: Order, rules_: Rulebook) -> datetime | None:
    """The end of a granted extension: its day, or later where days off came into the working days that it gave."""
    if order.extended_until is None or order.extended_by is None:
        return order.extended_until
    last = rules_.calendar.add_workdays(clock.day(order.dispatched_at), order.extended_by)
    return max(order.extended_until, rules.end_of(last))


def is_owed(order: Order) -> bool:
    """Whether the rater still waits for an answer."""
    return order.answered_at is None and State(order.state).is_open


def binding(order: Order) -> tuple[datetime | None, ...]:
    """The limits that bind the order now."""
    contact = order.contact_due if order.state == State.VERIFYING and order.contacted_at is None else None
    return (order.step_due, order.answer_due if is_owed(order) else None, contact)


def mark_late(order: Order, now: datetime, rules_: Rulebook) -> bool:
    """Note since when a binding limit is missed, or that none is; whether that is news."""
    late_since = rules.overdue_since(now, *binding(order))
    if late_since == order.overdue_since:
        return False
    order.overdue_since, order.escalated = late_since, 0
    order.was_late = order.was_late or late_since is not None
    plan_escalation(order, rules_)
    return True


def plan_reminder(order: Order, rules_: Rulebook, after: datetime | None = None) -> None:
    """When people are next told that one of its limits is near, or has passed; None once all that has been."""
    before = rules_.policy.warnings.before.term
    moments = (m for due in binding(order) if due for m in (nearing(due, before, rules_.calendar), due))
    order.remind_at = min((m for m in moments if after is None or m > after), default=None)


def share_reminder(due: datetime, rules_: Rulebook) -> datetime:
    """When a co-unit is first told of its own limit."""
    return nearing(due, rules_.policy.warnings.before.term, rules_.calendar)


def plan_escalation(order: Order, rules_: Rulebook) -> None:
    """When the order goes further up if it stays late."""
    following = None
    if order.overdue_since is not None:
        following = rules.next_escalation(order.overdue_since, order.escalated, rules_.policy, rules_.calendar)
    order.next_escalation = following[0] if following else None


def _return(order: Order, _: Happening) -> None:
    order.returns += 1


def _contact(order: Order, move: Happening) -> None:
    order.contacted_at = order.contacted_at or move.now


def _confirm(order: Order, move: Happening) -> None:
    order.is_true, order.is_reasonable = move.facts["is_true"], move.facts["is_reasonable"]
    order.cause, order.severity = move.facts["cause"], move.facts["severity"]


def _explain(order: Order, move: Happening) -> None:
    order.is_reasonable = False  # no legal basis, or not reasonable: that is what is explained (contract §5)
    _answer(order, move, "explained")


def _submit(order: Order, move: Happening) -> None:
    order.cause = move.facts.get("cause", order.cause)
    _answer(order, move, "submitted")


def _answer(order: Order, move: Happening, kind: str) -> None:
    order.answer_kind, order.reply = kind, move.facts["reply"]
    order.answered_at = order.answered_at or move.now


def _appeal(order: Order, move: Happening) -> None:
    order.appeals += 1
    order.appeal_kind = move.facts["kind"]


def _uphold(order: Order, move: Happening) -> None:
    order.upheld = move.target is State.VOIDED and bool(order.appeal_kind)
    if move.target is State.ARBITRATING:
        order.appeal_kind = ""


def _dismiss(order: Order, _: Happening) -> None:
    order.upheld, order.set_aside = False, False
    order.is_true = order.is_reasonable = True  # else it would not be put right


def _object(order: Order, _: Happening) -> None:
    order.objections += 1
    order.closed_at = None


def _request_extension(order: Order, move: Happening) -> None:
    order.extension_asked = rules.end_of(date.fromisoformat(move.facts["until"]))


def _respond(order: Order, _: Happening) -> None:
    order.unanswered_since = None


def _relay(order: Order, move: Happening) -> None:
    order.unanswered_since = move.now
    if order.state == State.VERIFYING:
        order.contacted_at = order.contacted_at or move.now


def _convene(order: Order, move: Happening) -> None:
    order.convened_at = move.now


def _conclude(order: Order, _: Happening) -> None:
    order.convened_at = None


def _set_aside(order: Order, _: Happening) -> None:
    order.set_aside, order.convened_at, order.unanswered_since = True, None, None
    order.upheld, order.appeal_kind = False, ""  # what an appeal once said is not why it ends now
    if order.state == State.ARBITRATING:  # whoever gave it back does not get it again unasked
        order.organ_code = order.organ_name = order.organ_path = ""


def _restore(order: Order, move: Happening) -> None:
    """The time it lay aside is nobody's delay: the whole answer limit is granted again."""
    order.set_aside, order.closed_at, order.archived_at, order.objections = False, None, None, 0
    order.answer_since = move.now
    if order.replied_at is None:
        order.answered_at, order.answer_kind = None, ""


def _archive(order: Order, move: Happening) -> None:
    order.archived_at = move.now


def _grant_extension(order: Order, _: Happening) -> None:
    assert order.extension_asked is not None
    order.extensions += 1
    order.extended_until, order.extension_asked = order.extension_asked, None
    first, last = clock.day(order.dispatched_at), clock.day(rules.since_missed(order.extended_until))
    order.extended_by = rulebook(order).calendar.workdays_between(first, last)


def _refuse_extension(order: Order, _: Happening) -> None:
    order.extension_asked = None


def _send_back(order: Order, _: Happening) -> None:
    if order.answer_kind == "explained":  # there is something to be put right after all
        order.is_true = order.is_reasonable = True
    order.answer_kind = ""
    if order.replied_at is None:  # what does not pass is no answer, however punctual
        order.answered_at = None


def _approve(order: Order, move: Happening) -> None:
    order.replied_at = order.replied_at or move.now
    order.calls = 0


def _record(order: Order, move: Happening) -> None:
    order.calls += 1
    if move.target is State.CLOSED:
        order.verdict, order.was_called = move.facts["result"], True


def _skip(order: Order, _: Happening) -> None:
    order.verdict = "confirmed"  # by the supervisor who approved it


def _satisfied(order: Order, _: Happening) -> None:
    order.verdict = "satisfied"


def _unsatisfied(order: Order, move: Happening) -> None:
    order.unsatisfied += 1
    order.was_called = order.was_called or move.by_operator
    order.verdict = "unsatisfied" if move.target is State.CLOSED else ""
    if move.target is State.RECTIFYING:
        order.answer_kind = ""


def _reopen(order: Order, _: Happening) -> None:
    order.reopened += 1
    order.closed_at, order.verdict, order.answer_kind = None, "", ""


def _urge(order: Order, _: Happening) -> None:
    order.urged += 1


def _escalate(order: Order, _: Happening) -> None:
    order.escalated += 1


_EFFECTS: dict[str, Callable[[Order, Happening], None]] = {
    "return": _return,
    "contact": _contact,
    "confirm": _confirm,
    "explain": _explain,
    "appeal": _appeal,
    "uphold": _uphold,
    "dismiss": _dismiss,
    "object": _object,
    "request_extension": _request_extension,
    "grant_extension": _grant_extension,
    "refuse_extension": _refuse_extension,
    "submit": _submit,
    "send_back": _send_back,
    "approve": _approve,
    "record": _record,
    "skip": _skip,
    "satisfied": _satisfied,
    "unsatisfied": _unsatisfied,
    "reopen": _reopen,
    "urge": _urge,
    "relay": _relay,
    "respond": _respond,
    "convene": _convene,
    "conclude": _conclude,
    "set_aside": _set_aside,
    "restore": _restore,
    "archive": _archive,
    "escalate": _escalate,
}
