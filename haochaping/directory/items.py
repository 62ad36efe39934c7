"""Writing items, dated version by version, and their guides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.directory import queries, rules
from haochaping.directory.commands import Outcome, save, take, writing
from haochaping.directory.fields import Fields
from haochaping.directory.models import Guide, Item, Organ
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

VERSIONED = ("name", "kind", "organ", "area")  # a change of one of these is another version of the item
Key = tuple[str, str]


def put_items(rows: Sequence[Mapping[str, str]], now: datetime, notes: Sequence[Sequence[str]] = ()) -> list[Outcome]:
    """`taskCode, taskHandleItem?, taskName, taskType?, orgcode | deptCode | deptName, areaCode?, subMatter?, …`.

    A changed name, type, organ or area closes the version in force and opens the next on `validFrom` (default: the day
    of `now`), with the guide carried over; any other change is made in the version itself. Wrong check digits and the
    like are kept as warnings with the item. `notes` are warnings of the caller's, one list a row.
    """
    with writing("items"):
        organs = _Organs()
        parsed = []
        for place, row in enumerate(rows):
            f = Fields(row)
            parsed.append((f, _read_item(f, organs)))
            if notes:
                f.warn(*notes[place])
        writer = _Writer({task for _, (task, _) in parsed}, clock.day(now))
        outcomes = [writer.put(f, key) for f, key in parsed]
        writer.save()
    return outcomes


class _Organs:
    """Finds the organ a row names: by code, else by its name in the area."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}
        self.names: dict[tuple[str, str], str] = {}
        for code, name, short_name, area in Organ.objects.values_list("code", "name", "short_name", "area"):
            self.codes[code] = area
            self.names.setdefault((area, name), code)
            if short_name:
                self.names.setdefault((area, short_name), code)

    def find(self, code: str, area: str, name: str) -> str:
        return code if code in self.codes else self.names.get((area, name), "")


def _read_item(f: Fields, organs: _Organs) -> Key:
    given = f.text("taskCode", 64, required=True)
    code = rules.read_task_code(given, f.text("taskHandleItem", 33))
    if given:
        f.warn(*code.warnings)
    f.text("taskName", 500, "name", required=True)
    area = f.area("areaCode", "area")
    organ = ""
    odd: tuple[str, ...] = ()
    for column in ("orgcode", "deptCode"):
        bare, warnings = rules.read_organ_code(f.text(column, 64))
        organ = organ or organs.find(bare, area, "")
        odd = warnings if f.row.get(column) else odd  # what the department itself wrote is what is odd
    f.warn(*odd)
    name = f.text("deptName", 200) or f.text("orgName", 200)
    organ = organ or organs.find("", area, name)
    if organ:
        f.values["organ"] = organ
        f.values.setdefault("area", code.area or organs.codes[organ])
        if code.organ and code.organ != organ and len(code.organ) == 18:
            f.warn(f"事项编码主体与部门不同：{code.organ} 与 {organ}")
    else:
        column = "orgcode" if f.row.get("orgcode") else "deptCode"
        what = f.row.get(column) or name
        f.refuse(column, "organ_unknown", f'单位 {what} 尚未登记：请先导入单位，或在映射中写 create = ["organs"]。')
    kind, warnings = rules.read_type(f.text("taskType", 4))
    f.warn(*warnings)
    f.values["kind"] = kind or rules.item_type_of(code)
    f.text("subMatter", 50, "theme")
    f.flag("isForEnterprises", "is_for_enterprises")
    f.day("validFrom", "valid_from")
    f.day("validTo", "valid_to")
    others = [str(entry) for entry in f.entries("otherCodes")] + rules.split_list(f.row.get("proTaskCode", ""))
    if "otherCodes" in f.row or "proTaskCode" in f.row:
        f.values["other_codes"] = list(dict.fromkeys(others))
    if any(len(other) > 100 for other in others):
        f.refuse("otherCodes", "too_long", "otherCodes 中有超过 100 个字符的编码。")
    return code.task_code, code.handle_item


