"""Deadlines, sampling, causes and who is charged with them, and how a step is told to the rater. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from haochaping.kit import clock
from haochaping.kit.workdays import Calendar, Deadline, Term, deadline
from haochaping.policy.rules import Severity, Step

if TYPE_CHECKING:
    from uuid import UUID

    from haochaping.policy.rules import Policy


@dataclass(frozen=True)
class RatedBad:
    """A rating of level 1 or 2, as much of it as its order needs. No person stands in it."""

    id: UUID
    level: int
    organ_code: str  # "" when nobody can tell who is responsible: the arbiter decides
    organ_name: str
    organ_path: str
    area: str
    area_path: str
    window_code: str
    task_code: str
    item_name: str
    service_day: date
    rated_day: date
    real_name: bool
    opens_identity: bool
    no_reason: bool
    is_probe: bool
    has_telephone: bool = True  # of the rater: whom nobody can call is not drawn for a call
    aspect: str = "service"
    dimensions: frozenset[str] = frozenset()  # of the indicators ticked: business, service
    words: str = ""  # as written: by these, masked, the order is found


class State(StrEnum):
    """Where an order stands (contract §5)."""

    ARBITRATING = "arbitrating"
    DISPATCHED = "dispatched"
    VERIFYING = "verifying"
    APPEALING = "appealing"
    RECTIFYING = "rectifying"
    REVIEWING = "reviewing"
    CALLBACK = "callback"
    CLOSED = "closed"
    VOIDED = "voided"

    @property
    def is_open(self) -> bool:
        """Limits run, and the supervisor may step in."""
        return self not in {State.CLOSED, State.VOIDED}

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]


STATE_NAMES = {
    State.ARBITRATING: "待裁定",
    State.DISPATCHED: "待签收",
    State.VERIFYING: "核实中",
    State.APPEALING: "申诉中",
    State.RECTIFYING: "整改中",
    State.REVIEWING: "待审核",
    State.CALLBACK: "待回访",
    State.CLOSED: "已办结",
    State.VOIDED: "不予采纳",
}
STEP_OF = {
    State.ARBITRATING: Step.ARBITRATE,
    State.DISPATCHED: Step.SIGN,
    State.VERIFYING: Step.VERIFY,
    State.APPEALING: Step.APPEAL,
    State.RECTIFYING: Step.RECTIFY,
    State.REVIEWING: Step.REVIEW,
    State.CALLBACK: Step.CALLBACK,
}


class Cause(StrEnum):
    """Why the rating was bad (domain §5, design list 18)."""

    ATTITUDE = "attitude"
    EFFICIENCY = "efficiency"
    PROCEDURE = "procedure"
    GUIDE = "guide"
    MATERIAL = "material"
    SYSTEM = "system"
    POLICY = "policy"
    ENVIRONMENT = "environment"
    OTHER = "other"


CAUSE_NAMES = {
    "attitude": "服务态度",
    "efficiency": "办理效率",
    "procedure": "办事流程",
    "guide": "办事指南",
    "material": "申报材料",
    "system": "系统平台",
    "policy": "政策规定",
    "environment": "场所环境",
    "other": "其他",
}


class Charged(StrEnum):
    """Who is charged with a cause: service faults go to the window's organ, content and process faults to the item's owner."""

    WINDOW = "window"
    ITEM = "item"
    PLATFORM = "platform"
    HALL = "hall"
    ORGAN = "organ"  # whoever answered the order


CHARGED_NAMES = {
    Charged.WINDOW: "窗口单位",
    Charged.ITEM: "事项主管单位",
    Charged.PLATFORM: "平台建设单位",
    Charged.HALL: "大厅管理单位",
    Charged.ORGAN: "承办单位",
}
CHARGED = {
    Cause.ATTITUDE: Charged.WINDOW,
    Cause.EFFICIENCY: Charged.WINDOW,
    Cause.PROCEDURE: Charged.ITEM,
    Cause.GUIDE: Charged.ITEM,
    Cause.MATERIAL: Charged.ITEM,
    Cause.SYSTEM: Charged.PLATFORM,
    Cause.POLICY: Charged.ITEM,  # never the clerk: a rule is not somebody's bad service
    Cause.ENVIRONMENT: Charged.HALL,
    Cause.OTHER: Charged.ORGAN,
}


def responsible(rated: RatedBad, *, window: str, item: str, platform: str) -> tuple[str, ...]:
    """The codes of the organs that a rating points at: one gets the order, none or several go before the arbiter.

    `window`, `item` and `platform` are the organs that run the window, own the item and build the platform, "" where
    master data or policy name none: then it is the organ that served. Without a tag nothing points elsewhere.
    """
    if rated.aspect in {"item", "licence"}:
        pointed = [item]
    elif rated.aspect == "platform":
        pointed = [platform]
    else:
        owner = {"service": window, "business": item}
        pointed = [owner[dimension] for dimension in sorted(rated.dimensions)] or [rated.organ_code]
    return tuple(dict.fromkeys(code for one in pointed if (code := one or rated.organ_code)))


def who_is_charged(cause: str) -> Charged:
    """Who answers for this cause; before it is known, the organ that answers the order."""
    return CHARGED[Cause(cause)] if cause else Charged.ORGAN


def over(since: datetime, term: Term, calendar: Calendar) -> Deadline:
    """When a term is over; one in hours ends on the full hour, for the minute of a rating is nobody's business (design §1.3)."""
    end = deadline(since, term, calendar)
    part = timedelta(minutes=end.at.minute, seconds=end.at.second, microseconds=end.at.microsecond)
    return Deadline(end.at + timedelta(hours=1) - part, end.provisional) if part else end


