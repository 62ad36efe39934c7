"""效能排名: who does better, as far as the figures let it be said; every place opens to its parts."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.analytics import ranking as rules
from haochaping.analytics.metrics import Better
from haochaping.channels.sheets import write
from haochaping.console.access import needs
from haochaping.console.analysis.leading import Leading
from haochaping.console.analysis.looking import form_of, look_from
from haochaping.console.analysis.sheets import Cell, Head, Sheet, meanings, where
from haochaping.console.analysis.themes import profile_link
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.looks import Look
    from haochaping.analytics.ranking import Line, Ranking

PER_PAGE = 50
FULL = 100_000  # cases that the mean weighs, from which on it is all but the only thing that counts
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
PROFILED = {"city", "county", "organ"}
KEPT = ("metric", "of", "method")


@needs(*MAY_OPEN["ranking"])
@require_safe
def ranking(request: HttpRequest) -> HttpResponse:
    """A page of the ranking; what cannot be ranked is said instead, with what to take."""
    look, asked = look_from(request), _asked(request)
    form = form_of(request, look, KEPT)
    context: dict[str, Any] = {"form": form, "choices": _choices(asked), "asked": asked}
    try:
        found = rules.ranking(look, asked["metric"], asked["of"], asked["method"])
    except Refused as no:
        if no.status != 422:
            raise
        return render(request, "console/analysis/ranking.html", context | {"refused": no.message}, status=422)
    page = Paginator(found.placed, PER_PAGE).get_page(request.GET.get("page"))
    first = page.start_index() - 1 if found.placed else 0
    lines = rules.opened(found, look, first, first + PER_PAGE)
    context |= {
        "page": page,
        "sheets": _sheets(found, look, lines, actor_of(request)),
        "said": _said(found),
        "n": len(found.placed),
        "download": urlencode([*((name, asked[name]) for name in KEPT), *_place(form)]),
    }
    return render(request, "console/analysis/ranking.html", context)


@needs(*MAY_OPEN["ranking"], fresh=True)
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The whole ranking as CSV or XLSX; who took it is written down. `X-Row-Count` tells how many lines there are."""
    actor, look, asked, now = actor_of(request), look_from(request), _asked(request), clock.now()
    suffix = request.GET.get("format", "csv")
    if suffix not in TYPES:
        raise Refused("unknown_format", 422, "只能导出为 CSV 或 XLSX。")
    found = rules.ranking(look, asked["metric"], asked["of"], asked["method"])
    head, rows = _table(found, look)
    with tempfile.TemporaryDirectory(prefix="hcp-export-") as place:
        out = Path(place) / f"ranking.{suffix}"
        n = write(out, head, rows)
        body = out.read_bytes()
    audit(actor, "export", "ranking", now=now, facts={"rows": n, "format": suffix, **asked})
    name = quote(f"{found.metric.name}排名_{rules.SUBJECTS[found.subject]}_{look.start}_{look.end}.{suffix}")
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Row-Count": str(n)}
    return HttpResponse(body, content_type=TYPES[suffix], headers=headers)


def _asked(request: HttpRequest) -> dict[str, str]:
    usual = {"metric": "good_rate", "of": "city", "method": "wilson"}
    return {name: request.GET.get(name, "").replace("\x00", "")[:60] or default for name, default in usual.items()}


def _choices(asked: dict[str, str]) -> list[tuple[str, str, list[tuple[str, str, bool]]]]:
    offered = {
        "metric": ("按什么排", [(key, metric.name) for key, metric in rules.rankable().items()]),
        "of": ("给谁排", list(rules.SUBJECTS.items())),
        "method": ("方法", list(rules.METHODS.items())),
    }
    return [
        (name, title, [(key, word, key == asked[name]) for key, word in pairs])
        for name, (title, pairs) in offered.items()
    ]


def _place(form: dict[str, Any]) -> list[tuple[str, str]]:
    look = form["look"]
    told = [("area", look.area), ("organ", look.organ), ("from", str(look.start)), ("to", str(look.end))]
    return [(name, value) for name, value in told if value]


def _said(found: Ranking) -> list[str]:
    """How the places came about, for whoever may be hurt by one."""
    better = "越高越靠前" if found.metric.better is Better.HIGHER else "越低越靠前"
    said = [f"{found.metric.name}：{found.metric.formula}，{better}。样本少于{found.minimum}的不排名，单列在后。"]
    if found.method == "bayes" and found.prior is not None:
        weight = found.prior.weight
        strength = f"相当于{weight:,.0f}件" if weight < FULL else "各家差别没有超出偶然，几乎都向平均靠拢"
        said.append(
            f"经验贝叶斯：样本小的向全体平均（{found.prior.mean * 100:.2f}%）收缩，收缩的力度由各家差别的大小算出（{strength}）。按收缩值排。"
        )
    elif found.method == "bayes":
        said.append("参加的太少，学不出全体的分布，改按置信区间的稳妥一端排。")
    else:
        end = "下限" if found.metric.better is Better.HIGHER else "上限"
        said.append(f"按95%置信区间（Wilson）的{end}排：样本小的区间宽，靠一两件排不到前面。")
        if found.is_wide:
            said.append("各家样本相差很大，也可换“经验贝叶斯”看看。")
    said.append("并列的同名次。“差别不显著”表示与上一名的区间有重叠，先后可能出于偶然，不宜据此奖惩。")
    return said


