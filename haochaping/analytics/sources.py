"""Where a question is answered from: single rows, or the smallest cube that knows all that is asked."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics import engine
from haochaping.analytics.columns import COUNTY_DIGITS, CUBES, SERVICES, Cube
from haochaping.analytics.dimensions import DIMENSIONS, fields, reads, values_of
from haochaping.analytics.metrics import METRICS, sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haochaping.accounts.rules import Scope
    from haochaping.analytics.lake import File, Manifest
    from haochaping.analytics.metrics import Metric

_ALL = frozenset(SERVICES.names)


class Question(NamedTuple):
    """Figures of one axis: metrics that count by the same column."""

    metrics: tuple[Metric, ...]
    by: tuple[str, ...]
    start: date
    end: date
    filters: Mapping[str, Any]
    scopes: tuple[Scope, ...]
    now: datetime

    @property
    def axis(self) -> str:
        return self.metrics[0].basis.axis

    @property
    def table(self) -> str:
        return self.metrics[0].basis.table

    @property
    def names(self) -> tuple[str, ...]:
        """Of every dimension and filter it uses."""
        return tuple(dict.fromkeys((*self.by, *self.filters)))


class Source(NamedTuple):
    """A part of the lake and those of its files in which the answer lies."""

    part: str
    files: list[File]

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)


def source(question: Question, manifest: Manifest) -> Source:
    """The part with the fewest rows to read of those that give the same answer."""
    return min(sources(question, manifest), key=lambda each: each.rows)


def sources(question: Question, manifest: Manifest) -> list[Source]:
    """Every part that can answer: the single rows first, which always can."""
    fitting = [question.table]
    if question.table == "services":
        fitting += [part for part, cube in CUBES.items() if _fits(cube, question, manifest)]
    return [Source(part, manifest.of(part, question.axis, question.start, question.end)) for part in fitting]


def _fits(cube: Cube, question: Question, manifest: Manifest) -> bool:
    return (
        cube.axis == question.axis
        and _needed(question) <= {*cube.columns, *([cube.of_codes] if cube.of_codes else [])}
        and (not cube.of_codes or _asks_for_one_code(question, cube.of_codes))
        and (cube.is_daily or _is_of_whole_months(question, manifest))
        and all(len(area) <= COUNTY_DIGITS for area in _areas(question))
    )


def _needed(question: Question) -> frozenset[str]:
    table = engine.table("services")
    columns = [_columns_of(metric.key) for metric in question.metrics]
    columns += [reads(table, name) for name in question.names]
    for scope in question.scopes:
        if scope.area:
            columns.append(frozenset({"area_path"}))
        if scope.organ:
            columns.append(frozenset({"organ_path"}))
        if scope.window:
            columns.append(frozenset({"window"}))
    return frozenset[str]().union(*columns)


@cache
def _columns_of(metric: str) -> frozenset[str]:
    """The columns of single rows that a metric looks at, its count apart."""
    found = sums(METRICS[metric], engine.table(METRICS[metric].basis.table), datetime.now(UTC)).values()
    return frozenset[str]().union(*map(fields, found)) - {"n"}


def _asks_for_one_code(question: Question, codes: str) -> bool:
    """A case stands under each of its codes: to ask for one of them counts it once, and to ask for each is what is meant."""
    (name,) = [name for name, dimension in DIMENSIONS.items() if dimension.codes == codes]
    wanted = len(values_of(question.filters[name])) if name in question.filters else 0
    return wanted == 1 if name not in question.by else wanted == 0


def _is_of_whole_months(question: Question, manifest: Manifest) -> bool:
    """Whether nothing outside the period lies in its months, and nothing is asked that a month does not know."""
    end = question.end
    return (
        not any(name in DIMENSIONS and DIMENSIONS[name].needs_days for name in question.names)
        and question.start.day == 1
        and (end.day == monthrange(end.year, end.month)[1] or end >= manifest.last(question.axis))
    )


def _areas(question: Question) -> list[str]:
    return [*map(str, values_of(question.filters.get("area", []))), *(scope.area for scope in question.scopes)]
