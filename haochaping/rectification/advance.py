"""What the system does with orders by itself: everything that is due, each order in a transaction of its own.

Catch-up style: what a stopped worker missed is done at the next run, as of the moment it was due; doing it twice does
nothing; several runs at once share the work.
"""

from __future__ import annotations

import logging
from datetime import date
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from haochaping.accounts.rules import SYSTEM
from haochaping.evaluation.queries import rulings, set_aside_otherwise
from haochaping.kit import clock
from haochaping.outbox.commands import tell
from haochaping.policy.queries import calendar
from haochaping.rectification.effects import mark_late, rulebook, set_clocks
from haochaping.rectification.models import Order, OrderPart
from haochaping.rectification.moving import move
from haochaping.rectification.rules import State, end_of, next_escalation, since_missed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

log = logging.getLogger(__name__)


def advance(now: datetime) -> dict[str, int]:
    """Sign, skip, announce, mark as late and escalate whatever is due at `now`; how many orders each of these touched."""
    return {duty: _each(duty, due(now), act, now) for duty, (due, act) in DUTIES.items()}


def _each(duty: str, due: Q, act: Callable[[Order, datetime], bool], now: datetime) -> int:
    """`act` on every order that is due, locked, if it still is. What fails for one is logged and does not stop the others.

    Orders of probes stay as they are: nobody works on them, and nobody is late with them.
    """
    done = 0
    for order_id in list(
        Order.objects.filter(due, is_probe=False).order_by("dispatched_at", "id").values_list("pk", flat=True)
    ):
        try:
            with transaction.atomic():
                order = Order.objects.select_for_update(skip_locked=True).filter(due, pk=order_id).first()
                done += order is not None and act(order, now)
        except Exception:
            log.exception("rectification.advance failed", extra={"duty": duty, "order": str(order_id)})
    return done


def _auto_sign(order: Order, now: datetime) -> bool:
    """The next clock starts where the sign limit ended: nobody stops it by not signing (design §1.4)."""
    assert order.step_due is not None
    move(order, "auto_sign", SYSTEM, {}, now=now, since=since_missed(order.step_due))
    return True


def _skip(order: Order, now: datetime) -> bool:
    """Until now the rater could have spoken; nobody need call."""
    move(order, "skip", SYSTEM, {}, now=now)
    return True


def _announce(order: Order, now: datetime) -> bool:
    """A year's days were announced: limits that rested on them are final now, and the history says what they were."""
    before = (order.answer_due, order.step_due)
    set_clocks(order, rulebook(order), anew=True)
    if order.due_is_provisional and before == (order.answer_due, order.step_due):
        return False
    text = "工作日安排已公布，" + _changed("答复期限", before[0], order.answer_due)
    if before[1] != before[0] or order.step_due != order.answer_due:
        text += "，" + _changed("本步期限", before[1], order.step_due)
    move(order, "note", SYSTEM, {"text": text + "。"}, now=now)
    return True


def _changed(name: str, old: datetime | None, new: datetime | None) -> str:
    return f"{name}{_day(old)}{'不变' if old == new else '改为' + _day(new)}"


def _day(moment: datetime | None) -> str:
    return f"{clock.day(since_missed(moment)):%Y-%m-%d}" if moment else "（无）"


def _mark_late(order: Order, now: datetime) -> bool:
    if not mark_late(order, now, rulebook(order)):
        return False
    order.save(force_update=True)
    tell([(order.id, "order", order.dispatch_day)], now=now, topics=("lake",))
    return True


def _escalate(order: Order, now: datetime) -> bool:
    """One step of the policy after the other, all that are due."""
    rules_ = rulebook(order)
    while order.overdue_since is not None and order.next_escalation is not None and order.next_escalation <= now:
        step = next_escalation(order.overdue_since, order.escalated, rules_.policy, rules_.calendar)
        assert step is not None
        move(order, "escalate", SYSTEM, {"to": step[1]}, now=now)
    return True


def _report_parts(order: Order, now: datetime) -> bool:
    """Co-units that let their own limit pass go before the supervisor, once; the lead's clock is another matter."""
    late = OrderPart.objects.filter(order_id=order.pk, done_at=None, reported_at=None, due__lte=now)
    names = "、".join(late.order_by("n").values_list("organ_name", flat=True))
    move(order, "note", SYSTEM, {"text": f"{names}超过协办期限未提交协办情况，已提请督办。"}, now=now)
    late.update(reported_at=now)
    return True


def _set_aside(order: Order, now: datetime) -> bool:
    """The rating left the figures otherwise than by an appeal (an entry that differs, a void batch): nobody need answer it."""
    move(order, "set_aside", SYSTEM, {"reason": rulings(order.pk)[-1].reason}, now=now)
    return True


def _restore(order: Order, now: datetime) -> bool:
    move(order, "restore", SYSTEM, {"reason": rulings(order.pk)[-1].reason}, now=now)
    return True


def _archive(order: Order, now: datetime) -> bool:
    """The time to take it up again is over."""
    move(order, "archive", SYSTEM, {}, now=now)
    return True


def _settled(now: datetime) -> Q:
    """Provisional limits that lie before the first day that an announcement may still move."""
    year = clock.day(now).year
    while calendar().knows(year):
        year += 1
    moot = end_of(date(year - 1, 12, 24))
    return Q(due_is_provisional=True, step_due__lte=moot) & (Q(answered_at__isnull=False) | Q(answer_due__lte=moot))


def late_parts(now: datetime, *, is_new: bool = False) -> Q:
    """Orders of which a co-unit owes its share beyond its limit; `is_new`: and nobody has been told yet."""
    late = OrderPart.objects.filter(order_id=OuterRef("pk"), done_at=None, due__lte=now)
    return Q(Exists(late.filter(reported_at=None) if is_new else late))


def _open(*states: State) -> Q:
    return Q(state__in=states or [state for state in State if state.is_open])


DUTIES: dict[str, tuple[Callable[[datetime], Q], Callable[[Order, datetime], bool]]] = {
    "announce": (lambda now: _open() & _settled(now), _announce),
    "auto_sign": (lambda now: _open(State.DISPATCHED) & Q(step_due__lte=now), _auto_sign),
    "skip": (
        lambda now: _open(State.CALLBACK) & Q(step_due__lte=now, real_name=False, sampled=False),
        _skip,
    ),
    "late": (
        lambda now: (
            _open()
            & Q(overdue_since=None)
            & (
                Q(step_due__lte=now)
                | Q(answered_at=None, answer_due__lte=now)
                | Q(state=State.VERIFYING, contacted_at=None, contact_due__lte=now)
            )
        ),
        _mark_late,
    ),
    "escalate": (lambda now: _open() & Q(next_escalation__lte=now), _escalate),
    "parts": (lambda now: _open() & late_parts(now, is_new=True), _report_parts),
    "set_aside": (lambda _: _open() & ~Q(state=State.APPEALING) & Q(set_aside_otherwise()), _set_aside),
    "restore": (lambda _: Q(state=State.VOIDED, set_aside=True) & ~Q(set_aside_otherwise()), _restore),
    "archive": (lambda now: Q(archived_at=None, archive_due__lte=now), _archive),
}
