"""A rating without a case: the house makes its service event."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.evaluation.models import Evaluation
from haochaping.evaluation.records import Submission
from haochaping.flow.admit import admit
from haochaping.flow.visits import Visit, open_visit
from haochaping.kit.errors import Refused
from haochaping.rectification.models import Order
from tests.cast import NANJING, NOW, settle


@pytest.fixture
def cast(db):
    return settle()


def test_a_visit_belongs_to_the_window_where_it_was(cast):
    event = open_visit(Visit(at=NOW, window_code="NJ-A01", name="窗口咨询"), source="window", now=NOW)
    assert (event.organ_code, event.area, event.hall_code, event.item_name) == (
        NANJING,
        "320102000000",
        "NJ",
        "窗口咨询",
    )
    assert event.project_no.startswith("HCP20260610")
    assert event.closes_at > NOW + timedelta(days=5)


def test_a_visit_to_a_hall_needs_no_window(cast):
    event = open_visit(Visit(at=NOW, hall_code="NJ", name="大厅环境"), source="comment", now=NOW)
    assert (event.hall_code, event.area, event.organ_code) == ("NJ", "320102000000", "")


def test_the_same_key_is_the_same_visit_and_no_key_is_always_a_new_one(cast):
    once = open_visit(Visit(at=NOW, window_code="NJ-A01", key="a"), source="d1", now=NOW)
    assert open_visit(Visit(at=NOW, window_code="NJ-A01", key="a"), source="d1", now=NOW).id == once.id
    assert open_visit(Visit(at=NOW, window_code="NJ-A01", key="a"), source="d2", now=NOW).id != once.id
    one, other = (open_visit(Visit(at=NOW, window_code="NJ-A01"), source="d1", now=NOW).id for _ in range(2))
    assert one != other


def test_a_bad_rating_of_a_visit_nobody_answers_for_waits_for_the_arbiter(cast):
    event = open_visit(Visit(at=NOW, area="320102000000", name="综合点评", mode="comment"), source="box", now=NOW)
    bad = Submission(event.project_no, 1, 1, 9, NOW, "box", words="指示牌看不懂")
    (outcome,) = admit([bad], now=NOW)
    assert outcome.status == "created"
    assert Evaluation.objects.get(id=event.id).organ_code == ""
    assert Order.objects.get(id=event.id).state == "arbitrating"


@pytest.mark.parametrize(
    "wrong", [{"window_code": "X"}, {"organ_code": "X"}, {"hall_code": "X"}, {"area": "99"}, {}, {"task_code": "X"}]
)
def test_what_is_not_known_is_refused_by_name(cast, wrong):
    with pytest.raises(Refused) as no:
        open_visit(Visit(at=NOW, **wrong), source="box", now=NOW)
    assert no.value.status == 422
    assert no.value.fields
