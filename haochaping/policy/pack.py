"""The shape of a policy pack: its words and its figures. Pure, frozen; `rules.parse` makes one."""

from __future__ import annotations

from datetime import date, time
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import msgspec

from haochaping.policy.scheme import Scheme  # noqa: TC001  msgspec looks here
from haochaping.policy.sourced import Limit, Sourced

if TYPE_CHECKING:
    from haochaping.kit.workdays import Term

LEVELS = (5, 4, 3, 2, 1)  # 5 = 非常满意; GB/T 39046 table A.8 counts the other way, importers say which
WORST_GOOD = 3  # 差评 = the two lowest levels (国办发〔2019〕51号)
ASPECTS = {
    "item": "事项设立",
    "platform": "应用上线",
    "service": "办件服务",
    "licence": "证照共享",
    "delivery": "结果送达",
}
POINTS = {"acceptance": "受理", "issue": "出件"}
CHANNELS = {
    1: "电脑端", 2: "移动端", 3: "二维码", 4: "大厅评价器", 5: "自助终端", 6: "电话", 7: "短信", 8: "纸质评价表", 9: "其他",
}  # fmt: skip
APPEAL_KINDS = {"mistaken": "误评", "untrue": "不属实", "malicious": "恶意差评", "not_ours": "非本单位责任"}
ROUTES = {"direct": "直接派发", "hotline": "经12345派发"}
STAFF_WORDS = {
    "name": "待机时显示窗口人员姓名和工号",
    "number": "待机时只显示窗口人员工号",
    "none": "待机时不显示窗口人员",
}


class Severity(StrEnum):
    """How hard a problem is to put right: decides the rectification and the answer limit."""

    SIMPLE = "simple"  # 简单（可立行立改）
    GENERAL = "general"  # 一般
    COMPLEX = "complex"  # 复杂


class Step(StrEnum):
    """The clocks of an order. All but ANSWER run from the entry into a state; ANSWER runs from dispatch, never reset."""

    ARBITRATE = "arbitrate"  # 裁定
    SIGN = "sign"  # 签收
    CONTACT = "contact"  # 联系评价人
    VERIFY = "verify"  # 核实
    RECTIFY = "rectify"  # 整改
    REVIEW = "review"  # 审核
    CALLBACK = "callback"  # 回访
    APPEAL = "appeal"  # 申诉复核
    ANSWER = "answer"  # 答复（总时限）


STEP_NAMES = {
    Step.ARBITRATE: "裁定", Step.SIGN: "签收", Step.CONTACT: "联系", Step.VERIFY: "核实", Step.RECTIFY: "整改",
    Step.REVIEW: "审核", Step.CALLBACK: "回访", Step.APPEAL: "申诉复核", Step.ANSWER: "答复总时限",
}  # fmt: skip
SEVERITY_NAMES = {Severity.SIMPLE: "简单", Severity.GENERAL: "一般", Severity.COMPLEX: "复杂"}


class BySeverity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    simple: Limit
    general: Limit
    complex: Limit


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    arbitrate: Limit
    sign: Limit
    contact: Limit
    verify: Limit
    rectify: BySeverity
    review: Limit
    callback: Limit
    appeal: Limit
    answer: BySeverity


class Levels(Sourced, frozen=True, kw_only=True):
    """Names and scores of the levels 1…5, in that order. The flag speaks of the scores; the names are national."""

    names: tuple[str, str, str, str, str]
    scores: tuple[int, int, int, int, int] | None = None


class Indicators(Sourced, frozen=True, kw_only=True):
    set: str


class Coverage(Sourced, frozen=True, kw_only=True):
    """What a place's pages ask about. The wire takes every aspect and point; no point = one rating of the whole service."""

    aspects: tuple[str, ...]
    points: tuple[str, ...] = ()

    def asks_about(self, aspect: str, point: str) -> bool:
        """A pack that names no points keeps none apart, and so leaves none out."""
        return aspect in self.aspects and (not point or not self.points or point in self.points)


class Channel(Sourced, frozen=True, kw_only=True):
    pf: int
    name: str


class Supplement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """补评: until when after the service day a rating may be given, and how much later it may still arrive."""

    within: Limit
    late_arrival: Limit


class Default(Sourced, frozen=True, kw_only=True):
    """默认评价: what a lapse is worth where nobody rated in time. Never counted as a citizen's rating."""

    enabled: bool
    level: int | None = None
    after: Limit | None = None
    reported: bool = False  # sent to the national platform


class Dispatch(Sourced, frozen=True, kw_only=True):
    route: Literal["direct", "hotline"]
    hotline: str = ""
    joint_lead: str = ""  # who leads when several organs are concerned
    platform_organ: str = ""  # code of the organ that answers for the online platform; "": whoever served


