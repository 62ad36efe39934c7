"""自助分析: any slice of the figures, as it stands in an address: a period, what it is compared with, rows, columns, filters."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from haochaping.accounts.rules import ONLOOKERS
from haochaping.analytics import asked
from haochaping.analytics.dimensions import DIMENSIONS, PREFIXES
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.overview import K, dimension_below, for_the_rated, is_rated, last_month_told
from haochaping.analytics.periods import COMPARED, GRAINS, PRESETS, Period, before, keys_of, preset
from haochaping.analytics.queries import Figure, Row, figures, reach_of
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.queries import Key, Table

USUAL = ("ratings", "good_rate", "bad_rate", "active_rate", "excluded")
USUAL_OF_ORDERS = ("orders", "reply_rate", "on_time_rate", "rectified_rate")
PERIOD_WORDS = ("period", "from", "to")
WORDS = (*PERIOD_WORDS, "compare", "by", "across", "metrics", "show", "sort")  # all other words are filters
EMPTY = "-"  # the value of a filter for what has no value: an address has no way to say nothing
MONTHS_TOLD = 6  # whole months that those rated may look at
# Whoever is rated sees their window by these alone and without filters: a second cut would tell what the first one hides.
FOR_THE_RATED = ("item", "channel", "point", "level", "aspect")
NOT_FOR_THE_RATED = ("score",)  # a sum of points tells the single one: 46 for 10 ratings is nine times 5 and once 1


@dataclass(frozen=True)
class Slice:
    """A question that is understood. `words` are its address."""

    words: dict[str, str]
    name: str  # key of PRESETS
    period: Period
    compare: tuple[str, ...]  # keys of COMPARED
    by: str
    across: str  # a second dimension, as columns; then one metric is shown
    metrics: tuple[str, ...]
    filters: dict[str, list[Any]]

    @property
    def show(self) -> str:
        """The metric of a cross table."""
        wanted = self.words.get("show", "")
        return wanted if wanted in self.metrics else self.metrics[0]

    @property
    def asked_metrics(self) -> tuple[str, ...]:
        return (self.show,) if self.across else self.metrics


@dataclass(frozen=True)
class Line:
    """A row: its figures by metric, or by the key of the column in a cross table; and those it is compared with."""

    key: Key
    name: str
    figures: dict[Any, Figure]
    before: dict[str, dict[Any, Figure]] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A table of figures. `columns` (key, name) only in a cross table; `whole` is None where rows do not add up to it."""

    lines: list[Line]
    whole: Line | None
    columns: list[tuple[Key, str]] = field(default_factory=list)


def dimensions_for(actor: Actor) -> list[str]:
    """By what somebody may tell figures apart. Who only looks on is shown no staff."""
    if is_rated(actor):
        return list(FOR_THE_RATED)
    return [name for name in DIMENSIONS if name != "clerk" or not actor.roles <= ONLOOKERS]


def metrics_for(actor: Actor) -> list[str]:
    """Which figures somebody may ask for."""
    return [key for key in METRICS if not (is_rated(actor) and key in NOT_FOR_THE_RATED)]


def filters_for(actor: Actor) -> list[str]:
    """By what somebody may narrow figures. Time is narrowed by the period."""
    if is_rated(actor):
        return []
    return [*PREFIXES, *(name for name in dimensions_for(actor) if name not in {*GRAINS, "branch"})]


def months_told(today: date) -> list[Period]:
    """The whole months that those rated may look at, newest first: over for long enough not to point to a visit."""
    found, last = [], last_month_told(today)
    for _ in range(MONTHS_TOLD):
        found.append(Period(last.replace(day=1), last))
        last = last.replace(day=1) - timedelta(days=1)
    return found


def read(words: Mapping[str, str], actor: Actor, *, today: date) -> Slice:
    """What is asked; Refused (422) with each field that is wrong. Empty words are left aside."""
    given = {name: text.strip() for name, text in words.items() if text.strip()}
    name, period = _period(given, actor, today)
    filters = {name: text for name, text in given.items() if name not in WORDS}
    _refuse_closed(given, filters, actor)
    by = given.get("by") or _usual_dimension(actor, filters)
    by = "" if by == EMPTY else by
    across = given.get("across", "")
    if by and by == across:
        raise asked.refused("across", "twice", "行和列不能是同一个维度。")
    both = [each for each in (by, across) if each]
    metrics = given.get("metrics") or ",".join(_usual_metrics(both, filters))
    told = {key: "" if text == EMPTY else text for key, text in filters.items()}
    question = asked.read(
        {**told, "metrics": metrics, "by": ",".join(both), "from": f"{period.start}", "to": f"{period.end}"},
        today=today,
    )
    compare = tuple(COMPARED) if given.get("compare") == "both" else tuple(
        how for how in COMPARED if how == given.get("compare")
    )  # fmt: skip
    kept = {name: given[name] for name in (*WORDS, *filters) if name in given}
    return Slice(kept, name, period, compare, by, across, tuple(question.metrics), question.filters)


