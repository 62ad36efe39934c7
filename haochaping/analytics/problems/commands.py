"""Every write about typical problems."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Max

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import SYSTEM, Actor, Role, area_prefix
from haochaping.analytics.problems import effects, queries
from haochaping.analytics.problems.drafts import Draft, owners, read_draft
from haochaping.analytics.problems.models import Problem, ProblemMeasure, ProblemStep, ProblemUnit
from haochaping.analytics.problems.rules import (
    FORGOTTEN,
    ITEMS_MOST,
    LABELS,
    OBSERVED_LEAST,
    STEPS,
    TITLE_LONGEST,
    By,
    Sample,
    State,
    Step,
    Verdict,
    has_relapsed,
    read,
    refused,
    step,
    target_of,
)
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification.briefs.queries import as_

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haochaping.analytics.queries import Figure


def register(draft: Draft, *, actor: Actor, now: datetime) -> Problem:
    """Take a problem into the ledger of the actor's place; Refused 403 for who keeps none, 422 with every wrong field."""
    scopes = as_(actor, *queries.KEEP).scopes
    if not scopes:
        raise Refused("not_your_part", 403, "典型问题由督办人员登记。")
    told = read_draft(draft, actor, now, needs_due=True)
    with transaction.atomic():
        problem = Problem(
            area_path=scopes[0].area,
            organ_path=scopes[0].organ,
            state=State.RECTIFYING,
            made_by=actor.name,
            made_at=now,
            opened_at=now,
            **told.fields,
        )
        _number(problem, now)
        problem.save(force_insert=True)
        _answer(problem, told.units)
        _note(problem, "register", actor, {"due": draft.due}, now)
        audit(actor, "problem_register", str(problem.pk), now=now, facts={"title": problem.title})
    return problem


def change(pk: int, draft: Draft, *, seen: str, actor: Actor, now: datetime) -> Problem:
    """Correct what stands in the ledger; Refused 404, 403, 409 once it is solved or somebody else has changed it, 422."""
    with transaction.atomic():
        problem = _locked(pk, actor)
        if By.KEEPER not in queries.parts_in(problem, actor):
            raise Refused("not_your_part", 403, "这件事由主管本地台账的督办人员办理。")
        if not queries.may_change(problem, actor) or str(problem.revision) != seen:
            raise Refused("moved", 409, "这个问题刚刚由别人改过或已经办结，您的修改没有保存，请看过最新内容再改。")
        told = read_draft(draft, actor, now, needs_due=problem.state != State.PROPOSED, kept_due=problem.due)
        changed = [LABELS[name] for name, value in told.fields.items() if getattr(problem, name) != value]
        before = [(unit.organ_code, unit.is_lead) for unit in queries.units_of([problem])[problem.pk]]
        if before != told.units:
            changed.append("责任单位")
        if not changed:
            return problem
        for name, value in told.fields.items():
            setattr(problem, name, value)
        _answer(problem, told.units)
        _note(problem, "change", actor, {"changed": "、".join(changed)}, now)
        audit(actor, "problem_change", str(pk), now=now, facts={"changed": changed})
    return problem


def propose_by_rule(
    rule: str,
    *,
    area: str,
    title: str,
    description: str,
    items: Sequence[str],
    indicator: str,
    days: tuple[date, date],
    grounds: Sequence[tuple[str, str]],
    now: datetime,
) -> Problem | None:
    """Put what the data found before those who keep the ledger; None where all its items are known for this already.

    Known is what stands in an open, merged or solved problem of that rule, and for half a year what was dismissed.
    """
    with transaction.atomic():
        _alone()
        known = {item for one in Problem.objects.filter(rule=rule) if not _is_forgotten(one, now) for item in one.items}
        new = [item for item in items if item not in known]
        if not new:
            return None
        problem = Problem.objects.create(
            area_path=area,
            title=title[:TITLE_LONGEST],
            description=description,
            rule=rule,
            grounds=[list(each) for each in grounds if each],
            items=new,
            indicators=[indicator],
            start=days[0],
            end=days[1],
            state=State.PROPOSED,
            made_by=SYSTEM.name,
            made_at=now,
        )
        _answer(problem, owners(new))
        _note(problem, "propose", SYSTEM, {}, now)
    return problem