class Reason(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    code: str
    name: str


class Returns(Sourced, frozen=True, kw_only=True):
    """退单: whether a unit may hand an order back to the arbiter. The clock is never reset by it."""

    allowed: bool
    times: int
    reasons: tuple[Reason, ...] = ()


class Appeal(Sourced, frozen=True, kw_only=True):
    """申诉: `within` runs from dispatch; the rater may object to an upheld one `objections` times."""

    within: Limit
    objections: int
    objection_within: Limit
    kinds: tuple[str, ...]


class Extension(Sourced, frozen=True, kw_only=True):
    times: int
    longest: Limit


class Callback(Sourced, frozen=True, kw_only=True):
    """回访: shares of orders called back (1.0 = all) and tries before `unreachable`."""

    real_name: float
    others: float
    tries: int


class Reopen(Sourced, frozen=True, kw_only=True):
    times: int


class Archive(Sourced, frozen=True, kw_only=True):
    """归档: how long after its end an order may still be taken up again."""

    after: Limit


class Trigger(Sourced, frozen=True, kw_only=True):
    """后果触发规则: what befalls a clerk, window or organ must be weighed when this holds `months` months running.

    `faults`: at least `at_least` verified faults in each month; `last`, `first`: alone at that end of its city by 主动好评率,
    with a sample of `at_least` in each month.
    """

    kind: Literal["talk", "training", "commendation"]
    subject: Literal["clerk", "window", "organ"]
    rule: Literal["faults", "last", "first"]
    months: int
    at_least: int


class Consequences(Sourced, frozen=True, kw_only=True):
    """约谈、教育培训、表扬: rules that put a proposal before those who supervise; they decide."""

    triggers: tuple[Trigger, ...] = ()


class Disclosure(Sourced, frozen=True, kw_only=True):
    """公开: words only with the rater's consent; no ranking below `min_sample`, no figure below `k_anonymity`.

    A month is final `final_after_days` after its last day: by then what came late by tablets and batches is in.
    """

    public_ratings: bool
    min_sample: int
    mask: bool
    texts: Literal["consent", "never"]
    k_anonymity: int
    final_after_days: int


class Escalation(Sourced, frozen=True, kw_only=True):
    overdue_by: Limit
    to: Literal["supervisor", "leader"]


class Warnings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    before: Limit
    escalation: tuple[Escalation, ...]


_BY_STATUS = {2: "acceptance", 3: "issue"}  # proStatus of domain §3.3


class Invitation(Sourced, frozen=True, kw_only=True):
    """短信邀评: after which points somebody is asked, how soon, and how often at most. Hours are those of the clock in China.

    A service whose record names no point counts as acceptance or issue by its status. No `reminder`: none is sent.
    """

    enabled: bool
    after: tuple[str, ...]
    delay: Limit
    quiet_from: str
    quiet_to: str
    reminder: Limit | None = None
    link_days: int
    daily_most: int  # to one number, over all services
    signature: str  # who speaks, without its brackets 【】
    stop_word: str

    def asks_after(self, point: str, pro_status: int) -> bool:
        """Whether somebody who was served there is asked; without a point, 2 已受理 is acceptance and 3 已办结 issue."""
        return self.enabled and (point or _BY_STATUS.get(pro_status, "")) in self.after


class Hours(Sourced, frozen=True, kw_only=True, dict=True):
    """工作时间: when people at work are written to, in the morning and in the afternoon of a working day (China)."""

    morning: str
    afternoon: str

    @cached_property
    def halves(self) -> tuple[tuple[time, time], tuple[time, time]]:
        """From when to when each of the two lasts; ValueError for what is no pair of hours."""
        (begin, rest), (again, end) = (
            [time.fromisoformat(part) for part in half.split("-")] for half in (self.morning, self.afternoon)
        )
        return (begin, rest), (again, end)


class Quota(Sourced, frozen=True, kw_only=True):
    """At most `n` to one citizen within a term."""

    n: int
    within: Limit


class Callout(Sourced, frozen=True, kw_only=True):
    """满意度回访: the share of unrated services that are called, how often one citizen is, and tries before giving up."""

    share: float
    quota: Quota
    tries: int


class Tablet(Sourced, frozen=True, kw_only=True):
    """窗口评价器: whether its idle screen names who serves at the window (name and number, number alone, nothing)."""

    staff: Literal["name", "number", "none"]


class Kiosk(Sourced, frozen=True, kw_only=True):
    """自助终端: of how many days back a citizen's services are listed."""

    days: int


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """One pack: every rule of one region from one day on."""

    pack: str
    name: str
    region: str
    valid_from: date
    sources: dict[str, str]
    levels: Levels
    indicators: Indicators
    coverage: Coverage
    channels: tuple[Channel, ...]
    supplement: Supplement
    default: Default
    dispatch: Dispatch
    limits: Limits
    returns: Returns
    appeal: Appeal
    extension: Extension
    callback: Callback
    reopen: Reopen
    archive: Archive
    consequences: Consequences
    disclosure: Disclosure
    warnings: Warnings
    invitation: Invitation
    callout: Callout
    kiosk: Kiosk
    tablet: Tablet
    hours: Hours
    scheme: Scheme

    def level_name(self, level: int) -> str:
        return self.levels.names[level - 1]

    def score_of(self, level: int) -> int | None:
        """The score of a level 1…5 by this pack, None where the pack has no scores."""
        return self.levels.scores[level - 1] if self.levels.scores else None

    @property
    def best_score(self) -> int | None:
        """What a score is out of: 10, or 5 where stars count."""
        return self.score_of(5)

    def limit(self, step: Step | str, severity: Severity | str | None = None) -> Term:
        """The time a step may take; before its severity is confirmed an order counts as general. KeyError: no such step."""
        if step not in tuple(Step):
            raise KeyError(step)
        found = getattr(self.limits, str(step))
        if isinstance(found, BySeverity):
            found = getattr(found, str(Severity(severity or Severity.GENERAL)))
        return found.term  # type: ignore[no-any-return]

    def answer_limit(self, severity: Severity | str | None = None) -> Term:
        """From dispatch to the answer to the rater, never reset."""
        return self.limit(Step.ANSWER, severity)

    @property
    def separates_points(self) -> bool:
        """Whether acceptance and issue are rated apart (综合窗口)."""
        return bool(self.coverage.points)

    @cached_property
    def channel_names(self) -> dict[int, str]:
        return {channel.pf: channel.name for channel in self.channels}

    @cached_property
    def return_reasons(self) -> dict[str, str]:
        return {reason.code: reason.name for reason in self.returns.reasons}
