"""The form above a page of analysis: which days, which place. All of it stands in the address."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from haochaping.accounts.queries import actor_of, person_of
from haochaping.analytics.looks import look_of, months_until
from haochaping.analytics.overview import refuse_rated
from haochaping.console.filters import areas_of, organs_offered
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.looks import Look


class Quick(NamedTuple):
    """A period that one need not type."""

    name: str
    query: str
    is_here: bool


def look_from(request: HttpRequest) -> Look:
    """What the address asks for. Refused as `look_of` says, 404 for an organ's name that nobody or several have, 403 for a clerk.

    A clerk who looks on besides would see their own window by the day.
    """
    refuse_rated(person_of(request).actor())
    told = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:100] for name in ("from", "to", "area", "organ")
    }
    return look_of(
        actor_of(request),
        now=clock.now(),
        start=told["from"],
        end=told["to"],
        area=told["area"],
        organ=_organ_code(told["organ"]),
    )


def form_of(request: HttpRequest, look: Look, kept: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the form shows: the look as it is, what may be chosen, and what else of the address stays."""
    actor: Actor = actor_of(request)
    areas = areas_of(actor)
    stays = [(name, request.GET[name]) for name in kept if request.GET.get(name)]
    place = [(name, value) for name, value in (("area", look.area), ("organ", look.organ)) if value]
    return {
        "look": look,
        "areas": areas,
        "organs": organs_offered(actor),
        "organ_name": snapshot().organs[look.organ].name if look.organ else "",
        "stays": stays,
        "quick": [
            Quick(
                name, urlencode([*stays, *place, ("from", start), ("to", end)]), (start, end) == (look.start, look.end)
            )
            for name, start, end in periods(clock.day(look.now))
        ],
        "query": urlencode([*stays, *place, ("from", look.start), ("to", look.end)]),
        "shared": urlencode([*place, ("from", look.start), ("to", look.end)]),
    }


def periods(today: date) -> list[tuple[str, date, date]]:
    """The usual periods, up to today."""
    this = today.replace(day=1)
    last_end = this - timedelta(days=1)
    quarter = today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    return [
        ("本月", this, today),
        ("上月", last_end.replace(day=1), last_end),
        ("本季度", quarter, today),
        ("今年", today.replace(month=1, day=1), today),
        ("近12个月", months_until(today, 12)[0], today),
    ]


def _organ_code(typed: str) -> str:
    known = snapshot().organs
    if not typed or typed in known:
        return typed
    named = [organ.code for organ in known.values() if organ.name == typed]
    if len(named) != 1:
        raise Refused("not_found", 404, "没有这个名称的单位，或者不止一个。请从列表里选，或填单位代码。")
    return named[0]
