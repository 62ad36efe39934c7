"""The real server: lines stay open through it, and end when it is told to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress

import httpx
import pytest

from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.kit.process import dies_with_parent
from tests.cast import settle
from tests.device.tablet import enrolled


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(database, port):
    """`hcp web` on that port, answering."""
    command = [sys.executable, "-m", "haochaping.project.cli", "web", "--port", str(port)]
    env = database.env | {"HCP_PUBLIC_URL": f"http://127.0.0.1:{port}"}
    process = subprocess.Popen(
        command,
        env=env,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509
    )
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2)
                break
            except httpx.HTTPError:
                try:
                    process.wait(0.05)
                except subprocess.TimeoutExpired:
                    continue
                raise RuntimeError("the server did not come up") from None
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its worker too, and no farewell
        process.wait(20)


@pytest.mark.parametrize("number", [signal.SIGTERM])
def test_open_lines_do_not_hold_the_server_back_when_it_is_told_to_stop(committing_db, number):
    settle(now=clock.now())
    tablets = [enrolled(window, now=clock.now()) for window in ("NJ-A01", "NJ-A02", "SZ-A01")]
    port = free_port()
    with serving(committing_db, port) as process, httpx.Client(timeout=10) as client:
        lines = [
            client.send(
                client.build_request(
                    "GET", f"http://127.0.0.1:{port}/device/{t.id}/events", headers={"Cookie": f"hcp_device={t.cookie}"}
                ),
                stream=True,
            )
            for t in tablets
        ]
        heard = [line.iter_text() for line in lines]
        assert {next(each) for each in heard} == {"retry: 3000\n\n"}
        process.send_signal(number)
        for each in heard:
            assert "revoked" not in "".join(each), "the lines end whole"
        assert process.wait(8) == 0, "long before it would be killed"
