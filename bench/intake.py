"""How fast ratings come in through the signed API, beside single-row commits in the same PostgreSQL in the same run.

`python bench/intake.py [SECONDS]` runs a whole installation (`hcp up`), sends each rating as its own signed request from
as many clients as a hall has windows, then in batches, and prints ratings a second, the latency's percentiles and the
ratio to the baseline: one INSERT and commit a row, four connections. Client and server share the machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["DJANGO_SETTINGS_MODULE"] = "haochaping.project.settings"
os.environ["HCP_DATA"] = tempfile.mkdtemp(prefix="hcp-bench-client-")

import django

django.setup()

from haochaping.accounts.signing import sign
from haochaping.kit import clock
from haochaping.kit.postgres import Embedded
from tests.cast import NANJING, NANJING_ITEM
from tests.story.running import Client, Installation

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10
CLIENTS = 40
BATCH = 2_000
SETTLE = (
    "import json; from tests.cast import settle; from haochaping.kit import clock; c = settle(now=clock.now());"
    "print(json.dumps([c.app_id, c.secret]))"
)


def services(first: int, count: int, at: str) -> list[dict[str, object]]:
    return [
        {"projectNo": f"BENCH{n:07}", "serviceNumber": 1, "taskCode": NANJING_ITEM, "orgcode": NANJING, "serviceTime": at,
         "areaCode": "320102000000", "proStatus": 2, "acceptDate": at}
        for n in range(first, first + count)
    ]  # fmt: skip


def rating(n: int, at: str) -> dict[str, object]:
    return {
        "projectNo": f"BENCH{n:07}",
        "serviceNumber": 1,
        "satisfaction": 5,
        "pf": 4,
        "evalDetail": "510",
        "assessTime": at,
    }


async def singles(url: str, app: list[str], at: str, most: int) -> tuple[int, float, list[float]]:
    """As many as CLIENTS can send within SECONDS, one request each."""
    taken, latencies, numbers = 0, list[float](), iter(range(most))
    begin = time.perf_counter()
    async with httpx.AsyncClient(base_url=url, timeout=30, limits=httpx.Limits(max_connections=CLIENTS)) as http:

        async def client() -> None:
            nonlocal taken
            for n in numbers:
                body = json.dumps(rating(n, at)).encode()
                sent = time.perf_counter()
                answer = await http.post(
                    "/api/v1/evaluations",
                    content=body,
                    headers=sign(*app, "POST", "/api/v1/evaluations", body, clock.now()),
                )
                latencies.append(time.perf_counter() - sent)
                assert answer.status_code == 201, answer.text
                taken += 1
                if time.perf_counter() - begin > SECONDS:
                    return

        await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return taken, time.perf_counter() - begin, latencies


def baseline(owner_url: str) -> float:
    """Rows a second at one INSERT and commit each, four connections."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bench_baseline (id bigserial PRIMARY KEY, body text)")
    until, counts = time.perf_counter() + SECONDS / 2, [0] * 4

    def insert(place: int) -> None:
        with psycopg.connect(owner_url, autocommit=True) as connection:
            while time.perf_counter() < until:
                connection.execute("INSERT INTO bench_baseline (body) VALUES (%s)", ["x" * 500])
                counts[place] += 1

    threads = [threading.Thread(target=insert, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (SECONDS / 2)


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="hcp-bench-"))
    place.chmod(0o711)
    installation = Installation(place / "province")
    try:
        installation.wait_ready()
        app = json.loads(installation.script(SETTLE))
        at = clock.to_wire(clock.now() - timedelta(minutes=10))
        prepared = int(SECONDS * 1_000) + CLIENTS
        with Client(installation, *app) as client:
            begin = time.perf_counter()
            for first in range(0, prepared + 5 * BATCH, 1_000):
                client.post_until_told("/api/v1/services", services(first, 1_000, at))
            took = time.perf_counter() - begin
            print(f"services, 1,000 a request: {(prepared + 5 * BATCH) / took:,.0f}/s")
            base = baseline(Embedded(installation.data / "postgres").owner_url)
            print(f"baseline, one row a commit: {base:,.0f}/s")
            taken, seconds, latencies = asyncio.run(singles(installation.url, app, at, prepared))
            cuts = statistics.quantiles(latencies, n=100)
            print(
                f"ratings, one a signed request, {CLIENTS} clients: {taken / seconds:,.0f}/s, "
                f"p50 {cuts[49] * 1000:.0f} ms, p95 {cuts[94] * 1000:.0f} ms, ratio to baseline {taken / seconds / base:.2f}"
            )
            begin = time.perf_counter()
            for first in range(prepared, prepared + 5 * BATCH, BATCH):
                client.post_until_told(
                    "/api/v1/evaluations/batch", [rating(n, at) for n in range(first, first + BATCH)]
                )
            each = 5 * BATCH / (time.perf_counter() - begin)
            print(f"ratings, {BATCH:,} a batch: {each:,.0f}/s, ratio to baseline {each / base:.2f}")
    finally:
        installation.stop()
        shutil.rmtree(place)
        shutil.rmtree(os.environ["HCP_DATA"])


if __name__ == "__main__":
    main()
