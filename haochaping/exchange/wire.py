"""Posting forms: several at once, each with a hard limit in time and size. No database, nothing is logged."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, NamedTuple, Self

import httpx

from haochaping.exchange.envelope import REPLY_MOST, NoAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from haochaping.exchange.target import Access, Sending


class Reply(NamedTuple):
    status: int
    body: bytes
    took_ms: int


class Wire:
    """Connections to one target, kept open between calls; use it in a `with`. Not for several threads."""

    def __init__(self, access: Access, sending: Sending) -> None:
        self._access = access
        self._total = sending.total_seconds
        self._loop = asyncio.new_event_loop()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(sending.total_seconds, connect=sending.connect_seconds),
            limits=httpx.Limits(max_connections=sending.parallel),
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._client.aclose())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()  # does not wait for a name server that a timed-out call still asks; asyncio.Runner would

    def post(self, endpoint: str, form: dict[str, str]) -> Reply:
        """One call; `NoAnswer` if none came in time."""
        reply = self.post_all([(endpoint, form)])[0]
        if isinstance(reply, NoAnswer):
            raise reply
        return reply

    def post_all(self, calls: Sequence[tuple[str, dict[str, str]]]) -> list[Reply | NoAnswer]:
        """All calls at once; what came of each, in order. None takes longer than the target's `total_seconds`."""
        return self._loop.run_until_complete(self._post_all(calls))

    async def _post_all(self, calls: Sequence[tuple[str, dict[str, str]]]) -> list[Reply | NoAnswer]:
        return list(await asyncio.gather(*(self._post(endpoint, form) for endpoint, form in calls)))

    async def _post(self, endpoint: str, form: dict[str, str]) -> Reply | NoAnswer:
        started = monotonic()
        body = bytearray()
        try:
            async with (
                asyncio.timeout(self._total),  # httpx limits each read, not a sender that drips
                self._client.stream("POST", f"{self._access.url}/{endpoint}", data=form) as response,
            ):
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > REPLY_MOST:
                        return NoAnswer("unreadable", f"应答超过 {REPLY_MOST} 字节")
                return Reply(response.status_code, bytes(body), round((monotonic() - started) * 1000))
        except (TimeoutError, httpx.TimeoutException):
            return NoAnswer("timeout", f"{self._total} 秒内没有应答")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return NoAnswer("connection", type(error).__name__)
