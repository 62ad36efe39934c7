"""What the rater is told of the order that their bad rating opened: each step, who must act, by when, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from haochaping.accounts.models import Audit
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.policy.rules import APPEAL_KINDS
from haochaping.rectification import sight, veil
from haochaping.rectification.consequences.queries import admonition_of
from haochaping.rectification.effects import rulebook
from haochaping.rectification.facts import last_day
from haochaping.rectification.models import Move, Order, OrderPart
from haochaping.rectification.rules import PUBLIC, WAITING_FOR, WAITING_UNCALLED, State, over
from haochaping.rectification.workflow import PART_NAMES, Part

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True)
class PublicStep:
    """One step in plain Chinese. `kind`: done, now (what is awaited, with `who` and `by`), reveal (the seal was opened) or yours
    (what the rater may do now, until `by`).
    """

    kind: str
    day: date | None
    text: str
    detail: str = ""  # the answer, a decision, a reason; masked
    who: str = ""
    by: date | None = None
    is_provisional: bool = False
    is_late: bool = False


def public_progress(event_id: UUID) -> list[PublicStep]:
    """Every step of that rating's order, oldest first, the awaited one last; empty if it opened none. Nothing personal.

    An answer is shown once it was approved. Who opened the rater's identity, and why, stands among the steps.
    """
    order = Order.objects.filter(pk=event_id).first()
    if order is None:
        return []
    steps: list[tuple[datetime, PublicStep]] = []
    reply = until = ""
    for move in Move.objects.filter(order_id=event_id).order_by("n"):
        if move.verb in {"submit", "explain"}:
            reply = move.facts["reply"]
        until = move.facts.get("until", until)
        if text := _text(move, order):
            detail = reply if move.verb == "approve" else _detail(move, until)
            steps.append((move.at, PublicStep("done", clock.day(move.at), text, veil.masked(order, detail))))
    steps += [
        (
            seen.at,
            PublicStep(
                "reveal", clock.day(seen.at), _seen(seen), veil.masked(order, str(seen.facts.get("reason", "")))
            ),
        )
        for seen in Audit.objects.filter(action=sight.REVEAL, subject=str(event_id))
    ]
    if told := admonition_of(event_id):
        assert told.ended_at is not None
        text = "主管部门就这条评价给您一则提醒"
        steps.append((told.ended_at, PublicStep("done", clock.day(told.ended_at), text, veil.masked(order, told.text))))
    steps.sort(key=lambda step: step[0])
    return [step for _, step in steps] + _awaited(order)


def _text(move: Move, order: Order) -> str:
    """The step's public words; "" for what is between those who work on it."""
    shade = ""
    if move.verb == "uphold" and move.target == State.ARBITRATING:
        shade = ".not_ours"
    elif move.verb == "uphold" and order.objections and move.n == _last_ruling(order):
        shade = ".final"
    elif move.verb == "escalate" and move.facts.get("to") == "leader":
        shade = ".leader"
    elif move.verb == "record" and move.facts.get("result") == "unreachable":
        shade = ".given_up" if move.target == State.CLOSED else ".unreachable"
    elif move.verb == "unsatisfied" and move.target == State.CLOSED:
        shade = ".closed"
    return PUBLIC.get(move.verb + shade, "")


def _last_ruling(order: Order) -> int:
    """The number of the ruling that answered the rater's objection; 0 while there is none."""
    rulings = Move.objects.filter(order_id=order.pk, verb__in=("object", "uphold", "dismiss")).order_by("n")
    verbs = list(rulings.values_list("verb", "n"))
    return verbs[-1][1] if verbs and verbs[-1][0] != "object" else 0


def _detail(move: Move, until: str) -> str:
    """What goes with the step: a decision's reason, who works on it, until when it is put off."""
    if move.verb in {"assign", "join"}:
        lead, others = _names([move.facts.get("organ", "")]), _names(move.facts.get("co_organs", ()))
        told = (f"承办单位：{lead}" if lead else "", f"协办单位：{others}" if others else "")
        return "；".join(part for part in told if part)
    if move.verb in {"request_extension", "grant_extension"} and until:
        day = date.fromisoformat(until)
        return f"{'申请' if move.verb == 'request_extension' else ''}延期至{day.year}年{day.month}月{day.day}日"
    if move.verb == "appeal":
        return f"承办单位的理由：{APPEAL_KINDS.get(move.facts.get('kind', ''), '')}"
    told_as = {"uphold": "ruling", "dismiss": "ruling", "set_aside": "reason", "conclude": "text"}.get(move.verb)
    return str(move.facts.get(told_as) or "") if told_as else ""


def _names(codes: Iterable[str]) -> str:
    known = snapshot().organs
    return "、".join(known[code].name for code in codes if code in known)


def _seen(seen: Audit) -> str:
    return f"{PART_NAMES[Part(seen.facts['part'])]}查看了您的身份信息"


def _awaited(order: Order) -> list[PublicStep]:
    state = State(order.state)
    if not state.is_open:
        return []
    is_called = order.real_name or order.sampled
    is_handlers = state in {State.DISPATCHED, State.VERIFYING, State.RECTIFYING}
    return [
        PublicStep(
            "now",
            None,
            WAITING_FOR[state] if is_called or state != State.CALLBACK else WAITING_UNCALLED,
            who=order.organ_name if is_handlers else "",
            detail=_owing(order) if is_handlers else "",
            by=last_day(order.step_due),
            is_provisional=order.due_is_provisional,
            is_late=order.overdue_since is not None,
        )
    ]


def _owing(order: Order) -> str:
    parts = OrderPart.objects.filter(order_id=order.pk, done_at=None).order_by("n").values_list("organ_name", flat=True)
    return f"协办单位：{'、'.join(parts)}" if parts else ""


def rater_may(order: Order, verbs: Collection[str]) -> list[PublicStep]:
    """What the rater may do now, in words: `verbs` are the moves that the table opens to them at this moment."""
    may = []
    if "respond" in verbs:
        may.append(PublicStep("yours", None, "回复办理人员的留言", "对方看不到您的姓名和电话。"))
    if "unsatisfied" in verbs:
        what = "仍不满意的，工单办结，并记为不满意。" if order.unsatisfied else "不满意的，退回承办单位重新整改。"
        may.append(PublicStep("yours", None, "说说对整改满意还是不满意", what, by=last_day(order.step_due)))
    if "object" in verbs and order.closed_at is not None:
        book = rulebook(order)
        end = over(order.closed_at, book.policy.appeal.objection_within.term, book.calendar)
        what = "由另一位复核人员重新裁定，结论为最终结论。"
        may.append(PublicStep("yours", None, "提出一次异议", what, by=last_day(end.at)))
    return may


def reopens_by(order: Order) -> date | None:
    """The last day on which a bad 追评 takes this ended order up again; None where it does not."""
    may = State(order.state) is State.CLOSED and order.archived_at is None
    return last_day(order.archive_due) if may and order.reopened < rulebook(order).policy.reopen.times else None
