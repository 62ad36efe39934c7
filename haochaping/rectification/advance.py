"""What the system does with orders by itself: everything that is due, each order in a transaction of its own.

Catch-up style: what a stopped worker missed is done at the next run, as of the moment it was due; doing it twice does
nothing; several runs at once share the work.
"""

from __future__ import annotations

import logging
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q

from haochaping.accounts.rules import SYSTEM
from haochaping.evaluation.queries import rulings, set_aside_otherwise
from haochaping.kit import clock
from haochaping.outbox.commands import tell
from haochaping.policy.queries import calendar, calendar_change, calendar_changes
from haochaping.rectification.effects import mark_late, rulebook
from haochaping.rectification.models import Order, OrderPart
from haochaping.rectification.moving import keep_up, move
from haochaping.rectification.rules import State, end_of, next_escalation, since_missed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

log = logging.getLogger(__name__)


def advance(now: datetime) -> dict[str, int]:
    """Reckon anew, sign, skip, mark as late and escalate whatever is due at `now`; how many orders each of these touched."""
    _pass_over()
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


def _reckon(order: Order, now: datetime) -> bool:
    """Working days changed: a year was announced, a typhoon came, a festival was put elsewhere."""
    return keep_up(order, rulebook(order), now)


def _announce(order: Order, now: datetime) -> bool:
    """A newer release brought a year's days along: limits that rested on them are final now."""
    return keep_up(order, rulebook(order), now, announced=True)


def _pass_over() -> None:
    """Orders whose limits no change concerns need not be looked at one by one."""
    last = calendar_change()
    stale = Order.objects.filter(_stale(last))
    first = stale.aggregate(first=Min("calendar_seen"))["first"]
    if first is None:
        return
    concerned = Q(pk__in=[])
    for change in calendar_changes(first):
        day = end_of(change.first_day) - timedelta(days=1)
        own = Q(order_id=OuterRef("pk"), done_at=None, due__gt=day)
        later = Q(step_due__gt=day) | Q(answer_due__gt=day) | Q(contact_due__gt=day) | Q(next_escalation__gt=day)
        concerned |= Q(rules_area__startswith=change.region) & (later | Q(Exists(OrderPart.objects.filter(own))))
    stale.exclude(concerned).update(calendar_seen=last)


def _stale(last: int) -> Q:
    return Q(closed_at=None, is_probe=False, calendar_seen__lt=last)


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
    "reckon": (lambda _: _stale(calendar_change()), _reckon),
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
