"""Periodic work of the room; catch-up style, so a missed tick loses nothing."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.analytics import commands, triggers
from haochaping.analytics.problems import finding
from haochaping.analytics.reports import commands as reports
from haochaping.kit import clock


@app.periodic(cron="* * * * * */10")  # the sixth field is the seconds: today is fresh within 15 s
@app.task(queue="lake", lock="lake", queueing_lock="lake", pass_context=False)
def refresh_lake(timestamp: int) -> None:  # noqa: ARG001
    commands.refresh_lake(now=clock.now(), everything=False)


@app.periodic(cron="20 6 * * *")
@app.task(queue="lake", lock="lake", queueing_lock="consequences", pass_context=False)
def propose_consequences(timestamp: int) -> None:  # noqa: ARG001
    triggers.propose_consequences(now=clock.now())


@app.periodic(cron="40 6 * * *")
@app.task(queue="lake", lock="lake", queueing_lock="problems", pass_context=False)
def find_problems(timestamp: int) -> None:  # noqa: ARG001
    finding.look(now=clock.now())


@app.periodic(cron="* * * * * */10")  # somebody may be waiting for a report they asked for
@app.task(queue="reports", lock="reports", queueing_lock="reports", pass_context=False)
def make_reports(timestamp: int) -> None:  # noqa: ARG001
    now = clock.now()
    reports.plan_due(now)
    reports.work(now)
