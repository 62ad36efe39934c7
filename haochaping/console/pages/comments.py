"""综合点评 as supervisors see it: masked, without a time, with the order that a bad one opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.comments import queries
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE, may_open
from haochaping.evaluation.rules import LEVEL_NAMES

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@needs(*MAY_OPEN["comments"])
@require_safe
def comments(request: HttpRequest) -> HttpResponse:
    """The comments of one's areas, newest day first, of one level if asked."""
    actor = actor_of(request)
    asked = request.GET.get("level", "")
    level = int(asked) if asked in {"1", "2", "3", "4", "5"} else None
    page = Paginator(queries.comments_for(actor, level), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": queries.told(page, actor),
        "level": level,
        "levels": [(int(each), LEVEL_NAMES[each]) for each in sorted(LEVEL_NAMES, reverse=True)],
        "opens_orders": may_open("orders", actor.roles),
    }
    return render(request, "console/comments.html", context)
