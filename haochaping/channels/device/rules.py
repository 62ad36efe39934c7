"""Devices at the window: codes, states, the clock of a tablet that was offline, what a batch of taps says. Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.ids import CROCKFORD

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE_LENGTH = 10  # 50 bits, one-time, a day at most, and misses are limited
CODE_LIFE = timedelta(days=1)
ONLINE_WITHIN = timedelta(minutes=3)
TAPS_MOST = 500  # of one batch
TAP_SECONDS, REASON_SECONDS, THANKS_SECONDS = 30, 60, 3
STEADY = timedelta(seconds=5)  # a clock this near to ours is right
CLOSE_TO_SERVICE = timedelta(minutes=5)  # by so much the business system's clock may be ahead of ours
_LOOKALIKES = str.maketrans("OILU", "011V")


class Kind(StrEnum):
    TABLET = "tablet"  # 窗口评价器
    KIOSK = "kiosk"  # 自助终端


KIND_NAMES = {Kind.TABLET: "窗口评价器", Kind.KIOSK: "自助终端"}


class State(StrEnum):
    WAITING = "waiting"  # made, its code not typed in yet
    EXPIRED = "expired"  # its code never was
    ONLINE = "online"
    OFFLINE = "offline"
    REVOKED = "revoked"


STATE_NAMES = {
    State.WAITING: "待注册",
    State.EXPIRED: "注册码已过期",
    State.ONLINE: "在线",
    State.OFFLINE: "离线",
    State.REVOKED: "已停用",
}


def state(
    *,
    now: datetime,
    enrolled_at: datetime | None,
    code_expires_at: datetime | None,
    revoked_at: datetime | None,
    last_seen_at: datetime | None,
) -> State:
    if revoked_at is not None:
        return State.REVOKED
    if enrolled_at is None:
        return State.WAITING if code_expires_at is not None and now < code_expires_at else State.EXPIRED
    return State.ONLINE if last_seen_at is not None and now - last_seen_at < ONLINE_WITHIN else State.OFFLINE


def new_code() -> str:
    return _random(CODE_LENGTH)


def new_id() -> str:
    """The public name of a device, in its address."""
    return "D" + _random(8)


def _random(length: int) -> str:
    return "".join(secrets.choice(CROCKFORD) for _ in range(length))


def code_of(typed: str) -> str | None:
    """A code as somebody typed it, without spaces and dashes, O read as 0 and I, L as 1; None if it is none."""
    plain = re.sub(r"[\s\-－—]", "", typed).upper().translate(_LOOKALIKES)
    return plain if re.fullmatch(f"[{CROCKFORD}]{{{CODE_LENGTH}}}", plain) else None


def in_halves(code: str) -> str:
    return f"{code[:5]}-{code[5:]}"


@dataclass(frozen=True)
class Tap:
    """One thing that happened at a tablet: a level was tapped, or nobody did (`level` is None)."""

    uuid: UUID
    at: datetime  # by our clock
    level: int | None
    tags: tuple[str, ...] = ()
    project_no: str = ""  # "" with a level: a visit without a case
    service_number: int = 1
    device: str = ""  # that it was tapped at, where the tablet has been enrolled anew since


def true_time(tapped_ms: int, sent_ms: int, now: datetime) -> datetime:
    """When it was tapped, by our clock: the tablet's own clock says only how long ago that was when it sent.

    A clock that agrees with ours is taken at its word. Never later than now.
    """
    try:
        skew = now - datetime.fromtimestamp(sent_ms / 1000, UTC)
        tapped = datetime.fromtimestamp(tapped_ms / 1000, UTC)
        moved = tapped if abs(skew) <= STEADY else tapped + skew
    except (OverflowError, ValueError, OSError):
        raise _wrong("tappedAt", "tappedAt 应为毫秒时间戳。") from None
    return min(moved, now)


def uuid_of(record: Any) -> UUID | None:
    """The name that the tablet gave it, if it is one."""
    given = record.get("uuid") if isinstance(record, dict) else None
    if not isinstance(given, str) or not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", given):
        return None
    return UUID(given)


def read_tap(record: Any, sent_ms: int, now: datetime) -> Tap:
    """A line of the batch; Refused (422) says what is wrong with it."""
    uuid = uuid_of(record)
    if uuid is None:
        raise _wrong("uuid", "缺少 uuid。")
    tapped = record.get("tappedAt")
    if isinstance(tapped, bool) or not isinstance(tapped, int):
        raise _wrong("tappedAt", "tappedAt 应为毫秒时间戳。")
    at = true_time(tapped, sent_ms, now)
    level = record.get("level")
    if level is not None and (isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5):
        raise _wrong("level", "level 应为 1 至 5 的整数，无人评价时不填。")
    tags = record.get("tags") or []
    if not isinstance(tags, list) or len(tags) > 40 or not all(isinstance(t, str) and len(t) <= 8 for t in tags):
        raise _wrong("tags", "tags 应为指标编码的数组。")
    project_no, number = _case(record)
    device = record.get("device")
    made_at = device if isinstance(device, str) and re.fullmatch("[0-9A-Z]{1,12}", device) else ""
    return Tap(uuid, at, level, tuple(dict.fromkeys(tags)), project_no, number, made_at)


def _case(record: Mapping[str, Any]) -> tuple[str, int]:
    project_no, number = record.get("projectNo") or "", record.get("serviceNumber", 1)
    if not isinstance(project_no, str) or len(project_no) > 100 or "\x00" in project_no:
        raise _wrong("projectNo", "projectNo 应为不超过 100 个字符的文本。")
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 99:
        raise _wrong("serviceNumber", "serviceNumber 应为 1 至 99 的整数。")
    return project_no.strip(), number


def _wrong(field: str, message: str) -> Refused:
    return Refused("malformed", 422, message, (FieldError(field, "malformed", message),))