def _period(given: Mapping[str, str], actor: Actor, today: date) -> tuple[str, Period]:
    if is_rated(actor):
        told = {f"{month.start:%Y-%m}": month for month in months_told(today)}
        chosen = given.get("period", "") or next(iter(told))
        if chosen not in told or given.get("from") or given.get("to"):
            raise asked.refused("period", "not_open", "为保护评价人，只能查看结束满一周的整月。请从列表中选择月份。")
        return "custom", told[chosen]
    name = given.get("period") or ("custom" if given.get("from") or given.get("to") else "this_month")
    if name not in PRESETS:
        raise asked.refused("period", "unknown_period", f"没有时段“{name[:20]}”。请从列表中选择。")
    if name != "custom":
        return name, preset(name, today)
    question = asked.read({"from": given.get("from", ""), "to": given.get("to", "")}, today=today)
    return name, Period(question.start, question.end)


def _refuse_closed(given: Mapping[str, str], filters: Mapping[str, str], actor: Actor) -> None:
    """Refused (422) for what is not open to this actor."""
    open_to, errors = dimensions_for(actor), []
    for word in ("by", "across"):
        name = given.get(word, "")
        if name in DIMENSIONS and (name not in open_to or (word == "across" and is_rated(actor))):
            errors.append(FieldError(word, "not_open", f"您的角色不能按“{DIMENSIONS[name].name}”查看。"))
    for name in filters:
        if (name in DIMENSIONS or name in PREFIXES) and name not in filters_for(actor):
            title = PREFIXES[name][0] if name in PREFIXES else DIMENSIONS[name].name
            errors.append(
                FieldError(name, "not_open", f"不能按“{title}”筛选。" + ("请改用时段。" if name in GRAINS else ""))
            )
    if is_rated(actor):
        asked_for = {name.strip() for name in given.get("metrics", "").split(",")}
        errors += [
            FieldError("metrics", "not_open", f"您的角色不能看“{METRICS[key].name}”。")
            for key in NOT_FOR_THE_RATED
            if key in asked_for
        ]
    if is_rated(actor) and (compare := given.get("compare")):
        errors.append(FieldError("compare", "not_open", f"您的角色不能作{COMPARED.get(compare, '')}比较。"))
    if errors:
        raise Refused("fields_refused", 422, "".join(error.message for error in errors), tuple(errors))


def _usual_dimension(actor: Actor, filters: Mapping[str, str]) -> str:
    """One step below where somebody looks."""
    if is_rated(actor):
        return "item"
    if filters.keys() & {"organ", "organ_path", "window", "hall"}:
        return "item"
    if area := filters.get("area"):
        return "city" if len(area) <= 2 else "county" if len(area) <= 4 else "organ"
    return dimension_below(reach_of(actor))


def _usual_metrics(by: Sequence[str], filters: Mapping[str, str]) -> tuple[str, ...]:
    """Those of orders where something is asked that only orders have."""
    names = [name for name in (*by, *filters) if name in DIMENSIONS]
    is_of_orders = any("services" not in DIMENSIONS[name].tables for name in names)
    return USUAL_OF_ORDERS if is_of_orders else USUAL


def answer(question: Slice, actor: Actor, *, now: datetime) -> Answer:
    """The figures within the actor's reach: one call of `figures`, one more for each comparison.

    One more each, too, where rows do not add up (a rating under several indicators) or a score cannot be added.
    """
    by = [name for name in (question.by, question.across) if name]
    periods = {"": question.period} | {how: before(question.period, how, question.name) for how in question.compare}
    tables = {how: _table(question, by, period, actor, now) for how, period in periods.items()}
    wholes = {how: _whole(question, tables[how], periods[how], actor, now) for how in periods}
    then = {how: wholes[how].figures for how in question.compare}
    whole = Line(None, "合计", wholes[""].figures, then) if question.by else None
    if not question.by:
        return Answer([Line(None, "合计", wholes[""].figures, then)], None)
    if question.across:
        return _crossed(question, tables[""].rows)
    shifted = {how: _shifted(question, tables[how].rows, periods[how]) for how in question.compare}
    lines = [
        Line(
            row.keys[question.by],
            label(question.by, row.keys[question.by]),
            row.figures,
            {how: rows[row.keys[question.by]] for how, rows in shifted.items() if row.keys[question.by] in rows},
        )
        for row in tables[""].rows
    ]
    return Answer(lines, whole)


