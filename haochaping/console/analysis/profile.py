"""部门（地区）画像: the profile of an organ or a region."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.views.decorators.http import require_safe

from haochaping.analytics import themes
from haochaping.analytics.metrics import METRICS, Better
from haochaping.analytics.profile import PEER_CASES, TREND, TREND_MONTHS, Profile, Trait
from haochaping.analytics.profile import profile as profile_of
from haochaping.analytics.traits import PEERS_LEAST, RECURS, WITHIN
from haochaping.console.access import needs
from haochaping.console.analysis.looking import form_of, look_from
from haochaping.console.analysis.sheets import Cell, Head, Sheet, cell, meanings, sheet_of, tiles
from haochaping.console.analysis.themes import profile_link, shown
from haochaping.console.rules import MAY_OPEN

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.analytics.casemix import Mix

VERDICTS = {"strong": ("长处", "chip chip-good"), "weak": ("短板", "chip chip-bad"), "": ("", "")}
_METRICS = ("ratings", "good_rate", "bad_rate", "orders", "rectified_rate")
BELOW = {
    "organ": themes.Part("branch", "下级单位", "branch", _METRICS, sort="ratings", top=30),
    "province": themes.Part("city", "各设区市", "city", _METRICS),
    "city": themes.Part("county", "各县（市、区）", "county", _METRICS),
    "county": themes.Part("organ", "各单位", "organ", _METRICS, sort="ratings", top=30),
}


@needs(*MAY_OPEN["themes"])
@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """Rates by their place among peers, true values beside them; twelve months; what recurs; what its items let expect."""
    look = look_from(request).of_own_organ
    found = profile_of(look)
    sheets = [_traits(found), _mix(found), _trend(found), _recurrent(found)]
    part = BELOW[found.dimension]
    below = themes.answer(look, part).named
    if any(key != look.organ for key, _, _ in below.lines):
        sheets.append(sheet_of(below, lambda key: _opened(found, part.by, str(key)), note="点名称看它的画像"))
    return shown(
        request,
        "theme_profile",
        form_of(request, look),
        tiles=tiles(look, ("ratings", "bad_rate", "orders", "days_to_close"), found.own),
        sheets=sheets,
    )


def _opened(found: Profile, dimension: str, key: str) -> str:
    """Where a line of what lies below leads: to a profile of its own, unless it is what one looks at."""
    if dimension in {"branch", "organ"}:
        return profile_link(found.look, key) if key != found.look.organ else ""
    return profile_link(found.look, area=key) if len(key) > len(found.key) else ""


def _traits(found: Profile) -> Sheet:
    heads = [
        Head("指标", is_number=False),
        Head("胜过同类的比例", draw="bar"),
        Head("本值", draw="none"),
        Head("同类合计", draw="none"),
        Head("可比的同类", draw="none"),
        Head("评价", is_number=False, draw="none"),
    ]
    traits = [trait for trait in found.traits if trait.figure.denominator]
    rows = [_trait(trait) for trait in traits]
    undrawn = frozenset(n for n, trait in enumerate(traits) if trait.place is None)
    said = [_in_words(found)]
    return Sheet(
        "traits", "长处和短板", heads, rows,
        f"与其他{found.kind}相比，越靠外越好；只用同类的合计和位次，不列出别的单位", said, "radar" if len(rows) - len(undrawn) > 2 else "",
        meanings=[
            ("胜过同类的比例", f"同类中比本值差的占多少（相同的算一半），已按指标方向折算，越高越好。同类中该指标样本少于{PEER_CASES}件的不比，可比的同类少于{PEERS_LEAST}个的也不比。"),
            ("长处、短板", "位次在最好或最差的四分之一，而且本值的95%置信区间不含同类合计值：不是偶然。"),
            *meanings([trait.figure for trait in found.traits]),
        ],
        undrawn=undrawn,
    )  # fmt: skip


def _trait(trait: Trait) -> list[Cell]:
    word, chip = VERDICTS[trait.verdict]
    better = "越高越好" if METRICS[trait.figure.metric.key].better is Better.HIGHER else "越低越好"
    return [
        Cell(trait.figure.name, better),
        Cell("—" if trait.place is None else f"{trait.place:.0f}%"),
        cell(trait.figure),
        cell(trait.peers_rate) if trait.peers_rate else Cell("—"),
        Cell(f"{trait.peers}个" if trait.peers >= PEERS_LEAST else "不足5个"),
        Cell(word or "—", kind=chip),
    ]


def _in_words(found: Profile) -> str:
    strong, weak = ("、".join(trait.figure.name for trait in each) for each in (found.strengths, found.weaknesses))
    if not any(trait.place is not None for trait in found.traits):
        return f"可比的同类（{found.kind}）不足{PEERS_LEAST}个，或样本太小，暂不比较。"
    if not strong and not weak:
        return "各项指标与同类的差别都可能出于偶然，没有明显的长处或短板。"
    return (
        "；".join(part for part in (f"长处：{strong}" if strong else "", f"短板：{weak}" if weak else "") if part)
        + "。"
    )


def _mix(found: Profile) -> Sheet:
    mix = found.mix
    heads = [Head("主动好评率"), Head("按事项构成应有的"), Head("相差"), Head("相差的95%区间"), Head("可比的评价")]
    heads = [Head("比较", is_number=False), *heads]
    rows = [[Cell("本单位" if found.look.organ else "本地区"), *_mix_cells(mix)]] if mix else []
    return Sheet(
        "mix", "同样的事项，办得怎样", heads, rows,
        said=[_mix_words(mix)] if mix else [],
        meanings=[("按事项构成应有的", "每个事项取全平台其他单位办同一事项（基本编码相同）的主动好评率，按本单位各事项的评价量加权。事项难，应有的好评率就低；这样比，不会因为办的事难而吃亏。没有别人办的事项不参加比较。")],
        empty="没有别的单位办同样的事项，或这段时间没有评价，暂时无法比较。",
    )  # fmt: skip


def _mix_cells(mix: Mix) -> list[Cell]:
    return [
        Cell(f"{mix.observed * 100:.2f}%"),
        Cell(f"{mix.expected * 100:.2f}%"),
        Cell(f"{mix.difference * 100:+.2f}个百分点"),
        Cell(f"{mix.low * 100:+.2f} 至 {mix.high * 100:+.2f}"),
        Cell(f"{mix.cases:,}条", f"占全部的{mix.covered * 100:.1f}%"),
    ]


def _mix_words(mix: Mix) -> str:
    start = f"别的单位办同样这些事项，好评率是{mix.expected * 100:.2f}%；这里是{mix.observed * 100:.2f}%，"
    if not mix.is_apart:
        return start + "差别可能出于偶然，与同样事项的一般水平相当。"
    size = f"{abs(mix.difference) * 100:.2f}个百分点"
    return start + (
        f"高{size}，不是偶然：同样的事办得更好。"
        if mix.difference > 0
        else f"低{size}，不是偶然：不能用“办的事难”来解释。"
    )


def _trend(found: Profile) -> Sheet:
    heads = [Head("月份", is_number=False), *(Head(METRICS[key].name) for key in TREND)]
    rows = [[Cell(row.keys["month"]), *(cell(row[key]) for key in TREND)] for row in found.trend]
    first = [found.trend[0][key] for key in TREND] if found.trend else []
    return Sheet("trend", f"近{TREND_MONTHS}个月", heads, rows, chart="bar", meanings=meanings(first))


def _recurrent(found: Profile) -> Sheet:
    heads = [Head("反复出现的", is_number=False), Head("种类", is_number=False), Head("出现的月份数"), Head("合计")]
    rows = [
        [Cell(name), Cell(kind), Cell(f"{one.months}个月"), Cell(f"{one.times:,}")]
        for kind, name, one in found.recurrent
    ]
    return Sheet(
        "recurrent", "屡改屡犯", heads, rows, f"近{WITHIN}个月里有{RECURS}个月及以上都出现的差评理由和核实原因",
        empty=f"近{WITHIN}个月里没有哪个差评理由或原因出现在{RECURS}个月以上。",
    )  # fmt: skip
