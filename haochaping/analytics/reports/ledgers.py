"""What a report takes from the ledgers beside the lake: typical problems 典型问题 and their completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.analytics.problems.models import Problem
from haochaping.analytics.problems.queries import completion_of, number_of, published_problems, units_of
from haochaping.analytics.problems.rules import LISTED, State
from haochaping.analytics.reports.document import Block, Paragraph, Section, Table
from haochaping.analytics.rules import percent

if TYPE_CHECKING:
    from haochaping.analytics.reports.asking import Asking

MOST = 20


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
