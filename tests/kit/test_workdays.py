"""Working days against every day the State Council announced, and deadlines as a table of stories."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haochaping.kit.clock import CHINA
from haochaping.kit.workdays import Calendar, Deadline, Term, Unit, deadline, nearing

if TYPE_CHECKING:
    from pathlib import Path

OFFICIAL = Calendar()
DAYS = st.dates(date(2007, 1, 1), date(2026, 12, 1))


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def announced(shared_data: Path) -> dict[date, bool]:
    """Each day that some announcement names, and whether it is off."""
    files = sorted((shared_data / "holidays").glob("20*.json"))
    days = (day for file in files for day in json.loads(file.read_text(encoding="utf-8"))["days"])
    return {date.fromisoformat(day["date"]): day["isOffDay"] for day in days}


def test_every_day_of_twenty_years_is_as_announced(shared_data):
    named = announced(shared_data)
    start, end = date(2007, 1, 1), date(2026, 12, 31)
    days = [start + timedelta(days=i) for i in range((end - start).days + 1)]
    assert len(days) == 7305
    wrong = [day for day in days if OFFICIAL.is_workday(day) != (not named.get(day, day.weekday() >= 5))]
    assert wrong == []
    assert all(OFFICIAL.knows(year) for year in range(2007, 2027))


def test_the_year_that_is_not_announced_is_not_known(shared_data):
    assert json.loads((shared_data / "holidays/2027.json").read_text(encoding="utf-8"))["days"] == []
    assert not OFFICIAL.knows(2027)
    assert not OFFICIAL.knows(2006)


def test_the_last_week_of_a_year_has_been_moved_by_the_next_years_announcement(shared_data):
    """Why such a week is only settled when the next year is known."""
    moved = set()
    for year in range(2008, 2027):
        file = json.loads((shared_data / f"holidays/{year}.json").read_text(encoding="utf-8"))
        days = [date.fromisoformat(day["date"]) for day in file["days"]]
        early = [day for day in days if day.year < year]
        assert all(day.month == 12 and day.day >= 25 for day in early)
        moved |= {day.year for day in early}
    assert moved == {2007, 2011, 2018, 2022}


STORIES = [
    # an ordinary week: dispatched on Monday, five days
    ("2026-03-02 09:00", "5 workday", "2026-03-09"),
    # the hour of the day does not matter, from the first minute to the last
    ("2026-03-02 00:00", "1 workday", "2026-03-03"),
    ("2026-03-02 23:59", "1 workday", "2026-03-03"),
    # over a weekend; on a weekend
    ("2026-03-06 16:30", "1 workday", "2026-03-09"),
    ("2026-03-07 10:00", "1 workday", "2026-03-09"),
    # 国庆 2025: off from 1 to 8 October, worked on Sunday 28 September and Saturday 11 October
    ("2025-09-26 17:00", "1 workday", "2025-09-28"),
    ("2025-09-26 17:00", "3 workday", "2025-09-30"),
    ("2025-09-30 09:00", "1 workday", "2025-10-09"),
    ("2025-09-30 09:00", "3 workday", "2025-10-11"),
    ("2025-09-30 09:00", "4 workday", "2025-10-13"),
    # 春节 2026: off from 15 to 23 February, worked on Saturdays 14 and 28 February
    ("2026-02-13 09:00", "1 workday", "2026-02-14"),
    ("2026-02-13 09:00", "2 workday", "2026-02-24"),
    ("2026-02-18 20:00", "5 workday", "2026-02-28"),
    ("2026-02-27 09:00", "1 workday", "2026-02-28"),
    ("2026-02-27 09:00", "2 workday", "2026-03-02"),
    # 元旦 2026, over the turn of two announced years: off 1 to 3 January, worked on Sunday 4 January
    ("2025-12-31 09:00", "1 workday", "2026-01-04"),
    # 春节 2020, prolonged to 2 February when the epidemic broke out
    ("2020-01-23 09:00", "1 workday", "2020-02-03"),
    # natural days run through every holiday
    ("2025-09-30 09:00", "5 day", "2025-10-05"),
    ("2025-09-30 23:59", "1 day", "2025-10-01"),
    # nothing but the day itself
    ("2026-03-02 09:00", "0 workday", "2026-03-02"),
    ("2026-03-02 09:00", "0 day", "2026-03-02"),
]


@pytest.mark.parametrize(("start", "term", "last"), STORIES)
def test_a_term_ends_with_the_last_minute_of_its_last_day(start, term, last):
    due = deadline(china(start), Term.parse(term), OFFICIAL)
    assert due.day == date.fromisoformat(last)
    assert due.at == china(last) + timedelta(days=1)
    assert due.at.tzinfo is UTC
    assert not due.provisional


def test_hours_are_exact_and_run_through_the_night():
    due = deadline(china("2025-09-30 17:30"), Term(24, "hour"), OFFICIAL)
    assert due == Deadline(china("2025-10-01 17:30").astimezone(UTC))


def test_the_day_of_the_start_is_the_day_in_china():
    start = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)  # half past midnight on Tuesday in China
    assert deadline(start, Term(1, "workday"), OFFICIAL).day == date(2026, 3, 4)


HALVES = [
    # begun in the morning: the afternoon is the first half that counts
    ("2026-03-02 09:00", 1, "2026-03-03 00:00"),
    ("2026-03-02 09:00", 2, "2026-03-03 12:00"),
    ("2026-03-02 09:00", 3, "2026-03-04 00:00"),
    # at noon the afternoon has begun, and so does not count
    ("2026-03-02 11:59", 1, "2026-03-03 00:00"),
    ("2026-03-02 12:00", 1, "2026-03-03 12:00"),
    ("2026-03-02 23:59", 1, "2026-03-03 12:00"),
    # over a weekend, and on one
    ("2026-03-06 16:30", 1, "2026-03-09 12:00"),
    ("2026-03-07 08:00", 1, "2026-03-09 12:00"),
    ("2026-03-07 20:00", 2, "2026-03-10 00:00"),
    # 国庆 2025: Sunday 28 September is worked, 1 to 8 October are not
    ("2025-09-26 17:00", 1, "2025-09-28 12:00"),
    ("2025-09-30 13:00", 2, "2025-10-10 00:00"),
    # none: to the end of the half itself
    ("2026-03-02 09:00", 0, "2026-03-02 12:00"),
    ("2026-03-02 13:00", 0, "2026-03-03 00:00"),
]


@pytest.mark.parametrize(("start", "n", "end"), HALVES)
def test_half_working_days_end_at_noon_or_at_midnight(start, n, end):
    due = deadline(china(start), Term(n, "halfday"), OFFICIAL)
    assert due == Deadline(china(end).astimezone(UTC))


# Years that are not announced


@pytest.mark.parametrize(
    ("start", "term", "provisional"),
    [
        ("2026-12-14 09:00", "5 workday", False),
        ("2026-12-23 09:00", "1 workday", False),
        ("2026-12-24 09:00", "1 workday", True),  # Friday 25 December 2026 is still ours, its weekend may be exchanged
        ("2026-12-21 09:00", "15 workday", True),
        ("2027-03-01 09:00", "1 workday", True),
        ("2026-12-24 09:00", "1 halfday", False),  # this afternoon
        ("2026-12-24 13:00", "1 halfday", True),
        ("2027-03-01 09:00", "1 halfday", True),
        ("2027-03-01 09:00", "5 day", False),  # natural days and hours need no calendar
        ("2027-03-01 09:00", "24 hour", False),
        ("2027-03-01 09:00", "0 workday", False),  # counts no day
    ],
)
def test_what_counts_a_day_not_announced_is_provisional(start, term, provisional):
    assert deadline(china(start), Term.parse(term), OFFICIAL).provisional is provisional


def test_the_announcement_makes_the_deadline_final_and_other_than_the_weekend_rule():
    """Made-up rows for 2027: 元旦 from Friday 1 to Sunday 3 January, worked on Sunday 27 December 2026."""
    start, term = china("2026-12-24 09:00"), Term(5, "workday")
    before = deadline(start, term, OFFICIAL)
    assert (before.day, before.provisional) == (date(2026, 12, 31), True)
    rows = {date(2027, 1, 1): False, date(2026, 12, 27): True}
    after = deadline(start, term, Calendar(rows, frozenset({2027})))
    assert (after.day, after.provisional) == (date(2026, 12, 30), False)


def test_single_rows_of_a_year_do_not_make_the_year_known():
    calendar = Calendar({date(2027, 1, 1): False})
    assert not calendar.knows(2027)
    assert calendar.is_settled(date(2027, 1, 1))
    assert not calendar.is_settled(date(2027, 1, 4))
    assert deadline(china("2026-12-31 09:00"), Term(1, "workday"), calendar).provisional


def test_a_local_day_off_counts_before_the_national_rule():
    day_off = date(2026, 3, 3)  # a Tuesday, as 三月三 in Guangxi
    local = Calendar({day_off: False, date(2026, 3, 7): True})
    assert not local.is_workday(day_off)
    assert deadline(china("2026-03-02 09:00"), Term(1, "workday"), local).day == date(2026, 3, 4)
    assert local.is_workday(date(2026, 3, 7))
    assert not deadline(china("2026-03-02 09:00"), Term(1, "workday"), local).provisional


# Counting


@given(DAYS, st.integers(0, 60))
def test_adding_and_counting_agree(day, n):
    end = OFFICIAL.add_workdays(day, n)
    assert OFFICIAL.workdays_between(day, end) == n
    assert OFFICIAL.workdays_between(end, day) == -n
    assert n == 0 or OFFICIAL.is_workday(end)


@given(DAYS, st.integers(0, 30), st.integers(0, 30))
def test_a_term_in_two_parts_is_the_whole_term(day, first, second):
    assert OFFICIAL.add_workdays(OFFICIAL.add_workdays(day, first), second) == OFFICIAL.add_workdays(
        day, first + second
    )


@given(st.datetimes(datetime(2007, 1, 1), datetime(2026, 11, 1)), st.integers(0, 20))
def test_a_later_start_or_a_longer_term_is_never_due_earlier(start, n):
    start = start.replace(tzinfo=CHINA)
    due = deadline(start, Term(n, "workday"), OFFICIAL)
    assert due.at > start
    assert deadline(start + timedelta(hours=7), Term(n, "workday"), OFFICIAL).at >= due.at
    assert deadline(start, Term(n + 1, "workday"), OFFICIAL).at > due.at


# Any calendar, any term: against a reference that walks hour by hour

WEEKS = st.dictionaries(st.dates(date(2026, 3, 1), date(2026, 4, 30)), st.booleans(), max_size=20)
BEGINNINGS = st.datetimes(datetime(2026, 3, 1), datetime(2026, 3, 20)).map(lambda moment: moment.replace(tzinfo=CHINA))
TERMS = st.builds(Term, st.integers(0, 12), st.sampled_from(get_args(Unit)))


def walked(start: datetime, term: Term, calendar: Calendar) -> datetime:
    """The end of the term, found by walking on in steps of its unit and counting those that are worked."""
    if term.unit == "hour":
        return start + timedelta(hours=term.n)
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    step = timedelta(hours=12 if term.unit == "halfday" else 24)
    begun = midnight + step if term.unit == "halfday" and start.hour >= 12 else midnight
    left = term.n
    while left:
        begun += step
        left -= term.unit == "day" or calendar.is_workday(begun.date())
    return begun + step


@given(BEGINNINGS, TERMS, WEEKS)
def test_every_term_ends_where_a_slow_walk_ends(start, term, days):
    calendar = Calendar(days)
    assert deadline(start, term, calendar).at == walked(start, term, calendar)


@given(BEGINNINGS, TERMS, WEEKS)
def test_no_term_of_working_time_ends_on_a_half_that_nobody_works(start, term, days):
    calendar = Calendar(days)
    due = deadline(start, term, calendar)
    if term.unit in {"workday", "halfday"} and term.n:
        assert calendar.is_workday(due.day), "the made-up ones count, the days off do not"
        assert due.at.astimezone(CHINA).hour in ({0} if term.unit == "workday" else {0, 12})


@given(BEGINNINGS, TERMS, WEEKS, st.timedeltas(timedelta(), timedelta(days=9)))
def test_more_of_a_term_or_a_later_beginning_never_ends_earlier(start, term, days, later):
    calendar = Calendar(days)
    due = deadline(start, term, calendar).at
    assert deadline(start, Term(term.n + 1, term.unit), calendar).at > due
    assert deadline(start + later, term, calendar).at >= due


@given(BEGINNINGS, st.integers(0, 12), WEEKS, st.dates(date(2026, 3, 1), date(2026, 4, 30)))
def test_a_day_off_more_never_ends_a_term_earlier_and_a_day_worked_more_never_later(start, n, days, day):
    for unit in ("workday", "halfday"):
        worked, off = (deadline(start, Term(n, unit), Calendar(days | {day: works})).at for works in (True, False))
        assert worked <= off


@given(BEGINNINGS, st.integers(0, 12), WEEKS)
def test_two_halves_lie_within_one_day(start, n, days):
    calendar = Calendar(days)
    halves = deadline(start, Term(2 * n, "halfday"), calendar).at
    whole = deadline(start, Term(n, "workday"), calendar).at
    assert halves <= whole <= deadline(start, Term(2 * n + 1, "halfday"), calendar).at


@given(BEGINNINGS, TERMS, TERMS, WEEKS)
def test_a_warning_comes_in_the_first_moment_from_which_the_term_no_longer_fits(start, term, before, days):
    calendar = Calendar(days)
    due = deadline(start, term, calendar).at
    first = nearing(due, before, calendar)
    if before.unit == "hour" or before.n == 0:
        assert first == due - timedelta(hours=before.n if before.unit == "hour" else 0)
    else:
        assert deadline(first, before, calendar).at > due
        assert deadline(first - timedelta(microseconds=1), before, calendar).at <= due


@pytest.mark.parametrize(
    ("due", "before", "first"),
    [
        ("2026-06-13 00:00", "1 workday", "2026-06-12 00:00"),
        ("2026-06-16 00:00", "1 workday", "2026-06-15 00:00"),
        ("2026-06-16 00:00", "2 workday", "2026-06-12 00:00"),
        ("2026-06-21 00:00", "1 workday", "2026-06-18 00:00"),  # Saturday after 端午, by an extension
        ("2026-06-12 12:00", "1 halfday", "2026-06-12 00:00"),
        ("2026-06-13 00:00", "1 halfday", "2026-06-12 12:00"),
        ("2026-06-15 12:00", "2 halfday", "2026-06-12 12:00"),
        ("2026-06-13 00:00", "2 day", "2026-06-11 00:00"),
        ("2026-06-13 00:00", "4 hour", "2026-06-12 20:00"),
    ],
)
def test_from_when_on_less_than_the_term_is_left(due, before, first):
    assert nearing(china(due), Term.parse(before), OFFICIAL) == china(first)


# Terms


def test_a_term_is_read_from_text_and_from_a_table():
    assert Term.parse("3 workday") == Term.parse({"n": 3, "unit": "workday"}) == Term(3, "workday")
    assert [str(Term(3, "workday")), str(Term(15, "day")), str(Term(24, "hour"))] == ["3个工作日", "15天", "24小时"]
    assert [str(Term(n, "halfday")) for n in (1, 3)] == ["半个工作日", "3个工作半天"]


def test_how_long_a_term_is_about_where_no_calendar_is_asked():
    lengths = [Term.parse(text).length.days for text in ("5 workday", "1 workday", "10 halfday", "1 halfday", "7 day")]
    assert lengths == [7, 2, 7, 1, 7]
    assert Term(36, "hour").length == timedelta(hours=36)


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        "3",
        "workday",
        "three workday",
        "-1 day",
        "3 week",
        "1.5 day",
        "² day",
        "99999 day",
        {},
        {"n": 3},
        {"n": 3, "unit": "week"},
        {"n": -1, "unit": "day"},
        {"n": True, "unit": "day"},
        {"n": "3", "unit": "day"},
        {"n": 3, "unit": "day", "half": True},
    ],
)
def test_nonsense_is_no_term(nonsense):
    with pytest.raises(ValueError):
        Term.parse(nonsense)
