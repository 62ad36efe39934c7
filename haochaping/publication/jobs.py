"""Periodic work of the room; catch-up style, so a missed tick loses nothing."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.kit import clock
from haochaping.publication import commands


@app.periodic(cron="*/10 * * * *")
@app.task(queue="lake", lock="publication", queueing_lock="publication", pass_context=False)
def publish_due(timestamp: int) -> None:  # noqa: ARG001
    commands.publish_due(now=clock.now())
