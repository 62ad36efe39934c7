"""Periodic work of the channels."""

from __future__ import annotations

from time import monotonic

from django.db import close_old_connections
from procrastinate.contrib.django import app

from haochaping.channels.callouts import commands as callouts
from haochaping.channels.invitations import commands as invitations
from haochaping.kit import clock

LONGEST = 25.0  # seconds: a stopping worker waits for it; the next minute goes on


@app.periodic(cron="* * * * *")
@app.task(queue="minute", queueing_lock="channels.invite", pass_context=False)
def invite(timestamp: int) -> None:  # noqa: ARG001
    """Who was served is asked by SMS, by the policy's rule."""
    close_old_connections()
    until = monotonic() + LONGEST
    invitations.drop_rated(clock.now())
    while monotonic() < until and (invitations.collect(clock.now()) or invitations.ask_due(clock.now())):
        pass


@app.periodic(cron="7 * * * *")
@app.task(queue="minute", pass_context=False)
def draw_callouts(timestamp: int) -> None:  # noqa: ARG001
    """Services of the days before are drawn by a fixed lot: what was drawn, or not, an hour ago stays so."""
    callouts.settle_callouts(now=clock.now())
    callouts.draw_callouts(now=clock.now())