def _table(question: Slice, by: list[str], period: Period, actor: Actor, now: datetime) -> Table:
    table = figures(
        question.asked_metrics, by, period.start, period.end, question.filters, now=now, scopes=reach_of(actor)
    )
    if is_rated(actor):
        table.rows[:] = for_the_rated(table.rows)
    return table


def _whole(question: Slice, table: Table, period: Period, actor: Actor, now: datetime) -> Row:
    """All rows together: added up where that is exact, else asked for."""
    if not table.by:
        return table.total
    is_exact = not any(DIMENSIONS[name].codes for name in table.by) and not is_rated(actor)
    added = {m.key: m for m in table.metrics if is_exact and m.is_comparable is None and table.rows}
    rest = [m.key for m in table.metrics if m.key not in added]
    found: dict[str, Figure] = {}
    if rest:
        whole = figures(rest, [], period.start, period.end, question.filters, now=now, scopes=reach_of(actor)).rows
        found |= (for_the_rated(whole) if is_rated(actor) else whole)[0].figures
    for key, metric in added.items():
        parts = [row[key] for row in table.rows]
        denominator = sum(part.denominator or 0 for part in parts) if metric.denominator else None
        found[key] = Figure(metric, sum(part.numerator for part in parts), denominator, parts[0].filter)
    return Row({}, {key: found[key] for key in (m.key for m in table.metrics)})


def _shifted(question: Slice, rows: Sequence[Row], period: Period) -> dict[Key, dict[str, Figure]]:
    """The rows of an earlier period by the keys of this one: of time, the n-th by the n-th."""
    found = {row.keys[question.by]: row.figures for row in rows}
    if question.by not in GRAINS:
        return found
    pairs = zip(keys_of(question.by, question.period), keys_of(question.by, period), strict=False)
    return {now: found[then] for now, then in pairs if then in found}


def _crossed(question: Slice, rows: Sequence[Row]) -> Answer:
    """The rows of two dimensions as a cross table of one metric."""
    lines: dict[Key, Line] = {}
    sizes: dict[Key, int] = {}
    for row in rows:
        key, at, figure = row.keys[question.by], row.keys[question.across], row[question.show]
        lines.setdefault(key, Line(key, label(question.by, key), {})).figures[at] = figure
        sizes[at] = sizes.get(at, 0) + figure.size
    is_in_order = question.across in GRAINS
    place = {
        at: at if is_in_order else -at if question.across == "level" else -sizes[at] for at in sizes if at is not None
    }
    columns = sorted(sizes, key=lambda at: (at is None, place.get(at, 0)))
    return Answer(list(lines.values()), None, [(at, label(question.across, at)) for at in columns])


def ordered(question: Slice, found: Answer) -> list[Line]:
    """The lines in the order that is asked for: by name, by a metric, by the n-th column of a cross table; `-` from the end.

    Time otherwise stands in its own order, all else by its first figure, the most first. What has no value comes last.
    """
    sort = question.words.get("sort", "")
    key, is_down = sort.removeprefix("-"), sort.startswith("-")
    at: Any = None
    if found.columns:
        at = found.columns[int(key) - 1][0] if key.isdecimal() and 0 < int(key) <= len(found.columns) else None
        known = at is not None
        if not known and key != "name":
            at, known = found.columns[0][0], question.by not in GRAINS
            is_down = known
    else:
        known = key in question.metrics
        at = key if known else question.metrics[0]
        if not known and key != "name":
            known = is_down = question.by not in GRAINS
    if not known:
        return sorted(found.lines, key=lambda line: _by_key(line.key), reverse=is_down)
    by_name = sorted(found.lines, key=lambda line: line.name)
    told = [line for line in by_name if _value(line, at) is not None]
    rest = [line for line in by_name if _value(line, at) is None]
    return [*sorted(told, key=lambda line: _value(line, at) or 0, reverse=is_down), *rest]


def _value(line: Line, at: Any) -> float | None:
    figure = line.figures.get(at)
    return figure.value if figure is not None else None


def _by_key(key: Key) -> tuple[bool, str]:
    return key is None, f"{key}"


def least() -> int:
    """No aggregate of fewer is told to those rated."""
    return K
