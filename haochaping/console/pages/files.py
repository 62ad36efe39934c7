"""证据材料 of an order: brought, looked at, taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console.access import needs
from haochaping.console.pages.orders import show
from haochaping.console.pages.paper_keying import picture
from haochaping.console.rules import MAY_OPEN
from haochaping.evaluation.papers import PDF_MOST
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification import evidence
from haochaping.rectification.queries import by_number

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest, HttpResponse

NONE_CHOSEN = Refused("attachment_empty", 422, "请先选择要上传的文件。")


@needs(*MAY_OPEN["order_move"])
@require_POST
def bring(request: HttpRequest, order_no: str) -> HttpResponse:
    """Keep the chosen files with the order, one after the other; what was kept before one is refused stays."""
    actor = actor_of(request)
    found = by_number(actor, order_no)
    chosen, done = request.FILES.getlist("file"), 0
    try:
        if not chosen:
            raise NONE_CHOSEN
        for file in chosen:
            raw = file.read(PDF_MOST + 1)  # of one that is too large only so much as shows that it is
            evidence.bring(order_id=found.pk, actor=actor, name=file.name or "", raw=raw, now=clock.now())
            done += 1
    except Refused as no:
        if no.status not in {409, 422, 503}:
            raise
        said = no.message if len(chosen) < 2 else f"第{done + 1}个文件没有上传：{no.message}"
        if done:
            said += f"前{done}个已经上传。"
        return show(request, by_number(actor, order_no), file_error=said, status=no.status)
    messages.success(request, f"已上传{done}份材料。" if done > 1 else "材料已上传。")
    return redirect("console:order", found.order_no)


@needs(*MAY_OPEN["orders"])
@require_safe
def file(request: HttpRequest, order_no: str, page_id: UUID) -> HttpResponse:
    """One picture, for whom the order stands open; that it was looked at is written down."""
    actor = actor_of(request)
    name, raw = evidence.page(by_number(actor, order_no), page_id, actor=actor, now=clock.now())
    return picture(raw, name)


@needs(*MAY_OPEN["order_move"])
@require_http_methods(["GET", "HEAD", "POST"])
def drop(request: HttpRequest, order_no: str, file_id: UUID) -> HttpResponse:
    """Ask, and then delete a file of one's own that no move names."""
    actor = actor_of(request)
    found = by_number(actor, order_no)
    row = next((each for each in evidence.files(found, actor) if each.id == file_id), None)
    if row is None:
        raise evidence.NO_FILE
    if request.method != "POST" and row.may_go:
        return render(request, "console/evidence_drop.html", {"order_no": found.order_no, "file": row})
    if request.method == "POST":
        try:
            evidence.drop(order_id=found.pk, file_id=file_id, actor=actor, now=clock.now())
        except Refused as no:
            if no.status != 409:
                raise
            return show(request, by_number(actor, order_no), file_error=no.message, status=no.status)
        messages.success(request, f"已删除材料“{row.name}”。")
    return redirect("console:order", found.order_no)
