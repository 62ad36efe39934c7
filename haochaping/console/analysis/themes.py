"""专题分析: a page for each theme of the founding documents, made of the parts that `analytics.themes` names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.analytics import ranking, themes
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.overview import DELAY, K
from haochaping.analytics.themes import answer
from haochaping.console.access import needs
from haochaping.console.analysis.leading import Leading
from haochaping.console.analysis.looking import form_of, look_from
from haochaping.console.analysis.sheets import Cell, Head, Sheet, cell, meanings, sheet_of, tiles, where
from haochaping.console.rules import MAY_OPEN
from haochaping.directory.queries import snapshot
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.looks import Look
    from haochaping.analytics.queries import Row
    from haochaping.analytics.themes import Answer, Clusters

MAY_SEE_CLERKS = (Role.HANDLER, Role.SUPERVISOR, Role.CITY, Role.LEADER)  # of their own organ, or of their own place


class Theme(NamedTuple):
    """A line of the list of themes."""

    route: str
    title: str
    said: str


THEMES = (
    Theme(
        "console:overview",
        "总体效能",
        "本月到现在的主要指标、趋势、满意度分布、渠道和各地，以及值得关注的。即“综合概览”。",
    ),
    Theme("console:theme_clusters", "差评聚类", "差评集中在哪些理由、原因、事项、单位和窗口，近六个月是多是少。"),
    Theme("console:theme_profile", "部门（地区）画像", "一个单位或地区的长处、短板和反复出现的问题，与同类相比怎样。"),
    Theme("console:theme_business", "营商环境", "涉企事项和企业评价人的满意度、差评和整改。"),
    Theme("console:theme_bundles", "“一件事”集成服务", "每件“一件事”的评价和整改，卡在哪个事项、哪个单位。"),
    Theme("console:theme_praise", "好评经验", "评价人夸的是什么，哪些单位、事项、窗口的好评最靠得住。"),
    Theme("console:theme_windows", "窗口与人员", "大厅、窗口、受理与出件的评价；主管和本单位还可看窗口人员的汇总。"),
    Theme("console:theme_channels", "渠道", "评价从哪些渠道来，各渠道的好差评率，有没有给不出差评或没人用的渠道。"),
    Theme("console:theme_rectification", "整改效能", "差评工单每一步走到哪里、用了多久，谁超期、谁重办、谁申诉。"),
)


@needs(*MAY_OPEN["themes"])
@require_safe
def overall(request: HttpRequest) -> HttpResponse:
    """The list of themes."""
    return render(request, "console/analysis/themes.html", {"themes": THEMES})


def shown(request: HttpRequest, route: str, form: dict[str, Any], **more: Any) -> HttpResponse:
    """A theme's page: the look, tiles and tables."""
    theme = next(one for one in THEMES if one.route == f"console:{route}")
    context = {"title": theme.title, "said": theme.said, "here": theme.route, "themes": THEMES, "form": form}
    return render(request, more.pop("template", "console/analysis/theme.html"), context | more)


# ── 差评聚类 ──
@needs(*MAY_OPEN["themes"])
@require_safe
def clusters(request: HttpRequest) -> HttpResponse:
    """Bad ratings by indicator, cause, item, organ or window, crossed with the last six months."""
    look, by = look_from(request), request.GET.get("by", "indicator")
    if by not in themes.CLUSTERED:
        raise Refused("unknown_choice", 422, "只能按差评理由、原因、事项、单位或窗口聚类。")
    form = form_of(request, look, ("by",))
    return shown(
        request,
        "theme_clusters",
        form,
        ways=[(way.title, f"{form['shared']}&by={key}", key == by) for key, way in themes.CLUSTERED.items()],
        ways_label="怎样聚类",
        tiles=tiles(look, ("bad", "bad_rate", "ratings", "orders")),
        sheets=[_clustered(themes.clusters(look, by), look, actor_of(request))],
    )


