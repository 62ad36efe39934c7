"""How fast figures come out of the lake, beside raw SQL on PostgreSQL in the same run: `python bench/analytics.py [--rows N]`.

Made-up services of sixty days over 95 counties, 86 % rated, in a PostgreSQL of its own that is thrown away. Each slice is
asked of both; the answers must be equal. Also timed: the whole lake made anew, and one day made anew (today must be fresh
within 15 s).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from collections.abc import Callable

DAYS, COUNTIES, ROUNDS = 60, 95, 5
START = date(2026, 1, 1)
END = START + timedelta(days=DAYS - 1)
NOW = datetime(2026, 12, 31, tzinfo=UTC)

PLACE = """
    '11320000014000123X3320101001' || lpad((i % 900)::text, 3, '0') AS task_code, '' AS task_handle_item, '' AS item_name,
    'O' || i % 400 AS organ_code, '' AS organ_name, '/P/O' || i % 400 || '/' AS organ_path,
    '32' || lpad((i % {counties} / 8 + 1)::text, 2, '0') || lpad((i % {counties} % 8 + 1)::text, 2, '0') || '000000' AS area,
    '32' || lpad((i % {counties} / 8 + 1)::text, 2, '0') || lpad((i % {counties} % 8 + 1)::text, 2, '0') AS area_path,
    'H' || i % 100 AS hall_code, 'W' || i % 1200 AS window_code, '' AS clerk_no, 'service' AS aspect, '' AS point,
    false AS is_probe
"""
EVENTS = """
INSERT INTO evaluation_serviceevent (id, task_code, task_handle_item, item_name, organ_code, organ_name, organ_path, area,
    area_path, hall_code, window_code, clerk_no, aspect, point, is_probe, project_no, service_number, project_name,
    service_name, service_time, service_day, pro_status, mode, source, version, digest, received_at, closes_at)
SELECT md5(i::text)::uuid, p.*, 'B' || i, 1, '', '', at, at::date, 3, 'on_site', 'bench', 1, '', at, at + interval '7 days'
FROM generate_series(1, {rows}) i, LATERAL (SELECT {place}) p,
    LATERAL (SELECT timestamptz '2026-01-01 04:00+00' + (i::bigint * {days} / {rows}) * interval '1 day' AS at) t
"""
RATINGS = """
INSERT INTO evaluation_evaluation (id, task_code, task_handle_item, item_name, organ_code, organ_name, organ_path, area,
    area_path, hall_code, window_code, clerk_no, aspect, point, is_probe, level, pf, indicators, indicator_names, no_reason,
    assess_time, rated_day, assurance, consent, device_id, source, digest, received_at, row_sm3)
SELECT id, task_code, task_handle_item, item_name, organ_code, organ_name, organ_path, area, area_path, hall_code,
    window_code, clerk_no, aspect, point, is_probe,
    CASE WHEN h % 100 < 90 THEN 5 WHEN h % 100 < 97 THEN 4 WHEN h % 100 = 97 THEN 3 WHEN h % 100 = 98 THEN 2 ELSE 1 END,
    1 + h % 5, '{{}}', '{{}}', false, service_time, service_day, CASE h % 3 WHEN 0 THEN 'real_name' ELSE 'anonymous' END,
    '{{}}', '', 'bench', '', service_time, ''
