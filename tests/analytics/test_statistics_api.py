from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.accounts.commands import create_app
from haochaping.accounts.signing import sign
from haochaping.analytics.dimensions import DIMENSIONS
from haochaping.analytics.export import statistics
from haochaping.analytics.metrics import METRICS
from haochaping.kit import clock
from tests.analytics.lake_rows import fill, order, service

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client

NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
SUZHOU = {"area_path": "320508", "organ_code": "O2", "organ_path": "/P/O2/"}


@pytest.fixture(autouse=True)
def lake(db: None) -> Iterator[None]:
    rows = [service("11-02", 5), service("11-03", 2), service("11-04", 5, channel=3), service("11-03", 5, **SUZHOU)]
    fill(rows, [order("11-03", "11-10")])
    with clock.held_at(NOW):
        yield


@pytest.fixture
def ask(client: Client) -> Callable[..., tuple[int, dict[str, Any]]]:
    app_id, secret = create_app("玄武区业务系统", organ_code="O1", organ_path="/P/O1/", area="3201", now=NOW)

    def get(query: str) -> tuple[int, dict[str, Any]]:
        target = "/api/v1/statistics" + (f"?{query}" if query else "")
        headers = sign(app_id, secret, "GET", target, b"", NOW)
        answer = client.get(target, headers=headers)
        return answer.status_code, json.loads(answer.content)

    return get


def test_unsigned_is_unauthorized(client: Client) -> None:
    assert client.get("/api/v1/statistics").status_code == 401


def test_values_come_with_numerator_denominator_and_filter(ask: Callable[..., Any]) -> None:
    status, told = ask("metrics=good_rate,ratings&from=2026-11-01&to=2026-11-30")
    assert status == 200
    (row,) = told["rows"]
    assert row["ratings"]["value"] == 3
    good = row["good_rate"]
    assert (good["numerator"], good["denominator"], good["value"]) == (2, 3, 2 / 3)
    assert good["low"] < good["value"] < good["high"]
    assert "评价日 2026-11-01 至 2026-11-30" in good["filter"]
    assert told["metrics"]["good_rate"]["name"] == "主动好评率"


def test_an_app_sees_its_own_organs_only(ask: Callable[..., Any]) -> None:
    _, told = ask("metrics=ratings&by=city")
    assert [(row["city"], row["ratings"]["value"]) for row in told["rows"]] == [("3201", 3)]
    _, told = ask("metrics=ratings&area=3205")
    assert told["rows"][0]["ratings"]["value"] == 0


def test_by_and_filters_join_values_with_commas(ask: Callable[..., Any]) -> None:
    _, told = ask("metrics=ratings,orders&by=day,channel&channel=3,4&level=5,2&area=320100")
    assert [(r["day"], r["channel"], r["ratings"]["value"]) for r in told["rows"]] == [
        ("2026-11-02", 4, 1),
        ("2026-11-03", 4, 1),
        ("2026-11-04", 3, 1),
    ]


def test_without_words_it_is_every_metric_of_this_month(ask: Callable[..., Any]) -> None:
    status, told = ask("")
    assert status == 200
    assert (told["from"], told["to"], len(told["metrics"])) == ("2026-11-01", "2026-11-20", len(METRICS))


def test_every_dimension_can_be_asked_for_and_a_duration_says_its_measure(ask: Callable[..., Any]) -> None:
    for name, dimension in DIMENSIONS.items():
        status, told = ask(f"by={name}")
        assert (status, bool(told["rows"])) == (200, True), name
        asked = [key for key in told["metrics"] if METRICS[key].basis.table in dimension.tables]
        assert len(asked) == len(told["metrics"]), "by default the metrics that have it"
    _, told = ask("metrics=hours_to_sign&party=citizen&clerk=C1&is_enterprise=true&bundle=x&indicator=")
    assert told["metrics"]["hours_to_sign"]["measure"] == "小时"
    _, told = ask("metrics=hours_to_sign&week=2026-11-02")
    assert told["rows"][0]["hours_to_sign"]["value"] == 2


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ("metrics=goodness", "metrics", "unknown_metric"),
        ("by=customer", "by", "unknown_dimension"),
        ("customer=1", "customer", "unknown_filter"),
        ("from=yesterday", "from", "not_a_day"),
        ("from=2026-11-20&to=2026-11-19", "to", "out_of_range"),
        ("from=2020-01-01", "to", "out_of_range"),
        ("metrics=ratings&by=cause", "by", "not_of_this_metric"),
        ("week=44", "week", "malformed"),
        ("level=five", "level", "malformed"),
        ("real_name=1", "real_name", "malformed"),
        ("item=%27%20OR%201%3D1--", "", ""),  # a value is data, whatever it looks like
    ],
)
def test_what_is_not_known_is_refused_by_field(ask: Callable[..., Any], query: str, field: str, code: str) -> None:
    status, told = ask(query)
    assert status == (422 if code else 200)
    if code:
        assert (told["error"]["fields"][0]["field"], told["error"]["fields"][0]["code"]) == (field, code)


def test_the_export_has_a_line_for_each_row_and_metric() -> None:
    head, lines = statistics({"metrics": "ratings,good_rate", "by": "city", "from": "2026-11-01"}, now=NOW)
    told = [dict(zip(head, line, strict=True)) for line in lines]
    assert [(line["city"], line["metric"], line["value"]) for line in told] == [
        ("3201", "ratings", 3),
        ("3201", "good_rate", 2 / 3),
        ("3205", "ratings", 1),
        ("3205", "good_rate", 1.0),
    ]


@pytest.mark.parametrize("query", ["channel=" + "9" * 20, "level=0", "channel=10", "from=0001-01-01", "to=9999-12-31"])
def test_what_no_lake_can_hold_is_refused_by_the_name_of_its_field(ask: Callable[..., Any], query: str) -> None:
    status, told = ask(query)
    assert status == 422
    assert told["error"]["fields"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("last", ["%F4%8F%BF%BF", "%ED%9F%BF"])
def test_a_prefix_may_end_in_the_last_character_there_is(ask: Callable[..., Any], last: str) -> None:
    status, told = ask(f"metrics=ratings&organ_path=/P/{last}")
    assert (status, told["rows"][0]["ratings"]["value"]) == (200, 0)
