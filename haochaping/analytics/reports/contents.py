"""A report out of data: which parts each kind has, its head, its notes and its annex."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.analytics.dimensions import DIMENSIONS, PREFIXES, values_of
from haochaping.analytics.labels import area, label
from haochaping.analytics.queries import figures
from haochaping.analytics.reports import kinds, ledgers, sections
from haochaping.analytics.reports.asking import Asking, caution
from haochaping.analytics.reports.document import Document
from haochaping.analytics.reports.kinds import KINDS, Kind, Period
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from haochaping.analytics.reports.document import Section


def build(
    kind: Kind,
    period: Period,
    *,
    place: str,
    issuer: str,
    filters: Mapping[str, Any],
    by: Sequence[str] = (),
    title: str = "",
    for_public: bool = False,
    now: datetime,
) -> Document:
    """The report of these cases as the lake knows them now."""
    asked = dict(filters)
    if kind is Kind.ENTERPRISE:
        asked["is_enterprise"] = [True]
    asking = Asking(kind, period, asked, now, for_public)
    asking.caution = caution(asking.area, period.end)
    if for_public:
        _refuse_telling(asking)
    parts = tuple(part for part in _parts(asking, by) if part is not None and part.blocks)
    spec = KINDS[kind]
    return Document(
        head=f"{place}{spec.head}",
        title=title or _title(kind, period, place),
        place=place,
        period=period.words,
        issuer=issuer,
        sections=parts,
        definitions=asking.definitions(),
        notes=tuple(_notes(asking)),
    )


def _title(kind: Kind, period: Period, place: str) -> str:
    if kind is Kind.MONTHLY:
        return f"关于{period.words}{place}政务服务“好差评”情况的通报"
    return f"{place}{KINDS[kind].head}（{period.words}）"


def _parts(asking: Asking, by: Sequence[str]) -> Iterator[Section | None]:
    kind = asking.kind
    if kind is Kind.APPRAISAL:
        yield ledgers.appraised(asking)
    yield sections.overall(asking)
    if (
        asking.for_public
    ):  # what lies below is on the public site, hidden there as one tree; tables of our own would tell it
        yield sections.mending(asking)
        yield ledgers.problems(asking)
        return
    if kind is Kind.ENTERPRISE:
        yield sections.parties(asking)
    if kind is Kind.TOPIC:
        if not by:
            yield sections.places(asking, is_ranked=False)
        for name in by:
            yield sections.sliced(asking, name, DIMENSIONS[name].name)
    else:
        yield sections.places(asking, is_ranked=kind is Kind.MONTHLY)
    if kind in {Kind.WEEKLY, Kind.MONTHLY}:
        yield sections.channels(asking)
    yield sections.items(asking)
    if kind is not Kind.DAILY:
        yield sections.reasons(asking)
    yield sections.mending(asking)
    if kind in {Kind.WEEKLY, Kind.MONTHLY}:
        yield ledgers.problems(asking)


def _notes(asking: Asking) -> Iterator[str]:
    yield f"数据截至{clock.to_wire(asking.now)[:16]}，由系统按统一指标库从评价和工单数据生成，与管理平台同期同口径的数值一致。"
    asked = asking.filters
    limits = [
        f"{PREFIXES[name][0] if name in PREFIXES else DIMENSIONS[name].name}为{'、'.join(_word(name, value) for value in values_of(given))}"
        for name, given in asked.items()
    ]
    yield f"统计范围：{asking.period.words}；{'；'.join(limits) or '全部地区'}。各指标按附件所列的统计日归入本期。"
    yield "系统巡检产生的数据、经裁定排除的评价不计入各项指标；监督查评另行统计。"
    yield (
        f"“变化不显著”指两期比率的95%置信区间（Wilson法）重叠，变化可能出于偶然；任一期不足{asking.caution.minimum}件的比率不作比较，"
        "在文字中只列分子÷分母，不列百分比。"
    )
    before = kinds.before(asking.kind, asking.period)
    last_year = kinds.year_before(asking.kind, asking.period)
    yield f"{KINDS[asking.kind].before}指{before.words}；上年同期指{last_year.words}。“—”表示没有可以计算的数据。"
    missing = [
        word
        for word, then in ((KINDS[asking.kind].before, before), ("上年同期", last_year))
        if not asking.is_known(then)
    ]
    if missing:
        yield f"{'、'.join(missing)}的数据不全，不作比较。"
    if asking.for_public:
        yield (
            f"为保护评价人，不足{asking.caution.k}件的数据不公布，以“少于{asking.caution.k}”表示；"
            "各地区、单位、事项和渠道的数据见公示网站同月的公布数。"
        )
    yield "本件不含评价人的身份信息和评价原文。"


def _word(name: str, value: Any) -> str:
    if name == "area":
        return area(str(value))
    return label("organ", str(value).strip("/").rpartition("/")[2]) if name == "organ_path" else label(name, value)


def _refuse_telling(asking: Asking) -> None:
    """Refused 409 where the figures of this place, beside those of the others, would tell of few people in one of them."""
    area = asking.area
    beside = {4: ("city", area[:2]), 6: ("county", area[:4])}.get(len(area))
    if beside is None:
        return
    dimension, above = beside
    start, end = asking.period.start, asking.period.end
    rows = figures(("ratings", "orders"), [dimension], start, end, {"area": above}, now=asking.now).rows
    k = asking.caution.k
    if any(0 < figure.size < k for row in rows for figure in row.figures.values()):
        raise Refused(
            "would_tell_few", 409, f"本期同级地区中有不足{k}件的，公开本件会泄露它们的数字。请改为不公开，另做一份。"
        )
