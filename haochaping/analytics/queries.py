"""Figures out of the lake: always with numerator, denominator and filter, always by the one dictionary."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import ibis

from haochaping.accounts.rules import ADMINISTRATORS, Scope
from haochaping.analytics import engine, lake
from haochaping.analytics.asked import refuse_unknown
from haochaping.analytics.columns import ITEMS
from haochaping.analytics.dimensions import DIMENSIONS, PREFIXES, aggregated, any_of, begins, matches, values_of
from haochaping.analytics.metrics import METRICS, MINUTES, Basis, Metric, Unit, sums
from haochaping.analytics.rules import hidden, percent, wilson
from haochaping.analytics.sources import Question, Source, source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor

Key = Any  # of a dimension: str, int, bool, date or None
EVERYWHERE = (Scope(),)


@dataclass(frozen=True)
class Figure:
    """One number and all that is needed to judge it. `value` is None where there is nothing to divide by."""

    metric: Metric
    numerator: int
    denominator: int | None
    filter: str
    is_comparable: bool = True
    hidden_below: int = 0  # not told, because it rests on fewer cases than this

    @property
    def name(self) -> str:
        return self.metric.name

    @property
    def formula(self) -> str:
        return self.metric.formula

    @property
    def value(self) -> float | int | None:
        """A count; a ratio 0…1; a score in the policy's points; or a duration in the metric's measure."""
        if self.hidden_below:
            return None
        if self.denominator is None:
            return self.numerator
        share = self.numerator / self.denominator if self.denominator and self.is_comparable else None
        return share / MINUTES[self.metric.measure] if share is not None and self.metric.measure else share

    @property
    def text(self) -> str:
        """As printed: "12,345", "99.80%", "9.81", "1.5 天", "—" without cases, "少于5" if hidden."""
        if self.hidden_below:
            return f"少于{self.hidden_below}"
        if self.denominator is None:
            return f"{self.numerator:,}"
        if self.metric.unit is Unit.RATIO:
            return percent(self.numerator, self.denominator)
        if self.value is None:
            return "—"
        return f"{self.value:.1f} {self.metric.measure}" if self.metric.measure else f"{self.value:.2f}"

    @property
    def size(self) -> int:
        """How many cases it rests on."""
        return self.numerator if self.denominator is None else self.denominator

    @property
    def parts(self) -> str:
        """As "6 ÷ 8"; nothing for a count, without cases, or where hidden."""
        if self.hidden_below or not self.denominator:
            return ""
        return f"{self.numerator:,}{' 分钟' if self.metric.measure else ''} ÷ {self.denominator:,}"

    def hide(self, k: int) -> Figure:
        """The same without its numbers, not to be shown because it would tell of fewer than `k` people."""
        return replace(self, numerator=0, denominator=None if self.denominator is None else 0, hidden_below=k)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson 95 % interval of a ratio."""
        if self.metric.unit is not Unit.RATIO or not self.denominator:
            return None
        return wilson(self.numerator, self.denominator)

    @property
    def definition(self) -> str:
        """The tooltip: formula, parts, basis, period and source."""
        return (
            f"{self.name}：{self.formula}。本值 {self.parts or self.text}。{self.filter}。依据：{self.metric.clause}。"
        )


@dataclass(frozen=True)
class Row:
    """Figures of one combination of keys, by metric."""

    keys: dict[str, Key]
    figures: dict[str, Figure]

    def __getitem__(self, metric: str) -> Figure:
        return self.figures[metric]


@dataclass(frozen=True)
class Table:
    """What `figures` answers: a row for each combination of keys that occurs; without `by` exactly one."""

    by: tuple[str, ...]
    metrics: tuple[Metric, ...]
    rows: list[Row] = field(default_factory=list)

    @property
    def total(self) -> Row:
        """The only row of a table without `by`."""
        (row,) = self.rows
        return row


def figures(
    metrics: Sequence[str],
    by: Sequence[str],
    start: date,
    end: date,
    filters: Mapping[str, Any] | None = None,
    *,
    now: datetime,
    scopes: Sequence[Scope] = EVERYWHERE,
) -> Table:
    """The metrics by these dimensions, for cases whose day (each metric's own basis) is `start` … `end`, both included.

    `filters` maps a dimension, `area` (code prefix) or `organ_path` (path prefix) to a value or several; `scopes` is
    whose data may be counted at all. `now` decides which limits have passed. Refused (422) for a name not known here.
    """
    filters = dict(filters or {})
    refuse_unknown(list(metrics), list(by), filters)
    chosen = tuple(METRICS[key] for key in dict.fromkeys(metrics))
    manifest = lake.read()
    found: dict[tuple[Key, ...], dict[str, Any]] = {} if by else {(): {}}
    for axis in dict.fromkeys(metric.basis.axis for metric in chosen):
        mine = tuple(metric for metric in chosen if metric.basis.axis == axis)
        question = Question(mine, tuple(by), start, end, filters, tuple(scopes), now)
        for row in answer(question, source(question, manifest), manifest):
            found.setdefault(tuple(row[f"by__{name}"] for name in by), {}).update(row)
    texts = {basis: said(basis, start, end, filters, scopes) for basis in Basis}
    rows = [
        Row(dict(zip(by, keys, strict=True)), {m.key: _figure(m, found[keys], texts[m.basis]) for m in chosen})
        for keys in sorted(found, key=_none_first)
    ]
    return Table(tuple(by), chosen, rows)


