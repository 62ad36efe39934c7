"""What a report takes from the ledgers beside the lake: typical problems 典型问题, and the published appraisal 量化考核."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.analytics.appraisal.queries import frozen, published, standing
from haochaping.analytics.problems.models import Problem
from haochaping.analytics.problems.queries import completion_of, number_of, published_problems, units_of
from haochaping.analytics.problems.rules import LISTED, State
from haochaping.analytics.reports.document import Block, Definition, Paragraph, Section, Table, numeral
from haochaping.analytics.rules import percent

if TYPE_CHECKING:
    from haochaping.analytics.appraisal.drafting import Line
    from haochaping.analytics.appraisal.rules import Part
    from haochaping.analytics.reports.asking import Asking

MOST = 20
PARTS_BESIDE = 5  # parts of a score that fit beside each other on A4


def problems(asking: Asking) -> Section | None:
    """The ledger of the place as it stands now: how much is completed, which problems wait for whom. To the public its own."""
    if asking.filters.get("organ_path"):
        return None
    return _published(asking) if asking.for_public else _all(asking)


def _all(asking: Asking) -> Section | None:
    rows = Problem.objects.filter(area_path__startswith=asking.area, state__in=LISTED)
    found = list(rows.order_by("state", "-opened_at", "pk")[:MOST])
    if not found:
        return None
    told = completion_of(rows)
    blocks: list[Block] = [
        Paragraph(
            words=f"台账现有立项的典型问题{told.problems:,}个，涉及事项{told.items:,}项；已解决{told.solved:,}个，"
            f"事项整改完成率{percent(told.items_solved, told.items)}（{told.items_solved:,}÷{told.items:,}）。"
        )
    ]
    units = units_of(found)
    blocks.append(
        Table(
            title="典型问题整改情况",
            head=("序号", "问题", "责任单位", "状态", "整改期限"),
            rows=tuple(
                (
                    number_of(one),
                    one.title,
                    "、".join(unit.organ_name for unit in units.get(one.pk, ())) or "—",
                    State(one.state).name_zh,
                    f"{one.due:%Y-%m-%d}" if one.due else "—",
                )
                for one in found
            ),
            texts=5,
            note="按生成报告时台账的状态。事项整改完成率：所涉典型问题都已解决的事项 ÷ 立项典型问题涉及的事项。",
        )
    )
    return Section(heading="典型问题", blocks=tuple(blocks))


def _published(asking: Asking) -> Section | None:
    found = published_problems(asking.area, now=asking.now, k=asking.caution.k)[:MOST]
    if not found:
        return None
    table = Table(
        title="已公开的典型问题",
        head=("序号", "问题", "责任单位", "结论"),
        rows=tuple((one.number, one.title, "、".join(one.units) or "—", one.verdict) for one in found),
        texts=4,
    )
    words = f"已公开典型问题{len(found):,}个，其中{sum(one.verdict == '已解决' for one in found):,}个已解决。"
    return Section(heading="典型问题", blocks=(Paragraph(words=words), table))


def appraised(asking: Asking) -> Section | None:
    """The published scores of the month, unit by unit, with every part. Not yet published ones are nobody's to read."""
    if asking.filters.get("organ_path"):
        return None
    found = published(asking.area, asking.period.start)
    if found is None:
        words = "本月考核结果还没有公布，本表暂不列得分。公布后请“重新取数”再提交。"
        return Section(heading="考核得分", blocks=(Paragraph(words=words),))
    sheet = frozen(found)
    lines = sorted(sheet.units, key=lambda line: (line.place.rank is None, line.place.rank or 0, line.name))
    if not lines:
        return None
    asking.more = tuple(
        Definition(name=part.name, formula=part.formula or "—", day=_weight(part), clause=part.clause or "—")
        for part in sheet.columns
    )
    corrected = sum(bool(line.corrections) for line in lines)
    words = f"本月参加考核的单位{len(lines):,}个，其中排名{lines[0].place.of:,}个。得分依据{sheet.basis.pack}。"
    if corrected:
        words += f"公布后经申诉更正{corrected:,}个，本表列更正后的得分。"
    blocks: list[Block] = [Paragraph(words=words), _totals(lines)]
    columns = sheet.columns
    starts = range(0, len(columns), PARTS_BESIDE)
    blocks.extend(
        _points(lines, columns[start : start + PARTS_BESIDE], f"各项得分（{numeral(n)}）")
        for n, start in enumerate(starts, 1)
    )
    return Section(heading="考核得分", blocks=tuple(blocks))


def _weight(part: Part) -> str:
    return f"权重{part.weight}分" if part.weight else "扣分"


def _totals(lines: list[Line]) -> Table:
    rows = []
    for line in lines:
        _, total = standing(line)
        between = "—" if total.low is None or total.high is None else f"{total.low:.2f}–{total.high:.2f}"
        value = "—" if total.value is None else f"{total.value:.2f}"
        place = (
            "—"
            if line.place.rank is None
            else f"{'' if line.place.is_apart or line.place.rank == 1 else '≈'}{line.place.rank}"
        )
        rows.append((place, line.name, value, between, f"{line.sample:,}"))
    return Table(
        title="单位综合得分",
        head=("名次", "单位", "综合得分", "得分区间", "评价量"),
        rows=tuple(rows),
        texts=2,
        note="得分区间由各项比率的95%置信区间算得。名次前加“≈”的，与前一名的区间重叠，先后可能出于偶然；“—”表示样本不足，不排名次。",
    )


def _points(lines: list[Line], columns: list[Part], title: str) -> Table:
    rows = []
    for line in lines:
        told = {part.key: part for part in standing(line)[0]}
        points = (told.get(part.key) for part in columns)
        rows.append((line.name, *("—" if one is None or one.points is None else f"{one.points:.2f}" for one in points)))
    head = ("单位", *(f"{part.name}（{part.weight}）" if part.weight else f"{part.name}（扣分）" for part in columns))
    return Table(title=title, head=head, rows=tuple(rows), note="括号内为该项权重；“—”表示该项不计，权重按规则分摊。")
