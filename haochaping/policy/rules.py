"""Which pack holds for an area on a day, and what a pack must not say. Pure: no database, no clock on the wall."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from haochaping.kit.errors import FieldError, Refused
from haochaping.messaging.rules import STOP_WORDS
from haochaping.policy.pack import (
    APPEAL_KINDS,
    ASPECTS,
    CHANNELS,
    LEVELS,
    POINTS,
    ROUTES,
    SEVERITY_NAMES,
    STAFF_WORDS,
    STEP_NAMES,
    WORST_GOOD,
    BySeverity,
    Policy,
    Severity,
    Step,
    Trigger,
)
from haochaping.policy.scheme import checks as scheme_checks
from haochaping.policy.scheme import told as scheme_told
from haochaping.policy.sourced import Limit, Sourced

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

__all__ = [
    "APPEAL_KINDS",
    "ASPECTS",
    "CHANNELS",
    "DIMENSIONS",
    "LEVELS",
    "NATIONAL_SET",
    "POINTS",
    "SEVERITY_NAMES",
    "STEP_NAMES",
    "WORST_GOOD",
    "Norm",
    "Policy",
    "PolicyBook",
    "Rule",
    "Severity",
    "Step",
    "parse",
    "region_prefix",
    "restore",
    "summary",
    "unstated",
]

NATIONAL_SET = "national-2020"
DIMENSIONS = {"business": "业务", "service": "服务"}  # rules, material, process, system · people
LONGEST = 1000  # a longer limit is a slip of the pen
LINK_DAYS = range(7, 31)  # security.md T2
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SPAN = re.compile(rf"{_CLOCK.pattern}-{_CLOCK.pattern}")
_SIGNATURE = re.compile(r"[^\s【】]{2,16}")


class Norm(NamedTuple):
    """An indicator 评价指标 (normCode): a tag that may be ticked at one level."""

    code: str
    name: str
    level: int
    is_core: bool
    is_active: bool
    region: str  # "" = the nation; a local one is never sent upward
    valid_from: date
    valid_to: date | None
    set_name: str
    dimension: str = "business"  # of DIMENSIONS
    aspect: str = ""  # of ASPECTS; "" = all of them
    channels: Sequence[int] = ()  # pf; none = all

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def fits(self, aspect: str, pf: int | None) -> bool:
        """Whether it is offered where this aspect is rated through this channel; "" and None ask about neither."""
        return (not aspect or self.aspect in {"", aspect}) and (pf is None or not self.channels or pf in self.channels)


def region_prefix(code: str) -> str:
    """`320000000000`, `320000` or `32` as the prefix `32` that all areas within share; ValueError if it is no area code."""
    if not re.fullmatch(r"(\d{2}|\d{4}|\d{6}|\d{9}|\d{12})?", code):
        raise ValueError(code)
    for end, tail in ((9, 3), (6, 3), (4, 2), (2, 2)):
        if len(code) == end + tail and code.endswith("0" * tail):
            code = code[:end]
    return "" if code == "00" else code


class Rule(NamedTuple):
    """A policy and its days, `valid_from` included, `valid_to` not."""

    region: str
    valid_from: date
    valid_to: date | None
    policy: Policy

    def holds_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


class PolicyBook:
    """Every rule there is, to be asked without the database."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = tuple(sorted(rules, key=lambda rule: (-len(rule.region), rule.region, rule.valid_from)))

    def rule_at(self, area: str, day: date) -> Rule:
        """The rule of the nearest ancestor region that has one valid on `day`; Refused `no_policy` (409) if none has."""
        for rule in self.rules:
            if rule.holds_on(day) and area.startswith(rule.region):
                return rule
        raise Refused(
            "no_policy",
            409,
            f"地区 {area} 在 {day} 没有适用的评价规则：请用 hcp policy load 装载覆盖该地区和日期的规则包",
        )

    def at(self, area: str, day: date) -> Policy:
        return self.rule_at(area, day).policy


def parse(table: Mapping[str, Any]) -> Policy:
    """A pack as read from TOML or JSON; Refused `policy_refused` (422) that names every wrong key with its remedy."""
    try:
        policy = msgspec.convert(dict(table), Policy)
    except msgspec.ValidationError as error:
        raise _refused([_shape_error(str(error))]) from None
    if errors := [*_errors(policy), *_source_errors(policy)]:
        raise _refused(errors)
    return policy


def restore(body: Mapping[str, Any]) -> Policy:
    """A pack that was accepted once, as it is kept; a later, stricter check does not reach back."""
    return msgspec.convert(body, Policy)


