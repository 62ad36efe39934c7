"""Who sees which report, what may be done with it, and what of it is for everybody."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.analytics.reports.document import from_json, issued, with_words
from haochaping.analytics.reports.kinds import Kind, Period, numbered
from haochaping.analytics.reports.models import Report, ReportFile, ReportPlan, ReportStep
from haochaping.analytics.reports.rules import FINAL, STEPS, VERB_NAMES, By, State, Step
from haochaping.directory.queries import snapshot
from haochaping.kit import clock, crypto
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.analytics.reports.document import Document

NOT_FOUND = Refused("not_found", 404, "没有这份报告。")
NO_FILE = Refused("not_found", 404, "这份报告还没有这种文件。")
WRITE = (Role.SUPERVISOR, Role.CITY)
APPROVE = (*WRITE, Role.LEADER)
READ = (Role.OBSERVER, Role.ANALYST)
UNWRITTEN = (State.QUEUED, State.FAILED, State.DRAFT, State.DROPPED)  # nobody's but the writers'


def reports_for(actor: Actor) -> QuerySet[Report]:
    """Those of the actor's places: all for who writes them, from their submission for a leader, archived ones for readers."""
    seen = Report.objects.none()
    if actor.kind != "person":
        return seen
    if actor.has(*WRITE):
        seen |= visible(Report.objects.all(), as_(actor, *WRITE))
    if actor.has(Role.LEADER):
        seen |= visible(Report.objects.exclude(state__in=UNWRITTEN), as_(actor, Role.LEADER))
    if actor.has(*READ):
        seen |= visible(Report.objects.filter(state__in=FINAL), as_(actor, *READ))
    return seen


def as_(actor: Actor, *roles: Role) -> Actor:
    """The actor with the scopes of these roles alone."""
    scopes = tuple(scope for role in roles for scope in actor.scopes_as(role) if not scope.window)
    return replace(actor, roles=actor.roles & set(roles), scopes=scopes)


def one_for(actor: Actor, pk: int) -> Report:
    """That report, or Refused 404."""
    found = reports_for(actor).filter(pk=pk).first()
    if found is None:
        raise NOT_FOUND
    return found


def parts_in(report: Report, actor: Actor) -> frozenset[By]:
    """What somebody is to this report. Whoever had a hand in it does not approve it."""
    here = actor.over(area=report.area_path, organ=report.organ_path)
    found = set()
    if here.has(*WRITE):
        found.add(By.AUTHOR)
    if here.has(*APPROVE):
        found |= {By.OWNER} if actor.id in report.writers else {By.OWNER, By.APPROVER}
    return frozenset(found)


def open_steps(report: Report, actor: Actor) -> list[Step]:
    parts = parts_in(report, actor)
    return [step for step in STEPS if step.source == report.state and step.by in parts]


@dataclass(frozen=True)
class Told:
    """A line of a report's history."""

    label: str
    who: str
    at: datetime
    text: str


def history(report: Report) -> list[Told]:
    lines = ReportStep.objects.filter(report_id=report.pk).order_by("n")
    return [Told(VERB_NAMES[line.verb], line.actor_name, line.at, line.text) for line in lines]


def period_of(report: Report) -> Period:
    return Period(report.start, report.end)


def number_of(report: Report) -> str:
    if report.n is None or report.year is None:
        return ""
    return numbered(Kind(report.kind), report.year, report.n)


def document_of(report: Report) -> Document | None:
    """What it says with all that people added; None before it is drawn."""
    if report.content is None:
        return None
    told = with_words(
        from_json(report.content),
        title=report.title,
        lead=report.lead,
        analysis=report.analysis,
        suggestion=report.suggestion,
    )
    if report.decided_at is None or report.n is None:
        return told
    day = clock.day(report.decided_at)
    return issued(told, number=number_of(report), day=f"{day.year}年{day.month}月{day.day}日")


def file_of(report: Report, name: str) -> bytes:
    """The file as it was written, checked against its SM3; Refused 404 if there is none, `kit.crypto.Tampered` if it was changed."""
    kept = ReportFile.objects.filter(report_id=report.pk, edition=report.edition, name=name).first()
    if kept is None:
        raise NO_FILE
    content = bytes(kept.content)
    if crypto.sm3(content) != bytes(kept.sm3):
        raise crypto.Tampered("not the file that was kept")
    return content


def drawings(report: Report, ending: str) -> list[bytes]:
    """Its charts, `svg` or `png`, in the order of the report."""
    rows = ReportFile.objects.filter(report_id=report.pk, edition=report.edition, name__endswith=f".{ending}")
    return [bytes(row.content) for row in sorted(rows, key=lambda row: int(row.name.partition(".")[0]))]


@dataclass(frozen=True)
class Kept:
    """A file as it is listed."""

    name: str
    size: int
    sm3: str


def files_of(report: Report) -> list[Kept]:
    rows = ReportFile.objects.filter(report_id=report.pk, edition=report.edition, name__in=("pdf", "docx"))
    return [
        Kept(row.name, len(row.content), bytes(row.sm3).hex()) for row in sorted(rows, key=lambda r: r.name != "pdf")
    ]


def published_reports(area: str = "") -> QuerySet[Report]:
    """What everybody may read, newest first: archived, made for the public, not withdrawn. `area`: of that place alone."""
    found = Report.objects.filter(state=State.ARCHIVED, for_public=True)
    return (found.filter(area_path=area, organ_path="") if area else found).order_by("-end", "-archived_at")


def published_report(pk: int) -> Report:
    """One of those, or Refused 404. Its document and files by `document_of` and `file_of`."""
    found = published_reports().filter(pk=pk).first()
    if found is None:
        raise NOT_FOUND
    return found


@dataclass(frozen=True)
class Place:
    """Where somebody may write reports about."""

    area: str
    organ: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.area}|{self.organ}"


def places_for(actor: Actor) -> list[Place]:
    """Their own places, and of an area all cities or counties one step below."""
    known = snapshot()
    found: dict[str, Place] = {}
    for scope in as_(actor, *WRITE).scopes:
        if (mine := _named(scope)) is not None:
            found[mine.key] = mine
        if scope.organ:
            continue
        deep = {0: 2, 2: 4, 4: 6}.get(len(scope.area), 0)
        for region in known.regions.values():
            if region.path.startswith(scope.area) and len(region.path) == deep:
                below = Place(region.path, "", region.name)
                found.setdefault(below.key, below)
    return list(found.values())


def place_at(scope: Scope) -> Place:
    """The place of a scope; Refused 404 for one that is not in the directory."""
    found = _named(scope)
    if found is None:
        raise NOT_FOUND
    return found


def _named(scope: Scope) -> Place | None:
    known = snapshot()
    organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2]) if scope.organ else None
    region = known.region(scope.area) if scope.area else None
    if (scope.organ and organ is None) or (scope.area and region is None):
        return None
    name = organ.name if organ else region.name if region else "全部地区"
    return Place(scope.area, scope.organ, name)


def plans_for(actor: Actor) -> QuerySet[ReportPlan]:
    """The standing orders of the actor's places."""
    return visible(ReportPlan.objects.all(), as_(actor, *WRITE))


def waiting_for(actor: Actor) -> int:
    """How many reports this actor could approve now."""
    rows = reports_for(actor).filter(state=State.SUBMITTED).defer("content")
    return sum(By.APPROVER in parts_in(row, actor) for row in rows) if actor.has(*APPROVE) else 0
