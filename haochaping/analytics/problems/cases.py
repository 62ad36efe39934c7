"""Every write about excellent cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role, area_prefix
from haochaping.analytics.problems import queries
from haochaping.analytics.problems.models import CaseStep, ExcellentCase
from haochaping.analytics.problems.rules import (
    CASE_STEPS,
    CASE_TEXTS,
    LABELS,
    TITLE_LONGEST,
    By,
    CaseState,
    State,
    Step,
    private_wrong,
    read,
    refused,
    step,
    target_of,
    text_wrong,
)
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from haochaping.accounts.rules import Actor


def organs_for(actor: Actor) -> dict[str, str]:
    """For which organs somebody may nominate a case: names by code."""
    return {
        organ.code: organ.name
        for organ in snapshot().organs.values()
        if organ.is_active
        and actor.over(area=area_prefix(organ.area), organ=organ.path).has(Role.HANDLER, *queries.KEEP)
    }


def nominate(
    organ: str, given: Mapping[str, str], *, problem: int | None = None, actor: Actor, now: datetime
) -> ExcellentCase:
    """Hand in a case for an organ of the actor's, about a solved problem that they see or about none.

    Refused 403 for who may nominate nothing, 422 with the fields.
    """
    if actor.kind != "person" or not actor.has(Role.HANDLER, *queries.KEEP):
        raise Refused("not_your_part", 403, "优秀案例由责任单位或督办人员报送。")
    texts, errors = _texts(given)
    if organ not in organs_for(actor):
        errors.append(FieldError("organ", "not_allowed", "没有这个单位，或它不在您的管辖范围内，请核对。"))
    if problem is not None and not queries.problems_for(actor).filter(pk=problem, state=State.SOLVED).exists():
        errors.append(FieldError("problem", "not_allowed", "只能选您看得到的、已解决的典型问题。"))
    if errors:
        raise refused(errors)
    known = snapshot().organs[organ]
    with transaction.atomic():
        case = ExcellentCase.objects.create(
            area_path=area_prefix(known.area),
            organ_path=known.path,
            organ_code=organ,
            organ_name=known.name,
            problem_id=problem,
            state=CaseState.NOMINATED,
            nominated_id=actor.id,
            nominated_by=actor.name,
            nominated_at=now,
            **texts,
        )
        _note(case, "nominate", actor, {}, now)
        audit(actor, "case_nominate", str(case.pk), now=now, facts={"title": case.title})
    return case


def change_case(pk: int, given: Mapping[str, str], *, seen: str, actor: Actor, now: datetime) -> ExcellentCase:
    """Rewrite a case that was returned; Refused 404, 403, 409 where it stands otherwise or was changed since, 422."""
    with transaction.atomic():
        case = _locked(pk, actor)
        if By.NOMINATOR not in queries.parts_in_case(case, actor):
            raise Refused("not_your_part", 403, "案例由报送单位修改。")
        if not queries.may_change_case(case, actor) or str(case.revision) != seen:
            raise Refused(
                "moved", 409, "这个案例刚刚由别人改过，或不在退回修改中，您的修改没有保存，请看过最新内容再改。"
            )
        texts, errors = _texts(given)
        if errors:
            raise refused(errors)
        for name, text in texts.items():
            setattr(case, name, text)
        _note(case, "change", actor, {}, now)
        audit(actor, "case_change", str(pk), now=now, facts={"title": case.title})
    return case


def act_case(pk: int, verb: str, given: Mapping[str, Any], *, actor: Actor, now: datetime) -> ExcellentCase:
    """Go on with a case; Refused 404 out of sight, 403 not theirs, 409 not now, 422 with the fields."""
    with transaction.atomic():
        case = _locked(pk, actor)
        found, facts = check_case(case, verb, given, actor=actor, now=now)
        case.state = target_of(found, CaseState(case.state), facts)
        if verb in {"accept", "return"}:
            case.reviewed_by, case.reviewed_at = actor.name, now
        elif verb == "publish":
            case.published_at = now
        elif verb == "withdraw":
            case.published_at = None
        _note(case, verb, actor, facts, now)
        audit(actor, f"case_{verb}", str(pk), now=now, facts={"title": case.title, "to": case.state})
    return case


def check_case(
    case: ExcellentCase, verb: str, given: Mapping[str, Any], *, actor: Actor, now: datetime
) -> tuple[Step, dict[str, str]]:
    """The step that `act_case` would take and its facts; Refused as it would be."""
    found = step(CASE_STEPS, CaseState(case.state), verb, queries.parts_in_case(case, actor))
    return found, read(found.needs, given, today=clock.day(now))


def _texts(given: Mapping[str, str]) -> tuple[dict[str, str], list[FieldError]]:
    """The texts of a case. Everybody may come to read them, so nothing personal may stand in any."""
    texts = {name: str(given.get(name) or "").replace("\r\n", "\n").strip() for name in CASE_TEXTS}
    errors = []
    for name, label in CASE_TEXTS.items():
        longest = TITLE_LONGEST if name == "title" else 3000
        message = text_wrong(label, texts[name], longest) or private_wrong(label, texts[name])
        if message:
            errors.append(FieldError(name, "not_allowed", message))
    return texts, errors


def _locked(pk: int, actor: Actor) -> ExcellentCase:
    queries.case_for(actor, pk)
    return ExcellentCase.objects.select_for_update().get(pk=pk)


def _note(case: ExcellentCase, verb: str, actor: Actor, facts: Mapping[str, str], now: datetime) -> None:
    case.steps, case.revision = case.steps + 1, case.revision + 1
    case.save()
    CaseStep.objects.create(
        case_id=case.pk,
        n=case.steps,
        verb=verb,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        facts={name: value for name, value in facts.items() if name in LABELS},
        at=now,
    )
