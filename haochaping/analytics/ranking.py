"""Fair ranking: of places, organs, halls, windows, items and bundles, by a rate, with all that keeps it from lying.

By the cautious end of the Wilson interval, or, where samples differ widely, by shares drawn towards the mean of all
(empirical Bayes). Who has too few cases is listed apart; equals share a rank; where the interval of one meets that of
the one before, it says so; and beside each rate stands what was to be expected of its items. Default ratings are in no
metric that may be ranked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haochaping.analytics import casemix
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS, Better, Metric, Unit
from haochaping.analytics.rules import Share, competition, wilson
from haochaping.analytics.shrinkage import Prior, prior_of
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from haochaping.analytics.looks import Look
    from haochaping.analytics.queries import Figure

SUBJECTS = {
    "city": "设区市", "county": "县（市、区）", "organ": "单位", "hall": "大厅", "window": "窗口", "item": "事项",
    "bundle": "“一件事”",
}  # fmt: skip
METHODS = {"wilson": "置信下限（Wilson）", "bayes": "经验贝叶斯"}
WIDE = 20  # times the smallest sample that the largest is: then the second method is advised
MIXED = {"city", "county", "organ", "hall", "window"}  # whose items differ, so that their rates do by themselves


@dataclass(frozen=True)
class Placed:
    """One of those that were ranked, `rank` None below the minimum sample. `judged`: by what it got its place, 0…1."""

    key: str
    figure: Figure
    rank: int | None
    judged: float

    @property
    def share(self) -> Share:
        return Share(self.key, self.figure.numerator, self.figure.denominator or 0)


@dataclass(frozen=True)
class Line:
    """A place with all its parts. `is_apart`: its interval lies clear of the one before; None where nobody is before."""

    placed: Placed
    name: str
    low: float
    high: float
    is_apart: bool | None
    mix: casemix.Mix | None = None


@dataclass(frozen=True)
class Ranking:
    """All of them from best to worst, then those below the minimum, the larger sample first."""

    metric: Metric
    subject: str
    method: str
    minimum: int
    prior: Prior | None  # of empirical Bayes; None where too few are there to learn from
    placed: list[Placed]

    @property
    def ranked(self) -> list[Placed]:
        return [one for one in self.placed if one.rank is not None]

    @property
    def is_wide(self) -> bool:
        """Whether the samples of the ranked differ so widely that empirical Bayes is the fairer way."""
        sizes = [one.share.denominator for one in self.ranked]
        return bool(sizes) and max(sizes) >= WIDE * min(sizes)

    def interval(self, share: Share) -> tuple[float, float]:
        if self.method == "bayes" and self.prior is not None:
            return self.prior.interval(share.numerator, share.denominator)
        return wilson(share.numerator, share.denominator) or (0.0, 1.0)


def rankable() -> dict[str, Metric]:
    """What may be ranked by: rates with a direction. An average has no interval that would say what is chance."""
    return {key: m for key, m in METRICS.items() if m.better is not Better.NEITHER and m.unit is Unit.RATIO}


def check(metric: str, subject: str, method: str) -> None:
    """Refused 422, with what to take instead, for what cannot be ranked fairly."""
    if metric not in METRICS:
        raise _refused("metric", "unknown_metric", f"没有指标 {metric}。请从列表里选一项。")
    told = METRICS[metric]
    if metric == "good_rate_with_default":
        message = "“好评率（含默认）”里有系统默认的评价，不是评价人的意见，不能用来排名。请改用“主动好评率”。"
        raise _refused("metric", "not_rankable", message)
    if told.better is Better.NEITHER:
        message = f"“{told.name}”只说明多少，不分高低，不能用来排名。请改用“主动好评率”“差评率”等有高低之分的比率。"
        raise _refused("metric", "not_rankable", message)
    if told.unit is not Unit.RATIO:
        message = f"“{told.name}”是平均值，算不出样本区间，分不清先后是不是出于偶然，不能用来排名。请改用比率。"
        raise _refused("metric", "not_rankable", message)
    if subject not in SUBJECTS:
        raise _refused("of", "unknown_subject", f"不能给“{subject}”排名，可选{'、'.join(SUBJECTS.values())}。")
    if method not in METHODS:
        raise _refused("method", "unknown_method", f"没有“{method}”这种方法，可选{'、'.join(METHODS.values())}。")


def ranking(look: Look, metric: str, subject: str, method: str = "wilson") -> Ranking:
    """Everybody of a kind in the look, by this rate. Refused 422 for what cannot be ranked."""
    check(metric, subject, method)
    told = {key: figure for key, figure in _of(look, metric, subject).items() if figure.denominator}
    shares = {key: Share(key, figure.numerator, figure.denominator or 0) for key, figure in told.items()}
    is_high = METRICS[metric].better is Better.HIGHER
    prior = prior_of(list(shares.values())) if method == "bayes" else None
    judged = {key: _judged(share, prior, is_high=is_high) for key, share in shares.items()}
    minimum = look.minimum
    enough = sorted(
        (key for key, share in shares.items() if share.denominator >= minimum),
        key=lambda key: (-judged[key] if is_high else judged[key], key),
    )
    few = sorted(
        (key for key, share in shares.items() if share.denominator < minimum),
        key=lambda key: (-shares[key].denominator, key),
    )
    places = competition([judged[key] for key in enough])
    placed = [Placed(key, told[key], place, judged[key]) for key, place in zip(enough, places, strict=True)]
    placed += [Placed(key, told[key], None, judged[key]) for key in few]
    return Ranking(METRICS[metric], subject, method, minimum, prior, placed)


def opened(found: Ranking, look: Look, first: int = 0, last: int | None = None, *, with_mix: bool = True) -> list[Line]:
    """Those of `first` … `last` with their parts: name, interval, whether it is apart, what was to be expected."""
    shown = found.placed[first:last]
    mixes = _mixes(found, look, [one.key for one in shown]) if with_mix else {}
    lines: list[Line] = []
    before = found.interval(found.placed[first - 1].share) if first and shown else None
    for one in shown:
        low, high = found.interval(one.share)
        is_apart = None if before is None or one.rank is None else high < before[0] or low > before[1]
        lines.append(Line(one, label(found.subject, one.key), low, high, is_apart, mixes.get(one.key)))
        before = low, high
    return lines


def _judged(share: Share, prior: Prior | None, *, is_high: bool) -> float:
    """By what it is ranked, as it is printed: a percent with two decimals."""
    if prior is not None:
        return round(prior.share(share.numerator, share.denominator), 4)
    low, high = wilson(share.numerator, share.denominator) or (0.0, 1.0)
    return round(low if is_high else high, 4)


def _of(look: Look, metric: str, subject: str) -> dict[str, Figure]:
    """By key; what belongs to the province itself is no city, and a city's own no county."""
    rows = {str(row.keys[subject]): row[metric] for row in look.rows([metric], [subject]) if row.keys[subject]}
    digits = {"city": 4, "county": 6}.get(subject, 0)
    return {key: figure for key, figure in rows.items() if len(key) >= digits}


def _mixes(found: Ranking, look: Look, keys: list[str]) -> dict[str, casemix.Mix]:
    """What was to be expected of each, by the rates that all others in the look reach on the same items."""
    if found.subject not in MIXED or not keys:
        return {}
    metric = found.metric.key
    mine: dict[str, list[Share]] = {}
    for row in look.rows([metric], [found.subject, "item"], {found.subject: keys}):
        mine.setdefault(str(row.keys[found.subject]), []).append(_share(row.keys["item"], row[metric]))
    everybody = casemix.alike(_share(row.keys["item"], row[metric]) for row in look.rows([metric], ["item"]))
    mixes = {}
    for key, shares in mine.items():
        own = casemix.alike(shares)
        if mix := casemix.against(list(own.values()), casemix.others(everybody, own)):
            mixes[key] = mix
    return mixes


def _share(key: Any, figure: Figure) -> Share:
    return Share(str(key or ""), figure.numerator, figure.denominator or 0)


def _refused(field: str, code: str, message: str) -> Refused:
    return Refused(code, 422, message, (FieldError(field, code, message),))