def _clustered(found: Clusters, look: Look, actor: Actor) -> Sheet:
    of_orders = found.whole.metric.key == "orders"
    asked = ["orders"] if of_orders else ["bad_rate", "ratings"]
    ways = Leading(look, actor, found.by, asked, {} if of_orders else {"level": themes.BAD_LEVELS})
    heads = [Head(label_of(found.by), is_number=False), Head(found.whole.name), Head("占全部", draw="none")]
    heads += [Head(f"{int(month[5:])}月", draw="none") for month in found.months]
    rows = [
        [
            Cell(line.name, where(found.by, line.key), href=ways.down(line.key)),
            cell(line.figure, ways.cases(line.key, asked[0])),
            Cell(line.share, line.parts),
            *(Cell(f"{figure.numerator:,}" if figure else "0") for figure in line.months),
        ]
        for line in found.lines
    ]
    said = []
    if found.held is not None and found.held.parts > 1:
        held, what = found.held, label_of(found.by)
        said.append(
            f"共涉及{held.parts:,}个{what}，其中最多的{held.half:,}个占了一半；前{held.first}个合计占"
            f"{100 * held.top / held.whole:.1f}%（{held.top:,} ÷ {held.whole:,}）。"
        )
    if found.without:
        said.append(f"另有{found.without:,}{WITHOUT[found.by]}，不在表中。")
    left = f"另有{found.left:,}行没有列出。" if found.left else ""
    return Sheet(
        found.by, found.title, heads, rows, found.note, said, "bar", "across", meanings([found.whole]), left,
        empty="这个时段、这个范围没有差评。",
    )  # fmt: skip


WITHOUT = {
    "indicator": "条差评没有勾选理由", "cause": "件工单还没有核实原因", "item": "条差评不知道是哪个事项", "organ": "条差评还没有明确单位",
    "window": "条差评不在窗口（线上办理）",
}  # fmt: skip


def label_of(dimension: str) -> str:
    return {
        "indicator": "差评理由", "cause": "原因", "item": "事项", "organ": "单位", "window": "窗口", "hall": "大厅",
        "bundle": "一件事", "clerk": "窗口人员", "channel": "渠道",
    }[dimension]  # fmt: skip


# ── 营商环境 ──
@needs(*MAY_OPEN["themes"])
@require_safe
def business(request: HttpRequest) -> HttpResponse:
    """Items for enterprises, or raters who are enterprises."""
    look, who = look_from(request), request.GET.get("who", "items")
    if who not in themes.WHO:
        raise Refused("unknown_choice", 422, "只能看“涉企事项”或“企业评价人”。")
    filters, form = themes.WHO[who][1], form_of(request, look, ("who",))
    parts = [answer(look, part, filters) for part in themes.BUSINESS]
    return shown(
        request,
        "theme_business",
        form,
        ways=[(name, f"{form['shared']}&who={key}", key == who) for key, (name, _) in themes.WHO.items()],
        ways_label="看谁",
        tiles=tiles(look, themes.BUSINESS_TILES, filters),
        sheets=[_part(found, look, actor_of(request), filters) for found in parts],
    )


def _part(found: Answer, look: Look, actor: Actor, filters: dict[str, Any] | None = None) -> Sheet:
    """A part, organs leading to their profiles, other lines to their slice; bars lie where names are long."""
    options = "across" if found.part.by in {"indicator", "theme", "organ", "item"} and found.part.chart else ""
    if found.part.by != "organ":
        seen = look.of_months(found.part.months) if found.part.months else look
        ways = Leading(seen, actor, found.part.by, found.part.metrics, found.part.filters | (filters or {}))
        down = None if found.part.is_merged else ways.down
        return sheet_of(found.named if found.part.by in {"indicator", "cause"} else found, down, options=options)
    return sheet_of(found, lambda key: profile_link(look, str(key)), options=options)


def profile_link(look: Look, organ: str = "", area: str = "") -> str:
    """The profile of an organ, or of an area, over the same days; "" for an organ that the directory does not know."""
    if area:
        return f"{reverse('console:theme_profile')}?{urlencode({'area': area, 'from': look.start, 'to': look.end})}"
    if organ not in snapshot().organs:
        return ""
    return f"{reverse('console:theme_profile')}?{urlencode({'organ': organ, 'from': look.start, 'to': look.end})}"


