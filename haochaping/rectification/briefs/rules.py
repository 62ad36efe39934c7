"""The way of a brief, as one table, and what each figure in it means. Pure."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.masks import mask_text

LONGEST = 3000
CASES_MOST = 500
QUOTES_MOST = 10


_ASKS = re.compile(r"回电|回个?电话|联系我|联系本人|(?:给我|打我)的?(?:来|打|回)?个?电话|打我手机")


def may_quote(words: str) -> bool:
    """Whether a leader's paper may carry a rater's words: with nothing masked in them, and no request to be called."""
    return mask_text(words) == words and _ASKS.search(words) is None


class State(StrEnum):
    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    ARCHIVED = "archived"

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]


STATE_NAMES = {State.DRAFT: "起草中", State.SUBMITTED: "待批示", State.APPROVED: "已批示", State.ARCHIVED: "已归档"}


class By(StrEnum):
    AUTHOR = "author"  # who supervises the brief's place
    LEADER = "leader"


class Step(NamedTuple):
    """One way in which a brief goes on; `asks` is the label of the text it needs, "" for none."""

    source: State
    verb: str
    label: str
    by: By
    target: State
    asks: str = ""


STEPS = (
    Step(State.DRAFT, "submit", "报送领导", By.AUTHOR, State.SUBMITTED),
    Step(State.SUBMITTED, "approve", "批示", By.LEADER, State.APPROVED, "批示内容"),
    Step(State.SUBMITTED, "return", "退回修改", By.LEADER, State.DRAFT, "退回理由"),
    Step(State.APPROVED, "archive", "归档", By.AUTHOR, State.ARCHIVED),
)
VERB_NAMES = {"draft": "起草", **{step.verb: step.label for step in STEPS}}
TEXTS = {"title": "标题", "situation": "基本情况", "analysis": "原因分析", "suggestion": "工作建议"}


def step(state: State, verb: str, parts: frozenset[By]) -> Step:
    """The step of that verb; Refused 404 for none such, 409 where the brief stands otherwise, 403 to others."""
    known = [one for one in STEPS if one.verb == verb]
    if not known:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    found = next((one for one in known if one.source is state), None)
    if found is None:
        raise Refused(
            "not_possible_now", 409, f"专报现为“{STATE_NAMES[state]}”，不能“{known[0].label}”，请刷新后再看。"
        )
    if found.by not in parts:
        raise Refused("not_your_part", 403, "专报由领导批示，由督办人员起草、报送和归档。")
    return found


def read(name: str, label: str, text: str, *, longest: int = LONGEST, is_required: bool = True) -> str:
    """A text as it is kept; Refused 422 naming its field."""
    text = text.replace("\r\n", "\n").strip()
    if is_required and not text:
        raise _wrong(name, f"请填写“{label}”。")
    if len(text) > longest:
        raise _wrong(name, f"“{label}”最多 {longest} 字，现有 {len(text)} 字。")
    if "\x00" in text:
        raise _wrong(name, f"“{label}”含有无法保存的字符，请删去后重试。")
    return text


def _wrong(name: str, message: str) -> Refused:
    return Refused("facts_refused", 422, message, (FieldError(name, "not_allowed", message),))


class Counted(NamedTuple):
    """What is counted about the picked orders, by whole numbers."""

    picked: int
    aside: int  # not adopted: in no figure below
    answered: int
    late: int
    due: int  # that called for rectification, and whose limit has passed or that are closed
    verified: int
    organs: tuple[tuple[str, int], ...]
    causes: tuple[tuple[str, int], ...]


class Figure(NamedTuple):
    """A figure with its parts and what it means."""

    name: str
    value: str
    definition: str


def figures(counted: Counted) -> list[Figure]:
    """Every figure of a brief, in the order of the page; a share of nothing is said to be one."""
    n = counted.picked - counted.aside
    return [
        Figure("差评工单", f"{n} 件", f"挑选的 {counted.picked} 件中，去掉不予采纳的 {counted.aside} 件（申诉成立或评价被剔除）；下面各项都不含这些。"),
        Figure("已答复", _share(counted.answered, n), "已提交整改结果或解释说明的工单 ÷ 差评工单。"),
        Figure("曾超期", _share(counted.late, n), "有一步办理或答复超过过期限的工单 ÷ 差评工单。"),
        Figure("已核验整改", _share(counted.verified, counted.due), "回访或评价人满意、基本认可，或督办确认的工单 ÷ 应整改且已到期或已办结的工单（不含解释说明的）。"),
    ]  # fmt: skip


def _share(part: int, whole: int) -> str:
    return f"{part} ÷ {whole}（{part / whole:.1%}）" if whole else f"{part} ÷ 0（没有这样的工单）"