def summary(policy: Policy) -> list[str]:
    """The pack in Chinese lines for `hcp policy show`; ※ marks what no source states."""
    p = policy
    scores = " ".join(f"{p.level_name(n)} {p.score_of(n)}" for n in LEVELS)
    default = (
        f"{p.default.after}未评默认“{p.level_name(p.default.level)}”"
        if p.default.enabled and p.default.level
        else "不设默认评价"
    )
    lines = [
        f"{p.name}（{p.pack}，地区 {p.region or '全国'}，自 {p.valid_from}）",
        f"分值：{scores}{_mark(p.levels)}",
        f"评价环节：{'、'.join(ASPECTS[a] for a in p.coverage.aspects)}；采集点：{'、'.join(POINTS[a] for a in p.coverage.points) or '不分'}",
        f"渠道：{'、'.join(p.channel_names.values())}",
        f"补评：服务日后 {p.supplement.within}{_mark(p.supplement.within)}；{default}{_mark(p.default)}",
        f"派发：{ROUTES[p.dispatch.route]} {p.dispatch.hotline}{_mark(p.dispatch)}",
    ]
    for step, name in STEP_NAMES.items():
        found = getattr(p.limits, step)
        if isinstance(found, BySeverity):
            said = "，".join(f"{SEVERITY_NAMES[s]} {getattr(found, s)}{_mark(getattr(found, s))}" for s in Severity)
            lines.append(f"{name}：{said}")
        else:
            lines.append(f"{name}：{found}{_mark(found)}")
    returns = f"{p.returns.times} 次" if p.returns.allowed else "不允许"
    lines += [
        f"退单：{returns}{_mark(p.returns)}；延期：{p.extension.times} 次，最长 {p.extension.longest}{_mark(p.extension)}；重办：{p.reopen.times} 次",
        f"申诉：派发后 {p.appeal.within} 内（{'、'.join(APPEAL_KINDS[k] for k in p.appeal.kinds)}）{_mark(p.appeal)}",
        f"归档：办结后 {p.archive.after}{_mark(p.archive.after)}",
        f"后果：{'；'.join(map(_told, p.consequences.triggers)) or '不自动提出'}{_mark(p.consequences)}",
        f"回访：实名 {p.callback.real_name:.0%}，其余 {p.callback.others:.0%}，拨打 {p.callback.tries} 次",
        f"短信邀评：{_invited(p)}{_mark(p.invitation)}",
        f"未评回访：抽 {p.callout.share:.0%}，同一人 {p.callout.quota.within}内至多 {p.callout.quota.n} 次，拨打 {p.callout.tries} 次{_mark(p.callout)}",
        f"自助终端：列出近 {p.kiosk.days} 天的服务{_mark(p.kiosk)}",
        f"窗口评价器：{STAFF_WORDS[p.tablet.staff]}{_mark(p.tablet)}",
        f"工作时间：{p.hours.morning}，{p.hours.afternoon}{_mark(p.hours)}",
        *(f"{line}{_mark(p.scheme)}" for line in scheme_told(p.scheme)),
    ]
    return lines


def _told(trigger: Trigger) -> str:
    subject = {"clerk": "窗口人员", "window": "窗口", "organ": "单位"}[trigger.subject]
    when = {
        "faults": f"查实问题每月不少于 {trigger.at_least} 件",
        "last": f"主动好评率在本市末位（样本不少于 {trigger.at_least}）",
        "first": f"主动好评率在本市首位（样本不少于 {trigger.at_least}）",
    }[trigger.rule]
    kind = {"talk": "约谈", "training": "教育培训", "commendation": "表扬"}[trigger.kind]
    return f"{subject}连续 {trigger.months} 个月{when}的，提出{kind}{_mark(trigger)}"


def _invited(p: Policy) -> str:
    ask = p.invitation
    if not ask.enabled:
        return "不发"
    points = "、".join(POINTS[point] for point in ask.after)
    reminder = f"{ask.reminder}未评提醒一次" if ask.reminder else "不提醒"
    return f"{points}后 {ask.delay}，{ask.quiet_from} 至 {ask.quiet_to} 不发，{reminder}"


def _mark(sourced: Sourced) -> str:
    return "" if sourced.stated else "※"


def _refused(errors: list[FieldError]) -> Refused:
    said = "；".join(f"{error.field}：{error.message}" for error in errors)
    return Refused("policy_refused", 422, f"规则包有误——{said}", tuple(errors))


def _shape_error(message: str) -> FieldError:
    what, _, path = message.partition(" - at `$")
    key = path.rstrip("`").lstrip(".")
    if found := re.fullmatch(r"Object missing required field `(.+)`", what):
        return FieldError(f"{key}.{found[1]}".lstrip("."), "missing", "缺少此项，请补上")
    if found := re.fullmatch(r"Object contains unknown field `(.+)`", what):
        return FieldError(f"{key}.{found[1]}".lstrip("."), "unknown", "没有这一项，请删去或改正拼写")
    return FieldError(key, "wrong_type", f"写法不对（{what}），请参照 policies/ 中现有的规则包改正")


