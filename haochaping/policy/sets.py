"""A region's own indicators as a version 指标集: its lines, what must hold of a page, what changed in words. Pure.

National indicators are the nation's: a region can neither change nor drop them, only put its own beside them, under codes of
a range that the nation does not use and that are never sent upward.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from haochaping.kit.errors import FieldError, Refused
from haochaping.policy.pack import ASPECTS, CHANNELS, LEVELS
from haochaping.policy.rules import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from haochaping.policy.rules import Norm

MOST = 12  # at one level of one page, so that it stays short
LEAST = {
    level: 3 if level <= 2 else 1 for level in LEVELS
}  # a bad rating wants a reason: there must be a choice of them
NAME_MOST = 24
LETTERS = {2: "P", 4: "C", 6: "D", 9: "T", 12: "V"}  # province, city, district, town, village: a range of codes each
LEVEL_NAMES = {5: "非常满意", 4: "满意", 3: "基本满意", 2: "不满意", 1: "非常不满意"}
HEADER = ("编码", "名称", "等级", "维度", "环节", "渠道", "在用", "来源")
_YES, _NO = ("是", "在用", "1", ""), ("否", "停用", "0")


@dataclass(frozen=True)
class Line:
    """One indicator of a region's own."""

    code: str
    name: str
    level: int
    dimension: str = "business"
    aspect: str = ""  # "" = all
    channels: tuple[int, ...] = ()  # none = all
    is_active: bool = True

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Line:
        """As kept in `IndicatorSet.lines`."""
        return cls(**{**kept, "channels": tuple(kept["channels"])})

    @classmethod
    def of_norm(cls, norm: Norm) -> Line:
        return cls(norm.code, norm.name, norm.level, norm.dimension, norm.aspect, tuple(norm.channels), norm.is_active)

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"channels": list(self.channels)}

    @property
    def said(self) -> str:
        """Where it is offered, in words."""
        return f"{LEVEL_NAMES[self.level]}，{DIMENSIONS[self.dimension]}，{aspect_words(self.aspect)}，{channel_words(self.channels)}"


def aspect_words(aspect: str) -> str:
    return ASPECTS[aspect] if aspect else "全部环节"


def channel_words(channels: Sequence[int]) -> str:
    return "、".join(CHANNELS[pf] for pf in channels) or "全部渠道"


def in_order(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.level, line.code))


def next_code(region: str, level: int, taken: Iterable[str]) -> str:
    """The next free code of the region at a level, as P2001: its letter, the level, a number. Used ones are never used again."""
    head = f"{LETTERS[len(region)]}{level}"
    used = [int(code[2:]) for code in taken if re.fullmatch(rf"{head}\d{{3}}", code)]
    number = max(used, default=0) + 1
    if number > 999:
        raise Refused("codes_used_up", 409, f"{LEVEL_NAMES[level]}的编码已用完（{head}999）。")
    return f"{head}{number:03}"


def checked(line: Line) -> Line:
    """The line with its name trimmed and channels in order; Refused (422) with every field that is wrong."""
    name = re.sub(r"\s+", " ", line.name).strip()
    errors = [
        FieldError(field, "not_allowed", message)
        for field, holds, message in (
            ("name", 2 <= len(name) <= NAME_MOST and name.isprintable(), f"名称应为 2 至 {NAME_MOST} 个字。"),
            ("level", line.level in LEVELS, "请选择等级。"),
            ("dimension", line.dimension in DIMENSIONS, "请选择维度。"),
            ("aspect", line.aspect in {"", *ASPECTS}, "请选择环节。"),
            ("channels", set(line.channels) <= set(CHANNELS), "请选择渠道。"),
        )
        if not holds
    ]
    if errors:
        raise Refused("fields_refused", 422, errors[0].message, tuple(errors))
    channels = tuple(sorted(set(line.channels)))
    return replace(line, name=name, channels=() if len(channels) == len(CHANNELS) else channels)


