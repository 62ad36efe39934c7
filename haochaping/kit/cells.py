"""Cells of sheets that people open in a spreadsheet program."""

from __future__ import annotations

import re

# What a spreadsheet takes for a formula, blanks before the sign included; also what we have guarded before (security T8).
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n＝＋－＠]")


def guarded(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe stands before what would begin one."""
    return "'" + text if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """What `guarded` was given: when such a file comes back."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text


def text(value: object) -> str:
    """A value as a cell's text: None is empty, a flag is 是 or 否. Guard it before it is written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value).replace("\x00", "")


def safe(value: object) -> str:
    """A value as guarded text. Numbers, also negative ones, stay numbers."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return str(value) if is_number else guarded(text(value))
