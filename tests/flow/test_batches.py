"""A batch is traceable line by line, and void or back as a whole, by rulings that can be undone."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.queries import app_info
from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.queries import figures
from haochaping.evaluation import batches
from haochaping.evaluation.commands import rule
from haochaping.evaluation.models import BatchMark, Evaluation, Rejected, Ruling
from haochaping.evaluation.records import read_evaluation
from haochaping.flow import marking, repair, services
from haochaping.flow.admit import admit
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.outbox.models import Note
from haochaping.rectification.models import Move, Order
from tests.cast import BAD, NOW, Cast, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

    from haochaping.evaluation.models import BatchMark as Mark

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
REASON = "联调数据误推到正式环境"


@pytest.fixture
def cast() -> Iterator[Cast]:
    yield settle()
    forget()


@pytest.fixture(autouse=True)
def lake_directory(settings: SettingsWrapper, tmp_path: Path) -> None:
    settings.LAKE = tmp_path / "lake"


def deliver(cast: Cast, count: int = 4, *, bad: int = 1, prefix: str = "B", is_known: bool = True) -> str:
    """A batch of so many ratings of Nanjing's app, the first of them bad."""
    numbers = [f"{prefix}{n}" for n in range(count)]
    if is_known:
        services.admit_services([wire_service(n) for n in numbers], source=cast.app_id, now=NOW)
    batch = batches.open_batch(lane="batch", source=cast.app_id, name="南京", now=NOW, place=("3201", "", ""))
    reads = [
        read_evaluation(wire_rating(n, **(BAD if i < bad else {})), source=cast.app_id, batch=batch)
        for i, n in enumerate(numbers)
    ]
    outcomes = admit(reads, now=NOW, apps=[app_info(cast.app_id)] * count, keeps_refused=True, lane="batch")
    batches.record_lines(batch, 0, [batches.Line(o.status, o.id) for o in outcomes])
    return batch


def decide(cast: Cast, batch: str, *, voids: bool = True) -> Mark:
    made = batches.mark(batch, voids=voids, reason=REASON, actor=cast.supervisor, now=LATER)
    return marking.carry_out(made, now=LATER)


def counted(now=LATER) -> tuple[int, int]:
    """Ratings in the figures, and those that a ruling keeps out, by the one dictionary."""
    rebuild_lake(now=now)
    day = clock.day(NOW)
    row = figures(["ratings", "excluded", "good_rate"], [], day, day, now=now).total
    return int(row.figures["ratings"].value or 0), int(row.figures["excluded"].value or 0)


def test_every_line_is_found_again_with_who_when_and_what_came_of_it(cast: Cast) -> None:
    batch = deliver(cast, 3)
    again = deliver(cast, 3)
    assert batches.counts([batch, again])[again] == {
        "created": 0, "duplicate": 3, "parked": 0, "conflict": 0, "rejected": 0,
    }  # fmt: skip
    assert [line.event_id for _, line in batches.lines_of(batch)] == [ids.event_id(f"B{n}", 1) for n in range(3)]
    assert set(Evaluation.objects.values_list("batch", flat=True)) == {batch}, "a repeat is not the later batch's"
    assert batches.one_for(cast.city, batch).received_at == NOW


def test_a_large_batch_is_read_part_by_part(cast: Cast) -> None:
    batch = batches.open_batch(lane="batch", source="x", name="", now=NOW)
    told = [batches.Line("rejected" if n % 600 == 599 else "duplicate", None, "required") for n in range(1201)]
    batches.record_lines(batch, 0, told[:1000])
    batches.record_lines(batch, 1000, told[1000:])
    assert [n for n, _ in batches.lines_of(batch, start=999, most=3)] == [999, 1000, 1001]
    assert [n for n, _ in batches.lines_of(batch, status="rejected")] == [599, 1199]
    assert batches.size(batch) == 1201


def test_a_void_batch_counts_nowhere_until_it_is_restored(cast: Cast) -> None:
    deliver(cast, 2, bad=0, prefix="OTHER")
    batch = deliver(cast, 4)
    assert counted() == (6, 0)
    made = decide(cast, batch)
    assert (made.ratings, made.finished_at) == (4, LATER)
    assert counted() == (2, 4)
    assert set(Ruling.objects.values_list("excludes", "kind", "reason", "by")) == {(True, "batch", REASON, "省督办")}
    decide(cast, batch, voids=False)
    assert counted() == (6, 0)
    assert Evaluation.objects.count() == 6, "the ratings stay as they are"


