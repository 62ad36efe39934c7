"""A question for figures as words: `metrics=…&by=…&from=…&to=…` and filters, from the API or the command line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from haochaping.accounts.rules import area_prefix
from haochaping.analytics.dimensions import DIMENSIONS, PREFIXES
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.periods import EARLIEST, LATEST
from haochaping.evaluation.rules import Channel, Level
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import IntEnum

LONGEST = timedelta(days=3 * 366)
_NUMBERS: dict[str, type[IntEnum]] = {"channel": Channel, "level": Level}
_TRUTHS = {"real_name", "has_case", "is_enterprise"}
_DAYS = {"day", "week"}


@dataclass(frozen=True)
class Asked:
    metrics: list[str]
    by: list[str]
    start: date
    end: date
    filters: dict[str, list[Any]]


def read(words: Mapping[str, str], *, today: date) -> Asked:
    """What is asked, values in the type of their dimension; Refused (422) with the field that is wrong."""
    start, end = _day(words, "from", today.replace(day=1)), _day(words, "to", today)
    if not timedelta(0) <= end - start <= LONGEST:
        raise refused("to", "out_of_range", "to 应不早于 from，且相距不超过三年。")
    filters = {name: _values(name, words[name]) for name in words if name not in {"metrics", "by", "from", "to"}}
    by = _names(words.get("by", ""))
    metrics = _names(words.get("metrics", "")) or [key for key in METRICS if not _strangers(key, [*by, *filters])]
    asked = Asked(metrics, by, start, end, filters)
    refuse_unknown(asked.metrics, asked.by, filters)
    return asked


def refuse_unknown(metrics: list[str], by: list[str], filters: Mapping[str, Any]) -> None:
    """Refused (422) that names every metric, dimension and filter there is not."""
    errors = [FieldError("metrics", "unknown_metric", f"没有指标 {key}。") for key in metrics if key not in METRICS]
    errors += [
        FieldError("by", "unknown_dimension", f"没有维度 {name}，可用 {'、'.join(DIMENSIONS)}。")
        for name in by
        if name not in DIMENSIONS
    ]
    errors += [
        FieldError(name, "unknown_filter", f"没有筛选项 {name}，可用 {'、'.join([*PREFIXES, *DIMENSIONS])}。")
        for name in filters
        if name not in DIMENSIONS and name not in PREFIXES
    ]
    errors += [
        FieldError(
            "by" if name in by else name, "not_of_this_metric", f"{DIMENSIONS[name].name}不用于“{METRICS[key].name}”。"
        )
        for key in metrics
        if key in METRICS
        for name in _strangers(key, [*by, *filters])
    ]
    if errors:
        raise Refused("fields_refused", 422, "".join(error.message for error in errors), tuple(errors))


def _strangers(metric: str, names: list[str]) -> list[str]:
    """The dimensions that this metric's cases do not have."""
    table = METRICS[metric].basis.table
    return [name for name in names if name in DIMENSIONS and table not in DIMENSIONS[name].tables]


def refused(field: str, code: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, code, message),))


def _day(words: Mapping[str, str], name: str, default: date) -> date:
    text = words.get(name)
    try:
        found = date.fromisoformat(text) if text else default
    except ValueError:
        raise refused(name, "not_a_day", f"{name} 应为 yyyy-MM-dd。") from None
    if not EARLIEST <= found <= LATEST:
        raise refused(name, "out_of_range", f"{name} 应在 {EARLIEST.year} 年至 {LATEST.year} 年之间。")
    return found


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _values(name: str, text: str) -> list[Any]:
    values = _names(text) or [""]  # the empty point is a value
    try:
        if name == "area":
            return [area_prefix(value.ljust(12, "0")) if value else "" for value in values]
        if name in _DAYS:
            return [date.fromisoformat(value) for value in values]
        if name in _NUMBERS:
            return [_NUMBERS[name](int(value)).value for value in values]
        if name in _TRUTHS:
            return [{"true": True, "false": False}[value] for value in values]
    except (ValueError, KeyError):
        raise refused(name, "malformed", f"筛选项 {name} 的值不正确。") from None
    return values
