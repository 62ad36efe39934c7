"""考核方案: what of ratings and rectification counts in the monthly score of a unit or a clerk, and how much. Pure.

The shares are those of the metric dictionary (`analytics.metrics`), by its keys; 平均分 counts as a share of the best score.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from haochaping.policy.sourced import Limit, Sourced

if TYPE_CHECKING:
    from collections.abc import Iterator

MEASURES = {
    "good_rate": "主动好评率",
    "score": "平均分（占最高分的比例）",
    "active_rate": "主动评价率",
    "bad_rate": "差评率",
    "reply_rate": "差评回复率",
    "on_time_rate": "按期办结率",
    "rectified_rate": "整改率",
    "callback_rate": "回访率",
    "callback_satisfied_rate": "回访整改满意率",
}
DEDUCTIONS = {
    "refused": "无合理依据拒不办理",
    "overdue": "差评工单超期",
    "unsatisfied": "整改后评价人仍不满意",
    "faults": "查实的问题",
}
WHOLE = 100  # what the weights of measures and indices add up to
_KEY = re.compile(r"[a-z][a-z0-9_]{1,23}")


class Measure(Sourced, frozen=True, kw_only=True):
    """One metric of the dictionary: nothing at or beyond `zero`, all its weight at or beyond `full`, linear between.

    Below `minimum` cases it does not count. `cautious`: judged by the worse end of its 95 % interval, so that few cases win nothing.
    """

    metric: Literal[
        "good_rate", "score", "active_rate", "bad_rate", "reply_rate", "on_time_rate", "rectified_rate",
        "callback_rate", "callback_satisfied_rate",
    ]  # fmt: skip
    weight: int
    zero: float
    full: float
    minimum: int
    cautious: bool = False


class Index(Sourced, frozen=True, kw_only=True):
    """外部指标: a score of 0…100 that comes from elsewhere, entered by one person and checked by another."""

    key: str
    name: str
    weight: int


class Deduction(Sourced, frozen=True, kw_only=True):
    """扣分: `points` for each case, `most` in a month."""

    rule: Literal["refused", "overdue", "unsatisfied", "faults"]
    points: int
    most: int


class Personal(Sourced, frozen=True, kw_only=True):
    """窗口人员: `points` off a hundred for each verified service fault in a hundred ratings; content and policy are no clerk's.

    A fault that was put right, and verified to be, costs less by the share `remission`. Below `minimum` ratings: no score.
    """

    minimum: int
    points: int
    remission: float


class Scheme(Sourced, frozen=True, kw_only=True):
    """The whole. A total is given where the weights that could be judged come to the share `least` of all."""

    measures: tuple[Measure, ...]
    indices: tuple[Index, ...] = ()
    deductions: tuple[Deduction, ...] = ()
    least: float
    ranked_from: int  # ratings in the month; a unit with fewer is not ranked
    personal: Personal
    appeal_within: Limit  # from publication
    decide_within: Limit  # from the appeal


def checks(scheme: Scheme) -> Iterator[tuple[bool, str, str]]:
    """What is well-formed and yet cannot hold: whether it does, the key, the remedy."""
    weights = [*(one.weight for one in scheme.measures), *(one.weight for one in scheme.indices)]
    yield bool(scheme.measures), "scheme.measures", "至少写一个指标"
    yield (
        sum(weights) == WHOLE,
        "scheme.measures",
        f"各项指标和外部指标的权重合计应为 {WHOLE}，现为 {sum(weights)}",
    )
    yield min(weights, default=1) >= 1, "scheme.measures", "权重至少为 1"
    names = [measure.metric for measure in scheme.measures]
    yield len(set(names)) == len(names), "scheme.measures", "同一指标只能写一次"
    for n, measure in enumerate(scheme.measures):
        at = f"scheme.measures[{n}]"
        is_in = 0.0 <= measure.zero <= 1.0 and 0.0 <= measure.full <= 1.0
        yield is_in, f"{at}.full", "零分线和满分线应在 0 与 1 之间"
        is_lower_better = measure.metric == "bad_rate"
        rises = measure.full < measure.zero if is_lower_better else measure.full > measure.zero
        yield rises, f"{at}.full", "满分线应高于零分线（差评率相反）"
        yield measure.minimum >= 1, f"{at}.minimum", "至少 1 件"
    keys = [index.key for index in scheme.indices]
    sound = all(_KEY.fullmatch(key) and key not in (*MEASURES, *DEDUCTIONS) for key in keys)
    yield sound and len(set(keys)) == len(keys), "scheme.indices", "代号用小写英文，不重复，也不与平台指标相同"
    named = [index.name for index in scheme.indices]
    yield len(set(named)) == len(named) and all(named), "scheme.indices", "名称应填写，不重复"
    rules = [one.rule for one in scheme.deductions]
    yield len(set(rules)) == len(rules), "scheme.deductions", "同一扣分项只能写一次"
    for n, one in enumerate(scheme.deductions):
        yield (
            1 <= one.points <= one.most <= WHOLE,
            f"scheme.deductions[{n}].most",
            "每件至少扣 1 分，合计不少于每件、不超过 100",
        )
    yield 0.0 < scheme.least <= 1.0, "scheme.least", "应大于 0，不超过 1"
    yield scheme.ranked_from >= 5, "scheme.ranked_from", "不能小于 5"
    own = scheme.personal
    yield own.minimum >= 5, "scheme.personal.minimum", "不能小于 5，否则可以认出评价人"
    yield 1 <= own.points <= WHOLE, "scheme.personal.points", "应为 1 至 100"
    yield 0.0 <= own.remission <= 1.0, "scheme.personal.remission", "应在 0 与 1 之间"


def told(scheme: Scheme) -> list[str]:
    """The scheme in a few lines."""
    measures = "、".join(f"{MEASURES[m.metric]} {m.weight}" for m in scheme.measures)
    indices = "、".join(f"{i.name} {i.weight}" for i in scheme.indices)
    off = "、".join(f"{DEDUCTIONS[d.rule]}每件 {d.points} 分（至多 {d.most}）" for d in scheme.deductions)
    own = scheme.personal
    return [
        f"单位月度考核：{measures}{'；外部指标：' + indices if indices else ''}{'；扣分：' + off if off else ''}",
        f"个人考核：每百次评价查实 1 件服务差错扣 {own.points} 分，整改到位的少扣 {own.remission:.0%}，评价不足 {own.minimum} 次不评分",
        f"考核申诉：公布后 {scheme.appeal_within} 内提出，{scheme.decide_within} 内答复",
    ]
