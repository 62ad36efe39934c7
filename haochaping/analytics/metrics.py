"""The one metric dictionary (contract §6). Whoever shows a figure takes it from here.

Each metric says, for one row of the lake, what it adds to its numerator and to its denominator, as Ibis expressions that
run unchanged on DuckDB and on Spark (`columns.py` has what a row holds, `dimensions.py` by what figures are told apart).
Probe rows never come this far; ratings that a ruling excludes leave both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Expr = Any  # an Ibis expression; Ibis carries no types that mypy could follow
    Part = Callable[[Expr, datetime], Expr]


class Basis(StrEnum):
    """The day by which a case belongs to a period; the value is its column in the lake."""

    SERVICE_DAY = "service_day"
    RATING_DAY = "rated_day"
    COUNTED_DAY = "counted_day"
    DISPATCH_DAY = "dispatch_day"

    @property
    def name_zh(self) -> str:
        return BASIS_NAMES[self]

    @property
    def table(self) -> str:
        return "orders" if self is Basis.DISPATCH_DAY else "services"

    @property
    def axis(self) -> str:
        """The column by which it is asked: what is rated counts on the day of its rating, so these are one."""
        return Basis.COUNTED_DAY.value if self is Basis.RATING_DAY else self.value


BASIS_NAMES = {
    Basis.SERVICE_DAY: "服务日",
    Basis.RATING_DAY: "评价日",
    Basis.COUNTED_DAY: "评价日（默认评价按默认日）",
    Basis.DISPATCH_DAY: "派单日",
}


class Unit(StrEnum):
    COUNT = "count"
    RATIO = "ratio"  # 0 … 1
    SCORE = "score"
    DURATION = "duration"  # on average; its parts are minutes and cases


class Better(StrEnum):
    """Which direction is good. Only what is HIGHER or LOWER may be ranked."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True)
class Metric:
    """One figure. A count has no denominator; a part is a condition (it counts) or a number (it adds up)."""

    key: str
    name: str
    formula: str
    clause: str
    unit: Unit
    better: Better
    basis: Basis
    numerator: Part
    denominator: Part | None = None
    is_comparable: Part | None = None  # rows that are not spoil the sum: the value is then None
    measure: str = ""  # of a duration: hours 小时 or days 天


def _is_inspection(t: Expr) -> Expr:
    return t["mode"] == "inspection"


def _is_rated(t: Expr) -> Expr:
    """By a citizen: what an inspector says (监督查评) has figures of its own."""
    return t.level.notnull() & ~_is_inspection(t)


def _rated(t: Expr) -> Expr:
    return _is_rated(t) & ~t.excluded


def _inspected(t: Expr) -> Expr:
    return t.level.notnull() & ~t.excluded & _is_inspection(t)


def _open_to_rating(t: Expr) -> Expr:
    """A service that a citizen might rate or not; one made for its rating is rated by construction."""
    return t.has_case & ~_is_inspection(t)


def _lapsed(t: Expr) -> Expr:
    """An evaluation beats a lapse in every figure."""
    return _open_to_rating(t) & t.level.isnull() & t.lapse_level.notnull() & ~t.excluded


def _settled(t: Expr, now: datetime) -> Expr:
    return _open_to_rating(t) & ~t.excluded & (t.level.notnull() | (t.closes_at <= _at(now)))


def _called_for_rectification(t: Expr, now: datetime) -> Expr:
    ripe = (t.answer_due <= _at(now)) | (t.state == "closed")
    return ~t.excluded & (t.state != "voided") & (t.answer_kind != "explained") & ripe


def _at(now: datetime) -> Expr:
    import ibis

    return ibis.literal(now)


