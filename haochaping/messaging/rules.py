"""Kinds and states of a message, when it may go, how often it is tried, what a stop is. Pure: no database, no clock."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, time, timedelta
from enum import StrEnum

from haochaping.kit.blobs import normal
from haochaping.kit.clock import CHINA
from haochaping.kit.errors import FieldError, Refused

TEXT_MOST = 500
TRIES = 48  # security.md R9: every 300 s for four hours, then it has failed and is shown
TRY_EVERY = timedelta(seconds=300)
CODE_LIVES = timedelta(minutes=5)
CODE_TRY_EVERY = timedelta(seconds=10)
LEASE = timedelta(seconds=60)  # longer than asking and sending may take together
POLLS = (timedelta(minutes=10), timedelta(hours=2), timedelta(hours=24))  # after sending, while no receipt came
CIRCUIT_AFTER, CIRCUIT_PAUSE = 3, timedelta(seconds=60)  # runs in a row that nobody answered

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_SIGNED = re.compile(r"【[^\s【】]{2,16}】\S")
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
STOP_WORDS = ("TD", "T", "N", "R", "STOP", "退订", "拒收", "取消")
_STOP = re.compile(r"(TD|T|N|R|STOP)?(退订|拒收|取消|不要再发)?(了|谢谢)?")
_CODE = re.compile(r"[a-z0-9_]{1,40}")


class Kind(StrEnum):
    CODE = "code"  # 验证码
    INVITATION = "invitation"  # 邀评
    REMINDER = "reminder"  # 提醒
    NOTICE = "notice"  # 通知

    @property
    def name_zh(self) -> str:
        return KIND_NAMES[self]


ASKING = (Kind.INVITATION, Kind.REMINDER)  # pointless once the service is rated
KIND_NAMES = {Kind.CODE: "验证码", Kind.INVITATION: "邀评", Kind.REMINDER: "提醒", Kind.NOTICE: "通知"}


class NoticeKind(StrEnum):
    """What somebody at work is told in the console, and by SMS unless they switched that off."""

    TASK = "task"  # 新任务: it is theirs to act now
    DUE = "due"  # 即将到期
    LATE = "late"  # 超期
    RAISED = "raised"  # 超期上报
    ASKED = "asked"  # 督办事项: urged, instructed, joined, asked for a statement
    NEWS = "news"  # 办理进展: nothing to be done

    @property
    def name_zh(self) -> str:
        return NOTICE_NAMES[self]


NOTICE_NAMES = {
    NoticeKind.TASK: "新任务",
    NoticeKind.DUE: "即将到期",
    NoticeKind.LATE: "超期",
    NoticeKind.RAISED: "超期上报",
    NoticeKind.ASKED: "督办事项",
    NoticeKind.NEWS: "办理进展",
}
NOTICES_KEPT = timedelta(days=90)


class State(StrEnum):
    QUEUED = "queued"  # 待发送
    SENDING = "sending"  # 发送中: claimed until `next_at`; afterwards the outcome is unknown
    UNKNOWN = "unknown"  # 待核实: perhaps the gateway has it; it is asked before anything is sent again
    SENT = "sent"  # 已提交: the gateway took it in; the receipt is awaited
    DELIVERED = "delivered"  # 已送达
    FAILED = "failed"  # 发送失败
    SUPPRESSED = "suppressed"  # 未发送: stopped, or no longer wanted, before it went

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]

    @property
    def is_open(self) -> bool:
        return self in OPEN_STATES


STATE_NAMES = {
    State.QUEUED: "待发送",
    State.SENDING: "发送中",
    State.UNKNOWN: "待核实",
    State.SENT: "已提交",
    State.DELIVERED: "已送达",
    State.FAILED: "发送失败",
    State.SUPPRESSED: "未发送",
}
OPEN_STATES = (State.QUEUED, State.SENDING, State.UNKNOWN)
UNCERTAIN = (State.SENDING, State.UNKNOWN)  # it may have gone out: ask before sending

# Why a message failed, waits or was not sent: stable codes, and what an operator reads.
REASONS = {
    "number_refused": "网关不接收这个号码（空号、停机或不是手机号）",
    "text_refused": "网关不接收短信内容：请核对签名和模板是否已备案",
    "id_conflict": "网关称该编号已用于另一条短信：请联系网关方",
    "message_refused": "网关不接收这条短信：请联系网关方",
    "undelivered": "运营商未送达（关机、停机或拦截）",
    "busy": "网关繁忙，稍后自动重试",
    "away": "网关连接不上，稍后自动重试",
    "unauthorized": "网关不认我方的应用编号或密钥：请核对 HCP_SMS_APP_ID 和 HCP_SMS_SECRET",
    "no_answer": "网关没有应答，发没发出不能确定；先查询后重发",
    "unreadable": "网关的应答不合约定，发没发出不能确定；先查询后重发",
    "too_late": "过了有效时间，不再发送",
    "stopped": "对方已退订",
    "withdrawn": "已评价或不再需要，不再发送",
    "not_readable": "本平台无法解开这条短信（密钥不符）",
}
SILENT = frozenset({"away", "no_answer", "unreadable", "unauthorized"})  # nobody usable at the other end


def mobile_of(typed: str) -> str:
    """A Chinese mobile number as eleven digits; Refused `fields_refused` (422) for anything else."""
    if (plain := sendable(typed)) is None:
        message = "请填写 11 位手机号码。"
        raise Refused("fields_refused", 422, message, (FieldError("mobile", "mobile_malformed", message),))
    return plain


def sendable(typed: str) -> str | None:
    """The same number as eleven digits, None where no SMS can be sent to it (a landline, nothing)."""
    plain = normal(typed)
    return plain if _MOBILE.fullmatch(plain) else None


def with_signature(text: str, signature: str) -> str:
    """The text as the gateway wants it: one line, who speaks in 【】 at its head. ValueError if that is no message."""
    text = text if text.startswith("【") else f"【{signature}】{text}"
    if len(text) > TEXT_MOST or not _SIGNED.match(text) or _NOT_TEXT.search(text):
        raise ValueError("a message has a signature in 【】, one line and at most 500 characters")
    return text


def is_stop(text: str) -> bool:
    """Whether a reply says 退订 in one of the usual ways; a sentence that merely begins so is none."""
    plain = re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).upper()
    return len(plain) <= 20 and bool(plain) and plain not in {"了", "谢谢", "了谢谢"} and bool(_STOP.fullmatch(plain))


def awake(moment: datetime, quiet_from: time | None, quiet_to: time | None) -> datetime:
    """`moment`, or the end of the night it falls into (from the evening's `quiet_from` to the morning's `quiet_to`, China)."""
    if quiet_from is None or quiet_to is None:
        return moment
    there = moment.astimezone(CHINA)
    if quiet_to <= there.time() < quiet_from:
        return moment
    morning = there.replace(hour=quiet_to.hour, minute=quiet_to.minute, second=0, microsecond=0)
    if there.time() >= quiet_from:
        morning += timedelta(days=1)
    return morning.astimezone(moment.tzinfo)


def try_every(kind: str) -> timedelta:
    return CODE_TRY_EVERY if kind == Kind.CODE else TRY_EVERY


def next_poll(polls: int) -> timedelta | None:
    """How long after the `polls`-th question to ask again for a receipt; None: no more."""
    return POLLS[polls] if polls < len(POLLS) else None


def reason_code(given: object) -> str:
    """A code as the gateway gives it, fit to be kept: letters, digits and _, nothing that could name a person."""
    return given if isinstance(given, str) and _CODE.fullmatch(given) and not given.isdigit() else "message_refused"


def reason(code: str) -> str:
    return REASONS.get(code, f"网关给出的原因：{code}") if code else ""
