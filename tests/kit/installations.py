"""Asking embedded servers, and starting them from other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from haochaping.kit import cluster
from haochaping.kit.config import ROOT
from haochaping.kit.process import Process

if TYPE_CHECKING:
    from pathlib import Path

    from haochaping.kit.postgres import Embedded

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops privileges")
NOBODY = 65534


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
    assert row is not None
    return row[0]


def do(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def superuser(server: Embedded) -> str:
    return server.owner_url.replace(ask_password(server, "owner"), ask_password(server, "superuser")).replace(
        cluster.OWNER, cluster.SUPERUSER
    )


def ask_password(server: Embedded, role: str) -> str:
    return (server.directory / f"{role}.password").read_text()


def pid(server: Embedded) -> int:
    assert server.process is not None
    return server.process.pid


def ends(number: int) -> None:
    process = Process.find(number)
    assert process is None or process.wait(10)


STARTER = """
import sys
from pathlib import Path
from haochaping.kit.postgres import Embedded
server = Embedded(Path(sys.argv[1]))
server.start(60)
print(server.process.pid, flush=True)
sys.stdin.read()
server.stop()
"""


def start_elsewhere(directory: Path, **how: object) -> subprocess.Popen[str]:
    argv = [str(how.pop("python", sys.executable)), "-c", STARTER, str(directory)]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *(p for p in sys.path if "site-packages" in p)])}
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd="/", **how)  # type: ignore[call-overload]
