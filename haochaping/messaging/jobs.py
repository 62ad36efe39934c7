"""Periodic work of the room; catch-up style, and safe to run twice at once."""

from __future__ import annotations

from time import monotonic

from django.db import close_old_connections
from procrastinate.contrib.django import app

from haochaping.kit import clock
from haochaping.messaging import commands, notices, queries, sending
from haochaping.messaging.rules import CODE_TRY_EVERY

LONGEST = 25.0  # seconds: a stopping worker waits for it; the next minute goes on


@app.periodic(cron="* * * * *")
@app.task(queue="sms", queueing_lock="messaging.deliver", pass_context=False)
def deliver(timestamp: int) -> None:  # noqa: ARG001
    """Every minute, and at once where somebody waits for a code."""
    close_old_connections()
    until = monotonic() + LONGEST
    while monotonic() < until and sending.send_due(clock.now()):
        pass
    if queries.awaits_codes(clock.now()):
        commands.wake(CODE_TRY_EVERY)


@app.periodic(cron="*/5 * * * *")
@app.task(queue="sms", queueing_lock="messaging.poll", pass_context=False)
def ask_for_receipts(timestamp: int) -> None:  # noqa: ARG001
    close_old_connections()
    until = monotonic() + LONGEST
    while monotonic() < until and sending.poll_receipts(clock.now()):
        pass


@app.periodic(cron="40 3 * * *")
@app.task(queue="sms", queueing_lock="messaging.forget", pass_context=False)
def forget_numbers(timestamp: int) -> None:  # noqa: ARG001
    close_old_connections()
    commands.forget(now=clock.now())
    notices.forget_notices(now=clock.now())
