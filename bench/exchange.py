"""How fast a backlog drains into the fake national platform, with each SM2 backend in the same run: `python bench/exchange.py`.

security.md R7: a backlog of 100,000 drains at ≥ 200 records a second. The platform runs as a process of its own, so on two
cores the figure is a low bound. Envelopes alone are timed as well, and one claim among 100,000 waiting deliveries.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SERVICES = 3000
BACKLOG = 100_000
ROUNDS = 3


def settle() -> None:
    from haochaping.evaluation.records import read_evaluation
    from haochaping.flow.admit import admit
    from haochaping.flow.services import admit_services
    from tests import cast

    cast.settle()
    names = [f"P{n:06}" for n in range(SERVICES)]
    for begin in range(0, SERVICES, 1000):
        part = names[begin : begin + 1000]
        admit_services([cast.wire_service(name) for name in part], source="bench", now=cast.NOW)
        admit([read_evaluation(cast.wire_rating(name), source="bench") for name in part], now=cast.NOW)


def drain(backend: str) -> float:
    """Records a second, services and ratings, from the outbox to both books."""
    from haochaping.exchange import commands
    from haochaping.exchange.models import Delivery

    os.environ["HCP_SM2_BACKEND"] = backend
    done, begin = 0, perf_counter()
    while True:
        now = datetime.now(UTC)
        collected, run = commands.collect(now), commands.send_due(now)
        done += run.accepted
        if not collected and not run.claimed:
            break
    taken = perf_counter() - begin
    assert done == Delivery.objects.filter(state="accepted").count()
    return done / taken


def again() -> None:
    """Everything once more: the platform answers 不可重复, which costs it the same inspection."""
    from haochaping.exchange.models import Delivery

    Delivery.objects.update(state="waiting", next_at=datetime.now(UTC), attempts=0, first_tried_at=None)


def claim_among_many() -> float:
    """Milliseconds of one claim while 100,000 others wait."""
    from django.db import connection, transaction

    from haochaping.exchange import deliveries
    from haochaping.exchange.target import national

    now = datetime.now(UTC)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO exchange_delivery (event_id, target, phase, version, digest, state, attempts, next_at, error_code,"
            " error_text, created_at) SELECT md5(n::text)::uuid, 'national', phase, 1, '', 'waiting', 0, %s, '', '', %s"
            " FROM generate_series(1, %s) n, (VALUES (1), (2)) AS phases(phase)",
            [now, now, BACKLOG // 2],
        )
    taken = []
    for _ in range(5):
        begin = perf_counter()
        with transaction.atomic():
            assert len(deliveries.claim(national(), now, 400)) == 400
        taken.append(perf_counter() - begin)
    return min(taken) * 1000


def envelopes(backend: str) -> float:
    """Sealed envelopes of 100 records a second."""
    from haochaping.exchange.envelope import sealed_form
    from haochaping.exchange.target import access
    from tests.exchange.test_quality import GOOD

    os.environ["HCP_SM2_BACKEND"] = backend
    way, now, body = access(), datetime.now(UTC), [{"projectService": GOOD[1]}] * 100
    assert way is not None
    sealed_form(way, body, now)
    done, begin = 0, perf_counter()
    while perf_counter() - begin < 1:
        sealed_form(way, body, now)
        done += 1
    return done / (perf_counter() - begin)


def run(place: Path) -> None:
    command = [sys.executable, "-m", "tests.fakes.national", "--data", str(place / "national")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as platform:
        assert platform.stdout is not None
        try:
            for name, value in json.loads(platform.stdout.readline()).items():
                os.environ[f"HCP_NATIONAL_{name.upper()}"] = value
            settle()
            speeds: dict[str, list[float]] = {"libcrypto": [], "gmalg": []}
            for _ in range(ROUNDS):
                for backend, found in speeds.items():
                    found.append(drain(backend))
                    again()
            best = {backend: max(found) for backend, found in speeds.items()}
            sealed = {backend: envelopes(backend) for backend in speeds}
        finally:
            platform.terminate()
    for backend, speed in best.items():
        print(f"{backend:10} {speed:8,.0f} records/s drained   {sealed[backend]:8,.1f} envelopes of 100 sealed /s")
    print(
        f"libcrypto : gmalg = {best['libcrypto'] / best['gmalg']:.2f} drained, {sealed['libcrypto'] / sealed['gmalg']:.1f} sealed"
    )
    print(f"claim of 400 among {BACKLOG:,} waiting: {claim_among_many():.1f} ms")


def main() -> None:
    place = Path(tempfile.mkdtemp(prefix="hcp-bench-"))
    place.chmod(0o711)
    os.environ |= {"HCP_DATA": str(place), "DJANGO_SETTINGS_MODULE": "haochaping.project.settings"}
    from haochaping.kit.postgres import Embedded

    server = Embedded(place / "postgres", dies_with_us=True)
    server.start()
    try:
        subprocess.run([sys.executable, "-m", "haochaping.project.cli", "migrate"], cwd=ROOT, check=True)
        import django

        django.setup()
        run(place)
    finally:
        server.stop()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
