"""Figures that cities published, from the parts they stated, through the real metric code.

Used, because the source states the parts (`shared/data/stats`):

* Shenzhen, year to 2023-09-11: 3,591 bad of 23,736,000 = 0.015 %. A row for every rating, made by DuckDB.
* Wuhan, 2019-12: 2,052 bad ratings = 972 true + 366 untrue and withdrawn + 714 under check. The headline's 927 is a
  misprint: only 972 adds up.
* Junshan, 2018-01..09: 6,363 of 6,376 on time = 99.8 %; of 1,699 called back 41 were not satisfied = 97.59 % content.
* Huaibei, 2021-03: 1,715 of 2,274 closed = 75.42 %.
* Daying, 2017-03: 2,424 on time and 71 late are the 2,495 received (no rate is stated).
* Ningguo, 2022-04, five organs: all on time; not satisfied 9/9/8/5/13 %, which only comes out over the hotline's own
  closed cases (8 of 87, 6 of 70, 5 of 66, 3 of 63, 5 of 39), not over the totals printed beside them: a hidden
  denominator.

Not used: Guangdong, Bozhou, Wuzhi, Changji and Panjin state rates without parts; Shenzhen's five-level split, Tangshan's
direct share and Bozhou's 143 cases state shares whose parts are missing or sum to another total; Yiyang's
8,970,000 active of 8,980,000 ratings is a share of ratings, which is none of our metrics (ours divides by services);
Zhejiang's 99.5 % of 26,000 with 175 bad is on a scale of four levels, and 175 would give 99.33 %.
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.analytics import cubes, lake
from haochaping.analytics.columns import ORDERS, SERVICES
from haochaping.analytics.queries import Table, figures
from haochaping.evaluation.rules import Level
from tests.analytics.lake_rows import order

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 12, 31, tzinfo=UTC)
MONTH = date(2026, 11, 1)


@pytest.fixture
def stats(shared_data: Path) -> Path:
    return shared_data / "stats"


def row_of(path: Path, **wanted: str) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        (found,) = [row for row in csv.DictReader(file) if all(row[key].startswith(v) for key, v in wanted.items())]
    return found


def put(part: str, day: date, kinds: list[tuple[int, dict[str, Any]]]) -> None:
    """So many single rows of each kind, and their cube."""
    schema = ORDERS if part == "orders" else SERVICES
    selects = [
        "SELECT "
        + ", ".join(f'{_literal(kind.get(field.name))}::{_type(field)} AS "{field.name}"' for field in schema)
        + f" FROM range({count})"
        for count, kind in kinds
    ]
    with lake.writing(), lake.duck() as connection:
        file = lake.write(connection, part, day, " UNION ALL ".join(selects))
        changed: dict[str, dict[date, lake.File | None]] = {part: {day: file}}
        changed |= cubes.recount(lake.Manifest(), changed.get("services", {}))
        lake.swap(lake.read(), changed, now=NOW)


def _literal(value: Any) -> str:
    return "NULL" if value is None else str(value) if isinstance(value, int) else f"'{value}'"


def _type(field: Any) -> str:
    return {
        "date32[day]": "DATE", "timestamp[us, tz=UTC]": "TIMESTAMPTZ", "string": "VARCHAR", "int8": "TINYINT",
        "int16": "SMALLINT", "int32": "INTEGER", "bool": "BOOLEAN", "list<item: string>": "VARCHAR[]",
    }[str(field.type)]  # fmt: skip


def rated(level: int, **more: Any) -> dict[str, Any]:
    days = dict.fromkeys(("service_day", "rated_day", "counted_day"), MONTH)
    place = {"area_path": "440300", "organ_code": "O", "organ_path": "/O/", "n": 1, "channel": 4, "mode": "on_site"}
    place["has_case"] = True
    return {**days, **place, "level": level, "excluded": False, "is_probe": False, **more}


def november(*metrics: str, by: tuple[str, ...] = (), **filters: Any) -> Table:
    return figures(metrics, by, MONTH, date(2026, 11, 30), filters, now=NOW)


def orders(*kinds: tuple[int, dict[str, Any]]) -> None:
    put("orders", MONTH, list(kinds))


def test_shenzhen_one_in_seven_thousand_is_bad(stats: Path) -> None:
    told = row_of(stats / "published_haochaping.csv", place="深圳市", period="year to 2023-09-11")
    assert told["note"] == "published bad rate 0.015 % = 3591/23736000"
    bad, all_ = int(told["bad"]), int(told["evaluations"])
    put("services", MONTH, [(bad, rated(Level.BAD)), (all_ - bad, rated(Level.VERY_GOOD))])
    for filters in ({}, {"organ_path": "/O/"}):  # from the cube, and from all 23.7 million rows
        row = november("bad_rate", "good_rate", "ratings", **filters).total
        assert (row["bad_rate"].numerator, row["bad_rate"].denominator) == (3591, 23_736_000)
        assert row["bad_rate"].text == "0.015%"
        assert row["good_rate"].text == "99.985%"
        assert row["ratings"].text == "23,736,000"


def test_wuhan_untrue_ratings_leave_and_the_misprint_does_not_add_up(stats: Path) -> None:
    told = row_of(stats / "published_haochaping.csv", place="武汉市")
    bad = int(told["bad"])
    true, under_check, untrue = 972, 714, 366
    assert f"verified true {true}, under check {under_check}, untrue and withdrawn {untrue}" in told["note"]
    put("services", MONTH, [(true + under_check, rated(Level.BAD)), (untrue, rated(Level.BAD, excluded=True))])
    base = order("11-01", "11-10")
    orders(
        (true, {**base, "appealed": True, "decided": True}),
        (under_check, {**base, "appealed": True, "state": "appealing"}),
        (untrue, {**base, "appealed": True, "decided": True, "upheld": True, "excluded": True, "state": "voided"}),
    )
    row = november("ratings", "excluded", "orders", "upheld_rate").total
    assert row["ratings"].numerator + row["excluded"].numerator == bad == true + under_check + untrue
    assert 927 + under_check + untrue != bad
    assert (row["excluded"].numerator, row["orders"].numerator) == (366, 1686)
    assert (row["upheld_rate"].numerator, row["upheld_rate"].denominator) == (366, 1338)
    assert row["upheld_rate"].text == "27.35%"


def test_junshan_on_time_and_content_after_callback(stats: Path) -> None:
    told = row_of(stats / "hotline12345_monthly_reports.csv", place="君山区")
    assert "should 6376 done 6376 on time 6363 (99.8 %)" in told["other"]
    assert "sampled 1699, dissatisfied 41 (97.59 %)" in told["other"]
    base = order("11-01", "11-10", "11-05", passed_review=True)
    called = {**base, "satisfied": 1, "verdicts": 1}
    orders(
        (1699 - 41, called),
        (41, {**called, "satisfied": 0}),
        (6363 - 1699, base),
        (6376 - 6363, order("11-01", "11-10", "11-12", passed_review=True)),
    )
    row = november("on_time_rate", "callback_satisfied_rate", "reply_rate").total
    assert row["on_time_rate"].text == "99.80%"
    assert row["callback_satisfied_rate"].text == "97.59%"
    assert row["reply_rate"].text == "100%"


def test_huaibei_closed_of_transferred(stats: Path) -> None:
    told = row_of(stats / "hotline12345_monthly_reports.csv", place="淮北市")
    assert "2274 -> 1715 closed (75.42 %)" in told["other"]
    orders((1715, order("11-01", "11-10", "11-03", passed_review=True)), (2274 - 1715, order("11-01", "11-10")))
    assert november("reply_rate").total["reply_rate"].text == "75.42%"


def test_daying_on_time_and_late_are_all(stats: Path) -> None:
    told = row_of(stats / "hotline12345_monthly_reports.csv", place="大英县")
    assert "2424 on time, 71 late" in told["other"]
    orders((2424, order("11-01", "11-10", "11-03")), (71, order("11-01", "11-10", "11-13")))
    figure = november("on_time_rate").total["on_time_rate"]
    assert (figure.numerator, figure.denominator) == (2424, int(told["count"]))


def test_ningguo_rates_come_out_over_the_hidden_denominator(stats: Path) -> None:
    with (stats / "hotline12345_ningguo_2022_04_top5.csv").open(encoding="utf-8") as file:
        told = {row["单位"]: row for row in csv.DictReader(file)}
    kinds = []
    for organ, row in told.items():
        base = order("11-01", "11-10", "11-05", organ_code=organ)
        bad, hotline, all_ = int(row["不满意数"]), int(row["热线_按时"]), int(row["派遣案件总数"])
        called = {**base, "verdicts": 1, "satisfied": 1}
        kinds += [(bad, {**called, "satisfied": 0}), (hotline - bad, called), (all_ - hotline, base)]
    orders(*kinds)
    rows = november("on_time_rate", "callback_satisfied_rate", by=("organ",)).rows
    assert len(rows) == len(told) == 5
    for row in rows:
        published, content = told[row.keys["organ"]], row["callback_satisfied_rate"]
        assert row["on_time_rate"].text == published["按时结案率"] + "%"
        assert content.denominator == int(published["热线_按时"])
        assert content.denominator is not None
        assert round(100 * (1 - content.numerator / content.denominator)) == int(published["不满意率"])
    housing = told["住建局"]
    over_all = round(100 * int(housing["不满意数"]) / int(housing["派遣案件总数"]))
    assert over_all != int(housing["不满意率"]), "over the total that is printed it would be 8 %"
