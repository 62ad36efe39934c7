"""Every write about reports: asked for or planned, drawn, written on, approved by a second person, filed, withdrawn."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import SYSTEM, Scope
from haochaping.analytics.asked import refuse_unknown
from haochaping.analytics.dimensions import DIMENSIONS, PREFIXES
from haochaping.analytics.reports import queries
from haochaping.analytics.reports.kinds import KINDS, LONGEST, PERIODIC, Kind, Period, due
from haochaping.analytics.reports.models import Report, ReportFile, ReportPlan, ReportStep
from haochaping.analytics.reports.rules import (
    LONGEST_TITLE,
    OWED,
    TEXTS,
    TRIES,
    WORKING,
    By,
    State,
    Step,
    read,
    step,
    wrong,
)
from haochaping.kit import clock
from haochaping.kit.crypto import sm3
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor

log = logging.getLogger(__name__)
NO_PART = Refused("not_your_part", 403, "报告由督办人员起草和提交，由另一位督办人员或领导审批。")


def ask(
    kind: Kind,
    period: Period,
    scope: Scope,
    *,
    issuer: str,
    filters: Mapping[str, Any] | None = None,
    by: Sequence[str] = (),
    title: str = "",
    for_public: bool = False,
    actor: Actor,
    now: datetime,
) -> Report:
    """A report that the worker will draw. Refused 403, 404 for another's place, 422 by field."""
    if not actor.has(*queries.WRITE):
        raise NO_PART
    if not any(mine.holds(scope) for mine in queries.as_(actor, *queries.WRITE).scopes):
        raise queries.NOT_FOUND
    _check_slice(dict(filters or {}), list(by))
    _check(period, today=clock.day(now))
    place = queries.place_at(scope)
    with transaction.atomic():
        report = Report.objects.create(
            kind=kind,
            area_path=scope.area,
            organ_path=scope.organ,
            place=place.name,
            issuer=read("issuer", "发文单位", issuer, is_required=True, longest=100),
            start=period.start,
            end=period.end,
            filters=dict(filters or {}),
            by=list(by),
            for_public=for_public and KINDS[kind].may_be_public and not scope.organ,
            title=read("title", "标题", title, is_required=kind is Kind.TOPIC, longest=LONGEST_TITLE),
            writers=[actor.id],
            made_by=actor.name,
            made_at=now,
        )
        _told(report, "ask", actor, "", now)
        audit(actor, "report_ask", str(report.pk), now=now, facts={"kind": kind.name_zh, "place": place.name})
    return report


def _check_slice(filters: dict[str, Any], by: list[str]) -> None:
    """A place is no filter, lest it lead out of the scope; and whatever only orders know narrows no rating."""
    refuse_unknown([], by, filters)
    if PREFIXES.keys() & filters.keys():
        raise wrong("place", "地区和单位请在“地区或单位”里选择。")
    for name in filters:
        if "services" not in DIMENSIONS[name].tables:
            raise wrong(name, f"专报要统计评价，不能按“{DIMENSIONS[name].name}”筛选；请改为按它分项。")


def _check(period: Period, *, today: date) -> None:
    if period.end < period.start:
        raise wrong("until", "结束日不能早于开始日。")
    if period.days > LONGEST:
        raise wrong("until", "起止日相距不超过三年。")
    if period.start > today:
        raise wrong("since", "这一期还没有开始，请选已经开始的日期。")


def plan_due(now: datetime) -> int:
    """Ask for what the standing orders 订阅 owe by now; what was missed while no worker ran is made up, nothing twice."""
    made = 0
    for plan in ReportPlan.objects.filter(is_on=True).order_by("pk"):
        kind = Kind(plan.kind)
        periods = due(kind, plan.since, clock.day(now))
        there = set(
            Report.objects.filter(
                is_planned=True, kind=kind, area_path=plan.area_path, organ_path=plan.organ_path
            ).values_list("start", flat=True)
        )
        for period in periods:
            if period.start in there:
                continue
            with transaction.atomic():
                report, is_new = Report.objects.get_or_create(
                    kind=kind,
                    area_path=plan.area_path,
                    organ_path=plan.organ_path,
                    start=period.start,
                    is_planned=True,
                    defaults={
                        "place": plan.place,
                        "issuer": plan.issuer,
                        "end": period.end,
                        "for_public": plan.for_public and KINDS[kind].may_be_public,
                        "made_by": SYSTEM.name,
                        "made_at": now,
                    },
                )
                if is_new:
                    _told(report, "plan", SYSTEM, "", now)
                    made += 1
    return made


