"""Whatever is killed under load: every acknowledged rating is there exactly once (design §1.6)."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta
from typing import Any

import pytest

from haochaping.kit import clock
from tests.cast import NANJING, NANJING_ITEM
from tests.story.running import Client, Installation

RATINGS = 240
WRITERS = 4
KILLS = ("web", "postgres", "worker", "web", "postgres", "worker")


@pytest.fixture
def installation(reachable):
    up = Installation(reachable / "province")
    yield up
    up.stop()


def rating(n: int, now: datetime) -> dict[str, Any]:
    bad = n % 10 == 0
    return {
        "projectNo": f"CRASH{n:05}",
        "serviceNumber": 1,
        "satisfaction": 1 if bad else 5,
        "pf": 3,
        "evalDetail": "115" if bad else "510",
        "assessTime": clock.to_wire(now - timedelta(minutes=10)),
    }


def test_every_acknowledged_rating_is_there_exactly_once(installation):
    installation.wait_ready()
    app = json.loads(
        installation.script(
            "import json; from tests.cast import settle; from haochaping.kit import clock; c = settle(now=clock.now());"
            "print(json.dumps([c.app_id, c.secret]))"
        )
    )
    now = clock.now()
    served = clock.to_wire(now - timedelta(minutes=30))
    services = [
        {
            "projectNo": f"CRASH{n:05}",
            "serviceNumber": 1,
            "taskCode": NANJING_ITEM,
            "orgcode": NANJING,
            "areaCode": "320102000000",
            "serviceTime": served,
            "proStatus": 2,
            "acceptDate": served,
        }
        for n in range(RATINGS)
    ]
    with Client(installation, *app) as client:
        answer = client.post_until_told("/api/v1/services", services)
    assert {r["status"] for r in answer.json()["results"]} == {"created"}, answer.text

    journal: dict[str, list[tuple[int, str]]] = {}
    done = threading.Semaphore(0)

    def write(first: int) -> None:
        with Client(installation, *app) as client:
            for n in range(first, RATINGS, WRITERS):
                told = client.post_until_told("/api/v1/evaluations", rating(n, now))
                journal.setdefault(f"CRASH{n:05}", []).append((told.status_code, told.json().get("receipt", told.text)))
                done.release()

    writers = [threading.Thread(target=write, args=(first,)) for first in range(WRITERS)]
    for writer in writers:
        writer.start()
    for kill in KILLS:
        for _ in range(RATINGS // (len(KILLS) + 1)):
            assert done.acquire(timeout=90), "the load goes on"
        installation.kill(kill)
    for writer in writers:
        writer.join(120)
    assert len(journal) == RATINGS
    assert {status for told in journal.values() for status, _ in told} <= {200, 201}

    stored = json.loads(
        installation.script(
            "import json; from haochaping.evaluation.models import *; from haochaping.rectification.models import Order;"
            "from haochaping.kit.ids import receipt;"
            "events = dict(ServiceEvent.objects.values_list('id', 'project_no'));"
            "print(json.dumps({'ratings': {events[i]: receipt(i) for i in Evaluation.objects.values_list('id', flat=True)},"
            "'count': Evaluation.objects.count(), 'orders': Order.objects.count(),"
            "'bad': Evaluation.objects.filter(level=1).count()}))"
        )
    )
    assert stored["count"] == RATINGS, "each once"
    assert stored["ratings"] == {project: told[0][1] for project, told in journal.items()}, (
        "each with the receipt it was told"
    )
    assert stored["orders"] == stored["bad"] == RATINGS // 10, "each bad one with its order"
    installation.hcp("seal")
    assert f"{RATINGS} ratings" in installation.hcp("verify")
