"""Takes the fields of one row of master data, all text, and collects what is wrong and what is odd. Pure."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from haochaping.directory import rules
from haochaping.kit.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Mapping

WARNING_MOST = 100  # characters


class Fields:
    """A row read field by field. `values` holds only what the row has: an absent column leaves what is stored alone."""

    def __init__(self, row: Mapping[str, str]) -> None:
        self.row = row
        self.values: dict[str, Any] = {}
        self.errors: list[FieldError] = []
        self.warnings: list[str] = []

    def refuse(self, name: str, code: str, message: str) -> None:
        self.errors.append(FieldError(name, code, message))

    def warn(self, *warnings: str) -> None:
        for warning in warnings:
            short = warning if len(warning) <= WARNING_MOST else warning[: WARNING_MOST - 1] + "…"
            if short not in self.warnings:
                self.warnings.append(short)

    def text(self, name: str, most: int, into: str = "", *, required: bool = False) -> str:
        """The trimmed text; kept in `values[into]` if the row has the column."""
        value = self.row.get(name, "").strip()
        if required and not value:
            self.refuse(name, "required", f"缺少 {name}。")
        if "\x00" in value:
            self.refuse(name, "not_text", f"{name} 含有空字符，请去除。")
        elif len(value) > most:
            self.refuse(name, "too_long", f"{name} 最多 {most} 个字符，现有 {len(value)} 个。")
        elif into and name in self.row:
            self.values[into] = value
        return value

    def area(self, name: str, into: str, *, required: bool = False) -> str:
        given = self.text(name, 20, required=required)
        code = rules.read_area(given) if given else ""
        if given and not code:
            self.refuse(name, "bad_code", f"{name} 应为 12 位（或 6 位）行政区划代码。")
        if code:
            self.values[into] = code
        return code

    def organ(self, name: str, into: str, *, required: bool = False) -> str:
        """A department code as we keep them: at most 18 characters, capitals."""
        given = self.text(name, 64, required=required)
        code, warnings = rules.read_organ_code(given)
        self.warn(*warnings)
        if len(code) > 18:
            self.refuse(name, "bad_code", f"{name} 应为 18 位统一社会信用代码。")
        elif name in self.row:
            self.values[into] = code
        return code

    def number(self, name: str, into: str, most: int = 9999) -> None:
        text = self.text(name, 12)
        if text and not (text.isascii() and text.isdigit() and int(text) <= most):
            self.refuse(name, "out_of_range", f"{name} 应为 0 至 {most} 的整数。")
        elif name in self.row:
            self.values[into] = int(text) if text else None

    def flag(self, name: str, into: str) -> None:
        text = self.text(name, 10)
        known = {"1": True, "是": True, "true": True, "0": False, "否": False, "false": False}
        if text and text.lower() not in known:
            self.refuse(name, "unknown_value", f"{name} 应为 1（是）或 0（否）。")
        elif text:
            self.values[into] = known[text.lower()]

    def day(self, name: str, into: str = "") -> date | None:
        text = self.text(name, 30)
        if not text:
            return None
        try:
            found = date.fromisoformat(text[:10])
        except ValueError:
            self.refuse(name, "bad_time", f"{name} 应为 yyyy-MM-dd。")
            return None
        if into:
            self.values[into] = found
        return found

    def choice(self, name: str, into: str, table: Mapping[str, str]) -> None:
        """A key of `table`, or the Chinese word for it."""
        text = self.text(name, 20)
        key = text if text in table else next((key for key, word in table.items() if word == text), "")
        if text and not key:
            self.refuse(name, "unknown_value", f"{name} 的取值“{text}”不在代码表内：{'、'.join(table)}。")
        elif key:
            self.values[into] = key

    def entries(self, name: str, into: str = "") -> list[Any]:
        """A JSON array, or entries separated by commas, semicolons or line ends."""
        text = self.row.get(name, "").strip()
        found: list[Any]
        if text.startswith("["):
            try:
                found = json.loads(text)
                json.dumps(found, ensure_ascii=False).encode()  # no half of a surrogate pair
            except (ValueError, RecursionError):
                self.refuse(name, "not_json", f"{name} 不是完整的 JSON 数组。")
                return []
            if "\\u0000" in text:
                self.refuse(name, "not_text", f"{name} 含有空字符，请去除。")
                return []
        else:
            found = list(rules.split_list(text))
        if into and name in self.row:
            self.values[into] = found
        return found
