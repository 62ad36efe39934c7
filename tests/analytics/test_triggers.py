"""The policy's rules for talks, trainings and commendations, on ratings and orders that came in by the front door."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.triggers import months_before, propose_consequences
from haochaping.directory.models import Window
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.policy.commands import load_pack, read_pack
from haochaping.rectification.commands import perform
from haochaping.rectification.consequences.models import Consequence
from haochaping.rectification.models import Order
from tests.cast import BAD, NANJING, NOW, Cast, forget, settle, wire_rating, wire_service

pytestmark = pytest.mark.django_db
TENTH, EARLY = datetime(2026, 7, 10, 1, tzinfo=UTC), datetime(2026, 7, 2, 1, tzinfo=UTC)
CONFIRM = {"is_true": "true", "is_reasonable": "true", "cause": "attitude", "severity": "general", "findings": "属实"}
RULES: list[dict[str, Any]] = [
    {"kind": "talk", "subject": "window", "rule": "last", "months": 1, "at_least": 5, "stated": False},
    {"kind": "commendation", "subject": "window", "rule": "first", "months": 1, "at_least": 5, "stated": False},
    {"kind": "training", "subject": "clerk", "rule": "faults", "months": 1, "at_least": 2, "stated": False},
    {"kind": "talk", "subject": "organ", "rule": "faults", "months": 2, "at_least": 1, "stated": False},
]


@pytest.fixture
def cast() -> Cast:
    found = settle()
    Window.objects.create(code="NJ-A03", name="A03 综合窗口", hall="NJ", organ=NANJING)
    pack = read_pack("jiangsu") | {"valid_from": NOW.date(), "consequences": {"stated": False, "triggers": RULES}}
    load_pack(pack, "test", NOW)
    forget()
    return found


def rated(window: str, good: int, bad: int) -> list[Order]:
    """So many ratings at that window; the orders of the bad ones."""
    orders = []
    for n in range(good + bad):
        case = f"{window}-{n}"
        admit_services([wire_service(case, windowNo=window)], source="test", now=NOW)
        wire = wire_rating(case, **(BAD if n >= good else {}))
        (outcome,) = admit([read_evaluation(wire, source="test", best_is_one=False)], now=NOW)
        orders += Order.objects.filter(pk=outcome.id)
    return orders


def verify(cast: Cast, orders: list[Order]) -> None:
    for order in orders:
        for verb, facts in (("sign", {}), ("confirm", CONFIRM)):
            perform(order_id=order.pk, verb=verb, actor=cast.rectifier, facts=facts, now=NOW)


def proposed() -> set[tuple[str, str, str]]:
    return set(Consequence.objects.values_list("kind", "subject_kind", "subject"))


def test_the_last_full_months_are_looked_at() -> None:
    assert [start.isoformat() for start, _ in months_before(datetime(2026, 3, 31).date(), 3)] == [
        "2026-01-01", "2026-02-01", "2026-03-01",
    ]  # fmt: skip


def test_who_is_alone_at_an_end_of_its_city_is_proposed_once_and_with_its_figures(cast: Cast) -> None:
    for window, good, bad in (("NJ-A01", 9, 3), ("NJ-A02", 11, 1), ("NJ-A03", 12, 0)):
        rated(window, good, bad)
    rebuild_lake(now=TENTH)
    assert propose_consequences(now=EARLY) == 0, "late ratings are waited for before anybody is ranked"
    assert propose_consequences(now=TENTH) == 2
    assert proposed() == {("talk", "window", "NJ-A01"), ("commendation", "window", "NJ-A03")}
    talk = Consequence.objects.get(kind="talk")
    assert talk.grounds == [["2026-06", "主动好评率 9 ÷ 12，排名 3/3"]]
    assert (talk.state, talk.made_by, talk.area_path, talk.window_code) == ("proposed", "系统", "320102", "NJ-A01")
    assert propose_consequences(now=TENTH) == 0


def test_a_tie_and_a_small_field_put_nobody_last(cast: Cast) -> None:
    rated("NJ-A01", 6, 0)
    rated("NJ-A02", 4, 2)
    rebuild_lake(now=TENTH)
    assert propose_consequences(now=TENTH) == 0, "two are no field"
    rated("NJ-A03", 4, 2)
    rebuild_lake(now=TENTH)
    propose_consequences(now=TENTH)
    assert proposed() == {("commendation", "window", "NJ-A01")}


def test_faults_count_once_they_are_verified_and_for_as_many_months_as_the_rule_says(cast: Cast) -> None:
    orders = rated("NJ-A01", 0, 2)
    rebuild_lake(now=TENTH)
    assert propose_consequences(now=EARLY) == 0
    verify(cast, orders)
    assert propose_consequences(now=EARLY) == 1, "the organ's rule asks for two months"
    assert proposed() == {("training", "clerk", "NJ-0001")}
    assert Consequence.objects.get().grounds == [["2026-06", "查实问题 2 件（派发于当月）"]]
