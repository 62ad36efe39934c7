"""What the rater is told of the order that their bad rating opened: each step, who must act, by when, and the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.accounts.models import Audit
from haochaping.kit import clock
from haochaping.kit.masks import mask_text
from haochaping.rectification import sight
from haochaping.rectification.consequences.queries import admonition_of
from haochaping.rectification.facts import last_day
from haochaping.rectification.models import Move, Order
from haochaping.rectification.rules import PUBLIC, WAITING_FOR, WAITING_UNCALLED, State
from haochaping.rectification.workflow import PART_NAMES, Part

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID


@dataclass(frozen=True)
class PublicStep:
    """One step in plain Chinese. `kind`: done, now (what is awaited, with `who` and `by`) or reveal (the seal was opened)."""

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
    reply = ""
    for move in Move.objects.filter(order_id=event_id).order_by("n"):
        if move.verb in {"submit", "explain"}:
            reply = move.facts["reply"]
        if text := _text(move, order):
            detail = reply if move.verb == "approve" else _detail(move)
            steps.append((move.at, PublicStep("done", clock.day(move.at), text, mask_text(detail))))
    steps += [
        (seen.at, PublicStep("reveal", clock.day(seen.at), _seen(seen), mask_text(str(seen.facts.get("reason", "")))))
        for seen in Audit.objects.filter(action=sight.REVEAL, subject=str(event_id))
    ]
    if told := admonition_of(event_id):
        assert told.ended_at is not None
        text = "主管部门就这条评价给您一则提醒"
        steps.append((told.ended_at, PublicStep("done", clock.day(told.ended_at), text, mask_text(told.text))))
    steps.sort(key=lambda step: step[0])
    return [step for _, step in steps] + _awaited(order)


def _text(move: Move, order: Order) -> str:
    """The step's public words; "" for what is between those who work on it."""
    shade = ""
    if move.verb == "uphold" and move.target == State.ARBITRATING:
        shade = ".not_ours"
    elif move.verb == "uphold" and order.objections and move.n == _last_ruling(order):
        shade = ".final"
    elif move.verb == "record" and move.facts.get("result") == "unreachable":
        shade = ".unreachable"
    elif move.verb == "unsatisfied" and move.target == State.CLOSED:
        shade = ".closed"
    return PUBLIC.get(move.verb + shade, "")


def _last_ruling(order: Order) -> int:
    """The number of the ruling that answered the rater's objection; 0 while there is none."""
    rulings = Move.objects.filter(order_id=order.pk, verb__in=("object", "uphold", "dismiss")).order_by("n")
    verbs = list(rulings.values_list("verb", "n"))
    return verbs[-1][1] if verbs and verbs[-1][0] != "object" else 0


def _detail(move: Move) -> str:
    told = {"uphold": "ruling", "dismiss": "ruling", "set_aside": "reason", "conclude": "text"}.get(move.verb)
    return str(move.facts.get(told) or "") if told else ""


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
            by=last_day(order.step_due),
            is_provisional=order.due_is_provisional,
            is_late=order.overdue_since is not None,
        )
    ]
