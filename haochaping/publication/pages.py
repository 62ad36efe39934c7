"""`/public/`: what everybody may know, from what was published; the same for whoever asks, and kept."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.analytics.labels import area as area_name
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.problems.queries import published_cases, published_problems
from haochaping.analytics.reports.queries import files_of, published_reports
from haochaping.kit import clock
from haochaping.kit.cells import safe
from haochaping.kit.errors import Refused
from haochaping.publication import opendata, queries, search, texts
from haochaping.publication.charts import Trend, trend_of
from haochaping.publication.counts import METRICS_OF
from haochaping.publication.keeping import changed_at, kept
from haochaping.publication.limits import strictest
from haochaping.publication.rules import read_month

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date, datetime

    from django.http import HttpRequest

    from haochaping.publication.models import Issue
    from haochaping.publication.queries import Ranking

SECTIONS = (
    ("index", "", "总体"),
    ("items", "items/", "事项"),
    ("organs", "organs/", "单位"),
    ("problems", "problems/", "问题和案例"),
    ("replies", "replies/", "差评和答复"),
    ("reports", "reports/", "报告"),
    ("months", "months/", "往期"),
    ("method", "method/", "指标口径"),
    ("data", "data/", "开放数据"),
)
MOST_REPORTS = 60
NOT_FOUND = Refused("not_found", 404, "没有这一期的公示数据。请从“往期”选择一个月份。")
UNKNOWN = Refused("not_found", 404, "公示数据里没有这一页。可能评价过少，没有单独公布；也可能网址不完整。")


@require_safe
@kept("month")
def index(request: HttpRequest) -> HttpResponse:
    """The newest final month, and how the months that are not final stand."""
    now, month = clock.now(), _month(request)
    issue = queries.issue_of(month)
    running = None
    told: dict[str, Any]
    if issue is None:
        running = queries.running(month or queries.open_months(now=now)[0], now=now)
        early = queries.running_issue(running.month)
        ranking = queries.below(early, "all", "") if early else None
        told = {"running": running, "early": early, "entry": running.entry, "ranking": ranking}
    else:
        entry = queries.all_of(issue)
        if entry is None:
            raise NOT_FOUND
        told = {"issue": issue, "entry": entry, "ranking": queries.below(issue, "all", "")}
        told["corrections"] = queries.corrections(issue)
        if month is None:
            running = told["running"] = queries.running(now.astimezone(clock.CHINA).date().replace(day=1), now=now)
    told["trend"] = _trend("all")
    told["replies"] = texts.replies(clock.day(now), most=3) if month is None else []
    told["rule"] = strictest(clock.day(now))
    changed = [moment for moment in (_made_at(issue), running.updated_at if running else None) if moment]
    return _page(request, "index", told, max(changed, default=None), now)


@require_safe
@kept("month")
def place(request: HttpRequest, code: str) -> HttpResponse:
    now, issue = clock.now(), _issue(request)
    found = queries.place(issue, code)
    if found is None:
        raise UNKNOWN
    kind, area, entry = found
    told = {
        "issue": issue,
        "entry": entry,
        "ranking": queries.below(issue, kind, area),
        "trend": _trend(kind, area=area),
        "crumbs": _above(issue, kind, area),
        "replies": texts.replies(clock.day(now), area=area, most=3)
        if kind == "city" and len(area) > queries.PROVINCE
        else [],
    }
    return _page(request, "place", told, issue.made_at, now)


@require_safe
@kept("month")
def organ(request: HttpRequest, code: str) -> HttpResponse:
    """The unit's own page 自查: its figures, its last twelve months, what was ticked most often, and its items."""
    now = clock.now()
    known, issue = search.open_organ(code, clock.day(now)), _issue(request, is_needed=False)
    if known is None:
        raise UNKNOWN
    lines = queries.lines(issue, "organ", organ=code) if issue else []
    below: dict[str, list[Any]] = {}
    for line in queries.lines(issue, "item", organ=code) if issue else []:
        below.setdefault(line.item, []).append(line)
    entries = [queries.of_item(issue, found) for found in below.values()] if issue else []
    told = {
        "issue": issue,
        "known": known,
        "entry": queries.merged(issue, lines, known.name, code) if issue else None,
        "places": [(area_name(line.area), queries.entry(issue, line)) for line in lines] if len(lines) > 1 else [],
        "ranking": queries.ranked(issue, "item", entries) if issue and entries else None,
        "trend": _trend("organ", organ=code),
        "crumbs": _above(issue, "organ", lines[0].area) if issue and len(lines) == 1 else [],
        "replies": texts.replies(clock.day(now), organ=code, most=5),
    }
    return _page(request, "organ", told, _made_at(issue), now)


