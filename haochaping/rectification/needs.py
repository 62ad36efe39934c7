"""What a move must be told, how it is asked for in Chinese, and how an answer is read. Pure."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.kit.errors import FieldError
from haochaping.policy.rules import APPEAL_KINDS, SEVERITY_NAMES
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Choices = Mapping[str, str]

LONGEST = 2000  # characters of one text
YES, NO = frozenset({"true", "1", "yes", "on", "是"}), frozenset({"false", "0", "no", "off", "否"})
WAYS = {"relay": "平台转接", "hotline": "经12345联系", "phone": "直接电话", "visit": "当面沟通"}
OPEN_WAYS = frozenset({"phone", "visit"})  # ways that show the rater to the department
RESULTS = {"satisfied": "对整改满意", "accepted": "基本认可", "unreachable": "未联系上"}
VERDICTS = RESULTS | {"confirmed": "督办确认", "unsatisfied": "仍不满意"}
PRESSED = {"no": "没有", "yes": "有", "not_asked": "未询问"}


class Need(NamedTuple):
    """One input. `choices` of None: whatever the policy or the directory offers at that moment."""

    label: str
    kind: str = "text"  # text | choice | date | flag | files
    choices: Choices | None = None
    hint: str = ""


class Field(NamedTuple):
    """One input as offered to somebody now: ready to be drawn, with the choices that hold for this order."""

    name: str
    label: str
    kind: str
    choices: Choices
    hint: str
    is_required: bool


NEEDS = {
    "reason": Need("理由"),
    "unsatisfied.reason": Need("哪里还不满意"),
    "reason_code": Need("退单理由", "choice"),
    "organ": Need("承办单位", "choice", hint="统一社会信用代码"),
    "co_organs": Need("协办单位", hint="可不填；写单位名称或其中几个字，多个单位用逗号分隔"),
    "way": Need("联系方式", "choice", WAYS, "评价人身份未公开时，只能经平台转接或12345联系"),
    "result": Need("回访结果", "choice", RESULTS),
    "contact.result": Need("沟通情况", hint="不要写姓名、电话、证件号码"),
    "is_true": Need("情况是否属实", "flag"),
    "is_reasonable": Need("诉求是否合理", "flag"),
    "cause": Need("原因分类", "choice", CAUSE_NAMES),
    "severity": Need("难易程度", "choice", {str(k): v for k, v in SEVERITY_NAMES.items()}),
    "findings": Need("核实情况"),
    "basis": Need("依据", hint="法律、法规、政策条款，或诉求不合理之处"),
    "reply": Need("给评价人的答复", hint="用评价人看得懂的话写，评价人和公众会看到"),
    "kind": Need("申诉类型", "choice", APPEAL_KINDS),
    "evidence": Need("证据", hint="写明证据内容和存放处"),
    "ruling": Need("裁决意见", hint="评价人会看到"),
    "until": Need("延期至", "date"),
    "measures": Need("整改措施"),
    "text": Need("内容"),
    "to": Need("上报对象", "choice", {"supervisor": "督办", "leader": "领导"}),
    "files": Need("附件", "files", hint="先在“证据材料”里上传，再在这里勾选"),
    "clerk": Need("窗口人员", "choice"),
    "join.co_organs": Need(
        "协办单位", hint="写单位名称或其中几个字，多个单位用逗号分隔；各单位有自己的期限，由主办单位汇总"
    ),
    "convene.text": Need("提请协调的问题", hint="写清卡在哪里、需要谁拍板"),
    "conclude.text": Need("会议结论", hint="写明责任单位、措施和时限；评价人能看到"),
    "relay.text": Need(
        "留言内容", hint="评价人会收到短信提醒，登录后查看；双方都看不到对方的电话。不要询问姓名、电话、证件号码"
    ),
    "respond.text": Need("您的回复", hint="承办人员看得到这段话，看不到您是谁；请不要写姓名、电话"),
    "open_to_clerk.text": Need("请说明什么", hint="窗口人员只看到事项、日期和隐去个人信息的文字"),
    "statement.text": Need("情况说明"),
    "note": Need("备注"),
    "pressed": Need("有没有人要求您修改评价？", "choice", PRESSED),
}


def need_of(verb: str, name: str) -> Need:
    """The need of that name, as this verb means it."""
    return NEEDS.get(f"{verb}.{name}") or NEEDS[name]


def fields_of(verb: str, needs: Iterable[str], may: Iterable[str], offered: Mapping[str, Choices]) -> tuple[Field, ...]:
    """The inputs of a move; `offered` holds the choices that policy or directory allow for a name."""
    required = tuple(needs)
    fields = []
    for name in (*required, *may):
        need = need_of(verb, name)
        is_named = need.kind in {"choice", "files"} or name == "co_organs"
        choices = offered.get(name, need.choices or {}) if is_named else {}
        fields.append(Field(name, need.label, need.kind, choices, need.hint, name in required))
    return tuple(fields)


def read(
    verb: str, needs: Iterable[str], may: Iterable[str], offered: Mapping[str, Choices], facts: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[FieldError, ...]]:
    """The facts in plain JSON types, and what is wrong with them, field by field. Names that no need asks for are dropped."""
    clean: dict[str, Any] = {}
    errors = []
    for field in fields_of(verb, needs, may, offered):
        try:
            value = _read_one(field, facts.get(field.name), is_open=need_of(verb, field.name).choices is None)
        except ValueError as error:
            errors.append(FieldError(field.name, "not_allowed", str(error)))
            continue
        if value not in (None, "", []):
            clean[field.name] = value
        elif field.is_required:
            verb_zh = "填写" if field.kind == "text" else "选择"
            errors.append(FieldError(field.name, "required", f"请{verb_zh}“{field.label}”。"))
    return clean, tuple(errors)


def _read_one(field: Field, given: Any, *, is_open: bool) -> Any:
    if field.kind == "flag":
        return _flag(field.label, given)
    if field.name == "co_organs":
        return _codes(field.label, given)
    if field.kind == "files":
        files = _codes(field.label, given)
        if not set(files) <= field.choices.keys():
            raise ValueError(f"“{field.label}”只能勾选这件工单已上传的材料。")
        return files
    text = _text(field.label, given.isoformat() if isinstance(given, date) else given)
    if not text:
        return ""
    if field.kind == "choice" and text not in field.choices and not (is_open and not field.choices):
        raise ValueError(f"“{field.label}”没有这个选项，请从列出的选项中选择。")
    if field.kind == "date":
        try:
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ValueError(f"“{field.label}”应为日期，如 2026-10-09。") from None
    return text


def _text(label: str, given: Any) -> str:
    if given is None:
        return ""
    if not isinstance(given, str):
        raise ValueError(f"“{label}”应为文字。")  # noqa: TRY004  every wrong answer is one kind of error here
    text = given.strip()
    if len(text) > LONGEST:
        raise ValueError(f"“{label}”最多 {LONGEST} 字，现有 {len(text)} 字。")
    if re.search(r"[\x00\ud800-\udfff]", text):
        raise ValueError(f"“{label}”含有无法保存的字符，请删去后重试。")
    return text


def _flag(label: str, given: Any) -> bool | None:
    if given is None or isinstance(given, bool):
        return given
    text = str(given).strip().lower()
    if text in YES or text in NO:
        return text in YES
    if text:
        raise ValueError(f"“{label}”请选择是或否。")
    return None


def _codes(label: str, given: Any) -> list[str]:
    if isinstance(given, list):
        if not all(isinstance(code, str) for code in given):
            raise ValueError(f"“{label}”应为单位代码。")
        given = ",".join(given)
    return list(dict.fromkeys(code for code in re.split(r"[\s,，、;；]+", _text(label, given)) if code))
