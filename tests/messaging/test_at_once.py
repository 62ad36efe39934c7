"""A code is on its way within about a second: the real worker, the real queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from statistics import median
from threading import Event
from time import monotonic

from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.kit.process import dies_with_parent
from haochaping.messaging import commands
from tests.fakes.sms import SmsGateway
from tests.messaging.conftest import configure


def test_a_code_reaches_the_gateway_within_two_seconds(committing_db, tmp_path, monkeypatch):
    with SmsGateway(tmp_path / "sms") as gateway:
        configure(monkeypatch, gateway)
        command = [sys.executable, "-m", "haochaping.project.cli", "worker"]
        env = os.environ | committing_db.env
        worker = subprocess.Popen(command, env=env, cwd=ROOT, preexec_fn=dies_with_parent(signal.SIGTERM))  # noqa: PLW1509
        try:
            arrive(gateway, "first", 60)  # until the worker is up
            took = [arrive(gateway, f"code {n}", 20) for n in range(5)]
        finally:
            worker.terminate()
            assert worker.wait(30) == 0, "and it stops in order"
        assert median(took) < 2, took


def arrive(gateway: SmsGateway, key: str, most: float) -> float:
    """Seconds from asking for a code to its arrival at the gateway."""
    before, since, quiet = len(gateway.messages), monotonic(), Event()
    commands.send(kind="code", mobile="13912345678", text="【江苏】验证码 123456", key=key, now=clock.now())
    while len(gateway.messages) == before:
        assert monotonic() - since < most, "it did not come"
        quiet.wait(0.01)
    return monotonic() - since