@require_safe
@kept("month")
def item(request: HttpRequest, code: str) -> HttpResponse:
    """What people said of an item, beside its guide 办事指南."""
    now = clock.now()
    known, issue = search.open_item(code, clock.day(now)), _issue(request, is_needed=False)
    if known is None:
        raise UNKNOWN
    lines = queries.lines(issue, "item", item=code) if issue else []
    told = {
        "issue": issue,
        "known": known,
        "organ": search.open_organ(known.organ, clock.day(now)),
        "guide": search.guide_of(known),
        "entry": queries.merged(issue, lines, known.name, code) if issue else None,
        "trend": _trend("item", item=code),
        "replies": texts.replies(clock.day(now), item=code, most=5),
    }
    return _page(request, "item", told, _made_at(issue), now)


@require_safe
@kept("q", "page")
def items(request: HttpRequest) -> HttpResponse:
    return _found(request, "items", ("事项", "事项名称或单位名称里的几个字"), search.find_items)


@require_safe
@kept("q", "page")
def organs(request: HttpRequest) -> HttpResponse:
    return _found(request, "organs", ("单位", "单位名称或地区名称里的几个字"), search.find_organs)


def _found(request: HttpRequest, what: str, words: tuple[str, str], find: Callable[..., search.Hits]) -> HttpResponse:
    now, issue = clock.now(), queries.issue_of(None)
    asked, page = request.GET.get("q", "").strip(), request.GET.get("page", "1")
    if not (page.isascii() and page.isdigit() and len(page) < 6):
        raise UNKNOWN
    found = find(asked, int(page), issue, clock.day(now))
    told = {"issue": issue, "asked": asked, "found": found, "what_name": words[0], "what_hint": words[1]}
    return _page(request, "found", told, _made_at(issue), now, here=what)


