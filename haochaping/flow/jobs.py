"""Periodic work of the room."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.accounts.commands import forget_nonces
from haochaping.flow import services
from haochaping.kit import clock


@app.periodic(cron="* * * * *")
@app.task(queue="minute", pass_context=False)
def resume_parked(timestamp: int) -> None:  # noqa: ARG001
    services.resume(now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queue="minute", pass_context=False)
def drop_old_nonces(timestamp: int) -> None:  # noqa: ARG001
    forget_nonces(now=clock.now())
