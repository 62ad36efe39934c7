"""The themes of analysis: which figures each puts beside which, as data; and how such a table is made.

A part is one table of a theme: its metrics by one dimension. What a page adds of its own (concentration, the funnel, what
recurs) is made by a function here from those same rows.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics.casemix import basic
from haochaping.analytics.labels import label
from haochaping.analytics.overview import DELAY, for_the_rated
from haochaping.analytics.queries import Figure, Row, added
from haochaping.analytics.rules import percent
from haochaping.analytics.traits import Concentration, concentration
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haochaping.analytics.looks import Look
    from haochaping.analytics.metrics import Metric

BAD_LEVELS, GOOD_LEVELS = (1, 2), (3, 4, 5)
CROSSED = 6  # months that a cluster is looked at over
FUNNEL = ("orders", "signed", "verified_in", "submitted", "reviewed", "past_callback", "closed")


@dataclass(frozen=True)
class Part:
    """A table: these metrics by this dimension, the largest of `sort` first (its own order without one), the first `top`."""

    key: str
    title: str
    by: str
    metrics: tuple[str, ...]
    filters: dict[str, Any] = field(default_factory=dict)
    sort: str = ""
    top: int = 0
    note: str = ""
    chart: str = ""  # bar | line | stack | radar | funnel
    drawn: tuple[str, ...] = ()  # of the metrics; all where none is named
    is_merged: bool = False  # a line stands for several keys
    months: int = 0  # looked at over so many months, to the end of the look


@dataclass(frozen=True)
class Answer:
    """A part with its lines: key, name and figures; `left`: so many more there are."""

    part: Part
    metrics: tuple[Metric, ...]
    lines: list[tuple[Any, str, Row]]
    left: int = 0

    @property
    def named(self) -> Answer:
        """Without the line of those that have no such key: online there is no window, most items are in no bundle."""
        return replace(self, lines=[line for line in self.lines if line[0]])


def answer(look: Look, part: Part, filters: dict[str, Any] | None = None) -> Answer:
    """The lines of a part in a look; those without a single case are left out."""
    seen = look.of_months(part.months) if part.months else look
    rows = seen.rows(part.metrics, [part.by], part.filters | (filters or {}))
    rows = [row for row in rows if any(figure.size for figure in row.figures.values())]
    return told(part, rows)


def told(part: Part, rows: list[Row]) -> Answer:
    """Sorted, cut and named."""
    if part.sort:
        rows = sorted(rows, key=lambda row: (-row[part.sort].numerator, str(row.keys[part.by])))
        rows = [row for row in rows if row[part.sort].numerator]
    shown = rows[: part.top] if part.top else rows
    metrics = tuple(shown[0][key].metric for key in part.metrics) if shown else ()
    lines = [(row.keys[part.by], label(part.by, row.keys[part.by]), row) for row in shown]
    return Answer(part, metrics, lines, len(rows) - len(shown))


# ── 差评聚类 ──
class Cluster(NamedTuple):
    """One cluster: how often, what part of the whole, and month by month."""

    key: Any
    name: str
    figure: Figure
    share: str
    parts: str  # "12 ÷ 340"
    months: list[Figure | None]


class Clusters(NamedTuple):
    """What came of one way to cluster, the largest first. `held`: how few make up most; None where rows do not add up."""

    by: str
    title: str
    note: str
    months: list[str]
    lines: list[Cluster]
    left: int
    whole: Figure
    held: Concentration | None
    without: int  # of the whole have no such key: no reason was ticked, nothing is verified yet, no window was there


class Way(NamedTuple):
    """A way to cluster: title, the metric that counts, what a line is, and how many lines are shown (0: all)."""

    title: str
    metric: str
    note: str
    most: int


CLUSTERED = {
    "indicator": Way("按差评指标", "bad", "评价人勾选的差评理由；一条评价可选几项，各行相加会多于差评总数", 12),
    "cause": Way("按核实原因", "orders", "承办单位核实后认定的原因，按差评工单统计", 0),
    "item": Way("按事项", "bad", "差评集中在哪些事项", 10),
    "organ": Way("按单位", "bad", "差评集中在哪些单位", 10),
    "window": Way("按窗口", "bad", "差评集中在哪些窗口；线上评价没有窗口", 10),
}
NOT_ADDING = {"indicator"}


def clusters(look: Look, by: str) -> Clusters:
    """The bad ratings of a look, or their orders, by one dimension, and how the last six months went."""
    title, metric, note, most = CLUSTERED[by]
    filters: dict[str, Any] = {} if metric == "orders" else {"level": BAD_LEVELS}
    whole = look.total([metric], filters)[metric]
    found = [row for row in look.rows([metric], [by], filters) if row[metric].numerator]
    rows = [row for row in found if row.keys[by]]
    without = sum(row[metric].numerator for row in found if not row.keys[by])
    rows.sort(key=lambda row: (-row[metric].numerator, str(row.keys[by])))
    shown = rows[:most] if most else rows
    keys = [row.keys[by] for row in shown]
    by_month: dict[tuple[Any, str], Figure] = {}
    if keys:
        for row in look.of_months(CROSSED).rows([metric], [by, "month"], filters | {by: keys}):
            by_month[row.keys[by], row.keys["month"]] = row[metric]
    months = look.months(CROSSED)
    held = None if by in NOT_ADDING else concentration({row.keys[by]: row[metric].numerator for row in rows})
    lines = [
        Cluster(
            key, label(by, key), row[metric], percent(row[metric].numerator, whole.numerator),
            f"{row[metric].numerator:,} ÷ {whole.numerator:,}", [by_month.get((key, month)) for month in months],
        )
        for key, row in zip(keys, shown, strict=True)
    ]  # fmt: skip
    return Clusters(by, title, note, months, lines, len(rows) - len(shown), whole, held, without)


# ── 营商环境 ──
WHO: dict[str, tuple[str, dict[str, Any]]] = {
    "items": ("涉企事项", {"is_enterprise": True}),
    "users": ("企业评价人", {"party": "enterprise"}),
}
BUSINESS_TILES = (
    "ratings", "active_rate", "good_rate", "bad_rate", "orders", "on_time_rate", "rectified_rate", "callback_satisfied_rate",
)  # fmt: skip
_RATES = ("ratings", "good_rate", "bad_rate", "orders", "rectified_rate")
BUSINESS = (
    Part("trend", "近12个月", "month", ("ratings", "good_rate", "bad_rate"), months=12, chart="bar"),
    Part("theme", "按事项主题", "theme", _RATES, sort="ratings", top=20, chart="bar", drawn=("bad_rate",)),
    Part("organ", "按单位", "organ", _RATES, sort="ratings", top=20),
    Part("item", "差评最多的事项", "item", ("bad", "ratings", "bad_rate"), sort="bad", top=15),
    Part("indicator", "差在哪里", "indicator", ("bad",), {"level": BAD_LEVELS}, sort="bad", top=10, chart="bar",
         note="评价人勾选的差评理由；一条评价可选几项"),
)  # fmt: skip

# ── “一件事” ──
BUNDLE_METRICS = ("ratings", "active_rate", "good_rate", "bad_rate", "orders", "on_time_rate", "rectified_rate")
BUNDLES = Part(
    "bundle", "各“一件事”", "bundle", BUNDLE_METRICS, sort="ratings", note="评价量多的在前；点名称看它的事项和单位"
)
OF_BUNDLE = (
    Part("trend", "近12个月", "month", ("ratings", "good_rate", "bad_rate"), months=12, chart="bar"),
    Part("organ", "涉及的单位", "organ", BUNDLE_METRICS, sort="ratings", top=30, note="一件事由几个单位联办，一处慢、一处差，整件事就办不好"),
    Part("indicator", "差在哪里", "indicator", ("bad",), {"level": BAD_LEVELS}, sort="bad", top=10, chart="bar",
         note="评价人勾选的差评理由；一条评价可选几项"),
)  # fmt: skip


def items_of_bundle(look: Look, code: str) -> Answer:
    """The items of a bundle, those of all areas with one basic code as one line."""
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in look.rows(BUNDLE_METRICS, ["item"], {"bundle": code}):
        rows[basic(str(row.keys["item"]))].append(row)
    part = Part(
        "item",
        "各个事项",
        "item",
        BUNDLE_METRICS,
        sort="ratings",
        note="各地同一事项（基本编码相同）合为一行",
        is_merged=True,
    )
    return told(part, [added(group) for group in rows.values()])


# ── 好评经验 ──
PRAISED = Part(
    "indicator", "评价人夸的是什么", "indicator", ("ratings",), {"level": GOOD_LEVELS}, sort="ratings", top=15,
    chart="bar", note="好评（基本满意及以上）中勾选的理由；一条评价可选几项",
)  # fmt: skip
PRAISED_MOST = 10
REASONS = 3


def reasons(look: Look, by: str, keys: Sequence[str]) -> dict[str, list[tuple[str, int]]]:
    """By organ or item what its good ratings name most: at most three texts with how often."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    if keys:
        for row in look.rows(["ratings"], [by, "indicator"], {by: list(keys), "level": GOOD_LEVELS}):
            if row.keys["indicator"]:
                text = label("indicator", row.keys["indicator"])
                found[str(row.keys[by])].append((text, row["ratings"].numerator))
    return {key: sorted(each, key=lambda one: (-one[1], one[0]))[:REASONS] for key, each in found.items()}


