"""Periodic work of the room; catch-up style, so a missed tick loses nothing."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.evaluation import commands, sealing
from haochaping.kit import clock


@app.periodic(cron="* * * * *")
@app.task(queue="minute", pass_context=False)
def seal_ratings(timestamp: int) -> None:  # noqa: ARG001
    sealing.seal(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queue="minute", pass_context=False)
def lapse_unrated(timestamp: int) -> None:  # noqa: ARG001
    commands.settle_windows(now=clock.now())
    commands.make_lapses(now=clock.now())
