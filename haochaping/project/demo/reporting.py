"""报告 of the made-up province: last month's and last week's archived, one waiting for approval, one being written, standing orders."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from haochaping.accounts.rules import Role, Scope
from haochaping.analytics.reports import commands
from haochaping.analytics.reports.kinds import Kind, Period, last_ended
from haochaping.analytics.reports.models import Report
from haochaping.kit import clock
from haochaping.project.demo import sentences

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.project.demo.people import Cast

PLANNED = (Kind.DAILY, Kind.WEEKLY, Kind.ENTERPRISE, Kind.MONTHLY, Kind.APPRAISAL)
TOPIC_DAYS = 30


def make(cast: Cast, office: str, now: datetime) -> None:
    """Write them if there are none yet. The figures are those of now; who did what lies a few hours apart."""
    if Report.objects.exists():
        return
    author, leader = cast.actors["supervisor"], cast.actors["leader"]
    scope, today = Scope(author.scopes_as(Role.SUPERVISOR)[0].area), clock.day(now)
    for kind in PLANNED:
        commands.set_plan(kind, scope, issuer=office, for_public=kind is Kind.MONTHLY, actor=author, now=now)
    asked = [
        *(
            commands.ask(
                kind, last_ended(kind, today), scope, issuer=office, for_public=kind is Kind.MONTHLY, actor=author, now=now
            )
            for kind in (Kind.MONTHLY, Kind.WEEKLY, Kind.ENTERPRISE)
        ),
        commands.ask(
            Kind.TOPIC, Period(today - timedelta(days=TOPIC_DAYS), today), scope, issuer=office, by=["channel", "cause"],
            title=sentences.TOPIC["title"], actor=author, now=now,
        ),
    ]  # fmt: skip
    commands.work(now)
    for n, report in enumerate(asked):
        if report.kind == Kind.TOPIC:
            commands.write(report.pk, sentences.TOPIC, seen="2", actor=author)
            continue
        commands.act(report.pk, "submit", "", actor=author, now=now)
        if n < 2:  # the third waits for the leader
            commands.act(report.pk, "approve", "", actor=leader, now=now + timedelta(seconds=n))
    commands.work(now)