def _errors(p: Policy) -> list[FieldError]:
    """What is well-formed and yet cannot hold."""
    returns, disclosure, default = p.returns, p.disclosure, p.default
    checks = [
        (bool(re.fullmatch(r"[a-z][a-z0-9-]*", p.pack)), "pack", "只用小写字母、数字和连字符"),
        (_is_prefix(p.region), "region", "应为去掉末尾零的行政区划代码前缀，如 32、4403、370881"),
        (len(set(p.levels.names)) == len(LEVELS), "levels.names", "应为五个不同的等级名称，自 1 至 5"),
        (_rises(p.levels.scores), "levels.scores", "分值应自 1 级至 5 级递增"),
        (_within(p.coverage.aspects, ASPECTS), "coverage.aspects", f"应取自 {'、'.join(ASPECTS)}，不重复"),
        ("service" in p.coverage.aspects, "coverage.aspects", "须含 service（办件服务）"),
        (_within(p.coverage.points, POINTS), "coverage.points", f"应取自 {'、'.join(POINTS)}，不重复"),
        (_within([c.pf for c in p.channels], CHANNELS), "channels", "pf 应为 1 至 9，不重复"),
        (bool(p.channels), "channels", "至少写一个评价渠道"),
        (default.level in (*LEVELS, None), "default.level", "应为 1 至 5"),
        (not default.enabled or bool(default.level and default.after), "default", "启用时须写 level 和 after"),
        (p.dispatch.route == "direct" or bool(p.dispatch.hotline), "dispatch.hotline", "经热线派发时须写热线名称"),
        (
            returns.times >= 1 if returns.allowed else returns.times == 0,
            "returns.times",
            "允许退单时至少 1 次，不允许时写 0",
        ),
        (not returns.allowed or bool(returns.reasons), "returns.reasons", "允许退单时须列出退单理由"),
        (_within(p.appeal.kinds, APPEAL_KINDS), "appeal.kinds", f"应取自 {'、'.join(APPEAL_KINDS)}，不重复"),
        (p.appeal.objections >= 0, "appeal.objections", "不能小于 0"),
        (p.extension.times >= 0, "extension.times", "不能小于 0"),
        (p.reopen.times >= 0, "reopen.times", "不能小于 0"),
        (p.callback.real_name == 1.0, "callback.real_name", "实名差评回访率须为 1.0（国办发〔2019〕51号）"),
        (0.0 <= p.callback.others <= 1.0, "callback.others", "应在 0 与 1 之间"),
        (p.callback.tries >= 1, "callback.tries", "至少 1 次"),
        (disclosure.k_anonymity >= 5, "disclosure.k_anonymity", "不能小于 5，否则可以认出评价人"),
        (disclosure.min_sample >= disclosure.k_anonymity, "disclosure.min_sample", "不能小于 k_anonymity"),
        (0 <= disclosure.final_after_days <= 60, "disclosure.final_after_days", "应在 0 与 60 之间"),
        *_asking(p),
        *scheme_checks(p.scheme),
    ]
    for step in (Step.RECTIFY, Step.ANSWER):
        found: BySeverity = getattr(p.limits, step)
        ordered = _not_longer(found.simple, found.general) and _not_longer(found.general, found.complex)
        checks.append((ordered, f"limits.{step}", "简单、一般、复杂的时限应依次不减"))
    for severity in Severity:
        rectify, answer = getattr(p.limits.rectify, severity), getattr(p.limits.answer, severity)
        checks.append((_not_longer(rectify, answer), f"limits.rectify.{severity}", "不能长于答复总时限 limits.answer"))
    errors = [FieldError(key, "not_allowed", message) for holds, key, message in checks if not holds]
    for key, sourced in _sourced(p, ""):
        if isinstance(sourced, Limit) and not 1 <= sourced.n <= LONGEST:
            errors.append(FieldError(f"{key}.n", "not_allowed", f"应为 1 至 {LONGEST}"))
    return errors


