"""A running server with a database of its own, for the probe to ask."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import pytest

from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.kit.process import dies_with_parent
from haochaping.project import assets
from tests import cast as stage
from tests.story.running import free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Database


@dataclass(frozen=True)
class Running:
    url: str
    database: Database
    cast: stage.Cast


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def running(committing_db: Database) -> Iterator[Running]:
    """The application as its operators run it; this process sees the same database."""
    assets.build()
    cast = stage.settle(now=clock.now())
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "haochaping.project.cli", "web", "--port", str(port)],
        env=committing_db.env | {"HCP_PUBLIC_URL": url},
        cwd=ROOT,
        preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509
    )
    try:
        until(lambda: answers(url + "/healthz", process), what=url)
        yield Running(url, committing_db, cast)
    finally:
        process.terminate()
        process.wait(20)
        stage.forget()
