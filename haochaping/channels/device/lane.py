"""The devices' own lane beside the door: their streams and their batches, on threads of their own.

Whatever the public does to the rest, a tablet gets rid of what it holds. ASGI, outermost in `project.asgi`.
"""

from __future__ import annotations

import asyncio
import logging
import re
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import connections

from haochaping.channels.asgi import DATABASE_AWAY, TRY_AGAIN, answer, aside, body_of, headers_of
from haochaping.channels.device import access, commands, rules
from haochaping.channels.device.stream import Hub
from haochaping.channels.rules import Bucket
from haochaping.kit import clock
from haochaping.kit.errors import Refused, let_go

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from haochaping.directory.models import Device

BODY_MOST = 512 * 1024
BATCHES_WAITING_MOST = 200
BURST, EVERY = 60, timedelta(seconds=1)  # batches a device may send: more than any honest one ever does
SLOWER = Refused("too_many_batches", 429, "本设备上传过于频繁，请稍后自动重试。")
_PATH = re.compile(r"/device/([0-9A-Z]{1,12})/(ratings|events)")
log = logging.getLogger(__name__)


class DeviceLane:
    """ASGI application: `POST /device/{id}/ratings` and `GET /device/{id}/events`; hands on the rest."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.taking = ThreadPoolExecutor(1, thread_name_prefix="device-taps")
        self.watching = ThreadPoolExecutor(1, thread_name_prefix="device-watch")
        self.hub = Hub(self._in_watch)
        self.buckets: dict[str, Bucket] = {}
        self.waiting = 0
        self.is_hooked = False

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self.inner(scope, self._watched(receive), send)
            return
        found = _PATH.fullmatch(scope.get("path", "")) if scope["type"] == "http" else None
        wanted = {"ratings": "POST", "events": "GET"}.get(found[2]) if found else None
        if found is None or scope["method"] != wanted:
            await self.inner(scope, receive, send)
        elif found[2] == "events":
            await self._events(found[1], scope, receive, send)
        else:
            status, body, more = await self._ratings(found[1], scope, receive)
            await answer(send, status, body, more)

    def _watched(self, receive: Any) -> Any:
        async def next_message() -> Any:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                self.hub.close()
                await asyncio.to_thread(self.close)
            return message

        return next_message

    def close(self) -> None:
        """End the threads, each with its connection."""
        for pool in (self.taking, self.watching):
            pool.submit(connections.close_all)
            pool.shutdown()

    async def _events(self, device_id: str, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = headers_of(scope)
        try:
            device = await self._in_watch(access.by_cookie, _cookie(headers), device_id)
        except Refused as no:
            let_go()
            await answer(send, no.status, no.as_json())
            return
        except DATABASE_AWAY:
            await answer(send, 503, TRY_AGAIN.as_json(), [(b"retry-after", b"3")])
            return
        self._hook()
        last = headers.get("last-event-id", "")
        await self.hub.serve(device, int(last) if re.fullmatch(r"[0-9]{1,15}", last) else 0, receive, send)

    def _hook(self) -> None:
        """Streams end on SIGTERM: open ones would hold the server back until it is killed.

        The server's own handler is woken through the loop's file descriptor and keeps working.
        """
        if self.is_hooked or threading.current_thread() is not threading.main_thread():
            return
        self.is_hooked = True
        loop, before = asyncio.get_running_loop(), signal.getsignal(signal.SIGTERM)

        def stop(number: int, frame: Any) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self.hub.close)
            if callable(before):
                before(number, frame)
            else:  # nobody else listens: the signal does what it does by itself
                signal.signal(number, before or signal.SIG_DFL)
                signal.raise_signal(number)

        signal.signal(signal.SIGTERM, stop)

    async def _ratings(
        self, device_id: str, scope: dict[str, Any], receive: Any
    ) -> tuple[int, dict[str, Any], list[tuple[bytes, bytes]]]:
        try:
            body = await body_of(scope, receive, BODY_MOST)
            if self.waiting >= BATCHES_WAITING_MOST:
                raise TRY_AGAIN
            self.waiting += 1
            try:
                done = await self._in_taking(self._take, device_id, scope, body, clock.now())
            finally:
                self.waiting -= 1
        except Refused as no:
            more = [(b"retry-after", b"5")] if no.status in {429, 503} else []
            let_go()
            return no.status, no.as_json(), more
        except DATABASE_AWAY:
            return 503, TRY_AGAIN.as_json(), [(b"retry-after", b"5")]
        except Exception:
            log.exception("the device lane failed")
            return 500, Refused("internal", 500, "系统内部错误，已记录。").as_json(), []
        return 200, {"results": done, "serverTime": int(clock.now().timestamp() * 1000)}, []

    def _take(self, device_id: str, scope: dict[str, Any], body: bytes, now: datetime) -> list[dict[str, Any]]:
        headers = headers_of(scope)
        device = access.by_signature(device_id, scope["method"], scope["path"], headers, body)
        self._meter(device, now)
        try:
            given = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            given = None
        records = given.get("ratings") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(records, list):
            raise Refused("malformed", 422, "请求体应为 {waiting, ratings: [...]}。")
        if len(records) > rules.TAPS_MOST:
            raise Refused("too_many", 422, f"每批最多 {rules.TAPS_MOST} 条，请分批上传。")
        waiting = given.get("waiting")
        return commands.take_taps(
            device,
            records,
            sent_ms=int(headers["x-timestamp"]),
            nonce=headers["x-nonce"].lower(),
            waiting=waiting if isinstance(waiting, int) and 0 <= waiting < 10**6 else None,
            now=now,
        )

    def _meter(self, device: Device, now: datetime) -> None:
        """By device, never by address: forty windows stand behind one."""
        if len(self.buckets) > 100_000:
            self.buckets.clear()
        bucket = self.buckets.setdefault(device.id, Bucket(BURST, EVERY, BURST, now))
        if bucket.refill(now) < 1:
            raise SLOWER
        bucket.left -= 1

    async def _in_taking(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await aside(self.taking, work, *arguments)

    async def _in_watch(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await aside(self.watching, work, *arguments)


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(access.COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
