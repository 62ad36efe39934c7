"""What a citizen does at `/my`: rate, follow up, judge the rectification, object, withdraw. Each for their own rating only."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import citizen
from haochaping.channels.forgetting import forget_written
from haochaping.channels.my import queries, rules
from haochaping.evaluation import commands as evaluation
from haochaping.evaluation.rules import Consent, Level
from haochaping.flow.admit import admit
from haochaping.kit.errors import FieldError, Refused
from haochaping.messaging import commands as messaging
from haochaping.rectification.commands import forget_words, perform, reopen_on_follow_up

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from haochaping.channels.forms import Draft
    from haochaping.channels.my.queries import Citizen

SOURCE = "my"
ANONYMOUS = "匿名提交时，单位无法联系您。请去掉“匿名提交”，或去掉“允许被评单位联系我”。"


def rate(me: Citizen, id_: UUID, draft: Draft, *, is_anonymous: bool, pf: int, now: datetime) -> bool:
    """Rate a service of one's own: real-name as far as it was proved, or anonymous at one's wish. Whether this was the one.

    What was proved goes along: name and certificate, or the telephone, which is real-name where the business system holds
    the same for the case. Refused as `flow.admit` says, 409 where its time is over.
    """
    service = queries.one(me, id_, now)
    if is_anonymous and Consent.CONTACT_DEPARTMENT in draft.consent:
        raise Refused("fields_refused", 422, ANONYMOUS, (FieldError("consent", "anonymous", ANONYMOUS),))
    name, cert, mobile = ("", "", "") if is_anonymous else (me.name, me.cert, me.mobile)
    event = service.event
    bare = replace(draft, name="", mobile="")
    submission = bare.submission(project_no=event.project_no, service_number=event.service_number, pf=pf, now=now)
    (outcome,) = admit([replace(submission, source=SOURCE, name=name, cert=cert, mobile=mobile)], now=now)
    if outcome.refused is None:
        return outcome.status == "created"
    if outcome.refused.code == "already_rated":
        return False
    raise outcome.refused


def follow_up(me: Citizen, id_: UUID, *, level: str, text: str, now: datetime) -> None:
    """追评, once; a bad one takes a closed order up again. 422 without a level, or without a word where it is bad."""
    queries.rated_by(me, id_, now)
    given = evaluation.require_level(level)
    words = _sentence("words", text, "追评", required=given.is_bad)
    with transaction.atomic():
        evaluation.follow_up(id_, level=int(Level(given)), text=words, now=now)
        reopen_on_follow_up(id_, level=int(given), now=now)


def act(me: Citizen, id_: UUID, name: str, *, reason: str, now: datetime) -> None:
    """One of `rules.ACTS`; 404 for another. Moves of the order go the single way, as the rater of this one service."""
    service = queries.rated_by(me, id_, now)
    if name in rules.MOVES:
        wanted = rules.MOVES[name]
        facts = {wanted.fact: _sentence("reason", reason, wanted.asks, required=True)} if wanted.asks else {}
        perform(order_id=id_, verb=name, actor=citizen(id_), facts=facts, now=now)
    elif name == "withdraw-identity":
        if not service.has_identity:
            raise Refused("nothing_to_withdraw", 409, "这条评价没有保存您的身份，不用撤回。")
        withdraw_identity(me, id_, now=now)
    elif name == "withdraw-words":
        if not service.has_words:
            raise Refused("nothing_to_withdraw", 409, "这条评价没有文字，不用撤回。")
        withdraw_words(id_, now=now)
    else:
        raise Refused("not_found", 404, "没有这个操作。")


def withdraw_identity(me: Citizen, id_: UUID, *, now: datetime) -> None:
    """Erase who rated. In which capacity it was withdrawn stands in the proof: the rating stays with the person of the case,
    unless somebody else had given it.
    """
    by = rules.APPLICANT if queries.is_applicant(me, id_) else rules.EVALUATOR
    with transaction.atomic():
        evaluation.erase_identity(id_, by=by, now=now)
        forget_written(id_, "identity")
        messaging.withdraw([id_], now=now)
        audit(citizen(id_), "withdraw_identity", str(id_), now=now)


def withdraw_words(id_: UUID, *, now: datetime) -> None:
    with transaction.atomic():
        evaluation.erase_words(id_, by=rules.EVALUATOR, now=now)
        forget_words(id_)
        forget_written(id_, "words")
        audit(citizen(id_), "withdraw_words", str(id_), now=now)


def _sentence(field: str, typed: str, label: str, *, required: bool) -> str:
    """What was typed, without what cannot be stored; Refused 422 says what to do."""
    text = typed.replace("\r\n", "\n").strip()
    message = ""
    if not text and required:
        message = "请写一句话说明还有什么没有解决。" if field == "words" else f"请填写：{label}"
    elif len(text) > rules.WORDS_MOST:
        message = f"文字最多 {rules.WORDS_MOST} 字，请删减后再提交。"
    elif re.search(r"[\x00\ud800-\udfff]", text):
        message = "文字里有无法保存的字符，请删去后再提交。"
    if message:
        raise Refused("fields_refused", 422, message, (FieldError(field, "required", message),))
    return text
