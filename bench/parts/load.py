"""A client that is not the limit: prepared HTTP/1.1 requests over kept-alive connections, one thread, epoll, nothing parsed
but the status line and the length.

Closed loop: each connection sends its next request as soon as it has its answer. Open loop: requests fall due at a rate,
whether the server keeps up or not, and a latency counts from the moment the request was due.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

READ = 65536
CONNECTIONS_MOST = 4_000


@dataclass
class Fired:
    """What came back. `statuses[n]` is the answer to the n-th request, 0 for a broken connection."""

    seconds: float = 0.0
    statuses: dict[int, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)  # seconds
    without_retry_after: int = 0

    @property
    def counts(self) -> Counter[int]:
        return Counter(self.statuses.values())

    @property
    def rate(self) -> float:
        return len(self.statuses) / self.seconds

    def quantile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class _Connection:
    """One socket with at most one request under way."""

    __slots__ = ("due", "number", "read", "sock")

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.read, self.number, self.due = b"", -1, 0.0

    def send(self, number: int, request: bytes, due: float) -> None:
        self.number, self.due, self.read = number, due, b""
        self.sock.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Status and head of the whole answer, None while some of it is missing. ConnectionError if it broke."""
        part = self.sock.recv(READ)
        if not part:
            raise ConnectionError
        self.read += part
        head, separator, body = self.read.partition(b"\r\n\r\n")
        if not separator:
            return None
        at = head.lower().find(b"content-length: ")
        length = int(head[at + 16 :].split(b"\r", 1)[0]) if at >= 0 else 0
        return (int(head[9:12]), head) if len(body) >= length else None


def request(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def closed_loop(port: int, requests: Iterator[bytes], connections: int, seconds: float) -> Fired:
    """As many as `connections` can send until `requests` end or `seconds` are over."""
    fired, numbers = Fired(), enumerate(requests)
    with selectors.EpollSelector() as waiting:
        begin = time.perf_counter()

        def next_on(connection: _Connection) -> bool:
            following = next(numbers, None) if time.perf_counter() - begin < seconds else None
            if following is None:
                return False
            connection.send(*following, time.perf_counter())
            return True

        open_ = 0
        for _ in range(connections):
            connection = _Connection(port)
            if next_on(connection):
                waiting.register(connection.sock, selectors.EVENT_READ, connection)
                open_ += 1
        while open_:
            for key, _ in waiting.select():
                if _take(key.data, fired) and not next_on(key.data):
                    waiting.unregister(key.fileobj)
                    open_ -= 1
        fired.seconds = time.perf_counter() - begin
    return fired


def open_loop(port: int, requests: Iterator[bytes], rate: float, seconds: float) -> Fired:
    """`rate` requests a second for `seconds`, over as many connections as it takes."""
    fired, idle, numbers, under_way = Fired(), list[_Connection](), enumerate(requests), 0
    with selectors.EpollSelector() as waiting:
        begin = time.perf_counter()
        number, last = 0, int(rate * seconds)
        while number < last or under_way:
            now = time.perf_counter()
            while number < last and begin + number / rate <= now:
                if not idle and under_way < CONNECTIONS_MOST:
                    connection = _Connection(port)
                    waiting.register(connection.sock, selectors.EVENT_READ, connection)
                    idle.append(connection)
                if not idle:
                    break
                connection = idle.pop()
                connection.send(*next(numbers), begin + number / rate)
                number, under_way = number + 1, under_way + 1
            pause = max(0.0, begin + number / rate - time.perf_counter()) if number < last else 1.0
            for key, _ in waiting.select(pause if idle or under_way < CONNECTIONS_MOST else 1.0):
                if key.data in idle:  # the server closed a line that nobody used
                    idle.remove(key.data)
                    waiting.unregister(key.fileobj)
                elif _take(key.data, fired):
                    under_way -= 1
                    if fired.statuses[key.data.number]:
                        idle.append(key.data)
                    else:
                        waiting.unregister(key.fileobj)
        fired.seconds = time.perf_counter() - begin
    return fired


def _take(connection: _Connection, fired: Fired) -> bool:
    """Whether the request under way has come to its end."""
    try:
        answer = connection.answer()
    except ConnectionError:
        answer = (0, b"")
    if answer is None:
        return False
    status, head = answer
    fired.statuses[connection.number] = status
    fired.latencies.append(time.perf_counter() - connection.due)
    if status == 503 and b"retry-after:" not in head.lower():
        fired.without_retry_after += 1
    return True
