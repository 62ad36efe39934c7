"""Which unrated services are called about, and how a call-out goes. Pure."""

from __future__ import annotations

from datetime import time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from haochaping.kit.clock import CHINA

if TYPE_CHECKING:
    from datetime import datetime

HELD_FOR = timedelta(minutes=15)  # how long one person keeps a call to themselves without ending it
AGAIN_AFTER = timedelta(hours=3)  # until who did not answer is called again
LOOKS_BACK = 30  # days of services that are drawn from: nothing is open for rating longer


class CallState(StrEnum):
    """How a call-out stands."""

    WAITING = "waiting"
    RATED = "rated"
    REFUSED = "refused"
    DO_NOT_CALL = "do_not_call"
    WRONG_NUMBER = "wrong_number"
    UNREACHED = "unreached"  # as often as the policy says
    EXPIRED = "expired"  # its rating window is over
    ELSEWHERE = "elsewhere"  # rated meanwhile through another channel
    WITHDRAWN = "withdrawn"  # said meanwhile that they are not to be called


CALL_STATE_NAMES = {
    CallState.WAITING: "待拨打",
    CallState.RATED: "电话评价",
    CallState.REFUSED: "不愿评价",
    CallState.DO_NOT_CALL: "要求不再拨打",
    CallState.WRONG_NUMBER: "号码有误",
    CallState.UNREACHED: "多次未接通",
    CallState.EXPIRED: "评价期已过",
    CallState.ELSEWHERE: "已从其他渠道评价",
    CallState.WITHDRAWN: "此前已拒绝来电",
}


class CallResult(StrEnum):
    """How one call ended."""

    RATED = "rated"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"
    WRONG_NUMBER = "wrong_number"
    DO_NOT_CALL = "do_not_call"


CALL_RESULT_NAMES = {
    CallResult.RATED: "已评价",
    CallResult.NO_ANSWER: "无人接听，或不便接听",
    CallResult.REFUSED: "不愿评价",
    CallResult.WRONG_NUMBER: "号码有误，不是办件人",
    CallResult.DO_NOT_CALL: "要求以后不再拨打",
}


def after_call(result: CallResult, *, tries: int, most: int) -> CallState:
    """How a call-out stands after its `tries`-th call."""
    if result is CallResult.NO_ANSWER:
        return CallState.UNREACHED if tries >= most else CallState.WAITING
    return CallState(result)


def drawn_below(share: float) -> UUID:
    """Services whose keyed id lies below this are drawn: a fixed lot of that share, which nobody can foresee or choose."""
    return UUID(int=min(int(share * 2**128), 2**128 - 1))


def is_calling_hour(now: datetime, hours: tuple[time, time]) -> bool:
    """Whether people may be called at home now: from the first of `hours` until before the second, in China."""
    return hours[0] <= now.astimezone(CHINA).time() < hours[1]
