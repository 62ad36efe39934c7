"""A gateway before the system that breaks something on its way, as gateways do: for the probe to find."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DROPPED = {"connection", "transfer-encoding", "content-length", "content-encoding", "host", "accept-encoding"}


class Asked(NamedTuple):
    method: str
    path: str
    body: bytes


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: list[tuple[str, str]]


@contextmanager
def gateway(
    upstream: str,
    *,
    swallows: Callable[[Asked], Answer | None] = lambda _: None,
    changes: Callable[[Asked, bytes], bytes] = lambda _, body: body,
) -> Iterator[str]:
    """Its address. `swallows` answers by itself what never gets through; `changes` rewrites what comes back."""
    client = httpx.Client(base_url=upstream, timeout=20, follow_redirects=False)

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(self.command, self.path, body)
            answer = swallows(asked) or self._forward(asked)
            self.send_response(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def _forward(self, asked: Asked) -> Answer:
            headers = [(name, value) for name, value in self.headers.items() if name.lower() not in DROPPED]
            client.cookies.clear()
            got = client.request(asked.method, asked.path, content=asked.body, headers=headers)
            told = [(name, value) for name, value in got.headers.multi_items() if name.lower() not in DROPPED]
            return Answer(got.status_code, changes(asked, got.content), told)

        do_GET = do_POST = _pass  # noqa: N815  the library's names

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        client.close()
