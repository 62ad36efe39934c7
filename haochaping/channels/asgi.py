"""What the door and the devices' lane share: reading a request, working aside from the event loop, answering."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from psycopg_pool import PoolTimeout

from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import ThreadPoolExecutor

Scope = dict[str, Any]
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeout)
TRY_AGAIN = Refused("try_again", 503, "系统暂时无法保存，请稍后重试，数据请勿丢弃。")


async def aside(threads: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
    """Run blocking work in one of these threads, with this request's clock."""
    context = copy_context()
    return await asyncio.get_running_loop().run_in_executor(threads, context.run, connected, work, arguments)


def connected(work: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """A dead connection is dropped, so that the next request makes a new one; a good one is kept for the next."""
    try:
        return work(*arguments)
    except DatabaseError:
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
        raise


def headers_of(scope: Scope) -> dict[str, str]:
    """By lower-case name."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}


async def body_of(scope: Scope, receive: Any, most: int) -> bytes:
    """The whole body; Refused 413 for one of more than `most` bytes, before it is read where it says so itself."""
    too_large = Refused("too_large", 413, f"请求体最大 {most // 1024} KB，请拆分后提交。")
    for name, value in scope["headers"]:
        if name.lower() == b"content-length" and value.isdigit() and int(value) > most:
            raise too_large
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("disconnected", 400, "连接已断开。")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise too_large
        if not message.get("more_body"):
            return b"".join(parts)


async def answer(send: Any, status: int, content: Any, more: Sequence[tuple[bytes, bytes]] = ()) -> None:
    """JSON that nobody keeps."""
    body = msgspec.json.encode(content)
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    headers += [(b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
