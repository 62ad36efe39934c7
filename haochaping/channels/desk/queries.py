"""Finding what somebody wants to rate by telephone, and reading what was entered for others, as far as one may."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import chain, islice
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from haochaping.accounts.queries import visible
from haochaping.channels.desk.rules import CHECKS, may_enter
from haochaping.channels.models import Entry, Letter, PaperSheet
from haochaping.channels.rules import phone_of
from haochaping.directory.queries import snapshot
from haochaping.evaluation import attachments
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.models import Evaluation, ServiceEvent, Words
from haochaping.kit import blobs, clock
from haochaping.kit.errors import Refused
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date, datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor
    from haochaping.directory.queries import Directory, ItemInfo

LOOKS_BACK = timedelta(days=60)  # services of a caller that are listed
SCANS = ("paper", "letter")
MOST = 20  # lines of a search
MOBILE = re.compile(r"\+?(86)?1[3-9][0-9]{9}")


@dataclass(frozen=True)
class Candidate:
    """A service that a caller may mean, with no more of it than they need to recognise it."""

    id: UUID
    item: str
    organ: str
    service_day: date
    standing: str  # open | rated | closed
    area_path: str = ""  # whose indicators are offered; never shown


def is_phone(text: str) -> bool:
    """Whether somebody typed a mobile number, and not a case number."""
    plain = phone_of(text)
    return plain is not None and MOBILE.fullmatch(plain) is not None


def find(actor: Actor, *, number: str, who: str, now: datetime) -> list[Candidate]:
    """The services of a case for who names its applicant or their telephone's last four digits; or of a caller's number.

    Only where the actor may enter ratings; nothing tells a wrong name from a case that there is not. Newest first.
    """
    events: list[ServiceEvent] = []
    if is_phone(number):
        since = clock.day(now - LOOKS_BACK)
        events = evaluation.services_of_phone(blobs.blind("phone", number), since=since)
    if not events and re.fullmatch(r"[0-9]{4}", who):
        events = evaluation.services_of_case(number, phone_tail=who)
    elif not events and who:
        events = evaluation.services_of_case(number, name=who)
    events = [e for e in events if may_enter(actor, area=e.area_path, organ=e.organ_path, window=e.window_code)]
    return candidates(events, now)


def candidates(events: Iterable[ServiceEvent], now: datetime) -> list[Candidate]:
    """Those that can be rated first, then newest first."""
    wanted = list(events)
    rated = evaluation.rated_among([event.id for event in wanted])

    def standing(event: ServiceEvent) -> str:
        return "rated" if event.id in rated else "open" if evaluation.is_open_for_rating(event, now) else "closed"

    found = [Candidate(e.id, e.item_name, e.organ_name, e.service_day, standing(e), e.area_path) for e in wanted]
    found.sort(key=lambda each: each.service_day, reverse=True)
    found.sort(key=lambda each: each.standing != "open")
    return found[:MOST]


def one(actor: Actor, event_id: UUID) -> ServiceEvent | None:
    """That service event, if the actor may enter a rating of it."""
    event = evaluation.event(event_id)
    if event is None or not may_enter(actor, area=event.area_path, organ=event.organ_path, window=event.window_code):
        return None
    return event


@dataclass(frozen=True)
class Place:
    """A window or an organ that can be rated without a case."""

    key: str  # w:CODE or o:CODE
    name: str
    detail: str
    area_path: str
    organ: str


def places(actor: Actor, text: str) -> list[Place]:
    """Windows and organs that match every word, where the actor may enter ratings; windows first, at most twenty."""
    words = text.upper().split()
    if not words:
        return []
    known = snapshot()
    every = (f"w:{code}" for code in known.windows), (f"o:{code}" for code in known.organs)
    named = (key for key in chain(*every) if all(word in _said(known, key) for word in words))
    return list(islice((found for key in named if (found := place(actor, key)) is not None), MOST))


def _said(known: Directory, key: str) -> str:
    name, detail = _words(known, key)
    return f"{name} {detail} {key}".upper()


def _words(known: Directory, key: str) -> tuple[str, str]:
    """What a window or an organ is called, and where it is."""
    kind, _, code = key.partition(":")
    if kind == "o":
        organ = known.organs[code]
        return organ.name, "".join(known.region_names(organ.area))
    window = known.windows[code]
    around = known.halls.get(window.hall), known.organs.get(window.organ)
    return window.name, " · ".join([*(part.name for part in around if part), code])


def place(actor: Actor, key: str) -> Place | None:
    """The place of that key, if the actor may enter ratings there."""
    known = snapshot()
    kind, _, code = key.partition(":")
    window, organ = (known.windows.get(code), None) if kind == "w" else (None, known.organs.get(code))
    if window is not None:
        hall, organ = known.halls.get(window.hall), known.organs.get(window.organ)
        area, is_active, organ_code = known.area_path(hall.area) if hall else "", window.is_active, window.organ
    elif organ is not None and kind == "o":
        area, is_active, organ_code = known.area_path(organ.area), organ.is_active, code
    else:
        return None
    path, window_code = organ.path if organ else "", window.code if window else ""
    if not is_active or not may_enter(actor, area=area, organ=path, window=window_code):
        return None
    return Place(key, *_words(known, key), area, organ_code)


def items(text: str, organ_code: str = "") -> list[tuple[ItemInfo, str]]:
    """Items in force that match every word, each with its organ's name; those of the named organ first, at most twenty."""
    words, known, today = text.upper().split(), snapshot(), clock.today()
    if not words:
        return []
    found = {
        item.task_code: item
        for item in known.items.values()
        if (item.valid_to is None or today < item.valid_to)
        and all(word in f"{item.name} {item.task_code}".upper() for word in words)
    }
    ordered = sorted(found.values(), key=lambda item: (item.organ != organ_code, item.name, item.task_code))
    return [(item, known.organs[item.organ].name if item.organ in known.organs else "") for item in ordered[:MOST]]


