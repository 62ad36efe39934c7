"""Periodic work of the room."""

from __future__ import annotations

from procrastinate.contrib.django import app

from haochaping.accounts import sessions
from haochaping.accounts.commands import forget_nonces
from haochaping.flow import marking, repair, services
from haochaping.kit import clock


@app.periodic(cron="* * * * *")
@app.task(queue="minute", pass_context=False)
def resume_parked(timestamp: int) -> None:  # noqa: ARG001
    services.resume(now=clock.now())


@app.periodic(cron="*/5 * * * *")
@app.task(queue="minute", pass_context=False)
def drop_old_nonces(timestamp: int) -> None:  # noqa: ARG001
    forget_nonces(now=clock.now())


@app.periodic(cron="10 3 * * *")
@app.task(queue="minute", pass_context=False)
def drop_old_sessions(timestamp: int) -> None:  # noqa: ARG001
    sessions.forget(now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(queue="minute", pass_context=False)
def finish_batch_marks(timestamp: int) -> None:  # noqa: ARG001
    marking.finish_marks(now=clock.now())


@app.periodic(cron="*/10 * * * *")
@app.task(queue="minute", pass_context=False)
def settle_overtaken(timestamp: int) -> None:  # noqa: ARG001
    repair.supersede_overtaken(now=clock.now())