GB = "GB/T 39734-2020《政务服务“一次一评”“一事一评”工作规范》"
ORDER_51 = "国办发〔2019〕51号"
OURS = "本平台"
_COUNT, _RATIO, _SCORE, _DURATION = Unit.COUNT, Unit.RATIO, Unit.SCORE, Unit.DURATION
MINUTES = {"小时": 60, "天": 24 * 60}
_UP, _DOWN, _NEITHER = Better.HIGHER, Better.LOWER, Better.NEITHER
_SERVICE, _RATING, _COUNTED, _DISPATCH = Basis.SERVICE_DAY, Basis.RATING_DAY, Basis.COUNTED_DAY, Basis.DISPATCH_DAY

METRICS: dict[str, Metric] = {
    m.key: m
    for m in (
        Metric(
            "services", "服务量", "可以评价的办件服务数（不含无办件的评价和监督查评）", ORDER_51, _COUNT, _NEITHER, _SERVICE,
            lambda t, _: _open_to_rating(t),
        ),
        Metric(
            "ratings", "评价量", "主动评价数（不含默认评价、监督查评和已排除的评价）", GB, _COUNT, _NEITHER, _RATING,
            lambda t, _: _rated(t),
        ),
        Metric(
            "excluded", "排除评价数", "经裁定排除、不计入各项指标的评价数（不含监督查评）", OURS, _COUNT, _NEITHER, _RATING,
            lambda t, _: _is_rated(t) & t.excluded,
        ),
        Metric(
            "active_rate", "主动评价率",
            "已评价的办件服务 ÷ 评价期已满或已评价的办件服务（均不含无办件的评价和监督查评）", GB, _RATIO, _UP, _SERVICE,
            lambda t, _: _open_to_rating(t) & _rated(t),
            _settled,
        ),
        Metric(
            "unrated_rate", "未评率",
            "1 − 主动评价率，即期满未评价的办件服务 ÷ 评价期已满或已评价的办件服务（均不含无办件的评价和监督查评）", GB,
            _RATIO, _DOWN, _SERVICE,
            lambda t, now: _settled(t, now) & t.level.isnull(),
            _settled,
        ),
        Metric(
            "good_rate", "主动好评率", "主动评价中基本满意及以上 ÷ 主动评价（不含监督查评）", GB, _RATIO, _UP, _RATING,
            lambda t, _: _rated(t) & (t.level >= 3),
            lambda t, _: _rated(t),
        ),
        Metric(
            "good_rate_with_default", "好评率（含默认）",
            "（主动评价 + 默认评价）中基本满意及以上 ÷（主动评价 + 默认评价）；不含监督查评，不用于排名", GB, _RATIO, _NEITHER, _COUNTED,
            lambda t, _: (_rated(t) & (t.level >= 3)) | (_lapsed(t) & (t.lapse_level >= 3)),
            lambda t, _: _rated(t) | _lapsed(t),
        ),
        Metric(
            "bad_rate", "差评率", "主动评价中不满意和非常不满意 ÷ 主动评价（不含监督查评）", ORDER_51, _RATIO, _DOWN, _RATING,
            lambda t, _: _rated(t) & (t.level <= 2),
            lambda t, _: _rated(t),
        ),
        Metric(
            "bad", "差评量", "主动评价中不满意和非常不满意的条数（不含监督查评和已排除的评价）", ORDER_51, _COUNT, _NEITHER, _RATING,
            lambda t, _: _rated(t) & (t.level <= 2),
        ),
        Metric(
            "score", "平均分", "主动评价按评价日规则的分值合计 ÷ 主动评价（不含监督查评）；规则没有分值或分制不一时不计", "各地评价规则",
            _SCORE, _UP, _RATING,
            lambda t, _: _rated(t).ifelse(t.score, 0),
            lambda t, _: _rated(t),
            lambda t, _: _rated(t).ifelse(t.best, None),
        ),
        Metric(
            "real_name_rate", "实名率", "主动评价中实名的 ÷ 主动评价（不含监督查评）", ORDER_51, _RATIO, _NEITHER, _RATING,
            lambda t, _: _rated(t) & t.real_name,
            lambda t, _: _rated(t),
        ),
        Metric(
            "inspections", "监督查评量", "政府部门监督查评的次数，不计入评价量和各项满意度", GB, _COUNT, _NEITHER, _RATING,
            lambda t, _: _inspected(t),
        ),
        Metric(
            "inspection_good_rate", "监督查评好评率", "监督查评中基本满意及以上 ÷ 监督查评", GB, _RATIO, _NEITHER, _RATING,
            lambda t, _: _inspected(t) & (t.level >= 3),
            lambda t, _: _inspected(t),
        ),
        Metric(
            "orders", "差评工单量", "派出的差评工单数（含监督查评的，不含已排除的评价）", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded,
        ),
        Metric(
            "reply_rate", "差评回复率", "已答复评价人（答复经审核通过）的工单 ÷ 工单", GB, _RATIO, _UP, _DISPATCH,
            lambda t, _: ~t.excluded & t.passed_review,
            lambda t, _: ~t.excluded,
        ),
        Metric(
            "on_time_rate", "按期办结率", "在答复期限内提交整改或作出说明的工单 ÷ 答复期限已到或已答复的工单", ORDER_51,
            _RATIO, _UP, _DISPATCH,
            lambda t, _: ~t.excluded & t.answered_at.notnull() & (t.answered_at < t.answer_due),  # which is too late
            lambda t, now: ~t.excluded & (t.answered_at.notnull() | (t.answer_due <= _at(now))),
        ),
        Metric(
            "rectified_rate", "整改率",
            "经核验整改到位（回访满意或认可、评价人满意、督办确认）的工单 ÷ 应整改且答复期限已到或已办结的工单"
            "（不含不予采纳和作出说明的）", GB, _RATIO, _UP, _DISPATCH,
            lambda t, now: _called_for_rectification(t, now) & t.verdict.isin(("satisfied", "accepted", "confirmed")),
            _called_for_rectification,
        ),
        Metric(
            "callback_rate", "回访率", "已回访或评价人已自行核验的实名工单 ÷ 已通过审核的实名工单", ORDER_51,
            _RATIO, _UP, _DISPATCH,
            lambda t, _: ~t.excluded & t.real_name & t.passed_review & (t.was_called | (t.verdicts > 0)),
            lambda t, _: ~t.excluded & t.real_name & t.passed_review,
        ),
        Metric(
            "callback_satisfied_rate", "回访整改满意率", "回访和评价人核验中满意或认可的次数 ÷ 得到答复的回访和评价人核验次数",
            GB, _RATIO, _UP, _DISPATCH,
            lambda t, _: (~t.excluded).ifelse(t.satisfied, 0),
            lambda t, _: (~t.excluded).ifelse(t.verdicts, 0),
        ),
        # An appeal that is upheld excludes its rating: these two would see nothing of what they measure if it left.
        Metric(
            "appeal_rate", "申诉率", "提出申诉的工单 ÷ 工单（含申诉成立后排除的）", OURS, _RATIO, _NEITHER, _DISPATCH,
            lambda t, _: t.appealed,
            lambda t, _: t.dispatch_day.notnull(),
        ),
        Metric(
            "upheld_rate", "申诉成立率", "申诉成立的工单 ÷ 申诉已裁定的工单（以最后一次裁定为准）", OURS,
            _RATIO, _NEITHER, _DISPATCH,
            lambda t, _: t.decided & t.upheld,
            lambda t, _: t.decided,
        ),
        # 整改环节: each holds the next one, so that they can be drawn as a funnel
        Metric(
            "signed", "已签收", "已签收（含逾时自动签收）的工单数", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & t.was_signed,
        ),
        Metric(
            "verified_in", "已核实", "已核实（核实确认、解释说明，或申诉被驳回）的工单数", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & t.was_verified,
        ),
        Metric(
            "submitted", "已提交", "提交过整改结果或解释说明的工单数", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & t.was_submitted,
        ),
        Metric(
            "reviewed", "已审核", "答复经审核通过的工单数", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & t.passed_review,
        ),
        Metric(
            "past_callback", "已过回访", "审核通过后已回访、评价人已自行核验或免回访办结的工单数", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & t.passed_review & (t.was_called | (t.verdicts > 0) | (t.state == "closed")),
        ),
        Metric(
            "closed", "已办结", "现已办结的工单数（重新打开、尚未再办结的不算）", ORDER_51, _COUNT, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & (t.state == "closed"),
        ),
        Metric(
            "overdue_rate", "超期率", "任一时限（签收、核实、整改、答复等）曾超期的工单 ÷ 工单", OURS, _RATIO, _DOWN, _DISPATCH,
            lambda t, _: ~t.excluded & t.was_late,
            lambda t, _: ~t.excluded,
        ),
        Metric(
            "reopen_rate", "重办率", "提交后又重办（审核发回、评价人仍不满意、重新打开）的工单 ÷ 提交过整改结果或解释说明的工单", OURS,
            _RATIO, _DOWN, _DISPATCH,
            lambda t, _: ~t.excluded & t.was_submitted & t.was_redone,
            lambda t, _: ~t.excluded & t.was_submitted,
        ),
        Metric(
            "return_rate", "退单率", "被退回重新裁定过的工单 ÷ 工单（按现承办单位统计）", OURS, _RATIO, _NEITHER, _DISPATCH,
            lambda t, _: ~t.excluded & t.was_returned,
            lambda t, _: ~t.excluded,
        ),
        Metric(
            "hours_to_sign", "平均签收用时", "派单到首次签收的时间合计（分钟）÷ 已签收的工单，折合为小时", OURS,
            _DURATION, _DOWN, _DISPATCH,
            lambda t, _: (~t.excluded).ifelse(t.sign_minutes, 0),
            lambda t, _: ~t.excluded & t.sign_minutes.notnull(),
            measure="小时",
        ),
        Metric(
            "days_to_answer", "平均答复用时", "派单到提交整改结果或解释说明的时间合计（分钟）÷ 已答复的工单，折合为自然日", OURS,
            _DURATION, _DOWN, _DISPATCH,
            lambda t, _: (~t.excluded).ifelse(t.answer_minutes, 0),
            lambda t, _: ~t.excluded & t.answer_minutes.notnull(),
            measure="天",
        ),
        Metric(
            "days_to_close", "平均办结用时", "派单到办结的时间合计（分钟）÷ 现已办结的工单，折合为自然日", OURS,
            _DURATION, _DOWN, _DISPATCH,
            lambda t, _: (~t.excluded & (t.state == "closed")).ifelse(t.close_minutes, 0),
            lambda t, _: ~t.excluded & (t.state == "closed") & t.close_minutes.notnull(),
            measure="天",
        ),
    )
}  # fmt: skip
RANKABLE = tuple(key for key, m in METRICS.items() if m.better is not Better.NEITHER)


def sums(metric: Metric, t: Expr, now: datetime) -> dict[str, Expr]:
    """The aggregates of a metric over a table: `<key>__n`, `<key>__d`, and for `is_comparable` least, most and count."""
    found = {f"{metric.key}__n": _amount(metric.numerator(t, now), t).sum()}
    if metric.denominator is not None:
        found[f"{metric.key}__d"] = _amount(metric.denominator(t, now), t).sum()
    if metric.is_comparable is not None:
        mark = metric.is_comparable(t, now)
        found[f"{metric.key}__low"] = mark.min()
        found[f"{metric.key}__high"] = mark.max()
        found[f"{metric.key}__marked"] = mark.notnull().ifelse(t.n, 0).sum()
    return found


def _amount(part: Expr, t: Expr) -> Expr:
    """What a row adds: its cases where a condition holds, else the number itself times its cases."""
    return part.ifelse(t.n, 0) if part.type().is_boolean() else part.fill_null(0) * t.n
