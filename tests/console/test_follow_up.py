"""追评 on the order's page: what the rater added later reaches those who work on it, sealed as the rating is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from haochaping.evaluation.commands import erase_words, follow_up
from haochaping.kit.clock import held_at
from tests.cast import NOW
from tests.console.stage import PHONE, bad_order, text

if TYPE_CHECKING:
    from haochaping.rectification.models import Order

pytestmark = pytest.mark.django_db
SAID = "又去了一次，还是只开一个窗口，请打"
LATER = NOW.replace(hour=5, minute=37)  # 13:37 in China


@pytest.fixture
def order(cast) -> Order:
    made = bad_order()
    follow_up(made.pk, level=2, text=SAID + PHONE, now=LATER)
    return made


def page(client, order: Order) -> str:
    with held_at(LATER + timedelta(hours=1)):
        return text(client.get(f"/console/orders/{order.order_no}/").content.decode())


@pytest.mark.parametrize("username", ["rectifier", "supervisor", "operator", "reviewer"])
def test_who_works_on_the_order_reads_its_level_day_and_masked_words(as_, order, username):
    said = page(as_(username), order)
    assert "追评 评价人后来补充的" in said
    assert SAID in said
    assert "追评日期 2026-06-10" in said
    assert PHONE not in said
    assert "13:37" not in said


@pytest.mark.parametrize("username", ["observer", "analyst"])
def test_who_only_looks_on_does_not(as_, order, username):
    assert "追评" not in page(as_(username), order)


def test_words_that_were_taken_back_are_not_there(as_, order):
    erase_words(order.pk, by="评价人", now=LATER)
    said = page(as_("rectifier"), order)
    assert "追评日期 2026-06-10" in said
    assert SAID not in said


def test_without_one_there_is_no_card(as_, cast):
    assert "追评" not in page(as_("rectifier"), bad_order("NJ-0007"))
