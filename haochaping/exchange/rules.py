"""Phases, states, waiting times and what the far side's words mean. Pure."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from haochaping.exchange.target import Sending, Target

TEXT_MOST = 300  # characters kept of what the far side says
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+")


class Phase(IntEnum):
    """What is told of a service event, in this order: the next only after the former was accepted."""

    SERVICE, EVALUATION, RECTIFICATION = 1, 2, 3

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def name_zh(self) -> str:
        return PHASE_NAMES[self]


PHASE_NAMES = {Phase.SERVICE: "办件服务", Phase.EVALUATION: "评价", Phase.RECTIFICATION: "差评整改"}


class State(StrEnum):
    WAITING = "waiting"  # 待上报: sent once `next_at` has come and what precedes it was accepted
    SENT = "sent"  # 上报中: claimed until `next_at`; the outcome is not known yet
    ACCEPTED = "accepted"  # 已接收
    FAILED = "failed"  # 上报失败: no answer for three days; goes on when the far side answers again, or by hand
    QUARANTINED = "quarantined"  # 质检隔离: a field is wrong; goes on when the record was corrected, or by hand

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]


STATE_NAMES = {
    State.WAITING: "待上报",
    State.SENT: "上报中",
    State.ACCEPTED: "已接收",
    State.FAILED: "上报失败",
    State.QUARANTINED: "质检隔离",
}


class Verdict(StrEnum):
    """What one answer means for one record."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # it is there already, from an attempt whose answer was lost: a success
    AGAIN = "again"
    NEEDS_SERVICE = "needs_service"
    NEEDS_EVALUATION = "needs_evaluation"
    REFUSED = "refused"

    @property
    def is_success(self) -> bool:
        return self in {Verdict.ACCEPTED, Verdict.DUPLICATE}


# Codes of our own for an envelope that brought no usable answer. A record with such a code goes on by itself once the far
# side answers again; one whose envelope failed three times goes alone, so that it cannot hold up others.
NO_ANSWER = ("timeout", "connection", "http_status", "unreadable", "envelope_refused", "not_mentioned")
ALONE_AFTER = 3


def judge(success: bool, code: str, message: str, target: Target) -> Verdict:
    """The meaning of the far side's answer to one record; its words count for more than its codes."""
    if success:
        return Verdict.ACCEPTED
    words = target.words
    for found, verdict in (
        (words.accepted, Verdict.DUPLICATE),
        (words.no_service, Verdict.NEEDS_SERVICE),
        (words.no_evaluation, Verdict.NEEDS_EVALUATION),
        (words.temporary, Verdict.AGAIN),
    ):
        if any(word in message for word in found):
            return verdict
    return Verdict.AGAIN if code in target.codes.temporary else Verdict.REFUSED


def wait_after(attempts: int, jitter: float, sending: Sending) -> timedelta:
    """How long to wait after the `attempts`-th failure: doubling, spread by `jitter` (0…1) over a third, never over the longest."""
    doubled = sending.first_wait_seconds * 2 ** min(attempts - 1, 20)
    return timedelta(seconds=min(doubled, sending.longest_wait_seconds * 3 / 4) * (1 + jitter / 3))


def pause_after(failures: int, sending: Sending) -> timedelta | None:
    """How long the circuit opens after so many envelopes in a row without an answer; None while it stays closed."""
    if failures < sending.circuit_after:
        return None
    doublings = min(failures - sending.circuit_after, 20)
    return timedelta(seconds=min(sending.circuit_seconds * 2**doublings, sending.circuit_longest_seconds))


def clean(text: str) -> str:
    """What a stranger wrote, fit to be stored and shown: no control or direction characters, persons masked, short."""
    return mask_text(_UNPRINTABLE.sub(" ", text[: TEXT_MOST * 4])).strip()[:TEXT_MOST]