# ── “一件事” ──
@needs(*MAY_OPEN["themes"])
@require_safe
def bundles(request: HttpRequest) -> HttpResponse:
    """All bundles; or one, with its items and the organs that share it."""
    look, code = look_from(request), request.GET.get("bundle", "")
    form = form_of(request, look, ("bundle",))
    if not code:
        found = answer(look, themes.BUNDLES)
        sheet = sheet_of(found.named, lambda key: f"?{form['shared']}&" + urlencode({"bundle": key}))
        return shown(request, "theme_bundles", form, sheets=[sheet])
    if code not in snapshot().themes:
        raise Refused("not_found", 404, "没有这件“一件事”。")
    only = {"bundle": code}
    parts = [themes.items_of_bundle(look, code), *(answer(look, part, only) for part in themes.OF_BUNDLE)]
    return shown(
        request,
        "theme_bundles",
        form,
        ways=[("全部“一件事”", form["shared"], False), (label("bundle", code), form["query"], True)],
        ways_label="哪一件",
        tiles=tiles(look, themes.BUSINESS_TILES, only),
        sheets=[_part(found, look, actor_of(request), only) for found in parts],
    )


# ── 好评经验 ──
@needs(*MAY_OPEN["themes"])
@require_safe
def praise(request: HttpRequest) -> HttpResponse:
    """What good ratings name, and who is praised by many: ranked by the cautious end of the interval, with a large sample."""
    look = look_from(request)
    sheets = [sheet_of(answer(look, themes.PRAISED).named, None, options="across", called="好评理由")]
    whole = look.total(["good_rate"])["good_rate"].value or 0
    for subject in ("organ", "item", "window"):
        found = ranking.ranking(look, "good_rate", subject)
        lines = ranking.opened(found, look, 0, themes.PRAISED_MOST, with_mix=False) if found.ranked else []
        lines = [
            line for line in lines if line.placed.rank is not None and line.high >= whole
        ]  # below all is no praise
        why = themes.reasons(look, subject, [line.placed.key for line in lines])
        rows = [
            [
                Cell(
                    line.name,
                    where(subject, line.placed.key),
                    href=profile_link(look, line.placed.key) if subject == "organ" else "",
                ),
                cell(line.placed.figure),
                Cell(f"{line.placed.judged * 100:.2f}%"),
                Cell("、".join(f"{text}（{n:,}）" for text, n in why.get(line.placed.key, [])) or "—"),
            ]
            for line in lines
        ]
        name = label_of(subject)
        heads = [Head(name, is_number=False), Head("主动好评率"), Head("稳妥值"), Head("夸得最多的", is_number=False)]
        note = f"评价不少于{found.minimum}条的，按稳妥值（95%置信区间的下限）排，前{themes.PRAISED_MOST}名；明显低于总体的不列"
        shown_figures = [lines[0].placed.figure] if lines else []
        sheets.append(
            Sheet(
                f"praised-{subject}",
                f"好评最靠得住的{name}",
                heads,
                rows,
                note,
                meanings=meanings(shown_figures),
                empty=f"这个时段还没有哪个{name}评价不少于{found.minimum}条、好评率又不低于总体。可以把时间放长一些再看。",
            )
        )
    return shown(request, "theme_praise", form_of(request, look), sheets=sheets)


# ── 窗口与人员 ──
@needs(*MAY_OPEN["themes"])
@require_safe
def windows(request: HttpRequest) -> HttpResponse:
    """Halls, windows, acceptance and issue; and of clerks, to whom it concerns, a late and never a small sum."""
    look = look_from(request)
    sheets = []
    for part in themes.WINDOWS:
        found = answer(look, part)
        if part.by != "point" or any(key for key, _, _ in found.lines):  # most places rate a service as a whole
            ways = Leading(look, actor_of(request), part.by, part.metrics)
            sheets.append(sheet_of(found if part.by == "point" else found.named, ways.down))
    if actor_of(request).has(*MAY_SEE_CLERKS):
        note = (
            f"只有{DELAY.days}天前、不少于{K}条的汇总，供改进服务用；不排名，也不给窗口人员互相看。"
            f"评价少于{look.minimum}条的，高低多半出于偶然。"
        )
        empty = f"还没有谁的评价满{K}条（只算{DELAY.days}天前的）。"
        sheets.append(sheet_of(themes.clerks(look), note=note, empty=empty))
    return shown(request, "theme_windows", form_of(request, look), sheets=sheets)