def work(now: datetime, *, most: int = 20) -> int:
    """Draw what was asked for and file what was approved, one by one; how many were done.

    One that fails is tried again, and after a few times given back to people with what was wrong.
    """
    done = 0
    waiting = Report.objects.filter(state__in=WORKING).order_by("made_at", "pk")
    for pk in list(waiting.values_list("pk", flat=True)[:most]):
        try:
            done += _work_on(pk, now)
        except Exception as error:  # noqa: BLE001  the edge of a batch: one report must not stop the others
            _give_back(pk, error, now)
    return done


def _work_on(pk: int, now: datetime) -> bool:
    with transaction.atomic():
        report = Report.objects.select_for_update(skip_locked=True).filter(pk=pk, state__in=WORKING).first()
        if report is None:  # another worker has it
            return False
        (_draw if report.state == State.QUEUED else _file)(report, now)
        return True


def _draw(report: Report, now: datetime) -> None:
    from haochaping.analytics.reports import charts, contents
    from haochaping.analytics.reports.document import to_json

    document = contents.build(
        Kind(report.kind),
        queries.period_of(report),
        place=report.place,
        issuer=report.issuer,
        filters=_filters(report),
        by=report.by,
        title=report.title,
        for_public=report.for_public,
        now=now,
    )
    report.edition += 1
    for n, chart in enumerate(document.charts, 1):
        drawn = charts.draw(chart)
        _keep(report, f"{n}.svg", drawn.svg, now)
        _keep(report, f"{n}.png", drawn.png, now)
    report.content, report.drawn_at = to_json(document), now
    report.title = document.title[:LONGEST_TITLE]
    _move(report, State.DRAFT, "draw", now)


def _filters(report: Report) -> dict[str, Any]:
    own = {"area": report.area_path, "organ_path": report.organ_path}
    return dict(report.filters) | {name: value for name, value in own.items() if value}


def _file(report: Report, now: datetime) -> None:
    from haochaping.analytics.reports.paper import pdf
    from haochaping.analytics.reports.word import docx

    document = queries.document_of(report)
    assert document is not None, "only what was drawn can be approved"
    _keep(report, "pdf", pdf(document, queries.drawings(report, "svg")), now)
    _keep(report, "docx", docx(document, queries.drawings(report, "png"), at=now), now)
    report.archived_at = now
    _move(report, State.ARCHIVED, "file", now)


def _keep(report: Report, name: str, content: bytes, now: datetime) -> None:
    ReportFile.objects.create(
        report_id=report.pk, edition=report.edition, name=name, content=content, sm3=sm3(content), at=now
    )


def _move(report: Report, target: State, verb: str, now: datetime) -> None:
    report.state, report.tries, report.fault = target, 0, ""
    report.revision += 1
    report.save(force_update=True)
    _told(report, verb, SYSTEM, "", now)


def _give_back(pk: int, error: Exception, now: datetime) -> None:
    log.error("report %s cannot be made", pk, exc_info=error)
    with transaction.atomic():
        report = Report.objects.select_for_update().get(pk=pk)
        report.tries += 1
        report.fault = error.message[:200] if isinstance(error, Refused) else type(error).__name__
        if report.tries >= TRIES:
            report.state = State.FAILED if report.state == State.QUEUED else State.SUBMITTED
            report.tries = 0
            report.revision += 1
            _told(report, "fail", SYSTEM, report.fault, now)
        report.save(force_update=True)


def write(pk: int, given: Mapping[str, str], *, seen: str, actor: Actor) -> Report:
    """Keep what the author wrote. Refused 404, 403, 409 once it was submitted or changed by somebody else, 422."""
    with transaction.atomic():
        report = _locked(pk, actor)
        if By.AUTHOR not in queries.parts_in(report, actor):
            raise NO_PART
        if report.state != State.DRAFT or str(report.revision) != seen:
            raise Refused("moved", 409, "这份报告刚刚由别人改过或已经提交，您的修改没有保存，请看过最新内容再改。")
        for name, label in TEXTS.items():
            longest = {"longest": LONGEST_TITLE} if name == "title" else {}
            setattr(report, name, read(name, label, given.get(name, ""), is_required=name == "title", **longest))
        report.revision += 1
        _by(report, actor)
        report.save(force_update=True)
    return report


