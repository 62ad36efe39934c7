"""Finding items and organs by name, and what their pages show of the directory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haochaping.directory import queries as directory
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import ITEM_TYPES, is_probe_area
from haochaping.evaluation.rules import CHANNEL_NAMES, Channel
from haochaping.publication.limits import at
from haochaping.publication.models import Line
from haochaping.publication.queries import merged

if TYPE_CHECKING:
    from datetime import date

    from haochaping.directory.queries import ItemInfo, OrganInfo
    from haochaping.publication.models import Issue
    from haochaping.publication.queries import Entry

PAGE = 30
LONGEST = 50  # characters of a question


@dataclass(frozen=True)
class Hit:
    """An item or organ that was found, and its figures in the newest issue, if it is in there."""

    code: str
    name: str
    where: str  # of an item its organ, of an organ its area
    entry: Entry | None = None


@dataclass(frozen=True)
class Hits:
    """One page of what was found."""

    total: int
    page: int
    pages: int
    hits: list[Hit]

    @property
    def before(self) -> int:
        return self.page - 1

    @property
    def after(self) -> int:
        return self.page + 1


def find_items(asked: str, page: int, issue: Issue | None, day: date) -> Hits:
    """The items whose name, or whose organ's name, holds every word that was asked for; by name."""
    known = snapshot()
    seen = {info.task_code: info for info in known.items.values() if _is_open(info.area, day)}
    rows = [Hit(code, info.name, _organ_name(info.organ)) for code, info in seen.items()]
    return _page(rows, asked, page, issue, "item")


def find_organs(asked: str, page: int, issue: Issue | None, day: date) -> Hits:
    known = snapshot()
    rows = [
        Hit(code, info.name, known.region(info.area).name if known.region(info.area) else "")  # type: ignore[union-attr]
        for code, info in known.organs.items()
        if _is_open(info.area, day)
    ]
    return _page(rows, asked, page, issue, "organ")


def _page(rows: list[Hit], asked: str, page: int, issue: Issue | None, kind: str) -> Hits:
    words = asked[:LONGEST].split()
    found = sorted(
        (row for row in rows if all(w in row.name or w in row.where for w in words)),
        key=lambda r: (r.name, r.where, r.code),
    )
    pages = max(-(-len(found) // PAGE), 1)
    page = min(max(page, 1), pages)
    shown = found[(page - 1) * PAGE : page * PAGE]
    told: dict[str, list[Line]] = {}
    if issue is not None:
        for line in Line.objects.filter(issue=issue, kind=kind, **{f"{kind}__in": [row.code for row in shown]}):
            told.setdefault(getattr(line, kind), []).append(line)
    hits = [
        Hit(row.code, row.name, row.where, merged(issue, told.get(row.code, []), row.name, row.code) if issue else None)
        for row in shown
    ]
    return Hits(len(found), page, pages, hits)


def _is_open(area: str, day: date) -> bool:
    path = snapshot().area_path(area)
    return not is_probe_area(path) and at(path, day).is_public


def _organ_name(code: str) -> str:
    found = snapshot().organs.get(code)
    return found.name if found else ""


def open_organ(code: str, day: date) -> OrganInfo | None:
    found = snapshot().organs.get(code)
    return found if found and _is_open(found.area, day) else None


def open_item(code: str, day: date) -> ItemInfo | None:
    found = snapshot().item(code)
    return found if found and _is_open(found.area, day) else None


@dataclass(frozen=True)
class Guide:
    """办事指南 as it is read: what is not filled in is left out."""

    facts: list[tuple[str, str]]
    conditions: list[str]
    materials: list[str]
    steps: list[str]
    channels: list[str]


def guide_of(item: ItemInfo) -> Guide:
    found = directory.guide(item.task_code, item.handle_item)
    facts = [
        ("事项类型", ITEM_TYPES.get(item.kind, "")),
        ("服务对象", "企业和其他组织" if item.is_for_enterprises else "个人"),
    ]
    if found is None:
        return Guide(_filled(facts), [], [], [], [])
    facts += [
        ("承诺时限", _days(found.promise_days)),
        ("法定时限", _days(found.statutory_days)),
        ("收费", found.fees),
    ]
    known = {int(channel) for channel in Channel}
    channels = [CHANNEL_NAMES[Channel(pf)] for pf in found.rating_channels if pf in known]
    conditions = [line.strip() for line in found.conditions.splitlines() if line.strip()]
    return Guide(_filled(facts), conditions, _texts(found.materials), _texts(found.steps), channels)


def _filled(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, text) for name, text in facts if text]


def _days(n: int | None) -> str:
    return "" if n is None else "当场办结" if n == 0 else f"{n} 个工作日"


def _texts(entries: tuple[Any, ...]) -> list[str]:
    """Entries of a guide come as text, or as records with a name."""
    return [
        str(one.get("name") or "；".join(map(str, one.values()))) if isinstance(one, dict) else str(one)
        for one in entries
    ]
