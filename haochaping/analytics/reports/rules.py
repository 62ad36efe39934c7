"""The life of a report as one table, and what a person may add to it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from haochaping.analytics.reports.kinds import Kind
from haochaping.kit.errors import FieldError, Refused

LONGEST, LONGEST_TITLE = 3000, 100
TRIES = 3  # of a report that cannot be made, then somebody must look


class State(StrEnum):
    QUEUED = "queued"
    FAILED = "failed"
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    ARCHIVED = "archived"
    WITHDRAWN = "withdrawn"
    DROPPED = "dropped"

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]


STATE_NAMES = {
    State.QUEUED: "正在生成",
    State.FAILED: "生成失败",
    State.DRAFT: "草稿",
    State.SUBMITTED: "待审批",
    State.APPROVED: "正在定稿",
    State.ARCHIVED: "已归档",
    State.WITHDRAWN: "已撤回",
    State.DROPPED: "已作废",
}
WORKING = (State.QUEUED, State.APPROVED)  # the worker has them in hand
FINAL = (State.ARCHIVED, State.WITHDRAWN)  # what those read who neither write nor approve


class By(StrEnum):
    AUTHOR = "author"  # who supervises the report's place
    APPROVER = "approver"  # a second person: who supervises or leads there, and had no hand in it
    OWNER = "owner"  # whoever supervises or leads there
    SYSTEM = "system"


class Step(NamedTuple):
    """One way on; `asks` is the label of the text that it needs, "" for none; `warns` says what comes of it."""

    source: State
    verb: str
    label: str
    by: By
    target: State
    warns: str = ""
    asks: str = ""


STEPS = (
    Step(State.QUEUED, "draw", "生成", By.SYSTEM, State.DRAFT),
    Step(State.QUEUED, "fail", "生成失败", By.SYSTEM, State.FAILED),
    Step(State.FAILED, "retry", "重新生成", By.AUTHOR, State.QUEUED, "确认后，系统重新取数生成草稿。"),
    Step(State.DRAFT, "submit", "提交审批", By.AUTHOR, State.SUBMITTED, "确认后，数据和文字定稿，由另一人审批。"),
    Step(State.DRAFT, "redraw", "重新取数", By.AUTHOR, State.QUEUED, "确认后，按现在的数据重新生成，您写的文字保留。"),
    Step(State.SUBMITTED, "approve", "批准", By.APPROVER, State.APPROVED, "确认后，报告编号、生成 PDF 和 Word 并归档，不能再改，只能撤回。"),
    Step(State.SUBMITTED, "return", "退回修改", By.APPROVER, State.DRAFT, "确认后，报告退回起草人。", "退回理由"),
    Step(State.APPROVED, "file", "归档", By.SYSTEM, State.ARCHIVED),
    Step(State.ARCHIVED, "withdraw", "撤回", By.OWNER, State.WITHDRAWN, "确认后，报告标为“已撤回”并写明理由，原文件仍保存，不再公开。", "撤回理由"),
    Step(State.DRAFT, "drop", "作废", By.AUTHOR, State.DROPPED, "确认后，草稿作废，不能恢复。", "作废理由"),
    Step(State.FAILED, "drop", "作废", By.AUTHOR, State.DROPPED, "确认后，报告作废，不能恢复。", "作废理由"),
)  # fmt: skip
VERBS = tuple(dict.fromkeys(step.verb for step in STEPS if step.by is not By.SYSTEM))
VERB_NAMES = {"ask": "要求生成", "plan": "按订阅生成", **{step.verb: step.label for step in STEPS}}
TEXTS = {"title": "标题", "lead": "编者按", "analysis": "原因分析", "suggestion": "工作建议"}
OWED = {Kind.TOPIC: ("analysis", "suggestion")}  # what its author must have written before it is submitted


def step(state: State, verb: str, parts: frozenset[By]) -> Step:
    """The step of that verb; Refused 404 for none such, 409 where the report stands otherwise, 403 to others."""
    known = [one for one in STEPS if one.verb == verb and one.by is not By.SYSTEM]
    if not known:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    found = next((one for one in known if one.source is state), None)
    if found is None:
        raise Refused("not_possible_now", 409, f"报告现为“{state.name_zh}”，不能“{known[0].label}”，请刷新后再看。")
    if found.by in parts:
        return found
    if found.by is By.APPROVER and By.OWNER in parts:
        raise Refused(
            "second_person", 403, "报告须由另一人审批：起草、修改和提交的人不能自己批准。请由其他督办人员或领导办理。"
        )
    raise Refused("not_your_part", 403, "报告由督办人员起草和提交，由另一位督办人员或领导审批。")


def read(name: str, label: str, text: str, *, is_required: bool = False, longest: int = LONGEST) -> str:
    """A text as it is kept; Refused 422 naming its field."""
    text = text.replace("\r\n", "\n").strip()
    if is_required and not text:
        raise wrong(name, f"请填写“{label}”。")
    if len(text) > longest:
        raise wrong(name, f"“{label}”最多 {longest} 字，现有 {len(text)} 字。")
    if any(char < " " and char not in "\n\t" for char in text):
        raise wrong(name, f"“{label}”含有无法保存的字符，请删去后重试。")
    return text


def wrong(name: str, message: str) -> Refused:
    return Refused("facts_refused", 422, message, (FieldError(name, "not_allowed", message),))
