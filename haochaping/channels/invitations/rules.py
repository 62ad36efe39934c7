"""When somebody is asked, when they are left alone, and in which words. Pure."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from haochaping.kit import clock
from haochaping.kit.workdays import deadline
from haochaping.messaging.rules import awake

if TYPE_CHECKING:
    from haochaping.kit.workdays import Calendar, Term
    from haochaping.policy.pack import Invitation

TOO_LATE = timedelta(days=3)  # a record that lay about so long before we saw it: whoever was served has gone on
ITEM_MOST = 24  # characters of the item's name in a message
PF_SMS = 7


class Step(StrEnum):
    """What comes next."""

    INVITE = "invite"
    REMIND = "remind"
    OVER = "over"


class Outcome(StrEnum):
    """Why it is over."""

    ASKED = "asked"
    RATED = "rated"
    CLOSED = "closed"  # the window to rate is over, or too little of it is left
    STOPPED = "stopped"  # 退订
    NO_NUMBER = "no_number"
    GONE = "gone"  # the service event or its applicant is no longer there


def night(ask: Invitation) -> tuple[time, time]:
    return time.fromisoformat(ask.quiet_from), time.fromisoformat(ask.quiet_to)


def first_at(received: datetime, now: datetime, ask: Invitation, calendar: Calendar) -> datetime:
    """When to invite: `delay` after the record came, not in the past, not at night."""
    return awake(max(now, deadline(received, ask.delay.term, calendar).at), *night(ask))


def reminder_at(invited: datetime, term: Term, ask: Invitation, calendar: Calendar) -> datetime:
    """When to remind: so many working days (or days) later at the same hour of the day, or so many hours or halves; not at night."""
    if term.unit in {"hour", "halfday"}:
        return awake(deadline(invited, term, calendar).at, *night(ask))
    there = invited.astimezone(clock.CHINA)
    day = (
        calendar.add_workdays(there.date(), term.n) if term.unit == "workday" else there.date() + timedelta(days=term.n)
    )
    return awake(datetime.combine(day, there.timetz()).astimezone(invited.tzinfo), *night(ask))


def next_morning(now: datetime, ask: Invitation) -> datetime:
    """When the night after `now` ends: the day's messages to one number are used up."""
    there = now.astimezone(clock.CHINA)
    evening = datetime.combine(there.date(), time(23, 59), clock.CHINA)
    return awake(evening, *night(ask)).astimezone(now.tzinfo)


def text(ask: Invitation, *, day: datetime, item: str, is_issue: bool, closes: datetime, url: str, again: bool) -> str:
    """The message: who speaks, what it is about, until when, how to be left alone. It never asks for praise."""
    what = f"“{item if len(item) <= ITEM_MOST else item[: ITEM_MOST - 1] + '…'}”" if item else "的事项"
    there, last = day.astimezone(clock.CHINA), clock.day(closes - timedelta(microseconds=1))
    done = "已办结" if is_issue else "已受理"
    begin = "提醒：" if again else ""
    return (
        f"【{ask.signature}】{begin}您{there.month}月{there.day}日办理{what}{done}，请按实际感受评价本次服务："
        f"{url} （{last.month}月{last.day}日24点前有效）。不想再收到请回复{ask.stop_word}"
    )
