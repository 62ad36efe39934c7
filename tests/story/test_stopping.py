"""Ctrl-C stops all of it (contract §1): nothing of ours runs on, and the next start finds the data."""

from __future__ import annotations

import os
import signal

import pytest

from tests.story.running import Installation, until


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
