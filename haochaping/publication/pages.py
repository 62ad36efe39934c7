"""`/public/`: one month's figures for everybody, and the same table as CSV."""

from __future__ import annotations

import csv
from datetime import date
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.publication import queries

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.publication.queries import Published


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    shown = _asked(request)
    answer = render(request, "publication/index.html", {"shown": shown, "metrics": queries.COLUMNS})
    answer["Cache-Control"] = "private, max-age=60"
    return answer


@require_safe
def table(request: HttpRequest) -> HttpResponse:
    shown = _asked(request)
    answer = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")  # the mark by which Excel knows UTF-8
    name = f"haochaping-{shown.start:%Y-%m}{'-' + shown.area if shown.area else ''}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    csv.writer(answer).writerows(queries.sheet(shown))
    return answer


def _asked(request: HttpRequest) -> Published:
    now = clock.now()
    text = request.GET.get("month", "")
    try:
        month = date.fromisoformat(f"{text}-01") if text else clock.day(now).replace(day=1)
    except ValueError:
        raise Refused("not_found", 404, "没有这一期的公示数据。") from None
    return queries.published(month, request.GET.get("area", ""), now=now)
