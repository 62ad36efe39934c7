"""批次: what was delivered at once, what came of each line, and the decision that a whole batch is void."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.queries import actor_of, app_names
from haochaping.console import faults, queries
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.evaluation import batches
from haochaping.evaluation import queries as evaluation
from haochaping.flow import marking
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import Batch, BatchMark

STATUSES = {"created": "入库", "duplicate": "重复", "parked": "等待", "conflict": "已有评价", "rejected": "退回"}
LINES = 100  # of a batch on one page
PARTS_AT_ONCE = 4  # of a mark, in one answer


@needs(*MAY_OPEN["batches"])
@require_safe
def batch_list(request: HttpRequest) -> HttpResponse:
    """The batches of one's places, newest first, with what came of them."""
    actor = actor_of(request)
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    lane = request.GET.get("lane", "")
    rows = batches.batches_for(actor).order_by("-received_at", "id")
    if text:
        rows = rows.filter(id__istartswith=text) | rows.filter(name__icontains=text)
    if lane in faults.LANES:
        rows = rows.filter(lane=lane)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    found = list(page)
    ids_ = [row.id for row in found]
    counts, marks, names = batches.counts(ids_), batches.marks(ids_), app_names({row.source for row in found})
    lines = [
        {
            "batch": row,
            "name": names.get(row.source) or row.name or "文件导入",
            "lane": faults.LANES.get(row.lane, row.lane),
            "counts": _counts(counts[row.id]),
            "total": sum(counts[row.id].values()),
            "mark": marks.get(row.id),
        }
        for row in found
    ]
    lanes = [(key, word) for key, word in faults.LANES.items() if key != "parked"]
    context = {"page": page, "lines": lines, "text": text, "lane": lane, "lanes": lanes}
    return render(request, "console/batches.html", context)


def _counts(counts: dict[str, int]) -> list[tuple[str, str, int]]:
    return [(status, word, counts[status]) for status, word in STATUSES.items()]


@needs(*MAY_OPEN["batches"])
@require_safe
def batch(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """One batch: each line and what stands of it now."""
    return _show(request, batches.one_for(actor_of(request), id))


def _show(request: HttpRequest, found: Batch, no: Refused | None = None) -> HttpResponse:
    actor = actor_of(request)
    status = request.GET.get("status", "")
    status = status if status in STATUSES else ""
    start = _number(request.GET.get("start", ""))
    told = batches.lines_of(found.id, start=start, most=LINES + 1, status=status)
    counts = batches.counts([found.id])[found.id]
    last = batches.last_mark(found.id)
    context = {
        "batch": found,
        "name": app_names({found.source}).get(found.source) or found.name or "文件导入",
        "lane": faults.LANES.get(found.lane, found.lane),
        "where": queries.area_name(found.area_path) if found.area_path else "",
        "counts": _counts(counts),
        "total": sum(counts.values()),
        "status": status,
        "start": start,
        "next": told[LINES][0] if len(told) > LINES else None,
        "lines": _lines(actor, told[:LINES]),
        "mark": last,
        "history": batches.history(found.id),
        "may_mark": batches.may_mark(actor, found),
        "problem": no.message if no else "",
        "reason": request.POST.get("reason", "") if no else "",
    }
    return render(request, "console/batch.html", context | _progress(last, counts), status=no.status if no else 200)


def _lines(actor: Actor, told: list[tuple[int, batches.Line]]) -> list[dict[str, Any]]:
    """What stands of these lines now: a rating that waited may be there since, one that was there may be out."""
    ids_ = [line.event_id for _, line in told if line.event_id]
    seen = evaluation.services_seen_by(actor, ids_)
    rated, out = evaluation.rated_among(ids_), evaluation.excluded(ids_)
    lines = []
    for index, line in told:
        now = ""
        if line.event_id in out and line.status in {"created", "parked"}:
            now = "不计入统计"
        elif line.status == "parked":
            now = "已入库" if line.event_id in rated else "仍在等待"
        elif line.status == "created":
            now = "计入统计"
        lines.append(
            {
                "n": index + 1,
                "status": line.status,
                "word": STATUSES[line.status],
                "event": seen.get(line.event_id) if line.event_id else None,
                "why": faults.why(line.code) if line.code else "",
                "now": now,
            }
        )
    return lines


def _progress(mark: BatchMark | None, counts: dict[str, int]) -> dict[str, Any]:
    total = sum(counts.values())
    is_going = mark is not None and mark.finished_at is None
    return {"is_going": is_going, "done": mark.lines_done if mark else 0, "of": total}


@needs(*MAY_OPEN["batches"])
@require_POST
def mark(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """Mark the whole batch void, or let it count again: with a reason, asked twice."""
    actor, now = actor_of(request), clock.now()
    found = batches.one_for(actor, id)
    voids = request.POST.get("voids") == "1"
    try:
        if not request.POST.get("confirmed"):
            batches.check_mark(found, voids=voids, reason=request.POST.get("reason", ""), actor=actor)
            counts = batches.counts([id])[id]
            context = {
                "batch": found, "voids": voids, "reason": request.POST["reason"].strip(), "counts": _counts(counts),
                "came": counts["created"] + counts["parked"],
            }  # fmt: skip
            return render(request, "console/batch_confirm.html", context)
        made = batches.mark(id, voids=voids, reason=request.POST.get("reason", ""), actor=actor, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise
        return _show(request, found, no)
    made = marking.carry_out(made, now=now, parts=PARTS_AT_ONCE)
    if made.finished_at is not None:
        messages.success(request, _finished(made))
    return redirect("console:batch", id)


def _finished(mark: BatchMark) -> str:
    return f"{mark.ratings} 条评价{'已不计入统计' if mark.voids else '已恢复计入统计'}。"


@needs(*MAY_OPEN["batches"])
@require_POST
def go_on(request: HttpRequest, id: str) -> HttpResponse:  # noqa: A002
    """Carry a mark on by some more parts; the page asks until it is done, the worker's minute does it otherwise."""
    found = batches.one_for(actor_of(request), id)
    last = batches.last_mark(found.id)
    if last is not None and batches.may_mark(actor_of(request), found):
        last = marking.carry_out(last, now=clock.now(), parts=PARTS_AT_ONCE)
    if not request.headers.get("HX-Request"):
        return redirect("console:batch", id)
    counts = batches.counts([id])[id]
    context = {"batch": found, "mark": last} | _progress(last, counts)
    answer = render(request, "console/batch_progress.html", context)
    if not context["is_going"]:
        if last is not None:
            messages.success(request, _finished(last))
        answer["HX-Redirect"] = reverse("console:batch", args=[id])
    return answer


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
