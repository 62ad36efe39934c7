"""异常数据: what was refused or waits in vain, why, and what can honestly be done about it."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of, app_names
from haochaping.accounts.rules import Role
from haochaping.channels.sheets import write_csv
from haochaping.console import faults, queries
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.evaluation.kept import OLD, OPEN, backlog, counts_by_reason, rejected_for, waiting_for
from haochaping.flow import repair, services
from haochaping.kit import clock
from haochaping.kit.cells import text as cell
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import Parked, Rejected

TABS = (
    ("rejected", "被退回"), ("parked", "入库时退回"), ("waiting", "等待中"), ("fixed", "已入库"),
    ("discarded", "未能计入"), ("superseded", "已有其他评价"),
)  # fmt: skip
OPEN_TABS = {"rejected", "parked"}
AGES = (("1", "一天以上"), ("3", "三天以上"), ("7", "七天以上"), ("30", "三十天以上"))
FILTERS = ("reason", "lane", "source", "batch", "age")
WORKERS = MAY_OPEN["repair"] - {Role.ADMIN}


@needs(*MAY_OPEN["repair"])
@require_safe
def repair_list(request: HttpRequest) -> HttpResponse:
    """What is open, what waits, what was made of the rest; whoever only runs the system sees numbers."""
    actor, now = actor_of(request), clock.now()
    if not actor.has(*WORKERS):
        context = {"backlog": backlog(None, now), "reasons": _reasons(counts_by_reason()), "days": OLD.days}
        return render(request, "console/repair_counts.html", context)
    chosen, asked = _asked(request)
    counts = _tab_counts(actor)
    if not request.GET.get("tab"):
        chosen = next((key for key, _ in TABS[:3] if counts[key]), "rejected")
    rows = _rows(actor, chosen, asked, now)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    found = list(page)
    names = app_names({row.source for row in found})
    return render(
        request,
        "console/repair.html",
        {
            "tabs": [(key, title, counts[key]) for key, title in TABS],
            "chosen": chosen,
            "is_open": chosen in OPEN_TABS,
            "is_waiting": chosen == "waiting",
            "page": page,
            "lines": [_line(row, names, now) for row in found],
            "selects": _selects(actor, chosen, asked),
            "asked": asked,
            "is_filtered": any(asked.values()),
            "query": urlencode({"tab": chosen, **{k: v for k, v in asked.items() if v}}),
        },
    )


def _asked(request: HttpRequest) -> tuple[str, dict[str, str]]:
    given = request.GET
    tab = given.get("tab", "")
    chosen = tab if tab in dict(TABS) else "rejected"
    return chosen, {name: given.get(name, "").replace("\x00", "").strip()[:64] for name in FILTERS}


def _rows(actor: Actor, tab: str, asked: dict[str, str], now: datetime) -> QuerySet[Any]:
    rows: QuerySet[Any] = waiting_for(actor) if tab == "waiting" else _of_tab(rejected_for(actor), tab)
    narrow = {"reason": asked["reason"], "source": asked["source"]}
    if tab != "waiting":
        narrow |= {"lane": asked["lane"], "batch": asked["batch"]}
    rows = rows.filter(**{name: value for name, value in narrow.items() if value})
    if asked["age"] in dict(AGES):
        rows = rows.filter(received_at__lte=now - timedelta(days=int(asked["age"])))
    return rows.order_by("received_at" if tab in OPEN_TABS | {"waiting"} else "-settled_at", "id")


def _of_tab(rows: QuerySet[Rejected], tab: str) -> QuerySet[Rejected]:
    if tab in OPEN_TABS:
        is_late = Q(lane="parked")
        return rows.filter(is_late if tab == "parked" else ~is_late, state=OPEN)
    return rows.filter(state=tab)


def _tab_counts(actor: Actor) -> dict[str, int]:
    rows = rejected_for(actor)
    counted: dict[str, int] = rows.aggregate(
        **{key: Count("id", filter=Q(state=key)) for key, _ in TABS[3:]},
        parked=Count("id", filter=Q(state=OPEN, lane="parked")),
        rejected=Count("id", filter=Q(state=OPEN) & ~Q(lane="parked")),
    )
    return counted | {"waiting": waiting_for(actor).count()}


def _reasons(counts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(faults.why(code), n) for code, n in counts]


def _selects(actor: Actor, chosen: str, asked: dict[str, str]) -> list[tuple[str, str, list[tuple[str, str]], str]]:
    rows: QuerySet[Any] = waiting_for(actor) if chosen == "waiting" else _of_tab(rejected_for(actor), chosen)
    reasons = rows.order_by().values_list("reason", flat=True).distinct()
    sources = sorted(rows.order_by().values_list("source", flat=True).distinct())
    names = app_names(set(sources))
    found = [
        ("reason", "原因", [(code, faults.why(code)) for code in sorted(reasons)], asked["reason"]),
        ("source", "来源", [(source, _source(source, names)) for source in sources], asked["source"]),
        ("age", "首次到达", list(AGES), asked["age"]),
    ]
    if chosen != "waiting":
        found.insert(1, ("lane", "方式", list(faults.LANES.items()), asked["lane"]))
    return found


SOURCES = {"import": "文件导入", "test": "测试"}


def _source(source: str, names: dict[str, str]) -> str:
    return names.get(source) or SOURCES.get(source, source)


def _line(row: Rejected | Parked, names: dict[str, str], now: datetime) -> dict[str, Any]:
    is_waiting = not hasattr(row, "state")
    return {
        "row": row,
        "url": reverse("console:repair_case", args=["waiting" if is_waiting else "kept", row.kind, str(row.id)]),
        "kind": faults.KINDS[row.kind],
        "why": faults.why(row.reason),
        "code": row.waits_for.partition(":")[2] if is_waiting else "",  # type: ignore[union-attr]
        "source": _source(row.source, names),
        "lane": "" if is_waiting else faults.LANES.get(row.lane, row.lane),  # type: ignore[union-attr]
        "where": queries.area_name(row.area_path) if row.area_path else "地区不明",
        "days": (now - row.received_at).days,
        "is_old": now - row.received_at >= OLD,
    }


def _find(request: HttpRequest, place: str, kind: str, id_: str) -> Rejected | Parked:
    try:
        key = UUID(id_)
    except ValueError:
        raise repair.NOT_FOUND from None
    actor = actor_of(request)
    if place == "waiting":
        return repair.waiting_one_for(actor, key, kind)
    return repair.one_for(actor, key)


@needs(*WORKERS)
@require_safe
def case(request: HttpRequest, place: str, kind: str, id: str) -> HttpResponse:  # noqa: A002
    """One record: why, what to do, what of it may be shown, and the forms that mend or settle it."""
    return _show(request, _find(request, place, kind, id))


def _show(request: HttpRequest, row: Rejected | Parked, no: Refused | None = None, act: str = "") -> HttpResponse:
    actor = actor_of(request)
    found = faults.case_of(row, actor)
    kept = found.row
    typed = request.POST if no is not None else {}
    is_open = kept is None or kept.state == OPEN
    inputs = [(i, str(typed.get(i.name, i.value)), [f.message for f in no.fields if f.field == i.name] if no else [])
              for i in found.inputs]  # fmt: skip
    return render(
        request,
        "console/repair_case.html",
        {
            "case": found,
            "kept": kept,
            "place": "waiting" if kept is None else "kept",
            "kind": faults.KINDS[found.kind],
            "lane": faults.LANES.get(found.lane, found.lane),
            "source": _source(found.source, app_names({found.source})),
            "where": queries.area_name(row.area_path) if row.area_path else "地区不明",
            "state": faults.STATES["open" if kept is None else kept.state],
            "is_open": is_open,
            "may_repair": repair.may_repair(actor, row),
            "may_accept": kept is not None and repair.may_accept(actor, kept),
            "inputs": inputs if is_open else [],
            "problem": no.message if no else "",
            "act": act,
            "reason": typed.get("reason", ""),
        },
        status=no.status if no else 200,
    )


@needs(*WORKERS)
@require_POST
def act(request: HttpRequest, place: str, kind: str, id: str, verb: str) -> HttpResponse:  # noqa: A002
    """Mend, retry, accept, discard or bring back; a lawful no is shown on the record's own page."""
    row = _find(request, place, kind, id)
    if verb not in VERBS:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    try:
        with transaction.atomic():
            words, is_good, target = VERBS[verb](request, row)
    except Refused as no:
        if no.status == 404:
            raise
        return _show(request, _find(request, place, kind, id), no, verb)
    (messages.success if is_good else messages.warning)(request, words)
    return redirect("console:repair_case", "kept", kind, str(target)) if target else redirect("console:repair")


