"""Sheets and scores: what was published, what the data say today, and who may see which."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec
from django.db.models import Q, QuerySet

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import drafting, rules
from haochaping.analytics.appraisal.drafting import Basis, Line
from haochaping.analytics.appraisal.models import Appraisal, Correction, Entry, Objection, ObjectionStep, Score
from haochaping.analytics.appraisal.rules import Kind, Part, Place, Total
from haochaping.directory.queries import snapshot
from haochaping.kit.errors import Refused
from haochaping.policy.queries import calendar
from haochaping.policy.scheme import Scheme
from haochaping.rectification.consequences.queries import service_fault_orders
from haochaping.rectification.rules import over
from haochaping.rectification.sight import orders_for
from haochaping.rectification.standing import belongs_to

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import Order

DECIDE = (Role.SUPERVISOR, Role.CITY)  # who draws up sheets and enters what comes from elsewhere
WHOLE = (*DECIDE, Role.LEADER)  # who sees a place with its people, live too
UNITS = (Role.REVIEWER, Role.ANALYST, Role.OBSERVER)  # who sees published scores of units
JUDGES = (Role.REVIEWER, Role.SUPERVISOR)
NOT_FOUND = Refused("not_found", 404, "没有这份考核，或它不在您的管辖范围内。")


@dataclass(frozen=True)
class Sheet:
    """One month of one area. `appraisal`: whose frozen figures these are; None: live, as the data say at `as_of`."""

    area: str
    area_name: str
    month: date
    basis: Basis
    units: list[Line]
    people: list[Line]
    as_of: datetime
    appraisal: Appraisal | None = None

    @property
    def is_published(self) -> bool:
        return self.appraisal is not None and self.appraisal.state == "approved"

    @property
    def columns(self) -> list[Part]:
        """The parts a unit has, in order, for the head of a table; of the scheme, so all units have them."""
        return list(self.units[0].parts) if self.units else []


def sheet(area: str, month: date, *, now: datetime, live: bool = False) -> Sheet:
    """The published sheet of that month, else what the data say now; `live` asks for that in any case.

    For reports as well as pages: every line with its parts, formula, weight, figures, and corrections.
    """
    found = None if live else published(area, month)
    if found is not None:
        return frozen(found)
    basis = drafting.basis_of(area, month)
    lines = drafting.draft(area, month, basis, now=now)
    return _sheet((area, month), basis, lines, now)


def published(area: str, month: date) -> Appraisal | None:
    return Appraisal.objects.filter(region=area, month=month, state="approved").first()


def submitted(area: str, month: date) -> Appraisal | None:
    return Appraisal.objects.filter(region=area, month=month, state="submitted").first()


def earlier(area: str, month: date) -> list[Appraisal]:
    """Sheets of the month that were sent back or taken back, newest first."""
    return list(
        Appraisal.objects.filter(region=area, month=month, state__in=["refused", "dropped"]).order_by("-number")
    )


def frozen(appraisal: Appraisal) -> Sheet:
    """A submitted or published sheet as it was drawn up."""
    lines = [as_line(score) for score in Score.objects.filter(appraisal=appraisal).order_by("pk")]
    lines = with_corrections(lines)
    return _sheet(appraisal, basis_of(appraisal), lines, appraisal.computed_at)


def basis_of(appraisal: Appraisal) -> Basis:
    """By what that sheet was drawn up, whatever the packs say today."""
    return Basis(msgspec.convert(appraisal.scheme, Scheme), appraisal.best, appraisal.pack)


def today(appraisal: Appraisal, *, now: datetime) -> dict[tuple[Kind, str], Line]:
    """The same month drawn up anew by the frozen scheme: the figures are those of the sheet unless the data changed since."""
    lines = drafting.draft(appraisal.region, appraisal.month, basis_of(appraisal), now=now)
    return {(line.kind, line.subject): line for line in lines}


@dataclass(frozen=True)
class Changed:
    """A published line whose figures are others today: each part as published and as it is now; `now` None: no longer there."""

    line: Line
    now: Line | None
    parts: list[tuple[Part, Part | None]] = field(default_factory=list)


def changed(appraisal: Appraisal, *, now: datetime) -> list[Changed]:
    """What a recount of today would make different. The published figures stay."""
    fresh = today(appraisal, now=now)
    found = []
    for line in (shown := frozen(appraisal)).units + shown.people:
        one = fresh.get((line.kind, line.subject))
        if parts := rules.differences(line.parts, one.parts if one else ()):
            found.append(Changed(line, one, parts))
    return found


def _sheet(found: Appraisal | tuple[str, date], basis: Basis, lines: list[Line], as_of: datetime) -> Sheet:
    area, month = found if isinstance(found, tuple) else (found.region, found.month)
    units = [line for line in lines if line.kind is Kind.ORGAN]
    people = [line for line in lines if line.kind is Kind.CLERK]
    appraisal = None if isinstance(found, tuple) else found
    return Sheet(area, area_name(area), month, basis, units, people, as_of, appraisal)


def area_name(area: str) -> str:
    found = snapshot().region(area.ljust(12, "0"))
    return found.name if found else area


def as_line(score: Score) -> Line:
    return Line(
        Kind(score.kind), score.subject, score.name, score.organ_code, score.organ_path, score.area_path,
        tuple(msgspec.convert(score.parts, list[Part])), msgspec.convert(score.total, Total), score.sample,
        score.window_code, score.account, Place(rank=score.rank, of=score.ranked), score.pk,
    )  # fmt: skip


def with_corrections(lines: Iterable[Line]) -> list[Line]:
    lines = list(lines)
    found: dict[int, list[Correction]] = {}
    for one in Correction.objects.filter(score_id__in=[line.pk for line in lines if line.pk]).order_by("score_id", "n"):
        found.setdefault(one.score_id, []).append(one)
    return [replace(line, corrections=tuple(found.get(line.pk or 0, ()))) for line in lines]


def standing(line: Line) -> tuple[tuple[Part, ...], Total]:
    """Parts and total as they hold now: as published, with what was put right since."""
    if not line.corrections:
        return line.parts, line.total
    after = {one.key: msgspec.convert(one.after, Part) for one in line.corrections}
    return tuple(after.get(part.key, part) for part in line.parts), msgspec.convert(line.corrections[-1].total, Total)


# ---- who may see what


def as_(actor: Actor, *roles: Role) -> Actor:
    """The actor with the scopes of these roles alone."""
    scopes = tuple(scope for role in roles for scope in actor.scopes_as(role) if not scope.window)
    return replace(actor, roles=actor.roles & set(roles), scopes=scopes)


def scores_for(actor: Actor) -> QuerySet[Score]:
    """Who runs a place sees all of it, before publication too; a unit its own and its people's, and the published table of
    units; a clerk their own alone; those who look on and those who rule on appeals, published units.
    """
    if actor.kind != "person":
        return Score.objects.none()
    out = Score.objects.filter(appraisal__state="approved")
    units = out.filter(kind=Kind.ORGAN)
    seen = Score.objects.none()
    if actor.has(*WHOLE):
        seen |= visible(Score.objects.all(), as_(actor, *WHOLE))
    if actor.has(Role.HANDLER):
        handler = as_(actor, Role.HANDLER)
        seen |= visible(out, handler) | units.filter(_judged_with(handler))
    if actor.has(*UNITS):
        seen |= visible(units, as_(actor, *UNITS))
    if actor.has(Role.REVIEWER):
        appealed = Objection.objects.values("score_id")
        seen |= visible(out.filter(pk__in=appealed), as_(actor, Role.REVIEWER))
    if actor.has(Role.CLERK):
        seen |= out.filter(kind=Kind.CLERK, account=actor.id)
    return seen.distinct()


def _judged_with(handler: Actor) -> Q:
    """Sheets that judge one of the actor's organs: of its own area, or of one above."""
    known, areas = snapshot(), set()
    for scope in handler.scopes:
        organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2])
        if path := known.area_path(organ.area) if organ else scope.area:
            areas |= {path[:length] for length in range(2, len(path) + 1)}
    return Q(appraisal__region__in=areas)


