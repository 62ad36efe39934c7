"""Every write of master data, set-wise: rows of wire names in, one outcome each, in order.

Repeatable: what is there already and says the same is unchanged. A column that a row does not have leaves what is stored
alone. All of one call is one transaction; writers of the same kind wait for each other.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.db import connection, models, transaction

from haochaping.accounts.rules import area_prefix
from haochaping.directory import queries, rules
from haochaping.directory.fields import Fields
from haochaping.directory.models import Clerk, Edition, Hall, Organ, Region, Theme, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from haochaping.kit.errors import FieldError

BATCH = 2000
LEVELS = {2: 1, 4: 2, 6: 3, 9: 4, 12: 5}  # digits of an area path → level


@dataclass(frozen=True)
class Outcome:
    """What became of one row: created, updated, unchanged or rejected (then `errors` say why)."""

    status: str
    key: str
    errors: tuple[FieldError, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class Known:
    """The codes there are, to see whether a pointer leads somewhere; asked for once per kind and call."""

    _codes: dict[type[models.Model], set[str]] = field(default_factory=dict)

    def has(self, model: type[models.Model], code: str) -> bool:
        if model not in self._codes:
            self._codes[model] = set(model._default_manager.values_list("pk", flat=True))  # noqa: SLF001
        return code in self._codes[model]


@contextmanager
def writing(kind: str) -> Iterator[None]:
    """One transaction that lets no other writer of this kind in; when it commits, readers learn that something changed."""
    with transaction.atomic():
        _mark(kind)  # locks
        yield
        _mark(kind)  # another one: what was read in between under the first mark is not what stands now
        queries.recheck()


def _mark(kind: str) -> None:
    Edition.objects.bulk_create(
        [Edition(kind=kind, mark=uuid4())], update_conflicts=True, unique_fields=["kind"], update_fields=["mark"]
    )


def put_regions(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`areaCode, areaName, mergedInto?, mergedOn?`: level, parent and path follow from the code."""

    def read(f: Fields, known: Known) -> str:  # noqa: ARG001
        code = f.area("areaCode", "code", required=True)
        f.text("areaName", 100, "name", required=True)
        f.area("mergedInto", "merged_into")
        f.day("mergedOn", "merged_on")
        if code:
            f.values |= region_place(code)
        return code

    return _put("regions", Region, rows, read)


def region_place(code: str) -> dict[str, Any]:
    """Level, parent and path of a region by its twelve digits."""
    path = area_prefix(code)
    level = LEVELS[len(path)]
    parent = "" if level == 1 else path[: {2: 2, 3: 4, 4: 6, 5: 9}[level]].ljust(12, "0")
    return {"level": level, "parent": parent, "path": path}


def put_organs(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`orgcode, orgName, shortName?, areaCode, parentCode?, isActive?`. A parent may come later in the file, or later still."""

    def read(f: Fields, known: Known) -> str:
        code = f.organ("orgcode" if f.row.get("orgcode") else "deptCode", "code", required=True)
        f.text("orgName", 200, "name", required=True)
        f.text("shortName", 50, "short_name")
        area = f.area("areaCode", "area", required=True)
        parent = f.organ("parentCode", "parent")
        f.flag("isActive", "is_active")
        _look_for(f, known, "areaCode", Region, area)
        if parent and parent == code:
            f.refuse("parentCode", "own_parent", "parentCode 不能是本单位自己。")
        return code

    def create(values: dict[str, Any]) -> Organ:
        return Organ(**values, path=f"/{values['code']}/")

    outcomes = _put("organs", Organ, rows, read, create=create)
    settle_organ_paths()
    return outcomes


def settle_organ_paths() -> None:
    """Every organ's path runs from the top down to itself; one whose parent is not listed is a top of its own."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE tree (code, path) AS ("
            " SELECT o.code, '/' || o.code || '/' FROM directory_organ o"
            " WHERE o.parent = '' OR NOT EXISTS (SELECT FROM directory_organ p WHERE p.code = o.parent)"
            " UNION ALL SELECT o.code, tree.path || o.code || '/' FROM directory_organ o JOIN tree ON o.parent = tree.code)"
            " UPDATE directory_organ o SET path = tree.path FROM tree WHERE o.code = tree.code AND o.path <> tree.path"
        )


