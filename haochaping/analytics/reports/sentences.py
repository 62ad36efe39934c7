"""Sentences in plain official Chinese out of figures. Pure: what is not known, or may be chance, is not said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.analytics.metrics import Unit
from haochaping.analytics.rules import percent, wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from haochaping.analytics.queries import Figure, Row
    from haochaping.analytics.rules import Ranked

SEVERAL = 2  # bad ratings from which on a thing is named in a sentence
MINIMUM = 30  # cases below which a share is neither compared nor ranked, unless the policy asks for more
MEASURES = {
    "services": "件", "ratings": "条", "excluded": "条", "inspections": "次", "orders": "件",
}  # fmt: skip


@dataclass(frozen=True)
class Beside:
    """A figure with the same of the period before and of the year before; None: of a time that the data does not reach."""

    now: Figure
    before: Figure | None
    last_year: Figure | None


def amount(figure: Figure, *, minimum: int = 0) -> str:
    """As in 97.20%（1,166÷1,200） or 1,200条; what is hidden says so. A share of fewer than `minimum` has no percent: 3÷5."""
    if figure.denominator is None:
        return figure.text if figure.hidden_below else f"{figure.text}{MEASURES.get(figure.metric.key, '件')}"
    parts = figure.parts.replace(" ", "")
    if parts and figure.size < minimum:
        return f"为{parts}"
    return f"{figure.text}（{parts}）" if parts else figure.text


def is_shown(figure: Figure) -> bool:
    return figure.value is not None


def change(now: Figure, then: Figure | None, word: str, *, minimum: int = MINIMUM) -> str:
    """较上周上升0.30个百分点, said only where both rest on enough cases; 变化不显著 where the intervals meet."""
    if then is None or now.value is None or then.value is None:
        return ""
    if now.denominator is None:
        return _grown(int(now.value), int(then.value), word, MEASURES.get(now.metric.key, "件"))
    if min(now.size, then.size) < minimum:
        return ""
    difference = float(now.value) - float(then.value)
    if now.metric.unit is Unit.RATIO:
        size = f"{abs(difference) * 100:.2f}"
        if size == "0.00":
            return f"与{word}持平"
        said = f"较{word}{'上升' if difference > 0 else '下降'}{size}个百分点"
        return said if _are_apart(now, then) else f"{said}（变化不显著）"
    size = f"{abs(difference):.2f}"
    return f"与{word}持平" if size == "0.00" else f"较{word}{'增加' if difference > 0 else '减少'}{size}"


def _grown(now: int, then: int, word: str, measure: str) -> str:
    if not then:
        return ""
    if now == then:
        return f"与{word}持平"
    grown = f"{abs(now - then) / then * 100:.1f}%"
    way, rate = ("增加", "增长") if now > then else ("减少", "下降")
    return f"较{word}{way}{abs(now - then):,}{measure}（{rate}{grown}）"


def _are_apart(one: Figure, other: Figure) -> bool:
    a, b = one.interval, other.interval
    return a is not None and b is not None and (a[0] > b[1] or b[0] > a[1])


def compared(beside: Beside, before: str, *, minimum: int = MINIMUM) -> str:
    """The changes against the period before and against last year, as a tail of a sentence; "" if none can be said."""
    said = [
        change(beside.now, beside.before, before, minimum=minimum),
        change(beside.now, beside.last_year, "上年同期", minimum=minimum),
    ]
    tail = "，".join(one for one in said if one)
    return f"，{tail}" if tail else ""


def overall(figures: Mapping[str, Beside], *, this: str, place: str, before: str, minimum: int = MINIMUM) -> list[str]:
    """How many services and ratings there were, how many came of their own accord, how good they were."""

    def told(key: str) -> str:
        found = figures[key]
        return f"{amount(found.now, minimum=minimum)}{compared(found, before, minimum=minimum)}"

    ratings = figures["ratings"].now
    served = f"可以评价的办件服务{told('services')}" if "services" in figures else ""  # not told to the public
    if ratings.value == 0:
        return [f"{this}，{place}{served}{'，' if served else ''}没有收到主动评价。"]
    said = [f"{this}，{place}{served}{'；' if served else ''}收到主动评价{told('ratings')}。"]
    if is_shown(figures["active_rate"].now):
        said.append(f"主动评价率{told('active_rate')}。")
    if is_shown(figures["good_rate"].now):
        said.append(f"主动好评率{told('good_rate')}；差评率{told('bad_rate')}。")
    return ["".join(said)]


def apart(figures: Mapping[str, Beside]) -> list[str]:
    """What is counted apart: default ratings, and those that a ruling excluded."""
    default, excluded = figures["good_rate_with_default"].now, figures["excluded"].now
    said = []
    if is_shown(default):
        said.append(
            f"加入期满未评的默认评价后，好评率（含默认）为{amount(default)}。默认评价不是评价人的意见，只列出备查，不用于比较和排名。"
        )
    if excluded.value:
        said.append(f"经裁定排除的评价{amount(excluded)}，不计入各项指标。")
    elif excluded.value == 0:
        said.append("没有经裁定排除的评价。")
    return ["".join(said)] if said else []


def rectification(figures: Mapping[str, Beside], *, this: str, before: str, minimum: int = MINIMUM) -> list[str]:
    """What came of the bad ratings: orders, in time, put right, and what the raters said of it."""
    orders = figures["orders"]
    if orders.now.value == 0:
        return [f"{this}没有派出差评工单。"]
    said = [f"{this}派出差评工单{amount(orders.now)}{compared(orders, before)}。"]
    shares = [
        f"{found.now.name}{amount(found.now, minimum=minimum)}{compared(found, before, minimum=minimum)}"
        for key in (
            "reply_rate",
            "on_time_rate",
            "overdue_rate",
            "rectified_rate",
            "callback_satisfied_rate",
            "reopen_rate",
        )
        if (found := figures.get(key)) is not None and is_shown(found.now)
    ]
    if shares:
        said.append("；".join(shares) + "。")
    return ["".join(said)]


def extremes(ranked: Sequence[Ranked], names: Mapping[str, str], *, metric: str, what: str, higher: bool = True) -> str:
    """首位 and 末位, each only where its interval lies clear of every other that is ranked."""
    able = [one for one in ranked if one.rank is not None]
    if len(able) < 2:
        return f"主动评价达到比较下限的{what}不足两个，本期不作首末位评述。" if ranked else ""
    best = next((one for one in able if all(_leads(one, other, higher) for other in able if other is not one)), None)
    last = next((one for one in able if all(_leads(other, one, higher) for other in able if other is not one)), None)
    said = [
        f"{metric}居{place}的是{names[one.share.key]}（{_share(one)}）"
        for place, one in (("首位", best), ("末位", last))
        if one is not None
    ]
    if not said:
        return f"没有哪个{what}的{metric}同其余各个都拉得开距离（95%置信区间有重叠），先后可能出于偶然，本期不作首末位评述。"
    return (
        "，".join(said) + "。其余的置信区间相互重叠，先后可能出于偶然。"
        if len(able) > len(said)
        else "，".join(said) + "。"
    )


def _leads(one: Ranked, other: Ranked, higher: bool) -> bool:
    return one.low > other.high if higher else one.high < other.low


def _share(one: Ranked) -> str:
    return f"{percent(one.share.numerator, one.share.denominator)}，{one.share.numerator:,}÷{one.share.denominator:,}"


def worst(rows: Sequence[Row], names: Sequence[str], *, what: str, total: int, most: int = 3) -> str:
    """The rows with most bad ratings, by number: 差评较多的事项. One bad rating is no concentration."""
    told = [
        f"{name}（评价{row['bad_rate'].denominator:,}条，其中差评{row['bad_rate'].numerator:,}条）"
        for name, row in zip(names[:most], rows[:most], strict=True)
        if row["bad_rate"].numerator >= SEVERAL
    ]
    if not total:
        return "没有收到差评。"
    if not told:
        return f"收到差评{total:,}条，分散在不同{what}，没有集中的情况。"
    return f"收到差评{total:,}条，较多的{what}是：{'、'.join(told)}。"


def bounds(figure: Figure) -> str:
    """The 95 % interval as printed; "—" where there is none."""
    if figure.metric.unit is not Unit.RATIO or not figure.denominator:
        return "—"
    interval = wilson(figure.numerator, figure.denominator)
    return "—" if interval is None else f"{interval[0] * 100:.2f}%–{interval[1] * 100:.2f}%"
