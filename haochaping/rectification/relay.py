"""平台转接: what those who work on an order and its rater say to each other, neither knowing who the other is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

from haochaping.evaluation.queries import number_of_rater
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.masks import has_number
from haochaping.messaging.rules import sendable
from haochaping.rectification import sight, veil
from haochaping.rectification.models import MoveWords, RelayMessage
from haochaping.rectification.rules import State
from haochaping.rectification.texts import text_rater
from haochaping.rectification.workflow import PART_NAMES, Part

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.policy.rules import Policy
    from haochaping.rectification.models import Move, Order

STATES = frozenset({State.VERIFYING, State.RECTIFYING})  # in which one may write to the rater
ASKS_WHO = re.compile("姓名|身份证|电话|手机号")
NO_NUMBERS = "留言里不要写或索要电话、姓名和证件号码；需要联系请经12345"


@dataclass(frozen=True)
class Said:
    """One message, as somebody may read it."""

    by: str  # handler | operator | citizen
    who: str
    text: str  # "" once its rater took their words back
    day: date
    at: datetime | None  # None: only the day is for these eyes

    @property
    def is_raters(self) -> bool:
        return self.by == Part.CITIZEN


def said(order: Order, actor: Actor) -> list[Said]:
    """The exchange, oldest first: masked for everybody, the rater's by the day for all who may not see the case (design §1.3).

    Only for whom the order stands open as a whole.
    """
    if sight.view_of(order, actor) is not sight.View.WHOLE:
        return []
    sees_case = sight.may_see_case(order, actor)
    return [
        Said(
            row.by,
            PART_NAMES[Part(row.by)],
            veil.masked(order, row.text, of_staff=row.by != Part.CITIZEN),
            clock.day(row.at),
            None if row.by == Part.CITIZEN and not sees_case else row.at,
        )
        for row in _rows(order.pk)
    ]


def said_to_rater(order_id: UUID) -> list[Said]:
    """The exchange as the rater reads it: whole, their own words as they wrote them, by the day."""
    return [
        Said(row.by, "您" if row.by == Part.CITIZEN else PART_NAMES[Part(row.by)], row.text, clock.day(row.at), None)
        for row in _rows(order_id)
    ]


def _rows(order_id: UUID) -> list[RelayMessage]:
    return list(RelayMessage.objects.filter(order_id=order_id).order_by("n"))


def reaches(order_id: UUID) -> bool:
    """Whether the platform can tell the rater that a message waits."""
    return sendable(number_of_rater(order_id)) is not None


def pass_on(order: Order, move: Move, policy: Policy) -> None:
    """Keep what a move says, apart from the history that nobody can change; tell the rater once by SMS that it waits.

    The SMS names neither item nor organ: whoever looks at the telephone learns nothing. Not at night, not where the number
    said stop. Refused 422 where somebody at work writes a number or asks who the rater is: that is what 12345 is for.
    """
    if move.by != Part.CITIZEN and (has_number(move.facts["text"]) or ASKS_WHO.search(move.facts["text"])):
        raise Refused(
            "facts_refused", 422, f"{NO_NUMBERS}。", (FieldError("text", "names_somebody", f"{NO_NUMBERS}。"),)
        )
    n = RelayMessage.objects.filter(order_id=order.pk).count() + 1
    RelayMessage.objects.create(order_id=order.pk, n=n, by=move.by, text=move.facts.pop("text"), at=move.at)
    if move.by != Part.CITIZEN:
        said = f"您的一条评价有新的留言，请登录 {settings.PUBLIC_URL}/my 查看和回复，对方看不到您的姓名和号码。"
        text_rater(order, said, policy, key=f"relay:{order.pk}:{n}", now=move.at)


def keep_apart(order: Order, move: Move) -> None:
    """Take the rater's reason out of the history that nobody can change; that there was one stays."""
    MoveWords.objects.create(order_id=order.pk, n=move.n, text=move.facts["reason"])
    move.facts["reason"] = True


def reasons_of(order_ids: Iterable[UUID]) -> dict[tuple[UUID, int], str]:
    """What raters said with their moves, "" where they took it back, by order and number of the move. Mask before showing."""
    rows = MoveWords.objects.filter(order_id__in=list(order_ids))
    return {(row.order_id, row.n): row.text for row in rows}


def forget_said(order_id: UUID) -> None:
    """Erase what the rater wrote, at their wish; that they answered stays. Call it in the transaction of the erasure."""
    MoveWords.objects.filter(order_id=order_id).update(text="")
    RelayMessage.objects.filter(order_id=order_id, by=Part.CITIZEN).update(text="")
