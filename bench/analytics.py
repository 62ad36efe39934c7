"""How fast figures come out of a lake of a hundred million ratings: `python bench/analytics.py [--ratings N …] [--sql N] [--day N]`.

A made-up province (`bench/parts/three_years.py`) is written as a lake of each size by the product's own `lake.put` and
`cubes.recount`. Of each, in a process of its own: the overview page through all of Django (its first answer counted from the
start of the process), the ranking of all items, random slices of three filters and two dimensions (seeded), and the most memory that process ever held.
Then one day of `--day` services is brought in from PostgreSQL by `refresh_lake`; and on a lake of `--sql` ratings the same questions
are asked as plain SQL of PostgreSQL's tables with the same rows, and the answers must be equal.

HCP_BENCH_PLACE keeps the lakes in that directory and takes them up again; else everything is thrown away.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time, time
from typing import TYPE_CHECKING, Any

STARTED = time()
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable

    from haochaping.kit.postgres import Embedded

NOW = datetime(2025, 12, 31, 10, tzinfo=UTC)
PAGES, SLICES, RANKINGS, ROUNDS = 30, 100, 10, 3
WHOLE = (date(2023, 1, 1), date(2025, 12, 31))
BY = (
    "month", "quarter", "year", "week", "city", "county", "organ", "hall", "item", "theme", "item_kind", "is_enterprise", "channel",
    "point", "mode", "has_case", "party", "level", "real_name", "indicator",
)  # fmt: skip
METRICS_ASKED = (
    "ratings",
    "good_rate",
    "bad_rate",
    "score",
    "real_name_rate",
    "good_rate_with_default",
    "services",
    "active_rate",
)
DAY_OF_SERVICES = """
INSERT INTO evaluation_serviceevent (id, task_code, task_handle_item, item_name, organ_code, organ_name, organ_path, area,
    area_path, hall_code, window_code, clerk_no, aspect, point, is_probe, project_no, service_number, project_name,
    service_name, service_time, service_day, pro_status, mode, source, version, digest, received_at, closes_is_provisional,
    closes_at)
SELECT md5('day' || i)::uuid, p.*, 'B' || i, 1, '', '', '{day} 04:00+00', '{day}', 3, 'on_site', 'bench', 1, '', '{day} 04:00+00', false,
    timestamptz '{day} 16:00+00' + interval '7 days'
FROM generate_series(1, {rows}) i, LATERAL (SELECT
    'I' || lpad((i % 20000)::text, 30, '0') AS task_code, '' AS task_handle_item, '' AS item_name,
    'O' || lpad((i % 3000)::text, 17, '0') AS organ_code, '' AS organ_name, '/P/O' || lpad((i % 3000)::text, 17, '0') || '/' AS organ_path,
    '32' || lpad((i % 104 / 8 + 1)::text, 2, '0') || lpad((i % 8 + 1)::text, 2, '0') || '000000' AS area,
    '32' || lpad((i % 104 / 8 + 1)::text, 2, '0') || lpad((i % 8 + 1)::text, 2, '0') AS area_path,
    'H' || i % 1000 AS hall_code, 'W' || i % 40000 AS window_code, 'C' || i % 80000 AS clerk_no, 'service' AS aspect, '' AS point,
    false AS is_probe) p
"""
DAY_OF_RATINGS = """
INSERT INTO evaluation_evaluation (id, task_code, task_handle_item, item_name, organ_code, organ_name, organ_path, area,
    area_path, hall_code, window_code, clerk_no, aspect, point, is_probe, level, pf, indicators, indicator_names, no_reason,
    assess_time, rated_day, assurance, consent, device_id, source, batch, digest, received_at, row_sm3)
