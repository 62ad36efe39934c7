"""A made-up province of 13 cities, 104 counties, 3,016 organs, 21,112 items and 40,000 windows, and what was rated there, day by day.

Everything follows from the number of a case by DuckDB's hash: the same size gives the same rows, whatever was made before.
Skewed as life is: few counties, windows and items have most cases, weekends a sixth of a weekday.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from haochaping.analytics import cubes, lake
from haochaping.analytics.columns import ORDERS as ORDERS_OF_LAKE

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    import pyarrow as pa

START, END = date(2023, 1, 1), date(2025, 12, 31)
DAYS = [START + timedelta(days=n) for n in range((END - START).days + 1)]
RATED = 0.86  # of the services
# c: county, w: window, o: organ, i: item, all skewed towards 0; u(…) are independent numbers in 0 … 1 of the case
_PLACED = """
WITH cases AS (SELECT {first} + range AS id FROM range({n})),
drawn AS (
    SELECT id, u(id, 1) AS a, u(id, 2) AS b, u(id, 3) AS c_, u(id, 4) AS d, u(id, 5) AS e, u(id, 6) AS f, u(id, 7) AS g, u(id, 8) AS h,
        floor(104 * u(id, 9) ** 1.6)::int AS c
    FROM cases
),
placed AS (SELECT *, c + 104 * floor(385 * a ** 1.8)::int AS w FROM drawn),
organs AS (SELECT *, c + 104 * (w // 104 % 29) AS o FROM placed),
items AS (SELECT *, o + 3016 * floor(6.63 * b ** 1.5)::int AS i FROM organs),
rated AS (
    SELECT *,
        d < {rated} AS is_rated,
        CASE WHEN e < .45 THEN 4 WHEN e < .70 THEN 2 WHEN e < .82 THEN 1 WHEN e < .92 THEN 3 WHEN e < .97 THEN 5 WHEN e < .99 THEN 7
            WHEN e < .998 THEN 6 ELSE 8 END AS pf,
        CASE WHEN f < .9 - (o % 7) * .002 THEN 5 WHEN f < .97 - (o % 7) * .002 THEN 4 WHEN f < .985 - (i % 5) * .001 THEN 3
            WHEN f < .995 THEN 2 ELSE 1 END AS stars,
        CASE WHEN g < .85 THEN 0 ELSE least(7, floor((g - .85) * 50))::int END AS later
    FROM items
)
"""
_SERVICES = """
SELECT DATE '{day}' AS service_day, TIMESTAMPTZ '{day} 16:00:00+00' + INTERVAL 7 DAY AS closes_at,
    CASE WHEN is_rated THEN DATE '{day}' + later END AS rated_day,
    CASE WHEN is_rated THEN DATE '{day}' + later WHEN h < .9 THEN DATE '{day}' + 8 END AS counted_day,
    county(c) AS area_path, organ(o) AS organ_code, organ_path(o) AS organ_path,
    CASE WHEN pf IN (1, 2) THEN '' ELSE 'H' || lpad((w // 40)::varchar, 6, '0') END AS hall,
    CASE WHEN pf IN (1, 2) THEN '' ELSE 'W' || lpad(w::varchar, 10, '0') END AS "window",
    CASE WHEN pf IN (1, 2) THEN '' ELSE 'C' || lpad((w * 2 + id % 2)::varchar, 10, '0') END AS clerk,
    item(i) AS item, 'service' AS aspect,
    CASE WHEN h < .2 THEN 'acceptance' WHEN h < .3 THEN 'issue' ELSE '' END AS point,
    CASE WHEN pf IN (1, 2) THEN 'online' ELSE 'on_site' END AS mode, h < .97 AS has_case,
    CASE WHEN g < .03 THEN NULL WHEN b < .8 THEN 1 WHEN b < .96 THEN 2 WHEN b < .98 THEN 5 ELSE 3 END AS user_prop,
    CASE WHEN is_rated THEN pf END AS channel, CASE WHEN is_rated THEN stars END AS level,
    CASE WHEN NOT is_rated THEN NULL WHEN h < .4 AND stars > 2 THEN '' ELSE ',' || stars || lpad((id % 13)::varchar, 2, '0') || ','
        || CASE WHEN stars > 2 OR h < .7 THEN '' ELSE stars || lpad((13 + id % 7)::varchar, 2, '0') || ',' END END AS indicators,
    CASE WHEN is_rated THEN c_ < CASE WHEN pf < 3 THEN .8 ELSE .1 END END AS real_name,
    is_rated AND stars < 3 AND h < .03 AS excluded, false AS is_probe,
    CASE WHEN NOT is_rated AND h < .9 THEN 5 END AS lapse_level,
    CASE WHEN is_rated THEN [0, 3, 6, 8, 10][stars] END AS score, CASE WHEN is_rated THEN 10 END AS best, 1 AS n
FROM rated
"""
# An order for each bad rating of a month, out of the rows of services: signed, answered, mostly in time, mostly closed.
ORDERS = """
WITH bad AS (SELECT *, hash(service_day, "window", item, level, row_number() OVER (
        ORDER BY service_day, rated_day, item, "window", clerk, level, channel, point, user_prop, indicators, real_name)) AS x FROM services
    WHERE level <= 2 AND rated_day >= DATE '{month}' AND rated_day < DATE '{month}' + INTERVAL 1 MONTH)
SELECT rated_day AS dispatch_day, rated_day::timestamptz + INTERVAL 7 DAY AS answer_due,
    CASE WHEN x % 20 > 0 THEN rated_day::timestamptz + to_minutes((x % 11000)::int) END AS answered_at, * EXCLUDE (
        service_day, closes_at, rated_day, counted_day, lapse_level, score, best, n, x),
    CASE x % 20 WHEN 0 THEN 'rectifying' WHEN 1 THEN 'callback' ELSE 'closed' END AS state,
    ['', 'attitude', 'efficiency', 'procedure', 'guide', 'material', 'system'][1 + (x % 7)::int] AS cause,
    ['simple', 'general', 'complex'][1 + (x % 3)::int] AS severity,
    CASE x % 20 WHEN 0 THEN '' WHEN 2 THEN 'explained' ELSE 'submitted' END AS answer_kind,
    CASE WHEN x % 20 > 3 THEN ['satisfied', 'accepted', 'confirmed', 'unreachable'][1 + (x // 20 % 4)::int] ELSE '' END AS verdict,
    real_name AND x % 20 > 1 AS was_called, true AS was_signed, x % 20 > 0 AS was_verified, x % 20 > 0 AS was_submitted,
    x % 20 > 0 AS passed_review, x % 11000 > 10080 AS was_late, x % 17 = 0 AS was_redone, x % 40 = 0 AS was_returned, (x % 700)::int AS sign_minutes,
    CASE WHEN x % 20 > 0 THEN (x % 11000)::int END AS answer_minutes,
    CASE WHEN x % 20 > 1 THEN (x % 11000)::int + 2000 END AS close_minutes,
    (x % 20 > 1 AND x % 5 > 0)::int AS satisfied, (x % 20 > 1)::int AS verdicts,
    x % 25 = 0 AS appealed, x % 25 = 0 AS decided, x % 75 = 0 AS upheld, 1 AS n
FROM bad
"""
ITEMS = """
SELECT item(range::int) AS code, 'theme ' || range % 12 AS theme, ['01', '05', '07', '20'][1 + range % 4] AS item_kind,
    range % 3 = 0 AS is_enterprise, CASE WHEN range % 40 = 0 THEN ['bundle ' || range % 25] ELSE [] END AS bundles
FROM range(21112)
"""
_MACROS = """
CREATE OR REPLACE MACRO u(id, n) AS (hash(id, n) % 1000000007) / 1000000007.0;
CREATE OR REPLACE MACRO county(c) AS '32' || lpad((c // 8 + 1)::varchar, 2, '0') || lpad((c % 8 + 1)::varchar, 2, '0');
CREATE OR REPLACE MACRO organ(o) AS '1132' || lpad(o::varchar, 13, '0') || 'A';
CREATE OR REPLACE MACRO organ_path(o) AS '/11320000000000000P/1132' || lpad((900000 + o % 104 // 8)::varchar, 13, '0') || 'C/1132'
    || lpad((800000 + o % 104)::varchar, 13, '0') || 'T/' || organ(o) || '/';
CREATE OR REPLACE MACRO item(i) AS organ(i % 3016) || '2000' || lpad(i::varchar, 9, '0');
"""


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    for statement in _MACROS.split(";\n"):
        if statement.strip():
            connection.execute(statement)


def sizes(ratings: int, days: list[date] = DAYS) -> dict[date, tuple[int, int]]:
    """Of each day the number of its first case and how many there are: services, of which RATED are rated in the end."""
    weights = [0.17 if day.weekday() > 4 else 1.0 for day in days]
    whole, total = ratings / RATED, sum(weights)
    ends, so_far = [], 0.0
    for weight in weights:
        so_far += weight
        ends.append(round(whole * so_far / total))
    return {day: (first, end - first) for day, first, end in zip(days, [0, *ends], ends, strict=False)}


def services(connection: duckdb.DuckDBPyConnection, day: date, first: int, n: int) -> pa.Table:
    """The services of a day as the lake keeps them."""
    return connection.sql(_PLACED.format(first=first, n=n, rated=RATED) + _SERVICES.format(day=day)).to_arrow_table()


def fill(ratings: int, *, now: datetime, last: date = END) -> None:
    """A lake of so many ratings, written month by month as the product writes it; taken up where it was left."""
    made = sizes(ratings)
    with lake.writing(), lake.duck() as connection:
        prepare(connection)
        if not lake.read().of("items"):
            lake.swap(lake.read(), {"items": _items(connection)}, now=now, directory="bench")
        for month in sorted({day.replace(day=1) for day in made if day <= last}):
            if month in lake.read().files["orders"]:
                continue
            days = [day for day in made if day.replace(day=1) == month]
            files = {day: lake.put("services", day, services(connection, day, *made[day])) for day in days}
            known = lake.read()
            changed = {"services": files, **cubes.recount(known, files)}
            read = [file for file in (*list(known.files["services"].values())[-8:], *files.values()) if file]
            connection.execute(f"CREATE OR REPLACE TEMP VIEW services AS SELECT * FROM {lake.from_files(read)}")
            orders = connection.sql(ORDERS.format(month=month)).to_arrow_table()
            orders = orders.select(ORDERS_OF_LAKE.names).cast(ORDERS_OF_LAKE)
            lake.swap(known, {**changed, "orders": {month: lake.put("orders", month, orders)}}, now=now)


def restore(ratings: int, day: date, *, now: datetime) -> None:
    """A day as it was made, and what the items are."""
    with lake.writing(), lake.duck() as connection:
        prepare(connection)
        known = lake.read()
        again = {day: lake.put("services", day, services(connection, day, *sizes(ratings)[day]))}
        changed = {"services": again, **cubes.recount(known, again), "items": _items(connection)}
        lake.swap(known, changed, now=now, directory="bench")


def _items(connection: duckdb.DuckDBPyConnection) -> dict[date, lake.File | None]:
    return {lake.ALWAYS: lake.put("items", lake.ALWAYS, connection.sql(ITEMS).to_arrow_table())}
