"""How the rating page would look under a version, beside today's: the citizen's own page in a frame, not a drawing of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from haochaping.channels import forms
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.pages.indicator_sets import found
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.policy import queries, sets
from haochaping.policy.rules import ASPECTS, CHANNELS, LEVELS
from haochaping.policy.sets import Line

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.policy.models import IndicatorSet
    from haochaping.policy.rules import Norm


@needs(*MAY_OPEN["indicators"])
@require_safe
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """Two frames, today's page and the page of the version's day, and their difference in words."""
    version = found(request, pk)
    level, aspect, pf = _asked(request)
    today, then = (_offered(version, side, aspect, pf) for side in ("today", "then"))
    now, new = ([Line.of_norm(norm) for norm in norms if norm.level == level] for norms in (today, then))
    return render(
        request,
        "console/indicator_preview.html",
        {
            "version": version,
            "where": console.area_name(version.region),
            "day": version.valid_from,
            "level": level,
            "level_name": sets.LEVEL_NAMES[level],
            "aspect": aspect,
            "pf": pf,
            "levels": [(level, sets.LEVEL_NAMES[level]) for level in LEVELS],
            "aspects": ASPECTS.items(),
            "channels": CHANNELS.items(),
            "changes": sets.differences(now, new),
            "counts": (len(now), len(new)),
        },
    )


@xframe_options_sameorigin
@needs(*MAY_OPEN["indicators"])
@require_safe
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """The rating page itself, of a made-up service; the frame around it lets nothing be sent."""
    version = found(request, pk)
    level, aspect, pf = _asked(request)
    norms = _offered(version, "today" if request.GET.get("side") == "today" else "then", aspect, pf)
    subject = forms.Subject("示例事项", "示例单位", "", clock.today(), aspect)
    return render(request, "channels/rate.html", forms.context(subject, forms.Draft(level=str(level)), norms))


def _offered(version: IndicatorSet, side: str, aspect: str, pf: int) -> list[Norm]:
    today = clock.today()
    if side == "today":
        return queries.indicators(version.region, today, aspect, pf)
    return queries.preview(version, version.valid_from or today + timedelta(days=1), aspect, pf)


def _asked(request: HttpRequest) -> tuple[int, str, int]:
    level, aspect, channel = (request.GET.get(name, "") for name in ("level", "aspect", "channel"))
    return (
        int(level) if level in {str(n) for n in LEVELS} else 2,
        aspect if aspect in ASPECTS else "service",
        int(channel) if channel in {str(pf) for pf in CHANNELS} else 3,
    )
