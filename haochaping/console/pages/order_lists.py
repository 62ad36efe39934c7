"""The list of work orders: filtered, put in order, kept under a name, exported whole, and worked on many at a time."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.core.handlers.asgi import ASGIRequest
from django.db import transaction
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.sheets import write
from haochaping.console import bulk, columns, commands, filters, lists, moves, preferences
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, may_open
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification.queries import orders_for
from haochaping.rectification.sight import acting
from haochaping.rectification.workflow import VERB_NAMES, parts_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime
    from io import BufferedReader

    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.queries import Offer

BLOCK = 1 << 16
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
OURS = frozenset({"csrfmiddlewaretoken", "pick", "shown", "whole", "verb", "query", "confirmed", "back"})
KEYS = (
    ("j 或 ↓", "下一件"),
    ("k 或 ↑", "上一件"),
    ("Enter", "打开这一件"),
    ("x", "勾选或取消"),
    ("/", "到检索框"),
    ("?", "打开或收起这张表"),
)


@needs(*MAY_OPEN["orders"])
@require_safe
def orders(request: HttpRequest) -> HttpResponse:
    """The orders one may see, by state with counts, narrowed, most urgent first; at first as one's own filter says."""
    actor, now = actor_of(request), clock.now()
    mine = preferences.own(actor)
    saved, size, keys = mine.saved, mine.size, mine.columns
    usual = next((each for each in saved if each.is_default), None)
    if not request.GET and usual is not None:
        return redirect(f"{reverse('console:orders')}?{usual.query}")
    given, asked, tab = _asked(request, actor, now)
    counts = lists.tallies(asked, now)
    rows = lists.of_tab(asked, tab, now, are_many=counts[tab].is_more)
    known = [column.key for column in columns.columns_for(asked.view)]
    found, taken = lists.ordered(rows, tab, given.get("sort", ""), counts[tab], known)
    page = lists.Pages(found.defer("reply"), size, counts[tab]).get_page(given.get("page"))
    query = filters.query_of(given | {"state": tab})
    context = {
        "page": page,
        "rows": [(order, columns.cells(order, keys)) for order in page.object_list],
        "heads": lists.heads([*columns.FIXED, *keys], tab, taken, counts[tab]),
        "sort": given.get("sort", ""),
        "tally": counts[tab],
        "chosen": tab,
        "tabs": [
            {"key": key, "title": title, "n": counts[key], "is_late": key == "late" and bool(counts[key])}
            for key, title in lists.TABS
            if (counts[key] or key in {"open", "late", "all", tab})
            and (key != "late" or columns.may_know(asked.view, "overdue_since"))
        ],
        "filter": asked,
        "selects": filters.selects(asked, "area", "level", "due"),
        "more": filters.selects(asked, "cause", "severity", "verdict", "route", "real_name"),
        "flags": filters.flags(asked),
        "is_more_open": bool(
            {"item", "cause", "severity", "verdict", "route", "real_name", *filters.FLAGS} & set(asked.asked)
        ),
        "organs": filters.organs_offered(actor),
        "is_filtered": asked.is_used,
        "saved": [(each, each.query == query) for each in saved],
        "query": query,
        "columns": [
            (c.key, c.title, c.key in keys) for c in columns.columns_for(asked.view) if c.key not in columns.FIXED
        ],
        "size": size,
        "sizes": lists.SIZES,
        "may_tick": may_open("orders_many", actor.roles) and bool(parts_of(actor)),
        "may_export": may_open("orders_export", actor.roles),
        "keys": KEYS,
    }
    return render(request, "console/orders.html", context)


def _asked(request: HttpRequest, actor: Actor, now: datetime) -> tuple[dict[str, str], filters.OrderFilter, str]:
    """What the address asks for, as a filter, and the tab."""
    given = {name: str(value).replace("\x00", "") for name, value in request.GET.items()}
    asked = filters.OrderFilter(given, orders_for(acting(actor)), actor=actor, now=now)
    asked.form.is_valid()
    state = given.get("state", "")
    return given, asked, state if state in dict(lists.TABS) else "all" if asked.is_used else "open"