def act(pk: int, verb: str, given: Mapping[str, Any], *, actor: Actor, now: datetime) -> Problem:
    """Go on with a problem; Refused 404 out of sight, 403 not theirs, 409 not now, 422 with the fields."""
    with transaction.atomic():
        problem = _locked(pk, actor)
        found, facts = check(problem, verb, given, actor=actor, now=now)
        before, problem.state = State(problem.state), target_of(found, State(problem.state), facts)
        _DO.get(verb, _nothing)(problem, facts, actor, now)
        told = {**facts, "figures": _said(problem)} if verb == "judge" else facts
        _note(problem, verb, actor, told, now)
        facts_of = {"from": before, "to": problem.state, "title": problem.title}
        audit(actor, f"problem_{verb}", str(pk), now=now, facts=facts_of)
    return problem


def check(
    problem: Problem, verb: str, given: Mapping[str, Any], *, actor: Actor, now: datetime
) -> tuple[Step, dict[str, str]]:
    """The step that `act` would take and its facts as kept; Refused as it would be."""
    found = step(STEPS, State(problem.state), verb, queries.parts_in(problem, actor))
    facts = read(found.needs, given, today=clock.day(now))
    if verb == "judge":
        span = effects.effect(effects.around(problem), now=now).windows
        if span is None or span.days < OBSERVED_LEAST:
            raise Refused("too_early", 409, f"措施生效满 {OBSERVED_LEAST} 天后才能认定成效，请届时再办。")
    if verb == "withdraw" and problem.published_at is None:
        raise Refused("not_possible_now", 409, "这个问题没有公开。")
    if verb == "merge" and facts["into"] not in {str(one.pk) for one in queries.targets_for(problem, actor)}:
        message = "请从列出的、正在整改的问题中选择。"
        raise refused([FieldError("into", "not_allowed", message)])
    return found, facts


def reopen_by_rule(pk: int, recent: Figure, *, now: datetime) -> bool:
    """A solved problem whose figures are clearly bad again goes back to those responsible; whether it did."""
    with transaction.atomic():
        problem = Problem.objects.select_for_update().get(pk=pk)
        if problem.state != State.SOLVED or not problem.judged:
            return False
        before, solved = (Sample(*problem.judged[name]) for name in ("before", "after"))
        if not has_relapsed(before, solved, effects.sample(recent)):
            return False
        problem.state, problem.due = State.RECTIFYING, None
        _begin_round(problem)
        words = f"认定时差评率 {solved.rate:.2%}（{solved.bad} ÷ {solved.rated}），近期 {recent.text}（{recent.parts}）"
        _note(problem, "relapse", SYSTEM, {"figures": words}, now)
    return True


def _locked(pk: int, actor: Actor) -> Problem:
    queries.one_for(actor, pk)
    return Problem.objects.select_for_update().get(pk=pk)


