"""What time itself brings: a new order is told, a limit nears, a limit has passed; and the SMS to those who have not looked.

Catch-up style, set-wise: whatever a stopped worker missed is told once at the next run, and only what still holds.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction

from haochaping.accounts.queries import phones_of
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging import commands as messaging
from haochaping.messaging import notices as told
from haochaping.messaging.rules import Kind, NoticeKind, sendable
from haochaping.policy.queries import calendar, policy_at
from haochaping.policy.rules import STEP_NAMES, Step
from haochaping.rectification import audience, rules
from haochaping.rectification.effects import is_owed, plan_reminder, rulebook, share_reminder
from haochaping.rectification.models import Move, Order, OrderPart
from haochaping.rectification.notices import finder, lines, listeners, of_move, of_share
from haochaping.rectification.rules import STEP_OF, State

if TYPE_CHECKING:
    from datetime import datetime, time
    from uuid import UUID

    from haochaping.messaging.notices import Told, Waiting
    from haochaping.rectification.notices import Finder

log = logging.getLogger(__name__)
AFTER_A_FAULT = timedelta(hours=1)
TOGETHER = 200  # orders in one transaction


def remind(now: datetime) -> int:
    """Tell of every order and share whose moment has come; how many of them there were."""
    find, done = finder(), 0
    while ids := _due(now):
        with transaction.atomic():
            orders = Order.objects.select_for_update(skip_locked=True).filter(pk__in=ids, remind_at__lte=now)
            found = list(orders)
            told.notify([line for order in found for line in _of_order(order, now, find)], now=now)
            Order.objects.bulk_update(found, ["remind_at"])
        done += len(found)
        if len(found) < len(ids):  # another run has them
            break
    return done + _remind_shares(now, find)


def _due(now: datetime) -> list[UUID]:
    due = Order.objects.filter(remind_at__lte=now, is_probe=False)
    return list(due.order_by("remind_at").values_list("pk", flat=True)[:TOGETHER])


def _of_order(order: Order, now: datetime, find: Finder) -> list[Told]:
    """What is to be said of it now; notes when the next thing will be."""
    try:
        rules_ = rulebook(order)
    except Refused:  # one without a pack must not keep the others waiting
        log.exception("rectification.remind failed", extra={"order": str(order.pk)})
        order.remind_at = now + AFTER_A_FAULT
        return []
    said: list[Told] = []
    if order.step_since == order.opened_at:  # still where it was opened
        opening = Move(order_id=order.pk, n=1, verb="open", target=order.state, actor_kind="system", at=now)
        said += of_move(order, opening, audience.OF_MOVES["open"], find)
    for name, due in _limits(order).items():
        if due is None:
            continue
        if due <= now:
            hears = audience.LATE
        elif share_reminder(due, rules_) <= now:
            hears = audience.NEAR
        else:
            continue
        words = f"{name}{hears.words}（{rules.last_moment(due)}）"
        key = f"{order.pk.hex}:{hears.kind}:{name}:{due:%Y%m%d%H}"
        said += lines(order, hears, listeners(order, hears.ears, find), key, words)
    plan_reminder(order, rules_, after=now)
    return said


def _limits(order: Order) -> dict[str, datetime | None]:
    """Each limit that binds, by its name, once where step and answer end together."""
    step = STEP_OF.get(State(order.state))
    found = {STEP_NAMES[step]: order.step_due} if step else {}
    if is_owed(order) and order.answer_due != order.step_due:
        found["答复"] = order.answer_due
    if order.state == State.VERIFYING and order.contacted_at is None:
        found[STEP_NAMES[Step.CONTACT]] = order.contact_due
    return found


def _remind_shares(now: datetime, find: Finder) -> int:
    """The same for co-units and their own limits; an order that has ended asks nobody any more."""
    with transaction.atomic():
        parts = list(OrderPart.objects.select_for_update(skip_locked=True).filter(done_at=None, remind_at__lte=now))
        orders = Order.objects.filter(pk__in={part.order_id for part in parts}, closed_at=None).in_bulk()
        said: list[Told] = []
        for part in parts:
            order = orders.get(part.order_id)
            is_late = part.due <= now
            if order is not None:
                hears = audience.SHARE_LATE if is_late else audience.SHARE_NEAR
                people = of_share(part, find)
                if is_late:
                    people |= listeners(order, [ear for ear in hears.ears if ear is not audience.Ear.CO_UNITS], find)
                key = f"{order.pk.hex}:{hears.kind}:part{part.n}:{part.due:%Y%m%d%H}"
                words = f"{hears.words}（{part.organ_name}，{rules.last_moment(part.due)}）"
                said += lines(order, hears, people, key, words)
            OrderPart.objects.filter(order_id=part.order_id, n=part.n).update(remind_at=None if is_late else part.due)
        told.notify(said, now=now)
    return len(parts)


NEW = (NoticeKind.TASK, NoticeKind.ASKED)
PASSED = (NoticeKind.LATE, NoticeKind.RAISED)


def text_staff(now: datetime) -> int:
    """One SMS for each person and working half-day that says how much is new, near or late; how many were put into the queue.

    Only in the working hours of the place: what falls outside waits for the next working half-day, and so does what comes
    after the half-day's one SMS. Who has looked, has no mobile, or wants none of a kind, gets none.
    """
    halves = [(waiting, half) for waiting in told.waiting() if (half := _half(waiting.area, now))]
    had = messaging.sent_before(_key(waiting, name) for waiting, (name, _) in halves)
    open_now = [(waiting, name, end) for waiting, (name, end) in halves if _key(waiting, name) not in had]
    numbers, sent = phones_of(waiting.recipient for waiting, _, _ in open_now), 0
    for waiting, name, end in open_now:
        mobile, words = sendable(numbers.get(waiting.recipient, "")), counted(waiting)
        with transaction.atomic():
            if mobile is not None and words:
                sent += messaging.send(
                    kind=Kind.NOTICE,
                    mobile=mobile,
                    text=f"【{_signature(waiting.area, now)}】您有{words}，请登录 {settings.PUBLIC_URL}/console/ 办理。",
                    key=_key(waiting, name),
                    now=now,
                    not_after=end,
                    area=waiting.area,
                )
            told.mark_texted(waiting)
    return sent


def _key(waiting: Waiting, half: str) -> str:
    return f"staff:{waiting.recipient}:{half}"


def counted(waiting: Waiting) -> str:
    """2件新任务、1件即将到期; "" where nothing of it calls for a message."""
    sums = (
        (sum(waiting.counts.get(kind, 0) for kind in NEW), "件新任务"),
        (waiting.counts.get(NoticeKind.DUE, 0), "件即将到期"),
        (sum(waiting.counts.get(kind, 0) for kind in PASSED), "件超期"),
    )
    return "、".join(f"{n}{name}" for n, name in sums if n)


def _half(area: str, now: datetime) -> tuple[str, datetime] | None:
    """The working half-day of that place that `now` lies in, and its end; None outside of working hours."""
    there = now.astimezone(clock.CHINA)
    if not calendar(area).is_workday(there.date()):
        return None
    try:
        halves = policy_at(area, there.date()).hours.halves
    except Refused:  # no pack: nobody has said when people work there
        return None
    for name, (begin, end) in zip("ap", halves, strict=True):
        if begin <= there.time() < end:
            return f"{there.date():%Y%m%d}{name}", _at(there, end)
    return None


def _at(there: datetime, end: time) -> datetime:
    return there.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0)


def _signature(area: str, now: datetime) -> str:
    return policy_at(area, clock.day(now)).invitation.signature