SELECT id, task_code, task_handle_item, item_name, organ_code, organ_name, organ_path, area, area_path, hall_code,
    window_code, clerk_no, aspect, point, is_probe,
    CASE WHEN h % 100 < 90 THEN 5 WHEN h % 100 < 97 THEN 4 WHEN h % 100 = 97 THEN 3 WHEN h % 100 = 98 THEN 2 ELSE 1 END,
    1 + h % 5, ARRAY['50' || h % 7], ARRAY['快'], false, service_time, service_day, CASE h % 3 WHEN 0 THEN 'real_name' ELSE 'anonymous' END,
    '{}', '', 'bench', '', '', service_time, ''
FROM (SELECT *, abs(hashtext(project_no)) / 7 AS h FROM evaluation_serviceevent WHERE source = 'bench') s
"""
GOOD = "count(*) FILTER (WHERE e.level >= 3), count(*)"
OF_RATINGS = (
    "FROM evaluation_evaluation e LEFT JOIN LATERAL (SELECT excludes FROM evaluation_ruling WHERE event_id = e.id ORDER BY n DESC"
    " LIMIT 1) r ON true WHERE e.rated_day BETWEEN %s AND %s AND NOT e.is_probe AND r.excludes IS NOT TRUE"
)
UNNESTED = "FROM evaluation_evaluation e CROSS JOIN LATERAL unnest(CASE WHEN e.indicators = '{}' THEN '{\"\"}' ELSE e.indicators END) i"
QUESTIONS: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "good rate, everything": ("good_rate", "", {}, f"SELECT 1, {GOOD} {OF_RATINGS}"),
    "good rate by city": ("good_rate", "city", {}, f"SELECT left(e.area_path, 4), {GOOD} {OF_RATINGS} GROUP BY 1"),
    "good rate by day in a county": (
        "good_rate", "day", {"area": "320301"}, f"SELECT e.rated_day, {GOOD} {OF_RATINGS} AND e.area_path LIKE '320301%%' GROUP BY 1",
    ),
    "good rate by item": ("good_rate", "item", {}, f"SELECT e.task_code, {GOOD} {OF_RATINGS} GROUP BY 1"),
    "good rate by window": ("good_rate", "window", {}, f"SELECT e.window_code, {GOOD} {OF_RATINGS} GROUP BY 1"),
    "good rate by channel and organ": (
        "good_rate", "channel,organ", {}, f"SELECT e.pf, e.organ_code, {GOOD} {OF_RATINGS} GROUP BY 1, 2",
    ),
    "good rate by indicator": (
        "good_rate", "indicator", {},
        f"SELECT i, {GOOD} {OF_RATINGS.replace('FROM evaluation_evaluation e', UNNESTED)} GROUP BY 1",
    ),
}  # fmt: skip


def seconds(act: Callable[[], object]) -> float:
    begin = perf_counter()
    act()
    return perf_counter() - begin


def p95(taken: list[float]) -> float:
    return sorted(taken)[max(0, round(0.95 * len(taken)) - 1)]


def lake_of(place: Path, ratings: int) -> Path:
    return place / f"lake-{ratings}"


# ---- what one process is asked: `analytics.py --measure LAKE`


def measure(lake_place: str) -> None:
    """Ask everything of one lake and print what it took, as JSON."""
    import django

    django.setup()
    from django.conf import settings

    from haochaping.accounts.models import Person
    from haochaping.analytics import queries
    from haochaping.analytics.queries import figures
    from haochaping.kit import clock
    from tests.cast import logged_in

    settings.LAKE, settings.ALLOWED_HOSTS = Path(lake_place), ["testserver"]
    told: dict[str, Any] = {}
    with clock.held_at(NOW):
        client = logged_in(Person.objects.get(username="bench-leader"))

        def page() -> None:
            answer = client.get("/console/overview/")
            assert answer.status_code == 200, answer.status_code

        page()
        told["fresh"] = time() - STARTED
        told["page"] = [seconds(page) for _ in range(PAGES)]
    month = (date(2025, 11, 1), date(2025, 11, 30))
    for name, period in (("items", WHOLE), ("items of a month", month)):
        told[name] = [
            seconds(lambda p=period: figures(["good_rate", "ratings"], ["item"], *p, now=NOW)) for _ in range(RANKINGS)
        ]
    chance = Random(20261128)
    told["slices"] = []
    choose = queries.source
    for _ in range(SLICES):
        read: list[str] = []

        def spy(question: Any, manifest: Any) -> Any:
            found = choose(question, manifest)
            read.append(found.part)  # noqa: B023
            return found

        queries.source = spy  # type: ignore[assignment]
        months, asked = slice_(chance)
        cpu = process_time()
        taken = seconds(lambda: figures(*asked[:-1], asked[-1], now=NOW))  # noqa: B023
        told["slices"].append([months, taken, process_time() - cpu, "+".join(read), repr(asked)])
    queries.source = choose
    told["rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(told))


def slice_(chance: Random) -> tuple[int, tuple[Any, ...]]:
    """A random question: three filters, two dimensions, one or two metrics, over a month, a quarter, a year or all three."""
    months = chance.choice([1, 3, 12, 36])
    first = 0 if months == 36 else chance.randrange(0, 36, months)
    start = date(2023 + first // 12, first % 12 + 1, 1)
    last = first + months
    end = date(2023 + last // 12, last % 12 + 1, 1) - timedelta(days=1)
    county = chance.randrange(104)
    city, in_city = f"32{county // 8 + 1:02}", f"32{county // 8 + 1:02}{county % 8 + 1:02}"
    office = f"/11320000000000000P/1132{900000 + county // 8:013}C/"
    values: dict[str, Any] = {
        "area": chance.choice([city, in_city]),
        "organ_path": chance.choice([office, f"{office}1132{800000 + county:013}T/"]),
        "channel": chance.sample([1, 2, 3, 4, 5], 2),
        "level": chance.choice([[1, 2], [3, 4, 5]]),
        "party": chance.choice(["citizen", "enterprise"]),
        "real_name": chance.random() < 0.5,
        "point": chance.choice(["acceptance", "issue", ""]),
        "mode": chance.choice(["online", "on_site"]),
        "has_case": True,
        "theme": f"theme {chance.randrange(12)}",
        "is_enterprise": chance.random() < 0.5,
        "item_kind": chance.choice(["01", "05", "07", "20"]),
        "indicator": f"{chance.randint(1, 5)}{chance.randrange(13):02}",
        "bundle": f"bundle {chance.randrange(25)}",
    }
    filters = {name: values[name] for name in chance.sample(sorted(values), 3)}
    return months, (chance.sample(METRICS_ASKED, chance.randint(1, 2)), chance.sample(BY, 2), start, end, filters)


def report(name: str, told: dict[str, Any]) -> None:
    slices = told["slices"]
    times = [taken for _, taken, *_ in slices]
    print(f"{name:>13} {told['fresh']:8.2f} {p95(told['page']):8.3f} {p95(told['items']):8.3f} {p95(told['items of a month']):8.3f}"
          f" {median(times):8.3f} {p95(times):8.3f} {told['rss']:8.0f}")  # fmt: skip
    for months in (1, 3, 12, 36):
        of = [row for row in slices if row[0] == months]
        from_rows = sum("services" in row[3].split("+") for row in of)
        print(f"{'':>14}slices over {months:2} months: median {median([row[1] for row in of]):.3f} p95 {p95([row[1] for row in of]):.3f}"
              f" s, processor {median([row[2] for row in of]):.3f} and {p95([row[2] for row in of]):.3f} s, {from_rows} of {len(of)} from single rows")  # fmt: skip
    for row in sorted(slices, key=lambda row: -row[1])[:3]:
        print(f"{'':>14}slowest: {row[1]:.2f} s from {row[3]}: {row[4]}")


# ---- the driver


def make(place: Path, ratings: int) -> None:
    from django.conf import settings

    from bench.parts import three_years
    from haochaping.analytics import lake

    settings.LAKE = lake_of(place, ratings)
    spent = seconds(lambda: three_years.fill(ratings, now=NOW))
    known = lake.read()
    size = sum((lake.root() / file.path).stat().st_size for part in lake.PARTS for file in known.of(part))
    rows = sum(file.rows for file in known.of("services"))
    counted = sum(file.rows for part in lake.CUBES for file in known.of(part))
    print(f"{ratings:>13,} ratings: {rows:,} services, {counted:,} rows in cubes, {size / 2**20:,.0f} MiB; made in {spent:.0f} s"
          f" (a few if it was there)", flush=True)  # fmt: skip


def refreshed(place: Path, ratings: int, n: int) -> None:
    """One day of services from PostgreSQL, every one rated, into the largest lake; then the day that was there again."""
    from django.conf import settings
    from django.db import connections

    from bench.parts import three_years
    from haochaping.analytics import lake
    from haochaping.analytics.commands import refresh_lake
    from haochaping.analytics.models import Stale
    from haochaping.analytics.queries import figures

    settings.LAKE = lake_of(place, ratings)
    day = date(2025, 12, 30)
    with connections["owner"].cursor() as cursor:
        cursor.execute(DAY_OF_SERVICES.format(rows=n, day=day))
        cursor.execute(DAY_OF_RATINGS)
        cursor.execute("ANALYZE evaluation_serviceevent")
        cursor.execute("ANALYZE evaluation_evaluation")
    refresh_lake(now=NOW)  # the directory
    before = lake.read()
    for _ in range(2):
        Stale.objects.create(part="services", day=day, since=NOW)
        cpu, begin = process_time(), perf_counter()
        done = refresh_lake(now=NOW)
        print(f"a day of {n:,} ratings from PostgreSQL into the lake of {ratings:,}: {perf_counter() - begin:.1f} s,"
              f" our processor {process_time() - cpu:.1f} s; {done}")  # fmt: skip
    assert figures(["services"], [], day, day, now=NOW).total["services"].numerator == n
    three_years.restore(ratings, day, now=NOW)
    assert lake.read().files["services"][day].rows == before.files["services"][day].rows
    with connections["owner"].cursor() as cursor:
        cursor.execute("TRUNCATE evaluation_serviceevent, evaluation_evaluation")


def beside_sql(place: Path, ratings: int) -> None:
    """The same rows in PostgreSQL's tables, with the indexes that a day's and a place's ratings are found by."""
    from django.conf import settings
    from django.db import connection, connections

    from haochaping.analytics import lake
    from haochaping.analytics.queries import figures

    settings.LAKE = lake_of(place, ratings)
    begin = perf_counter()
    names = ("id, task_code, organ_code, organ_path, area, area_path, hall_code, window_code, clerk_no, aspect, point, is_probe, level, pf,"
             " indicators, indicator_names, no_reason, assess_time, rated_day, assurance, consent, source, digest, received_at, row_sm3,"
             " task_handle_item, item_name, organ_name, device_id, batch")  # fmt: skip
    with connections["owner"].cursor() as cursor, lake.duck() as duck:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'evaluation_evaluation'")
        indexes = dict(cursor.fetchall())
        for name in indexes:
            if not name.endswith("_pkey"):
                cursor.execute(f'DROP INDEX "{name}"')
        with cursor.copy(f"COPY evaluation_evaluation ({names}) FROM STDIN (FORMAT csv)") as copy:
            for file in lake.read().of("services"):
                rows = duck.sql(f"""SELECT md5('{file.path}' || row_number() OVER ())::uuid, item, organ_code, organ_path,
                    area_path || '000000', area_path, hall, "window", clerk, aspect, point, is_probe, level, channel,
                    '{{' || trim(indicators, ',') || '}}', '{{}}', false, rated_day, rated_day,
                    CASE WHEN real_name THEN 'real_name' ELSE 'anonymous' END, '{{}}', 'bench', '\\x', rated_day, '\\x',
                    '', '', '', '', '' FROM {lake.from_files([file])} WHERE level IS NOT NULL AND NOT excluded""")
                buffer = BytesIO()
                import pyarrow.csv

                pyarrow.csv.write_csv(
                    rows.to_arrow_table(),
                    buffer,
                    pyarrow.csv.WriteOptions(include_header=False, quoting_style="all_valid"),
                )
                copy.write(buffer.getvalue())
        for name, statement in indexes.items():
            if not name.endswith("_pkey"):
                cursor.execute(statement)
        cursor.execute("ANALYZE evaluation_evaluation")
    print(f"{ratings:,} ratings copied into PostgreSQL in {perf_counter() - begin:.0f} s")
    print(f"{'':40}{'lake s':>9}{'SQL s':>9}{'SQL/lake':>10}")

    def from_lake(metric: str, by: str, filters: dict[str, Any]) -> set[tuple[Any, ...]]:
        names = by.split(",") if by else []
        table = figures([metric], names, *WHOLE, filters, now=NOW)
        found = {(*row.keys.values(), row[metric].numerator, row[metric].denominator) for row in table.rows}
        found = {row for row in found if row[-1]}
        return found if names else {(1, *row) for row in found}

    def from_sql(statement: str) -> set[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, WHOLE)
            return set(cursor.fetchall())

    for name, (metric, by, filters, statement) in QUESTIONS.items():
        assert from_lake(metric, by, filters) == from_sql(statement), name  # and both are warm now
        ours = median(seconds(lambda: from_lake(metric, by, filters)) for _ in range(ROUNDS))  # noqa: B023
        theirs = median(seconds(lambda: from_sql(statement)) for _ in range(ROUNDS))  # noqa: B023
        print(f"{name:40}{ours:9.3f}{theirs:9.3f}{theirs / ours:10.1f}", flush=True)


