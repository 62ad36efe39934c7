"""短信 to the rater: that there is news of their rating, and where to look. Never what it is about, whom it concerns or how it went."""

from __future__ import annotations

from datetime import time, timedelta
from typing import TYPE_CHECKING

from django.conf import settings

from haochaping.evaluation.queries import number_of_rater
from haochaping.kit import clock
from haochaping.messaging import commands as messaging
from haochaping.messaging.rules import Kind, sendable
from haochaping.rectification import rules
from haochaping.rectification.rules import State
from haochaping.rectification.workflow import Part

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.policy.rules import Policy
    from haochaping.rectification.effects import Rulebook
    from haochaping.rectification.models import Move, Order

NOTICE_LIVES = timedelta(days=7)  # whoever was not told by then logs in by another way or is called


def text_rater(order: Order, said: str, policy: Policy, *, key: str, now: datetime) -> bool:
    """Put one SMS to the rater into the queue; False where they left no mobile, took it back, or want none. Not at night."""
    mobile = sendable(number_of_rater(order.pk))
    if mobile is None or order.is_probe:
        return False
    ask = policy.invitation
    return messaging.send(
        kind=Kind.NOTICE,
        mobile=mobile,
        text=f"【{ask.signature}】{said}不想再收到请回复{ask.stop_word}",
        key=key,
        now=now,
        not_after=now + NOTICE_LIVES,
        quiet=(time.fromisoformat(ask.quiet_from), time.fromisoformat(ask.quiet_to)),
        event_id=order.pk,
        area=order.area_path,
    )


def tell_rater(order: Order, move: Move, rules_: Rulebook) -> None:
    """After a move that the rater waits for: answered, set aside, taken up again, ended. Not what they did themselves."""
    is_news = move.verb in {"approve", "reopen"} or _has_ended(move)
    if not is_news or move.by == Part.CITIZEN:
        return
    where = f"请登录 {settings.PUBLIC_URL}/my 查看。"
    text_rater(
        order, f"您的评价有新进展，{_objection(order, move, rules_)}{where}", rules_.policy, key=_key(move), now=move.at
    )


def _has_ended(move: Move) -> bool:
    return move.target in {State.CLOSED, State.VOIDED} and move.source != move.target


def _key(move: Move) -> str:
    return f"progress:{move.order_id}:{move.n}"


def _objection(order: Order, move: Move, rules_: Rulebook) -> str:
    """By when the rater may object, once, where the rating was set aside; "" where they may not."""
    appeal = rules_.policy.appeal
    if move.target != State.VOIDED or order.objections >= appeal.objections:
        return ""
    last = clock.day(rules.since_missed(rules.over(move.at, appeal.objection_within.term, rules_.calendar).at))
    return f"如有异议，可在{last.month}月{last.day}日24时前提出一次，"
