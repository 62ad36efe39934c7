"""`hcp export statistics`: figures as lines of a sheet."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from haochaping.analytics.asked import read
from haochaping.analytics.labels import label
from haochaping.analytics.queries import figures
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime


def statistics(words: Mapping[str, str], *, now: datetime) -> tuple[list[str], list[list[Any]]]:
    """Head and lines, one line per row and metric. `words` are the API's: metrics, by, from, to and filters.

    For whoever has the command line: everything, nothing hidden. Refused (422) for a word that is not known.
    """
    asked = read(words, today=clock.day(now))
    table = figures(asked.metrics, asked.by, asked.start, asked.end, asked.filters, now=now)
    head = [part for name in asked.by for part in (name, f"{name}Name")]
    head += ["metric", "metricName", "value", "numerator", "denominator", "low", "high", "unit", "formula", "filter"]
    lines = []
    for row in table.rows:
        keys = [
            part
            for name, key in row.keys.items()
            for part in (key.isoformat() if isinstance(key, date) else key, label(name, key))
        ]
        for figure in row.figures.values():
            low, high = figure.interval or (None, None)
            metric = figure.metric
            parts = [figure.value, figure.numerator, figure.denominator, low, high]
            lines.append([*keys, metric.key, metric.name, *parts, metric.unit.value, metric.formula, figure.filter])
    return head, lines
