"""Nobody rated in time: what the policy of Qufu makes of it, and when."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.directory.models import Item, Organ
from haochaping.evaluation.commands import make_lapses
from haochaping.evaluation.models import Evaluation, Lapse
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import parse_wire
from haochaping.outbox.models import Note
from haochaping.policy.commands import load_calendar_year
from tests.cast import NOW, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFICE = "11370881MB0000001A"
ITEM = f"{OFFICE}3370881001000"


@pytest.fixture(autouse=True)
def qufu(db: None) -> Iterator[None]:
    settle("qufu")
    Organ.objects.create(code=OFFICE, name="曲阜市某局", area="370881000000", parent="", path=f"/{OFFICE}/")
    Item.objects.create(
        task_code=ITEM, name="某事项", kind="01", organ=OFFICE, area="370881000000", valid_from=date(2020, 1, 1)
    )
    forget()
    yield
    forget()


def serve(at: str, **more: Any) -> None:
    record = wire_service(orgcode=OFFICE, taskCode=ITEM, areaCode="370881000000", serviceTime=at, windowNo="", **more)
    assert admit_services([record], source="test", now=NOW)[0].status == "created"


def test_after_five_working_days_it_lapses_once_and_a_rating_still_beats_it() -> None:
    """Served on Wednesday 10 June; five working days end with Wednesday 17 June."""
    serve("2026-06-10 09:00:00")
    assert make_lapses(now=parse_wire("2026-06-17 23:59:59")) == 0
    late = parse_wire("2026-06-18 00:00:00")
    assert [make_lapses(now=late), make_lapses(now=late)] == [1, 0]
    lapse = Lapse.objects.get()
    assert (lapse.level, lapse.lapse_day, lapse.lapsed_at) == (5, date(2026, 6, 17), late)
    assert set(Note.objects.filter(kind="lapse").values_list("topic", flat=True)) == {"lake"}
    (outcome,) = admit([read_evaluation(wire_rating(satisfaction=3, evalDetail=""), source="test")], now=late)
    assert (outcome.status, Evaluation.objects.get().id) == ("created", lapse.id)


def test_it_waits_for_the_holidays_of_a_year_to_be_announced() -> None:
    """By the plain rule the 1st of January would count, and five days from Tuesday 29 December end with the 5th."""
    serve("2026-12-29 09:00:00")
    assert make_lapses(now=parse_wire("2027-01-08 00:00:00")) == 0
    load_calendar_year(2027, [(date(2027, 1, 1), False, "元旦")], "通知", NOW)
    forget()
    assert make_lapses(now=parse_wire("2027-01-08 00:00:00")) == 1
    assert Lapse.objects.get().lapse_day == date(2027, 1, 6)
