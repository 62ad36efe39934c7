"""One rating per service through all channels at once: fifty in the same moment are one row and one receipt (item 10)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections
from django.test import Client

from haochaping.channels.commands import make_link
from haochaping.channels.device.lane import DeviceLane
from haochaping.evaluation.models import Evaluation, Evaluator, Parked, Receipt, Rejected, ServiceEvent
from haochaping.evaluation.rules import Channel
from haochaping.kit import clock, ids
from haochaping.project import assets
from haochaping.rectification.models import Order
from tests.cast import BAD, NOW, forget, settle, wire_rating, wire_service
from tests.channels.test_door import Integrator
from tests.device.tablet import enrolled, tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CASE = "NJ2026060001"
ID = ids.event_id(CASE, 1)
RECEIPT = ids.receipt(ID)


@pytest.fixture
def api(committing_db: object) -> Iterator[Integrator]:
    assets.build()
    integrator = Integrator(settle())
    yield integrator
    integrator.door.close()
    forget()


def at_once(*jobs: Callable[[], Any]) -> list[Any]:
    """Each in a thread of its own, all let go at the same moment."""
    together = Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        together.wait()
        try:
            return job()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_fifty_at_once_through_every_channel_are_one_row_and_one_receipt(api: Integrator) -> None:
    """Fifteen signed singles of two contents, fifteen batches, ten links pressed, ten taps."""
    api.call("POST", "/api/v1/services", [wire_service(CASE)])
    lane = DeviceLane(None)
    tablet = enrolled(now=NOW)
    tokens = [make_link(ID, Channel.QR, timedelta(days=5), "test", NOW) for _ in range(10)]
    singles = [wire_rating(CASE, **(BAD if n % 3 == 0 else {})) for n in range(15)]
    batches = [[wire_rating(CASE, **(BAD if n % 2 else {}))] for n in range(15)]

    def door() -> list[dict[str, Any]]:
        calls = [("POST", "/api/v1/evaluations", s) for s in singles]
        calls += [("POST", "/api/v1/evaluations/batch", b) for b in batches]
        return [answer.json() for answer in api.together(calls)]

    def press(token: str) -> str:
        with clock.held_at(NOW):
            page = Client().post(f"/e/{token}", {"level": "5"}, follow=True)
        assert page.status_code == 200
        return re.sub(r"\s", "", page.content.decode())

    taps = [[tap(5, NOW - timedelta(minutes=1), CASE)] for _ in range(10)]
    told, pages, answers = [], [], []
    try:
        results = at_once(
            door,
            *(lambda token=token: press(token) for token in tokens),
            *(lambda given=given: tablet.outcomes(lane, given, NOW) for given in taps),
        )
        told, pages, answers = results[0], results[1:11], results[11:]
    finally:
        lane.hub.close()
        lane.close()

    assert (Evaluation.objects.count(), Receipt.objects.count(), Evaluator.objects.count()) == (1, 1, 0)
    stored = Evaluation.objects.get()
    assert stored.id == ID
    assert Order.objects.count() == (1 if stored.level < 3 else 0)
    lines = told[:15] + [line for answer in told[15:] for line in answer["results"]]
    receipts = {line["receipt"] for line in lines if "receipt" in line}
    assert receipts <= {RECEIPT}
    refused = [line["error"]["code"] for line in lines if "error" in line]
    refused += [line["errors"][0]["code"] for line in lines if "errors" in line]
    assert set(refused) <= {"already_rated"}
    assert len(lines) == len(refused) + sum("receipt" in line for line in lines), "everybody has an answer"
    shown = sum(RECEIPT in page for page in pages)
    assert shown <= 1
    assert all(RECEIPT in page or "已评价" in page for page in pages)
    outcomes = [outcome for answer in answers for outcome in answer]
    assert set(outcomes) <= {"stored", "repeat", "parked"}
    won = sum(line.get("status") == "created" or ("receipt" in line and "duplicate" not in line and "status" not in line)
              for line in lines)  # fmt: skip
    assert won + shown + outcomes.count("stored") == 1, "one of the fifty, and nobody else, gave it"
    assert not Parked.objects.exists()
    assert set(Rejected.objects.values_list("state", flat=True)) <= {"superseded"}, "what lost is kept, and settled"


def test_the_same_holds_while_its_service_is_not_known_yet(api: Integrator) -> None:
    bodies = [wire_rating(CASE, **(BAD if n % 2 else {})) for n in range(20)]
    answers = at_once(
        lambda: [a.json() for a in api.together([("POST", "/api/v1/evaluations", b) for b in bodies])],
        lambda: api.call("POST", "/api/v1/services", [wire_service(CASE)]).json(),
    )
    receipts = {answer["receipt"] for answer in answers[0] if "receipt" in answer}
    assert receipts == {RECEIPT}
    from haochaping.flow.services import resume

    resume(now=NOW)
    assert (Evaluation.objects.count(), Receipt.objects.count(), Parked.objects.count()) == (1, 1, 0)
    assert ServiceEvent.objects.count() == 1
