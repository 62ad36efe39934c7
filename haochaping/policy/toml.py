"""A pack's table as TOML, to be kept as a file and loaded again; `tomllib` reads back the same table. Pure."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def dumps(table: Mapping[str, Any]) -> str:
    """Plain values first, then a `[section]` for each table; what lies deeper stands inline. None is left out."""
    plain = [f"{_key(key)} = {_inline(value)}" for key, value in table.items() if _is_plain(value)]
    return "\n".join([*plain, *(line for key, value in table.items() for line in _section(_key(key), value))]) + "\n"


def _section(name: str, value: Any) -> Iterator[str]:
    if value is None or _is_plain(value):
        return
    if isinstance(value, list | tuple):
        for each in value:
            yield ""
            yield f"[[{name}]]"
            yield from _lines(each)
        return
    yield ""
    yield f"[{name}]"
    yield from _lines(value)


def _lines(table: Mapping[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if value is not None:
            yield f"{_key(key)} = {_inline(value)}"


def _is_plain(value: Any) -> bool:
    is_rows = isinstance(value, list | tuple) and value and all(isinstance(each, dict) for each in value)
    return value is not None and not isinstance(value, dict) and not is_rows


def _inline(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_inline(each)}" for key, each in value.items() if each is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_inline(each) for each in value)}]"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return repr(value)
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    is_bare = key and key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if is_bare else json.dumps(key, ensure_ascii=False)
