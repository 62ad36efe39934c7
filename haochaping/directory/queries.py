"""Master data, read hot: one snapshot in memory, looked after at most every two seconds, read anew only what changed."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from django.db import connection

from haochaping.accounts.rules import area_prefix
from haochaping.directory.models import Clerk, Edition, Guide, Hall, Item, Organ, Region, Theme, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date
    from uuid import UUID

LIFE = 2.0  # seconds
VILLAGE = 5  # the level that is left out of the snapshot: there are 620,000 of them


@dataclass(frozen=True, slots=True)
class RegionInfo:
    code: str
    name: str
    level: int
    parent: str
    path: str
    merged_into: str = ""
    merged_on: date | None = None
    grid_row: int | None = None
    grid_col: int | None = None


@dataclass(frozen=True, slots=True)
class OrganInfo:
    code: str
    name: str
    short_name: str
    area: str
    parent: str
    path: str
    is_active: bool = True

    @property
    def label(self) -> str:
        """What fits on a screen."""
        return self.short_name or self.name


@dataclass(frozen=True, slots=True)
class HallInfo:
    code: str
    name: str
    kind: str
    area: str
    address: str = ""
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class WindowInfo:
    code: str
    name: str
    hall: str
    organ: str
    kind: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class ClerkInfo:
    number: str
    name: str
    organ: str
    window: str
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class ItemInfo:
    """One version of an item. `id` is its row, to which its guide belongs."""

    id: int
    task_code: str
    handle_item: str
    version: int
    name: str
    kind: str
    organ: str
    area: str
    theme: str
    is_for_enterprises: bool
    valid_from: date
    valid_to: date | None  # the day from which it is no longer valid
    other_codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class GuideInfo:
    """办事指南: what a citizen must bring and do, in the version of its item."""

    conditions: str
    materials: tuple[Any, ...]
    steps: tuple[Any, ...]
    promise_days: int | None
    statutory_days: int | None
    fees: str
    rating_channels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ThemeInfo:
    code: str
    name: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Directory:
    """All master data of one moment, by code. Reading it touches no database (villages apart)."""

    regions: Mapping[str, RegionInfo] = field(default_factory=dict)
    organs: Mapping[str, OrganInfo] = field(default_factory=dict)
    halls: Mapping[str, HallInfo] = field(default_factory=dict)
    windows: Mapping[str, WindowInfo] = field(default_factory=dict)
    clerks: Mapping[str, ClerkInfo] = field(default_factory=dict)
    items: Mapping[str, ItemInfo] = field(
        default_factory=dict
    )  # newest version by task code, handling item or other code
    themes: Mapping[str, ThemeInfo] = field(default_factory=dict)
    versions: Mapping[tuple[str, str], tuple[ItemInfo, ...]] = field(default_factory=dict)  # those with more than one

    def region(self, code: str) -> RegionInfo | None:
        """The region of a code of 6 or 12 digits; a merged one gives the region that took it over."""
        code = code.ljust(12, "0")
        for _ in range(5):  # a chain of mergers; data that goes in circles ends here
            found = self.regions.get(code) or (_village(code) if len(area_prefix(code)) == 12 else None)
            if found is None or not found.merged_into:
                return found
            code = found.merged_into
        return None

    def area_path(self, code: str) -> str:
        """The prefix by which scopes and figures know an area, mergers followed; also for an area that is not listed."""
        found = self.region(code)
        return found.path if found else area_prefix(code.ljust(12, "0"))

    def region_names(self, code: str) -> list[str]:
        """Names from the province down to the region itself."""
        names: list[str] = []
        found = self.region(code)
        while found is not None and len(names) < VILLAGE:
            names.insert(0, found.name)
            found = self.region(found.parent) if found.parent else None
        return names

    def item(self, task_code: str, handle_item: str = "", day: date | None = None) -> ItemInfo | None:
        """The version of an item that was valid on `day` (None: the newest), by any of its codes.

        A handling item that is not listed falls back to its task. Before the first version there was the first: an item
        is older than its entry here.
        """
        newest = (self.items.get(handle_item) if handle_item else None) or self.items.get(task_code)
        if newest is None or day is None:
            return newest
        for version in reversed(self.versions.get((newest.task_code, newest.handle_item), ())):
            newest = version
            if version.valid_from <= day:
                break
        return newest

    def hall_of(self, window_code: str) -> HallInfo | None:
        window = self.windows.get(window_code)
        return self.halls.get(window.hall) if window else None


def snapshot() -> Directory:
    """The master data as of at most two seconds ago. One small query when it is looked after, none in between."""
    return _cache.get()


def forget() -> None:
    """Look after everything at the next question, and read it all (tests, where rows come and go without commands)."""
    _cache.forget()


def recheck() -> None:
    """Look after it at the next question; what did not change is not read again."""
    _cache.recheck()


def edition(*kinds: str) -> str:
    """A text that changes with every write to one of these kinds of master data."""
    marks = dict(Edition.objects.filter(kind__in=kinds).values_list("kind", "mark"))
    return ";".join(f"{kind} {marks.get(kind, '')}" for kind in kinds)


def region(code: str) -> RegionInfo | None:
    return snapshot().region(code)


def organ(code: str) -> OrganInfo | None:
    return snapshot().organs.get(code)


def window(code: str) -> WindowInfo | None:
    return snapshot().windows.get(code)


def item(task_code: str, handle_item: str = "", day: date | None = None) -> ItemInfo | None:
    return snapshot().item(task_code, handle_item, day)


def theme(code: str) -> ThemeInfo | None:
    return snapshot().themes.get(code)


def guide(task_code: str, handle_item: str = "", day: date | None = None) -> GuideInfo | None:
    """The guide of the item's version of `day`; None if the item or its guide is not known."""
    found = item(task_code, handle_item, day)
    row = Guide.objects.filter(item_id=found.id).first() if found else None
    return as_guide(row) if row else None


