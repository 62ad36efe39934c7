"""Finding what somebody wants to comment on, and the comments that came in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from haochaping.accounts.queries import visible
from haochaping.channels.comments.rules import FOUND_MOST, PLATFORMS, Kind, Target, kind_of
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.models import Evaluation, ServiceEvent, Words
from haochaping.evaluation.queries import secrets
from haochaping.evaluation.rules import Level, Mode
from haochaping.kit.masks import mask_text
from haochaping.rectification.queries import orders_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor
    from haochaping.directory.queries import Directory, HallInfo, ItemInfo, OrganInfo, RegionInfo


def target(key: str) -> Target | None:
    """What the key of an address means; None if there is no such thing."""
    name, _, code = key.partition(":")
    kind, known = kind_of(name), snapshot()
    if kind is Kind.HALL and (hall := known.halls.get(code)) and hall.is_active:
        return _hall(known, hall)
    if kind is Kind.ORGAN and (organ := known.organs.get(code)) and organ.is_active:
        return _organ(known, organ)
    if kind is Kind.ITEM and (item := known.items.get(code)) and item.valid_to is None:
        return _item(known, item)
    if kind is Kind.PLATFORM:
        area, _, platform = code.partition(":")
        region = known.region(area) if area.isdigit() else None
        if region and region.level <= 3 and platform in PLATFORMS:
            return _platform(known, region, platform)
    return None


def search(kind: Kind, text: str) -> tuple[list[Target], bool]:
    """The things of that kind whose name or place holds every word, at most thirty, and whether there are more."""
    words = text.split()
    found: list[Target] = []
    for each in _all(kind, words):
        if not is_probe_area(each.area_path) and _has(words, each.name, each.where):
            if len(found) == FOUND_MOST:
                return found, True
            found.append(each)
    return found, False


def _has(words: Sequence[str], name: str, where: str) -> bool:
    return all(word in name or word in where for word in words)


def _all(kind: Kind, words: Sequence[str]) -> Iterator[Target]:
    """Everything of that kind; of the items, which are hundreds of thousands, only those with these words."""
    known = snapshot()
    match kind:
        case Kind.HALL:
            halls = sorted(known.halls.values(), key=lambda hall: (hall.area, hall.code))
            yield from (_hall(known, hall) for hall in halls if hall.is_active)
        case Kind.ORGAN:
            organs = sorted(known.organs.values(), key=lambda organ: (organ.area, organ.code))
            yield from (_organ(known, organ) for organ in organs if organ.is_active)
        case Kind.ITEM:
            seen, names = set(), {code: organ.name for code, organ in known.organs.items()}
            for item in known.items.values():
                is_it = item.valid_to is None and _has(words, item.name, names.get(item.organ, ""))
                if is_it and item.id not in seen:
                    seen.add(item.id)
                    yield _item(known, item)
        case Kind.PLATFORM:
            regions = sorted(known.regions.values(), key=lambda region: (region.level, region.code))
            for region in regions:
                if region.level <= 3 and not region.merged_into:
                    yield from (_platform(known, region, platform) for platform in PLATFORMS)


def _hall(known: Directory, hall: HallInfo) -> Target:
    where = hall.address or "".join(known.region_names(hall.area))
    return Target(Kind.HALL, hall.code, hall.name, where, known.area_path(hall.area), hall_code=hall.code)


def _organ(known: Directory, organ: OrganInfo) -> Target:
    where = "".join(known.region_names(organ.area))
    return Target(Kind.ORGAN, organ.code, organ.name, where, known.area_path(organ.area), organ_code=organ.code)


def _item(known: Directory, item: ItemInfo) -> Target:
    organ = known.organs.get(item.organ)
    code = item.handle_item or item.task_code
    return Target(
        Kind.ITEM,
        code,
        item.name,
        organ.name if organ else "",
        known.area_path(item.area.ljust(12, "0")),
        organ_code=item.organ if organ else "",
        task_code=code,
        area=item.area.ljust(12, "0"),
    )


def _platform(known: Directory, region: RegionInfo, platform: str) -> Target:
    where = "".join(known.region_names(region.code))
    name = PLATFORMS[platform]
    return Target(Kind.PLATFORM, f"{region.code}:{platform}", name, where, region.path, area=region.code)


@dataclass(frozen=True)
class Comment:
    """One comment as a supervisor sees it: never who, never when exactly."""

    level: Level
    target: str
    organ: str
    day: date
    reasons: tuple[str, ...]
    words: str  # masked
    order_no: str


def comments_for(actor: Actor, level: int | None = None) -> QuerySet[Evaluation]:
    """The comments of the actor's areas, newest day first; in a day by id, which tells nothing of the time."""
    made = ServiceEvent.objects.filter(id=OuterRef("id"), mode=Mode.COMMENT)
    rows = visible(Evaluation.objects.filter(Exists(made), is_probe=False), actor)
    if level is not None:
        rows = rows.filter(level=level)
    return rows.order_by("-rated_day", "id")


def told(rows: Iterable[Evaluation], actor: Actor) -> list[Comment]:
    """These comments in words: six queries however many."""
    rated = list(rows)
    ids = [row.id for row in rated]
    words = dict(Words.objects.filter(id__in=ids).values_list("id", "text"))
    hidden = secrets(words)
    orders = dict(orders_for(actor).filter(id__in=ids).values_list("id", "order_no"))
    halls = snapshot().halls
    return [
        Comment(
            Level(row.level),
            row.item_name or (halls[row.hall_code].name if row.hall_code in halls else ""),
            row.organ_name,
            row.rated_day,
            tuple(row.indicator_names),
            mask_text(words.get(row.id, ""), hidden.get(row.id, ())),
            orders.get(row.id, ""),
        )
        for row in rated
    ]