# ── 窗口与人员 ──
WINDOW_METRICS = ("ratings", "active_rate", "good_rate", "bad_rate", "orders", "on_time_rate")
WINDOWS = (
    Part("hall", "各大厅", "hall", WINDOW_METRICS, sort="ratings", top=20),
    Part("window", "各窗口", "window", WINDOW_METRICS, sort="ratings", top=30, note="评价量多的在前"),
    Part("point", "受理与出件", "point", ("ratings", "good_rate", "bad_rate"), chart="bar", note="综合窗口受理、出件各评一次，两处各有责任单位"),
)  # fmt: skip
CLERKS = Part("clerk", "窗口人员", "clerk", ("ratings", "good_rate", "bad_rate"), sort="ratings", top=30)


def clerks(look: Look) -> Answer:
    """People at windows: a week late, small numbers hidden as from whoever is rated."""
    end = min(look.end, clock.day(look.now) - DELAY)
    seen = look.over(min(look.start, end), end)
    rows = [row for row in seen.rows(CLERKS.metrics, ["clerk"]) if row.keys["clerk"] and row["ratings"].numerator]
    return told(CLERKS, for_the_rated(rows))


# ── 渠道 ──
CHANNELS = Part(
    "channel", "各渠道", "channel", ("ratings", "good_rate", "bad_rate", "real_name_rate", "score"), sort="ratings",
    chart="bar", drawn=("ratings", "bad_rate"),
)  # fmt: skip
CHANNEL_MONTHS = Part("month", "近12个月各渠道评价量", "month", ("ratings",), months=12, chart="stack")


