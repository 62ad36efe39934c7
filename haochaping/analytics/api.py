"""`GET /api/v1/statistics` (contract §3): figures of the metric dictionary, within the app's organs."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, cast

from ninja import Router

from haochaping.analytics.asked import read, refused
from haochaping.analytics.queries import figures, reach_of
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.accounts.signing import SignedBy
    from haochaping.analytics.queries import Figure

router = Router(tags=["statistics"])
MOST_ROWS = 10_000


@router.get("/statistics", summary="Figures with numerator, denominator and filter")
def statistics(request: HttpRequest) -> dict[str, Any]:
    """`metrics` and `by` are keys joined by commas, `from` and `to` days, both included; by default all metrics, this month.

    Further parameters filter: a dimension, `area` (code prefix) or `organ_path` (path prefix), with one value or several
    joined by commas. A figure is counted by its metric's own day (`basis`). Unknown names answer 422.
    """
    now = clock.now()
    asked = read({name: request.GET[name] for name in request.GET}, today=clock.day(now))
    actor = cast("SignedBy", request.auth).actor  # type: ignore[attr-defined]
    scopes = reach_of(actor)
    table = figures(asked.metrics, asked.by, asked.start, asked.end, asked.filters, now=now, scopes=scopes)
    if len(table.rows) > MOST_ROWS:
        raise refused("by", "too_many_rows", f"结果超过 {MOST_ROWS:,} 行，请缩小范围或减少维度。")
    return {
        "from": asked.start.isoformat(),
        "to": asked.end.isoformat(),
        "by": list(table.by),
        "metrics": {
            m.key: {
                "name": m.name,
                "formula": m.formula,
                "source": m.clause,
                "unit": m.unit,
                **({"measure": m.measure} if m.measure else {}),
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
