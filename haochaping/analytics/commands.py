"""Bringing the lake up to date with PostgreSQL, which is the record."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

from haochaping.analytics import cubes, extract, lake
from haochaping.analytics.models import Stale
from haochaping.directory.queries import edition
from haochaping.evaluation.models import ServiceEvent
from haochaping.kit import clock
from haochaping.outbox.commands import take
from haochaping.rectification.models import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime
    from uuid import UUID

    Parts = Iterable[tuple[str, date]]
    Progress = Callable[[Parts], Parts]

NOTES = 20_000  # taken in one transaction
BATCH = 40  # files rewritten in one transaction
PATIENCE = timedelta(seconds=60)  # what is older than yesterday is rewritten at most this often


@dataclass(frozen=True)
class Refreshed:
    """How much a pass did: notes heard, files rewritten, rows in them, and files left for a later pass."""

    notes: int = 0
    files: int = 0
    rows: int = 0
    left: int = 0

    def __str__(self) -> str:
        return f"{self.notes} notes, {self.files} files with {self.rows} rows written, {self.left} left"


def refresh_lake(*, now: datetime, everything: bool = True) -> Refreshed:
    """Bring into the lake what the outbox says has changed. Loses nothing when killed at any moment.

    A note becomes a `Stale` row in one transaction; a `Stale` row goes in the transaction that follows the swap of the
    manifest, so a file is rewritten at least once after the change it is about. Without `everything`, today and
    yesterday, and the orders of their month, are done at once and what is older at most once a minute (the periodic
    job: today is fresh within 15 s). A lake with the columns of an older release is made anew.
    """
    if lake.is_outgrown():
        return rebuild_lake(now=now)
    notes = _hear_all(now)
    files = rows = 0
    if lake.read().directory != edition("items", "themes"):
        with _alone():
            _rewrite([("items", lake.ALWAYS)], now=now)
    while True:
        with _alone():
            due = _due(now, everything=everything)
            if not due:
                break
            written = _rewrite(due, now=now)
            Stale.objects.filter(pk__in=due).delete()
        files, rows = files + len(due), rows + written
        if len(due) < BATCH:
            break
    return Refreshed(notes, files, rows, Stale.objects.count())


def rebuild_lake(*, now: datetime, progress: Progress | None = None) -> Refreshed:
    """Make the whole lake anew from PostgreSQL alone; readers keep the old one until the last file is written."""
    with _alone():
        while take("lake", NOTES):
            pass
        Stale.objects.all().delete()
        days = ServiceEvent.objects.order_by("service_day").values_list("service_day", flat=True).distinct()
        months = Order.objects.order_by().values_list("dispatch_day__year", "dispatch_day__month").distinct()
        parts = [("items", lake.ALWAYS), *(("services", day) for day in days)]
        parts += [("orders", date(y, m, 1)) for y, m in sorted(months)]
        rows = _rewrite(parts, now=now, from_nothing=True, progress=progress)
    return Refreshed(0, len(parts) - 1, rows, 0)


def _hear_all(now: datetime) -> int:
    heard = 0
    while True:
        with _alone():
            notes = take("lake", NOTES)
            # What is done with an order changes nothing of its service, whose whole day would be written anew for it.
            services = {note for note in notes if note.kind != "order"}
            stale = {("services", note.day) for note in services}
            days = _days_of(ServiceEvent, "service_day", {note.key for note in services})
            stale |= {("services", day) for day in days}
            # A rating's ruling changes the figures of its order too.
            months = _days_of(Order, "dispatch_day", {note.key for note in notes})
            stale |= {("orders", lake.month_of(day)) for day in months}
            rows = [Stale(part=part, day=day, since=now) for part, day in sorted(stale)]
            Stale.objects.bulk_create(rows, ignore_conflicts=True)
        heard += len(notes)
        if len(notes) < NOTES:
            return heard


def _days_of(model: type[ServiceEvent | Order], column: str, keys: set[UUID]) -> set[date]:
    return (
        set(model.objects.filter(id__in=keys).order_by().values_list(column, flat=True).distinct()) if keys else set()
    )


@contextmanager
def _alone() -> Iterator[None]:
    """One transaction, and in it the only writer of the lake, on whatever machine."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('lake'))")
        yield


def _due(now: datetime, *, everything: bool) -> list[tuple[str, date]]:
    """What to rewrite next, newest first."""
    stale = Stale.objects.order_by("-day", "part")
    if not everything:
        since = clock.day(now) - timedelta(days=1)
        recent = stale.filter(day__gte=since) | stale.filter(part="orders", day__gte=lake.month_of(since))
        stale = recent | stale.filter(since__lte=now - PATIENCE)
    return list(stale.values_list("part", "day")[:BATCH])


def _rewrite(
    parts: Parts,
    *,
    now: datetime,
    from_nothing: bool = False,
    progress: Progress | None = None,
) -> int:
    """Write these files anew and put them into force; how many rows they have."""
    with lake.writing():
        old = lake.read()
        changed: dict[str, dict[date, lake.File | None]] = {part: {} for part in lake.PARTS}
        directory = ""
        if from_nothing:
            changed = {part: dict.fromkeys(old.files[part]) for part in lake.PARTS}
        for part, day in progress(parts) if progress else parts:
            if part == "items":
                directory = edition("items", "themes")  # before the rows: newer ones are read again, never missed
                changed[part][day] = lake.put(part, day, extract.items())
                continue
            end = lake.next_month(day) if part == "orders" else day + timedelta(days=1)
            changed[part][day] = lake.put(part, day, extract.rows(part, day, end))
        known = lake.Manifest() if from_nothing else old
        for part, months in cubes.recount(known, changed["services"]).items():
            changed[part] |= months
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # whoever lost the database has lost the lock, and must not swap
        new = lake.swap(old, changed, now=now, directory=directory)
    return sum(
        file.rows for part in ("services", "orders") for day in changed[part] if (file := new.files[part].get(day))
    )