FROM (SELECT *, abs(hashtext(project_no)) / 7 AS h FROM evaluation_serviceevent) s WHERE h % 50 < 43
"""
GOOD = "count(*) FILTER (WHERE e.level >= 3), count(*)"
OF_RATINGS = "FROM evaluation_evaluation e WHERE e.rated_day BETWEEN %s AND %s AND NOT e.is_probe"
SLICES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "good rate, everything": ("good_rate", "", {}, f"SELECT 1, {GOOD} {OF_RATINGS}"),
    "good rate by city": ("good_rate", "city", {}, f"SELECT left(e.area_path, 4), {GOOD} {OF_RATINGS} GROUP BY 1"),
    "good rate by county and day": (
        "good_rate", "county,day", {}, f"SELECT e.area_path, e.rated_day, {GOOD} {OF_RATINGS} GROUP BY 1, 2",
    ),
    "good rate by window": ("good_rate", "window", {}, f"SELECT e.window_code, {GOOD} {OF_RATINGS} GROUP BY 1"),
    "good rate by item in one city": (
        "good_rate", "item", {"area": "3205"},
        f"SELECT e.task_code, {GOOD} {OF_RATINGS} AND e.area_path LIKE '3205%%' GROUP BY 1",
    ),
    "active rate by organ": (
        "active_rate", "organ", {},
        ("SELECT s.organ_code, count(e.id), count(*) FILTER (WHERE e.id IS NOT NULL OR s.closes_at <= now() + interval"
        " '10 years') FROM evaluation_serviceevent s LEFT JOIN evaluation_evaluation e USING (id)"
        " WHERE s.service_day BETWEEN %s AND %s AND NOT s.is_probe GROUP BY 1"),
    ),
}  # fmt: skip


def seconds(act: Callable[[], object]) -> float:
    begin = perf_counter()
    act()
    return perf_counter() - begin


def settle(rows: int) -> None:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute(EVENTS.format(rows=rows, days=DAYS, place=PLACE.format(counties=COUNTIES)))
        cursor.execute(RATINGS.format())
        cursor.execute("ANALYZE evaluation_serviceevent")
        cursor.execute("ANALYZE evaluation_evaluation")


def from_lake(metric: str, by: str, filters: dict[str, Any]) -> set[tuple[Any, ...]]:
    from haochaping.analytics.queries import figures

    names = by.split(",") if by else []
    table = figures([metric], names, START, END, filters, now=NOW)
    found = {(*row.keys.values(), row[metric].numerator, row[metric].denominator) for row in table.rows}
    return found if names else {(1, *row) for row in found}


def from_sql(statement: str) -> set[tuple[Any, ...]]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement, [START, END])
        return set(cursor.fetchall())


def run(rows: int) -> None:
    from haochaping.analytics import lake
    from haochaping.analytics.commands import rebuild_lake, refresh_lake
    from haochaping.analytics.models import Stale

    print(f"{rows:,} services: written to PostgreSQL in {seconds(lambda: settle(rows)):.1f} s")
    spent = seconds(lambda: rebuild_lake(now=NOW))
    size = sum(path.stat().st_size for path in lake.root().rglob("*.parquet"))
    print(f"lake rebuilt in {spent:.1f} s, {rows / spent:,.0f} rows a second, {size / 2**20:.1f} MiB")
    Stale.objects.create(part="services", day=END, since=NOW)
    spent = seconds(lambda: refresh_lake(now=NOW))
    print(f"one day of {rows // DAYS:,} rows made anew in {spent:.2f} s")
    print(f"{'':34}{'lake s':>9}{'SQL s':>9}{'SQL/lake':>10}")
    for name, (metric, by, filters, statement) in SLICES.items():
        assert from_lake(metric, by, filters) == from_sql(statement), name  # and both are warm now
        ours = median(seconds(lambda: from_lake(metric, by, filters)) for _ in range(ROUNDS))  # noqa: B023
        theirs = median(seconds(lambda: from_sql(statement)) for _ in range(ROUNDS))  # noqa: B023
        print(f"{name:34}{ours:9.3f}{theirs:9.3f}{theirs / ours:10.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    scratch = Path(tempfile.mkdtemp(prefix="hcp-bench-"))
    scratch.chmod(0o711)  # the server's own user must be able to pass when we are root
    os.environ["HCP_DATA"] = str(scratch)
    from haochaping.kit.postgres import Embedded

    server = Embedded(scratch / "postgres", dies_with_us=True)
    server.start(60)
    try:
        os.environ |= {"HCP_DATABASE_URL": server.app_url, "HCP_DATABASE_OWNER_URL": server.owner_url}
        os.environ["DJANGO_SETTINGS_MODULE"] = "haochaping.project.settings"
        from haochaping.project.cli import main as hcp

        hcp(["migrate"])
        run(rows)
        from django.db import connections

        connections.close_all()
    finally:
        server.stop()
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
