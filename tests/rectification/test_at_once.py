"""Several hands on one order in the same moment, with real commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from haochaping.kit.errors import Refused
from haochaping.rectification.commands import advance, perform
from haochaping.rectification.models import Move, Order
from tests.cast import forget, settle
from tests.rectification.conftest import REAL_NAME, Stage, at, rate_badly, stage_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django.fixtures import SettingsWrapper

HANDS = 4


@pytest.fixture
def busy(committing_db: object, settings: SettingsWrapper) -> Iterator[Stage]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    forget()
    yield stage_for(settle(), rate_badly(**REAL_NAME))
    forget()


def at_once(work: Callable[[], object]) -> list[object]:
    together = Barrier(HANDS)

    def hand(_: int) -> object:
        together.wait()
        try:
            return work()
        except Refused as no:
            return no.code
        finally:
            connection.close()

    with ThreadPoolExecutor(HANDS) as pool:
        return list(pool.map(hand, range(HANDS)))


def test_one_of_many_who_sign_signs(busy: Stage) -> None:
    def sign() -> str:
        return perform(order_id=busy.order.id, verb="sign", actor=busy.cast.rectifier, facts={}, now=busy.now).state

    assert sorted(map(str, at_once(sign))) == ["not_possible_now"] * (HANDS - 1) + ["verifying"]
    assert list(Move.objects.order_by("n").values_list("verb", flat=True)) == ["open", "sign"]


def test_several_caretakers_do_everything_once(busy: Stage) -> None:
    for n in range(6):
        rate_badly(f"NJ{n}")
    at_once(lambda: advance(at("06-25 00:00")))
    advance(at("06-25 00:00"))  # what one skipped because another held it
    for order in Order.objects.all():
        history = list(Move.objects.filter(order_id=order.id).order_by("n").values_list("n", "verb"))
        assert history == list(enumerate(["open", "auto_sign", "escalate", "escalate"], 1))
        assert order.moves == 4
