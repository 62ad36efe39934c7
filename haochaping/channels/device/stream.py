"""The doorbell's wire: one stream a device, one task a process that looks for new calls and rings them on.

A stream carries numbers only; the truth is asked for at `/device/{id}/state` (look.md §7).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db import Error as DatabaseFailed
from psycopg_pool import PoolTimeout

from haochaping.channels.device import commands
from haochaping.directory.models import Device
from haochaping.flow.models import WindowCall
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.3
BEAT_SECONDS = 15.0  # shorter than what proxies cut, and the tablet's sign that the line stands
LOOK_BACK = timedelta(minutes=1)  # a call or a stop that commits late is still seen
SEEN_EVERY = 60.0  # seconds between the notes of who is connected
log = logging.getLogger(__name__)

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


@dataclass(eq=False)
class Stream:
    """One open line to a device."""

    device: str
    window: str
    seq: int = 0  # the newest call rung on this line
    ends: str = ""  # why it ends: gone, revoked, stopping
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self, why: str) -> None:
        self.ends = self.ends or why
        self.woken.set()


class Hub:
    """All streams of this process, and the one task that looks at the table for them."""

    def __init__(self, in_thread: Callable[..., Awaitable[Any]]) -> None:
        self.in_thread = in_thread
        self.streams: set[Stream] = set()
        self.looking: asyncio.Task[None] | None = None
        self.stopping = False

    def close(self) -> None:
        """End every stream: the process is about to stop, and the tablets come back to the next one."""
        self.stopping = True
        for stream in self.streams:
            stream.end("stopping")
        if self.looking is not None:
            self.looking.cancel()

    async def serve(self, device: Device, last: int, receive: Any, send: Any) -> None:
        """Ring and beat on this line until the device goes, is stopped, or we stop."""
        stream = Stream(device.id, device.window, last)
        self.streams.add(stream)
        if self.stopping:
            stream.end("stopping")
        elif self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self._look())
        leaving = asyncio.create_task(_until_gone(receive, stream))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            await _say(send, "retry: 3000\n\n")
            sent = last
            while not stream.ends:
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        await stream.woken.wait()
                except TimeoutError:
                    await _say(send, f"event: beat\ndata: {int(clock.now().timestamp() * 1000)}\n\n")
                    continue
                stream.woken.clear()
                if stream.seq > sent:
                    sent = stream.seq
                    await _say(send, f"id: {sent}\nevent: call\ndata: {sent}\n\n")
            if stream.ends == "revoked":
                await _say(send, "event: revoked\ndata: 1\n\n")
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except OSError:
            log.debug("a tablet went while we spoke")
        finally:
            self.streams.discard(stream)
            leaving.cancel()

    async def _look(self) -> None:
        """Ring what is new while anybody listens. A database that is away is asked again; the lines stay open."""
        loop = asyncio.get_running_loop()
        seen_at, is_away = loop.time(), False
        while self.streams and not self.stopping:
            try:
                calls, revoked = await self.in_thread(_news)
                if loop.time() - seen_at >= SEEN_EVERY:
                    seen_at = loop.time()
                    await self.in_thread(_note, [stream.device for stream in self.streams])
            except (DatabaseFailed, PoolTimeout):
                if not is_away:
                    log.warning("the doorbell waits for the database")
                is_away = True
            except Exception:
                log.exception("the doorbell stumbled")  # and looks again: a dead one leaves calls and stops unheard
            else:
                is_away = False
                self._ring(calls, revoked)
            await asyncio.sleep(POLL_SECONDS)

    def _ring(self, calls: dict[str, int], revoked: set[str]) -> None:
        for stream in list(self.streams):
            if stream.device in revoked:
                stream.end("revoked")
            elif calls.get(stream.window, 0) > stream.seq:
                stream.seq = calls[stream.window]
                stream.woken.set()


def _news() -> tuple[dict[str, int], set[str]]:
    since = clock.now() - LOOK_BACK
    calls = dict(WindowCall.objects.filter(called_at__gt=since).values_list("window_code", "seq"))
    return calls, set(Device.objects.filter(revoked_at__gt=since).values_list("id", flat=True))


def _note(devices: list[str]) -> None:
    commands.note_seen(devices, now=clock.now())


async def _until_gone(receive: Any, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end("gone")


async def _say(send: Any, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
