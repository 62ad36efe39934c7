"""Who sees which problem and case, what may be done with it, and what the public may read of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import F, Q, QuerySet

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Actor, Role
from haochaping.analytics.problems import effects
from haochaping.analytics.problems.models import (
    CaseStep,
    ExcellentCase,
    Problem,
    ProblemMeasure,
    ProblemStep,
    ProblemUnit,
)
from haochaping.analytics.problems.rules import (
    CASE_STEPS,
    CASE_VERB_NAMES,
    LABELS,
    LISTED,
    OPEN,
    REASON_LABELS,
    STEPS,
    VERB_NAMES,
    By,
    CaseState,
    Completion,
    State,
    Step,
    Verdict,
    completion,
)
from haochaping.analytics.rules import tells_few
from haochaping.directory.queries import snapshot
from haochaping.evaluation.models import Evaluation
from haochaping.kit.errors import Refused
from haochaping.rectification.briefs.queries import as_
from haochaping.rectification.sight import orders_for
from haochaping.rectification.standing import belongs_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date, datetime

    from haochaping.analytics.queries import Figure
    from haochaping.rectification.models import Order

NOT_FOUND = Refused("not_found", 404, "没有这个典型问题。")
NO_CASE = Refused("not_found", 404, "没有这个案例。")
KEEP = (Role.SUPERVISOR, Role.CITY)
READ = (*KEEP, Role.LEADER, Role.ANALYST, Role.OBSERVER)
ORDERS_SHOWN = 20


def problems_for(actor: Actor) -> QuerySet[Problem]:
    """Those of the actor's places, and those for which an organ there answers; what is not taken up only for who keeps the ledger.

    A handler sees those for which one of their organs answers.
    """
    if actor.is_system:
        return Problem.objects.all()
    seen = Problem.objects.none()
    if actor.kind != "person":
        return seen
    if actor.has(*KEEP):
        seen |= visible(Problem.objects.all(), as_(actor, *KEEP))
    readers = [role for role in (*READ, Role.HANDLER) if actor.has(role)]
    if readers:
        answering = visible(ProblemUnit.objects.all(), as_(actor, *readers)).values("problem_id")
        seen |= Problem.objects.filter(state__in=LISTED, pk__in=answering)
    if lookers := [role for role in READ if actor.has(role) and role not in KEEP]:
        seen |= visible(Problem.objects.filter(state__in=LISTED), as_(actor, *lookers))
    return seen


def one_for(actor: Actor, pk: int) -> Problem:
    """That problem, or Refused 404."""
    found = problems_for(actor).filter(pk=pk).first()
    if found is None:
        raise NOT_FOUND
    return found


def narrow(
    rows: QuerySet[Problem],
    *,
    today: date,
    state: str = "",
    text: str = "",
    organ: str = "",
    indicator: str = "",
    cause: str = "",
    overdue: bool = False,
    public: bool = False,
) -> QuerySet[Problem]:
    """Those that fit all that is given; `text` in the name or in the name of an item, `organ` in the name of a unit."""
    if state == "open":
        rows = rows.filter(state__in=OPEN)
    elif state in tuple(State):
        rows = rows.filter(state=state)
    if text:
        named = [code for code, item in snapshot().items.items() if text in item.name][:1000]
        rows = rows.filter(Q(title__icontains=text) | Q(items__overlap=[text, *named]))
    if organ:
        rows = rows.filter(pk__in=ProblemUnit.objects.filter(organ_name__icontains=organ).values("problem_id"))
    if indicator:
        rows = rows.filter(indicators__contains=[indicator])
    if cause:
        rows = rows.filter(causes__contains=[cause])
    if overdue:
        late = Q(state=State.RECTIFYING) | Q(state=State.OBSERVING, last_in_force__gt=F("due"))
        rows = rows.filter(late, due__lt=today)
    return rows.filter(published_at__isnull=False) if public else rows


def completion_of(rows: QuerySet[Problem]) -> Completion:
    """涉及事项, 整改完成率: counted over all rows."""
    listed = rows.filter(state__in=LISTED).order_by().values_list("state", "items")
    return completion([(State(state), items) for state, items in listed])


def units_of(problems: Iterable[Problem]) -> dict[int, list[ProblemUnit]]:
    """Who answers for each, the lead first."""
    found = defaultdict(list)
    for unit in ProblemUnit.objects.filter(problem__in=[p.pk for p in problems]).order_by("-is_lead", "pk"):
        found[unit.problem_id].append(unit)
    return found


def measures_of(problem: Problem) -> list[ProblemMeasure]:
    return list(ProblemMeasure.objects.filter(problem_id=problem.pk).order_by("n"))


def measures_for(actor: Actor) -> QuerySet[ProblemMeasure]:
    """Every measure of the problems that somebody sees, newest first."""
    seen = problems_for(actor).filter(state__in=LISTED).order_by().values("pk")
    return ProblemMeasure.objects.filter(problem_id__in=seen).order_by("-in_force", "-problem_id", "-n")


def parts_in(problem: Problem, actor: Actor) -> frozenset[By]:
    """What somebody is to this problem."""
    parts = set()
    if actor.kind != "person":
        return frozenset()
    units = units_of([problem])[problem.pk]
    if actor.over(area=problem.area_path, organ=problem.organ_path).has(*KEEP):
        parts.add(By.KEEPER)
    if any(actor.over(area=unit.area_path, organ=unit.organ_path).has(Role.HANDLER) for unit in units):
        parts.add(By.UNIT)
    own = any(belongs_to(actor, unit.organ_path) for unit in units)
    if By.KEEPER in parts and not own and By.UNIT not in parts:
        did = ProblemMeasure.objects.filter(problem_id=problem.pk, n__gt=problem.measures_from, by_id=actor.id)
        parts |= set() if did.exists() else {By.JUDGE}
    return frozenset(parts)


def open_steps(problem: Problem, actor: Actor) -> list[Step]:
    """What this person may do with it now."""
    parts, state = parts_in(problem, actor), State(problem.state)
    found = [one for one in STEPS if state in one.sources and not parts.isdisjoint(one.by)]
    return [one for one in found if one.verb != "withdraw" or problem.published_at is not None]


def may_change(problem: Problem, actor: Actor) -> bool:
    return State(problem.state) in {State.PROPOSED, *OPEN} and By.KEEPER in parts_in(problem, actor)


def targets_for(problem: Problem, actor: Actor) -> list[Problem]:
    """The open problems into which this one may be merged: those that the actor keeps, of the same indicator first."""
    kept = visible(Problem.objects.filter(state__in=OPEN), as_(actor, *KEEP)).exclude(pk=problem.pk)
    found = sorted(
        kept.order_by("-opened_at")[:200], key=lambda one: set(one.indicators).isdisjoint(problem.indicators)
    )
    return [one for one in found if By.KEEPER in parts_in(one, actor)]


@dataclass(frozen=True)
class Told:
    """A line of a history in words."""

    label: str
    who: str
    at: datetime
    facts: tuple[tuple[str, str], ...]


def history(problem: Problem) -> list[Told]:
    return [_told(line, VERB_NAMES) for line in ProblemStep.objects.filter(problem_id=problem.pk).order_by("n")]


def case_history(case: ExcellentCase) -> list[Told]:
    return [_told(line, CASE_VERB_NAMES) for line in CaseStep.objects.filter(case_id=case.pk).order_by("n")]


def _told(line: Any, names: dict[str, str]) -> Told:
    labels = LABELS | ({"reason": REASON_LABELS[line.verb]} if line.verb in REASON_LABELS else {})
    facts = tuple((labels[name], _in_words(name, value)) for name, value in line.facts.items() if name in labels)
    return Told(names[line.verb], line.actor_name, line.at, facts)


def _in_words(name: str, value: Any) -> str:
    return Verdict(value).name_zh if name == "verdict" else str(value)


def number_of(problem: Problem) -> str:
    """As 南京市2026-003: each ledger counts its own."""
    if problem.n is None:
        return ""
    organ = snapshot().organs.get(problem.organ_path.strip("/").rpartition("/")[2])
    region = snapshot().region(problem.area_path) if problem.area_path else None
    return f"{organ.name if organ else region.name if region else ''}{problem.year}-{problem.n:03d}"


def item_name(code: str) -> str:
    found = snapshot().items.get(code)
    return found.name if found else code


def orders_behind(problem: Problem, actor: Actor) -> QuerySet[Order]:
    """The orders of the slice and those named one by one, as far as this person may see them."""
    found = Q(pk__in=problem.orders)
    if problem.start and problem.end:
        found |= _of_slice(problem)
    return orders_for(actor).filter(found).order_by("-rated_day", "order_no")


def _of_slice(problem: Problem) -> Q:
    found = Q(task_code__in=problem.items, rated_day__gte=problem.start, rated_day__lte=problem.end)
    if problem.causes:
        found &= Q(cause__in=problem.causes)
    if problem.indicators:
        named = Evaluation.objects.filter(
            task_code__in=problem.items,
            rated_day__gte=problem.start,
            rated_day__lte=problem.end,
            indicators__overlap=problem.indicators,
        )
        found &= Q(pk__in=named.values("pk"))
    return found


# Excellent cases


def cases_for(actor: Actor) -> QuerySet[ExcellentCase]:
    """Those of the actor's places, and what was chosen anywhere; a handler besides their organs' own in every state."""
    if actor.is_system:
        return ExcellentCase.objects.all()
    if actor.kind != "person" or not actor.has(*READ, Role.HANDLER):
        return ExcellentCase.objects.none()
    seen = ExcellentCase.objects.filter(state=CaseState.PUBLISHED)
    seen |= visible(ExcellentCase.objects.all(), as_(actor, *KEEP, Role.HANDLER))
    chosen = (CaseState.ACCEPTED, CaseState.PUBLISHED)
    return seen | visible(ExcellentCase.objects.filter(state__in=chosen), as_(actor, *READ))


def case_for(actor: Actor, pk: int) -> ExcellentCase:
    """That case, or Refused 404."""
    found = cases_for(actor).filter(pk=pk).first()
    if found is None:
        raise NO_CASE
    return found


def parts_in_case(case: ExcellentCase, actor: Actor) -> frozenset[By]:
    """What somebody is to this case."""
    parts = set()
    if actor.kind != "person":
        return frozenset()
    here = actor.over(area=case.area_path, organ=case.organ_path)
    if here.has(Role.HANDLER) or case.nominated_id == actor.id:
        parts.add(By.NOMINATOR)
    if here.has(*KEEP) and case.nominated_id != actor.id and not here.has(Role.HANDLER):
        parts |= set() if belongs_to(actor, case.organ_path) else {By.REVIEWER}
    return frozenset(parts)


def open_case_steps(case: ExcellentCase, actor: Actor) -> list[Step]:
    parts, state = parts_in_case(case, actor), CaseState(case.state)
    return [one for one in CASE_STEPS if state in one.sources and not parts.isdisjoint(one.by)]


def may_change_case(case: ExcellentCase, actor: Actor) -> bool:
    return case.state == CaseState.RETURNED and By.NOMINATOR in parts_in_case(case, actor)


# What everybody may read


@dataclass(frozen=True)
class PublicProblem:
    """A published problem: texts that somebody read and released, and figures of no small group. No rater, no order."""

    number: str
    title: str
    text: str
    reply: str
    items: tuple[tuple[str, str], ...]  # code and name
    units: tuple[str, ...]  # the lead first
    measures_since: tuple[date, ...]  # days from which measures were in force
    verdict: str  # 已解决, or 整改中
    published_on: datetime
    before: Figure | None
    after: Figure | None
    words: str  # what the figures say; "" where they are hidden


@dataclass(frozen=True)
class PublicCase:
    """A published excellent case."""

    number: int
    title: str
    organ: str
    background: str
    practice: str
    effect: str
    published_on: datetime


def published_problems(area: str = "", *, now: datetime, k: int) -> list[PublicProblem]:
    """The published problems of an area (prefix), newest first; a figure is hidden where either side names fewer than `k`."""
    rows = list(
        Problem.objects.filter(published_at__isnull=False, state__in=LISTED, area_path__startswith=area).order_by(
            "-published_at", "-pk"
        )
    )
    units, days = units_of(rows), _days_of(rows)
    found = effects.effects([effects.around(one) for one in rows], now=now)
    return [_published(one, units[one.pk], days[one.pk], each, k) for one, each in zip(rows, found, strict=True)]


def _published(
    one: Problem, units: Sequence[ProblemUnit], days: Sequence[date], each: effects.Effect, k: int
) -> PublicProblem:
    before, after = _told_publicly(each.before, k), _told_publicly(each.after, k)
    is_told = before is not None and after is not None and not before.hidden_below and not after.hidden_below
    return PublicProblem(
        number_of(one),
        one.public_title,
        one.public_text,
        one.public_reply,
        tuple((code, item_name(code)) for code in one.items),
        tuple(unit.organ_name for unit in units),
        tuple(days),
        (Verdict.EFFECTIVE if one.state == State.SOLVED else State.RECTIFYING).name_zh,
        one.published_at,  # type: ignore[arg-type]  # asked for above
        before,
        after,
        each.outcome.words if is_told else "",
    )


def _told_publicly(figure: Figure | None, k: int) -> Figure | None:
    if figure is None:
        return None
    return figure.hide(k) if tells_few(figure.numerator, figure.denominator or 0, k) else figure


def _days_of(rows: Sequence[Problem]) -> dict[int, list[date]]:
    since = {one.pk: one.measures_from for one in rows}
    found = defaultdict(list)
    for measure in ProblemMeasure.objects.filter(problem_id__in=since).order_by("in_force", "n"):
        if measure.n > since[measure.problem_id]:
            found[measure.problem_id].append(measure.in_force)
    return found


def published_cases(area: str = "") -> list[PublicCase]:
    """The published cases of an area (prefix), newest first."""
    rows = ExcellentCase.objects.filter(state=CaseState.PUBLISHED, area_path__startswith=area)
    return [
        PublicCase(one.pk, one.title, one.organ_name, one.background, one.practice, one.effect, one.published_at)  # type: ignore[arg-type]
        for one in rows.order_by("-published_at", "-pk")
    ]
