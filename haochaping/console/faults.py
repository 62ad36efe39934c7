"""异常数据 in words: why a record was refused, what to do, and what of it may be shown to whoever repairs it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.kept import open_kept, wire_of
from haochaping.evaluation.models import Parked
from haochaping.evaluation.rules import CHANNEL_NAMES
from haochaping.flow.parking import read_again
from haochaping.flow.repair import FIXABLE
from haochaping.kit import masks

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import Rejected, ServiceEvent

KINDS = {"evaluation": "评价", "service": "办件服务"}
LANES = {"device": "评价设备", "batch": "接口批量", "import": "文件导入", "desk": "人工录入", "parked": "暂存后入库"}
STATES = {"open": "待处理", "fixed": "已入库", "discarded": "未能计入", "superseded": "已有其他评价"}

# By code: why, and what whoever repairs can do about it.
WHY = {
    "service_unknown": ("所评的办件服务还没有送达", "等业务系统补送；如果办件编号写错了，在下面更正。"),
    "item_unknown": (
        "事项编码没有登记",
        "请基础信息管理员登记这个事项，或登记为某个事项的其他编码，等待的会全部自动入库；只是这一条写错了，在下面更正。",
    ),
    "organ_unknown": ("单位代码没有登记", "请基础信息管理员登记这个单位；如果代码写错了，在下面更正。"),
    "rating_window_closed": (
        "到达时评价期限已过",
        "确实在期限内作出、只是送达晚了的，可由督办人员裁定计入；期限后才作出的，不能计入。",
    ),
    "before_service": (
        "评价时间早于服务时间",
        "多为设备时钟不准。有凭证的，可由督办人员裁定计入；服务时间报错的，请业务系统更正后重试。",
    ),
    "in_the_future": ("评价时间晚于到达时间", "多为设备时钟不准。请校准设备；有凭证的，可由督办人员裁定计入。"),
    "indicator_unknown": ("勾选的指标不在目录内", "可以去掉这一项指标后重试，等级和文字保持原样。"),
    "indicator_retired": ("勾选的指标已经停用", "可以去掉这一项指标后重试，等级和文字保持原样。"),
    "indicator_of_other_level": ("勾选的指标不属于所评的等级", "可以去掉这一项指标后重试，等级和文字保持原样。"),
    "bad_rating_needs_reason": (
        "没有写原因",
        "请来源单位补充原因后重新提交；补不到的，可由督办人员裁定按“未填原因”计入。",
    ),
    "already_rated": ("这次服务已有另一条评价", "一次服务只计一次，先到的有效。不用处理。"),
    "service_not_yours": ("评价的不是该来源单位的办件", "核对办件编号；确实不是该单位的，不能计入。"),
    "organ_not_yours": ("该来源无权报送这个单位的办件", "核对单位代码；需要时请系统管理员调整应用的范围后重试。"),
    "no_policy": ("所在地区没有可用的评价规则", "请系统管理员核对地区代码或补充规则包后重试。"),
    "not_storable": ("含有无法保存的内容", "请来源单位检查字符和长度后重新提交。"),
    "malformed": ("不是完整的一条记录", "请来源单位检查格式后重新提交。"),
    "required": ("缺少必填的内容", "缺的是办件编号或服务次数的，可以在下面补上；其他请来源单位补齐后重新提交。"),
    "out_of_range": ("数字超出范围", "服务次数、申请人类型可以在下面更正；等级不能改，请来源单位重新提交。"),
    "not_a_number": ("该填数字的地方不是数字", "服务次数、申请人类型可以在下面更正；等级不能改，请来源单位重新提交。"),
    "too_long": ("内容太长", "评价文字不能替评价人删改，请来源单位重新提交；其他字段可以在下面更正。"),
    "bad_time": ("时间格式不对", "评价时间不能改，请来源单位重新提交。"),
    "unknown_value": ("取值不在代码表内", "可以去掉不认识的取值后重试。"),
    "not_text": ("该填文字的地方不是文字", "请来源单位检查后重新提交。"),
    "device_revoked": (
        "评价设备已经停用",
        "先查明为什么停用：更换或搬走的设备，停用前作出的评价点“再试一次”入库；丢失、被盗的，不能计入。成批重试时不带上这一类，要逐条决定。",
    ),
    "service_elsewhere": ("所评的办件不在这台设备的大厅", "核对办件编号；写错了的，在下面更正。"),
    "bad_code": ("代码的位数或写法不对", "在下面更正后重试。"),
}
OTHER = ("没有通过检查", "看下面的说明；能更正的更正后重试，不能的请来源单位重新提交。")

LABELS = {
    "projectNo": "办件编号", "serviceNumber": "服务次数", "pf": "评价渠道", "assessTime": "评价时间", "deviceId": "评价设备",
    "consent": "同意事项", "userProp": "申请人类型", "evalDetail": "勾选的指标", "taskCode": "事项实施编码",
    "taskHandleItem": "业务办理项编码", "orgcode": "单位代码", "deptCode": "单位代码", "areaCode": "行政区划", "windowNo": "窗口",
    "clerkNo": "窗口人员", "serviceTime": "服务时间", "proStatus": "办件状态", "acceptDate": "受理时间", "resultDate": "办结时间",
    "name": "评价人姓名", "certKey": "证件号码", "mobile": "电话", "userName": "申请人", "creditNum": "证件号码",
    "satisfaction": "评价等级", "writingEvaluation": "评价文字",
}  # fmt: skip
_MASKS = {
    "name": masks.mask_name, "userName": masks.mask_name, "certKey": masks.mask_id, "creditNum": masks.mask_id,
    "mobile": masks.mask_phone,
}  # fmt: skip
# What would let somebody pick: seen by nobody who repairs.
BLIND = {"satisfaction": "不显示：修复时不看好坏", "writingEvaluation": "有文字，不显示"}
_NAMES = re.compile("|".join(rf"\b{name}\b" for name in sorted(LABELS, key=len, reverse=True)), re.ASCII)
_CODE = re.compile(r"指标 ([0-9A-Za-z]+)")


def in_words(message: str) -> str:
    """A message with the fields by their names on the screen: nobody who works here reads the wire's."""
    return _NAMES.sub(lambda found: LABELS[found[0]], message)


