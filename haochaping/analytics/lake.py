"""The lake: immutable Parquet files under one manifest that is swapped by rename (design §5).

A reader takes the manifest and then its files; both are there for an hour after they were replaced. A writer holds
`writing()`, writes new files, and swaps the manifest; killed at any moment it leaves a readable lake and a few files
that the next writer sweeps away.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from django.conf import settings

from haochaping.analytics.columns import CUBES, TABLES, schema_of
from haochaping.analytics.metrics import Basis
from haochaping.kit.crypto import sm3

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import pyarrow as pa

PARTS = (*TABLES, *CUBES)  # services by service day, orders by dispatch month, items once, cubes by month of their axis
SHAPE = sm3(repr([(part, schema_of(part).names) for part in PARTS] + [CUBES]).encode()).hex()[:16]
ALWAYS = date.min  # the day of `items`
ROW_GROUP = 30_720  # rows that are skipped together when none of them is asked for
KEPT = timedelta(hours=1)  # how long a replaced file can still be read


@dataclass(frozen=True)
class File:
    """One Parquet file and, by basis, the first and last day of the cases in it."""

    path: str  # below the lake
    rows: int
    days: dict[str, tuple[date, date]]

    def meets(self, day: str, start: date, end: date) -> bool:
        """Whether cases of `start` … `end` (both included) may lie in it."""
        first, last = self.days.get(day, (date.max, date.min))
        return first <= end and start <= last

    def lies_within(self, day: str, start: date, end: date) -> bool:
        """Whether every case in it that has such a day is of `start` … `end`."""
        first, last = self.days[day]
        return start <= first and last <= end

    def as_json(self) -> dict[str, Any]:
        days = {basis: [first.isoformat(), last.isoformat()] for basis, (first, last) in self.days.items()}
        return {"path": self.path, "rows": self.rows, "days": days}


@dataclass(frozen=True)
class Manifest:
    """What the lake consists of at one moment: by part and first day, the file."""

    version: int = 0
    made_at: str = ""
    directory: str = ""  # the edition of the master data that `items` was made of
    files: dict[str, dict[date, File]] = field(default_factory=lambda: {part: {} for part in PARTS})

    def of(self, part: str, day: str = "", start: date = date.min, end: date = date.max) -> list[File]:
        """The files of a part in which cases may lie whose `day` is of the period; without a day all of them."""
        return [file for file in self.files[part].values() if not day or file.meets(day, start, end)]

    def last(self, day: str) -> date:
        """The last day of that kind of any case."""
        return max(
            (file.days[day][1] for file in self.files["services"].values() if day in file.days), default=date.min
        )

    @property
    def months(self) -> set[date]:
        """The months of which there are cases."""
        return {month_of(day) for day in self.files["services"]} | set(self.files["orders"])

    @property
    def is_empty(self) -> bool:
        return not any(self.files.values())


def root() -> Path:
    return Path(settings.LAKE)


def read() -> Manifest:
    """The manifest in force; an empty one where there is no lake yet, or one whose files lack columns of today."""
    try:
        found = (root() / "manifest.json").stat()
    except FileNotFoundError:
        return Manifest()
    return _read((str(root()), found.st_ino, found.st_mtime_ns, found.st_size))


@lru_cache(maxsize=2)
def _read(_: tuple[str, int, int, int]) -> Manifest:
    """Every swap makes another file: what was read of one is true as long as it is there."""
    told = _told()
    if told is None or told.get("shape") != SHAPE:
        return Manifest(told["version"] if told else 0)
    files = {part: {date.fromisoformat(day): _file(f) for day, f in told["files"][part].items()} for part in PARTS}
    return Manifest(told["version"], told["made_at"], told["directory"], files)


def is_outgrown() -> bool:
    """Whether the lake was written with other columns, by an older release: it must be made anew."""
    told = _told()
    return told is not None and told.get("shape") != SHAPE


def _told() -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((root() / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return found


def _file(told: dict[str, Any]) -> File:
    days = {
        basis: (date.fromisoformat(first), date.fromisoformat(last)) for basis, (first, last) in told["days"].items()
    }
    return File(told["path"], told["rows"], days)


@contextmanager
def writing() -> Iterator[None]:
    """One writer at a time on this machine; a writer that is killed lets go."""
    root().mkdir(parents=True, exist_ok=True)
    with (root() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def duck() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB of this moment's own, to write with."""
    with connect() as connection:
        yield connection


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB in memory, within HCP_LAKE_MEMORY, that never asks the network for an extension."""
    spill = Path(tempfile.gettempdir()) / f"hcp-lake-{os.getpid()}-{secrets.token_hex(4)}"  # what does not fit
    connection = duckdb.connect(
        config={
            "threads": 2,
            "memory_limit": settings.LAKE_MEMORY,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


# what is asked together lies together
_SORTED_BY = {"items": ("code",)} | dict.fromkeys(
    ("services", "orders"), ("area_path", "organ_code", "window", "item", "level", "channel")
)


def put(part: str, day: date, rows: pa.Table) -> File | None:
    """A new file of `services`, `orders` or `items`; None if there are no rows."""
    if not rows.num_rows:
        return None
    with duck() as connection:
        connection.register("rows", rows)
        names = dict.fromkeys(
            (*_SORTED_BY[part], *rows.column_names)
        )  # all of them: a rebuilt file equals a refreshed one
        order = ", ".join(f'"{name}"' for name in names)
        return write(connection, part, day, f"SELECT * FROM rows ORDER BY {order}")  # noqa: S608


def from_files(files: Sequence[File]) -> str:
    """These files as a table in DuckDB's SQL."""
    return f"read_parquet([{', '.join(_quoted(root() / file.path) for file in files)}])"


