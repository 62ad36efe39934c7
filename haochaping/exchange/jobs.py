"""Periodic work of the room; catch-up style, and safe to run twice at once."""

from __future__ import annotations

from time import monotonic

from django.db import close_old_connections
from procrastinate.contrib.django import app

from haochaping.exchange import commands
from haochaping.kit import clock

LONGEST = 50.0  # seconds; the next minute's job goes on


@app.periodic(cron="* * * * *")
@app.task(queue="exchange", queueing_lock="exchange.upload", pass_context=False)
def upload(timestamp: int) -> None:  # noqa: ARG001
    close_old_connections()
    until = monotonic() + LONGEST
    while monotonic() < until:
        now = clock.now()
        collected = commands.collect(now)
        if not commands.send_due(now).claimed and not collected:
            return


@app.periodic(cron="20 3 * * *")
@app.task(queue="exchange", queueing_lock="exchange.reconcile", pass_context=False)
def reconcile(timestamp: int) -> None:  # noqa: ARG001
    close_old_connections()
    commands.reconcile(clock.now())