# ── 渠道 ──
@needs(*MAY_OPEN["themes"])
@require_safe
def channels(request: HttpRequest) -> HttpResponse:
    """Share and rates of each channel, month by month, and what is odd about one."""
    look = look_from(request)
    found = answer(look, themes.CHANNELS)
    whole = look.total(["ratings"])["ratings"]
    sheet = sheet_of(found, Leading(look, actor_of(request), "channel", themes.CHANNELS.metrics).down)
    heads = [sheet.heads[0], sheet.heads[1], Head("占全部评价", draw="none"), *sheet.heads[2:]]
    rows = [
        [row[0], row[1], _share_of(line[2], whole.numerator), *row[2:]]
        for row, line in zip(sheet.rows, found.lines, strict=True)
    ]
    sheets = [
        Sheet(
            "channel", "各渠道", heads, rows, chart="bar", options="points", meanings=sheet.meanings,
            note="好差评率只有样本够大时才能比：区间重叠的，高低可能出于偶然",
        ),
        _odd(look, found),
        _channel_months(look),
    ]  # fmt: skip
    return shown(request, "theme_channels", form_of(request, look), sheets=sheets)


def _share_of(row: Row, whole: int) -> Cell:
    n = row["ratings"].numerator
    return Cell(f"{100 * n / whole:.1f}%" if whole else "—", f"{n:,} ÷ {whole:,}")


def _odd(look: Look, found: Answer) -> Sheet:
    try:
        offered = [(channel.pf, label("channel", channel.pf)) for channel in policy_at(look.home, look.end).channels]
    except Refused:  # no pack yet: nothing is known of what is open
        offered = []
    odd = themes.oddities(found.lines, offered, look.minimum) if found.lines else []
    heads = [Head("渠道", is_number=False), Head("为什么要看一看", is_number=False)]
    rows = [[Cell(one.name), Cell(one.said)] for one in odd]
    return Sheet(
        "odd", "要查一查的渠道", heads, rows, empty="没有发现异常：有评价的渠道都有人给过差评，开放的渠道都有人在用。"
    )


def _channel_months(look: Look) -> Sheet:
    seen = look.of_months(themes.CHANNEL_MONTHS.months)
    rows = seen.rows(["ratings"], ["month", "channel"])
    keys = sorted({row.keys["channel"] for row in rows if row.keys["channel"] is not None})
    by_month = {(row.keys["month"], row.keys["channel"]): row["ratings"] for row in rows}
    months = [
        month for month in look.months(themes.CHANNEL_MONTHS.months) if any((month, key) in by_month for key in keys)
    ]
    heads = [Head("月份", is_number=False), *(Head(label("channel", key)) for key in keys)]
    lines = [
        [Cell(month), *(cell(by_month[month, key]) if (month, key) in by_month else Cell("0") for key in keys)]
        for month in months
    ]
    part = themes.CHANNEL_MONTHS
    return Sheet(
        part.key,
        part.title,
        heads,
        lines if keys else [],
        chart="stack",
        meanings=meanings([rows[0]["ratings"]] if rows else []),
    )


# ── 整改效能 ──
@needs(*MAY_OPEN["themes"])
@require_safe
def rectification(request: HttpRequest) -> HttpResponse:
    """The way of the orders as a funnel, how long it took, and by organ who is late, redoes, appeals."""
    look = look_from(request)
    total = look.total(themes.FUNNEL)
    steps = themes.funnel(total) if total["orders"].numerator else []
    heads = [
        Head("环节", is_number=False),
        Head("工单"),
        Head("占派出的", draw="none"),
        Head("占上一环节", draw="none"),
    ]
    rows = [
        [Cell(FUNNEL_NAMES[key]), cell(step.figure), Cell(step.of_all), Cell(step.of_before)]
        for key, step in zip(themes.FUNNEL, steps, strict=False)
    ]
    way = Sheet(
        "funnel", "走到哪一步", heads, rows, "这段时间派出的工单，到现在各走到了哪里；还在办的会继续往下走", chart="funnel",
        meanings=meanings([total[key] for key in themes.FUNNEL]),
    )  # fmt: skip
    parts = [answer(look, part) for part in themes.RECTIFICATION]
    return shown(
        request,
        "theme_rectification",
        form_of(request, look),
        tiles=tiles(look, ("orders", *themes.TIMES, *themes.STEP_RATES)),
        sheets=[way, *(_part(found, look, actor_of(request)) for found in parts)],
    )


FUNNEL_NAMES = {"orders": "派单"} | {key: METRICS[key].name for key in themes.FUNNEL[1:] if key in METRICS}