class _Writer:
    """The versions of the items at hand, and what is to be written of them."""

    def __init__(self, tasks: set[str], today: date) -> None:
        self.today = today
        self.versions: dict[Key, list[Item]] = {}
        self.new: list[Item] = []
        self.changed: dict[int, Item] = {}
        self.follows: list[tuple[Item, Item]] = []  # a new version, and the one whose guide it takes over
        for item in Item.objects.filter(task_code__in=tasks).order_by("version"):
            self.versions.setdefault((item.task_code, item.handle_item), []).append(item)

    def put(self, f: Fields, key: Key) -> Outcome:
        name = key[1] or key[0]
        if f.errors:
            return Outcome("rejected", name, tuple(f.errors), tuple(f.warnings))
        values: dict[str, Any] = {**f.values, "warnings": list(f.warnings)}
        given = values.pop("valid_from", None)
        known = self.versions.get(key)
        if not known:
            status = "created"
            self._open(key, values, given or self.today, None)
        else:
            version = next((v for v in known if v.valid_from == given), known[-1])
            if given and given < version.valid_from:
                message = f"validFrom 早于已登记的版本（{version.valid_from}）。"
                f.refuse("validFrom", "older_version", message)
                return Outcome("rejected", name, tuple(f.errors), tuple(f.warnings))
            status = self._change(key, version, values, given or self.today)
        return Outcome(status, name, warnings=tuple(f.warnings))

    def _change(self, key: Key, version: Item, values: dict[str, Any], day: date) -> str:
        differs = any(name in values and getattr(version, name) != values[name] for name in VERSIONED)
        if differs and day > version.valid_from and version is self.versions[key][-1]:
            version.valid_to = day
            self._note(version)
            old = {f.attname: getattr(version, f.attname) for f in Item._meta.concrete_fields if f.attname != "id"}
            self._open(key, {**old, "valid_to": None, **values, "version": version.version + 1}, day, version)
            return "updated"
        if not take(version, values):
            return "unchanged"
        self._note(version)
        return "updated"

    def _open(self, key: Key, values: dict[str, Any], day: date, follows: Item | None) -> None:
        item = Item(**{**values, "task_code": key[0], "handle_item": key[1], "valid_from": day})
        self.versions.setdefault(key, []).append(item)
        self.new.append(item)
        if follows is not None:
            self.follows.append((item, follows))

    def _note(self, item: Item) -> None:
        if item.pk is not None:
            self.changed[item.pk] = item

    def save(self) -> None:
        save(Item, self.new, self.changed.values())
        guides = Guide.objects.in_bulk([old.pk for _, old in self.follows])
        copies = []
        for item, old in self.follows:
            if guide := guides.get(old.pk):
                columns = {f.attname: getattr(guide, f.attname) for f in Guide._meta.concrete_fields}
                copies.append(Guide(**{**columns, "item_id": item.pk}))
        Guide.objects.bulk_create(copies)


def put_guides(rows: Sequence[Mapping[str, str]]) -> list[Outcome]:
    """`taskCode, taskHandleItem?, conditions?, materials?, steps?, promiseDay?, anticipateDay?, fees?, ratingChannels?`.

    Materials and steps are JSON arrays or one entry a line. The guide belongs to the newest version of its item.
    """
    with writing("items"):
        directory = queries.snapshot()
        parsed = []
        for row in rows:
            f = Fields(row)
            code = rules.read_task_code(f.text("taskCode", 64, required=True), f.text("taskHandleItem", 33))
            item = directory.item(code.task_code, code.handle_item)
            _read_guide(f)
            if item is None and code.task_code:
                f.refuse("taskCode", "item_unknown", f"事项 {code.task_code} 尚未登记，请先导入。")
            parsed.append((f, code.handle_item or code.task_code, item.id if item else 0))
        stored: dict[int, Guide] = Guide.objects.in_bulk([id_ for _, _, id_ in parsed])
        new: dict[int, Guide] = {}
        changed: dict[int, Guide] = {}
        outcomes = []
        for f, key, id_ in parsed:
            if f.errors:
                outcomes.append(Outcome("rejected", key, tuple(f.errors)))
            elif (guide := stored.get(id_)) is None:
                stored[id_] = new[id_] = Guide(item_id=id_, **f.values)
                outcomes.append(Outcome("created", key))
            elif take(guide, f.values):
                changed |= {} if id_ in new else {id_: guide}
                outcomes.append(Outcome("updated", key))
            else:
                outcomes.append(Outcome("unchanged", key))
        save(Guide, new.values(), changed.values())
    return outcomes


def _read_guide(f: Fields) -> None:
    f.text("conditions", 20_000, "conditions")
    f.entries("materials", "materials")
    f.entries("steps", "steps")
    f.number("promiseDay", "promise_days")
    f.number("anticipateDay", "statutory_days")
    f.text("fees", 5_000, "fees")
    channels = [str(entry) for entry in f.entries("ratingChannels")]
    if not all(channel in set("123456789") for channel in channels):
        f.refuse("ratingChannels", "unknown_value", "ratingChannels 应为 1 至 9 的评价渠道代码。")
    elif "ratingChannels" in f.row:
        f.values["rating_channels"] = [int(channel) for channel in channels]