Done = tuple[str, bool, "UUID | None"]


def _kept(request: HttpRequest, row: Rejected | Parked) -> UUID:
    """The id under which the row is kept; what waits is taken in hand for it."""
    if hasattr(row, "state"):
        return row.id
    return repair.take_in_hand(row, actor=actor_of(request), now=clock.now()).id


def _fix(request: HttpRequest, row: Rejected | Parked) -> Done:
    found = faults.case_of(row, actor_of(request))
    changes = {}
    for given in found.inputs:
        if given.drops:
            gone = set(request.POST.getlist(f"drop_{given.name}"))
            if gone:
                parts = enumerate(given.value.split(","), 1)
                changes[given.name] = ",".join(part for n, part in parts if str(n) not in gone)
        elif given.name in request.POST and request.POST[given.name].strip() != given.value:
            changes[given.name] = request.POST[given.name]
    return _told(repair.fix(_kept(request, row), changes, actor=actor_of(request), now=clock.now()))


def _retry(request: HttpRequest, row: Rejected | Parked) -> Done:
    actor, now = actor_of(request), clock.now()
    if hasattr(row, "state"):
        return _told(repair.retry(row.id, actor=actor, now=now))
    services.resume(now=now)
    if waiting_for(actor).filter(id=row.id, kind=row.kind).exists():
        raise Refused("still_waiting", 409, f"{faults.why(row.reason)}，还不能入库。")
    return "已取出等待的数据，结果见列表。", True, None


