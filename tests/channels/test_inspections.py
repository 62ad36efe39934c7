"""监督查评: who may, what is kept, and that a bad one is rectified as any."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

import pytest
from PIL import Image

from haochaping.channels.desk.forms import Typed
from haochaping.channels.forms import Draft
from haochaping.channels.inspections import queries
from haochaping.channels.inspections.commands import Findings, record_inspection
from haochaping.channels.models import Inspection
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.flow.visits import Visit
from haochaping.kit.errors import Refused
from haochaping.rectification.models import Order
from tests.cast import NOW, SUZHOU, Cast, settle

TODAY = date(2026, 6, 10)
SEEN = Visit(at=NOW, window_code="NJ-A01")
FINDINGS = Findings(TODAY, "张检查（省政务办）、李代表（省人大代表）", "JC-2026-0017")


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


def rating(level: int = 2, words: str = "排队机坏了两天没有修，群众在走廊等候"):
    return Typed(Draft(level=str(level), words=words)).submission(pf=9, now=NOW)


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 40), "red").save(out, "PNG")
    return out.getvalue()


def test_a_bad_inspection_opens_an_order_and_is_marked_as_inspection(cast: Cast) -> None:
    outcome = record_inspection(rating(), SEEN, FINDINGS, actor=cast.supervisor, now=NOW)
    event = ServiceEvent.objects.get(id=outcome.id)
    assert (event.mode, event.window_code) == ("inspection", "NJ-A01")
    assert Order.objects.get(id=outcome.id).order_no == outcome.order_no
    kept = Inspection.objects.get(event_id=outcome.id)
    assert (kept.inspected_on, kept.inspectors, kept.person_name) == (TODAY, FINDINGS.inspectors, "省督办")
    (line,) = queries.lines(queries.inspections_for(cast.city))
    assert (line.level, line.number, line.findings, line.order_no) == (
        2,
        "JC-2026-0017",
        "排队机坏了两天没有修，群众在走廊等候",
        outcome.order_no,
    )


def test_a_good_one_opens_none_and_photographs_are_kept(cast: Cast) -> None:
    findings = replace(FINDINGS, photos=[("大厅.png", picture())])
    outcome = record_inspection(rating(5, "秩序良好"), SEEN, findings, actor=cast.city, now=NOW)
    assert not outcome.order_no
    (line,) = queries.lines(queries.inspections_for(cast.city))
    (photo,) = line.photos
    assert queries.photo(cast.city, photo.id).startswith(b"\xff\xd8")
    with pytest.raises(Refused) as no:
        queries.photo(cast.foreign_city, photo.id)
    assert no.value.status == 404


def test_what_is_no_picture_leaves_no_inspection(cast: Cast) -> None:
    findings = replace(FINDINGS, photos=[("大厅.jpg", b"<svg onload=1>")])
    with pytest.raises(Refused):
        record_inspection(rating(), SEEN, findings, actor=cast.city, now=NOW)
    assert not Inspection.objects.exists()
    assert not Evaluation.objects.exists()


@pytest.mark.parametrize("who", ["operator", "observer", "leader", "rectifier", "clerk", "foreign_city"])
def test_only_those_who_supervise_there(cast: Cast, who: str) -> None:
    with pytest.raises(Refused) as no:
        record_inspection(rating(), SEEN, FINDINGS, actor=getattr(cast, who), now=NOW)
    assert no.value.status in {403, 404}
    assert not Evaluation.objects.exists()


@pytest.mark.parametrize(
    ("findings", "words", "field"),
    [
        (replace(FINDINGS, inspectors=" "), "发现", "inspectors"),
        (replace(FINDINGS, number=""), "发现", "proof"),
        (replace(FINDINGS, inspected_on=date(2026, 6, 11)), "发现", "inspected_on"),
        (FINDINGS, "", "writingEvaluation"),
        (replace(FINDINGS, photos=[("a.png", b"")] * 5), "发现", "photos"),
    ],
)
def test_what_is_missing_is_named(cast: Cast, findings: Findings, words: str, field: str) -> None:
    with pytest.raises(Refused) as no:
        record_inspection(rating(5, words), SEEN, findings, actor=cast.city, now=NOW)
    assert no.value.fields[0].field == field


def test_others_do_not_see_it(cast: Cast) -> None:
    record_inspection(
        rating(), replace(SEEN, window_code="", organ_code=SUZHOU), FINDINGS, actor=cast.supervisor, now=NOW
    )
    assert queries.inspections_for(cast.city).count() == 0
    assert queries.inspections_for(cast.foreign_city).count() == 1
    assert queries.inspections_for(cast.observer).count() == 1
