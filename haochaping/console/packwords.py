"""What each key of a policy pack is called on the screen, with a hint and its choices in words. Pure.

A new key in `policy/pack.py` needs its line here: a test walks the pack's shape and names what is missing.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec.inspect as shape

from haochaping.kit.workdays import UNIT_NAMES
from haochaping.messaging.rules import STOP_WORDS
from haochaping.policy.pack import (
    APPEAL_KINDS,
    ASPECTS,
    CHANNELS,
    POINTS,
    ROUTES,
    STAFF_WORDS,
    Policy,
)
from haochaping.policy.rules import NATIONAL_SET
from haochaping.policy.scheme import DEDUCTIONS, MEASURES
from haochaping.policy.sets import LEVEL_NAMES
from haochaping.policy.sourced import Limit, Sourced

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TIES = frozenset({"pack", "region", "valid_from"})  # not for editing; see policy.pack_drafts.TIES
LEVEL_TITLES = tuple(f"{level} 级（{LEVEL_NAMES[level]}）" for level in sorted(LEVEL_NAMES))


class Label(NamedTuple):
    """A name with what goes beside it.

    `choices`: all that may be chosen; `is_share`: a number of 0…1, shown in per cent; `parts`: the places of a fixed list.
    """

    title: str
    hint: str = ""
    choices: Mapping[Any, str] | None = None
    is_share: bool = False
    parts: tuple[str, ...] = ()


LABELS: dict[str, Label] = {
    "Policy.pack": Label("规则包代号"),
    "Policy.name": Label("规则名称", "显示在“评价规则”页面最上面。"),
    "Policy.region": Label("适用地区"),
    "Policy.valid_from": Label("生效日期"),
    "Policy.sources": Label("依据文件", "各项规定引用的文件。删去文件名就是删去这个文件，用到它的规定要改选别的依据。"),
    "Policy.levels": Label("等级与分值"),
    "Policy.indicators": Label("评价指标"),
    "Policy.coverage": Label("评价内容与采集点"),
    "Policy.channels": Label("评价渠道"),
    "Policy.supplement": Label("补评"),
    "Policy.default": Label("默认评价"),
    "Policy.dispatch": Label("差评派发"),
    "Policy.limits": Label("差评办理期限", "答复总时限自派发起算，其余自进入该步骤起算，按工作日历计算，含调休。"),
    "Policy.returns": Label("退单"),
    "Policy.appeal": Label("申诉"),
    "Policy.extension": Label("延期"),
    "Policy.callback": Label("差评回访"),
    "Policy.reopen": Label("重新整改"),
    "Policy.archive": Label("归档"),
    "Policy.disclosure": Label("公开"),
    "Policy.warnings": Label("到期提醒与超期上报"),
    "Policy.invitation": Label("短信邀评"),
    "Policy.callout": Label("未评回访"),
    "Policy.kiosk": Label("自助终端"),
    "Policy.tablet": Label("窗口评价器"),
    "Policy.hours": Label("工作时间", "提醒工作人员的短信只在工作日的这些时间里发，其余的等到下一个工作半天。"),
    "Sourced.source": Label("依据"),
    "Sourced.stated": Label("暂定", "没有文件规定这个数值，是平台的中性取值。"),
    "Sourced.note": Label("说明"),
    "Limit.n": Label("数值"),
    "Limit.unit": Label("单位", choices=UNIT_NAMES),
    "BySeverity.simple": Label("简单（可立行立改）"),
    "BySeverity.general": Label("一般"),
    "BySeverity.complex": Label("复杂"),
    "Limits.arbitrate": Label("裁定责任单位"),
    "Limits.sign": Label("签收", "到期未签收的由系统代签，时间不停。"),
    "Limits.contact": Label("联系评价人"),
    "Limits.verify": Label("核实"),
    "Limits.rectify": Label("整改", "不能长于下面的答复总时限；简单、一般、复杂依次不减。"),
    "Limits.review": Label("审核"),
    "Limits.callback": Label("回访"),
    "Limits.appeal": Label("申诉复核"),
    "Limits.answer": Label("答复总时限", "自派发起算，中途换单位也不重新计算。"),
    "Levels.names": Label("名称", "全国统一，一般不改。", parts=LEVEL_TITLES),
    "Levels.scores": Label("分值", "自 1 级至 5 级递增；不设分值时按星级计。", parts=LEVEL_TITLES),
    "Indicators.set": Label("国家指标集", choices={NATIONAL_SET: "全国一体化平台评价指标（2020年版）"}),
    "Coverage.aspects": Label("请评价人评的环节", choices=ASPECTS),
    "Coverage.points": Label("分开评价的采集点", "都不选就是不分受理、出件，一次办件评一次。", choices=POINTS),
    "Channel.pf": Label("渠道", choices=CHANNELS),
    "Channel.name": Label("本地名称"),
    "Supplement.within": Label("服务当日起多久内可以评价"),
    "Supplement.late_arrival": Label("迟到数据再宽限", "离线评价器、批量报送、挂起的数据。"),
    "Default.enabled": Label("启用默认评价", "单独统计，从不计入主动评价。"),
    "Default.level": Label("默认等级", choices=LEVEL_NAMES),
    "Default.after": Label("多久无人评价后记默认"),
    "Default.reported": Label("默认评价报送国家平台"),
    "Dispatch.route": Label("派发方式", choices=ROUTES),
    "Dispatch.hotline": Label("热线名称", "经热线派发时填写。"),
    "Dispatch.joint_lead": Label("涉及多个单位时由谁牵头"),
    "Dispatch.platform_organ": Label("网上平台由哪个单位负责", "统一社会信用代码；不填时由提供服务的单位负责"),
    "Returns.allowed": Label("允许退单", "退单后由裁定人确定单位，答复时限不重新计算。"),
    "Returns.times": Label("最多几次", "不允许退单时写 0。"),
    "Returns.reasons": Label("退单理由"),
    "Reason.code": Label("代号", "小写英文，如 unclear_duty，统计用。"),
    "Reason.name": Label("理由"),
    "Appeal.within": Label("派发后多久内可以申诉"),
    "Appeal.objections": Label("评价人可以异议几次", "对“申诉成立”不服时。"),
    "Appeal.objection_within": Label("异议期限"),
    "Appeal.kinds": Label("申诉类型", choices=APPEAL_KINDS),
    "Extension.times": Label("最多几次"),
    "Extension.longest": Label("每次最长"),
    "Callback.real_name": Label("实名差评回访率", "须为 100%（国办发〔2019〕51号）。", is_share=True),
    "Callback.others": Label("其他差评抽查比例", is_share=True),
    "Callback.tries": Label("最多拨打几次"),
    "Reopen.times": Label("办结后可以重新打开几次"),
    "Archive.after": Label("办结多久后归档", "归档后不能再打开；评价人仍可追评"),
    "Disclosure.public_ratings": Label("公开评价结果"),
    "Disclosure.min_sample": Label("排名的最小样本（件）", "不足的不排名；不能小于下面的数。"),
    "Disclosure.mask": Label("公开的文字先脱敏"),
    "Disclosure.texts": Label("评价文字", choices={"consent": "评价人同意后公开", "never": "不公开"}),
    "Disclosure.k_anonymity": Label("显示数字的最小件数", "不足的不显示；不能小于 5，否则可以认出评价人。"),
    "Disclosure.final_after_days": Label("月末后多少天定稿", "定稿公布后不再改动，以后的变化另行注明日期。"),
    "Warnings.before": Label("到期前多久提醒"),
    "Warnings.escalation": Label("超期上报", "依次上报。"),
    "Policy.consequences": Label("约谈、培训与表扬", "条件成立时向督办人员提出，由督办人员决定。"),
    "Consequences.triggers": Label("触发规则"),
    "Trigger.kind": Label("提出什么", choices={"talk": "约谈", "training": "教育培训", "commendation": "表扬"}),
    "Trigger.subject": Label("对谁", choices={"clerk": "窗口人员", "window": "窗口", "organ": "单位"}),
    "Trigger.rule": Label(
        "按什么",
        "窗口人员只按查实的问题，不按排名",
        choices={"faults": "查实的问题件数", "last": "主动好评率本市末位", "first": "主动好评率本市首位"},
    ),
    "Trigger.months": Label("连续几个月"),
    "Trigger.at_least": Label("每月不少于", "查实问题的件数；按排名时为样本量，不少于 5"),
    "Escalation.overdue_by": Label("超期多久"),
    "Escalation.to": Label("报给谁", choices={"supervisor": "督办人员", "leader": "领导"}),
    "Invitation.enabled": Label("发短信邀请评价"),
    "Invitation.after": Label("在哪些环节之后邀请", choices=POINTS),
    "Invitation.delay": Label("服务记录到达后多久发"),
    "Invitation.quiet_from": Label("晚上几点起不发", "写作 21:00。"),
    "Invitation.quiet_to": Label("早上几点起再发", "写作 08:00。"),
    "Invitation.reminder": Label("多久未评提醒一次", "不设就不提醒。"),
    "Invitation.link_days": Label("链接有效天数"),
    "Invitation.daily_most": Label("同一号码每天最多几条"),
    "Invitation.signature": Label("短信签名", "不带括号，2 至 16 个字。"),
    "Invitation.stop_word": Label("退订回复", choices={word: word for word in STOP_WORDS}),
    "Quota.n": Label("至多几次"),
    "Quota.within": Label("在多长时间内"),
    "Callout.share": Label("抽取未评服务的比例", is_share=True),
    "Callout.quota": Label("对同一人"),
    "Callout.tries": Label("最多拨打几次"),
    "Tablet.staff": Label("待机画面", choices=STAFF_WORDS),
    "Hours.morning": Label("上午", "写作 08:30-12:00。"),
    "Hours.afternoon": Label("下午", "写作 13:30-17:30。"),
    "Policy.scheme": Label(
        "月度考核",
        "各项指标和外部指标的权重合计 100；没有案例、样本不足或未报送的项不计，按其余各项的权重折算。",
    ),
    "Scheme.measures": Label("平台指标"),
    "Scheme.indices": Label("外部指标", "由别处评出、每月填报的得分（0 至 100），一人填、另一人核对。"),
    "Scheme.deductions": Label("扣分"),
    "Scheme.least": Label("至少有多少权重可以评，才给总分", is_share=True),
    "Scheme.ranked_from": Label("排名的最小样本（评价数）"),
    "Scheme.personal": Label("窗口人员", "只按查实的服务差错（态度、效率），内容、流程和政策问题从不算到个人。"),
    "Scheme.appeal_within": Label("公布后多久内可以申诉"),
    "Scheme.decide_within": Label("申诉多久内答复"),
    "Measure.metric": Label("指标", choices=MEASURES),
    "Measure.weight": Label("权重"),
    "Measure.zero": Label("零分线", "到这里或更差得 0 分，之间按比例。", is_share=True),
    "Measure.full": Label("满分线", is_share=True),
    "Measure.minimum": Label("最小样本（件）", "不足的不计这一项。"),
    "Measure.cautious": Label("按 95% 置信区间较差的一端计", "样本少的碰巧全好，不会因此靠前。"),
    "Index.key": Label("代号", "小写英文，导入和统计用。"),
    "Index.name": Label("名称"),
    "Index.weight": Label("权重"),
    "Deduction.rule": Label("扣分项", choices=DEDUCTIONS),
    "Deduction.points": Label("每件扣几分"),
    "Deduction.most": Label("每月至多扣几分"),
    "Personal.minimum": Label("最小样本（评价数）", "不足的不评分；不能小于 5。"),
    "Personal.points": Label("每百次评价查实 1 件扣几分"),
    "Personal.remission": Label("整改到位的少扣", is_share=True),
    "Kiosk.days": Label("刷身份证后列出近几天的服务"),
}


def label(cls: type, field: str) -> Label:
    """What a key of this struct is called. KeyError: nobody named it yet."""
    owner = Sourced if issubclass(cls, Sourced) and field in Sourced.__struct_fields__ else cls
    return LABELS[f"{owner.__name__}.{field}"]


@cache
def policy_shape() -> shape.StructType:
    found = shape.type_info(Policy)
    assert isinstance(found, shape.StructType)
    return found


def sections() -> dict[str, shape.Field]:
    """What of a pack is edited, in the order of the pack: its name, its sources, and each section."""
    return {field.name: field for field in policy_shape().fields if field.name not in TIES}


def way(path: str) -> str:
    """A field's path as people know it: `limits.rectify.simple.n` is 差评办理期限 · 整改 · 简单（可立行立改） · 数值."""
    kind: shape.Type = policy_shape()
    words: list[str] = []
    for part in path.split("."):
        kind, _ = bare(kind)
        if isinstance(kind, shape.StructType):
            field = next((field for field in kind.fields if field.name == part), None)
            if field is None:
                break
            words.append(label(kind.cls, part).title)
            kind = field.type
        elif isinstance(kind, shape.VarTupleType) and part.isdigit():
            words.append(f"第{int(part) + 1}项")
            kind = kind.item_type
    return " · ".join(words)


def bare(kind: shape.Type) -> tuple[shape.Type, bool]:
    """The type without its None, and whether it had one."""
    if isinstance(kind, shape.UnionType):
        (one,) = [each for each in kind.types if not isinstance(each, shape.NoneType)]
        return one, True
    return kind, False


def is_limit(kind: shape.Type) -> bool:
    return isinstance(kind, shape.StructType) and issubclass(kind.cls, Limit)


def is_sourced(kind: shape.Type) -> bool:
    return isinstance(kind, shape.StructType) and issubclass(kind.cls, Sourced)


def own_fields(kind: shape.StructType) -> list[shape.Field]:
    """The fields without those that say where a figure comes from."""
    hidden = Sourced.__struct_fields__ if is_sourced(kind) else ()
    return [field for field in kind.fields if field.name not in hidden]


def structs(kind: shape.Type) -> Iterator[shape.StructType]:
    """Every struct within this type, itself too."""
    kind, _ = bare(kind)
    if isinstance(kind, shape.StructType):
        yield kind
        for field in kind.fields:
            yield from structs(field.type)
    elif isinstance(kind, shape.VarTupleType):
        yield from structs(kind.item_type)
