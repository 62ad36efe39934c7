"""Periodic work of the room; catch-up style, and safe to run twice at once."""

from __future__ import annotations

import logging
from time import monotonic

from django.db import close_old_connections
from procrastinate.contrib.django import app

from haochaping.exchange import commands
from haochaping.exchange.envelope import NoAnswer
from haochaping.kit import clock

log = logging.getLogger(__name__)
LONGEST = 25.0  # seconds: a stopping worker waits for it, and other work wants its turn; the next minute goes on


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
    now = clock.now()
    commands.forget_attempts(now)
    try:
        commands.reconcile(now)
    except NoAnswer as no:  # the next run compares from the last balance on
        log.warning("reconciliation had no answer: %s", no.code)
