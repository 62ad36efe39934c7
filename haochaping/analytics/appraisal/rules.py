"""How parts become points and points a score, who is placed before whom, and what a correction changes. Pure.

A part holds all that its points need, so that what was published can be reckoned again, and corrected, from itself alone.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from haochaping.analytics.rules import wilson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from haochaping.policy.scheme import Deduction, Index, Measure, Personal

SETTLED = timedelta(
    days=7
)  # after the month: what came late by tablets and batches is in, and no clerk sees what is fresh
BEST_INDEX = 100  # what an index from elsewhere is out of
REFUSED = "refused"  # the deduction whose cases people enter


class Kind(StrEnum):
    """What a score is about."""

    ORGAN = "organ"
    CLERK = "clerk"


KIND_NAMES = {Kind.ORGAN: "单位", Kind.CLERK: "窗口人员"}


class Sort(StrEnum):
    """What a part is."""

    MEASURE = "measure"  # a share of the metric dictionary
    INDEX = "index"  # entered, 0 … 100
    DEDUCTION = "deduction"
    FAULTS = "faults"  # of a clerk


class Status(StrEnum):
    COUNTED = "counted"
    NO_CASES = "no_cases"
    FEW = "few"
    MISSING = "missing"


STATUS_NAMES = {
    Status.COUNTED: "已计入",
    Status.NO_CASES: "本月没有案例，不计",
    Status.FEW: "样本不足，不计",
    Status.MISSING: "未报送，不计",
}


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a score. `points` are of `weight`, or taken off (≤ 0); None where it does not count."""

    sort: Sort
    key: str
    name: str
    formula: str = ""
    clause: str = ""
    filter: str = ""
    weight: int = 0
    numerator: float | None = None  # cases; of an index its score
    denominator: int | None = None
    zero: float = 0.0
    full: float = 1.0
    minimum: int = 1
    best: float = 1.0  # what a value of 100 % is: the policy's best score for 平均分
    is_cautious: bool = False
    has_interval: bool = False
    each: int = 0  # points off for a case; for a clerk, for one fault in a hundred ratings
    remitted: int = 0  # of the faults, those put right and verified
    remission: float = 0.0
    status: Status = Status.COUNTED
    points: float | None = None
    low: float | None = None  # the points at the ends of the 95 % interval
    high: float | None = None

    @property
    def value(self) -> float | None:
        """The share, the index, or the count."""
        if self.numerator is None:
            return None
        if self.sort is not Sort.MEASURE:
            return self.numerator
        return self.numerator / self.denominator / self.best if self.denominator else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson 95 % interval of a share; None where it has none."""
        if not self.has_interval or self.numerator is None or not self.denominator:
            return None
        return wilson(int(self.numerator), self.denominator)


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """A composite. `value` is None where too little could be judged; `present` of `whole` is how much of the weights could."""

    value: float | None
    low: float | None
    high: float | None
    present: int
    whole: int
    off: float = 0.0


def between(value: float, zero: float, full: float) -> float:
    """How far a value has come from its zero mark to its full mark, 0 … 1; either may be the greater."""
    return min(1.0, max(0.0, (value - zero) / (full - zero)))


def scored(part: Part) -> Part:
    """The part with status, points and the points at both ends of its interval, from its figures and marks alone."""
    match part.sort:
        case Sort.MEASURE:
            return _measured(part)
        case Sort.INDEX:
            if part.numerator is None:
                return _aside(part, Status.MISSING)
            points = round(part.weight * part.numerator / BEST_INDEX, 2)
            return _counted(part, points, points, points)
        case Sort.DEDUCTION:
            off = 0.0 - round(min(part.each * (part.numerator or 0), part.weight), 2)
            return _counted(part, off, off, off)
        case Sort.FAULTS:
            return _faulted(part)


def _measured(part: Part) -> Part:
    if not part.denominator or part.value is None:
        return _aside(part, Status.NO_CASES)
    if part.denominator < part.minimum:
        return _aside(part, Status.FEW)
    ends = part.interval or (part.value, part.value)
    at = sorted(round(part.weight * between(end, part.zero, part.full), 2) for end in ends)
    plain = round(part.weight * between(part.value, part.zero, part.full), 2)
    return _counted(part, at[0] if part.is_cautious else plain, at[0], at[1])


def _faulted(part: Part) -> Part:
    """A hundred, less `each` for every fault in a hundred ratings; a fault put right counts less."""
    ratings = part.denominator or 0
    if ratings < part.minimum:
        return _aside(part, Status.FEW if ratings else Status.NO_CASES)
    faults = part.numerator or 0
    weighed = faults - min(part.remitted, faults) * part.remission
    points = round(max(0.0, part.weight - part.each * weighed * 100 / ratings), 2)
    return _counted(part, points, points, points)


def _counted(part: Part, points: float, low: float, high: float) -> Part:
    return msgspec.structs.replace(part, status=Status.COUNTED, points=points, low=low, high=high)


def _aside(part: Part, status: Status) -> Part:
    return msgspec.structs.replace(part, status=status, points=None, low=None, high=None)


def total(parts: Sequence[Part], least: float) -> Total:
    """The composite of 100: points by the weights that could be judged, less what is taken off; never below 0.

    A part without cases, with too few, or not reported leaves both sides: its weight falls to the others in proportion. Where
    less than the share `least` of all weights is left there is no total.
    """
    weighed = [part for part in parts if part.sort is not Sort.DEDUCTION]
    there = [part for part in weighed if part.points is not None]
    whole, present = sum(part.weight for part in weighed), sum(part.weight for part in there)
    off = sum(part.points or 0.0 for part in parts if part.sort is Sort.DEDUCTION)
    if not whole or present < least * whole:
        return Total(value=None, low=None, high=None, present=present, whole=whole, off=off)

    def sum_of(points: Iterable[float | None]) -> float:
        return round(max(0.0, 100 * sum(one or 0.0 for one in points) / present + off), 2)

    return Total(
        value=sum_of(part.points for part in there),
        low=sum_of(part.low for part in there),
        high=sum_of(part.high for part in there),
        present=present,
        whole=whole,
        off=off,
    )


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """`rank` is None for who is not ranked; `of` counts those who are. `is_apart`: clear of the one placed just before."""

    rank: int | None
    of: int
    is_apart: bool = False


def places(totals: Sequence[Total], sizes: Sequence[int], least: int) -> list[Place]:
    """The places within one field, highest first; equal scores are ties; without a total or below the sample nobody is placed."""
    able = [n for n, one in enumerate(totals) if one.value is not None and sizes[n] >= least]
    order = sorted(able, key=lambda n: -(totals[n].value or 0.0))
    found = [Place(rank=None, of=len(able)) for _ in totals]
    for at, n in enumerate(order):
        before = order[at - 1] if at else None
        is_tie = before is not None and totals[before].value == totals[n].value
        rank = found[before].rank if is_tie and before is not None else at + 1
        is_apart = before is None or (totals[n].high or 0.0) < (totals[before].low or 0.0)
        found[n] = Place(rank=rank, of=len(able), is_apart=is_apart)
    return found


class Words(NamedTuple):
    """What stands beside a part: how it is reckoned, by what rule, over what."""

    formula: str = ""
    clause: str = ""
    filter: str = ""


def of_measure(
    measure: Measure,
    words: Words,
    *,
    name: str,
    best: float,
    has_interval: bool,
    numerator: int | None,
    denominator: int | None,
) -> Part:
    return scored(
        Part(
            sort=Sort.MEASURE, key=measure.metric, name=name, formula=words.formula, clause=words.clause,
            filter=words.filter, weight=measure.weight, numerator=numerator, denominator=denominator, zero=measure.zero,
            full=measure.full, minimum=measure.minimum, best=best, is_cautious=measure.cautious,
            has_interval=has_interval,
        )
    )  # fmt: skip


def of_index(index: Index, value: float | None, filter_: str) -> Part:
    formula = f"由填报单位评出的得分（0 至 {BEST_INDEX}），一人填报、另一人核对"
    return scored(
        Part(
            sort=Sort.INDEX, key=index.key, name=index.name, formula=formula, filter=filter_, weight=index.weight,
            numerator=value,
        )
    )  # fmt: skip


def of_deduction(deduction: Deduction, words: Words, *, name: str, cases: float) -> Part:
    return scored(
        Part(
            sort=Sort.DEDUCTION, key=deduction.rule, name=name, formula=words.formula, clause=words.clause,
            filter=words.filter, weight=deduction.most, each=deduction.points, numerator=cases,
        )
    )  # fmt: skip


def of_faults(own: Personal, words: Words, *, faults: int, remitted: int, ratings: int) -> Part:
    return scored(
        Part(
            sort=Sort.FAULTS, key="service_faults", name="服务差错", formula=words.formula, clause=words.clause,
            filter=words.filter, weight=100, minimum=own.minimum, each=own.points, numerator=faults,
            denominator=ratings, remitted=remitted, remission=own.remission,
        )
    )  # fmt: skip


def corrected(parts: Sequence[Part], key: str, numerator: float, denominator: int | None) -> list[Part]:
    """The parts with one figure put right and its points reckoned anew. KeyError: no such part; ValueError: no such figure."""
    found = next((part for part in parts if part.key == key), None)
    if found is None:
        raise KeyError(key)
    if numerator < 0 or (found.sort is Sort.INDEX and numerator > BEST_INDEX):
        raise ValueError(key)
    if found.denominator is None:
        denominator = None
    elif denominator is None or denominator < 0 or (found.has_interval and numerator > denominator):
        raise ValueError(key)
    new = scored(msgspec.structs.replace(found, numerator=numerator, denominator=denominator))
    return [new if part is found else part for part in parts]


def differences(frozen: Iterable[Part], today: Iterable[Part]) -> list[tuple[Part, Part | None]]:
    """Parts whose figures are no longer what they were when they were published, with today's."""
    now = {part.key: part for part in today}
    return [
        (part, found)
        for part in frozen
        if (found := now.get(part.key)) is None
        or (found.numerator or 0, found.denominator or 0) != (part.numerator or 0, part.denominator or 0)
    ]


def read_month(text: str) -> date | None:
    """The first day of a month written as 2026-05; None for anything else."""
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        return None
    return date.fromisoformat(f"{text}-01")


def last_day(month: date) -> date:
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def covers(area: str, organ_area: str) -> bool:
    """Whether an appraisal of this area judges an organ of that one: a city's judges its counties' too, a province's its own alone."""
    return organ_area == area or (len(area) >= 4 and organ_area.startswith(area))


def field_of(organ_area: str) -> str:
    """With whom an organ is ranked: those of its own city, or of its own county and the towns in it."""
    return organ_area[:6]
