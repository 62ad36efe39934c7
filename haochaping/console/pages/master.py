"""What everything rests on, to be looked up: items and windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.rules import area_prefix
from haochaping.console import queries
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.models import Item, Window
from haochaping.directory.queries import snapshot

if TYPE_CHECKING:
    from django.core.paginator import Page
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

WINDOW_KINDS = {"acceptance": "受理窗口", "issue": "出件窗口", "integrated": "综合窗口"}


@needs(*MAY_OPEN["directory"])
@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """Items and windows, searched by name, code, organ or hall. Master data is public; nobody's rating stands here."""
    kind = "windows" if request.GET.get("kind") == "windows" else "items"
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    number = request.GET.get("page")
    if kind == "items":
        page: Page[Any] = Paginator(_items(text), PER_PAGE).get_page(number)
        lines = [
            {"row": row, "organ": _organ(row.organ), "where": queries.area_name(area_prefix(row.area.ljust(12, "0")))}
            for row in page
        ]
    else:
        page = Paginator(_windows(text), PER_PAGE).get_page(number)
        lines = [
            {
                "row": row,
                "organ": _organ(row.organ),
                "hall": _hall(row.hall),
                "kind": WINDOW_KINDS.get(row.kind, row.kind),
            }
            for row in page
        ]
    return render(request, "console/directory.html", {"kind": kind, "text": text, "page": page, "lines": lines})


def _items(text: str) -> QuerySet[Item]:
    rows = Item.objects.filter(valid_to__isnull=True).order_by("name", "task_code", "handle_item")
    if not text:
        return rows
    by_code = Q(task_code__startswith=text) | Q(handle_item__startswith=text)
    return rows.filter(Q(name__icontains=text) | by_code | Q(organ__in=_organs(text)))


def _windows(text: str) -> QuerySet[Window]:
    rows = Window.objects.filter(is_active=True).order_by("hall", "code")
    if not text:
        return rows
    halls = [code for code, hall in snapshot().halls.items() if text in hall.name]
    return rows.filter(
        Q(name__icontains=text) | Q(code__startswith=text) | Q(organ__in=_organs(text)) | Q(hall__in=halls)
    )


def _organs(text: str) -> list[str]:
    return [code for code, organ in snapshot().organs.items() if text in organ.name]


def _organ(code: str) -> str:
    organ = snapshot().organs.get(code)
    return organ.name if organ else code


def _hall(code: str) -> str:
    hall = snapshot().halls.get(code)
    return hall.name if hall else code
