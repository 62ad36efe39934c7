"""The worker: runs what is due, sweeps what a killed worker left behind."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING, Any

import django

from haochaping.kit.errors import let_go

if TYPE_CHECKING:
    from procrastinate import App

log = logging.getLogger(__name__)
STALLED_AFTER = 30  # seconds without a heartbeat
SWEEP_EVERY = 30


def run() -> None:
    """Work until SIGTERM; returns when the database goes away, so that the supervisor starts a fresh one.

    What there is to do stands in each room's `jobs.py`, which procrastinate finds by itself.
    """
    django.setup()
    from procrastinate.contrib.django import app

    with app.replace_connector(app.connector.get_worker_connector()) as working:  # type: ignore[attr-defined]
        asyncio.run(_work(working))


async def _work(app: App) -> None:
    async with app.open_async():
        # Messages have places of their own beside those for everything: who waits for a code does not wait for the lake.
        working = [asyncio.ensure_future(_worker(app)), asyncio.ensure_future(_worker(app, queues=["sms"]))]

        def stop() -> None:
            for worker in working:
                worker.cancel()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        sweeping = asyncio.ensure_future(_sweep(app))
        try:
            await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sweeping.cancel()
            stop()
            ended = await asyncio.gather(*working, return_exceptions=True)
        for end in ended:
            if isinstance(end, Exception):
                raise end
        log.info("worker stopped")


async def _worker(app: App, **which: Any) -> None:
    await app.run_worker_async(
        **which,
        concurrency=2,
        install_signal_handlers=False,
        delete_jobs="successful",
        shutdown_graceful_timeout=8,
    )


async def _sweep(app: App) -> None:
    """Jobs of a worker that was killed stay `doing` for ever and block their lock; put them back (security §3.2)."""
    while True:
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
            log.warning("job %s of a dead worker is put back", job.task_name)
            await app.job_manager.retry_job(job)
        let_go()
        await asyncio.sleep(SWEEP_EVERY)