def _accept(request: HttpRequest, row: Rejected | Parked) -> Done:
    if not request.POST.get("checked"):
        raise Refused("not_checked", 422, "请先核对凭证，再勾选确认。")
    reason = request.POST.get("reason", "")
    return _told(repair.accept(row.id, reason=reason, actor=actor_of(request), now=clock.now()))


def _discard(request: HttpRequest, row: Rejected | Parked) -> Done:
    actor, reason = actor_of(request), request.POST.get("reason", "")
    id_ = _kept(request, row)
    repair.discard(id_, reason=reason, actor=actor, now=clock.now())
    return "已标记为未能计入，数据仍然保留，可以恢复。", True, id_


def _bring_back(request: HttpRequest, row: Rejected | Parked) -> Done:
    reason = request.POST.get("reason", "")
    repair.bring_back(row.id, reason=reason, actor=actor_of(request), now=clock.now())
    return "已恢复为待处理。", True, row.id


def _told(tried: repair.Tried) -> Done:
    if tried.no is None:
        return ("已更正，等所依据的数据到达后自动入库。" if tried.is_waiting else "已入库。"), True, tried.row.id
    told = next((faults.why(f.code) for f in tried.no.fields if f.field == "evalDetail"), "")
    told = told or "；".join(f.message for f in tried.no.fields) or tried.no.message
    return f"还不能入库：{faults.in_words(told)}", False, tried.row.id  # an indicator's name would tell the level


VERBS = {"fix": _fix, "retry": _retry, "accept": _accept, "discard": _discard, "bring_back": _bring_back}


@needs(*WORKERS)
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Try all of a list once more, some at a time; the page goes on by itself until each was tried."""
    actor, now = actor_of(request), clock.now()
    chosen, asked = _asked(request)
    query = urlencode({"tab": chosen, **{k: v for k, v in asked.items() if v}})
    if chosen == "waiting":
        done = services.resume(now=now)
        messages.success(request, f"已检查全部等待的数据，取出 {done} 条。")
        return redirect(f"{reverse('console:repair')}?{query}")
    if chosen not in OPEN_TABS:
        raise Refused("nothing_to_retry", 409, "这一栏的数据已经处理过。")
    since = _moment(request.POST.get("since", "")) or now
    rows = _rows(actor, chosen, asked, now)
    untried = rows.filter(Q(tried_at__isnull=True) | Q(tried_at__lt=since))
    fixed = _number(request.POST.get("fixed", "")) + repair.retry_some(
        list(untried.values_list("id", flat=True)[: repair.RETRY_MOST]), actor=actor, now=now
    )
    left = untried.count()
    if not left and not request.headers.get("HX-Request"):
        messages.success(request, f"已全部重试：{fixed} 条入库，{rows.count()} 条仍需处理。")
        return redirect(f"{reverse('console:repair')}?{query}")
    tried = rows.filter(tried_at__gte=since).count() + fixed
    context = {
        "query": query, "since": since.isoformat(), "fixed": fixed, "left": left, "tried": tried, "total": tried + left,
    }  # fmt: skip
    return render(request, "console/repair_progress.html", context)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


COLUMNS = (
    "类型",
    "方式",
    "来源",
    "批次",
    "地区",
    "原因代码",
    "原因",
    "次数",
    "首次到达",
    "最近到达",
    "状态",
    "处理时间",
    "处理人",
    "处理说明",
)


@needs(*WORKERS, fresh=True)
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """The whole list as CSV, without anything of a person; who took it is written down."""
    actor, now = actor_of(request), clock.now()
    chosen, asked = _asked(request)
    rows = _rows(actor, chosen, asked, now)
    names = app_names(set(rows.order_by().values_list("source", flat=True).distinct()))
    out = io.StringIO(newline="")
    n = write_csv(out, COLUMNS, (_cells(row, names) for row in rows.iterator(chunk_size=2000)))
    audit(actor, "export", "repair", now=now, facts={"rows": n, "tab": chosen, **{k: v for k, v in asked.items() if v}})
    name = quote(f"异常数据_{clock.to_wire(now)[:16].replace(':', '')}_{actor.name}.csv")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Row-Count": str(n)}
    return HttpResponse(out.getvalue().encode("utf-8-sig"), content_type="text/csv; charset=utf-8", headers=headers)


def _cells(row: Any, names: dict[str, str]) -> list[str]:
    is_waiting = not hasattr(row, "state")
    values = (
        faults.KINDS[row.kind],
        "" if is_waiting else faults.LANES.get(row.lane, row.lane),
        _source(row.source, names),
        "" if is_waiting else row.batch,
        queries.area_name(row.area_path) if row.area_path else "",
        row.reason,
        faults.why(row.reason),
        1 if is_waiting else row.times,
        clock.to_wire(row.received_at),
        clock.to_wire(row.received_at if is_waiting else row.last_at),
        "等待中" if is_waiting else faults.STATES[row.state],
        "" if is_waiting or row.settled_at is None else clock.to_wire(row.settled_at),
        "" if is_waiting else row.settled_by,
        "" if is_waiting else row.settled_because,
    )
    return [cell(value) for value in values]
