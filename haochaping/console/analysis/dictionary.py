"""指标口径: the metric dictionary as it stands in the code, for whoever wants to know what a figure means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.analytics.dimensions import DIMENSIONS
from haochaping.analytics.metrics import METRICS
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

UNIT_NAMES = {"count": "件", "ratio": "%", "score": "分", "duration": "时长"}
BETTER_NAMES = {"higher": "越高越好", "lower": "越低越好", "neither": "不分高低，不参加排名"}
PARTS = (("services", "服务与评价"), ("orders", "差评整改"))


@needs(*MAY_OPEN["metrics"])
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Every metric with name, formula, clause, unit, direction and the day by which it counts; every dimension by name."""
    groups = [
        (
            title,
            [
                (metric, UNIT_NAMES.get(metric.unit.value, metric.unit.value), BETTER_NAMES[metric.better.value])
                for metric in METRICS.values()
                if metric.basis.table == table
            ],
        )
        for table, title in PARTS
    ]
    dimensions = [(key, dimension.name) for key, dimension in DIMENSIONS.items()]
    return render(request, "console/analysis/metrics.html", {"groups": groups, "dimensions": dimensions})