def act(pk: int, verb: str, text: str, *, actor: Actor, now: datetime) -> Report:
    """Submit, approve, return, withdraw … it. Refused 404, 403, 409, 422 `text` or what is still owed."""
    with transaction.atomic():
        report = _locked(pk, actor)
        found, text = check(report, verb, text, actor=actor)
        report.state = found.target
        if found.by is By.AUTHOR:
            _by(report, actor)
        if verb == "approve":
            report.decided_by, report.decided_at = actor.name, now
            if report.n is None:
                _number(report, now)
        elif verb == "withdraw":
            report.withdrawn_at, report.reason = now, text
        report.revision += 1
        report.save(force_update=True)
        _told(report, verb, actor, text, now)
        audit(actor, f"report_{verb}", str(report.pk), now=now, facts={"title": report.title})
    return report


def check(report: Report, verb: str, text: str, *, actor: Actor) -> tuple[Step, str]:
    """The step that would be taken and its text as kept; Refused as `act`."""
    found = step(State(report.state), verb, queries.parts_in(report, actor))
    if verb == "submit":
        for name in OWED.get(Kind(report.kind), ()):
            read(name, TEXTS[name], getattr(report, name), is_required=True)
    return found, read("text", found.asks, text, is_required=True) if found.asks else ""


def _locked(pk: int, actor: Actor) -> Report:
    queries.one_for(actor, pk)
    return Report.objects.select_for_update().get(pk=pk)


def _by(report: Report, actor: Actor) -> None:
    if actor.id not in report.writers:
        report.writers = [*report.writers, actor.id]


def _number(report: Report, now: datetime) -> None:
    year = clock.day(now).year
    alike = Report.objects.filter(kind=report.kind, area_path=report.area_path, organ_path=report.organ_path)
    list(alike.select_for_update().order_by("pk").values_list("pk", flat=True))  # two approvals do not take one number
    last = alike.filter(year=year).aggregate(last=Max("n"))["last"]
    report.year, report.n = year, (last or 0) + 1


def _told(report: Report, verb: str, actor: Actor, text: str, now: datetime) -> None:
    n = ReportStep.objects.filter(report_id=report.pk).count() + 1
    ReportStep.objects.create(
        report_id=report.pk, n=n, verb=verb, actor_id=actor.id, actor_name=actor.name, text=text, at=now
    )


def set_plan(
    kind: Kind, scope: Scope, *, issuer: str, for_public: bool = False, is_on: bool = True, actor: Actor, now: datetime
) -> ReportPlan:
    """Order a kind of report for a place from the period on that ends today, or change and end that. Refused 403, 404, 422."""
    if not actor.has(*queries.WRITE):
        raise NO_PART
    if not any(mine.holds(scope) for mine in queries.as_(actor, *queries.WRITE).scopes):
        raise queries.NOT_FOUND
    if kind not in PERIODIC:
        raise wrong("kind", "专报由人起草，不能订阅。")
    place = queries.place_at(scope)
    told = {
        "place": place.name,
        "issuer": read("issuer", "发文单位", issuer, is_required=True, longest=100),
        "for_public": for_public and KINDS[kind].may_be_public,
        "is_on": is_on,
        "changed_by": actor.name,
        "changed_at": now,
    }
    with transaction.atomic():
        known = ReportPlan.objects.select_for_update().filter(kind=kind, area_path=scope.area, organ_path=scope.organ)
        since = {} if (old := known.first()) is not None and old.is_on else {"since": clock.day(now)}
        plan, _ = ReportPlan.objects.update_or_create(
            kind=kind, area_path=scope.area, organ_path=scope.organ, defaults=told | since
        )
        facts = {"kind": kind.name_zh, "place": place.name, "issuer": plan.issuer}
        audit(actor, "report_plan_on" if is_on else "report_plan_off", str(plan.pk), now=now, facts=facts)
    return plan