def answer_due(severity: str, dispatched_at: datetime, policy: Policy, calendar: Calendar) -> Deadline:
    """By when the rater must be answered: from dispatch, never reset, whoever holds the order (contract §5)."""
    return over(dispatched_at, policy.answer_limit(severity or Severity.GENERAL), calendar)


def due_for(
    state: State,
    severity: str,
    since: datetime,
    policy: Policy,
    calendar: Calendar,
    *,
    answer: Deadline | None = None,
) -> Deadline | None:
    """By when the step entered at `since` must be done, or None where no clock runs.

    While an answer is owed, no step may outlast it, unless its limit has passed already: then the step has its own time
    again, and the order stays late for the answer.
    """
    step = STEP_OF.get(state)
    if step is None:
        return None
    due = over(since, policy.limit(step, severity or Severity.GENERAL), calendar)
    return answer if answer is not None and since < answer.at < due.at else due


def since_missed(due: datetime) -> datetime:
    """When the next clock starts for whoever let a limit pass: in its last moment, so that nothing is gained by waiting."""
    return due - timedelta(microseconds=1)


def changed(name: str, old: datetime | None, new: datetime | None) -> str:
    """How a limit that moved is told: 答复期限由2026-06-17改为2026-06-18."""
    if old == new:
        return f"{name}{last_moment(old)}不变"
    return f"{name}由{last_moment(old)}改为{last_moment(new)}"


def last_moment(due: datetime | None) -> str:
    """The last day in time, with the hour where the limit ends before its day does."""
    if due is None:
        return "（无）"
    hour = due.astimezone(clock.CHINA).hour
    return f"{clock.day(since_missed(due)):%Y-%m-%d}" + (f" {hour}时" if hour else "")


def overdue_since(now: datetime, *limits: datetime | None) -> datetime | None:
    """The first of the limits that still bind and have passed, or None."""
    return min((limit for limit in limits if limit is not None and limit <= now), default=None)


def next_escalation(late_since: datetime, done: int, policy: Policy, calendar: Calendar) -> tuple[datetime, str] | None:
    """When a late order goes to whom next (supervisor, leader), after `done` steps of the policy; None after the last."""
    steps = policy.warnings.escalation
    if done >= len(steps):
        return None
    return over(since_missed(late_since), steps[done].overdue_by.term, calendar).at, str(steps[done].to)


def latest_extension(due: datetime, policy: Policy, calendar: Calendar) -> date:
    """The last day to which the answer may be put off at most."""
    return over(since_missed(due), policy.extension.longest.term, calendar).day


def end_of(day: date) -> datetime:
    """24:00 of a day in China, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=clock.CHINA).astimezone(UTC) + timedelta(days=1)


def is_sampled(order_id: UUID, share: float) -> bool:
    """Whether an order that need not be called back is called all the same: a fixed lot that its keyed id draws."""
    return int.from_bytes(order_id.bytes[-4:]) < share * 2**32


PUBLIC = {
    "open": "您的评价已受理，形成差评工单",
    "sign": "承办单位已签收，正在核实",
    "auto_sign": "承办单位未按时签收，系统已代为签收，正在核实",
    "return": "承办单位认为不属其职责，正由主管部门裁定",
    "assign": "主管部门已确定承办单位",
    "contact": "已就您反映的问题作过联系",
    "confirm": "问题已核实，正在整改",
    "explain": "承办单位作出解释说明，待审核",
    "appeal": "承办单位提出申诉，由第三方复核",
    "uphold": "申诉成立，本次评价不计入统计；如有异议，可提出一次",
    "uphold.not_ours": "经复核不属该单位职责，重新确定承办单位",
    "uphold.final": "经另一位复核人员复核，维持原裁决",
    "dismiss": "申诉不成立，承办单位须整改",
    "object": "您提出异议，由另一位复核人员复核",
    "request_extension": "承办单位申请延期",
    "grant_extension": "延期申请已批准",
    "refuse_extension": "延期申请未获批准",
    "submit": "整改结果已提交，待审核",
    "send_back": "整改不符合要求，已发回重办",
    "approve": "办理结果已审核通过",
    "record": "已回访，工单办结",
    "record.unreachable": "回访未联系上您，还会再联系",
    "record.given_up": "多次回访未联系上您，工单办结；不满意的仍可追评",
    "skip": "工单已办结",
    "satisfied": "您对整改表示满意，工单已办结",
    "unsatisfied": "您对整改不满意，已要求重新整改",
    "unsatisfied.closed": "您对再次整改仍不满意，工单办结并记入不满意",
    "reopen": "工单重新打开，再次整改",
    "set_aside": "经核对，这条评价不计入统计，工单终止；如有异议，可提出一次",
    "restore": "这条评价恢复计入统计，工单继续办理",
    "archive": "工单已归档",
    "urge": "主管部门已催办",
    "join": "由多个单位联合办理",
    "convene": "已提请协调会议研究",
    "conclude": "协调会议已有结论",
    "relay": "办理人员经平台给您留言，可在“我的办件”里查看和回复",
    "respond": "您已回复留言",
    "escalate": "办理超期，已上报督办部门",
    "escalate.leader": "仍未办结，已上报领导",
}  # what is not here (note, instruct) is between those who work on it
WAITING_FOR = {
    State.ARBITRATING: "主管部门确定承办单位",
    State.DISPATCHED: "承办单位签收",
    State.VERIFYING: "承办单位核实",
    State.APPEALING: "复核人员裁决",
    State.RECTIFYING: "承办单位整改并答复",
    State.REVIEWING: "主管部门审核",
    State.CALLBACK: "12345回访，听取您对整改的意见",
}
WAITING_UNCALLED = "期满办结（这件工单不作电话回访；您满意不满意，都可以登录“我的办件”告诉我们，或拨打12345）"
