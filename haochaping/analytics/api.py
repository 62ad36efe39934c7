"""`GET /api/v1/statistics` (contract §3): figures of the metric dictionary, within the app's organs."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from ninja import Router

from haochaping.analytics.metrics import DIMENSIONS
from haochaping.analytics.queries import PREFIXES, figures, reach_of
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.analytics.queries import Figure

router = Router(tags=["statistics"])
LONGEST = timedelta(days=3 * 366)
MOST_ROWS = 10_000
_WORDS = {"metrics", "by", "from", "to"}
_NUMBERS = {"channel", "level"}


@router.get("/statistics", summary="Figures with numerator, denominator and filter")
def statistics(request: HttpRequest) -> dict[str, Any]:
    """`metrics` and `by` are keys joined by commas, `from` and `to` days, both included; by default this month.

    Further parameters filter: a dimension, `area` (code prefix) or `organ_path` (path prefix), with one value or several
    joined by commas. A figure is counted by its metric's own day (`basis`). Unknown names answer 422.
    """
    query = request.GET
    now = clock.now()
    today = clock.day(now)
    start, end = _day(query, "from", today.replace(day=1)), _day(query, "to", today)
    if not timedelta(0) <= end - start <= LONGEST:
        raise _refused("to", "out_of_range", "to 应不早于 from，且相距不超过三年。")
    table = figures(
        _names(query.get("metrics", "")),
        _names(query.get("by", "")),
        start,
        end,
        {name: _values(name, query[name]) for name in query if name not in _WORDS},
        now=now,
        scopes=reach_of(request.auth.actor),  # type: ignore[attr-defined]  Signed put it there
    )
    if len(table.rows) > MOST_ROWS:
        raise _refused("by", "too_many_rows", f"结果超过 {MOST_ROWS:,} 行，请缩小范围或减少维度。")
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "by": list(table.by),
        "metrics": {
            m.key: {
                "name": m.name,
                "formula": m.formula,
                "source": m.clause,
                "unit": m.unit,
                "better": m.better,
                "basis": m.basis,
            }
            for m in table.metrics
        },
        "rows": [
            {**{name: _plain(key) for name, key in row.keys.items()}, **{k: _told(f) for k, f in row.figures.items()}}
            for row in table.rows
        ],
    }


def _told(figure: Figure) -> dict[str, Any]:
    interval = figure.interval
    return {
        "value": figure.value,
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "filter": figure.filter,
        **({"low": interval[0], "high": interval[1]} if interval else {}),
    }


def _plain(key: Any) -> Any:
    return key.isoformat() if isinstance(key, date) else key


def _day(query: Any, name: str, default: date) -> date:
    text = query.get(name)
    try:
        return date.fromisoformat(text) if text else default
    except ValueError:
        raise _refused(name, "not_a_day", f"{name} 应为 yyyy-MM-dd。") from None


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _values(name: str, text: str) -> list[Any]:
    """The values of a filter in the type of its dimension; names that are not known are refused by `figures`."""
    values = _names(text)
    if name not in DIMENSIONS and name not in PREFIXES:
        return values
    try:
        if name == "day":
            return [date.fromisoformat(value) for value in values]
        if name in _NUMBERS:
            return [int(value) for value in values]
        if name == "real_name":
            return [{"true": True, "false": False}[value] for value in values]
    except (ValueError, KeyError):
        raise _refused(name, "malformed", f"筛选项 {name} 的值不正确。") from None
    return values or [""]  # the empty point is a value


def _refused(field: str, code: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, code, message),))