def _alone() -> None:
    """One who numbers or proposes at a time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('typical problems'))")


def _number(problem: Problem, now: datetime) -> None:
    _alone()
    year = clock.day(now).year
    given = Problem.objects.filter(area_path=problem.area_path, organ_path=problem.organ_path, year=year)
    problem.year, problem.n = year, (given.aggregate(last=Max("n"))["last"] or 0) + 1


def _answer(problem: Problem, units: Sequence[tuple[str, bool]]) -> None:
    known = snapshot().organs
    ProblemUnit.objects.filter(problem=problem).delete()
    ProblemUnit.objects.bulk_create(
        ProblemUnit(
            problem=problem,
            organ_code=code,
            organ_name=known[code].name,
            organ_path=known[code].path,
            area_path=area_prefix(known[code].area),
            is_lead=is_lead,
        )
        for code, is_lead in units
    )


def _is_forgotten(problem: Problem, now: datetime) -> bool:
    if problem.state != State.DISMISSED:
        return False
    last = ProblemStep.objects.filter(problem_id=problem.pk, verb="dismiss").order_by("-n").first()
    return last is not None and last.at + FORGOTTEN <= now


def _begin_round(problem: Problem) -> None:
    problem.solved_at, problem.reopened = None, problem.reopened + 1
    problem.measures_from = ProblemMeasure.objects.filter(problem_id=problem.pk).count()
    problem.first_in_force = problem.last_in_force = None


def _said(problem: Problem) -> str:
    if not problem.judged:
        return "没有可比较的数据"
    before, after = (Sample(*problem.judged[name]) for name in ("before", "after"))
    parts = f"措施前 {before.bad} ÷ {before.rated}，措施后 {after.bad} ÷ {after.rated}"
    return f"{parts}。{problem.judged['words']}"


def _nothing(problem: Problem, facts: Mapping[str, str], actor: Actor, now: datetime) -> None:
    pass


def _accept(problem: Problem, facts: Mapping[str, str], _: Actor, now: datetime) -> None:
    problem.due, problem.opened_at = date.fromisoformat(facts["due"]), now
    _number(problem, now)


def _measure(problem: Problem, facts: Mapping[str, str], actor: Actor, now: datetime) -> None:
    day = date.fromisoformat(facts["in_force"])
    own = snapshot().organs.get(actor.organ.strip("/").rpartition("/")[2])
    units = queries.units_of([problem])[problem.pk]
    mine = [u for u in units if actor.over(area=u.area_path, organ=u.organ_path).has(Role.HANDLER)]
    name = mine[0].organ_name if mine else own.name if own else ""
    ProblemMeasure.objects.create(
        problem_id=problem.pk,
        n=ProblemMeasure.objects.filter(problem_id=problem.pk).count() + 1,
        text=facts["text"],
        in_force=day,
        organ_name=name,
        by_id=actor.id,
        by_name=actor.name,
        at=now,
    )
    problem.first_in_force = min(problem.first_in_force or day, day)
    problem.last_in_force = max(problem.last_in_force or day, day)


def _judge(problem: Problem, facts: Mapping[str, str], actor: Actor, now: datetime) -> None:
    found = effects.effect(effects.around(problem), now=now)
    problem.verdict, problem.verdict_by, problem.verdict_at = facts["verdict"], actor.name, now
    problem.solved_at = now if facts["verdict"] == Verdict.EFFECTIVE else None
    if found.samples and found.windows:
        before, after = found.samples
        days = [day.isoformat() for span in (found.windows.before, found.windows.after) for day in span]
        problem.judged = {
            "before": list(before),
            "after": list(after),
            "days": days,
            "proposed": found.outcome.verdict or "",
            "words": found.outcome.words,
        }


def _reopen(problem: Problem, facts: Mapping[str, str], _: Actor, __: datetime) -> None:
    problem.due = date.fromisoformat(facts["due"])
    _begin_round(problem)


def _merge(problem: Problem, facts: Mapping[str, str], actor: Actor, now: datetime) -> None:
    target = Problem.objects.select_for_update().get(pk=int(facts["into"]))
    problem.merged_into = target.pk
    items = list(dict.fromkeys([*target.items, *problem.items]))
    if len(items) > ITEMS_MOST:
        message = f"并入后涉及事项超过 {ITEMS_MOST} 个，请另立问题。"
        raise refused([FieldError("into", "not_allowed", message)])
    target.items = items
    target.orders = list(dict.fromkeys([*target.orders, *problem.orders]))
    target.indicators = list(dict.fromkeys([*target.indicators, *problem.indicators])) if target.indicators else []
    for name, pick in (("start", min), ("end", max)):
        one, other = getattr(target, name), getattr(problem, name)
        setattr(target, name, pick(one, other) if one and other else one)
    answering = queries.units_of([target, problem])
    held = {unit.organ_code for unit in answering[target.pk]}
    more = [(unit.organ_code, False) for unit in answering[problem.pk] if unit.organ_code not in held]
    _answer(target, [(unit.organ_code, unit.is_lead) for unit in answering[target.pk]] + more)
    _note(target, "absorb", actor, {"merged": problem.title}, now)


def _publish(problem: Problem, facts: Mapping[str, str], _: Actor, now: datetime) -> None:
    problem.published_at = problem.published_at or now
    for name in ("public_title", "public_text", "public_reply"):
        setattr(problem, name, facts[name])


def _withdraw(problem: Problem, _: Mapping[str, str], __: Actor, ___: datetime) -> None:
    problem.published_at = None


_DO = {
    "accept": _accept,
    "measure": _measure,
    "judge": _judge,
    "reopen": _reopen,
    "merge": _merge,
    "publish": _publish,
    "withdraw": _withdraw,
}


def _note(problem: Problem, verb: str, actor: Actor, facts: Mapping[str, Any], now: datetime) -> None:
    """Write down what happened, and keep the problem as it stands now."""
    problem.steps, problem.revision = problem.steps + 1, problem.revision + 1
    problem.save()
    told = {name: value for name, value in facts.items() if name in LABELS}
    if "into" in told:
        told["into"] = Problem.objects.get(pk=int(told["into"])).title
    ProblemStep.objects.create(
        problem_id=problem.pk,
        n=problem.steps,
        verb=verb,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        facts=told,
        at=now,
    )
