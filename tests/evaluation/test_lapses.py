"""Nobody rated in time: what the policy of Qufu makes of it, and when."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.directory.models import Item, Organ
from haochaping.evaluation.commands import erase_words, follow_up, make_lapses, settle_windows
from haochaping.evaluation.models import Evaluation, FollowUp, FollowUpWords, Lapse, ServiceEvent
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import parse_wire
from haochaping.kit.errors import Refused
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


def test_a_window_that_rests_on_unannounced_days_is_settled_when_they_are() -> None:
    serve("2026-12-29 09:00:00")
    event = ServiceEvent.objects.get()
    assert (event.closes_is_provisional, settle_windows(now=NOW)) == (True, 0)
    days = [(date(2027, 1, n), False, "元旦") for n in (1, 2, 3)]
    load_calendar_year(2027, days, "测试通知", NOW)
    forget()
    assert settle_windows(now=NOW) == 1
    event.refresh_from_db()
    assert (event.closes_is_provisional, event.closes_at) == (False, parse_wire("2027-01-07 00:00:00"))
    assert settle_windows(now=NOW) == 0


def test_a_follow_up_keeps_its_words_until_they_are_withdrawn() -> None:
    serve("2026-06-10 09:00:00")
    admit([read_evaluation(wire_rating(), source="test")], now=NOW)
    rated = Evaluation.objects.get().id
    follow_up(rated, level=2, text="后来又让我跑了一趟", now=NOW)
    assert FollowUpWords.objects.get().text == "后来又让我跑了一趟"
    with pytest.raises(Refused, match="已追评过"):
        follow_up(rated, level=5, text="", now=NOW)
    erase_words(rated, by="评价人", now=NOW)
    assert not FollowUpWords.objects.exists()
    assert FollowUp.objects.get().level == 2
