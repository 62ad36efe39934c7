"""A policy pack as an ordinary person reads it: headed lines, each with its source. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from haochaping.policy.pack import (
    APPEAL_KINDS,
    ASPECTS,
    LEVELS,
    POINTS,
    ROUTES,
    SEVERITY_NAMES,
    STAFF_WORDS,
    STEP_NAMES,
    Severity,
    Step,
)
from haochaping.policy.scheme import DEDUCTIONS, MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from haochaping.policy.pack import Channel, Policy
    from haochaping.policy.sourced import Sourced


class Said(NamedTuple):
    """One line of a pack. `is_stated` is False where no source states it and the value is a neutral one of ours."""

    label: str
    words: str
    is_stated: bool
    source: str
    note: str


class Chapter(NamedTuple):
    title: str
    lines: tuple[Said, ...]


def chapters(policy: Policy) -> list[Chapter]:
    """The whole pack, nothing left out that decides about a rating or an order."""
    p = policy

    def said(label: str, words: object, sourced: Sourced) -> Said:
        note = sourced.note
        for key, title in p.sources.items():
            note = note.replace(key, f"“{title}”" if "《" not in title else title)
        return Said(label, str(words), sourced.stated, p.sources.get(sourced.source, ""), note)

    d, returns, appeal = p.default, p.returns, p.appeal
    default = "不设默认评价：到期无人评价的，计入“未评”，不计好评"
    if d.enabled and d.level and d.after:
        sent = "报送国家平台" if d.reported else "不报送国家平台"
        default = f"{d.after}未评的，记默认“{p.level_name(d.level)}”；单独统计，不计入主动评价，{sent}"
    limits = []
    for step, name in STEP_NAMES.items():
        if step in {Step.RECTIFY, Step.ANSWER}:
            by = getattr(p.limits, step)
            limits += [said(f"{name}（{SEVERITY_NAMES[s]}）", getattr(by, s), getattr(by, s)) for s in Severity]
        else:
            limits.append(said(name, getattr(p.limits, step), getattr(p.limits, step)))
    may_return = f"可退单{returns.times}次" if returns.allowed else "不允许退单"
    reasons = f"；理由：{'、'.join(reason.name for reason in returns.reasons)}" if returns.reasons else ""
    shown = p.disclosure
    return [
        Chapter("评价", (
            said("等级与分值", "；".join(p.level_name(n) + (f" {p.score_of(n)}分" if p.levels.scores else "") for n in LEVELS), p.levels),
            said("评价内容", "、".join(ASPECTS[a] for a in p.coverage.aspects), p.coverage),
            said("采集点", "、".join(POINTS[a] for a in p.coverage.points) or "不分受理、出件", p.coverage),
            *(said("其他渠道" if n else "渠道", "、".join(channel.name for channel in alike), alike[0]) for n, alike in enumerate(_by_source(p.channels))),
            said("补评期限", f"服务当日起{p.supplement.within}内可以评价", p.supplement.within),
            said("迟到数据", f"离线、批量报送的数据再宽限{p.supplement.late_arrival}", p.supplement.late_arrival),
            said("默认评价", default, d),
        )),
        Chapter("差评办理期限（自派发或进入该步骤起，按工作日历计算，含调休）", tuple(limits)),
        Chapter("差评办理", (
            said("派发", ROUTES[p.dispatch.route] + (f"（{p.dispatch.hotline}）" if p.dispatch.hotline else ""), p.dispatch),
            said("退单", may_return + reasons, returns),
            said("延期", f"最多{p.extension.times}次，最长{p.extension.longest}", p.extension),
            said("申诉", f"派发后{appeal.within}内；类型：{'、'.join(APPEAL_KINDS[k] for k in appeal.kinds)}", appeal),
            said("评价人异议", f"对申诉成立可提出{appeal.objections}次，期限{appeal.objection_within}", appeal),
            said("回访", f"实名差评回访{p.callback.real_name:.0%}，其他抽查{p.callback.others:.0%}，最多拨打{p.callback.tries}次", p.callback),
            said("重新整改", f"办结后可重新打开{p.reopen.times}次", p.reopen),
            said("到期提醒", f"到期前{p.warnings.before}提醒", p.warnings.before),
            said("提醒工作人员的时间", f"工作日{p.hours.morning}、{p.hours.afternoon}", p.hours),
            *(said("超期报督办" if step.to == "supervisor" else "超期报领导", f"超期{step.overdue_by}上报{'督办人员' if step.to == 'supervisor' else '领导'}", step) for step in p.warnings.escalation),
        )),
        Chapter("邀请评价", (
            *_invitation(p, said),
            said("未评回访", f"抽取未评服务的{p.callout.share:.0%}电话询问，最多拨打{p.callout.tries}次", p.callout),
            said("回访打扰限度", f"同一人{p.callout.quota.within}内至多{p.callout.quota.n}次", p.callout.quota),
            said("自助终端", f"刷身份证后列出近{p.kiosk.days}天的服务", p.kiosk),
            said("窗口评价器", STAFF_WORDS[p.tablet.staff], p.tablet),
        )),
        Chapter("公开", (
            said("评价结果", "公开" if shown.public_ratings else "不公开", shown),
            said("评价文字", "评价人同意后脱敏公开" if shown.texts == "consent" else "不公开", shown),
            said("最小样本", f"不足{shown.min_sample}件不排名，不足{shown.k_anonymity}件不显示", shown),
            said("定稿", f"月末后{shown.final_after_days}天定稿公布，以后的变化另行注明日期", shown),
        )),
        Chapter("月度考核（没有案例、样本不足或未报送的项不计，按其余各项的权重折算）", tuple(_scheme(p, said))),
    ]  # fmt: skip


def _invitation(p: Policy, said: Callable[[str, object, Sourced], Said]) -> Iterator[Said]:
    """The lines about SMS: whether, when, how often, and in whose name."""
    ask = p.invitation
    if not ask.enabled:
        yield said("短信邀评", "不发短信邀请", ask)
        return
    yield said("短信邀评", f"{'、'.join(POINTS[point] for point in ask.after)}后邀请一次，已评价的不再发", ask)
    yield said(
        "发送时间", f"服务记录到达后{ask.delay}；{ask.quiet_from}至次日{ask.quiet_to}不发，顺延到早上", ask.delay
    )
    if ask.reminder:
        yield said("提醒", f"{ask.reminder}仍未评价的提醒一次，只一次", ask.reminder)
    else:
        yield said("提醒", "不提醒", ask)
    yield said(
        "短信限度", f"同一号码每天至多{ask.daily_most}条，链接{ask.link_days}天有效，回复{ask.stop_word}即不再发送", ask
    )
    yield said("短信签名", f"【{ask.signature}】", ask)


def _scheme(p: Policy, said: Callable[[str, object, Sourced], Said]) -> Iterator[Said]:
    """What counts in the monthly scores, each with its weight."""
    scheme, own = p.scheme, p.scheme.personal
    for one in scheme.measures:
        marks = f"权重{one.weight}，{one.zero:.0%}得零分、{one.full:.0%}得满分，之间按比例，不足{one.minimum}件不计"
        yield said(MEASURES[one.metric], marks + ("，按95%置信区间较差的一端" if one.cautious else ""), one)
    for index in scheme.indices:
        yield said(index.name, f"权重{index.weight}，每月填报得分，另一人核对", index)
    for off in scheme.deductions:
        yield said(DEDUCTIONS[off.rule], f"每件扣{off.points}分，每月至多扣{off.most}分", off)
    least = f"可评的权重不到{scheme.least:.0%}的不给总分，评价不足{scheme.ranked_from}次的不排名"
    yield said("总分和排名", least, scheme)
    faults = (
        f"每百次评价查实1件服务差错扣{own.points}分，整改到位的少扣{own.remission:.0%}，评价不足{own.minimum}次不评分"
    )
    yield said("窗口人员", faults, own)
    yield said("考核申诉", f"公布后{scheme.appeal_within}内提出", scheme.appeal_within)
    yield said("申诉答复", f"提出后{scheme.decide_within}内由其他单位的人裁定", scheme.decide_within)


def _by_source(channels: tuple[Channel, ...]) -> list[list[Channel]]:
    """The channels, those of one source on one line."""
    found: dict[tuple[str, bool], list[Channel]] = {}
    for channel in channels:
        found.setdefault((channel.source, channel.stated), []).append(channel)
    return list(found.values())