def why(code: str) -> str:
    return WHY.get(code, OTHER)[0]


@dataclass(frozen=True)
class Fault:
    label: str
    message: str


@dataclass(frozen=True)
class Shown:
    """A field of the record as it may be shown."""

    label: str
    value: str
    was: str = ""  # as it came first, where it was mended


@dataclass(frozen=True)
class Input:
    """A field that may be mended: `drops` where only parts of it may be left out."""

    name: str
    label: str
    value: str
    hint: str = ""
    drops: Sequence[
        tuple[str, str]
    ] = ()  # parts that may be left out: which one of `value`, counted from 1, and its name
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Case:
    """One record on the repair screen."""

    id: UUID
    kind: str
    reason: str
    lane: str
    source: str
    since: datetime
    row: Rejected | None  # None while it waits
    faults: Sequence[Fault] = ()
    shown: Sequence[Shown] = ()
    inputs: Sequence[Input] = ()
    event: ServiceEvent | None = None
    others: Sequence[ServiceEvent] = field(default=())  # services of the same case

    @property
    def why(self) -> str:
        return why(self.reason)

    @property
    def remedy(self) -> str:
        return WHY.get(self.reason, OTHER)[1]


def case_of(row: Rejected | Parked, actor: Actor) -> Case:
    """What whoever repairs may see of a record: no level, no words, no name in clear."""
    if isinstance(row, Parked):
        record, original = wire_of(read_again(row)), {}
        faults, kept_row = [("", row.reason, why(row.reason))], None
    else:
        kept = open_kept(row)
        record, original, faults, kept_row = kept.record, kept.original, kept.faults, row
    event_id = row.id if isinstance(row, Parked) else row.event_id
    event = evaluation.event(event_id) if event_id is not None and row.kind == "evaluation" else None
    return Case(
        row.id,
        row.kind,
        row.reason,
        "parked" if isinstance(row, Parked) else row.lane,
        row.source,
        row.received_at,
        kept_row,
        # An indicator's code and name tell the level: which one it is, stays in the record.
        [
            Fault(LABELS.get(name, name), why(code) if name == "evalDetail" else in_words(text))
            for name, code, text in faults
        ],
        _shown(record, original),
        _inputs(row.kind, record, faults),
        event,
        evaluation.case_seen_by(actor, str(record.get("projectNo", ""))) if row.kind == "evaluation" else (),
    )


def _shown(record: dict[str, Any], original: dict[str, Any]) -> list[Shown]:
    lines = []
    for name, label in LABELS.items():
        value = record.get(name)
        if value in (None, "", []) or name == "evalDetail":
            continue
        before = original.get(name) if original and original.get(name) != value else None
        lines.append(Shown(label, _said(name, value), _said(name, before) if before else ""))
    return lines


def _said(name: str, value: Any) -> str:
    if name in BLIND:
        return BLIND[name]
    text = "、".join(map(str, value)) if isinstance(value, list) else str(value)
    if name == "pf" and text.isdigit() and 1 <= int(text) <= 9:
        return next(word for channel, word in CHANNEL_NAMES.items() if channel == int(text))
    return _MASKS[name](text) if name in _MASKS else masks.mask_text(text)[:200]


def _inputs(kind: str, record: dict[str, Any], faults: Sequence[tuple[str, str, str]]) -> list[Input]:
    wrong = {name for name, _, _ in faults}
    found = []
    for name in FIXABLE[kind]:
        value = record.get(name)
        if name in {"evalDetail", "consent"}:
            parts = value if isinstance(value, list) else [c.strip() for c in str(value or "").split(",") if c.strip()]
            refused = {code for f, _, message in faults if f == name for code in _CODE.findall(message)}
            bad = [
                (str(n), f"第 {n} 项" if name == "evalDetail" else str(part))
                for n, part in enumerate(parts, 1)
                if str(part) in refused or (name == "consent" and name in wrong)
            ]
            if bad:
                found.append(Input(name, LABELS[name], ",".join(map(str, parts)), "没有列出的照原样保留。", bad))
            continue
        if name in {"userProp", "deviceId"} and name not in wrong:
            continue
        text = "" if value is None else str(value)
        found.append(Input(name, LABELS[name], text, "", (), _choices(name)))
    return found


def _choices(name: str) -> list[tuple[str, str]]:
    """What the directory offers for a code, by code and name."""
    known = snapshot()
    if name == "orgcode":
        return sorted((organ.code, organ.name) for organ in known.organs.values() if organ.is_active)[:500]
    if name == "taskCode":
        items = {item.task_code: item.name for item in known.items.values() if item.valid_to is None}
        return sorted(items.items())[:500]
    return []
