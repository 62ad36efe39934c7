"""Whatever a figure is read from, it is the same: random slices over random rows, from single rows and from every cube."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any

import pyarrow.parquet as pq

from haochaping.accounts.rules import Scope
from haochaping.analytics import cubes, lake
from haochaping.analytics.columns import CUBES, SERVICES
from haochaping.analytics.dimensions import DIMENSIONS
from haochaping.analytics.metrics import METRICS, Basis
from haochaping.analytics.queries import answer
from haochaping.analytics.sources import Question, sources
from tests.analytics.lake_rows import day, fill, item, noon, service, table

NOW = noon("11-20")
FIRST = day("08-20")
ITEMS = [item("T0", "B0", theme="户籍"), item("T1", "B0", "B1", enterprise=True), item("T2", kind="07")]
ON_SERVICES = [name for name, dimension in DIMENSIONS.items() if "services" in dimension.tables]
VALUES: dict[str, list[Any]] = {
    "area": ["32", "3201", "320102", "320102001"], "organ_path": ["/P/", "/P/O1/"], "channel": [3, 4], "point": ["", "issue"],
    "level": [1, 2, 5], "real_name": [True, False], "mode": ["on_site", "inspection"], "has_case": [True], "item": ["T0", "T1"],
    "window": ["W1"], "party": ["citizen", "enterprise"], "indicator": ["101", "102", ""], "bundle": ["B0", "B1"],
    "is_enterprise": [True], "month": ["2026-09", "2026-10"], "week": [day("09-07")], "aspect": ["service"],
}  # fmt: skip


def made_up(chance: Random, on: date) -> dict[str, Any]:
    level = chance.choice([None, None, 5, 5, 4, 3, 2, 1])
    organ = chance.choice("12")
    late = timedelta(days=chance.choice([0, 0, 0, 1, 9]))
    lapse = None if chance.random() < 0.6 else (f"{on + timedelta(days=8):%m-%d}", 5)
    ticked = chance.sample(["101", "102", "103"], chance.randint(0, 2)) if level else None
    return service(
        f"{on:%m-%d}", level, rated=f"{on + late:%m-%d}", lapse=lapse,
        closes=f"{on + timedelta(days=chance.choice([7, 40])):%m-%d}",
        area_path=chance.choice(["320102", "320102001", "320508", "32"]), organ_code=f"O{organ}", organ_path=f"/P/O{organ}/",
        item=chance.choice(["T0", "T1", "T2", "T9"]), window=chance.choice(["W1", "W2", ""]), clerk=chance.choice(["C1", "C2"]),
        point=chance.choice(["", "issue"]), mode=chance.choice(["on_site"] * 5 + ["inspection"]), has_case=chance.random() < 0.9,
        user_prop=chance.choice([1, 2, 5, 3, None]), channel=chance.choice([3, 4]) if level else None, indicators=ticked,
        real_name=chance.random() < 0.3 if level else None, excluded=bool(level) and chance.random() < 0.1,
        is_probe=chance.random() < 0.05,
    )  # fmt: skip


def asked(chance: Random, n: int) -> Question:
    axis = ("service_day", "counted_day")[n % 2]
    metrics = [metric for metric in METRICS.values() if metric.basis.axis == axis]
    if axis == "counted_day" and chance.random() < 0.5:
        metrics = [metric for metric in metrics if metric.basis is Basis.RATING_DAY]
    start = chance.choice([day("09-01"), day("10-01"), day("09-13"), day("08-01")])
    end = chance.choice([day("09-30"), day("10-31"), day("11-20"), day("10-17")])
    if n % 7 == 0:
        start, end = day("09-01"), day("10-31")
    filters = {
        name: chance.choice([chance.sample(VALUES[name], chance.randint(1, min(2, len(VALUES[name]))))])
        for name in chance.sample(sorted(VALUES), chance.randint(0, 2))
    }
    by = chance.sample(ON_SERVICES, chance.randint(0, 2))
    if n % 7 == 0:
        by, filters = (["indicator", "organ"], {}) if chance.random() < 0.5 else (["month"], {"indicator": "101"})
    scopes = chance.choice([(Scope(),), (Scope(area="3201"),), (Scope(organ="/P/O1/"), Scope(area="3205"))])
    some = chance.sample(metrics, chance.randint(1, len(metrics)))
    return Question(tuple(some), tuple(by), start, end, filters, scopes, NOW)


def told(question: Question, rows: list[dict[str, Any]]) -> Counter[Any]:
    keys = [f"by__{name}" for name in question.by]
    return Counter(
        (tuple(row[key] for key in keys), tuple(sorted((name, row[name] or 0) for name in row if name not in keys)))
        for row in rows
        if question.by or any(row.values())
    )


def test_any_slice_is_the_same_from_single_rows_and_from_every_cube() -> None:
    chance = Random(20261128)
    fill([made_up(chance, FIRST + timedelta(days=4 * (n % 18))) for n in range(700)], items=ITEMS)
    used: Counter[str] = Counter()
    manifest = lake.read()
    for n in range(140):
        question = asked(chance, n)
        rows, *others = sources(question, manifest)
        if others:
            expected = told(question, answer(question, rows, manifest))
            for other in others:
                used[other.part] += 1
                assert told(question, answer(question, other, manifest)) == expected, (other.part, question)
    assert set(used) == set(CUBES), "every cube was asked something"


def test_cubes_of_replaced_days_are_those_of_all_days_made_anew() -> None:
    chance = Random(7)
    days = [FIRST + timedelta(days=3 * n) for n in range(12)]
    fill([made_up(chance, days[n % 12]) for n in range(200)])
    for _ in range(2):
        old = lake.read()
        again = {
            on: lake.put("services", on, table([made_up(chance, on) for _ in range(chance.randint(0, 9))], SERVICES))
            for on in chance.sample(days, 4)
        }  # fmt: skip
        lake.swap(old, {"services": again, **cubes.recount(old, again)}, now=NOW)
    kept = lake.read()
    anew = cubes.recount(lake.Manifest(), kept.files["services"])
    for part in CUBES:
        assert sorted(kept.files[part]) == sorted(anew[part])
        for month, file in kept.files[part].items():
            other = anew[part][month]
            assert other is not None
            assert pq.read_table(lake.root() / file.path).equals(pq.read_table(lake.root() / other.path)), part
