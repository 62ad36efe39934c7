"""Periodic work of the room."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.kit import clock
from haochaping.rectification import reminders
from haochaping.rectification.commands import advance


@app.periodic(cron="* * * * *")
@app.task(queue="minute", pass_context=False)
def advance_orders(timestamp: int) -> None:  # noqa: ARG001
    advance(clock.now())


@app.periodic(cron="* * * * *")
@app.task(queue="minute", queueing_lock="rectification.remind", pass_context=False)
def remind_people(timestamp: int) -> None:  # noqa: ARG001
    """Notices first, then the SMS that count them."""
    now = clock.now()
    reminders.remind(now)
    reminders.text_staff(now)