def _sheets(found: Ranking, look: Look, lines: list[Line], actor: Actor) -> list[Sheet]:
    ranked = [line for line in lines if line.placed.rank is not None]
    few = [line for line in lines if line.placed.rank is None]
    subject = rules.SUBJECTS[found.subject]
    judged = "收缩值" if found.prior is not None else "稳妥值"
    with_mix = any(line.mix for line in lines)
    heads = [Head(subject, is_number=False), Head("名次", draw="none"), Head(found.metric.name)]
    heads += [Head(judged, draw="none"), Head("与上一名", is_number=False, draw="none")]
    heads += [Head("按事项构成应有的", draw="none")] if with_mix else []
    heads += [Head("画像", is_number=False, draw="none")] if found.subject in PROFILED else []
    told = meanings([lines[0].placed.figure]) if lines else []
    told.append((judged, "排名所依据的值，两位小数相同即并列。"))
    if with_mix:
        told.append(
            ("按事项构成应有的", "所选范围内其他各家办同样事项的合计值，按本家各事项的件数加权：事项难，应有的值就差。")
        )
    ways = Leading(look, actor, found.subject, [found.metric.key])
    chart = "bar" if 1 < len(ranked) <= PER_PAGE else ""
    sheets = []
    if ranked or not few:
        rows = [_row(found, look, line, ways, with_mix=with_mix) for line in ranked]
        sheets.append(
            Sheet("ranked", f"{subject}{found.metric.name}排名", heads, rows, "", [], chart, "across", told,
                  empty=f"这个时段、这个范围没有样本达到{found.minimum}的{subject}。可以把时间放长一些，或换个范围再看。")
        )  # fmt: skip
    if few:
        rows = [_row(found, look, line, ways, with_mix=with_mix) for line in few]
        sheets.append(
            Sheet(
                "few", f"样本不足{found.minimum}，不排名", heads, rows, "样本多的在前；高低多半出于偶然", meanings=told
            )
        )
    return sheets


def _row(found: Ranking, look: Look, line: Line, ways: Leading, *, with_mix: bool) -> list[Cell]:
    figure, placed = line.placed.figure, line.placed
    interval = f"{line.low * 100:.2f}%–{line.high * 100:.2f}%"
    cells = [
        Cell(line.name, where(found.subject, placed.key), href=ways.down(placed.key)),
        Cell(str(placed.rank) if placed.rank is not None else "—"),
        Cell(figure.text, figure.parts, interval, ways.cases(placed.key, found.metric.key), figure.definition),
        Cell(f"{placed.judged * 100:.2f}%" if placed.rank is not None else "—"),
        _against(line),
    ]
    if with_mix:
        cells.append(_mix(line))
    if found.subject in PROFILED:
        asked = {"organ": placed.key} if found.subject == "organ" else {"area": placed.key}
        cells.append(Cell("画像", href=profile_link(look, **asked)))
    return cells


def _against(line: Line) -> Cell:
    if line.is_apart is None:
        return Cell("—")
    return Cell("差别显著") if line.is_apart else Cell("差别不显著", kind="muted")


def _mix(line: Line) -> Cell:
    mix = line.mix
    if mix is None:
        return Cell("—", "没有别家办同样事项")
    words = f"相差{mix.difference * 100:+.2f}个百分点" + ("" if mix.is_apart else "，不显著")
    return Cell(f"{mix.expected * 100:.2f}%", words)


def _table(found: Ranking, look: Look) -> tuple[list[str], list[list[str]]]:
    head = [
        "名次", f"{rules.SUBJECTS[found.subject]}代码", rules.SUBJECTS[found.subject], found.metric.name, "分子", "分母",
        "区间下限", "区间上限", "排名依据值", "与上一名", "按事项构成应有的", "可比件数", "口径",
    ]  # fmt: skip
    lines = rules.opened(found, look)
    return head, [
        [
            "" if line.placed.rank is None else str(line.placed.rank),
            line.placed.key,
            line.name,
            line.placed.figure.text,
            str(line.placed.figure.numerator),
            str(line.placed.figure.denominator),
            f"{line.low:.6f}",
            f"{line.high:.6f}",
            f"{line.placed.judged:.4f}",
            _against(line).text,
            f"{line.mix.expected:.6f}" if line.mix else "",
            str(line.mix.cases) if line.mix else "",
            line.placed.figure.definition,
        ]
        for line in lines
    ]
