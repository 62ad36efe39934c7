"""Periods by name, and what each is compared with."""

from __future__ import annotations

from datetime import date

import pytest

from haochaping.analytics.periods import GRAINS, PRESETS, Period, before, days_of, keys_of, preset

TODAY = date(2026, 11, 28)  # a Saturday


def days(start: str, end: str) -> Period:
    return Period(date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("name", "period", "previous", "year"),
    [
        ("today", ("2026-11-28", "2026-11-28"), ("2026-11-27", "2026-11-27"), ("2025-11-28", "2025-11-28")),
        ("yesterday", ("2026-11-27", "2026-11-27"), ("2026-11-26", "2026-11-26"), ("2025-11-27", "2025-11-27")),
        ("this_week", ("2026-11-23", "2026-11-28"), ("2026-11-16", "2026-11-21"), ("2025-11-23", "2025-11-28")),
        ("last_week", ("2026-11-16", "2026-11-22"), ("2026-11-09", "2026-11-15"), ("2025-11-16", "2025-11-22")),
        ("this_month", ("2026-11-01", "2026-11-28"), ("2026-10-01", "2026-10-28"), ("2025-11-01", "2025-11-28")),
        ("last_month", ("2026-10-01", "2026-10-31"), ("2026-09-01", "2026-09-30"), ("2025-10-01", "2025-10-31")),
        ("this_quarter", ("2026-10-01", "2026-11-28"), ("2026-07-01", "2026-08-28"), ("2025-10-01", "2025-11-28")),
        ("this_year", ("2026-01-01", "2026-11-28"), ("2025-01-01", "2025-11-28"), ("2025-01-01", "2025-11-28")),
    ],
)
def test_every_preset_and_what_it_is_compared_with(
    name: str, period: tuple[str, str], previous: tuple[str, str], year: tuple[str, str]
) -> None:
    found = preset(name, TODAY)
    assert found == days(*period)
    assert before(found, "previous", name) == days(*previous)
    assert before(found, "year", name) == days(*year)


def test_every_preset_is_one() -> None:
    assert all(preset(name, TODAY).days for name in PRESETS if name != "custom")


def test_the_last_day_of_a_long_month_meets_the_last_of_a_short_one() -> None:
    month = preset("this_month", date(2026, 3, 31))
    assert before(month, "previous", "this_month") == days("2026-02-01", "2026-02-28")


def test_whole_months_are_compared_with_whole_months() -> None:
    assert before(days("2026-02-01", "2026-03-31"), "previous") == days("2025-12-01", "2026-01-31")
    assert before(days("2025-02-01", "2025-02-28"), "year") == days("2024-02-01", "2024-02-29")


def test_any_other_period_is_compared_with_as_many_days() -> None:
    assert before(days("2026-03-03", "2026-03-12"), "previous") == days("2026-02-21", "2026-03-02")


def test_the_keys_of_a_period_are_those_of_the_lake() -> None:
    period = days("2025-12-30", "2026-01-05")
    assert keys_of("week", period) == [date(2025, 12, 29), date(2026, 1, 5)]
    assert keys_of("month", period) == ["2025-12", "2026-01"]
    assert keys_of("quarter", period) == ["2025-Q4", "2026-Q1"]
    assert keys_of("year", period) == ["2025", "2026"]
    assert len(keys_of("day", period)) == 7


@pytest.mark.parametrize("grain", GRAINS)
def test_the_buckets_of_a_period_are_all_of_its_days_once(grain: str) -> None:
    period = days("2025-12-30", "2026-01-05")
    buckets = [days_of(grain, key, period) for key in keys_of(grain, period)]
    assert buckets[0].start == period.start
    assert buckets[-1].end == period.end
    assert sum(each.days for each in buckets) == period.days
