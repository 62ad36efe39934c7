"""Periodic work of the room."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.kit import clock
from haochaping.rectification.commands import advance


@app.periodic(cron="* * * * *")
@app.task(queue="minute", pass_context=False)
def advance_orders(timestamp: int) -> None:  # noqa: ARG001
    advance(clock.now())
