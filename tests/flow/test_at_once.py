"""A service and its rating in the same moment, with real commits."""

from __future__ import annotations

from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from haochaping.evaluation.models import Evaluation, Parked
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from tests.cast import BAD, NOW, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def stage(committing_db: object) -> Iterator[None]:
    settle()
    yield
    forget()


def meanwhile(work: Callable[[], object]) -> None:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    thread.join()


@pytest.mark.parametrize(("again", "status"), [(wire_rating(), "duplicate"), (wire_rating(**BAD), "conflict")])
def test_a_repeat_is_told_apart_though_the_parked_one_is_taken_up_under_its_hands(
    stage: None, again: dict[str, Any], status: str
) -> None:
    (first,) = admit([read_evaluation(wire_rating(), source="test")], now=NOW)
    came: list[bool] = []

    def as_it_looks(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if str(sql).startswith("SELECT") and "evaluation_parked" in sql and not came:
            came.append(True)
            meanwhile(lambda: admit_services([wire_service()], source="test", now=NOW))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(as_it_looks):
        (outcome,) = admit([read_evaluation(again, source="test")], now=NOW)
    assert came
    assert outcome.status == status
    assert outcome.receipt == (first.receipt if status == "duplicate" else "")
    assert (Evaluation.objects.get().level, Parked.objects.count()) == (5, 0)