def put_halls(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`hallCode, hallName, hallKind?, areaCode, address?, isActive?`: down to village stations 村级便民服务站."""

    def read(f: Fields, known: Known) -> str:
        code = f.text("hallCode", 64, "code", required=True)
        f.text("hallName", 200, "name", required=True)
        f.choice("hallKind", "kind", rules.HALL_KINDS)
        area = f.area("areaCode", "area", required=True)
        f.text("address", 200, "address")
        f.flag("isActive", "is_active")
        _look_for(f, known, "areaCode", Region, area)
        return code

    return _put("halls", Hall, rows, read)


def put_windows(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`windowNo, windowName, hallCode, orgcode, windowKind?, isActive?`: hall and organ must be known."""

    def read(f: Fields, known: Known) -> str:
        code = f.text("windowNo", 64, "code", required=True)
        f.text("windowName", 100, "name", required=True)
        hall = f.text("hallCode", 64, "hall", required=True)
        organ = f.organ("orgcode", "organ", required=True)
        f.choice("windowKind", "kind", rules.WINDOW_KINDS)
        f.flag("isActive", "is_active")
        _need(f, known, "hallCode", Hall, hall)
        _need(f, known, "orgcode", Organ, organ)
        return code

    return _put("windows", Window, rows, read)


def put_clerks(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`clerkNo, clerkName, orgcode, windowNo?, isActive?`: the organ must be known, and the window if one is named."""

    def read(f: Fields, known: Known) -> str:
        number = f.text("clerkNo", 64, "number", required=True)
        f.text("clerkName", 64, "name", required=True)
        organ = f.organ("orgcode", "organ", required=True)
        window = f.text("windowNo", 64, "window")
        f.flag("isActive", "is_active")
        _need(f, known, "orgcode", Organ, organ)
        if window:
            _need(f, known, "windowNo", Window, window)
        return number

    return _put("clerks", Clerk, rows, read)


def put_themes(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`themeCode, themeName, taskCodes`: one life event 一件事 and the items it bundles; unknown items are warned about."""
    directory = queries.snapshot()

    def read(f: Fields, known: Known) -> str:  # noqa: ARG001
        code = f.text("themeCode", 50, "code", required=True)
        f.text("themeName", 100, "name", required=True)
        codes = [str(entry).strip() for entry in f.entries("taskCodes", "items")]
        f.warn(*(f"事项不在目录：{item}" for item in codes if directory.item(item) is None))
        if any(len(item) > 64 for item in codes):
            f.refuse("taskCodes", "too_long", "taskCodes 中有超过 64 个字符的编码。")
        return code

    return _put("themes", Theme, rows, read)


def _need(f: Fields, known: Known, name: str, model: type[models.Model], code: str) -> None:
    if code and not known.has(model, code):
        f.refuse(name, "unknown", f"{name} {code} 尚未登记，请先导入。")


def _look_for(f: Fields, known: Known, name: str, model: type[models.Model], code: str) -> None:
    if code and not known.has(model, code):
        f.warn(f"{name} 不在区划表内：{code}")


def _put(
    kind: str,
    model: type[models.Model],
    rows: Sequence[Mapping[str, str]],
    read: Callable[[Fields, Known], str],
    *,
    create: Callable[[dict[str, Any]], models.Model] | None = None,
) -> list[Outcome]:
    with writing(kind):
        known = Known()
        parsed = [(f := Fields(row), read(f, known)) for row in rows]
        stored: dict[str, models.Model] = model._default_manager.in_bulk([key for _, key in parsed])  # noqa: SLF001
        new: dict[str, models.Model] = {}
        changed: dict[str, models.Model] = {}
        outcomes = []
        seen = Counter(key for f, key in parsed if not f.errors)
        for f, key in parsed:
            if seen[key] > 1:
                f.warn("文件内编码重复，以最后一行为准")
            if f.errors:
                outcomes.append(Outcome("rejected", key, tuple(f.errors), tuple(f.warnings)))
                continue
            row = stored.get(key)
            if row is None:
                status = "created"
                stored[key] = new[key] = create(f.values) if create else model(**f.values)
            else:
                status = "updated" if take(row, f.values) else "unchanged"
                if status == "updated" and key not in new:
                    changed[key] = row
            outcomes.append(Outcome(status, key, warnings=tuple(f.warnings)))
        save(model, new.values(), changed.values())
    return outcomes


def take(row: models.Model, values: Mapping[str, Any]) -> bool:
    """Set what differs; whether anything did."""
    differing = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)


def save(model: type[models.Model], new: Iterable[models.Model], changed: Iterable[models.Model]) -> None:
    manager = model._default_manager  # noqa: SLF001
    manager.bulk_create(new, batch_size=BATCH)
    if changed := list(changed):
        names = [f.attname for f in model._meta.concrete_fields if not f.primary_key]
        manager.bulk_update(changed, names, batch_size=BATCH)