def score_for(actor: Actor, pk: int) -> Score:
    """That score, or Refused 404."""
    found = scores_for(actor).filter(pk=pk).select_related("appraisal").first()
    if found is None:
        raise NOT_FOUND
    return found


def appraisal_for(actor: Actor, pk: int) -> Appraisal:
    """A sheet in whatever state, for who runs its place; Refused 404 for others."""
    found = Appraisal.objects.filter(pk=pk).first()
    if found is None or not runs(actor, found.region):
        raise NOT_FOUND
    return found


def runs(actor: Actor, area: str) -> bool:
    """Whether somebody sees all of an area, live and with its people."""
    return actor.kind == "person" and actor.over(area=area, organ="").has(*WHOLE)


def may_submit(actor: Actor, area: str) -> bool:
    return actor.kind == "person" and actor.over(area=area, organ="").has(*DECIDE)


def may_decide(actor: Actor, appraisal: Appraisal) -> bool:
    """Another person of the place, or its leader: never one who drew it up."""
    return runs(actor, appraisal.region) and actor.id not in appraisal.authors


def shown_to(actor: Actor, found: Sheet) -> Sheet:
    """The sheet with the lines that this person may see; of a live one, units their own."""
    if runs(actor, found.area):
        return found
    if found.appraisal is not None:
        mine = set(scores_for(actor).filter(appraisal=found.appraisal).values_list("pk", flat=True))
        units = [line for line in found.units if line.pk in mine]
        return replace(found, units=units, people=[line for line in found.people if line.pk in mine])
    units = [line for line in found.units if _is_of(actor, line)]
    return replace(found, units=units, people=[line for line in found.people if _is_of(actor, line)])


def _is_of(actor: Actor, line: Line) -> bool:
    return actor.kind == "person" and actor.over(area=line.area_path, organ=line.organ_path).has(*WHOLE, Role.HANDLER)


