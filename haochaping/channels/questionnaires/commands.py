"""A questionnaire's life: drafted, approved by a second person, answered once a browser, closed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role
from haochaping.channels.comments import queries as targets
from haochaping.channels.models import Questionnaire, QuestionnaireAnswer, QuestionnaireMark
from haochaping.channels.questionnaires import rules
from haochaping.channels.questionnaires.rules import Standing, State
from haochaping.directory.queries import snapshot
from haochaping.kit import clock, crypto, keys
from haochaping.kit.errors import Refused
from haochaping.kit.ids import CROCKFORD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.channels.questionnaires.rules import Question

DRAFTS = (Role.SUPERVISOR, Role.CITY)
APPROVES = (Role.SUPERVISOR, Role.CITY, Role.LEADER)
NOT_YOURS = Refused("not_yours", 403, "这个征询不在您的工作范围内。")


def draft(
    *,
    title: str,
    purpose: str,
    questions: Sequence[Question],
    area: str,
    target: str,
    starts: date,
    ends: date,
    actor: Actor,
    now: datetime,
    code: str = "",
) -> Questionnaire:
    """Write a draft, or write the draft of that code anew. Refused 422 by field."""
    wrong = rules.faults(title, purpose, questions, starts, ends)
    region = snapshot().region(area) if area.isdigit() else None
    if region is None:
        wrong.append(("area", "请选择地区。"))
    if target and targets.target(target) is None:
        wrong.append(("target", "没有找到这个征询对象，请从查找结果里选。"))
    if ends < clock.day(now):
        wrong.append(("ends", "结束日期已经过了。"))
    rules.refuse(wrong)
    assert region is not None  # refused above
    _guard(region.path, actor, DRAFTS)
    values = {
        "title": title,
        "purpose": purpose,
        "questions": [question.as_json() for question in questions],
        "area": region.code,
        "area_path": region.path,
        "target": target,
        "starts": starts,
        "ends": ends,
        "made_by_id": actor.id,
        "made_by": actor.name,
        "made_at": now,
    }
    with transaction.atomic():
        if code:
            found = _locked(code, actor, DRAFTS)
            if found.state != State.DRAFT:
                raise Refused("not_a_draft", 409, "已经送审或发布的征询不能再改。")
            for name, value in values.items():
                setattr(found, name, value)
            found.save(force_update=True)
        else:
            found = Questionnaire.objects.create(code=_new_code(), **values)
        audit(actor, "draft_questionnaire", found.code, now=now)
    return found


def send(code: str, *, actor: Actor, now: datetime) -> None:
    """Put a draft before a second person."""
    with transaction.atomic():
        found = _locked(code, actor, DRAFTS)
        if found.state != State.DRAFT:
            raise Refused("not_a_draft", 409, "这个征询已经送审。")
        found.state, found.sent_by_id, found.remark = State.SENT, actor.id, ""
        found.save(force_update=True)
        audit(actor, "send_questionnaire", code, now=now)


def settle(code: str, *, approves: bool, remark: str, actor: Actor, now: datetime) -> None:
    """A second person approves, or gives back with a word. Neither who wrote it nor who sent it: 403 `same_person`."""
    remark = remark.replace("\x00", "").strip()[:200]
    with transaction.atomic():
        found = _locked(code, actor, APPROVES)
        if found.state != State.SENT:
            raise Refused("not_sent", 409, "这个征询不在待审批状态。")
        if actor.id in {found.made_by_id, found.sent_by_id}:
            raise Refused("same_person", 403, "自己拟的征询要由另一个人审批。")
        if not approves and len(remark) < 2:
            rules.refuse([("remark", "退回请写明要改什么。")])
        if approves and clock.day(now) > found.ends:
            raise Refused("over", 409, "结束日期已过，请退回修改日期。")
        found.state = State.APPROVED if approves else State.DRAFT
        found.remark = "" if approves else remark
        found.approved_by, found.approved_at = (actor.name, now) if approves else ("", None)
        found.save(force_update=True)
        action = "approve_questionnaire" if approves else "return_questionnaire"
        audit(actor, action, code, now=now, facts={} if approves else {"remark": remark})


def close(code: str, *, actor: Actor, now: datetime) -> None:
    """End it before its last day. It cannot be opened again."""
    with transaction.atomic():
        found = _locked(code, actor, DRAFTS)
        today = clock.day(now)
        if rules.standing(found.state, found.starts, found.ends, today) not in {Standing.OPEN, Standing.COMING}:
            raise Refused("not_open", 409, "这个征询没有在进行。")
        found.state, found.closed_at = State.CLOSED, now
        found.save(force_update=True)
        audit(actor, "close_questionnaire", code, now=now)


def answer(found: Questionnaire, given: Mapping[str, Sequence[str]], *, browser: str, now: datetime) -> None:
    """Take in what one browser answered, once: 409 `already_answered`, `not_open`; 422 by question."""
    if rules.standing(found.state, found.starts, found.ends, clock.day(now)) is not Standing.OPEN:
        raise Refused("not_open", 409, "征询已经结束，谢谢您。")
    choices, texts = rules.read_answer(questions_of(found), given)
    with transaction.atomic():
        _, is_new = QuestionnaireMark.objects.get_or_create(digest=mark(found.code, browser))
        if not is_new:
            raise Refused("already_answered", 409, "您已经回答过，谢谢您。")
        QuestionnaireAnswer.objects.create(
            id=uuid4(), code=found.code, day=clock.day(now), choices=choices, texts=texts
        )


def mark(code: str, browser: str) -> bytes:
    return crypto.hmac_sm3(keys.key("content"), f"questionnaire\x00{code}\x00{browser}".encode())


def questions_of(found: Questionnaire) -> list[Question]:
    return [rules.Question.restore(kept) for kept in found.questions]


def _locked(code: str, actor: Actor, roles: tuple[Role, ...]) -> Questionnaire:
    found = Questionnaire.objects.select_for_update().filter(code=code).first()
    if found is None:
        raise Refused("not_found", 404, "没有这个征询。")
    _guard(found.area_path, actor, roles)
    return found


def _guard(area_path: str, actor: Actor, roles: tuple[Role, ...]) -> None:
    if actor.kind != "person" or not actor.over(area=area_path, organ="").has(*roles):
        raise NOT_YOURS


def _new_code() -> str:
    return "".join(secrets.choice(CROCKFORD) for _ in range(8))
