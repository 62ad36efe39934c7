"""What is entered for others: by which way, with which proof, who may, what is checked. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

from haochaping.accounts.rules import Role

if TYPE_CHECKING:
    from uuid import UUID

    from haochaping.accounts.rules import Actor

ENTERS = (Role.OPERATOR, Role.CITY, Role.SUPERVISOR)  # may enter what somebody else rated
CHECKS = (Role.CITY, Role.SUPERVISOR)  # may check what was entered
RATED = (Role.CLERK, Role.HANDLER)  # stand with those who are rated: never for others
PROOF_MOST = 64
NOTE_MOST = 200
_PROOF = re.compile(r"[0-9A-Za-z][0-9A-Za-z._/-]*")


class Way(StrEnum):
    """How a rating reached us that somebody entered."""

    TELEPHONE = "telephone"  # the citizen called 12345
    CALLBACK = "callback"  # given in the callback of another order
    CALLOUT = "callout"  # asked for in a satisfaction call
    PAPER = "paper"
    BOX = "box"
    EMAIL = "email"
    INSPECTION = "inspection"


WAY_NAMES = {
    Way.TELEPHONE: "来电评价",
    Way.CALLBACK: "工单回访",
    Way.CALLOUT: "满意度回访",
    Way.PAPER: "纸质评价表",
    Way.BOX: "意见箱",
    Way.EMAIL: "电子邮件",
    Way.INSPECTION: "监督查评",
}
PROOF_NAMES = {
    Way.TELEPHONE: "录音编号",
    Way.CALLBACK: "录音编号",
    Way.CALLOUT: "录音编号",
    Way.PAPER: "评价表编号",
    Way.BOX: "信件编号",
    Way.EMAIL: "邮件编号",
    Way.INSPECTION: "检查记录编号",
}
RECORDED = frozenset({Way.TELEPHONE, Way.CALLBACK, Way.CALLOUT})  # proved by a recording, whose form a setting says


class Verdict(StrEnum):
    """What a second person found between the proof and the entry."""

    MATCHES = "matches"
    DIFFERS = "differs"


VERDICT_NAMES = {Verdict.MATCHES: "一致", Verdict.DIFFERS: "不一致"}


def may_enter(actor: Actor, *, area: str, organ: str, window: str) -> bool:
    """Whether this person may enter ratings of that place for others: their job there, and not one of the rated."""
    here = actor.over(area=area, organ=organ, window=window)
    return actor.kind == "person" and here.has(*ENTERS) and not here.has(*RATED)


def is_drawn(event_id: UUID, share: float) -> bool:
    """Whether this entry is put up for a second person's check: a lot that its keyed id draws, foreseen by nobody."""
    return int.from_bytes(event_id.bytes[8:12]) < share * 2**32


def proof_of(way: Way, typed: str, recording: str) -> str | None:
    """The number of the proof as it is kept; None if it is none. `recording` is the form of a recording's number."""
    plain = re.sub(r"\s", "", typed)
    form = re.compile(recording) if way in RECORDED else _PROOF
    return plain if len(plain) <= PROOF_MOST and form.fullmatch(plain) else None
