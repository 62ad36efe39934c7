"""Publishing: what the lake says of a month becomes an issue that stays as it is."""

from __future__ import annotations

from collections import defaultdict
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection, transaction

from haochaping.analytics import lake
from haochaping.kit import clock
from haochaping.publication import opendata
from haochaping.publication.counts import SETS, Count, by_channel, counted, reasons_of
from haochaping.publication.disclosure import VISITS, Key, conceal
from haochaping.publication.limits import at, strictest
from haochaping.publication.models import Correction, Issue, Line
from haochaping.publication.rules import KINDS, last_day, may_overtake, months_before

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date, datetime

    from haochaping.publication.limits import Disclosure

WEEK = timedelta(days=7)
CORRECTED_FOR = 12  # months back
MOST = 5_000  # lines written at a time
ITEM = len(KINDS) - 1  # the depth of the tree
CHANNELS = Key(channel=-1)  # all channels together: as the whole, never told a second time


def publish_due(*, now: datetime) -> list[Issue]:
    """Publish what is due, oldest month first, and write down what became different since; the new issues.

    A month is final once the policy's days after its end are over; before that its cities are told as of some day of the last week. One
    publisher at a time; killed at any moment it leaves an issue whole or not at all.
    """
    manifest = lake.read()
    today = clock.day(now)
    this = today.replace(day=1)
    made: list[Issue] = []
    for month in sorted(m for m in manifest.months if m <= this):
        end, rule = last_day(month), strictest(last_day(month))
        with _alone():
            final = Issue.objects.filter(month=month, is_final=True).first()
            if final is not None:
                if month >= months_before(this, CORRECTED_FOR):
                    correct(final, version=manifest.version, now=now)
            elif today > end + timedelta(days=rule.final_after_days):
                made.append(_put(month, end, rule, is_final=True, now=now))
            elif (as_of := min(today - timedelta(days=1), end)) >= month and _may_overtake(
                month, as_of, rule, version=manifest.version, now=now
            ):
                made.append(_put(month, as_of, rule, is_final=False, now=now))
    return made


def _may_overtake(month: date, as_of: date, rule: Disclosure, *, version: int, now: datetime) -> bool:
    """A running issue is made anew where no city changed by few cases, and after a week anyhow.

    Who compares two looks a day apart would else know what the one rater of that day said; within a week in a city nobody does.
    """
    old = Issue.objects.filter(month=month, is_final=False).order_by("-id").first()
    if old is None or as_of - old.as_of >= WEEK:
        return True
    if (old.lake_version, old.as_of) == (version, as_of):
        return False
    before = {line.area: line.parts for line in Line.objects.filter(issue=old, kind="city")}
    cells = _cells(month, as_of, is_final=False, now=now)
    after = {key.area: count.parts for key, count in cells.items() if key.depth == 1}
    return may_overtake(before, after, rule.k)


def _put(month: date, as_of: date, rule: Disclosure, *, is_final: bool, now: datetime) -> Issue:
    cells = _cells(month, as_of, is_final=is_final, now=now)
    issue = Issue(
        month=month, is_final=is_final, as_of=as_of, made_at=now, lake_version=lake.read().version, k=rule.k,
        minimum=rule.minimum,
    )  # fmt: skip
    reasons = reasons_of(month, rule.k, now=now) if is_final else {}
    lines = list(_lines(issue, cells, reasons))
    if is_final:
        issue.files = opendata.write(issue, lines)
    issue.save()
    Line.objects.bulk_create(lines, batch_size=MOST)
    return issue


def _cells(month: date, as_of: date, *, is_final: bool, now: datetime) -> dict[Key, Count]:
    """The tree of the month, added up from its single lines, without the places whose policy publishes nothing."""
    depth = ITEM if is_final else 1
    cells: defaultdict[Key, Count] = defaultdict(Count)
    for key, count in counted(month, as_of, depth, now=now).items():
        if at(key.area, as_of).is_public:
            for above in _up(key, depth):
                cells[above] += count
    for area, channel, count in by_channel(month, as_of, now=now) if is_final else ():
        if at(area, as_of).is_public:
            cells[Key(1, channel=channel)] += count
            cells[CHANNELS] += count
    return dict(cells)


def _up(key: Key, depth: int) -> Iterator[Key]:
    """A line's own place in the tree and all that lie above it, as far down as the tree goes."""
    way = (Key(), Key(1, key.area[:4]), Key(2, key.area), Key(3, key.area, key.organ), key)
    yield from way[: depth + 1]


def _parent(key: Key) -> Key | None:
    """What a cell lies right below; None for the two roots."""
    if key.channel:
        return None if key == CHANNELS else CHANNELS
    return list(_up(key, key.depth))[key.depth - 1] if key.depth else None


def _lines(issue: Issue, cells: Mapping[Key, Count], reasons: Mapping[Key, list[str]]) -> Iterator[Line]:
    parents = {key: parent for key in cells if (parent := _parent(key))}
    hidden = conceal({key: count.sizes for key, count in cells.items()}, parents, issue.k)
    for key in sorted(cells):
        if key == CHANNELS:
            continue
        kind = "channel" if key.channel else KINDS[key.depth]
        told = {
            metric: cells[key].parts[metric]
            for family, metrics in SETS[kind].items()
            if family not in hidden[key]
            for metric in metrics
        }
        yield Line(
            issue=issue, kind=kind, area=key.area, organ=key.organ, item=key.item, channel=key.channel, parts=told,
            hidden=sorted(hidden[key] & SETS[kind].keys()), reasons=[] if VISITS in hidden[key] else reasons.get(key, []),
        )  # fmt: skip


def correct(final: Issue, *, version: int, now: datetime) -> Correction | None:
    """Write down how the whole month stands now, where that differs by at least k cases from what was told last."""
    line = Line.objects.filter(issue=final, kind="all").first()
    if (
        line is None
        or VISITS in line.hidden
        or version == final.lake_version
        or not _is_first_look(final, clock.day(now))
    ):
        return None
    told = dict(line.parts)
    for earlier in Correction.objects.filter(issue=final).order_by("id"):
        told |= earlier.parts
    cells = _cells(final.month, final.as_of, is_final=False, now=now)
    parts = cells[Key()].parts if cells else {}
    changed = {
        metric: parts[metric]
        for metric, part in told.items()
        if metric in parts and _distance(part, parts[metric]) >= final.k
    }
    return Correction.objects.create(issue=final, at=now, parts=changed) if changed else None


def _distance(told: Sequence[int | None], found: Sequence[int | None]) -> int:
    return max(abs((a or 0) - (b or 0)) for a, b in zip(told, found, strict=True))


_looked_at: dict[int, date] = {}  # by this process: once a day is enough, and asking the lake has its price


def _is_first_look(final: Issue, today: date) -> bool:
    is_first = _looked_at.get(final.pk) != today
    _looked_at[final.pk] = today
    return is_first


@contextmanager
def _alone() -> Iterator[None]:
    """One transaction, and in it the only publisher, on whatever machine."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('publication'))")
        yield
