"""Column maps: how a foreign file's columns become our wire names. docs/imports.md describes the TOML."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from haochaping.channels.kinds import DAYS, TIMES, names
from haochaping.kit import clock, crypto
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

KEEP = "="  # `"*" = "="`: values that are not listed stay as they are
CREATES = {"items": {"organs"}, "services": {"organs", "items"}}


class Dates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How times are written in the file: strptime formats, tried in order, and the zone they are meant in."""

    format: str | list[str] = clock.WIRE_FORMAT
    zone: str = "Asia/Shanghai"

    def formats(self) -> list[str]:
        return [self.format] if isinstance(self.format, str) else self.format


class Derive(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"source": "from"}):
    """A field made of columns: joined, or the first that is filled; cut out by `match`; as `digits` of its SM3; with a prefix."""

    source: list[str]
    first: bool = False
    join: str = ""
    match: str = ""
    digits: int = 0
    prefix: str = ""  # may name wire fields that are known already: "{orgcode}3"
    suffix: str = ""

    def of(self, row: Mapping[str, str], wire: Mapping[str, str]) -> str:
        parts = [row.get(column, "").strip() for column in self.source]
        text = next(filter(None, parts), "") if self.first else self.join.join(filter(None, parts))
        if text and self.match:
            found = re.search(self.match, text)
            text = (found.group(1) if found.re.groups else found.group()) if found else ""
        if not text:
            return ""
        if self.digits:
            text = str(int.from_bytes(crypto.sm3(text.encode())) % 10**self.digits).zfill(self.digits)
        return self.prefix.format_map(dict(wire)) + text + self.suffix


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A map as it stands in TOML."""

    kind: str
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    derive: dict[str, Derive] = {}
    values: dict[str, dict[str, str]] = {}
    dates: Dates = Dates()
    warn: dict[str, dict[str, str]] = {}
    create: list[str] = []
    direction: str = ""  # best_is_five | best_is_one


@dataclass(frozen=True)
class ColumnMap:
    """A checked map. Without a table, the columns carry the wire names themselves."""

    kind: str
    table: Table | None = None
    zone: ZoneInfo = field(default=clock.CHINA)

    @property
    def best_is_one(self) -> bool:
        return self.table is not None and self.table.direction == "best_is_one"

    def creates(self, what: str) -> bool:
        return self.table is not None and what in self.table.create

    def check_header(self, columns: Iterable[str]) -> None:
        """Refused if the file has none of our wire names, or lacks a column that the map names."""
        have = set(columns)
        if self.table is None:
            if not have & names(self.kind):
                raise Refused("no_known_column", 422, f"没有一列是 {self.kind} 的字段名，请用 --map 说明各列的含义。")
            return
        wanted = {*self.table.columns.values(), *self.table.warn}
        wanted |= {column for derive in self.table.derive.values() for column in derive.source}
        if missing := sorted(wanted - have):
            raise Refused("column_missing", 422, f"文件没有映射所说的列：{'、'.join(missing)}。")

    def apply(self, row: Mapping[str, str]) -> tuple[dict[str, str], list[FieldError], list[str]]:
        """The wire record of a row, what could not be translated, and the warnings the map has for it."""
        if self.table is None:
            return {name: value.strip() for name, value in row.items()}, [], []
        wire = dict(self.table.constants)
        errors: list[FieldError] = []
        for name, column in self.table.columns.items():
            self._take(name, row.get(column, "").strip(), wire, errors)
        for name, derive in self.table.derive.items():
            self._take(name, derive.of(row, wire), wire, errors)
        warnings = [
            text for column, texts in self.table.warn.items() if (text := texts.get(row.get(column, "").strip()))
        ]
        return wire, errors, warnings

    def _take(self, name: str, value: str, wire: dict[str, str], errors: list[FieldError]) -> None:
        assert self.table is not None
        known = self.table.values.get(name)
        if known is not None and value not in known and value:
            if "*" not in known:
                wire[name] = ""
                errors.append(FieldError(name, "not_in_map", f"值“{value[:40]}”不在映射的对照表内。"))
                return
            value = value if known["*"] == KEEP else known["*"]
        elif known is not None:
            value = known.get(value, value)
        if value and name in TIMES | DAYS:
            moment = self._moment(value)
            if moment is None:
                errors.append(FieldError(name, "bad_time", f"时间“{value[:40]}”不合映射的格式。"))
                value = ""
            else:
                value = clock.to_wire(moment) if name in TIMES else moment.date().isoformat()
        wire[name] = value

    def _moment(self, text: str) -> datetime | None:
        assert self.table is not None
        for form in self.table.dates.formats():
            try:
                return datetime.strptime(text, form).replace(tzinfo=self.zone)
            except ValueError:
                continue
        return None


def load(path: Path | None, kind: str) -> ColumnMap:
    """The map of that file, checked; without a file, the identity. Refused names what is wrong with it."""
    if path is None:
        return ColumnMap(kind)
    try:
        table = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Table)
    except OSError as error:
        raise _refused(path, f"无法读取（{error.strerror}）") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise _refused(path, str(error)) from None
    if table.kind != kind:
        raise _refused(path, f"是 {table.kind} 的映射，不是 {kind} 的")
    given: dict[str, Any] = table.columns | table.constants | table.derive
    if unknown := sorted((set(given) | set(table.values)) - names(kind)):
        raise _refused(path, f"没有这样的字段：{'、'.join(unknown)}")
    if wrong := sorted(set(table.create) - CREATES.get(kind, set())):
        raise _refused(path, f"create 不能有 {'、'.join(wrong)}")
    if table.direction not in ({"best_is_five", "best_is_one"} if kind == "evaluations" else {""}):
        raise _refused(path, "direction 在评价的映射中必须写明 best_is_five 或 best_is_one（不作猜测），其他映射中不写")
    for name, derive in table.derive.items():
        _check(path, name, derive, given)
    try:
        return ColumnMap(kind, table, ZoneInfo(table.dates.zone))
    except (ZoneInfoNotFoundError, ValueError):
        raise _refused(path, f"没有时区 {table.dates.zone}") from None


def _check(path: Path, name: str, derive: Derive, given: Mapping[str, Any]) -> None:
    try:
        re.compile(derive.match)
        derive.prefix.format_map(dict.fromkeys(given, ""))
    except (re.error, KeyError, ValueError, IndexError) as error:
        raise _refused(path, f"derive.{name}：{error}") from None
    if not derive.source or not 0 <= derive.digits <= 20:
        raise _refused(path, f"derive.{name}：from 不能为空，digits 应为 0 至 20")


def _refused(path: Path, why: str) -> Refused:
    return Refused("map_refused", 422, f"映射 {path.name}：{why}。")
