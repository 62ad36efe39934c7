"""自助分析: any slice of the figures, asked by its address; sorted, drilled, kept under a name, taken out as a sheet."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of, person_of
from haochaping.analytics import slices
from haochaping.analytics.dimensions import DIMENSIONS
from haochaping.analytics.metrics import METRICS, Unit
from haochaping.analytics.overview import DELAY, Compared, K, is_rated
from haochaping.analytics.periods import COMPARED, GRAINS, PRESETS
from haochaping.analytics.reports import queries as reports
from haochaping.channels.sheets import write
from haochaping.console import commands, preferences
from haochaping.console.access import needs
from haochaping.console.analysis import asking
from haochaping.console.analysis.links import address, cases, drilled, narrowed
from haochaping.console.pages.figures import tile
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN, may_open
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.cells import text
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import date

    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.queries import Figure
    from haochaping.analytics.slices import Answer, Line, Slice

PER_PAGE = 50
COLUMNS_MOST = 12  # of a cross table on the screen; all of them in the sheet
LONG_NAMES = {"organ", "branch", "hall", "window", "clerk", "item", "bundle", "indicator"}  # their bars lie
FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Cell(NamedTuple):
    """A figure as drawn: where its cases are listed, and how it changed."""

    title: str
    figure: Figure | None
    url: str
    changes: list[tuple[str, str, str]]  # 环比 or 同比, the change in words, and whether that is for the better


class Head(NamedTuple):
    """The head of a column: its name, the definition of its figures, how to sort by it, and how the chart takes it."""

    key: str
    title: str
    url: str
    sorted: str  # ascending | descending | ""
    definition: str
    drawn: str  # data-as of the chart
    color: str


@needs(*MAY_OPEN["slice"])
@require_safe
def slice_page(request: HttpRequest) -> HttpResponse:
    """The slice that the address asks for, within the actor's reach; 422 with the fields that are wrong."""
    actor, now = actor_of(request), clock.now()
    given = asking.given_in(request.GET)
    try:
        question = slices.read(asking.understood(given), actor, today=clock.day(now))
    except Refused as no:
        context = _form(actor, given, None, {error.field: error.message for error in no.fields}, clock.day(now))
        return render(request, "console/analysis/slice.html", context | {"no": no}, status=no.status)
    found = slices.answer(question, actor, now=now)
    lines = slices.ordered(question, found)
    pages = max(-(-len(lines) // PER_PAGE), 1)
    page = min(max(int(given["page"]) if given.get("page", "").isdecimal() else 1, 1), pages)
    columns = found.columns[:COLUMNS_MOST]
    shown = lines[(page - 1) * PER_PAGE : page * PER_PAGE]
    context = _form(actor, question.words | given, question, {}, clock.day(now)) | {
        "question": question,
        "title": DIMENSIONS[question.by].name if question.by else "",
        "heads": _heads(question, found, columns, is_across := _bars_lie(question)),
        "lines": [_drawn(line, question, columns, actor) for line in shown],
        "whole": _cells(found.whole, question, [], actor, question.words) if found.whole else None,
        "metric": METRICS[question.show],
        "is_cross": bool(question.across),
        "columns_left": len(found.columns) - len(columns),
        "chart": _chart(question),
        "is_across": is_across,
        "is_points": question.by not in GRAINS,
        "n": len(lines),
        "page": page,
        "pages": pages,
        "at": {"before": _page(question, page - 1) if page > 1 else "", "after": _page(question, page + 1) if page < pages else ""},
        "crumbs": _crumbs(question, actor),
        "chips": _chips(question),
        "shows": [(METRICS[key].name, address("slice", question.words, show=key), key == question.show) for key in question.metrics],
        "ratings_url": cases("ratings", question.words, question.period, actor),
        "saved": [(each, f"?{each.query}") for each in preferences.saved(actor, "slice")],
        "query": address("slice", question.words).partition("?")[2],
        "may_export": may_open("slice_export", actor.roles),
        "may_report": actor.has(*reports.WRITE),
        "is_ignored": question.name != "custom" and bool(given.get("from") or given.get("to")),
    }  # fmt: skip
    return render(request, "console/analysis/slice.html", context)


def _form(
    actor: Actor, given: dict[str, str], question: Slice | None, wrong: dict[str, str], today: date
) -> dict[str, Any]:
    is_clerk = is_rated(actor)
    periods = list(PRESETS.items())
    if is_clerk:
        periods = [
            (f"{month.start:%Y-%m}", f"{month.start.year}年{month.start.month}月")
            for month in slices.months_told(today)
        ]
    is_custom = question is not None and question.name == "custom" and not is_clerk
    fields = asking.fields(actor, given, question, wrong)
    groups = asking.dimensions(actor)
    return {
        "is_clerk": is_clerk,
        "delay": DELAY.days,
        "least": K,
        "periods": periods,
        "period": "custom" if is_custom else given.get("period") or periods[0][0] if is_clerk or is_custom else given.get("period") or "this_month",
        "start": question.period.start if is_custom and question else given.get("from", "") if question is None else "",
        "end": question.period.end if is_custom and question else given.get("to", "") if question is None else "",
        "compares": [("", "不比较"), *((k, {"previous": "环比（上一期）", "year": "同比（上年）"}[k]) for k in COMPARED), ("both", "环比和同比")],
        "compare": given.get("compare", ""),
        "dimensions": groups,
        "by": question.by if question else given.get("by", ""),
        "across": question.across if question else given.get("across", ""),
        "metric_groups": asking.metrics(actor, question.metrics if question else ()),
        "fields": fields,
        "wrong": wrong,
        "wrong_titles": [(name, asking.TITLES.get(name, name), message) for name, message in wrong.items()],
        "is_narrowed": any(field.wrong for field in fields),
        "sort": given.get("sort", ""),
        "presets": PRESETS,
    }  # fmt: skip


def _chart(question: Slice) -> str:
    if not question.by:
        return ""
    shown = [METRICS[key] for key in question.asked_metrics]
    if question.across:
        is_count = shown[0].unit is Unit.COUNT
        return "stack" if is_count else "line" if question.by in GRAINS else "bar"
    is_line = question.by in GRAINS and all(metric.unit is not Unit.COUNT for metric in shown)
    return "line" if is_line else "bar"


def _bars_lie(question: Slice) -> bool:
    return question.by in LONG_NAMES


def _heads(question: Slice, found: Answer, columns: list[tuple[Any, str]], is_across: bool) -> list[Head]:
    sort = question.words.get("sort", "")

    def head(key: str, title: str, definition: str, drawn: str, color: str = "") -> Head:
        turned = f"-{key}" if sort != f"-{key}" else key
        state = "descending" if sort == f"-{key}" else "ascending" if sort == key else ""
        return Head(key, title, address("slice", question.words, sort=turned), state, definition, drawn, color)

    if question.across:
        return [
            head(str(n), title, "", "", f"lv{key}" if question.across == "level" and key else "")
            for n, (key, title) in enumerate(columns, 1)
        ]
    whole = found.whole or (found.lines[0] if found.lines else None)
    units = {METRICS[key].unit for key in question.metrics}
    plain = {Unit.COUNT, Unit.RATIO}
    first = sort.removeprefix("-") if sort.removeprefix("-") in question.metrics else question.metrics[0]
    heads = []
    for key in question.metrics:
        metric = METRICS[key]
        is_left_out = (is_across and key != first) or (metric.unit not in plain and len(units) > 1)
        definition = (
            whole.figures[key].definition if whole else f"{metric.name}：{metric.formula}。依据：{metric.clause}。"
        )
        heads.append(head(key, metric.name, definition, "none" if is_left_out else ""))
    return heads


def _drawn(line: Line, question: Slice, columns: list[tuple[Any, str]], actor: Actor) -> dict[str, Any]:
    words = narrowed(question, question.by, line.key) if question.by else question.words
    url = drilled(question, line.key, actor) if question.by else ""
    return {"name": line.name, "url": url, "cells": _cells(line, question, columns, actor, words)}


def _cells(
    line: Line, question: Slice, columns: list[tuple[Any, str]], actor: Actor, words: dict[str, str] | None
) -> list[Cell]:
    if question.across:
        return [
            Cell(title, line.figures.get(at), _cell_url(question, at, words, actor) if line.figures.get(at) else "", [])
            for at, title in columns
        ]
    return [
        Cell(
            METRICS[key].name,
            line.figures[key],
            cases(key, words, question.period, actor) if words is not None and line.figures[key].size else "",
            _changes(line, key),
        )
        for key in question.metrics
    ]


def _cell_url(question: Slice, at: Any, words: dict[str, str] | None, actor: Actor) -> str:
    within = narrowed(question, question.across, at)
    if words is None or within is None:
        return ""
    return cases(
        question.show, words | {k: v for k, v in within.items() if question.words.get(k) != v}, question.period, actor
    )


def _changes(line: Line, key: str) -> list[tuple[str, str, str]]:
    found = []
    for how, figures in line.before.items():
        if key in figures:
            drawn = tile(Compared(line.figures[key], figures[key]))
            found.append((COMPARED[how], drawn.change or f"{figures[key].text}", drawn.verdict))
    return found


def _page(question: Slice, page: int) -> str:
    return address("slice", question.words, page=str(page))


def _crumbs(question: Slice, actor: Actor) -> list[tuple[str, list[tuple[str, str]]]]:
    """The ways down the trees of areas and organs to where the slice looks: each step a slice of its own."""
    found = []
    area = str(question.filters.get("area", [""])[0])
    own = min((len(scope.area) for scope in actor.scopes), default=0)
    steps = [(area[:n], area_name(area[:n])) for n in (2, 4, 6, 9, 12) if max(own, 2) <= n <= len(area)]
    if steps:
        last = {path: snapshot().region(path) for path, _ in steps}
        named = [(region.name if (region := last[path]) else name, path) for path, name in steps]
        below = {2: "city", 4: "county"}
        found.append(
            (
                "地区",
                [
                    (name, address("slice", question.words, area=path, by=below.get(len(path), "organ"), sort=""))
                    for name, path in named
                ],
            )
        )
    path = str(question.filters.get("organ_path", [""])[0])
    if codes := [code for code in path.split("/") if code]:
        organs = [
            (asking.said("organ_path", f"/{'/'.join(codes[: n + 1])}/"), f"/{'/'.join(codes[: n + 1])}/")
            for n in range(len(codes))
        ]
        found.append(
            (
                "单位",
                [(name, address("slice", question.words, organ_path=at, by="branch", sort="")) for name, at in organs],
            )
        )
    return found


def _chips(question: Slice) -> list[tuple[str, str, str]]:
    """Title, words and the address without it, of every filter in force."""
    return [
        (
            asking.TITLES.get(name, name),
            "、".join(asking.said(name, value) for value in values),
            address("slice", question.words, **{name: "", "sort": ""}),
        )
        for name, values in question.filters.items()
    ]


@needs(*MAY_OPEN["slice_export"], fresh=True)
@require_POST
def export(request: HttpRequest) -> HttpResponse:
    """The whole table of the slice as CSV or XLSX, each figure with its parts; who took it is written down."""
    actor, now = actor_of(request), clock.now()
    if is_rated(person_of(request).actor()):  # whatever else they look on as
        raise Refused("not_your_role", 403, "窗口人员只在页面上查看汇总，不导出。")
    question = slices.read(asking.understood(asking.given_in(request.GET)), actor, today=clock.day(now))
    suffix = request.POST.get("format", "csv")
    if suffix not in FORMATS:
        raise Refused("unknown_format", 422, "只能导出为 CSV 或 XLSX。")
    head, rows = _sheet(question, slices.answer(question, actor, now=now))
    with tempfile.TemporaryDirectory(prefix="hcp-export-") as place:
        out = Path(place) / f"slice.{suffix}"
        n = write(out, head, iter(rows))
        body = out.read_bytes()
    told = {"rows": n, "format": suffix, "query": address("slice", question.words).partition("?")[2][:500]}
    audit(actor, "export", "slice", now=now, facts=told)
    name = quote(f"自助分析_{question.period.start}_{question.period.end}_{actor.name}.{suffix}")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Row-Count": str(n)}
    return HttpResponse(body, content_type=FORMATS[suffix], headers=headers)


def _sheet(question: Slice, found: Answer) -> tuple[list[str], list[list[str]]]:
    title = DIMENSIONS[question.by].name if question.by else "范围"
    lines = slices.ordered(question, found)
    lines += [found.whole] if found.whole else []
    wanted = found.columns or [(key, METRICS[key].name) for key in question.metrics]
    head = [title, f"{title}代码"]
    for _, name in wanted:
        head += [
            name,
            f"{name}·分子",
            f"{name}·分母",
            *(f"{name}·{COMPARED[how]}值" for how in question.compare if not found.columns),
        ]
    return [*head, "统计口径"], [_row(line, question, wanted, is_cross=bool(found.columns)) for line in lines]


def _row(line: Line, question: Slice, wanted: list[tuple[Any, str]], *, is_cross: bool) -> list[str]:
    row: list[Any] = [line.name, "" if line.key is None else str(line.key)]
    said = ""
    for at, _ in wanted:
        figure = line.figures.get(at)
        row += ["", "", ""] if figure is None else [figure.text, *_parts(figure)]
        said = said or (figure.filter if figure else "")
        if not is_cross:
            row += [line.before[how][at].text if at in line.before.get(how, {}) else "" for how in question.compare]
    return [text(each) for each in (*row, said)]


def _parts(figure: Figure) -> list[Any]:
    if figure.hidden_below:
        return ["", ""]
    return [figure.numerator, "" if figure.denominator is None else figure.denominator]


@needs(*MAY_OPEN["slice"])
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the slice under a name of one's own, for oneself."""
    query = QueryDict(request.POST.get("query", "")[:2_000]).urlencode()
    try:
        saved = commands.save_filter(
            actor_of(request),
            "slice",
            name=request.POST.get("name", ""),
            query=query,
            is_default=False,
            now=clock.now(),
        )
    except Refused as no:
        messages.error(request, no.message)
    else:
        messages.success(request, f"已保存分析“{saved.name}”，在本页上方可以再次打开。")
    return redirect(f"{reverse('console:slice')}?{query}")


@needs(*MAY_OPEN["slice"])
@require_POST
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Delete a slice of one's own."""
    gone = commands.change_filter(actor_of(request), pk, "delete")
    messages.success(request, f"已删除分析“{gone.name}”。")
    return redirect(reverse("console:slice"))
