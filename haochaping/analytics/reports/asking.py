"""What a report asks the lake: figures of one place and period, beside those of the period before and of last year.

It remembers every metric that it told, for the annex, and hides small numbers in a report that is for the public.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics import lake
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.queries import Figure, Row, concealed, figures
from haochaping.analytics.reports import kinds
from haochaping.analytics.reports.document import Definition
from haochaping.analytics.reports.sentences import MINIMUM, Beside
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from haochaping.analytics.reports.kinds import Kind, Period

AREAS = ("city", "county")
PLACE_NAMES = {"city": "设区市", "county": "县（市、区）", "organ": "单位", "branch": "下级单位"}


class Caution(NamedTuple):
    """What the policies of the places told of ask for: ratings to be compared, cases to be shown to the public."""

    minimum: int = MINIMUM
    k: int = 5


@dataclass
class Asking:
    kind: Kind
    period: Period
    filters: dict[str, Any]
    now: datetime
    for_public: bool = False
    caution: Caution = field(default_factory=Caution)
    told: dict[str, None] = field(default_factory=dict)  # metrics
    more: tuple[Definition, ...] = ()  # 口径 of what stands in no dictionary

    @property
    def area(self) -> str:
        found = self.filters.get("area", "")
        return str(found if isinstance(found, str) else next(iter(found), ""))

    @property
    def places(self) -> str:
        """The dimension of the places below: cities of a province, counties of a city, units of anything narrower."""
        if "organ_path" in self.filters:
            return "branch"
        return "city" if len(self.area) <= 2 else "county" if len(self.area) <= 4 else "organ"

    def total(self, metrics: Sequence[str], period: Period | None = None) -> Row:
        when = period or self.period
        row = figures(metrics, [], when.start, when.end, self.filters, now=self.now).total
        self.told |= dict.fromkeys(row.figures)
        return Row({}, {key: self._shown(figure) for key, figure in row.figures.items()})

    def beside(self, metrics: Sequence[str]) -> dict[str, Beside]:
        now = self.total(metrics)
        before, last_year = (
            self.total(metrics, then).figures if self.is_known(then) else {}
            for then in (kinds.before(self.kind, self.period), kinds.year_before(self.kind, self.period))
        )
        return {key: Beside(figure, before.get(key), last_year.get(key)) for key, figure in now.figures.items()}

    def is_known(self, period: Period) -> bool:
        """Whether the data reaches back to all of a period: a half one must not be compared with."""
        days = lake.read().files["services"]
        return bool(days) and min(days) <= period.start

    def rows(
        self,
        metrics: Sequence[str],
        by: Sequence[str],
        period: Period | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> list[Row]:
        when = period or self.period
        found = figures(metrics, by, when.start, when.end, {**self.filters, **(more or {})}, now=self.now)
        self.told |= dict.fromkeys(metrics)
        return concealed(found.rows, self.caution.k) if self.for_public else found.rows

    def names(self, rows: Sequence[Row], dimension: str) -> list[str]:
        return [label(dimension, row.keys[dimension]) for row in rows]

    def definitions(self) -> tuple[Definition, ...]:
        """口径 of everything told, in the dictionary's order."""
        return self.more + tuple(
            Definition(name=metric.name, formula=metric.formula, day=metric.basis.name_zh, clause=metric.clause)
            for key, metric in METRICS.items()
            if key in self.told
        )

    def _shown(self, figure: Figure) -> Figure:
        return figure.hide(self.caution.k) if self.for_public and 0 < figure.size < self.caution.k else figure


def caution(area: str, day: date) -> Caution:
    """What the policy of the place asks for."""
    try:
        told = policy_at(area, day).disclosure
    except Refused:
        return Caution()
    return Caution(max(told.min_sample, MINIMUM), told.k_anonymity)
