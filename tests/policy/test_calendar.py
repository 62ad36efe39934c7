"""Our own rows on top of the official schedule."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from haochaping.kit.errors import Refused
from haochaping.kit.workdays import Term, deadline
from haochaping.policy import queries
from haochaping.policy.commands import Day, load_calendar_year, load_local_days
from haochaping.policy.models import CalendarDay

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db
NOW = datetime(2035, 11, 1, tzinfo=UTC)
YEAR = 2036  # not announced for a long time


def test_a_deadline_is_provisional_until_the_year_is_loaded() -> None:
    start, term = datetime(YEAR, 4, 30, 2, tzinfo=UTC), Term(1, "workday")
    before = deadline(start, term, queries.calendar())
    load_calendar_year(YEAR, [Day(date(YEAR, 5, 1), is_workday=False, name="劳动节")], "made-up notice", NOW)
    after = deadline(start, term, queries.calendar())
    assert (before.provisional, before.day) == (True, date(YEAR, 5, 1))
    assert (after.provisional, after.day) == (False, date(YEAR, 5, 2))


def test_an_amended_notice_replaces_the_first() -> None:
    load_calendar_year(YEAR, [Day(date(YEAR, 5, 1), is_workday=False)], "first", NOW)
    load_calendar_year(YEAR, [Day(date(YEAR, 5, 2), is_workday=False)], "second", NOW)
    assert queries.calendar().is_workday(date(YEAR, 5, 1))
    assert not queries.calendar().is_workday(date(YEAR, 5, 2))


def test_the_days_before_new_year_belong_to_the_next_notice_and_stay_when_the_first_is_amended() -> None:
    eve = Day(date(YEAR, 12, 31), is_workday=False, name="元旦")
    load_calendar_year(YEAR + 1, [eve], "next year's", NOW)
    load_calendar_year(YEAR, [], "this year's", NOW)
    assert not queries.calendar().is_workday(eve.day)


def test_a_day_of_another_year_is_refused() -> None:
    with pytest.raises(Refused, match="2035-05-01") as refused:
        load_calendar_year(YEAR, [Day(date(2035, 5, 1), is_workday=False)], "slip", NOW)
    assert refused.value.status == 422
    assert not CalendarDay.objects.exists()


def test_a_local_day_off_holds_in_its_region_and_the_nearest_region_wins() -> None:
    day = date(2024, 6, 12)
    load_local_days("32", [Day(day, is_workday=False, name="台风")], "省通知")
    load_local_days("3205", [Day(day, is_workday=True)], "市通知")
    works = [queries.calendar(area).is_workday(day) for area in ("", "320102000000", "320500000000", "310000000000")]
    assert works == [True, False, True, True]


def test_a_published_year_can_be_loaded_as_it_is(shared_data: Path) -> None:
    table = json.loads((shared_data / "holidays" / "2019.json").read_text(encoding="utf-8"))
    days = [Day(date.fromisoformat(day["date"]), not day["isOffDay"], day["name"]) for day in table["days"]]
    assert load_calendar_year(2019, days, table["papers"][0], NOW) == len(days) > 0
    calendar = queries.calendar()
    assert all(calendar.is_workday(day.day) is day.is_workday for day in days)