def test_the_nation_and_the_lake_hear_of_each(cast: Cast) -> None:
    batch = deliver(cast, 2)
    Note.objects.all().delete()
    decide(cast, batch)
    assert Note.objects.filter(kind="ruling", topic="lake").count() == 2


def test_its_open_orders_get_a_note(cast: Cast) -> None:
    batch = deliver(cast, 4, bad=2)
    decide(cast, batch)
    notes = Move.objects.filter(verb="note")
    assert notes.count() == Order.objects.count() == 2
    assert REASON in notes[0].facts["text"]
    assert batch in notes[0].facts["text"]


def test_what_an_appeal_took_out_stays_out(cast: Cast) -> None:
    batch = deliver(cast, 2)
    one = ids.event_id("B0", 1)
    rule(one, excludes=True, kind="mistaken", reason="误评", by="复核", now=NOW)
    assert decide(cast, batch).ratings == 1
    decide(cast, batch, voids=False)
    assert counted() == (1, 1)


def test_what_waited_when_its_batch_was_voided_comes_in_void(cast: Cast) -> None:
    batch = deliver(cast, 1, is_known=False)
    decide(cast, batch)
    services.admit_services([wire_service("B0")], source=cast.app_id, now=LATER)
    assert counted() == (0, 1)
    decide(cast, batch, voids=False)
    assert counted() == (1, 0)


@pytest.mark.parametrize("is_first", [True, False], ids=["repaired, then void", "void, then repaired"])
@pytest.mark.parametrize("way", ["accept", "fix"])
def test_a_line_that_was_repaired_shares_the_fate_of_its_batch(cast: Cast, way: str, is_first: bool) -> None:
    faults = {
        "fix": {"evalDetail": "501"},
        "accept": {"satisfaction": 1, "evalDetail": "", "pf": 3},
    }
    services.admit_services([wire_service("R1")], source=cast.app_id, now=NOW)
    batch = batches.open_batch(lane="batch", source=cast.app_id, name="南京", now=NOW, place=("3201", "", ""))
    bad = read_evaluation(wire_rating("R1", **faults[way]), source=cast.app_id, batch=batch)
    (no,) = admit([bad], now=NOW, apps=[app_info(cast.app_id)], keeps_refused=True, lane="batch")
    batches.record_lines(batch, 0, [batches.Line("rejected", no.id, "x")])
    row = Rejected.objects.get()

    def repair_it() -> None:
        if way == "accept":
            tried = repair.accept(row.id, reason="已核对凭证原件", actor=cast.supervisor, now=LATER)
        else:
            tried = repair.fix(row.id, {"evalDetail": ""}, actor=cast.supervisor, now=LATER)
        assert tried.no is None

    if is_first:
        repair_it()
        assert counted() == (1, 0)
    assert decide(cast, batch).ratings == int(is_first)
    if not is_first:
        repair_it()
    assert counted() == (0, 1)
    decide(cast, batch, voids=False)
    assert counted() == (1, 0)


def test_it_goes_on_part_by_part_and_the_job_finishes_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "PART", 2)
    batch = deliver(cast, 5)
    made = batches.mark(batch, voids=True, reason=REASON, actor=cast.supervisor, now=LATER)
    made = marking.carry_out(made, now=LATER, parts=1)
    assert (made.lines_done, made.ratings, made.finished_at) == (2, 2, None)
    with pytest.raises(Refused, match="还在处理"):
        batches.mark(batch, voids=False, reason=REASON, actor=cast.supervisor, now=LATER)
    assert marking.finish_marks(now=LATER) == 1
    assert (BatchMark.objects.get().ratings, Ruling.objects.count()) == (5, 5)


def test_only_a_supervisor_of_the_place_may_and_only_with_a_reason(cast: Cast) -> None:
    batch = deliver(cast, 1)
    for actor, status in ((cast.city, 403), (cast.rectifier, 404), (cast.foreign_city, 404), (cast.admin, 404)):
        with pytest.raises(Refused) as no:
            batches.mark(batch, voids=True, reason=REASON, actor=actor, now=LATER)
        assert no.value.status == status
    with pytest.raises(Refused, match="理由"):
        batches.mark(batch, voids=True, reason="无", actor=cast.supervisor, now=LATER)
    with pytest.raises(Refused, match="已经是这个状态"):
        batches.mark(batch, voids=False, reason=REASON, actor=cast.supervisor, now=LATER)
    decide(cast, batch)
    assert list(Audit.objects.values_list("action", "subject")) == [("void_batch", batch)]