def as_guide(row: Guide) -> GuideInfo:
    return GuideInfo(
        row.conditions,
        tuple(row.materials),
        tuple(row.steps),
        row.promise_days,
        row.statutory_days,
        row.fees,
        tuple(row.rating_channels),
    )


def children(code: str) -> list[RegionInfo]:
    """The regions right below one, by code, villages included; merged ones left out."""
    rows = Region.objects.filter(parent=code.ljust(12, "0"), merged_into="").order_by("code").values_list(*_REGION)
    return [RegionInfo(*row) for row in rows]


def dangling() -> list[str]:
    """What points to something that is not there: one sentence a kind, with the number and an example (`hcp check`)."""
    found = []
    with connection.cursor() as cursor:
        for sentence, statement in _DANGLING.items():
            cursor.execute(statement)
            n, example = cursor.fetchone()
            if n:
                found.append(f"{sentence}：{n} 个（如 {example}）")
    return found


def _missing(table: str, column: str, target: str, *, optional: bool = False, key: str = "code") -> str:
    return (
        f"SELECT count(*), min(t.{key}) FROM directory_{table} t"  # noqa: S608  names of ours
        f" WHERE NOT EXISTS (SELECT FROM directory_{target} o WHERE o.code = t.{column})"
        + (f" AND t.{column} <> ''" if optional else "")
    )


_DANGLING = {
    "窗口没有所在大厅": _missing("window", "hall", "hall"),
    "窗口没有所属部门": _missing("window", "organ", "organ"),
    "人员没有所属部门": _missing("clerk", "organ", "organ", key="number"),
    "人员所在窗口不存在": _missing("clerk", "window", "window", optional=True, key="number"),
    "事项没有实施部门": _missing("item", "organ", "organ", key="task_code"),
    "事项没有区划": _missing("item", "area", "region", key="task_code"),
    "部门没有区划": _missing("organ", "area", "region"),
    "部门的上级不存在": _missing("organ", "parent", "organ", optional=True),
    "大厅没有区划": _missing("hall", "area", "region"),
    "区划的上级不存在": _missing("region", "parent", "region", optional=True),
    "合并后的区划不存在": _missing("region", "merged_into", "region", optional=True),
    "部门的上下级关系成环": (
        "SELECT count(*), min(o.code) FROM directory_organ o JOIN directory_organ p ON p.code = o.parent"
        " WHERE o.path <> p.path || o.code || '/'"
    ),
    "一件事中的事项不存在": (
        "SELECT count(*), min(t.code) FROM directory_theme t, unnest(t.items) AS part WHERE NOT EXISTS"
        " (SELECT FROM directory_item i WHERE part IN (i.task_code, i.handle_item) OR part = ANY (i.other_codes))"
    ),
}


