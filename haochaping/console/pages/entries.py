"""录入核对: a second person compares a tenth of what was entered with the recording or the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.channels.desk import queries as desk
from haochaping.channels.desk.commands import check_entry
from haochaping.channels.desk.rules import PROOF_NAMES, VERDICT_NAMES, WAY_NAMES, Verdict, Way
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

TABS = (("waiting", "待核对"), ("checked", "已核对"), ("all", "全部录入"))


@needs(*MAY_OPEN["entries"])
@require_safe
def entries(request: HttpRequest) -> HttpResponse:
    """What waits for a check, what was checked, and everything that was entered."""
    return _draw(request)


@needs(*MAY_OPEN["entries"])
@require_POST
def entry_check(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """Say whether the entry is what the proof says."""
    given = request.POST.get("verdict", "")
    note = request.POST.get("note", "")
    try:
        if given not in tuple(Verdict):
            raise Refused("fields_refused", 422, "请选择一致或不一致。")
        entry = check_entry(event_id, verdict=Verdict(given), note=note, actor=actor_of(request), now=clock.now())
    except Refused as no:
        if no.status not in {403, 409, 422}:
            raise
        return _draw(request, wrong_at=event_id, wrong=no.message, note=note, verdict=given, status=no.status)
    left_out = "，这条评价不再计入统计" if entry.check_result == Verdict.DIFFERS else ""
    messages.success(request, f"{entry.proof} 已核对：{VERDICT_NAMES[Verdict(given)]}{left_out}。")
    return redirect("console:entries")


def _draw(
    request: HttpRequest,
    *,
    wrong_at: UUID | None = None,
    wrong: str = "",
    note: str = "",
    verdict: str = "",
    status: int = 200,
) -> HttpResponse:
    actor = actor_of(request)
    asked = request.GET.get("tab", "waiting")
    tab = asked if asked in dict(TABS) else "waiting"
    everything = desk.entries_for(actor)
    rows: dict[str, Any] = {
        "waiting": desk.to_check(actor),
        "checked": everything.exclude(checked_at=None).order_by("-checked_at", "event_id"),
        "all": everything.order_by("-entered_at", "event_id"),
    }
    page = Paginator(rows[tab], PER_PAGE).get_page(request.GET.get("page"))
    shown = desk.lines(page)
    scans = desk.scans([line.entry.event_id for line in shown]) if tab == "waiting" else {}
    found = [
        {
            "line": line,
            "way": WAY_NAMES[Way(line.entry.way)],
            "proof": PROOF_NAMES[Way(line.entry.way)],
            "verdict": VERDICT_NAMES.get(Verdict(line.entry.check_result)) if line.entry.check_result else "",
            "scans": scans.get(line.entry.event_id, []),
        }
        for line in shown
    ]
    context = {
        "tabs": [{"key": key, "title": title, "n": rows[key].count()} for key, title in TABS],
        "tab": tab,
        "page": page,
        "lines": found,
        "verdicts": list(VERDICT_NAMES.items()),
        "wrong_at": wrong_at,
        "wrong": wrong,
        "note": note,
        "typed_verdict": verdict,
    }
    return render(request, "console/entries.html", context, status=status)


@needs(*MAY_OPEN["entries"])
@require_safe
def entry_scan(request: HttpRequest, scan: UUID) -> HttpResponse:
    """A scan that proves an entry."""
    return HttpResponse(desk.scan(actor_of(request), scan), content_type="image/jpeg")
