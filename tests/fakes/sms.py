"""A small, strict, running SMS gateway: for tests and for `hcp demo`.

    python -m tests.fakes.sms --port 0 --data DIR

prints one line of JSON with `url, app_id, secret` and serves until SIGTERM. It checks signature, nonce, id, number, length
and 【signature】 of every message, takes each id once, and keeps its books in DIR/sms.json (without texts; they stand in memory).
`receipts()` and `reply()` make it call us, signed. GET / is an inbox, so that whoever tries the demo can read their code.
`gateway.script` makes it misbehave, call by call (see MODES).
"""

from __future__ import annotations

import argparse
import html
import json
import re
import secrets
import signal
import socket
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Self

import httpx

from haochaping.kit import crypto, signatures
from haochaping.kit.clock import CHINA

if TYPE_CHECKING:
    from collections.abc import Callable

# accept: as it should be. refuse: 422. error: 500, not taken in. busy: 429. unauthorized: 401. lost: taken in, then the
# connection ends without an answer. silent: taken in, never answered. dropped: not taken in, no answer. slow: after 0.5 s.
# garbage: taken in, answered with nonsense. blind: a question about an id is answered by silence too (with lost, silent).
MODES = ("accept", "refuse", "error", "busy", "unauthorized", "lost", "silent", "dropped", "slow", "garbage")
_ID = re.compile(r"[0-9a-f]{32}")
_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_TEXT = re.compile(r"【[^\s【】]{2,16}】[^\x00-\x1f]+")


class No(Exception):  # noqa: N818
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class Taken:
    """A message that it took in; `times` counts how often the same one came."""

    id: str
    to: str
    text: str
    kind: str
    no: str
    at: datetime
    status: str = "accepted"
    reason: str = ""
    times: int = 1


class SmsGateway:
    """The gateway on a port of its own, in threads of this process; `with SmsGateway(directory) as gateway:`."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        delivers_to: str = "",
        answers_questions: bool = True,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / "sms.json"
        kept = json.loads(self._file.read_text("utf-8")) if self._file.exists() else {}
        self.app_id, self.secret = "sms-demo", kept.get("secret") or secrets.token_urlsafe(24)
        self.sent_ids: dict[str, int] = kept.get("sent", {})  # the books over restarts: id and how often it went out
        self.messages: dict[str, Taken] = {}
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.script: deque[str] = deque()
        self.mode = "accept"
        self.answers_questions = answers_questions
        self.delivers_to = delivers_to  # our address: every message is receipted there at once
        self.stopping = Event()
        self._clock, self._lock = clock, Lock()
        self._nonces: set[str] = set()
        handler = type("Handler", (_Handler,), {"gateway": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._keep()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def access(self) -> dict[str, str]:
        return {"url": self.url, "app_id": self.app_id, "secret": self.secret}

    def fault(self) -> str:
        with self._lock:
            return self.script.popleft() if self.script else self.mode

    def check(self, method: str, path: str, headers: Any, body: bytes) -> None:
        """Nothing is looked at before the signature holds."""
        given = {name: headers.get(name, "") for name in ("X-App-Id", "X-Timestamp", "X-Nonce", "X-Signature")}
        content = crypto.sm3(body).hex()
        text = signatures.text_to_sign(method, path, given["X-Timestamp"], given["X-Nonce"], content)
        if given["X-App-Id"] != self.app_id or headers.get("X-Content-SM3") != content:
            raise No(401, "signature_invalid")
        if given["X-Signature"] != signatures.mac("hmac-sm3", self.secret.encode(), text):
            raise No(401, "signature_invalid")
        at = datetime.fromtimestamp(int(given["X-Timestamp"]) / 1000, UTC)
        if abs(self._clock() - at) > timedelta(seconds=300):
            raise No(401, "timestamp_out_of_window")
        with self._lock:
            if given["X-Nonce"] in self._nonces:
                raise No(401, "nonce_used")
            self._nonces.add(given["X-Nonce"])

    def take(self, body: bytes) -> dict[str, Any]:
        try:
            said = json.loads(body)
        except ValueError:
            raise No(400, "body_malformed") from None
        if set(said) != {"id", "to", "text", "kind"} or not _ID.fullmatch(said["id"]):
            raise No(400, "body_malformed")
        if not _MOBILE.fullmatch(said["to"]):
            raise No(422, "number_refused")
        if len(said["text"]) > 500 or not _TEXT.fullmatch(said["text"]):
            raise No(422, "text_refused")
        with self._lock:
            known = self.messages.get(said["id"])
            if known is not None:
                if (known.to, known.text) != (said["to"], said["text"]):
                    raise No(409, "id_conflict")
                known.times += 1
                return self._told(known)
            no = f"S{len(self.sent_ids) + 1:08}"
            taken = Taken(said["id"], said["to"], said["text"], said["kind"], no, self._clock())
            self.messages[taken.id] = taken
            self.sent_ids[taken.id] = self.sent_ids.get(taken.id, 0) + 1
            self._keep()
        if self.delivers_to:
            Thread(target=self._deliver, args=(taken,), daemon=True).start()
        return self._told(taken)

    def look(self, id_: str) -> dict[str, Any]:
        with self._lock:
            self.asked.append(id_)
            if id_ not in self.messages:
                raise No(404, "message_unknown")
            return self._told(self.messages[id_])

    def receipts(self, base: str, status: str = "delivered", reason: str = "", **how: Any) -> httpx.Response:
        """Tell us what became of every message it holds."""
        with self._lock:
            for taken in self.messages.values():
                taken.status, taken.reason = status, reason
            told = [{"id": t.id, "status": status, "reason": reason} for t in self.messages.values()]
        return self.call(base, "/sms/receipts", {"receipts": told}, **how)

    def reply(self, base: str, mobile: str, text: str, **how: Any) -> httpx.Response:
        """Somebody answers a message."""
        return self.call(base, "/sms/inbound", {"messages": [{"from": mobile, "text": text}]}, **how)

    def signed(self, path: str, said: Any, secret: str = "") -> tuple[bytes, dict[str, str]]:
        body = json.dumps(said, ensure_ascii=False).encode()
        headers = signatures.sign(self.app_id, secret or self.secret, "POST", path, body, self._clock())
        return body, headers | {"Content-Type": "application/json"}

    def call(self, base: str, path: str, said: Any) -> httpx.Response:
        body, headers = self.signed(path, said)
        return httpx.post(base + path, content=body, headers=headers, timeout=10, trust_env=False)

    def _deliver(self, taken: Taken) -> None:
        """Half a second later it has arrived; nobody there to hear it is no trouble, it can be asked for."""
        self.stopping.wait(0.5)
        taken.status = "delivered"
        told = {"receipts": [{"id": taken.id, "status": "delivered", "reason": ""}]}
        with suppress(httpx.HTTPError):
            self.call(self.delivers_to, "/sms/receipts", told)

    def _told(self, taken: Taken) -> dict[str, Any]:
        return {"id": taken.id, "status": taken.status, "reason": taken.reason, "gatewayNo": taken.no}

    def _keep(self) -> None:
        self._file.touch(mode=0o600)
        self._file.write_text(json.dumps({"secret": self.secret, "sent": self.sent_ids}), "utf-8")

    def inbox(self, search: str) -> str:
        """The page on which a demo's user reads what the telephones got, newest first."""
        with self._lock:
            found = [t for t in self.messages.values() if t.to.endswith(search)][::-1][:100]
        lines = "".join(
            f"<li><p><b>{t.to}</b> <time>{t.at.astimezone(CHINA):%m-%d %H:%M:%S}</time></p><p>{_linked(t.text)}</p>"
            f'<form method="post" action="/reply"><input type="hidden" name="mobile" value="{t.to}">'
            '<label>回复 <input name="text" size="8" required></label><button>发送</button></form></li>'
            for t in found
        )
        return PAGE.format(search=html.escape(search), lines=lines or "<li>还没有短信。</li>")


PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>演示短信箱</title><style>body{{font:16px/1.6 sans-serif;max-width:40rem;margin:1rem auto;padding:0 1rem}}
li{{border:1px solid #ccc;border-radius:8px;padding:.5rem 1rem;margin:.75rem 0;list-style:none}}ul{{padding:0}}
p{{margin:.25rem 0;overflow-wrap:anywhere}}time{{color:#555}}input,button{{font:inherit;padding:.25rem .5rem}}</style>
<h1>演示短信箱</h1><p>模拟短信网关收到的短信都在这里，不会真的发出。</p>
<form><label>手机尾号 <input name="q" value="{search}" inputmode="numeric"></label> <button>查找</button></form>
<ul>{lines}</ul></html>"""


def _linked(text: str) -> str:
    return re.sub(r"(https?://[\w./:-]+)", r'<a href="\1">\1</a>', html.escape(text))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    gateway: SmsGateway
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == "/":
            digits = re.sub(r"\D", "", query.partition("=")[2])[:11]
            self._send_bytes(self.gateway.inbox(digits).encode(), 200, "text/html; charset=utf-8")
            return
        try:
            self.gateway.check("GET", path, self.headers, b"")
            if not self.gateway.answers_questions:
                self._hang_up()
                return
            self._send(self.gateway.look(path.removeprefix("/messages/")))
        except No as no:
            self._refuse(no)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/reply":
            self._reply(body)
            return
        try:
            self.gateway.check("POST", self.path, self.headers, body)
            if self.path != "/messages":
                raise No(404, "not_found")
            self._take(body, self.gateway.fault())
        except No as no:
            self._refuse(no)

    def _take(self, body: bytes, fault: str) -> None:
        gateway = self.gateway
        plain = {
            "refuse": (422, "number_refused"),
            "error": (500, "down"),
            "busy": (429, "busy"),
            "unauthorized": (401, "no"),
        }
        if fault in plain:
            raise No(*plain[fault])
        if fault == "dropped":
            self._hang_up()
            return
        if fault == "slow":
            gateway.stopping.wait(0.5)
        answer = gateway.take(body)
        if fault == "lost":
            self._hang_up()
        elif fault == "silent":
            gateway.stopping.wait(60)
            self._hang_up()
        elif fault == "garbage":
            self._send_bytes(b"<html>OK</html>", 200, "text/html")
        else:
            self._send(answer, 202)

    def _reply(self, body: bytes) -> None:
        from urllib.parse import parse_qs

        given = parse_qs(body.decode("utf-8", "replace"))
        if self.gateway.delivers_to:
            with suppress(httpx.HTTPError, KeyError):
                self.gateway.reply(self.gateway.delivers_to, given["mobile"][0], given["text"][0])
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _refuse(self, no: No) -> None:
        self.gateway.refused.append(no.code)
        self._send({"error": {"code": no.code, "message": no.code}}, no.status)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: dict[str, Any], status: int = 200) -> None:
        self._send_bytes(json.dumps(answer, ensure_ascii=False).encode(), status, "application/json; charset=utf-8")

    def _send_bytes(self, body: bytes, status: int, kind: str) -> None:
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    with SmsGateway(given.data, port=given.port) as gateway:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        print(json.dumps(gateway.access()), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