@require_safe
@kept()
def replies(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    return _page(request, "replies", {"replies": texts.replies(clock.day(now), most=30)}, None, now)


@require_safe
@kept()
def problems(request: HttpRequest) -> HttpResponse:
    """典型问题和优秀案例, as somebody read and released them."""
    now = clock.now()
    k = strictest(clock.day(now)).k
    told = {"problems": published_problems(now=now, k=k), "cases": published_cases(), "k": k}
    return _page(request, "problems", told, None, now)


@require_safe
@kept()
def reports(request: HttpRequest) -> HttpResponse:
    """Reports that were approved for everybody, with their documents."""
    told = {"reports": [(one, files_of(one)) for one in published_reports()[:MOST_REPORTS]]}
    return _page(request, "reports", told, None, clock.now())


@require_safe
@kept()
def method(request: HttpRequest) -> HttpResponse:
    """指标口径, 排名方法, 保护规则."""
    now = clock.now()
    used = [METRICS[key] for key in METRICS_OF["all"]]
    return _page(request, "method", {"used": used, "rule": strictest(clock.day(now))}, None, now)


@require_safe
@kept()
def months(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    told = [(issue, queries.all_of(issue), queries.corrections(issue)) for issue in queries.issues()]
    return _page(request, "months", {"told": told, "open": queries.open_months(now=now)}, None, now)


@require_safe
@kept()
def data(request: HttpRequest) -> HttpResponse:
    told = {"files": queries.issues(), "dictionary": opendata.dictionary(), "licence": settings.OPEN_DATA_LICENCE}
    return _page(request, "data", told, None, clock.now())


@require_safe
@kept("month", "area")
def table(request: HttpRequest) -> HttpResponse:
    """The ranked table of a page as CSV: of all, or of the place whose code is `area`."""
    issue, code = _issue(request), request.GET.get("area", "")
    found = queries.place(issue, code) if code else ("all", "", None)
    if found is None:
        raise UNKNOWN
    answer = HttpResponse("\ufeff", content_type="text/csv; charset=utf-8")  # the mark by which Excel knows UTF-8
    csv.writer(answer).writerows(_sheet(queries.below(issue, found[0], found[1])))
    return changed_at(answer, issue.made_at)


def _sheet(ranking: Ranking) -> list[list[str]]:
    """Head first; what is not told stays so, and no cell is a formula."""
    metrics = [METRICS[key] for key in queries.COLUMNS]
    head = ["名次", f"{ranking.name}代码", ranking.name]
    for metric in metrics:
        head += [metric.name, *([f"{metric.name}分子", f"{metric.name}分母"] if metric.denominator else [])]
    lines = [[*head, "主动好评率95%区间下限", "主动好评率95%区间上限"]]
    for entry in ranking.entries:
        line = ["" if entry.rank is None else str(entry.rank), safe(entry.key), safe(entry.name)]
        for figure in entry.cells:
            line.append(figure.text)
            if figure.metric.denominator is not None:
                line += ["", ""] if figure.hidden_below else [str(figure.numerator), str(figure.denominator)]
        low, high = entry.good_rate.interval or (None, None)
        lines.append([*line, *("" if end is None else f"{end:.6f}" for end in (low, high))])
    return lines


def _page(
    request: HttpRequest, name: str, told: dict[str, Any], changed: datetime | None, now: datetime, *, here: str = ""
) -> HttpResponse:
    months, open_months = [issue.month for issue in queries.issues()], queries.open_months(now=now)
    shown = told.get("issue") or told.get("running")
    told |= {
        "here": here or name,
        "sections": SECTIONS,
        "months": months,
        "open_months": open_months,
        "choices": sorted({*months, *(open_months if name == "index" else [])}, reverse=True),
        "shown_month": shown.month if shown else None,
        "chosen": bool(request.GET.get("month")),
        "whole": queries.whole_name(),
    }
    return changed_at(render(request, f"publication/{name}.html", told), changed)


def _made_at(issue: Issue | None) -> datetime | None:
    return issue.made_at if issue else None


def _trend(kind: str, **where: str) -> Trend:
    return trend_of(
        [(issue.month, queries.merged(issue, lines, "", "")) for issue, lines in queries.history(kind, **where)]
    )


def _above(issue: Issue, kind: str, area: str) -> list[tuple[str, str]]:
    """Name and address of the places that a line lies in, from the top."""
    found = []
    for above, digits in (("city", 4), ("county", 6)):
        if (above == "city" and kind in {"county", "organ"}) or (above == "county" and kind == "organ"):
            line = next((one for one in queries.lines(issue, above, area=area[:digits])), None)
            if line:
                entry = queries.entry(issue, line)
                found.append((entry.name, entry.url))
    return found


def _issue(request: HttpRequest, *, is_needed: bool = True) -> Any:
    month = _month(request)
    issue = queries.issue_of(month)
    if issue is None and (is_needed or month):
        raise NOT_FOUND
    return issue


def _month(request: HttpRequest) -> date | None:
    text = request.GET.get("month", "")
    month = read_month(text)
    if text and month is None:
        raise NOT_FOUND
    return month
