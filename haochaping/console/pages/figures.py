"""The overview: headline figures beside last month's, thirty days, and the places below; always with their parts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.analytics.metrics import Better, Unit
from haochaping.analytics.overview import DELAY, PLACES, TREND, K, attention, is_rated
from haochaping.analytics.overview import overview as overview_of
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, may_open
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.overview import Compared, Overview, Place
    from haochaping.analytics.queries import Figure

PLACE_NAMES = {"city": "设区市", "county": "县（市、区）", "organ": "单位"}


FOR_ENDED = frozenset({"on_time_rate", "rectified_rate"})  # over those alone whose time has come


class Tile(NamedTuple):
    """A headline figure as drawn: the change in words, and whether it is for the better (good, bad, "")."""

    figure: Figure
    before: Figure
    change: str
    verdict: str

    @property
    def is_of_ended(self) -> bool:
        return self.figure.metric.key in FOR_ENDED


def tile(compared: Compared) -> Tile:
    change, metric = compared.change, compared.figure.metric
    if change is None:
        return Tile(compared.figure, compared.before, "", "")
    if metric.unit is Unit.RATIO:
        size = f"{abs(change) * 100:.2f}个百分点"
        is_same = f"{abs(change) * 100:.2f}" == "0.00"
    elif metric.measure:
        size = f"{abs(change):.1f} {metric.measure}"
        is_same = f"{abs(change):.1f}" == "0.0"
    else:
        size = f"{abs(change):,.0f}" if metric.unit is Unit.COUNT else f"{abs(change):.2f}"
        is_same = not float(size.replace(",", ""))
    if is_same:
        return Tile(compared.figure, compared.before, "持平", "")
    verdict = ""
    if metric.better is not Better.NEITHER:
        verdict = "good" if (change > 0) == (metric.better is Better.HIGHER) else "bad"
    return Tile(compared.figure, compared.before, ("上升" if change > 0 else "下降") + size, verdict)


def bounds(figure: Figure) -> str:
    """The 95 % interval of a ratio in words; "" where there is none."""
    interval = figure.interval
    return "" if interval is None or figure.hidden_below else f"{interval[0] * 100:.2f}%–{interval[1] * 100:.2f}%"


@needs(*MAY_OPEN["overview"])
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Within the reach of whoever looks: every figure with numerator, denominator, definition and filter."""
    actor = actor_of(request)
    found = overview_of(actor, now=clock.now())
    places = [
        {
            "name": place.name,
            "href": _profile(found, place, actor),
            "cells": [(place.row[key], bounds(place.row[key])) for key in PLACES],
        }
        for place in found.places
    ]
    context: dict[str, Any] = {
        "found": found,
        "tiles": [tile(compared) for compared in found.headline],
        "trend": [(row.keys["day"], [row[key] for key in TREND]) for row in reversed(found.trend)],
        "trend_names": [found.trend[0][key].name for key in TREND] if found.trend else [],
        "places": places,
        "place_names": [found.places[0].row[key].name for key in PLACES] if found.places else [],
        "place_title": PLACE_NAMES[found.place_dimension],
        "attention": [] if is_rated(actor) else attention(found),
        "parts": _parts(found),
        "is_clerk": is_rated(actor),
        "delay": DELAY.days,
        "least": K,
    }
    return render(request, "console/overview.html", context)


def _parts(found: Overview) -> list[tuple[str, str, list[tuple[Place, Figure, list[Figure]]]]]:
    """Levels, channels and points that there are: key, title, and of each line its count and its rates."""
    levels: list[tuple[Place, Figure, list[Figure]]] = [(place, place.row["ratings"], []) for place in found.levels]
    channels, points = (
        [(place, place.row["ratings"], [place.row["good_rate"], place.row["bad_rate"]]) for place in places]
        for places in (found.channels, found.points)
    )
    parts = [("levels", "满意度分布", levels), ("channels", "渠道", channels), ("points", "受理与出件", points)]
    return [part for part in parts if part[2]]


def _profile(found: Overview, place: Place, actor: Actor) -> str:
    """The profile of a place, for the same days; "" for whoever may not open it, and for what is the level above itself."""
    digits = {"city": 4, "county": 6}.get(found.place_dimension, 0)
    if not may_open("themes", actor.roles) or len(str(place.key or "")) < max(digits, 1):
        return ""
    words = {"area" if digits else "organ": place.key, "from": found.start, "to": found.end}
    return f"{reverse('console:theme_profile')}?{urlencode(words)}"
