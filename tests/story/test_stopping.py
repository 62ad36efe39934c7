"""Ctrl-C stops all of it (contract §1): nothing of ours runs on, and the next start finds the data."""

from __future__ import annotations

import os
import signal
import socket
import subprocess

import pytest

from haochaping.kit.config import ROOT
from tests.story.running import HCP, Installation, until


@pytest.fixture
def installation(reachable):
    up = Installation(reachable / "province")
    yield up
    up.stop()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_ctrl_c_stops_the_web_the_worker_and_the_database(installation):
    installation.wait_ready()
    pids = {name: until(lambda name=name: installation.pid(name), what=name) for name in ("web", "worker", "postgres")}
    installation.process.send_signal(signal.SIGINT)
    assert installation.process.wait(60) == 0
    assert [name for name, pid in pids.items() if not is_gone(pid)] == []


def test_a_taken_port_is_told_in_one_line_before_anything_starts(reachable):
    data = reachable / "province"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = [*HCP, "up", "--port", str(taken.getsockname()[1])]
        env = os.environ | {"HCP_DATA": str(data)}
        told = subprocess.run(words, env=env, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
    assert told.returncode == 1
    assert told.stderr.count("\n") == 1
    assert "make demo PORT=" in told.stderr
    assert not (data / "postgres").exists()
