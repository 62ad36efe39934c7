from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from haochaping.channels.rules import Misses, Standing, by_when, in_groups, latest, phone_of, receipt_of, standing

NOW = datetime(2026, 6, 10, 2, 0, tzinfo=UTC)
RECEIPT = "HP0123456789ABCDEFGHJK"


class TestMisses:
    def test_so_many_at_once_then_one_every_few_seconds(self) -> None:
        misses = Misses(size=3, every=timedelta(seconds=4))
        for _ in range(3):
            assert misses.wait("a", NOW) == 0
            misses.miss("a", NOW)
        assert misses.wait("a", NOW) in {4, 5}
        assert misses.wait("a", NOW + timedelta(seconds=4)) == 0
        assert misses.wait("b", NOW) == 0

    def test_a_storm_slows_those_who_miss_and_nobody_else(self) -> None:
        misses = Misses(size=5, all_size=10, all_every=timedelta(seconds=1))
        for n in range(10):
            misses.miss(f"bot{n}", NOW)
        assert misses.wait("bot1", NOW) > 0
        assert misses.wait("somebody with a good link", NOW) == 0

    def test_its_memory_has_an_end_and_keeps_the_worst(self) -> None:
        misses = Misses(size=5, clients_most=100)
        for _ in range(5):
            misses.miss("worst", NOW)
        for n in range(1000):
            misses.miss(f"client {n}", NOW)
        assert len(misses.clients) <= 100
        assert misses.wait("worst", NOW) > 0

    def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing(self) -> None:
        misses = Misses(size=2, every=timedelta(seconds=4))
        misses.miss("a", NOW)
        misses.miss("a", NOW - timedelta(hours=1))
        assert misses.wait("a", NOW - timedelta(hours=1)) > 0
        assert misses.wait("a", NOW + timedelta(seconds=4)) == 0

    def test_a_hundred_thousand_guesses_are_some_looked_up_and_the_rest_refused(self) -> None:
        misses, looked_up = Misses(), 0
        for n in range(100_000):
            now = NOW + timedelta(milliseconds=n)  # a thousand a second
            if not misses.wait("a", now):
                misses.miss("a", now)
                looked_up += 1
        assert 30 + 99 // 4 <= looked_up <= 30 + 100 // 4


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, Standing.OPEN),
        ({"expires_at": NOW}, Standing.EXPIRED),
        ({"is_open": False}, Standing.CLOSED),
        ({"is_open": False, "expires_at": NOW}, Standing.CLOSED),
        ({"is_rated": True}, Standing.RATED),
        ({"is_rated": True, "is_open": False, "expires_at": NOW}, Standing.RATED),
        ({"is_rated": True, "rated_at": NOW}, Standing.RATED),
        ({"is_rated": True, "rated_at": NOW, "is_raters_browser": True}, Standing.JUST_RATED),
        ({"is_rated": True, "rated_at": NOW - timedelta(minutes=10), "is_raters_browser": True}, Standing.RATED),
    ],
)
def test_how_a_link_stands(facts, expected) -> None:
    usual = {"expires_at": NOW + timedelta(days=1), "is_rated": False, "rated_at": None}
    assert standing(**{"now": NOW, "is_raters_browser": False, "is_open": True} | usual | facts) is expected


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (RECEIPT, RECEIPT),
        (in_groups(RECEIPT), RECEIPT),
        ("hp-0123-4567-89ab-cdef-ghjk\n", RECEIPT),
        ("HP O I23456789ABCDEFGHJK", RECEIPT),
        ("HPOL23456789ABCDEFGHJK", RECEIPT),
        (RECEIPT[:-1], None),
        ("HQ" + RECEIPT[2:], None),
        ("HP0123456789ABCDEFGHJU", None),
        ("", None),
    ],
)
def test_a_receipt_is_read_as_people_type_it(typed, read) -> None:
    assert receipt_of(typed) == read


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("138 0000 0001", "13800000001"),
        ("025-8888 8888", "02588888888"),
        ("+86 13800000001", "+8613800000001"),
        ("12ab", None),
        ("110", None),
        ("１３８００００００１", None),
    ],
)
def test_a_telephone_number_is_digits(typed, read) -> None:
    assert phone_of(typed) == read


def test_a_limit_is_told_as_its_last_day_or_its_hour() -> None:
    assert by_when(datetime(2026, 6, 17, 16, 0, tzinfo=UTC)) == "2026年6月17日"
    assert by_when(datetime(2026, 6, 17, 7, 0, tzinfo=UTC)) == "2026年6月17日15:00"
    assert latest(datetime(2026, 6, 17, 16, 0, tzinfo=UTC)) == "最迟2026年6月17日（含当日）"
    assert latest(datetime(2026, 6, 17, 7, 0, tzinfo=UTC)) == "最迟2026年6月17日15:00"
