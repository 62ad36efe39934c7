"""From what somebody typed to a code: its code, its name, or so much of its name that only one fits. Pure."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NEAR = 5  # names that are listed where none, or more than one, fits
FULL_CODE = re.compile(r"[0-9A-Z]{18}")  # 统一社会信用代码
BETWEEN = re.compile(r"[,，、;；\n]+")  # what separates several


def code_of(typed: str, names: Mapping[str, str], what: str = "单位") -> str:
    """The code among `names` (name by code) that is meant; ValueError lists the names that are near, or that all fit."""
    text = " ".join(typed.split())
    if text in names:
        return text
    if exact := [code for code, name in names.items() if name == text]:
        fits = exact
    else:
        words = text.split()
        fits = [code for code, name in names.items() if words and all(word in name or word == code for word in words)]
    if len(fits) == 1:
        return fits[0]
    if fits:
        listed = "、".join(f"{names[code]}（{code}）" for code in fits[:NEAR])
        more = "等" if len(fits) > NEAR else ""
        raise ValueError(f"有{len(fits)}个{what}符合“{text[:40]}”：{listed}{more}。请写全名称。")
    near = sorted(set(names.values()), key=lambda name: -_alike(text, name))[:NEAR]
    near = [name for name in near if _alike(text, name) > 0.3]
    told = f"相近的有：{'、'.join(near)}。" if near else "请换一个名称再试。"
    raise ValueError(f"您的管辖范围内没有名称含“{text[:40]}”的{what}，{told}")


def codes_of(typed: str, names: Mapping[str, str], what: str = "单位") -> list[str]:
    """As `code_of`, for several names or codes with separators between. A whole code that is not among them is left as it
    is: whoever takes it says why not.
    """
    parts = [part.strip() for part in BETWEEN.split(typed) if part.strip()]
    return [
        part if FULL_CODE.fullmatch(part) else code_of(part, names, what) for each in parts for part in _split(each)
    ]


def all_codes_of(typed: str, names: Mapping[str, str], what: str) -> list[str]:
    """As `code_of`, line by line, for things of which many share a name: a whole name, or the only name that fits, means all
    that bear it. A line may begin with a code.
    """
    by_name: dict[str, list[str]] = {}
    for code, name in names.items():
        by_name.setdefault(name, []).append(code)
    unique = {name: name for name in by_name}
    found: list[str] = []
    for line in BETWEEN.split(typed):
        words = line.split()
        if not words:
            continue
        found += [words[0]] if words[0] in names else by_name[code_of(line, unique, what)]
    return list(dict.fromkeys(found))


def _split(part: str) -> list[str]:
    """Codes were always taken with blanks between them."""
    words = part.split()
    return words if all(FULL_CODE.fullmatch(word) for word in words) else [part]


def _alike(text: str, name: str) -> float:
    return SequenceMatcher(None, text, name, autojunk=False).ratio()
