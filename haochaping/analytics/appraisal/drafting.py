"""The scores of a month as the data say at this moment, by the scheme of the place."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from haochaping.analytics.appraisal import rules
from haochaping.analytics.appraisal.models import Correction, Entry
from haochaping.analytics.appraisal.rules import Kind, Part, Place, Total, Words
from haochaping.analytics.metrics import METRICS, Unit
from haochaping.analytics.queries import figures
from haochaping.directory.queries import snapshot
from haochaping.policy.queries import policy_at
from haochaping.policy.scheme import DEDUCTIONS, MEASURES
from haochaping.rectification.consequences.queries import service_faults, verified_faults
from haochaping.rectification.consequences.rules import Subject

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from haochaping.analytics.queries import Row
    from haochaping.directory.queries import OrganInfo
    from haochaping.policy.scheme import Measure, Scheme

# What a deduction counts: how it is said, and its source.
COUNTED = {
    "refused": ("填报并核对的件数", "考核方案"),
    "overdue": ("当月派发、任一时限曾超期的差评工单数（同超期率的分子）", METRICS["overdue_rate"].clause),
    "unsatisfied": ("当月派发的工单，回访和评价人核验中不满意的次数（同回访整改满意率的分母减分子）", METRICS["callback_satisfied_rate"].clause),
    "faults": ("当月派发、核实为属实且合理、归责于本单位的工单数", "考核方案"),
}  # fmt: skip
ASKED = {"overdue": "overdue_rate", "unsatisfied": "callback_satisfied_rate"}
FAULTS = (
    "100 −（查实的服务差错 − 其中整改到位的 × 减免比例）÷ 评价量 × 100 × 每百次评价扣分；只计服务态度和办理效率，"
    "内容、流程、政策问题从不算到个人"
)


@dataclass(frozen=True)
class Basis:
    """By what a month is judged."""

    scheme: Scheme
    best: float
    pack: str


@dataclass(frozen=True)
class Line:
    """One unit's or clerk's score: live, or as it was published (`pk`) with what was put right since."""

    kind: Kind
    subject: str
    name: str
    organ_code: str
    organ_path: str
    area_path: str
    parts: tuple[Part, ...]
    total: Total
    sample: int
    window_code: str = ""
    account: str = ""
    place: Place = Place(rank=None, of=0)  # noqa: RUF009  frozen
    pk: int | None = None
    corrections: tuple[Correction, ...] = ()

    def part(self, key: str) -> Part | None:
        return next((part for part in self.parts if part.key == key), None)


def basis_of(area: str, month: date) -> Basis:
    """The scheme that holds for an area at the end of a month; Refused 409 `no_policy` where none does."""
    policy = policy_at(area, rules.last_day(month))
    return Basis(
        policy.scheme, float(policy.best_score or 1), f"{policy.name}（{policy.pack}，{policy.valid_from} 起）"
    )


def draft(area: str, month: date, basis: Basis, *, now: datetime) -> list[Line]:
    """Every unit and clerk of the area of whom the month says anything, units with their places."""
    return [*_units(area, month, basis, now), *_people(area, month, basis, now)]


def ranked(lines: Sequence[Line], least: int) -> list[Line]:
    """The lines of units with their places, each in its own field."""
    fields: defaultdict[str, list[Line]] = defaultdict(list)
    for line in lines:
        fields[rules.field_of(line.area_path)].append(line)
    found = []
    for key in sorted(fields):
        placed = rules.places([line.total for line in fields[key]], [line.sample for line in fields[key]], least)
        group = [replace(line, place=place) for line, place in zip(fields[key], placed, strict=True)]
        found += sorted(
            group, key=lambda line: (line.place.rank or len(group) + 1, -(line.total.value or -1), line.name)
        )
    return found


def _units(area: str, month: date, basis: Basis, now: datetime) -> list[Line]:
    scheme, end = basis.scheme, rules.last_day(month)
    keys = [one.metric for one in scheme.measures] + [ASKED[d.rule] for d in scheme.deductions if d.rule in ASKED]
    table = figures(("ratings", *keys), ("organ",), month, end, {"area": area}, now=now)
    rows = {row.keys["organ"]: row for row in table.rows}
    faults: Mapping[str, int] = {}
    if any(one.rule == "faults" for one in scheme.deductions):
        faults = verified_faults(Subject.ORGAN, area, month, end)
    entered = confirmed_entries(area, month)
    known = snapshot()
    organs = [
        organ
        for code in sorted({*rows, *faults, *entered} - {"", None})
        if (organ := known.organs.get(code)) and rules.covers(area, known.area_path(organ.area))
    ]
    when = f"{month:%Y年%-m月}"
    lines = []
    for organ in organs:
        row, given = rows.get(organ.code), entered.get(organ.code, {})
        parts = [_measured(one, row, basis) for one in scheme.measures]
        parts += [rules.of_index(one, given.get(one.key), f"{when}填报并核对") for one in scheme.indices]
        for one in scheme.deductions:
            cases = _cases(one.rule, row, faults.get(organ.code, 0), given)
            formula, clause = COUNTED[one.rule]
            words = Words(f"{formula}，每件扣 {one.points} 分，至多 {one.most} 分", clause, when)
            parts.append(rules.of_deduction(one, words, name=DEDUCTIONS[one.rule], cases=cases))
        total = rules.total(parts, scheme.least)
        lines.append(
            Line(
                Kind.ORGAN, organ.code, organ.name, organ.code, organ.path, known.area_path(organ.area), tuple(parts),
                total, row["ratings"].numerator if row else 0,
            )
        )  # fmt: skip
    return ranked(lines, scheme.ranked_from)


def _measured(measure: Measure, row: Row | None, basis: Basis) -> Part:
    metric = METRICS[measure.metric]
    figure = row[measure.metric] if row and row[measure.metric].is_comparable else None
    is_score = metric.unit is Unit.SCORE
    return rules.of_measure(
        measure,
        Words(metric.formula, metric.clause, figure.filter if figure else ""),
        name=MEASURES[measure.metric] if is_score else metric.name,
        best=basis.best if is_score else 1.0,
        has_interval=metric.unit is Unit.RATIO,
        numerator=figure.numerator if figure else None,
        denominator=figure.denominator if figure else None,
    )


def _cases(rule: str, row: Row | None, faults: int, given: Mapping[str, float]) -> float:
    if rule == "faults":
        return faults
    if rule == rules.REFUSED:
        return given.get(rule, 0)
    if row is None:
        return 0
    figure = row[ASKED[rule]]
    return figure.numerator if rule == "overdue" else (figure.denominator or 0) - figure.numerator


def confirmed_entries(area: str, month: date) -> dict[str, dict[str, float]]:
    """What was entered for the month and checked: organ → index → value."""
    found: defaultdict[str, dict[str, float]] = defaultdict(dict)
    rows = Entry.objects.filter(month=month, area_path__startswith=area, state="confirmed")
    for code, key, value in rows.values_list("organ_code", "key", "value"):
        found[code][key] = float(value)
    return found


def _people(area: str, month: date, basis: Basis, now: datetime) -> list[Line]:
    """Clerks by what they are responsible for: their own ratings are the sample, verified service faults what counts."""
    end, own, known = rules.last_day(month), basis.scheme.personal, snapshot()
    table = figures(("ratings",), ("clerk",), month, end, {"area": area}, now=now)
    rated = {row.keys["clerk"]: row["ratings"] for row in table.rows}
    faults = service_faults(area, month, end)
    lines = []
    for number in sorted({*rated, *faults} - {"", None}):
        clerk = known.clerks.get(number)
        organ: OrganInfo | None = known.organs.get(clerk.organ) if clerk else None
        if clerk is None or organ is None or not rules.covers(area, known.area_path(organ.area)):
            continue
        n, put_right = faults.get(number, (0, 0))
        ratings = rated[number].numerator if number in rated else 0
        words = Words(FAULTS, "考核方案", f"{month:%Y年%-m月}派发的工单、评价日在当月的评价")
        part = rules.of_faults(own, words, faults=n, remitted=put_right, ratings=ratings)
        lines.append(
            Line(
                Kind.CLERK, number, clerk.name, organ.code, organ.path, known.area_path(organ.area), (part,),
                rules.total((part,), 1.0), ratings, clerk.window,
            )
        )  # fmt: skip
    return sorted(lines, key=lambda line: (line.organ_path, line.total.value is None, line.name, line.subject))
