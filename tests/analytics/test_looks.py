"""Which days and which place somebody looks at, and what they are refused."""

from __future__ import annotations

from datetime import date

import pytest

from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.analytics.looks import Look, look_of
from haochaping.kit.errors import Refused
from tests.analytics.lake_rows import noon
from tests.cast import NANJING, PROVINCE_OFFICE, SUZHOU, settle

pytestmark = pytest.mark.django_db
NOW = noon("11-20")


def actor(role: Role, *scopes: Scope) -> Actor:
    return Actor("person", "1", "某人", frozenset({role}), scopes)


PROVINCE = actor(Role.SUPERVISOR, Scope("32"))
CITY = actor(Role.CITY, Scope("3201"))
BUREAU = actor(Role.HANDLER, Scope("", f"/{PROVINCE_OFFICE}/{NANJING}/"))


@pytest.fixture(autouse=True)
def cast(db: None) -> None:
    settle()


def days(look: Look) -> tuple[str, str]:
    return f"{look.start:%m-%d}", f"{look.end:%m-%d}"


def test_unless_told_otherwise_one_looks_at_this_month_and_the_two_before() -> None:
    look = look_of(PROVINCE, now=NOW)
    assert (days(look), look.name, look.minimum) == (("09-01", "11-20"), "江苏省", 30)
    assert days(look.before) == ("06-01", "08-20"), "months to date beside the same days of the months before"
    assert look.last_year.start == date(2025, 9, 1)


def test_whoever_works_for_an_organ_looks_at_that_one() -> None:
    look = look_of(BUREAU, now=NOW)
    assert (look.name, look.home, look.place) == ("南京市市场监督管理局", "3201", {})
    assert look.of_own_organ.organ == NANJING
    assert look_of(CITY, now=NOW).of_own_organ.organ == ""


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2026-10-01", "2026-10-31", ("09-01", "09-30")),
        ("2026-11-01", "2026-11-20", ("10-01", "10-20")),
        ("2026-11-11", "2026-11-20", ("11-01", "11-10")),
        ("2026-07-01", "2026-09-30", ("04-01", "06-30")),
    ],
)
def test_the_days_before_are_as_many_and_whole_months_whole_months(
    start: str, end: str, before: tuple[str, str]
) -> None:
    assert days(look_of(PROVINCE, now=NOW, start=start, end=end).before) == before


def test_the_last_months_end_where_one_looks() -> None:
    look = look_of(PROVINCE, now=NOW, start="2026-02-10", end="2026-03-05")
    assert look.months(6) == ["2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]
    assert (look.of_months(6).start, look.of_months(6).end) == (date(2025, 10, 1), date(2026, 3, 5))


def test_nobody_looks_into_the_future_or_at_days_that_are_none() -> None:
    assert look_of(PROVINCE, now=NOW, start="2026-11-01", end="2027-01-01").end == date(2026, 11, 20)
    for start, end in (("2026-11-19", "2026-11-01"), ("2020-01-01", "2026-11-01"), ("gestern", "")):
        with pytest.raises(Refused) as no:
            look_of(PROVINCE, now=NOW, start=start, end=end)
        assert no.value.status == 422


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        (PROVINCE, {"area": "3205"}),
        (PROVINCE, {"organ": SUZHOU}),
        (CITY, {"area": "3201"}),
        (CITY, {"area": "320102"}),
        (CITY, {"organ": NANJING}),
        (BUREAU, {"organ": NANJING}),
    ],
)
def test_one_may_look_at_what_lies_within_ones_reach(who: Actor, asked: dict[str, str]) -> None:
    assert look_of(who, now=NOW, **asked).place


@pytest.mark.parametrize(
    ("who", "asked"),
    [
        (CITY, {"area": "3205"}),
        (CITY, {"organ": SUZHOU}),
        (BUREAU, {"organ": SUZHOU}),
        (BUREAU, {"organ": PROVINCE_OFFICE}),
        (PROVINCE, {"area": "33"}),
        (PROVINCE, {"organ": "nobody"}),
        (actor(Role.LEADER), {"area": "3201"}),
    ],
)
def test_what_lies_elsewhere_is_not_there(who: Actor, asked: dict[str, str]) -> None:
    with pytest.raises(Refused) as no:
        look_of(who, now=NOW, **asked)
    assert no.value.status == 404
