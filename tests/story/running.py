"""A whole installation as its operator runs it: `hcp up` in a directory of its own, spoken to over HTTP."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from haochaping.accounts.signing import sign
from haochaping.kit import clock
from haochaping.kit.config import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

HCP = [sys.executable, "-m", "haochaping.project.cli"]


def until(condition: Callable[[], Any], seconds: float = 60, what: str = "it") -> Any:
    """The first true value of `condition`, asked ten times a second; fails after `seconds`."""
    never, asked = threading.Event(), 0
    while asked < seconds * 10:
        if value := condition():
            return value
        never.wait(0.1)
        asked += 1
    raise AssertionError(f"{what} did not happen within {seconds} s")


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Installation:
    """`hcp up` (or another command that ends in READY) with its processes to be killed by name."""

    def __init__(self, data: Path, *command: str, **environment: str) -> None:
        self.data, self.port = data, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        taken = {name: value for name, value in os.environ.items() if not name.startswith("HCP_DATABASE")}
        self.env = taken | {"HCP_DATA": str(data), "PYTHONPATH": str(ROOT)} | environment
        self.log = data.with_suffix(".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*HCP, *(command or ("up",)), "--port", str(self.port)], env=self.env, cwd=ROOT, stdout=log, stderr=log
            )

    def wait_ready(self, seconds: float = 120) -> None:
        def ready() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return f"READY {self.url}/" in self.log.read_text()

        until(ready, seconds, f"READY in {self.log}")

    def run(self, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            env=self.env,
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
            **more,
        )

    def hcp(self, *words: str) -> str:
        return self.run("-m", "haochaping.project.cli", *words).stdout

    def script(self, code: str) -> str:
        """Run Python with Django set up against this installation."""
        return self.run("-c", "import django; django.setup()\n" + code).stdout

    def pid(self, name: str) -> int | None:
        """The process of ours that runs `hcp <name>`, or the postmaster."""
        if name == "postgres":
            for file in [*self.data.glob("postgres/data/postmaster.pid"), *self._lodged()]:
                return int(file.read_text().split("\n", 1)[0])
            return None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if b"haochaping.project.cli" in words and name.encode() in words:
                return int(child)
        return None

    def _lodged(self) -> list[Path]:
        """As root the database may live elsewhere (kit.lodging); the log line says where."""
        found = re.findall(r"its data lie in (\S+)", self.log.read_text())
        return [
            Path(place) / "data" / "postmaster.pid"
            for place in found
            if (Path(place) / "data" / "postmaster.pid").exists()
        ]

    def kill(self, name: str) -> None:
        os.kill(until(lambda: self.pid(name), what=f"a pid of {name}"), signal.SIGKILL)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


class Client:
    """An integrator's client that follows the contract: signs, and comes again with the same content until it is told."""

    def __init__(self, installation: Installation, app_id: str, secret: str) -> None:
        self.installation, self.app = installation, (app_id, secret)
        self.http = httpx.Client(base_url=installation.url, timeout=15)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    def post(self, target: str, body: Any) -> httpx.Response:
        raw = json.dumps(body).encode()
        return self.http.post(target, content=raw, headers=sign(*self.app, "POST", target, raw, clock.now()))

    def post_until_told(self, target: str, body: Any, seconds: float = 60) -> httpx.Response:
        def told() -> httpx.Response | None:
            try:
                answer = self.post(target, body)
            except httpx.TransportError:
                return None
            return None if answer.status_code >= 500 else answer

        return until(told, seconds, f"an answer to {target}")
