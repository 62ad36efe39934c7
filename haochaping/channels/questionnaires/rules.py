"""What a questionnaire may ask, what an answer may be, and what may be shown of few. Pure."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from haochaping.evaluation.rules import LEVEL_NAMES
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

QUESTIONS_MOST = 5
OPTIONS_MOST = 10
OPTION_LONG = 30
ASK_LONG = 80
TEXT_MOST = 200
DAYS_MOST = 90  # of being open
FEWEST = 5  # of fewer answers nothing is shown


class State(StrEnum):
    DRAFT = "draft"
    SENT = "sent"  # waits for a second person
    APPROVED = "approved"  # open to the public from its first to its last day
    CLOSED = "closed"  # before its last day


class Standing(StrEnum):
    """How a questionnaire stands on a day."""

    DRAFT, SENT, COMING, OPEN, OVER = "draft", "sent", "coming", "open", "over"


STANDING_NAMES = {
    Standing.DRAFT: "草稿",
    Standing.SENT: "待审批",
    Standing.COMING: "未开始",
    Standing.OPEN: "征询中",
    Standing.OVER: "已结束",
}


class Ask(StrEnum):
    """How a question is answered."""

    LEVEL = "level"
    SINGLE = "single"
    MULTIPLE = "multiple"
    TEXT = "text"


ASK_NAMES = {
    Ask.LEVEL: "五级满意度",
    Ask.SINGLE: "单选",
    Ask.MULTIPLE: "多选",
    Ask.TEXT: f"文字（{TEXT_MOST} 字内）",
}
LEVELS = tuple(LEVEL_NAMES[level] for level in sorted(LEVEL_NAMES, reverse=True))


@dataclass(frozen=True)
class Question:
    ask: str
    text: str
    options: tuple[str, ...] = ()
    is_required: bool = False

    @property
    def choices(self) -> tuple[str, ...]:
        """The options to choose from, the five levels among them; none for a text."""
        return LEVELS if self.ask == Ask.LEVEL else self.options

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"options": list(self.options)}

    @classmethod
    def restore(cls, kept: Mapping[str, Any]) -> Question:
        return cls(kept["ask"], kept["text"], tuple(kept["options"]), kept["is_required"])


def standing(state: str, starts: date, ends: date, today: date) -> Standing:
    if state in {State.DRAFT, State.SENT}:
        return Standing(state)
    if state == State.CLOSED or today > ends:
        return Standing.OVER
    return Standing.OPEN if today >= starts else Standing.COMING


def refuse(errors: Iterable[tuple[str, str]]) -> None:
    """Raise what is wrong, if anything is: pairs of field and message."""
    found = tuple(FieldError(field, "wrong", message) for field, message in errors)
    if found:
        raise Refused("fields_refused", 422, found[0].message, found)


def faults(title: str, purpose: str, questions: Sequence[Question], starts: date, ends: date) -> list[tuple[str, str]]:
    """What keeps a questionnaire from being put to people, by field."""
    wrong = []
    if not 2 <= len(title) <= 60:
        wrong.append(("title", "标题填 2 至 60 字。"))
    if not 4 <= len(purpose) <= 300:
        wrong.append(("purpose", "写明为什么征询、结果怎么用，4 至 300 字。"))
    if not questions:
        wrong.append(("ask-1", "至少写一个问题。"))
    for n, question in enumerate(questions, 1):
        wrong += _faults(n, question)
    if ends < starts:
        wrong.append(("ends", "结束日期不能早于开始日期。"))
    elif (ends - starts).days >= DAYS_MOST:
        wrong.append(("ends", f"一次征询最长 {DAYS_MOST} 天。"))
    return wrong


def _faults(n: int, question: Question) -> list[tuple[str, str]]:
    wrong = []
    if len(question.text) > ASK_LONG:
        wrong.append((f"text-{n}", f"问题 {n} 最多 {ASK_LONG} 字。"))
    if question.ask in {Ask.SINGLE, Ask.MULTIPLE}:
        if not 2 <= len(question.options) <= OPTIONS_MOST:
            wrong.append((f"options-{n}", f"问题 {n} 写 2 至 {OPTIONS_MOST} 个选项，一行一个。"))
        if any(len(option) > OPTION_LONG for option in question.options):
            wrong.append((f"options-{n}", f"每个选项最多 {OPTION_LONG} 字。"))
        if len(set(question.options)) < len(question.options):
            wrong.append((f"options-{n}", f"问题 {n} 有重复的选项。"))
    return wrong


def read_questions(typed: Mapping[str, str]) -> list[Question]:
    """The questions of the form, blank ones left out."""
    found = []
    for n in range(1, QUESTIONS_MOST + 1):
        text = typed.get(f"text-{n}", "").replace("\x00", "").strip()
        ask = typed.get(f"ask-{n}", "")
        if not text or ask not in set(Ask):
            continue
        options = [line.strip() for line in typed.get(f"options-{n}", "").replace("\x00", "").splitlines()]
        kept = tuple(option for option in options if option) if ask in {Ask.SINGLE, Ask.MULTIPLE} else ()
        found.append(Question(ask, text, kept, f"required-{n}" in typed))
    return found


def read_answer(
    questions: Sequence[Question], given: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[int]], list[str]]:
    """The chosen option numbers by question number, and the texts in order; Refused (422) names each wrong question."""
    wrong: list[tuple[str, str]] = []
    choices: dict[str, list[int]] = {}
    texts = []
    for n, question in enumerate(questions, 1):
        values = [value for value in given.get(f"q{n}", ()) if value.strip()]
        text = ""
        if question.ask == Ask.TEXT:
            text = re.sub(r"\x00", "", values[0]).replace("\r\n", "\n").strip() if values else ""
            if len(text) > TEXT_MOST:
                wrong.append((f"q{n}", f"第 {n} 题最多 {TEXT_MOST} 字，现有 {len(text)} 字。"))
        else:
            chosen = sorted({int(v) for v in values if re.fullmatch(r"\d{1,2}", v) and int(v) < len(question.choices)})
            if question.ask != Ask.MULTIPLE and len(chosen) > 1:
                wrong.append((f"q{n}", f"第 {n} 题只选一项。"))
            if chosen:
                choices[str(n)] = chosen
        if question.is_required and not text and str(n) not in choices:
            wrong.append((f"q{n}", f"第 {n} 题是必答题，请先回答。"))
        texts.append(text)
    if not wrong and not choices and not any(texts):
        wrong.append(("q1", "还没有回答任何问题。"))
    refuse(wrong)
    return choices, texts


@dataclass(frozen=True)
class Line:
    """One option of a result: how many of how many."""

    name: str
    n: int
    of: int

    @property
    def percent(self) -> str:
        return f"{100 * self.n / self.of:.1f}%"


@dataclass(frozen=True)
class Result:
    """What came of one question. With fewer than five answers only their number is known."""

    question: Question
    answered: int
    lines: tuple[Line, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def is_shown(self) -> bool:
        return self.answered >= FEWEST


def results(
    questions: Sequence[Question], answers: Iterable[tuple[Mapping[str, Sequence[int]], Sequence[str]]]
) -> list[Result]:
    """What came of each question; of fewer than five answers nothing but that."""
    kept = list(answers)
    found = []
    for n, question in enumerate(questions, 1):
        chosen = [choices[str(n)] for choices, _ in kept if str(n) in choices]
        texts = [texts[n - 1] for _, texts in kept if texts[n - 1]]
        answered = len(texts) if question.ask == Ask.TEXT else len(chosen)
        if answered < FEWEST:
            found.append(Result(question, answered))
            continue
        lines = tuple(
            Line(name, sum(place in each for each in chosen), answered) for place, name in enumerate(question.choices)
        )
        found.append(Result(question, answered, lines, tuple(sorted(texts))))
    return found
