"""Making the cubes of `columns.CUBES` out of single rows, and keeping them true when a day's rows are written anew.

A cube holds nothing but numbers of cases. So a day that changed is taken out by the rows of its old file and put in by those of
its new one; what the cube had of other days stays. Made anew from everything it is the same.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from haochaping.analytics import lake
from haochaping.analytics.columns import COUNTY_DIGITS, CUBES, Cube, schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    import duckdb

    from haochaping.analytics.lake import File, Manifest


def recount(old: Manifest, services: Mapping[date, File | None]) -> dict[str, dict[date, File | None]]:
    """The cubes' files that change when these days of `services` are replaced by these files (None: by nothing)."""
    by_month: defaultdict[date, list[date]] = defaultdict(list)
    for day in services:
        by_month[lake.month_of(day)].append(day)
    changed: dict[str, dict[date, File | None]] = {part: {} for part in CUBES}
    with lake.duck() as connection:
        for days in by_month.values():  # a month's rows at a time, for all of them may be too many
            gone = [file for day in days if (file := old.files["services"].get(day))]
            come = [file for day in days if (file := services[day])]
            for part, cube in CUBES.items():
                for month in _count(connection, cube, gone, come):
                    superseded = changed[part].get(month)
                    before = changed[part].get(month, old.files[part].get(month))
                    changed[part][month] = _merge(connection, part, month, before)
                    if superseded:  # named by no manifest yet
                        lake.discard(superseded)
    return changed


def _count(connection: duckdb.DuckDBPyConnection, cube: Cube, gone: Sequence[File], come: Sequence[File]) -> list[date]:
    """Make the table `delta` of what these rows change in a cube; its months."""
    rows = " UNION ALL ".join(
        f"SELECT *, {sign}n AS signed FROM {lake.from_files(files)}"  # noqa: S608
        for sign, files in (("-", gone), ("", come))
        if files
    )
    if not rows:
        return []
    told = f"SELECT {_selected(cube)}, signed FROM ({rows}) WHERE NOT is_probe AND {cube.axis} IS NOT NULL"  # noqa: S608
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE delta AS SELECT * EXCLUDE (signed), sum(signed) AS n FROM ({told})"  # noqa: S608
        " GROUP BY ALL HAVING sum(signed) <> 0"
    )
    months = f"SELECT DISTINCT date_trunc('month', {cube.axis})::date AS month FROM delta ORDER BY month"  # noqa: S608
    return [month for (month,) in connection.execute(months).fetchall()]


def _merge(connection: duckdb.DuckDBPyConnection, part: str, month: date, before: File | None) -> File | None:
    """A month of a cube as it was, and `delta` with it."""
    axis = CUBES[part].axis
    both = [f"SELECT * FROM delta WHERE date_trunc('month', {axis}) = DATE '{month}'"]  # noqa: S608
    if before is not None:
        both.append(f"SELECT * FROM {lake.from_files([before])}")  # noqa: S608
    names = ", ".join(f'"{name}"' for name in schema_of(part).names if name != "n")
    select = (
        f"SELECT {names}, CAST(sum(n) AS INTEGER) AS n FROM ({' UNION ALL '.join(both)})"  # noqa: S608
        " GROUP BY ALL HAVING sum(n) <> 0 ORDER BY ALL"
    )
    return lake.write(connection, part, month, select)


def _selected(cube: Cube) -> str:
    special = {
        "area_path": f"substr(area_path, 1, {COUNTY_DIGITS})",
        "closes_at": "CASE WHEN level IS NULL THEN closes_at END",
    }
    if not cube.is_daily:
        special[cube.axis] = f"date_trunc('month', {cube.axis})::date"
    names = (cube.axis, *cube.columns)
    chosen = [f'{special.get(name, chr(34) + name + chr(34))} AS "{name}"' for name in names]
    if cube.of_codes:
        chosen.append(f"unnest(string_split(trim(coalesce({cube.of_codes}, ''), ','), ',')) AS code")
    return ", ".join(chosen)
