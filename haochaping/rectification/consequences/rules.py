"""后果: kinds, who they concern, how each goes on, as one table. Pure.

An admonition 劝诫 concerns a rater and is nobody's business on the rated side; all others concern a clerk, window or organ and
rest on verified orders or published figures, so none of them leads back to a single rating.
"""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST = 2000  # characters of one text


class Kind(StrEnum):
    ADMONITION = "admonition"  # 劝诫
    TALK = "talk"  # 约谈
    TRAINING = "training"  # 教育培训
    NOTICE = "notice"  # 通报
    COMMENDATION = "commendation"  # 表扬

    @property
    def name_zh(self) -> str:
        return KIND_NAMES[self]


KIND_NAMES = {
    Kind.ADMONITION: "劝诫",
    Kind.TALK: "约谈",
    Kind.TRAINING: "教育培训",
    Kind.NOTICE: "典型案例通报",
    Kind.COMMENDATION: "表扬",
}


class Subject(StrEnum):
    RATER = "rater"
    CLERK = "clerk"
    WINDOW = "window"
    ORGAN = "organ"
    REGION = "region"  # a notice to all units of a place


SUBJECT_NAMES = {
    Subject.RATER: "评价人",
    Subject.CLERK: "窗口人员",
    Subject.WINDOW: "窗口",
    Subject.ORGAN: "单位",
    Subject.REGION: "全地区",
}
# Whom each kind may concern, the usual one first.
CONCERNS = {
    Kind.ADMONITION: (Subject.RATER,),
    Kind.TALK: (Subject.ORGAN, Subject.WINDOW, Subject.CLERK),
    Kind.TRAINING: (Subject.CLERK, Subject.WINDOW, Subject.ORGAN),
    Kind.NOTICE: (Subject.REGION, Subject.ORGAN),
    Kind.COMMENDATION: (Subject.WINDOW, Subject.CLERK, Subject.ORGAN),
}


class State(StrEnum):
    PROPOSED = "proposed"  # by a rule of the policy, or drafted by a supervisor
    ORDERED = "ordered"
    DONE = "done"
    DROPPED = "dropped"

    @property
    def name_zh(self) -> str:
        return STATE_NAMES[self]

    @property
    def is_open(self) -> bool:
        return self in {State.PROPOSED, State.ORDERED}


STATE_NAMES = {State.PROPOSED: "待决定", State.ORDERED: "待落实", State.DONE: "已完成", State.DROPPED: "已撤销"}


class By(StrEnum):
    SUPERVISOR = "supervisor"  # supervisor or city office of the place
    CONCERNED = "concerned"  # the unit, or the clerk themselves
    UNIT = "unit"


class Step(NamedTuple):
    """One way in which a consequence goes on."""

    kinds: frozenset[Kind]
    source: State
    verb: str
    by: By
    target: State
    needs: tuple[str, ...]

    @property
    def label(self) -> str:
        return VERB_NAMES[self.verb]


VERB_NAMES = {
    "propose": "提出",
    "decide": "决定",
    "deliver": "送达评价人",
    "publish": "发布",
    "state": "陈述意见",
    "record": "登记落实情况",
    "drop": "撤销",
}
_K, _S = Kind, State
_ON_PEOPLE = frozenset({_K.TALK, _K.TRAINING})
_SAID = frozenset({_K.NOTICE, _K.COMMENDATION})
STEPS = (
    Step(frozenset({_K.ADMONITION}), _S.PROPOSED, "deliver", By.SUPERVISOR, _S.DONE, ()),
    Step(_SAID, _S.PROPOSED, "publish", By.SUPERVISOR, _S.DONE, ()),
    Step(_ON_PEOPLE, _S.PROPOSED, "decide", By.SUPERVISOR, _S.ORDERED, ("text", "due")),
    Step(_ON_PEOPLE, _S.ORDERED, "state", By.CONCERNED, _S.ORDERED, ("view",)),
    Step(frozenset({_K.TRAINING}), _S.ORDERED, "record", By.UNIT, _S.DONE, ("done_on", "result")),
    Step(frozenset({_K.TALK}), _S.ORDERED, "record", By.SUPERVISOR, _S.DONE, ("done_on", "result")),
    Step(frozenset(_K), _S.PROPOSED, "drop", By.SUPERVISOR, _S.DROPPED, ("reason",)),
    Step(_ON_PEOPLE, _S.ORDERED, "drop", By.SUPERVISOR, _S.DROPPED, ("reason",)),
)
LABELS = {
    "title": "标题",
    "text": "内容",
    "due": "完成期限",
    "view": "意见",
    "done_on": "落实日期",
    "result": "落实情况",
    "reason": "撤销理由",
}
DATES = frozenset({"due", "done_on"})


def step(kind: Kind, state: State, verb: str, by: frozenset[By]) -> Step:
    """The step of that verb; Refused 404 for a verb nobody knows, 409 where it does not stand so, 403 for others' steps."""
    if verb not in VERB_NAMES:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    for found in STEPS:
        if kind in found.kinds and found.source is state and found.verb == verb:
            if found.by not in by:
                raise Refused("not_your_part", 403, f"“{found.label}”不由您办理。")
            return found
    raise Refused(
        "not_possible_now", 409, f"{kind.name_zh}现为“{state.name_zh}”，不能“{VERB_NAMES[verb]}”，请刷新后再看。"
    )


def steps_open_to(kind: Kind, state: State, by: frozenset[By]) -> list[Step]:
    return [one for one in STEPS if kind in one.kinds and one.source is state and one.by in by]


def read(needs: tuple[str, ...], given: Mapping[str, Any], *, today: date) -> dict[str, str]:
    """The facts of a step as texts; Refused `facts_refused` (422) naming each field that is missing or wrong."""
    clean, errors = {}, []
    for name in needs:
        text = str(given.get(name) or "").replace("\r\n", "\n").strip()
        if message := _wrong(name, text, today):
            errors.append(FieldError(name, "required" if not text else "not_allowed", message))
        clean[name] = text
    if errors:
        raise Refused("facts_refused", 422, "".join(error.message for error in errors), tuple(errors))
    return clean


def _wrong(name: str, text: str, today: date) -> str:
    label = LABELS[name]
    if not text:
        return f"请填写“{label}”。"
    if name in DATES:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return f"“{label}”应为日期，如 2026-10-09。"
        if name == "due" and day < today:
            return "“完成期限”不能早于今天。"
        return "“落实日期”不能晚于今天。" if name == "done_on" and day > today else ""
    if len(text) > LONGEST or re.search(r"[\x00\ud800-\udfff]", text):
        return f"“{label}”最多 {LONGEST} 字，且不能含无法保存的字符。"
    return ""


class Grounds(NamedTuple):
    """One month's figure on which a rule of the policy rests."""

    month: str  # 2026-05
    words: str


def may_admonish(*, state: str, appeal_kind: str, upheld: bool, is_final: bool, is_admonished: bool) -> str:
    """Why the rater of an order may not be admonished, "" if they may: only after an upheld appeal against malice, and finally."""
    if not upheld or state != "voided" or appeal_kind != "malicious":
        return "只有申诉成立、认定为恶意差评的，才能劝诫评价人。"
    if not is_final:
        return "评价人还可以对裁决提出异议，异议期满或复核结束后才能劝诫。"
    return "这件工单的评价人已经劝诫过，不能重复。" if is_admonished else ""
