"""The attack: everything that anybody can fetch, over months and levels, put together by linear algebra, tells nothing of few."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from random import Random
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
import pytest
from django.conf import settings

from haochaping.kit.crypto import sm3
from haochaping.project.cli import main
from haochaping.publication.commands import publish_due
from haochaping.publication.counts import METRICS_OF
from haochaping.publication.opendata import HEAD
from tests.analytics.lake_rows import fill, order, service
from tests.publication.conftest import NOW
from tests.publication.test_disclosure import told_by_algebra

if TYPE_CHECKING:
    from pathlib import Path

    from django.test import Client

K = 5
MONTHS = ("10", "11")
Atom = tuple[str, str, str, str, int]  # month, county, organ, item, channel


def people(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Two months in three cities with a few counties, organs and items, mostly of few; some channels are rare."""
    random = Random(seed)
    services, orders = [], []
    for month in MONTHS:
        for area in ("320102", "320106", "320508", "320213", "3202"):
            for organ in range(random.randint(1, 3)):
                for item in range(random.randint(1, 3)):
                    place = {"area_path": area, "organ_code": f"{area}-{organ}", "item": f"{area}-{organ}-{item}"}
                    for _ in range(random.choice((0, 1, 2, 4, 6, 9, 40))):
                        level, channel = random.choice((5, 5, 4, 1)), random.choice((4, 4, 4, 2, 2, 8))
                        excluded = random.random() < 0.05
                        services.append(service(f"{month}-03", level, channel=channel, excluded=excluded, **place))
                        if level == 1 and not excluded:
                            orders.append(order(f"{month}-03", f"{month}-10", f"{month}-05", **place))
                    services += [service(f"{month}-04", **place) for _ in range(random.choice((0, 1, 3, 20)))]
    return services, orders


def fetch(client: Client, path: str) -> bytes:
    content: bytes = client.get(path).content
    return content


def published(client: Client) -> list[dict[str, Any]]:
    index = json.loads(client.get("/public/data/index.json").content)
    names = [file["href"] for file in index["files"] if file["format"] == "csv"]
    assert len(names) == len(MONTHS)
    text = [fetch(client, f"/public/data/{name}").decode("utf-8-sig") for name in names]
    return [row for one in text for row in csv.DictReader(io.StringIO(one))]


def line_of(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[name] for name in ("month", "level", "areaCode", "orgcode", "taskCode", "channel"))


def holds(line: tuple[str, ...], atom: Atom) -> bool:
    month, level, area, organ, item, channel = line
    own = (
        level == "all"
        or (level == "city" and atom[1][:4].ljust(12, "0") == area)
        or (level == "county" and atom[1].ljust(12, "0") == area)
        or (level == "organ" and (atom[1].ljust(12, "0"), atom[2]) == (area, organ))
        or (level == "item" and (atom[1].ljust(12, "0"), atom[2], atom[3]) == (area, organ, item))
        or (level == "channel" and str(atom[4]) == channel)
    )
    return own and month[-2:] == atom[0]


@pytest.mark.parametrize("seed", range(3))
def test_no_subtraction_over_everything_published_tells_of_fewer_than_five(client: Client, seed: int) -> None:
    services, orders = people(seed)
    fill(services, orders)
    assert len([issue for issue in publish_due(now=NOW) if issue.is_final]) == len(MONTHS)
    rows = published(client)
    lines = sorted({line_of(row) for row in rows})
    told: dict[tuple[str, str], dict[tuple[str, ...], int]] = defaultdict(dict)
    for row in rows:
        for part in ("numerator", "denominator"):
            if row[part]:
                told[row["metric"], part][line_of(row)] = int(row[part])
    found = 0
    for name, cases, part, may in (
        ("good_rate", services, "denominator", lambda r: r["level"] and not r["excluded"]),
        ("active_rate", services, "denominator", lambda r: not (r["level"] and r["excluded"])),
        ("active_rate", services, "numerator", lambda r: r["level"] and not r["excluded"]),
        ("reply_rate", orders, "denominator", lambda r: True),
        ("rectified_rate", orders, "denominator", lambda r: True),
        ("excluded", services, "numerator", lambda r: r["level"] and r["excluded"]),
    ):
        truth: dict[Atom, int] = defaultdict(int)
        for row in cases:
            day = row.get("service_day") or row["dispatch_day"]
            atom = (f"{day:%m}", row["area_path"], row["organ_code"], row["item"], row["channel"] or 0)
            truth[atom] += bool(may(row))
        atoms = sorted(truth)
        cells = {line: frozenset(n for n, atom in enumerate(atoms) if holds(line, atom)) for line in lines}
        values = {line: sum(truth[atoms[n]] for n in cells[line]) for line in lines}
        said = told[name, part]
        assert all(values[line] == value for line, value in said.items()), f"{name}: what is told is true"
        few = [line for line in lines if 0 < values[line] < K and (name, line[1]) != ("reply_rate", "channel")]
        assert not set(few) & set(said), name
        assert told_by_algebra(cells, values, said, few) == [], name
        found += len(few)
    assert found > 30, "there was something to be found"