def _asking(p: Policy) -> list[tuple[bool, str, str]]:
    """What the sections say by which people are asked to rate."""
    ask, call = p.invitation, p.callout
    return [
        (_within(ask.after, POINTS), "invitation.after", f"应取自 {'、'.join(POINTS)}，不重复"),
        (not ask.enabled or bool(ask.after), "invitation.after", "启用时至少写一个环节"),
        (bool(_CLOCK.fullmatch(ask.quiet_from)), "invitation.quiet_from", "应写作 21:00 这样的钟点"),
        (bool(_CLOCK.fullmatch(ask.quiet_to)), "invitation.quiet_to", "应写作 08:00 这样的钟点"),
        (ask.quiet_from > "12:00" > ask.quiet_to, "invitation.quiet_from", "夜间免打扰应自晚上至次日上午，且不能为空"),
        (ask.link_days in LINK_DAYS, "invitation.link_days", f"应为 {LINK_DAYS[0]} 至 {LINK_DAYS[-1]} 天"),
        (1 <= ask.daily_most <= 20, "invitation.daily_most", "应为 1 至 20 条"),
        (bool(_SIGNATURE.fullmatch(ask.signature)), "invitation.signature", "应为 2 至 16 个字，不带括号和空格"),
        (ask.stop_word in STOP_WORDS, "invitation.stop_word", f"应为 {'、'.join(STOP_WORDS)} 之一，平台才认得"),
        *(check for n, trigger in enumerate(p.consequences.triggers) for check in _trigger(n, trigger)),
        (0.0 <= call.share <= 1.0, "callout.share", "应在 0 与 1 之间"),
        (call.quota.n >= 1, "callout.quota.n", "至少 1 次"),
        (call.tries >= 1, "callout.tries", "至少 1 次"),
        (1 <= p.kiosk.days <= 366, "kiosk.days", "应为 1 至 366 天"),
        *(
            (bool(_SPAN.fullmatch(span)), f"hours.{half}", "应写作 08:30-12:00 这样的起止钟点")
            for half, span in _spans(p)
        ),
        (_follow_each_other(p), "hours", "上午、下午应依次早于后者，不重叠"),
    ]


def _spans(p: Policy) -> tuple[tuple[str, str], ...]:
    return (("morning", p.hours.morning), ("afternoon", p.hours.afternoon))


def _follow_each_other(p: Policy) -> bool:
    """Whether morning and afternoon begin before they end, one after the other; what is malformed is told elsewhere."""
    if not all(_SPAN.fullmatch(span) for _, span in _spans(p)):
        return True
    (begin, rest), (again, end) = p.hours.halves
    return begin < rest <= again < end


def _trigger(n: int, trigger: Trigger) -> list[tuple[bool, str, str]]:
    """A clerk is judged by verified faults alone: whom the rater meets must not be ranked by who pressed which button."""
    at = f"consequences.triggers[{n}]"
    is_ranked = trigger.rule != "faults"
    return [
        (not (is_ranked and trigger.subject == "clerk"), f"{at}.subject", "窗口人员只按查实的问题，不按排名"),
        (
            (trigger.rule == "first") == (trigger.kind == "commendation"),
            f"{at}.kind",
            "排名靠前用于表扬，其余用于约谈、培训",
        ),
        (1 <= trigger.months <= 12, f"{at}.months", "应为 1 至 12 个月"),
        (
            trigger.at_least >= (5 if is_ranked else 1),
            f"{at}.at_least",
            "排名的样本不能少于 5，查实的问题至少 1 件",
        ),
    ]


def _source_errors(p: Policy) -> list[FieldError]:
    """A stated figure names its source, and every source named is listed."""
    errors = []
    for key, sourced in _sourced(p, ""):
        if sourced.source and sourced.source not in p.sources:
            errors.append(FieldError(f"{key}.source", "unknown", f"[sources] 里没有 {sourced.source}，请补上"))
        elif sourced.stated and not sourced.source:
            errors.append(FieldError(f"{key}.source", "missing", "请写明出处；没有出处的写 stated = false"))
    return errors


def unstated(policy: Policy) -> list[str]:
    """The keys whose figures no source we hold states: neutral values a region should replace by its own."""
    return [key for key, sourced in _sourced(policy, "") if not sourced.stated]


def _sourced(part: object, key: str) -> list[tuple[str, Sourced]]:
    found = [(key, part)] if isinstance(part, Sourced) else []
    if isinstance(part, msgspec.Struct):
        for name in part.__struct_fields__:
            found += _sourced(getattr(part, name), f"{key}.{name}".lstrip("."))
    elif isinstance(part, tuple):
        for n, each in enumerate(part):
            found += _sourced(each, f"{key}[{n}]")
    return found


def _is_prefix(region: str) -> bool:
    try:
        return region_prefix(region) == region
    except ValueError:
        return False


def _rises(scores: tuple[int, ...] | None) -> bool:
    return scores is None or all(low < high for low, high in pairwise(scores))


def _within(given: Any, allowed: Any) -> bool:
    return set(given) <= set(allowed) and len(set(given)) == len(tuple(given))


def _not_longer(one: Limit, other: Limit) -> bool:
    """Where the two can be compared at all: working days and their halves can."""
    halves = {"workday": 2, "halfday": 1}
    if one.unit in halves and other.unit in halves:
        return one.n * halves[one.unit] <= other.n * halves[other.unit]
    return one.unit != other.unit or one.n <= other.n
