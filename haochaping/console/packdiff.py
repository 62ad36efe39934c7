"""What differs between two packs, figure by figure, in plain Chinese. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import msgspec.inspect as shape

from haochaping.console import packwords
from haochaping.console.packwords import Label, bare, is_limit, is_sourced, own_fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from haochaping.policy.pack import Policy

NOTHING = "不设"


class Change(NamedTuple):
    """One thing that differs. `is_figure` is False where only its source, note or flag 暂定 does."""

    key: str  # section
    section: str
    what: str
    old: str
    new: str
    is_figure: bool = True


def changes(before: Policy, after: Policy) -> list[Change]:
    """Every difference but place and day, in the order of the pack."""
    walk = _Walk(before.sources, after.sources)
    found: list[Change] = []
    for key, field in packwords.sections().items():
        label = packwords.LABELS[f"Policy.{key}"]
        for what, old, new, is_figure in walk.pair(field.type, label, getattr(before, key), getattr(after, key)):
            found.append(Change(key, label.title, what, old, new, is_figure and key != "name"))
    return found


Found = tuple[str, str, str, bool]


class _Walk:
    def __init__(self, old_sources: Mapping[str, str], new_sources: Mapping[str, str]) -> None:
        self.titles = (old_sources, new_sources)

    def pair(self, kind: shape.Type, label: Label, old: Any, new: Any) -> Iterator[Found]:
        """What differs, each with the way to it from here ("" = here itself)."""
        kind, _ = bare(kind)
        if old == new:
            if is_sourced(kind) and old is not None:
                yield from self._basis(old, new)
            return
        if old is None or new is None:
            yield "", say(kind, label, old), say(kind, label, new), True
        elif is_limit(kind):
            if old.term != new.term:
                yield "", str(old), str(new), True
            yield from self._basis(old, new)
        elif isinstance(kind, shape.StructType):
            for field in own_fields(kind):
                inner = packwords.label(kind.cls, field.name)
                yield from _under(
                    inner.title, self.pair(field.type, inner, getattr(old, field.name), getattr(new, field.name))
                )
            if is_sourced(kind):
                yield from self._basis(old, new)
        elif isinstance(kind, shape.VarTupleType) and isinstance(kind.item_type, shape.StructType):
            yield from self._rows(kind.item_type, label, old, new)
        elif isinstance(kind, shape.TupleType):
            for item, part, one, other in zip(kind.item_types, label.parts, old, new, strict=True):
                yield from _under(part, self.pair(item, Label(part), one, other))
        elif isinstance(kind, shape.DictType):
            for key in dict.fromkeys((*old, *new)):
                if old.get(key) != new.get(key):
                    yield "", old.get(key, "（无）"), new.get(key, "（删去）"), False
        else:
            yield "", say(kind, label, old), say(kind, label, new), True

    def _rows(self, kind: shape.StructType, label: Label, old: Any, new: Any) -> Iterator[Found]:
        """Rows are the same by their first key where it tells them apart (渠道, 代号), else by their place."""
        first = own_fields(kind)[0]
        is_keyed = not isinstance(bare(first.type)[0], shape.StructType)
        olds, news = (
            {getattr(row, first.name) if is_keyed else n: row for n, row in enumerate(rows)} for rows in (old, new)
        )
        for key in dict.fromkeys((*olds, *news)):
            one, other = olds.get(key), news.get(key)
            title = say(first.type, packwords.label(kind.cls, first.name), key) if is_keyed else f"第{key + 1}项"
            if one is None or other is None:
                yield title, say(kind, label, one, none="（无）"), say(kind, label, other, none="（删去）"), True
            else:
                yield from _under(title, self.pair(kind, label, one, other))

    def _basis(self, old: Any, new: Any) -> Iterator[Found]:
        one, other = self._said(old, 0), self._said(new, 1)
        if one != other:
            yield "依据", one, other, False

    def _said(self, sourced: Any, side: int) -> str:
        words = [self.titles[side].get(sourced.source, "") or "无出处"]
        if not sourced.stated:
            words.append("暂定")
        return "，".join([*words, *([sourced.note] if sourced.note else [])])


def _under(title: str, found: Iterator[Found]) -> Iterator[Found]:
    for what, old, new, is_figure in found:
        yield " · ".join(filter(None, (title, what))), old, new, is_figure


def say(kind: shape.Type, label: Label, value: Any, none: str = NOTHING) -> str:
    """A value of a pack in words."""
    kind, _ = bare(kind)
    if value is None:
        return none
    if is_limit(kind):
        return str(value)
    if isinstance(value, msgspec.Struct) and isinstance(kind, shape.StructType):
        return "，".join(
            f"{inner.title}：{say(field.type, inner, getattr(value, field.name))}"
            for field in own_fields(kind)
            for inner in [packwords.label(kind.cls, field.name)]
        )
    if isinstance(value, tuple):
        if label.parts:
            return "；".join(f"{part} {each}" for part, each in zip(label.parts, value, strict=True))
        item = kind.item_type if isinstance(kind, shape.VarTupleType) else kind
        return "、".join(say(item, label, each) for each in value) or NOTHING
    if label.choices is not None:
        return label.choices.get(value, str(value))
    if isinstance(value, bool):
        return "是" if value else "否"
    if label.is_share:
        return f"{round(value * 100, 4):g}%"
    return str(value) or "（空）"
