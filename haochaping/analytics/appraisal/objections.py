"""考核申诉 and corrections: asked for by the unit, the clerk or who runs the place; decided by somebody of another organ.

What is accepted becomes a dated correction beside the published score; that one stays as it was.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import msgspec
from django.db import IntegrityError, transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import holders
from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import queries, rules
from haochaping.analytics.appraisal.commands import nearest
from haochaping.analytics.appraisal.models import Correction, Objection, ObjectionStep, Score
from haochaping.analytics.appraisal.rules import Sort
from haochaping.kit.errors import FieldError, Refused
from haochaping.messaging.notices import Told, notify
from haochaping.messaging.rules import NoticeKind
from haochaping.policy.queries import calendar
from haochaping.rectification.rules import over

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.appraisal.rules import Part

LONGEST = 2000
VERB_NAMES = {
    "raise": "提出",
    "add": "补充说明",
    "withdraw": "撤回",
    "uphold": "成立，予以更正",
    "dismiss": "不成立，维持原分",
}
STATE_NAMES = {"waiting": "待裁定", "upheld": "成立，已更正", "dismissed": "不成立", "withdrawn": "已撤回"}
KIND_NAMES = {"appeal": "考核申诉", "correction": "更正申请"}


def appeal(score_pk: int, *, key: str, reason: str, actor: Actor, now: datetime) -> Objection:
    """A unit or a clerk objects to one part of their score, within the term of the scheme; once.

    Refused 404 out of sight, 409 `not_possible_now` with why not, 422 with the field.
    """
    with transaction.atomic():
        score = _locked(score_pk, actor)
        if why := queries.why_not_appeal(actor, score, now):
            raise Refused("not_possible_now", 409, why)
        return _raise("appeal", score, key=key, reason=reason, actor=actor, now=now)


def ask_correction(score_pk: int, *, key: str, reason: str, actor: Actor, now: datetime) -> Objection:
    """Who runs the place has found a published figure wrong: another person decides."""
    with transaction.atomic():
        score = _locked(score_pk, actor)
        if not queries.may_correct(actor, score):
            raise Refused("not_your_role", 403, "已公布的得分由督办或市级主管申请更正，另一人裁定。")
        return _raise("correction", score, key=key, reason=reason, actor=actor, now=now)


def act(pk: int, verb: str, given: Mapping[str, str], *, actor: Actor, now: datetime) -> Objection:
    """Go on with one; Refused 404 out of sight, 403 not theirs, 409 when it is over, 422 with the fields."""
    with transaction.atomic():
        queries.objection_for(actor, pk)
        row = Objection.objects.select_for_update(of=("self",)).select_related("score__appraisal").get(pk=pk)
        check(row, verb, given, actor=actor)
        text = read_text(given.get("text", ""))
        if verb == "uphold":
            _correct(row, given, text, actor, now)
        if verb != "add":
            row.state = {"withdraw": "withdrawn", "uphold": "upheld", "dismiss": "dismissed"}[verb]
            row.ended_at = now
            row.save(update_fields=["state", "ended_at"])
        _step(row, verb, text, actor, now)
        audit(
            actor,
            f"score_{verb}",
            str(row.pk),
            now=now,
            facts={"种类": KIND_NAMES[row.kind], "对象": row.score.subject},
        )
        _tell_of_step(row, verb, actor, now)
    return row


def check(row: Objection, verb: str, given: Mapping[str, str], *, actor: Actor) -> None:
    """Refused as `act` would refuse."""
    if verb not in VERB_NAMES or verb == "raise":
        raise Refused("unknown_verb", 404, "没有这一操作。")
    if row.state != "waiting":
        raise Refused("not_possible_now", 409, f"这件{KIND_NAMES[row.kind]}已办结（{STATE_NAMES[row.state]}）。")
    if verb not in verbs_for(row, actor):
        raise Refused(
            "not_your_part",
            403,
            "裁定由其他单位的复核或督办人员作出，提出的人、提交或公布考核的人和本单位的人都不能裁定。",
        )
    read_text(given.get("text", ""))
    if verb == "uphold":
        read_figure(_now_of(row), given)


def verbs_for(row: Objection, actor: Actor) -> list[str]:
    """What somebody may do with it now, in the order of the page."""
    if row.state != "waiting":
        return []
    found = ["uphold", "dismiss"] if queries.may_judge(actor, row) else []
    if row.made_by_id == actor.id:
        found += ["add", "withdraw"]
    return found


def read_text(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST or "\x00" in text:
        raise _wrong("text", f"请写明理由，最多 {LONGEST} 字。")
    return text


def read_figure(part: Part, given: Mapping[str, str]) -> tuple[float, int | None]:
    """The right numerator and denominator of a part; Refused 422 naming the field."""
    numerator = _read(given, "numerator", "更正后的分子" if part.denominator is not None else "更正后的数值")
    denominator = None
    if part.denominator is not None:
        denominator = int(_read(given, "denominator", "更正后的分母"))
    is_whole = numerator == math.floor(numerator)
    if not is_whole and part.sort is not Sort.INDEX:
        raise _wrong("numerator", "件数应为整数。")
    try:
        (after,) = rules.corrected([part], part.key, numerator, denominator)
    except ValueError:
        raise _wrong("numerator", "数值不合理：分子不能大于分母，得分不能大于 100。") from None
    if (after.numerator, after.denominator) == (part.numerator, part.denominator):
        raise _wrong("numerator", "和现在的数值一样：没有要更正的，请改为“不成立”。")
    return (numerator if part.sort is Sort.INDEX else int(numerator)), denominator


def _read(given: Mapping[str, str], name: str, label: str) -> float:
    text = given.get(name, "").strip().replace(",", "")
    if not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text):
        raise _wrong(name, f"“{label}”应为数字。")
    return float(text)


def _now_of(row: Objection) -> Part:
    (line,) = queries.with_corrections([queries.as_line(row.score)])
    parts, _ = queries.standing(line)
    return next(part for part in parts if part.key == row.key)


def _correct(row: Objection, given: Mapping[str, str], reason: str, actor: Actor, now: datetime) -> None:
    (line,) = queries.with_corrections([queries.as_line(row.score)])
    parts, _ = queries.standing(line)
    before = next(part for part in parts if part.key == row.key)
    numerator, denominator = read_figure(before, given)
    after = rules.corrected(parts, row.key, numerator, denominator)
    scheme = queries.basis_of(row.score.appraisal).scheme
    Correction.objects.create(
        score_id=row.score_id,
        n=len(line.corrections) + 1,
        objection_id=row.pk,
        key=row.key,
        before=msgspec.to_builtins(before),
        after=msgspec.to_builtins(next(part for part in after if part.key == row.key)),
        total=msgspec.to_builtins(rules.total(after, scheme.least)),
        reason=reason,
        by=actor.name,
        at=now,
    )


def _locked(score_pk: int, actor: Actor) -> Score:
    queries.score_for(actor, score_pk)
    return Score.objects.select_related("appraisal").get(pk=score_pk)


def _raise(kind: str, score: Score, *, key: str, reason: str, actor: Actor, now: datetime) -> Objection:
    part = next((part for part in queries.as_line(score).parts if part.key == key), None)
    if part is None:
        raise _wrong("key", "请选择有异议的一项。")
    text = read_text(reason)
    scheme = queries.basis_of(score.appraisal).scheme
    due = over(now, scheme.decide_within.term, calendar(score.area_path)).at
    try:
        with transaction.atomic():
            row = Objection.objects.create(
                score=score, kind=kind, key=key, made_by_id=actor.id, made_by=actor.name, made_at=now, due=due
            )
    except IntegrityError:
        raise Refused("not_possible_now", 409, "这份得分已有一件申诉或更正在办理。") from None
    _step(row, "raise", text, actor, now)
    audit(actor, "score_raise", str(row.pk), now=now, facts={"种类": KIND_NAMES[kind], "对象": score.subject})
    judges = {
        one.person_id
        for one in holders(queries.JUDGES, area=score.area_path, organ=score.organ_path)
        if not any(path.startswith(score.organ_path) for path in (one.organ, one.scope.organ) if path)
    } - {actor.id, *score.appraisal.authors}
    told = f"有一件{KIND_NAMES[kind]}待裁定：{score.appraisal.month:%Y年%-m月}，{part.name}。"
    _tell(row, judges, "raise", kind=NoticeKind.TASK, text=told, now=now)
    return row


def _step(row: Objection, verb: str, text: str, actor: Actor, now: datetime) -> None:
    n = ObjectionStep.objects.filter(objection_id=row.pk).count() + 1
    ObjectionStep.objects.create(
        objection_id=row.pk, n=n, verb=verb, actor_id=actor.id, actor_name=actor.name, text=text, at=now
    )


def _tell_of_step(row: Objection, verb: str, actor: Actor, now: datetime) -> None:
    """Whoever asked hears of every step that is not their own; the unit and the clerk of what was decided."""
    people = {row.made_by_id}
    if verb in {"uphold", "dismiss"}:
        score = row.score
        people |= nearest(holders((Role.HANDLER,), area=score.area_path, organ=score.organ_path))
        people |= {score.account} - {""}
    text = f"{KIND_NAMES[row.kind]}有新进展：{VERB_NAMES[verb]}。"
    n = ObjectionStep.objects.filter(objection_id=row.pk).count()
    _tell(row, people - {actor.id}, f"{verb}{n}", kind=NoticeKind.NEWS, text=text, now=now)


def _tell(row: Objection, people: set[str], what: str, *, kind: NoticeKind, text: str, now: datetime) -> None:
    url = f"/console/analysis/appraisal/objections/{row.pk}/"
    notify(
        [Told(who, f"objection:{row.pk}:{what}", kind, text, url, row.score.area_path) for who in sorted(people)],
        now=now,
    )


def _wrong(field: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, "not_allowed", message),))