def problems(lines: Iterable[Line], upper: Iterable[Line]) -> list[str]:
    """What must not be on any page of the region, where `upper` are the indicators it has from above."""
    shown = [line for line in (*upper, *lines) if line.is_active]
    found = [
        f"“{name}”在{LEVEL_NAMES[level]}中出现了 {n} 次，请改名或停用其一。"
        for (level, name), n in Counter((line.level, line.name) for line in shown).items()
        if n > 1
    ]
    for level in LEVELS:
        here = [line for line in shown if line.level == level]
        pages = {(aspect, pf): _count(here, aspect, pf) for aspect in ASPECTS for pf in CHANNELS}
        few, many = min(pages, key=lambda page: pages[page]), max(pages, key=lambda page: pages[page])
        if pages[few] < LEAST[level]:
            where = f"{ASPECTS[few[0]]}、{CHANNELS[few[1]]}"
            found.append(f"{LEVEL_NAMES[level]}在“{where}”只有 {pages[few]} 项，至少应有 {LEAST[level]} 项。")
        if pages[many] > MOST:
            where = f"{ASPECTS[many[0]]}、{CHANNELS[many[1]]}"
            found.append(
                f"{LEVEL_NAMES[level]}在“{where}”有 {pages[many]} 项，最多 {MOST} 项，请停用或限定环节、渠道。"
            )
    return found


def _count(lines: Iterable[Line], aspect: str, pf: int) -> int:
    return sum(line.aspect in {"", aspect} and (not line.channels or pf in line.channels) for line in lines)


def differences(old: Iterable[Line], new: Iterable[Line]) -> list[str]:
    """What the new lines change, a sentence each, in the order of a page; nothing if they are the same."""
    before, after = ({line.code: line for line in lines} for lines in (old, new))
    found = []
    for line in in_order(after.values()):
        was = before.get(line.code)
        if was is None:
            if line.is_active:
                found.append(f"新增 {line.code}“{line.name}”（{line.said}）。")
        elif was != line:
            found.append(f"{line.code}“{was.name}”{'，'.join(_changes(was, line))}。")
    found += [f"删去 {line.code}“{line.name}”。" for line in in_order(before.values()) if line.code not in after]
    return found


def _changes(was: Line, line: Line) -> list[str]:
    said = []
    if was.is_active != line.is_active:
        said.append("恢复使用" if line.is_active else "停用")
    if was.name != line.name:
        said.append(f"改名为“{line.name}”")
    if was.dimension != line.dimension:
        said.append(f"维度由{DIMENSIONS[was.dimension]}改为{DIMENSIONS[line.dimension]}")
    if was.aspect != line.aspect:
        said.append(f"环节由{aspect_words(was.aspect)}改为{aspect_words(line.aspect)}")
    if was.channels != line.channels:
        said.append(f"渠道由{channel_words(was.channels)}改为{channel_words(line.channels)}")
    return said


def as_row(line: Line, source: str) -> list[str]:
    """A line of the sheet, as `from_row` reads it."""
    return [
        line.code, line.name, LEVEL_NAMES[line.level], DIMENSIONS[line.dimension],
        ASPECTS.get(line.aspect, "全部"), channel_words(line.channels) if line.channels else "全部",
        "是" if line.is_active else "否", source,
    ]  # fmt: skip


def from_row(cells: Mapping[str, str]) -> Line:
    """A line of a sheet, code empty for a new one; Refused (422) that says which word is not understood."""
    levels = {name: level for level, name in LEVEL_NAMES.items()} | {str(level): level for level in LEVELS}
    names = re.split(r"[、,，;；]", cells.get("渠道", "").strip() or "全部")
    pfs = {name: pf for pf, name in CHANNELS.items()} | {str(pf): pf for pf in CHANNELS}
    active = cells.get("在用", "").strip()
    return checked(
        Line(
            cells.get("编码", "").strip(),
            cells.get("名称", ""),
            _one("等级", cells.get("等级", ""), levels),
            _one("维度", cells.get("维度", "") or "业务", {name: key for key, name in DIMENSIONS.items()}),
            _one(
                "环节",
                cells.get("环节", "") or "全部",
                {"全部": "", "全部环节": ""} | {name: key for key, name in ASPECTS.items()},
            ),
            ()
            if names in (["全部"], ["全部渠道"])
            else tuple(_one("渠道", name, pfs) for name in names if name.strip()),
            _one("在用", active, dict.fromkeys(_YES, True) | dict.fromkeys(_NO, False)),
        )
    )


def _one(title: str, word: str, known: Mapping[str, Any]) -> Any:
    try:
        return known[word.strip()]
    except KeyError:
        message = f"{title}“{word.strip()[:20]}”不认识，应为{'、'.join(key for key in known if key and not key.isdigit())}之一。"
        raise Refused("fields_refused", 422, message, (FieldError(title, "unknown", message),)) from None
