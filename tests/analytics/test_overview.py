from __future__ import annotations

import pytest

from haochaping.accounts.rules import SYSTEM, Actor, Role, Scope
from haochaping.analytics.overview import HEADLINE, Overview, attention, overview
from tests.analytics.lake_rows import day, fill, noon, order, service

NOW = noon("11-20")
SUZHOU = {"area_path": "320508", "organ_code": "O2", "organ_path": "/P/O2/", "window": "W2"}


def actor(role: Role, *scopes: Scope) -> Actor:
    return Actor("person", "1", "某人", frozenset({role}), scopes)


def headline(shown: Overview) -> dict[str, str]:
    return {compared.figure.metric.key: compared.figure.text for compared in shown.headline}


@pytest.fixture(autouse=True)
def lake(db: None) -> None:
    fill(
        [
            *[service("11-02", 5) for _ in range(8)],
            *[service("11-17", 2) for _ in range(2)],
            *[service("11-03", 4, **SUZHOU) for _ in range(3)],
            *[service("10-05", 5) for _ in range(4)],
            service("10-25", 5),  # after the same days of last month
        ],
        [order("11-17", "11-24")],
    )


def test_this_month_stands_beside_the_same_days_of_last_month() -> None:
    shown = overview(SYSTEM, now=NOW)
    assert (shown.start, shown.end) == (day("11-01"), day("11-20"))
    compared = {c.figure.metric.key: c for c in shown.headline}
    assert tuple(compared) == HEADLINE
    assert (compared["ratings"].figure.value, compared["ratings"].before.value, compared["ratings"].change) == (
        13,
        4,
        9,
    )
    assert compared["good_rate"].change == pytest.approx(11 / 13 - 1)
    assert compared["on_time_rate"].change is None
    assert "2026-10-01 至 2026-10-20" in compared["ratings"].before.filter


def test_the_trend_has_thirty_days_and_the_places_are_below_the_reach() -> None:
    shown = overview(actor(Role.SUPERVISOR, Scope("32")), now=NOW)
    assert [row.keys["day"] for row in shown.trend] == [day("10-25"), day("11-02"), day("11-03"), day("11-17")]
    assert (shown.place_dimension, [place.key for place in shown.places]) == ("city", ["3201", "3205"])
    city = overview(actor(Role.CITY, Scope("3201")), now=NOW)
    assert (city.place_dimension, [place.key for place in city.places]) == ("county", ["320102"])
    organ = overview(actor(Role.HANDLER, Scope("", "/P/O2/")), now=NOW)
    assert (organ.place_dimension, [place.key for place in organ.places]) == ("organ", ["O2"])
    assert headline(organ)["ratings"] == "3"


def test_levels_channels_and_points_are_told_apart_to_all_but_the_rated() -> None:
    shown = overview(actor(Role.SUPERVISOR, Scope("32")), now=NOW)
    assert [(place.key, place.row["ratings"].numerator) for place in shown.levels] == [(5, 8), (4, 3), (2, 2)]
    assert [(place.key, place.row["bad_rate"].parts) for place in shown.channels] == [(4, "2 ÷ 13")]
    assert shown.points == [], "rated as a whole"
    mine = overview(actor(Role.CLERK, Scope("", "", "W1")), now=NOW)
    assert (mine.levels, mine.channels, mine.points) == ([], [], [])


def test_only_what_is_more_than_chance_asks_for_attention() -> None:
    assert attention(overview(SYSTEM, now=NOW)) == []
    fill(
        [
            service("11-02", 5, n=900, channel=1),
            service("11-02", 1, n=40, **SUZHOU),
            service("11-03", 5, n=60, **SUZHOU),
            service("10-05", 5, n=1000),
        ]
    )
    said = attention(overview(SYSTEM, now=NOW))
    assert said[:2] == [
        "主动好评率由上月同期的100%降到96.00%（960 ÷ 1,000），超出偶然。",
        "差评率由上月同期的0%升到4.00%（40 ÷ 1,000），超出偶然。",
    ]
    assert "差评率40.00%（40 ÷ 100），高于总体的4.00%，超出偶然。" in said[2]
    assert said[3].endswith("900条评价里没有一条差评，请查这个渠道能不能顺利给出差评。")


def test_who_has_no_scope_or_only_administers_sees_nothing() -> None:
    for nobody in (actor(Role.LEADER), actor(Role.ADMIN, Scope()), actor(Role.AUDITOR, Scope("32"))):
        assert headline(overview(nobody, now=NOW))["ratings"] == "0"


LATER = noon("12-07")  # November was over seven days ago


def test_a_clerk_sees_no_fewer_than_five_and_whole_months_a_week_late() -> None:
    clerk = actor(Role.CLERK, Scope("", "", "W1"))
    for on in ("12-01", "12-06"):  # a sum that grew from day to day would tell what each day brought
        assert overview(clerk, now=noon(on)).end == day("10-31")
    mine = overview(clerk, now=LATER)
    assert (mine.start, mine.end) == (day("11-01"), day("11-30"))
    assert headline(mine)["ratings"] == "10"
    assert "2026-10-01 至 2026-10-31" in mine.headline[0].before.filter
    assert mine.trend == []
    other = overview(actor(Role.CLERK, Scope("", "", "W2")), now=LATER)
    assert headline(other)["ratings"] == "少于5"
    assert headline(other)["good_rate"] == "少于5"


def test_a_clerk_cannot_tell_a_hidden_few_from_the_parts_of_a_ratio() -> None:
    fill([*[service("11-02", 5) for _ in range(37)], *[service("11-03", 1) for _ in range(3)]])
    mine = overview(actor(Role.CLERK, Scope("", "", "W1")), now=LATER)
    told = headline(mine)
    assert told["ratings"] == "40"
    assert told["bad_rate"] == told["good_rate"] == "少于5", "three of forty, and the three that are left"
    assert [c.figure.parts for c in mine.headline if c.figure.metric.key in {"bad_rate", "good_rate"}] == ["", ""]
    assert {place.row["bad_rate"].text for place in mine.places} == {"少于5"}
    all_told = headline(overview(actor(Role.LEADER, Scope("32")), now=NOW))
    assert all_told["bad_rate"] == "7.50%"


def test_before_there_is_a_lake_it_is_empty() -> None:
    fill([])
    shown = overview(SYSTEM, now=NOW)
    assert (shown.trend, shown.places) == ([], [])