def test_pages_add_up_nothing_that_the_files_do_not_tell(client: Client) -> None:
    services, orders = people(1)
    fill(services, orders)
    publish_due(now=NOW)
    hidden = [
        row
        for row in published(client)
        if row["month"] == "2026-11" and row["level"] == "city" and row["suppressed"] == "1"
    ]
    assert hidden
    for row in hidden:
        table = client.get("/public/table.csv").content.decode("utf-8-sig")
        line = next(
            line for line in csv.DictReader(io.StringIO(table)) if row["areaCode"].startswith(line["设区市代码"])
        )
        if row["metricName"] in line:
            assert line[row["metricName"]] == "不公布"


def test_the_three_formats_and_the_export_say_the_same_and_their_sm3_is_theirs(client: Client, tmp_path: Path) -> None:
    fill(*people(2))
    publish_due(now=NOW)
    index = json.loads(client.get("/public/data/index.json").content)
    for file in index["files"]:
        content = fetch(client, f"/public/data/{file['href']}")
        assert (sm3(content).hex(), len(content)) == (file["sm3"], file["size"])
    november = {
        file["format"]: fetch(client, f"/public/data/{file['href']}")
        for file in index["files"]
        if file["month"] == "2026-11"
    }
    told = json.loads(november["json"])
    assert told["fields"] == HEAD
    assert told["licence"] == settings.OPEN_DATA_LICENCE
    rows = [dict(zip(HEAD, row, strict=True)) for row in told["rows"]]
    assert pyarrow.parquet.read_table(io.BytesIO(november["parquet"])).to_pylist() == rows
    sheet = list(csv.DictReader(io.StringIO(november["csv"].decode("utf-8-sig"))))
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in rows] == [
        {k: v.removeprefix("'") for k, v in row.items()} for row in sheet
    ]
    assert {row["metric"] for row in rows if row["level"] == "city"} == set(METRICS_OF["city"])
    words = ["--filter", "from=2026-11-01", "--filter", "to=2026-11-30"]
    assert main(["export", "open-data", "--out", str(tmp_path / "open.csv"), *words]) == 0
    exported = list(csv.DictReader(io.StringIO((tmp_path / "open.csv").read_text(encoding="utf-8-sig"))))
    assert [(*line_of(row), row["metric"], row["value"]) for row in exported] == [
        (*line_of(row), row["metric"], row["value"]) for row in sheet
    ]
    again = client.get(f"/public/data/{index['files'][0]['href']}", HTTP_IF_NONE_MATCH=f'"{index["files"][0]["sm3"]}"')
    assert again.status_code == 304


def test_no_cell_of_the_open_data_is_a_formula(client: Client) -> None:
    fill(*people(0))
    publish_due(now=NOW)
    text = fetch(client, "/public/data/haochaping-2026-11.csv").decode("utf-8-sig")
    assert "'=苏州市" in text
    assert not [cell for row in csv.reader(io.StringIO(text)) for cell in row if cell[:1] in set("=+-@\t\r")]


def test_the_dictionary_explains_every_field_and_metric(client: Client) -> None:
    told = json.loads(client.get("/public/data/dictionary.json").content)
    assert [one["field"] for one in told["fields"]] == HEAD
    assert {one["metric"] for one in told["metrics"]} == {
        metric for metrics in METRICS_OF.values() for metric in metrics
    }
    assert all(one["formula"] and one["clause"] for one in told["metrics"])