def line_for(actor: Actor, area: str, month: date, kind: Kind, subject: str, *, now: datetime) -> tuple[Sheet, Line]:
    """One live line that this person may see, or Refused 404."""
    found = shown_to(actor, sheet(area, month, now=now, live=True))
    for line in found.units + found.people:
        if (line.kind, line.subject) == (kind, subject):
            return found, line
    raise NOT_FOUND


# ---- appeals


def objections_for(actor: Actor) -> QuerySet[Objection]:
    """Those about scores that somebody sees as the unit, the clerk, who runs the place, or who rules on them."""
    own = scores_for(actor)
    if not actor.has(*WHOLE, Role.REVIEWER):
        handler = as_(actor, Role.HANDLER)
        own = (visible(own, handler) if actor.has(Role.HANDLER) else own.none()) | own.filter(account=actor.id)
    return Objection.objects.filter(score_id__in=own.values("pk")).select_related("score__appraisal")


def objection_for(actor: Actor, pk: int) -> Objection:
    found = objections_for(actor).filter(pk=pk).first()
    if found is None:
        raise Refused("not_found", 404, "没有这件考核申诉，或它与您无关。")
    return found


def appeal_by(score: Score) -> datetime:
    """Until when an appeal may be made: the term of the scheme from publication, in working days of the place."""
    appraisal = score.appraisal
    since = appraisal.decided_at or appraisal.computed_at
    return over(since, basis_of(appraisal).scheme.appeal_within.term, calendar(appraisal.region)).at


def is_concerned(actor: Actor, score: Score) -> bool:
    """Whether this is the actor's own score: of the unit they answer for, or their own as a clerk."""
    if score.kind == Kind.CLERK:
        return actor.has(Role.CLERK) and score.account == actor.id
    return actor.over(area=score.area_path, organ=score.organ_path).has(Role.HANDLER)


def why_not_appeal(actor: Actor, score: Score, now: datetime) -> str:
    """Why this person may not appeal against the score now; "" if they may."""
    if score.appraisal.state != "approved" or not is_concerned(actor, score):
        return "申诉由被考核的单位或窗口人员本人提出。"
    if Objection.objects.filter(score=score, state="waiting").exists():
        return "这份得分已有一件申诉或更正在办理。"
    if Objection.objects.filter(score=score, kind="appeal").exclude(state="withdrawn").exists():
        return "这份得分已经申诉过，以裁定为准。"
    if appeal_by(score) <= now:
        return "申诉期限已过。"
    return ""


def may_correct(actor: Actor, score: Score) -> bool:
    """Whether somebody may ask for a correction of a published score: who runs the place, not the unit's own people."""
    over_it = actor.over(area=score.area_path, organ=score.organ_path)
    return score.appraisal.state == "approved" and over_it.has(*DECIDE) and not belongs_to(actor, score.organ_path)


def may_judge(actor: Actor, objection: Objection) -> bool:
    """A reviewer or supervisor of the place, of another organ, who neither asked, nor drew up or published the sheet."""
    score, appraisal = objection.score, objection.score.appraisal
    there = actor.over(area=score.area_path, organ=score.organ_path)
    barred = {objection.made_by_id}
    if objection.kind == "appeal":
        barred |= set(appraisal.authors)
    roles = JUDGES if objection.kind == "appeal" else (*JUDGES, Role.CITY)
    return there.has(*roles) and actor.id not in barred and not belongs_to(actor, score.organ_path)


def objections_of(actor: Actor, score: Score) -> list[Objection]:
    """Those about one score that the actor has to do with, newest first."""
    return list(objections_for(actor).filter(score=score).order_by("-pk"))


def fault_orders(actor: Actor, line: Line, area: str, month: date) -> list[Order]:
    """The orders behind a clerk's faults, as far as this person may see them."""
    cases = service_fault_orders(area, month, rules.last_day(month)).get(line.subject, [])
    return list(orders_for(actor).filter(pk__in=cases).order_by("order_no")) if cases else []


def part_of(stored: object) -> Part:
    """A part as it was kept."""
    return msgspec.convert(stored, Part)


def steps_of(objection: Objection) -> list[ObjectionStep]:
    return list(ObjectionStep.objects.filter(objection_id=objection.pk).order_by("n"))


# ---- entries


def entries(area: str, month: date) -> list[Entry]:
    """What was entered for a month in an area, newest first; what was replaced is left out."""
    rows = Entry.objects.filter(month=month, area_path__startswith=area).exclude(state="replaced")
    return [row for row in rows.order_by("-made_at", "-pk") if rules.covers(area, row.area_path)]


def organs_judged(area: str) -> dict[str, str]:
    """The organs that an appraisal of the area judges, active ones, name by code."""
    known = snapshot()
    return {
        organ.code: organ.name
        for organ in sorted(known.organs.values(), key=lambda organ: (organ.area, organ.code))
        if organ.is_active and rules.covers(area, known.area_path(organ.area))
    }


def months_published(area: str) -> list[Appraisal]:
    return list(Appraisal.objects.filter(region=area, state="approved").order_by("-month"))
