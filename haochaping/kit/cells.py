"""Cells of sheets that people open in a spreadsheet program."""

from __future__ import annotations

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(value: object) -> str:
    """The value as text that no spreadsheet program takes for a formula: what would begin one gets a leading apostrophe.

    Blanks before the sign count too. Numbers, also negative ones, stay numbers; None is an empty cell (security T8).
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, (int, float)):
        return str(value)
    text = str(value).replace("\x00", "")
    return f"'{text}" if text.startswith(DANGEROUS) or text.lstrip().startswith(DANGEROUS) else text
