"""Periodic work of the channels."""

from __future__ import annotations

import logging
from time import monotonic

from django.conf import settings
from django.db import close_old_connections
from procrastinate.contrib.django import app

from haochaping.channels.callouts import commands as callouts
from haochaping.channels.invitations import commands as invitations
from haochaping.channels.probe import commands as probing
from haochaping.kit import clock
from haochaping.kit.errors import Refused

log = logging.getLogger(__name__)
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


@app.periodic(cron="23 19 * * *")  # UTC: at night in China
@app.task(queue="probe", queueing_lock="channels.probe", pass_context=False)
def probe(timestamp: int, by: str = "每夜巡检") -> None:  # noqa: ARG001
    """Every level through every channel; what cannot be given stands in the console, in /metrics and in `hcp check`."""
    close_old_connections()
    try:
        run = probing.run(settings.PROBE_URL, by=by)
    except Refused as no:
        log.warning("the probe did not run: %s", no.code)
        return
    if run.failed:
        log.error("the probe could not give %s of %s", run.failed, run.given + run.failed)