def concealed(rows: Sequence[Row], k: int) -> list[Row]:
    """The rows of one table with every figure hidden that rests on 1 … k-1 cases, or tells such a one by subtraction."""
    told = [dict(row.figures) for row in rows]
    for key in rows[0].figures if rows else ():
        for n in hidden([row[key].size for row in rows], k):
            told[n][key] = told[n][key].hide(k)
    return [Row(row.keys, figures) for row, figures in zip(rows, told, strict=True)]


def added(rows: Sequence[Row]) -> Row:
    """Rows as one, under the keys of the first: every metric adds up over its cases. Not for rows of lists (indicator, bundle)."""
    found = {
        key: replace(
            figure,
            numerator=sum(row[key].numerator for row in rows),
            denominator=None if figure.denominator is None else sum(row[key].denominator or 0 for row in rows),
            is_comparable=all(row[key].is_comparable for row in rows),
        )
        for key, figure in rows[0].figures.items()
    }
    return Row(rows[0].keys, found)


def _none_first(keys: tuple[Key, ...]) -> list[tuple[bool, Key]]:
    return [(key is not None, key if key is not None else 0) for key in keys]


def answer(question: Question, source: Source, manifest: lake.Manifest) -> list[dict[str, Any]]:
    """The sums of each metric by the keys that are asked for, out of one part of the lake; none where that has no files."""
    if not source.files:
        return []
    t = engine.table(source.part)
    read = {source.part: source.files}
    if any(name in DIMENSIONS and DIMENSIONS[name].is_of_item for name in question.names):
        items = manifest.of("items")
        t = _with_items(t, is_known=bool(items))
        read |= {"items": items} if items else {}
    axis = question.axis
    wanted = []
    if not all(file.lies_within(axis, question.start, question.end) for file in source.files):
        wanted.append(t[axis].between(ibis.literal(question.start), ibis.literal(question.end)))
    elif axis == Basis.COUNTED_DAY:  # what is neither rated nor lapsed has no such day
        wanted.append(t[axis].notnull())
    if "is_probe" in t.columns:  # a cube knows none
        wanted.append(~t.is_probe)
    if all(metric.basis is Basis.RATING_DAY for metric in question.metrics):  # what lapsed makes no row of its own
        wanted.append(t.level.notnull())
    wanted += [matches(t, axis, name, value) for name, value in question.filters.items()]
    if Scope() not in question.scopes:
        wanted.append(_within(t, question.scopes))
    expression = aggregated(
        t.filter(*wanted) if wanted else t,
        axis,
        question.by,
        question.filters,
        lambda t: {name: part for metric in question.metrics for name, part in sums(metric, t, question.now).items()},
    )
    return engine.run(expression, {name: [lake.root() / file.path for file in files] for name, files in read.items()})


def _with_items(t: Any, *, is_known: bool) -> Any:
    """Every row with what the directory says of its item: null where it does not know it, or where there is no lake of items."""
    if is_known:
        items = engine.table("items")
        return t.left_join(items, t["item"] == items.code).drop("code")
    schema = ibis.Schema.from_pyarrow(ITEMS)
    return t.mutate(**{name: ibis.null(schema[name]) for name in schema if name != "code"})


def _within(t: Any, scopes: Sequence[Scope]) -> Any:
    """The same reach as `accounts.queries.visible`, over the lake."""
    if not scopes:
        return ibis.literal(False)
    return any_of([_inside(t, scope) for scope in scopes])


def _inside(t: Any, scope: Scope) -> Any:
    found = begins(t.area_path, scope.area) if scope.area else ibis.literal(True)
    if scope.organ:  # a cube may know no organ and no window: not even whether they begin with nothing
        found &= begins(t.organ_path, scope.organ)
    if scope.window:
        found &= t.window == scope.window
    return found


def _figure(metric: Metric, found: Mapping[str, Any], text: str) -> Figure:
    numerator = int(found.get(f"{metric.key}__n") or 0)
    if metric.denominator is None:
        return Figure(metric, numerator, None, text)
    denominator = int(found.get(f"{metric.key}__d") or 0)
    is_comparable = True
    if metric.is_comparable is not None:
        marked = int(found.get(f"{metric.key}__marked") or 0)
        is_comparable = marked == denominator and found.get(f"{metric.key}__low") == found.get(f"{metric.key}__high")
    return Figure(metric, numerator, denominator, text, is_comparable)


def said(basis: Basis, start: date, end: date, filters: Mapping[str, Any], scopes: Sequence[Scope] = EVERYWHERE) -> str:
    """The filter in words, as it stands beside a figure."""
    parts = [f"{basis.name_zh} {start:%Y-%m-%d} 至 {end:%Y-%m-%d}"]
    for name, value in filters.items():
        label = PREFIXES[name][0] if name in PREFIXES else DIMENSIONS[name].name
        parts.append(f"{label} {'、'.join(map(str, values_of(value)))}")
    if Scope() not in scopes:
        parts.append("限本人管辖范围")
    parts.append("不含系统巡检" if basis is Basis.SERVICE_DAY else "不含系统巡检和已排除的评价")
    return "；".join(parts)


def reach_of(actor: Actor) -> tuple[Scope, ...]:
    """Whose figures an actor may see: as `accounts.queries.visible`. Empty: nobody's."""
    if actor.is_system:
        return EVERYWHERE
    if actor.roles <= ADMINISTRATORS:
        return ()
    return EVERYWHERE if Scope() in actor.scopes else actor.scopes