class Oddity(NamedTuple):
    """Something about a channel that somebody should look at, and why."""

    name: str
    said: str


def oddities(
    lines: Iterable[tuple[Any, str, Row]], open_channels: Iterable[tuple[int, str]], minimum: int
) -> list[Oddity]:
    """A channel that gave nothing but praise to many, and one that is open and nobody uses."""
    found, used = [], set()
    for key, name, row in lines:
        used.add(key)
        rate = row["bad_rate"]
        if (rate.denominator or 0) >= minimum and not rate.numerator:
            said = f"{rate.denominator:,}条评价里没有一条差评。请查这个渠道能不能顺利给出差评（“渠道巡检”可以试），有没有代评、诱导。"
            found.append(Oddity(name, said))
    found += [
        Oddity(name, "规则里开放了这个渠道，这段时间却没有一条评价。请查入口是否好找、设备是否在用、数据是否报上来。")
        for key, name in open_channels
        if key not in used
    ]
    return found


# ── 整改效能 ──
TIMES = ("hours_to_sign", "days_to_answer", "days_to_close")
STEP_RATES = (
    "on_time_rate",
    "overdue_rate",
    "reopen_rate",
    "return_rate",
    "appeal_rate",
    "upheld_rate",
    "callback_rate",
    "callback_satisfied_rate",
)
RECTIFICATION = (
    Part("trend", "近12个月", "month", ("orders", "on_time_rate", "rectified_rate", "overdue_rate"), months=12, chart="bar"),
    Part("organ", "各单位的整改", "organ",
         ("orders", *TIMES, "on_time_rate", "overdue_rate", "reopen_rate", "appeal_rate", "upheld_rate"), sort="orders", top=30),
    Part("cause", "各类原因的整改", "cause", ("orders", "days_to_close", "rectified_rate", "reopen_rate"), sort="orders"),
    Part("severity", "难易不同的整改", "severity", ("orders", "days_to_answer", "on_time_rate", "rectified_rate")),
)  # fmt: skip


class Step(NamedTuple):
    """A step of the way of an order: how many came so far, of all and of those of the step before."""

    figure: Figure
    of_all: str
    of_before: str


def funnel(row: Row) -> list[Step]:
    """Dispatched → signed → verified → submitted → reviewed → past its callback → closed; "—" where nobody came before."""
    steps: list[Step] = []
    for key in FUNNEL:
        figure, first = row[key], row[FUNNEL[0]]
        before = steps[-1].figure.numerator if steps else first.numerator
        steps.append(Step(figure, percent(figure.numerator, first.numerator), percent(figure.numerator, before)))
    return steps
