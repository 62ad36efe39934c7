"""A section of a pack as a form, drawn from the pack's shape: what stands in its fields, and what was typed, read back. Pure.

Between the two stands a flat mapping of field names to what is typed there, as a browser sends it: `written` makes it of a
value, `read` makes the value of it, `draw` the form of either, so that nothing that was typed is lost.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec.inspect as shape

from haochaping.console import packwords
from haochaping.console.packwords import Label, bare, is_limit, is_sourced, own_fields
from haochaping.kit.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Mapping

Typed = dict[str, list[str]]
ROWS_MOST = 60
LONGEST = 300  # characters of a field
NEW_SOURCE = "doc-{}"


@dataclass(frozen=True)
class Node:
    """A field, or a group of them. `kind` says how it is drawn."""

    kind: str  # group | limit | rows | row | optional | sources | text | number | share | switch | select | checks
    path: str
    title: str
    hint: str = ""
    values: tuple[str, ...] = ()
    choices: tuple[tuple[str, str], ...] = ()
    children: tuple[Node, ...] = ()
    basis: tuple[Node, ...] = ()  # source, stated, note
    wrong: str = ""

    @property
    def value(self) -> str:
        return self.values[0] if self.values else ""


def written(kind: shape.Type, value: Any, path: str) -> Typed:
    """What stands in the fields of this plain value (as JSON has it)."""
    kind, is_optional = bare(kind)
    if _has_switch(kind, is_optional):
        rest = written(kind, value, path) if value is not None else {}
        return {f"{path}.on": ["1"] if value is not None else [], **rest}
    if isinstance(kind, shape.StructType):
        found: Typed = {}
        for field in kind.fields:
            found |= written(field.type, value.get(field.name, _default(field)), f"{path}.{field.name}")
        if is_sourced(kind):
            found[f"{path}.stated"] = [] if value.get("stated", True) else ["no"]
        return found
    if isinstance(kind, shape.VarTupleType) and isinstance(kind.item_type, shape.StructType):
        found = {f"{path}.rows": [str(len(value))]}
        for n, row in enumerate(value):
            found |= written(kind.item_type, row, f"{path}.{n}")
        return found
    if isinstance(kind, shape.DictType):
        found = {f"{path}.rows": [str(len(value))]}
        for n, (key, title) in enumerate(value.items()):
            found |= {f"{path}.{n}.key": [key], f"{path}.{n}.title": [title]}
        return found
    if isinstance(kind, shape.TupleType):
        return {f"{path}.{n}": [str(each)] for n, each in enumerate(value)}
    if isinstance(kind, shape.VarTupleType):
        return {path: [str(each) for each in value]}
    if isinstance(kind, shape.BoolType):
        return {path: ["1"] if value else []}
    if isinstance(kind, shape.FloatType):
        return {path: [f"{round(value * 100, 4):g}"]}
    return {path: [] if value is None else [str(value)]}


def read(kind: shape.Type, typed: Typed, path: str, errors: list[FieldError]) -> Any:
    """The plain value that was typed, keys at their default left out; what is no number or missing is added to `errors`."""
    kind, is_optional = bare(kind)
    if _has_switch(kind, is_optional) and not typed.get(f"{path}.on"):
        return None
    if isinstance(kind, shape.StructType):
        return _read_struct(kind, typed, path, errors)
    if isinstance(kind, shape.VarTupleType) and isinstance(kind.item_type, shape.StructType):
        rows = (f"{path}.{n}" for n in range(_rows(typed, path)))
        return [_read_struct(kind.item_type, typed, row, errors) for row in rows if not _is_gone(typed, row)]
    if isinstance(kind, shape.DictType):
        return _read_sources(typed, path)
    if isinstance(kind, shape.TupleType):
        return [
            _read_one(item, _text(typed, f"{path}.{n}"), f"{path}.{n}", errors)
            for n, item in enumerate(kind.item_types)
        ]
    if isinstance(kind, shape.VarTupleType):
        return [_read_one(kind.item_type, each, path, errors) for each in typed.get(path, [])]
    if isinstance(kind, shape.BoolType):
        return bool(typed.get(path))
    text = _text(typed, path)
    return None if is_optional and not text else _read_one(kind, text, path, errors)


def _read_struct(kind: shape.StructType, typed: Typed, path: str, errors: list[FieldError]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in kind.fields:
        at = f"{path}.{field.name}"
        if is_sourced(kind) and field.name == "stated":
            value: Any = not typed.get(at)
        elif not field.required and isinstance(field.type, shape.StrType):
            value = _text(typed, at)
        else:
            value = read(field.type, typed, at, errors)
        if value is not None and value != _default(field) and not (value == [] and _default(field) == ()):
            found[field.name] = value
    return found


def _read_one(kind: shape.Type, text: str, path: str, errors: list[FieldError]) -> Any:
    if not text:
        errors.append(FieldError(path, "required", "请填写或选择"))
    elif isinstance(kind, shape.IntType):
        if re.fullmatch(r"-?\d{1,9}", text):
            return int(text)
        errors.append(FieldError(path, "wrong_type", "请填整数"))
    elif isinstance(kind, shape.FloatType):
        if re.fullmatch(r"\d{1,6}(\.\d{1,4})?", text.rstrip("%％")):
            return round(float(text.rstrip("%％")) / 100, 6)
        errors.append(FieldError(path, "wrong_type", "请填数字，如 10"))
    return text


def _read_sources(typed: Typed, path: str) -> dict[str, str]:
    """Titles by key; a new title gets a key of its own, one without a title goes."""
    rows = [(_text(typed, f"{path}.{n}.key"), _text(typed, f"{path}.{n}.title")) for n in range(_rows(typed, path))]
    taken = {key for key, _ in rows}
    found = {}
    for key, title in rows:
        if title and not key:
            key = next(key for n in range(1, 1000) if (key := NEW_SOURCE.format(n)) not in taken)  # noqa: PLW2901
            taken.add(key)
        if title:
            found[key] = title
    return found


def draw(
    field: shape.Field, label: Label, typed: Typed, path: str, *, errors: Mapping[str, str], sources: Mapping[str, str]
) -> Node:
    """The form of what is typed, each error at its field."""
    return _Drawing(typed, errors, sources).node(field.type, label, path)


def places(errors: tuple[FieldError, ...]) -> dict[str, str]:
    """Messages by the path of their field, as `parse` and `read` name it."""
    found: dict[str, str] = {}
    for error in errors:
        found.setdefault(re.sub(r"\[(\d+)\]", r".\1", error.field), error.message)
    return found


@dataclass(frozen=True)
class _Drawing:
    typed: Typed
    errors: Mapping[str, str]
    sources: Mapping[str, str]

    def node(self, kind: shape.Type, label: Label, path: str) -> Node:
        kind, is_optional = bare(kind)
        if _has_switch(kind, is_optional):
            inner = self._drawn(kind, label, path)
            return Node(
                "optional", path, label.title, label.hint, tuple(self.typed.get(f"{path}.on", ())), (), (inner,)
            )
        return self._drawn(kind, label, path, is_optional=is_optional)

    def _drawn(self, kind: shape.Type, label: Label, path: str, *, is_optional: bool = False) -> Node:
        wrong, values = self.errors.get(path, ""), tuple(self.typed.get(path, ()))
        title, hint = label.title, label.hint
        if isinstance(kind, shape.StructType):
            children = tuple(
                self.node(f.type, packwords.label(kind.cls, f.name), f"{path}.{f.name}") for f in own_fields(kind)
            )
            basis = self._basis(path) if is_sourced(kind) else ()
            return Node("limit" if is_limit(kind) else "group", path, title, hint, (), (), children, basis, wrong)
        if isinstance(kind, shape.VarTupleType) and isinstance(kind.item_type, shape.StructType):
            rows = self._rows(kind.item_type, path)
            return Node("rows", path, title, hint, (str(len(rows)),), (), rows, (), wrong)
        if isinstance(kind, shape.DictType):
            rows = tuple(self._source(f"{path}.{n}") for n in range(_rows(self.typed, path) + 1))
            return Node("sources", path, title, hint, (str(len(rows)),), (), rows, (), wrong)
        if isinstance(kind, shape.TupleType):
            children = tuple(
                self.node(item, Label(part), f"{path}.{n}")
                for n, (item, part) in enumerate(zip(kind.item_types, label.parts, strict=True))
            )
            return Node("group", path, title, hint, (), (), children, (), wrong)
        choices = tuple((str(key), word) for key, word in (label.choices or {}).items())
        if isinstance(kind, shape.VarTupleType):
            return Node("checks", path, title, hint, values, choices, wrong=wrong)
        if isinstance(kind, shape.BoolType):
            return Node("switch", path, title, hint, values, wrong=wrong)
        if choices:
            if is_optional or not values or values == ("",):
                choices = (("", "不设" if is_optional else "请选择"), *choices)
            return Node("select", path, title, hint, values, choices, wrong=wrong)
        drawn = (
            "number" if isinstance(kind, shape.IntType) else "share" if isinstance(kind, shape.FloatType) else "text"
        )
        return Node(drawn, path, title, hint, values, wrong=wrong)

    def _basis(self, path: str) -> tuple[Node, ...]:
        label = packwords.LABELS["Sourced.source"]
        named = tuple(self.sources.items())
        value = tuple(self.typed.get(f"{path}.source", ()))
        if value and value[0] and value[0] not in self.sources:  # typed once, gone since: shown, and refused
            named = (*named, (value[0], f"{value[0]}（已删去）"))
        source = Node(
            "select", f"{path}.source", label.title, "", value, (("", "（无出处）"), *named),
            wrong=self.errors.get(f"{path}.source", ""),
        )  # fmt: skip
        stated = packwords.LABELS["Sourced.stated"]
        note = packwords.LABELS["Sourced.note"]
        return (
            source,
            Node("switch", f"{path}.stated", stated.title, stated.hint, tuple(self.typed.get(f"{path}.stated", ()))),
            Node("text", f"{path}.note", note.title, "", tuple(self.typed.get(f"{path}.note", ()))),
        )

    def _rows(self, kind: shape.StructType, path: str) -> tuple[Node, ...]:
        """What is there, and one more to be filled in."""
        count = _rows(self.typed, path)
        while count and _is_blank(self.typed, f"{path}.{count - 1}"):
            count -= 1
        found = []
        for n in range(count + 1):
            at = f"{path}.{n}"
            inner = self._drawn(kind, Label(f"第{n + 1}项" if n < count else "新增"), at)
            gone = Node("switch", f"{at}.gone", "删去", "", tuple(self.typed.get(f"{at}.gone", ())))
            found.append(Node("row" if n < count else "new", at, inner.title, "", (), (), (*inner.children, *([gone] if n < count else ())), inner.basis, inner.wrong))  # fmt: skip
        return tuple(found)

    def _source(self, path: str) -> Node:
        key = _text(self.typed, f"{path}.key")
        title = "文件名" if key else "新增文件"
        return Node("source", path, title, "", (_text(self.typed, f"{path}.title"), key))


def _has_switch(kind: shape.Type, is_optional: bool) -> bool:
    """Whether a box says that there is any: for what has no empty value of its own."""
    return is_optional and isinstance(kind, shape.StructType | shape.TupleType)


def _default(field: shape.Field) -> Any:
    return None if field.required else field.default


def _text(typed: Typed, path: str) -> str:
    value = (typed.get(path) or [""])[-1]
    return re.sub(r"\s+", " ", re.sub(r"[\x00-\x08\x0e-\x1f\x7f]", "", value)).strip()[:LONGEST]


def _rows(typed: Typed, path: str) -> int:
    text = _text(typed, f"{path}.rows")
    return min(int(text), ROWS_MOST) if re.fullmatch(r"\d{1,3}", text) else 0


def _is_gone(typed: Typed, row: str) -> bool:
    return bool(typed.get(f"{row}.gone")) or _is_blank(typed, row)


def _is_blank(typed: Typed, row: str) -> bool:
    """A row in which nothing is typed; the box 暂定 alone makes none."""
    return not any(
        any(value.strip() for value in values)
        for name, values in typed.items()
        if name.startswith(f"{row}.") and not name.endswith((".stated", ".gone"))
    )