_REGION = ("code", "name", "level", "parent", "path", "merged_into", "merged_on", "grid_row", "grid_col")
_ITEM = ("id", "task_code", "handle_item", "version", "name", "kind", "organ", "area", "theme")
_ITEM_MORE = ("is_for_enterprises", "valid_from", "valid_to", "other_codes")


@lru_cache(maxsize=4096)
def _village(code: str) -> RegionInfo | None:
    row = Region.objects.filter(code=code).values_list(*_REGION).first()
    return RegionInfo(*row) if row else None


def _regions() -> dict[str, Any]:
    _village.cache_clear()
    rows = Region.objects.filter(level__lt=VILLAGE).values_list(*_REGION)
    return {"regions": {row[0]: RegionInfo(*row) for row in rows.iterator(5000)}}


def _organs() -> dict[str, Any]:
    rows = Organ.objects.values_list("code", "name", "short_name", "area", "parent", "path", "is_active")
    return {"organs": {row[0]: OrganInfo(*row) for row in rows}}


def _halls() -> dict[str, Any]:
    rows = Hall.objects.values_list("code", "name", "kind", "area", "address", "is_active")
    return {"halls": {row[0]: HallInfo(*row) for row in rows}}


def _windows() -> dict[str, Any]:
    rows = Window.objects.values_list("code", "name", "hall", "organ", "kind", "is_active")
    return {"windows": {row[0]: WindowInfo(*row) for row in rows}}


def _clerks() -> dict[str, Any]:
    rows = Clerk.objects.values_list("number", "name", "organ", "window", "is_active")
    return {"clerks": {row[0]: ClerkInfo(*row) for row in rows}}


def _themes() -> dict[str, Any]:
    return {
        "themes": {c: ThemeInfo(c, name, tuple(i)) for c, name, i in Theme.objects.values_list("code", "name", "items")}
    }


def _items() -> dict[str, Any]:
    rows = Item.objects.order_by("task_code", "handle_item", "version").values_list(*_ITEM, *_ITEM_MORE)
    versions: dict[tuple[str, str], list[ItemInfo]] = {}
    for row in rows.iterator(5000):
        info = ItemInfo(*row)
        versions.setdefault((info.task_code, info.handle_item), []).append(info)
    items: dict[str, ItemInfo] = {}
    for (task_code, handle_item), known in versions.items():
        newest = known[-1]
        items[handle_item or task_code] = newest
        items.setdefault(task_code, newest)  # a task with handling items only is found by its first
    for known in versions.values():
        for code in known[-1].other_codes:
            items.setdefault(code, known[-1])
    return {"items": items, "versions": {key: tuple(known) for key, known in versions.items() if len(known) > 1}}


KINDS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "regions": _regions,
    "organs": _organs,
    "halls": _halls,
    "windows": _windows,
    "clerks": _clerks,
    "items": _items,
    "themes": _themes,
}


class _Cache:
    """The snapshot of this process. A kind is read anew when its mark differs, also after a write was rolled back."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.forget()

    def forget(self) -> None:
        self._directory = Directory()
        self._marks: dict[str, UUID] = {}
        self._read: set[str] = set()
        self._until = 0.0

    def recheck(self) -> None:
        self._until = 0.0

    def get(self) -> Directory:
        if time.monotonic() >= self._until:
            with self._lock:
                if time.monotonic() >= self._until:
                    self._look()
        return self._directory

    def _look(self) -> None:
        marks = dict(
            Edition.objects.values_list("kind", "mark")
        )  # before the rows: newer rows are read again, never missed
        parts: dict[str, Any] = {}
        for kind, load in KINDS.items():
            if kind not in self._read or marks.get(kind) != self._marks.get(kind):
                parts |= load()
        if parts:
            self._directory = replace(self._directory, **parts)
        self._marks, self._read = marks, set(KINDS)
        self._until = time.monotonic() + LIFE


_cache = _Cache()
