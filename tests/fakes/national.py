"""A small, strict, running national platform 国家政务服务平台: for tests and for `hcp demo`.

    python -m tests.fakes.national --port 0 --data DIR

prints one line of JSON with `url, app_mark, app_word, public_key` and serves until SIGTERM. What it took in stands in
DIR/ledger.sqlite; `GET /ledger` gives counts and ids. It decrypts with its own SM2 key, checks mark, sign and time, reads
every field by table, refuses in the documented words. `POST /admin/faults` makes it misbehave (see `Faults`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import signal
import socket
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

from haochaping.kit import crypto
from tests.fakes.national_fields import CHINA, TABLES, Refusal, inspect, moment
from tests.fakes.national_ledger import KINDS, Ledger
from tests.fakes.national_norms import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WINDOW = timedelta(seconds=300)
MOST = 200  # records an envelope
OPERATIONS = {
    "addEvaluateService": "projectService",
    "addEvaluate": "evaluate",
    "addEvaluates": "evaluate",
    "addRectify": "rectify",
}
MODES = ("lost", "dropped", "timeout", "error", "half", "drip", "garbage", "inner", "partial")


class Faults:
    """How the platform misbehaves, call by call: what is scripted first, then by chance, in shares of all calls.

    lost: taken in, but the connection ends without an answer. dropped: not even taken in. timeout: taken in, answered
    too late. error: HTTP 500. half: half an answer, then silence. drip: an answer byte by byte. garbage: HTTP 200
    with nonsense. inner: HTTP 200, success outside, a temporary failure inside. partial: only half the results are told.
    """

    def __init__(self, shares: Mapping[str, float] | None = None, seed: int = 1) -> None:
        self._lock = Lock()
        self.set(shares or {}, seed=seed)

    def set(self, shares: Mapping[str, float] | None = None, script: tuple[str, ...] = (), seed: int = 1) -> None:
        if unknown := {*(shares or {}), *script} - {*MODES, ""}:
            raise ValueError(f"unknown faults {unknown}")
        with self._lock:
            self._shares, self._script, self._random = dict(shares or {}), deque(script), random.Random(seed)

    def next(self) -> str:
        """The fault of this call, "" for none."""
        with self._lock:
            if self._script:
                return self._script.popleft()
            point = self._random.random()
            for mode, share in self._shares.items():
                point -= share
                if point < 0:
                    return mode
        return ""

    def garbage(self) -> bytes:
        with self._lock:
            return self._random.randbytes(200)


class NationalPlatform:
    """The platform on a port of its own, in threads of this process; `with NationalPlatform(directory) as platform:`."""

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        window: timedelta = WINDOW,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._private = bytes.fromhex(_kept(directory / "platform.key", lambda: crypto.sm2_generate()[0].hex()))  # noqa: PLW0108  a new one only if needed
        self.app_word = _kept(directory / "platform.word", lambda: secrets.token_hex(16))
        self.app_mark = "HCPDEMO"
        self.public_key = crypto.sm2_public(self._private)
        self.ledger = Ledger(directory / "ledger.sqlite")
        self.faults = Faults()
        self.envelopes: list[tuple[str, int]] = []  # operation and size of each envelope that was understood
        self.seen: deque[dict[str, str]] = deque(maxlen=5000)  # the last records taken in, people and all: memory only
        self.stopping = Event()
        self._clock, self._window = clock, window
        handler = type("Handler", (_Handler,), {"platform": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.ledger.close()

    def access(self) -> dict[str, str]:
        return {
            "url": self.url,
            "app_mark": self.app_mark,
            "app_word": self.app_word,
            "public_key": self.public_key.hex(),
        }

    def call(self, operation: str, form: Mapping[str, str]) -> dict[str, Any]:
        """The answer to one call, as its JSON object."""
        try:
            body = self._opened(form)
            if operation == "getnorm":
                return _yes({"success": True, "message": "", "norms": catalogue()})
            if operation == "listAccepted":
                return _yes(self._page(body))
            if operation not in OPERATIONS:
                raise Refusal("404", "接口不存在")
        except Refusal as no:
            return {"success": False, "code": int(no.code), "errorMessage": no.message}
        lines = self._take_in(OPERATIONS[operation], body)
        self.envelopes.append((operation, len(body)))
        return _yes(
            {
                "success": all(line["success"] for line in lines),
                "message": "" if all(line["success"] for line in lines) else "部分数据未接收",
                "serviceList": lines,
            }
        )

    def _opened(self, form: Mapping[str, str]) -> list[Any]:
        if set(form) != {"appMark", "sign", "params", "time"}:
            raise Refusal("400", "请求参数不符合约定")
        if form["appMark"] != self.app_mark:
            raise Refusal("401", "应用标识不存在")
        try:
            time = datetime.strptime(form["time"], "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
        except ValueError:
            raise Refusal("400", "time 应为 yyyyMMddHHmmss") from None
        if abs(self._clock() - time) > self._window:
            raise Refusal("402", "请求时间超出允许范围")
        if self._decrypt(form["sign"]) != f"{form['time']}{self.app_mark}{self.app_word}".encode():
            raise Refusal("403", "签名校验失败")
        try:
            params = json.loads(form["params"])
            body = json.loads(self._decrypt(params["data"]))
        except (ValueError, KeyError, TypeError):
            raise Refusal("405", "params 解密失败") from None
        if not isinstance(body, list) or not 1 <= len(body) <= MOST:
            raise Refusal("406", f"params 应为 1 至 {MOST} 条记录的数组")
        return body

    def _decrypt(self, text: str) -> bytes:
        try:
            return crypto.sm2_decrypt(self._private, bytes.fromhex(text))
        except ValueError:
            raise Refusal("405", "解密失败") from None

    def _page(self, body: list[Any]) -> dict[str, Any]:
        try:
            asked = body[0]
            if asked["type"] not in KINDS:
                raise ValueError(asked["type"])
            span = moment(asked["from"]).astimezone(UTC), moment(asked["to"]).astimezone(UTC)
            total, keys = self.ledger.page(asked["type"], *span, int(asked["page"]), min(int(asked["size"]), 1000))
        except (KeyError, ValueError, TypeError):
            raise Refusal("400", "查询条件不符合约定") from None
        lines = [{"projectNo": project_no, "serviceNumber": str(number)} for project_no, number in keys]
        return {"success": True, "message": "", "total": total, "serviceList": lines}

    def _take_in(self, kind: str, body: list[Any]) -> list[dict[str, Any]]:
        now = self._clock().astimezone(UTC)
        lines = []
        with self.ledger:
            for wrapped in body:
                key = {"projectNo": "", "serviceNumber": "0"}
                try:
                    if not isinstance(wrapped, dict) or set(wrapped) != {kind} or not isinstance(wrapped[kind], dict):
                        raise Refusal("1001", f"记录应为 {{{kind}: …}}")
                    raw = wrapped[kind]
                    number = raw.get("serviceNumber") or raw.get("assessNumber")
                    key = {"projectNo": str(raw.get("projectNo")), "serviceNumber": str(number)}
                    record = inspect(kind, raw, now)
                    self.ledger.accept(kind, record, now)
                    self.seen.append(record)
                    lines.append({**key, "success": True, "code": 200, "errorMessage": ""})
                except Refusal as no:
                    self.ledger.refuse(kind, f"{key['projectNo']}#{key['serviceNumber']}", no, now)
                    lines.append({**key, "success": False, "code": int(no.code), "errorMessage": no.message})
        return lines


def _kept(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(make())
    return path.read_text(encoding="ascii")


def _yes(data: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "code": 200, "errorMessage": "", "data": data}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    platform: NationalPlatform
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *words: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/ledger":
            self._send(self.platform.ledger.summary())
        elif parts.path.removeprefix("/ledger/") in TABLES:
            asked = dict(parse_qsl(parts.query))
            kind = parts.path.removeprefix("/ledger/")
            found = self.platform.ledger.records(kind, asked.get("projectNo", ""), int(asked.get("number", "1")))
            self._send({"records": found})
        else:
            self._send({"error": "not found"}, 404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/admin/faults":
            asked = json.loads(body)
            self.platform.faults.set(asked.get("shares"), tuple(asked.get("script", ())), asked.get("seed", 1))
            self._send({"ok": True})
            return
        operation = urlsplit(self.path).path.strip("/")
        form = dict(parse_qsl(body.decode("ascii", "replace"), keep_blank_values=True))
        self._answer(operation, form, self.platform.faults.next())

    def _answer(self, operation: str, form: dict[str, str], fault: str) -> None:
        platform = self.platform
        if fault == "dropped":
            self._hang_up()
        elif fault == "error":
            self._send({"success": False}, 500)
        elif fault == "garbage":
            self._send_bytes(platform.faults.garbage())
        elif fault == "inner":
            self._send(_yes({"success": False, "message": "系统错误，请稍后重试"}))
        else:
            answer = platform.call(operation, form)
            body = json.dumps(answer, ensure_ascii=False).encode()
            if fault == "lost":
                self._hang_up()
            elif fault == "timeout":
                platform.stopping.wait(60)
                self._hang_up()
            elif fault == "half":
                self._start(len(body))
                self.wfile.write(body[: len(body) // 2])
                platform.stopping.wait(60)
                self._hang_up()
            elif fault == "drip":
                self._drip(body)
            elif fault == "partial" and "data" in answer:
                lines = answer["data"].get("serviceList", [])
                answer["data"]["serviceList"] = lines[: len(lines) // 2]
                self._send(answer)
            else:
                self._send_bytes(body)

    def _drip(self, body: bytes) -> None:
        with suppress(OSError):
            self._start(len(body))
            for byte in body:
                self.wfile.write(bytes((byte,)))
                if self.platform.stopping.wait(0.2):
                    break

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, answer: dict[str, Any], status: int = 200) -> None:
        self._send_bytes(json.dumps(answer, ensure_ascii=False).encode(), status)

    def _send_bytes(self, body: bytes, status: int = 200) -> None:
        self._start(len(body), status)
        self.wfile.write(body)

    def _start(self, length: int, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(length))
        self.end_headers()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    with NationalPlatform(given.data, port=given.port) as platform:
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        print(json.dumps(platform.access()), flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