@needs(*MAY_OPEN["orders_export"], fresh=True)
@require_POST
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The whole filtered list as CSV or XLSX, every row of it; who took it is written down. `X-Row-Count` tells how many.

    It is written to a file of its own first, so that the count is true and the memory small, and counted again there.
    """
    actor, now = actor_of(request), clock.now()
    _, asked, tab = _asked(request, actor, now)
    suffix = request.POST.get("format", "csv")
    if suffix not in FORMATS:
        raise Refused("unknown_format", 422, "只能导出为 CSV 或 XLSX。")
    keys = [*columns.FIXED, *preferences.own(actor).columns] if request.POST.get("columns") == "chosen" else []
    found = lists.of_tab(asked, tab, now).order_by("order_no")
    with tempfile.TemporaryDirectory(prefix="hcp-export-") as place:
        out = Path(place) / f"orders.{suffix}"
        with transaction.atomic():  # a cursor of the server's lives as long as its transaction
            rows = write(
                out,
                *columns.table(
                    found.iterator(chunk_size=2_000), keys or [c.key for c in columns.columns_for(asked.view)]
                ),
            )
        file = out.open("rb")  # it has no name any more once the directory is gone, and ends with the answer
    told = filters.in_words(asked)
    audit(actor, "export", "orders", now=now, facts={"rows": rows, "state": tab, "format": suffix, **told})
    name = quote(f"差评工单_{clock.to_wire(now)[:16].replace(':', '')}_{actor.name}.{suffix}")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Row-Count": str(rows)}
    return _sent(request, file, content_type=FORMATS[suffix], headers=headers)


def _sent(request: HttpRequest, file: BufferedReader, **how: Any) -> HttpResponse | StreamingHttpResponse:
    """A short file at once, a long one block by block."""
    first = file.read(BLOCK)
    if len(first) < BLOCK:
        file.close()
        return HttpResponse(first, **how)
    file.seek(0)
    return StreamingHttpResponse(_read_async(file) if isinstance(request, ASGIRequest) else _read(file), **how)


def _read(file: BufferedReader) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, BLOCK), b"")


async def _read_async(file: BufferedReader) -> AsyncIterator[bytes]:
    with file:
        while block := await sync_to_async(file.read)(BLOCK):
            yield block


@needs(*MAY_OPEN["orders"])
@require_POST
def save_filter(request: HttpRequest) -> HttpResponse:
    """Keep the question under a name of one's own, for oneself."""
    actor, now = actor_of(request), clock.now()
    query = filters.query_of(QueryDict(request.POST.get("query", "")[:2_000]).dict())
    try:
        saved = commands.save_filter(
            actor,
            "orders",
            name=request.POST.get("name", ""),
            query=query,
            is_default=bool(request.POST.get("is_default")),
            now=now,
        )
    except Refused as no:
        messages.error(request, no.message)
    else:
        messages.success(
            request, f"已保存筛选“{saved.name}”" + ("，下次打开差评工单时先用它。" if saved.is_default else "。")
        )
    return redirect(f"{reverse('console:orders')}?{query}")


@needs(*MAY_OPEN["orders"])
@require_POST
def change_filter(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """Make a filter of one's own the usual one, or delete it."""
    changed = commands.change_filter(actor_of(request), pk, verb)
    done = {"default": "设为默认", "usual": "不再默认打开", "delete": "删除"}[verb]
    messages.success(request, f"筛选“{changed.name}”已{done}。")
    return redirect(f"{reverse('console:orders')}?{'state=open' if verb == 'delete' else changed.query}")


@needs(*MAY_OPEN["orders"])
@require_POST
def set_columns(request: HttpRequest) -> HttpResponse:
    """Choose the columns and the length of a page, for oneself."""
    actor = actor_of(request)
    wanted = list(columns.DEFAULT) if request.POST.get("usual") else request.POST.getlist("column")
    commands.set_list(actor, columns=wanted, size=request.POST.get("size", ""))
    messages.success(request, "列表设置已保存，只对您自己有效。")
    query = filters.query_of(QueryDict(request.POST.get("query", "")[:2_000]).dict())
    return redirect(f"{reverse('console:orders')}?{query or 'state=open'}")


@needs(*MAY_OPEN["orders_many"], fresh=True)
@require_POST
def many(request: HttpRequest) -> HttpResponse:
    """Work on the ticked orders together: choose a move, see what it would do, do it, see what it did."""
    actor, now = actor_of(request), clock.now()
    ticked = request.POST.getlist("shown" if request.POST.get("whole") else "pick")
    try:
        chosen = bulk.picks(ticked)
    except Refused as no:
        query = filters.query_of(QueryDict(request.POST.get("query", "")[:2_000]).dict())
        return render(request, "console/bulk_none.html", {"no": no, "query": query}, status=no.status)
    orders, picks = bulk.ticked(chosen, actor)
    verb = request.POST.get("verb", "")
    typed = {name: str(value) for name, value in request.POST.items() if name not in OURS}
    context = {"picks": ",".join(map(str, picks)), "n": len(picks), "orders": orders}
    offered = bulk.offers(orders, actor, now)
    if not verb or request.POST.get("back"):
        return _choose(request, context, offered, verb, typed)
    is_final = bool(request.POST.get("confirmed"))
    batch = bulk.make(picks, verb, actor=actor, facts=typed, now=now, is_final=is_final)
    if batch.errors and not is_final:
        return _choose(request, context | {"errors": batch.errors}, offered, verb, typed)
    form = next(iter(moves.forms([offer for offer, _ in offered if offer.verb == verb], verb, typed)), None)
    context |= {"batch": batch, "verb": verb, "label": VERB_NAMES[verb], "form": form, "typed": typed}
    context["go_on"] = ",".join(str(pick) for pick in picks if pick.order_no in {line.order_no for line in batch.done})
    return render(request, "console/bulk_done.html" if is_final else "console/bulk_confirm.html", context)


def _choose(
    request: HttpRequest,
    context: dict[str, Any],
    offered: list[tuple[Offer, int]],
    verb: str,
    typed: dict[str, str],
) -> HttpResponse:
    errors = context.get("errors", ())
    drawn = {form.verb: form for form in moves.forms([offer for offer, _ in offered], verb, typed, errors)}
    context |= {"forms": [(drawn[offer.verb], n) for offer, n in offered], "verb": verb}
    return render(request, "console/bulk.html", context, status=422 if errors else 200)