def write(connection: duckdb.DuckDBPyConnection, part: str, day: date, select: str) -> File | None:
    """A new file of a part with the rows of a statement in DuckDB's SQL; None if there are none."""
    label = {"services": f"{day:%Y-%m-%d}", "items": "items"}.get(part, f"{day:%Y-%m}")
    path = root() / part / f"{label}.{secrets.token_hex(6)}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = _quoted(path)
    connection.execute(f"COPY ({select}) TO {quoted} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})")
    _sync(path)
    bases = [basis for basis in Basis if basis in schema_of(part).names]
    ends = "".join(f", min({basis}), max({basis})" for basis in bases)
    found = connection.execute(f"SELECT count(*){ends} FROM read_parquet({quoted})").fetchone()  # noqa: S608
    if found is None or not found[0]:
        path.unlink()
        return None
    days = {basis.value: (found[1 + 2 * n], found[2 + 2 * n]) for n, basis in enumerate(bases)}
    return File(f"{part}/{path.name}", found[0], {basis: ends for basis, ends in days.items() if ends[0] is not None})


def discard(file: File) -> None:
    """Remove a file that was written but that no manifest ever named."""
    (root() / file.path).unlink()


def swap(old: Manifest, changed: dict[str, dict[date, File | None]], *, now: datetime, directory: str = "") -> Manifest:
    """Put a new manifest into force: `old` with the changed files (None: none any more). Durable when it returns."""
    files = {part: dict(old.files[part]) for part in PARTS}
    for part, by_day in changed.items():
        for day, file in by_day.items():
            replaced = files[part].pop(day, None)
            if replaced is not None:  # its hour begins now
                os.utime(root() / replaced.path)
            if file is not None:
                files[part][day] = file
    ordered = {part: dict(sorted(files[part].items())) for part in PARTS}
    new = Manifest(old.version + 1, now.isoformat(), directory or old.directory, ordered)
    told = {part: {day.isoformat(): file.as_json() for day, file in new.files[part].items()} for part in PARTS}
    draft = root() / "manifest.json.new"
    manifest = {
        "version": new.version,
        "shape": SHAPE,
        "made_at": new.made_at,
        "directory": new.directory,
        "files": told,
    }
    draft.write_text(json.dumps(manifest), encoding="utf-8")
    _sync(draft)
    for part in PARTS:
        if (root() / part).is_dir():
            _sync(root() / part)
    draft.replace(root() / "manifest.json")
    _sync(root())
    _sweep(new)
    return new


def _sweep(manifest: Manifest) -> None:
    """Remove files that no manifest has named for an hour: replaced ones, and those of a writer that was killed."""
    named = {file.path for part in PARTS for file in manifest.files[part].values()}
    before = time.time() - KEPT.total_seconds()  # the file system's own clock
    for part in PARTS:
        for path in (root() / part).glob("*.parquet"):
            if f"{part}/{path.name}" not in named and path.stat().st_mtime < before:
                path.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
