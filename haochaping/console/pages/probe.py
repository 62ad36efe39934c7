"""渠道巡检: whether every level can be given through every channel, and what cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.probe import commands, queries
from haochaping.channels.probe.rules import HEADS, Line, table
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.channels.models import ProbeRun


@needs(*MAY_OPEN["probe"])
@require_safe
def probe(request: HttpRequest) -> HttpResponse:
    """The last run, channel by level, and the runs before it."""
    found = queries.standing(clock.now())
    return _page(request, found.last, found.words)


@needs(*MAY_OPEN["probe"])
@require_safe
def probe_run(request: HttpRequest, pk: int) -> HttpResponse:
    """An earlier run."""
    run = queries.one(pk)
    if run is None:
        raise Http404
    return _page(request, run, "")


def _page(request: HttpRequest, run: ProbeRun | None, words: str) -> HttpResponse:
    lines = [Line(*each) for each in run.lines] if run else []
    history = queries.history()
    context = {
        "run": run,
        "words": words,
        "is_last": bool(history) and run is not None and run.pk == history[0].pk,
        "heads": HEADS,
        "rows": table(lines),
        "faults": [line for line in lines if line.fault],
        "history": history,
    }
    return render(request, "console/probe.html", context)


@needs(*MAY_OPEN["probe"])
@require_POST
def probe_now(request: HttpRequest) -> HttpResponse:
    """Ask the worker for a run; its findings stand here when it is done."""
    if commands.run_soon(actor_of(request), now=clock.now()):
        messages.success(request, "巡检已开始，约一两分钟后刷新本页看结果。巡检产生的评价不计入任何统计。")
    else:
        messages.warning(request, "巡检已在排队，请稍后刷新本页看结果。")
    return redirect("console:probe")
