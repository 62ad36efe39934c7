"""评价明细: the single ratings of a slice, as far down as a figure can be followed; sealed for everybody alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of, person_of
from haochaping.analytics import slices
from haochaping.analytics.ratings import PAGES_MOST, PER_PAGE, ratings, refuse_clerks
from haochaping.console.access import needs
from haochaping.console.analysis import asking
from haochaping.console.analysis.links import address
from haochaping.console.rules import MAY_OPEN
from haochaping.evaluation.rules import CHANNEL_NAMES, Channel
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

CROSS_WORDS = ("by", "across", "compare", "show", "sort", "metrics", "only", "page")


@needs(*MAY_OPEN["slice_ratings"])
@require_safe
def ratings_page(request: HttpRequest) -> HttpResponse:
    """Day, item, organ, window, channel, level, what was ticked, masked words; excluded ones marked, orders for who may."""
    refuse_clerks(person_of(request).actor())  # whatever else they are: this page is open to them as that alone
    actor, now = actor_of(request), clock.now()
    given = asking.given_in(request.GET)
    only_excluded = given.get("only") == "excluded"
    words = {name: text for name, text in given.items() if name not in CROSS_WORDS}
    question = slices.read(asking.understood(words), actor, today=clock.day(now))
    number = int(given["page"]) if given.get("page", "").isdecimal() else 1
    found = ratings(actor, question.period, question.filters, page=number, now=now, only_excluded=only_excluded)
    only = {"only": "excluded"} if only_excluded else {}
    kept = question.words | only
    context = {
        "found": found,
        "lines": [(line, CHANNEL_NAMES[Channel(line.channel)]) for line in found.lines],
        "question": question,
        "only_excluded": only_excluded,
        "chips": [
            (
                asking.TITLES.get(name, name),
                "、".join(asking.said(name, value) for value in values),
                address("slice_ratings", kept, **{name: ""}),
            )
            for name, values in question.filters.items()
        ],
        "all_url": address("slice_ratings", question.words),
        "slice_url": address("slice", question.words),
        "before": address("slice_ratings", kept, page=str(found.page - 1)) if found.page > 1 else "",
        "after": address("slice_ratings", kept, page=str(found.page + 1)) if found.page < found.pages else "",
        "is_cut": found.n > PAGES_MOST * PER_PAGE,
        "most": PAGES_MOST * PER_PAGE,
    }
    return render(request, "console/analysis/ratings.html", context)
