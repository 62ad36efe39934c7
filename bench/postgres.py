"""How long the embedded PostgreSQL takes to start: new, on existing data, after kill -9, adopted. Contract: existing data < 5 s.

`python bench/postgres.py` prints seconds and their ratio to the first start (initdb) of the same run, which tells a slow
machine from a slow start.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from haochaping.kit.postgres import Embedded

ROUNDS = 5
ROWS = 300_000  # what a crash has to recover


def seconds(server: Embedded) -> float:
    begin = time.perf_counter()
    server.start()
    return time.perf_counter() - begin


def crash(server: Embedded) -> None:
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS filler (a bigint, b text)")
        connection.execute("INSERT INTO filler SELECT n, md5(n::text) FROM generate_series(1, %s) n", [ROWS])
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait_unreaped(10)


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="hcp-bench-"))
    place.chmod(0o711)
    server = Embedded(place / "postgres", dies_with_us=True)
    try:
        first = seconds(server)
        taken: dict[str, list[float]] = {"existing data": [], "after kill -9": [], "adopted": []}
        for _ in range(ROUNDS):
            server.stop()
            taken["existing data"].append(seconds(server))
            crash(server)
            taken["after kill -9"].append(seconds(server))
            taken["adopted"].append(seconds(server))
    finally:
        server.stop()
        shutil.rmtree(place)
    print(f"{'first start (initdb)':22} {first:7.3f} s")
    for name, values in taken.items():
        middle = statistics.median(values)
        print(f"{name:22} {middle:7.3f} s   {middle / first:5.2f} of the first start   worst {max(values):.3f} s")


if __name__ == "__main__":
    main()
