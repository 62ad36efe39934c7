"""指标管理: the tags that raters are offered, by region, level, dimension, aspect and channel; and a region's versions of them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.sheets import write_csv
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.places import own_and_below, works_near
from haochaping.console.rules import MAY_OPEN
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.policy import approval, drafts, queries, sets
from haochaping.policy.rules import ASPECTS, CHANNELS, DIMENSIONS, LEVELS
from haochaping.policy.sets import Line

if TYPE_CHECKING:
    from datetime import date

    from haochaping.accounts.rules import Actor
    from haochaping.policy.models import IndicatorSet
    from haochaping.policy.rules import Norm

NATION = "nation"  # how the nation's "" stands in an address
STATES = {
    "draft": ("起草中", "chip-warn"),
    "submitted": ("待审批", "chip-warn"),
    "approved": ("已批准", "chip-good"),
    "refused": ("已退回", "chip-bad"),
    "dropped": ("已作废", "chip-plain"),
}


@needs(*MAY_OPEN["indicators"])
@require_safe
def indicators(request: HttpRequest) -> HttpResponse:
    """What holds today in one region, filtered and searched; the region's versions; the way to a new one."""
    actor, today = actor_of(request), clock.today()
    region = region_of(request, actor)
    norms = _filtered(request, queries.indicators(region, today, retired="retired" in request.GET))
    versions = [version for version in queries.indicator_sets(region) if may_read(actor, version)]
    levels = [(level, [_shown(norm) for norm in norms if norm.level == level]) for level in LEVELS]
    return render(
        request,
        "console/indicators.html",
        {
            "region": region,
            "address": region or NATION,
            "where": console.area_name(region),
            "regions": [(key or NATION, console.area_name(key)) for key in _regions(actor)],
            "levels": [(level, rows) for level, rows in levels if rows],
            "total": len(norms),
            "selects": _selects(request),
            "asked": request.GET,
            "is_filtered": any(
                request.GET.get(name) for name in ("q", "level", "dimension", "aspect", "channel", "own")
            ),
            "versions": [(version, said(version, today)) for version in versions],
            "may_draft": drafts.may_draft(actor, region),
            "open": next((version for version in versions if version.state in approval.OPEN), None),
            "national": [norm for norm in norms if not norm.region],
        },
    )


@needs(*MAY_OPEN["indicators"], fresh=True)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """Every indicator of the region on today's page, retired ones too, as CSV that spreadsheets open in Chinese."""
    region = region_of(request, actor_of(request))
    norms = queries.indicators(region, clock.today(), retired=True)
    return sheet(
        ((Line.of_norm(norm), source(norm.region, region)) for norm in norms), f"indicators-{region or NATION}"
    )


def sheet(lines: Any, name: str) -> HttpResponse:
    """Lines with their source as a CSV to download."""
    out = io.StringIO(newline="")
    write_csv(out, sets.HEADER, (sets.as_row(line, whose) for line, whose in lines))
    answer = HttpResponse(out.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return answer


def source(of: str, region: str) -> str:
    return "国家" if not of else "本地" if of == region else console.area_name(of)


def may_read(actor: Actor, version: IndicatorSet) -> bool:
    """What was decided everybody reads; what is in the making who works in that region, above or below it."""
    return version.state == "approved" or works_near(actor, version.region)


def said(version: IndicatorSet, today: date) -> tuple[str, str]:
    """How a version stands today: words and chip."""
    if version.state != "approved" or version.valid_from is None:
        return STATES[version.state]
    if version.valid_from > today:
        return "已批准，待生效", "chip-warn"
    newest = queries.set_in_force(version.region, today)
    return ("现行", "chip-good") if newest and newest.pk == version.pk else ("已被替代", "chip-plain")


def region_of(request: HttpRequest, actor: Actor) -> str:
    """The region asked for; without one the nearest to where this person works."""
    known = _regions(actor)
    asked = request.GET.get("region", request.POST.get("region", ""))
    if asked == NATION:
        return ""
    if asked in known and asked:
        return asked
    own = [scope.area for scope in actor.scopes if scope.area and scope.area in known]
    return own[0] if own else next((region for region in known if region), "")


def _regions(actor: Actor) -> list[str]:
    """The nation, every region with a pack or indicators of its own, where this person works, and one step below."""
    own = {area for area in own_and_below(actor) if len(area) in sets.LETTERS}
    known = {"", *own, *(rule.region for rule in queries.rules()), *queries.regions_with_sets()}
    return sorted(region for region in known if not is_probe_area(region))


def _filtered(request: HttpRequest, norms: list[Norm]) -> list[Norm]:
    asked = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:40] for name in ("q", "level", "dimension", "own")
    }
    aspect, channel = request.GET.get("aspect", ""), request.GET.get("channel", "")
    pf = int(channel) if channel in {str(pf) for pf in CHANNELS} else None
    return [
        norm
        for norm in norms
        if norm.fits(aspect if aspect in ASPECTS else "", pf)
        and asked["q"].upper() in f"{norm.code} {norm.name}".upper()
        and asked["level"] in {"", str(norm.level)}
        and asked["dimension"] in {"", norm.dimension}
        and (not asked["own"] or bool(norm.region) == (asked["own"] == "local"))
    ]


def _shown(norm: Norm) -> dict[str, Any]:
    line = Line.of_norm(norm)
    return {
        "norm": norm,
        "dimension": DIMENSIONS[norm.dimension],
        "aspect": sets.aspect_words(norm.aspect),
        "channels": sets.channel_words(line.channels),
        "source": "国家" + ("核心" if norm.is_core else "扩展") if not norm.region else console.area_name(norm.region),
    }


def _selects(request: HttpRequest) -> list[tuple[str, str, list[tuple[str, str]], str]]:
    choices: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "level": ("等级", [(str(level), LEVEL_NAMES[Level(level)]) for level in LEVELS]),
        "dimension": ("维度", list(DIMENSIONS.items())),
        "aspect": ("环节", list(ASPECTS.items())),
        "channel": ("渠道", [(str(pf), name) for pf, name in CHANNELS.items()]),
        "own": ("来源", [("national", "国家"), ("local", "地方")]),
    }
    return [(name, label, options, request.GET.get(name, "")) for name, (label, options) in choices.items()]