def server_at(place: Path) -> Embedded:
    from haochaping.kit.postgres import Embedded

    server = Embedded(place / "postgres", dies_with_us=True)
    server.start(120)
    os.environ |= {"HCP_DATABASE_URL": server.app_url, "HCP_DATABASE_OWNER_URL": server.owner_url}
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, nargs="*", default=[1_000_000, 10_000_000, 100_000_000])
    parser.add_argument("--sql", type=int, default=10_000_000)
    parser.add_argument("--day", type=int, default=1_000_000)
    parser.add_argument("--unasked", action="store_true", help="leave out pages, rankings and slices")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    given = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "haochaping.project.settings"
    if given.measure:
        measure(given.measure)
        return
    kept = os.environ.get("HCP_BENCH_PLACE", "")
    place = Path(kept) if kept else Path(tempfile.mkdtemp(prefix="hcp-bench-"))
    place.mkdir(exist_ok=True)
    place.chmod(0o711)  # the server's own user must be able to pass when we are root
    os.environ["HCP_DATA"] = str(place)
    shutil.rmtree(place / "postgres", ignore_errors=True)
    server = server_at(place)
    try:
        from haochaping.project.cli import main as hcp

        hcp(["migrate"])
        from haochaping.accounts.models import Grant, Person
        from tests.cast import settle

        settle()
        person = Person.objects.create(username="bench-leader", name="领导", created_at=NOW)
        Grant.objects.create(person=person, role="leader")
        for ratings in given.ratings:
            make(place, ratings)
        print(
            f"{'ratings':>13} {'fresh s':>8} {'page p95':>8} {'items p95':>8} {'a month':>8} {'slice 50':>8} {'p95':>8} {'RSS MB':>8}"
        )
        for ratings in () if given.unasked else given.ratings:
            command = [sys.executable, __file__, "--measure", str(lake_of(place, ratings))]
            told = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout
            report(f"{ratings:,}", json.loads(told.splitlines()[-1]))
        if given.day and given.ratings:
            refreshed(place, max(given.ratings), given.day)
        if given.sql:
            make(place, given.sql)
            beside_sql(place, given.sql)
        from django.db import connections

        connections.close_all()
    finally:
        server.stop()
        shutil.rmtree(place / "postgres" if kept else place, ignore_errors=True)


if __name__ == "__main__":
    main()