def entries_for(actor: Actor) -> QuerySet[Entry]:
    """The entries whose service lies where the actor checks; none of a probe, which nobody need check.

    Levels and words stand in them: what is theirs by another role, of the rated organ perhaps, is not shown here.
    """
    checks = tuple(scope for role, scope in actor.grants if role in CHECKS) if actor.grants else actor.scopes
    events = ServiceEvent.objects.filter(id=OuterRef("event_id"), is_probe=False)
    reachable = visible(events, replace(actor, scopes=checks))
    return Entry.objects.filter(Exists(reachable))


def to_check(actor: Actor) -> QuerySet[Entry]:
    """The drawn entries that wait for a second person, not one's own, oldest first."""
    waiting = entries_for(actor).filter(is_sampled=True, checked_at=None)
    return waiting.exclude(person_id=actor.id).exclude(second_id=actor.id).order_by("entered_at", "event_id")


def entry_of(event_id: UUID) -> Entry | None:
    return Entry.objects.filter(event_id=event_id).first()


def own_entries(actor: Actor, since: datetime) -> QuerySet[Entry]:
    """What this person entered since then, newest first."""
    return Entry.objects.filter(person_id=actor.id, entered_at__gte=since).order_by("-entered_at", "event_id")


@dataclass(frozen=True)
class Entered:
    """An entry beside its rating, masked."""

    entry: Entry
    item: str
    organ: str
    service_day: date
    level: int
    reasons: tuple[str, ...]
    words: str


def lines(entries: Iterable[Entry]) -> list[Entered]:
    """The entries with what was entered; those whose service is not known yet are left out."""
    rows = list(entries)
    ids = [row.event_id for row in rows]
    events, ratings = ServiceEvent.objects.in_bulk(ids), Evaluation.objects.in_bulk(ids)
    words = Words.objects.in_bulk(ids)
    hidden = evaluation.secrets(words)
    return [
        Entered(
            row,
            events[row.event_id].item_name,
            events[row.event_id].organ_name,
            events[row.event_id].service_day,
            ratings[row.event_id].level,
            tuple(ratings[row.event_id].indicator_names),
            mask_text(words[row.event_id].text, hidden[row.event_id]) if row.event_id in words else "",
        )
        for row in rows
        if row.event_id in events and row.event_id in ratings
    ]


def scans(event_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """The scans that prove these entries, each of its paper form or its letter: two queries however many."""
    found: dict[UUID, list[UUID]] = {}
    for table in (PaperSheet, Letter):
        for event_id, scan_id in table.objects.filter(event_id__in=event_ids).values_list("event_id", "scan"):
            if event_id is not None and scan_id is not None:
                found.setdefault(event_id, []).append(scan_id)
    return found


def scan(actor: Actor, id_: UUID) -> bytes:
    """One scan of an entry in the actor's scopes, a JPEG; Refused 404 otherwise."""
    kept = attachments.one(id_, *SCANS)
    proves = Q(event_id__in=PaperSheet.objects.filter(scan=id_).values("event_id")) | Q(
        event_id__in=Letter.objects.filter(scan=id_).values("event_id")
    )
    entry = entries_for(actor).filter(proves).first() if kept is not None else None
    if kept is None or entry is None:
        raise Refused("not_found", 404, "没有这张扫描件。")
    return attachments.open_for(entry.event_id, kept)
