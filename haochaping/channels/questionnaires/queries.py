"""Questionnaires as the public and as the people who made them see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count

from haochaping.accounts.queries import visible
from haochaping.channels.models import Questionnaire, QuestionnaireAnswer, QuestionnaireMark
from haochaping.channels.questionnaires.commands import mark, questions_of
from haochaping.channels.questionnaires.rules import Result, Standing, results, standing
from haochaping.kit.errors import Refused
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

__all__ = ["found_for", "has_answered", "open_one", "questionnaires_for", "questions_of", "results_of", "table"]


def questionnaires_for(actor: Actor) -> QuerySet[Questionnaire]:
    rows = visible(Questionnaire.objects.all(), actor, organ="area_path", window="area_path")
    return rows.order_by("-made_at", "code")


def found_for(actor: Actor, code: str) -> Questionnaire:
    found = questionnaires_for(actor).filter(code=code).first()
    if found is None:
        raise Refused("not_found", 404, "没有这个征询，或它不在您的工作范围内。")
    return found


def open_one(code: str, today: date) -> tuple[Questionnaire, Standing] | None:
    """The questionnaire that the public may know of: approved, open or over; None for drafts and made-up codes."""
    found = Questionnaire.objects.filter(code=code.upper().replace("\x00", "")).first()
    if found is None:
        return None
    stands = standing(found.state, found.starts, found.ends, today)
    return (found, stands) if stands in {Standing.COMING, Standing.OPEN, Standing.OVER} else None


def has_answered(code: str, browser: str) -> bool:
    return bool(browser) and QuestionnaireMark.objects.filter(digest=mark(code, browser)).exists()


def answers(codes: Collection[str]) -> dict[str, int]:
    """How many answers each of these questionnaires has; those without one are not named."""
    rows = QuestionnaireAnswer.objects.filter(code__in=codes).order_by()
    return dict(rows.values_list("code").annotate(n=Count("id")))


def results_of(found: Questionnaire) -> list[Result]:
    """What came of each question, texts masked; of fewer than five answers nothing."""
    rows = QuestionnaireAnswer.objects.filter(code=found.code).values_list("choices", "texts")
    told = ((choices, [mask_text(text) for text in texts]) for choices, texts in rows.iterator(5000))
    return results(questions_of(found), told)


def table(found: Questionnaire) -> tuple[list[str], Iterator[list[str]]]:
    """The results as a sheet: one line an option or text; a question with fewer than five answers says so."""

    def lines() -> Iterator[list[str]]:
        for n, result in enumerate(results_of(found), 1):
            head = [str(n), result.question.text]
            if not result.is_shown:
                yield [*head, "（不足5份，不显示）", "", "", ""]
            for line in result.lines:
                yield [*head, line.name, str(line.n), str(line.of), line.percent]
            for text in result.texts:
                yield [*head, text, "", str(result.answered), ""]

    return ["题号", "问题", "选项或文字", "份数", "本题回答份数", "百分比"], lines()
