"""What is published: figures of the one dictionary, with interval and sample, small numbers hidden (design §1.1, §1.3)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics import lake
from haochaping.analytics.labels import area as area_name
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS, Basis
from haochaping.analytics.queries import Figure, Row, concealed, figures
from haochaping.analytics.rules import Share, rank
from haochaping.kit import clock, config
from haochaping.kit.cells import safe
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at
from haochaping.publication.rules import Mark, axis_start, mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEADLINE = (
    "ratings", "good_rate", "bad_rate", "unrated_rate", "reply_rate", "on_time_rate", "rectified_rate",
    "callback_satisfied_rate",
)  # fmt: skip
COLUMNS = ("ratings", "good_rate", "unrated_rate", "bad_rate", "on_time_rate", "rectified_rate", "excluded")
OPEN = (*dict.fromkeys((*HEADLINE, *COLUMNS)), "services", "active_rate", "callback_rate", "appeal_rate", "upheld_rate")
DIMENSIONS = ("city", "county", "organ")
MONTHS = 12  # offered to look back


class Disclosure(NamedTuple):
    """What the policy of a place lets be published; without a policy, the house's own caution (design §1.3)."""

    is_public: bool = True
    minimum: int = 30  # of ratings, to be ranked
    k: int = 5  # of cases, to be shown


@dataclass(frozen=True)
class Place:
    """A line of the table. `rank` is None below the minimum sample or where the rate is hidden."""

    key: str
    name: str
    row: Row
    rank: int | None = None
    is_apart: bool = False
    mark: Mark | None = None

    @property
    def good_rate(self) -> Figure:
        return self.row["good_rate"]

    @property
    def cells(self) -> list[Figure]:
        return [self.row[key] for key in COLUMNS]


@dataclass(frozen=True)
class Published:
    """One month of one area, ready to be shown."""

    area: str
    name: str
    start: date
    end: date
    headline: list[Figure]
    with_default: Figure
    excluded: Figure
    dimension: str  # of the places: city, county or organ
    places: list[Place]
    axis: float  # where the chart begins, 0…1
    disclosure: Disclosure
    months: list[date]
    updated_at: datetime | None

    @property
    def is_empty(self) -> bool:
        return not any(figure.size for figure in self.headline) and not self.places

    @property
    def dimension_name(self) -> str:
        return {"city": "设区市", "county": "县（市、区）", "organ": "单位"}[self.dimension]


def published(month: date, area: str, *, now: datetime) -> Published:
    """The month of an area ("" = all, or the prefix of a city), at most a minute old.

    Refused 404 for a month outside the last twelve or an area nothing is known of.
    """
    if month not in (offered := months(now=now)) or (
        area and not (len(area) == 4 and area.isascii() and area.isdigit())
    ):
        raise Refused("not_found", 404, "没有这一期的公示数据。")
    kept = _kept.get((month, area))
    if kept is None or time.monotonic() >= kept[0]:
        shown = _publish(month, area, offered, now=now)
        kept = _kept[month, area] = (time.monotonic() + config.integer("PUBLIC_CACHE", 60), shown)
    return kept[1]


_kept: dict[tuple[date, str], tuple[float, Published]] = {}  # as many as there are months and cities


def forget() -> None:
    """Read everything anew at the next question (tests)."""
    _kept.clear()


def months(*, now: datetime) -> list[date]:
    """The months that can be looked at, newest first: this one, and those of the last twelve that have cases."""
    this = clock.day(now).replace(day=1)
    manifest = lake.read()
    known = {*manifest.months, this}
    return sorted((m for m in known if this - timedelta(days=MONTHS * 30) <= m <= this), reverse=True)


def _publish(month: date, area: str, offered: list[date], *, now: datetime) -> Published:
    end = min(lake.next_month(month) - timedelta(days=1), clock.day(now))
    filters = {"area": area} if area else {}
    total = figures([*HEADLINE, "good_rate_with_default", "excluded"], [], month, end, filters, now=now).total
    dimension, rows = _places(area, month, end, now=now)
    secret = _hidden_above(area, published(month, "", now=now)) if area else frozenset()
    rows = [row for row in rows if _disclosure(_area_of(dimension, row, area), end).is_public]
    disclosure = _strictest([_disclosure(_area_of(dimension, row, area), end) for row in rows])
    shown = [
        figure.hide(disclosure.k) if 0 < figure.size < disclosure.k else figure for figure in total.figures.values()
    ]
    by_key = {figure.metric.key: figure for figure in shown}
    rows = [Row(row.keys, _without(row.figures, secret, disclosure.k)) for row in concealed(rows, disclosure.k)]
    by_key = _without(by_key, secret, disclosure.k)
    places, axis = _ranked(dimension, rows, disclosure)
    made_at = lake.read().made_at
    return Published(
        area,
        area_name(area or _common([str(row.keys[dimension]) for row in rows] if dimension != "organ" else [])),
        month,
        end,
        [by_key[key] for key in HEADLINE],
        by_key["good_rate_with_default"],
        by_key["excluded"],
        dimension,
        places,
        axis,
        disclosure,
        offered,
        datetime.fromisoformat(made_at) if made_at else None,
    )


def _hidden_above(area: str, above: Published) -> frozenset[str]:
    """The metrics that an area's own page must not tell, because the table it is a line of hides them.

    Of orders it is all or none: their rates share their cases. Refused 404 if the whole line is too small, or not there.
    """
    place = next((p for p in above.places if p.key == area), None)
    if place is None or above.dimension != "city":
        raise Refused("not_found", 404, "没有这个地区的公示数据。")
    if place.row["ratings"].hidden_below:
        raise Refused("not_found", 404, "这个地区本期评价过少，不单独公布。")
    secret = {key for key, figure in place.row.figures.items() if figure.hidden_below}
    if any(METRICS[key].basis is Basis.DISPATCH_DAY for key in secret):
        secret |= {key for key, metric in METRICS.items() if metric.basis is Basis.DISPATCH_DAY}
    return frozenset(secret)


def _without(told: Mapping[str, Figure], secret: frozenset[str], k: int) -> dict[str, Figure]:
    return {key: figure.hide(k) if key in secret else figure for key, figure in told.items()}


def _places(area: str, start: date, end: date, *, now: datetime) -> tuple[str, list[Row]]:
    """The places below an area: cities of a province, counties of a city, organs where there is one county only."""
    filters = {"area": area} if area else {}
    rows: list[Row] = []
    dimension = ""
    for dimension in DIMENSIONS[1 if area else 0 :]:
        rows = figures(COLUMNS, [dimension], start, end, filters, now=now).rows
        if len(rows) != 1:
            break
    return dimension, rows


def _area_of(dimension: str, row: Row, area: str) -> str:
    return area if dimension == "organ" else str(row.keys[dimension])


def _ranked(dimension: str, rows: Sequence[Row], disclosure: Disclosure) -> tuple[list[Place], float]:
    """Best first by the good rate; then those without a rank, the larger sample first."""
    by_key = {str(row.keys[dimension]): row for row in rows}
    shares = [
        Share(key, rate.numerator, rate.denominator or 0)
        for key, row in by_key.items()
        if not (rate := row["good_rate"]).hidden_below
    ]
    order = rank(shares, minimum=disclosure.minimum)
    start = axis_start([r.low for r in order if r.rank])
    places = []
    for r in order:
        key = r.share.key
        at = mark(r.low, r.share.numerator / r.share.denominator, r.high, start) if r.rank else None
        places.append(Place(key, label(dimension, key), by_key.pop(key), r.rank, r.is_apart, at))
    rest = [Place(key, label(dimension, key), row) for key, row in sorted(by_key.items())]
    return places + rest, start


def _disclosure(area: str, day: date) -> Disclosure:
    try:
        told = policy_at(area, day).disclosure
    except Refused:
        return Disclosure()
    return Disclosure(told.public_ratings, told.min_sample, told.k_anonymity)


def _strictest(found: Sequence[Disclosure]) -> Disclosure:
    own = Disclosure()
    return Disclosure(
        minimum=max((d.minimum for d in found), default=own.minimum), k=max((d.k for d in found), default=own.k)
    )


def _common(prefixes: Sequence[str]) -> str:
    """The area that holds all of these: its province, city or county."""
    if not prefixes:
        return ""
    first, last = min(prefixes), max(prefixes)
    return next((first[:n] for n in (6, 4, 2) if len(first) >= n and first[:n] == last[:n]), "")


def sheet(shown: Published) -> list[list[str]]:
    """The table of the page as lines of a CSV, head first; hidden numbers stay hidden, and no cell is a formula."""
    head = ["名次", f"{shown.dimension_name}代码", shown.dimension_name]
    for metric in (METRICS[key] for key in COLUMNS):
        head += [metric.name, *([f"{metric.name}分子", f"{metric.name}分母"] if metric.denominator else [])]
    lines = [[*head, "主动好评率95%区间下限", "主动好评率95%区间上限"]]
    for place in shown.places:
        line = ["" if place.rank is None else str(place.rank), place.key, safe(place.name)]
        for figure in place.cells:
            line += [figure.text, *_parts(figure)]
        low, high = place.good_rate.interval or (None, None)
        lines.append([*line, *("" if end is None else f"{end:.6f}" for end in (low, high))])
    return lines


def _parts(figure: Figure) -> list[str]:
    if figure.metric.denominator is None:
        return []
    return ["", ""] if figure.hidden_below else [str(figure.numerator), str(figure.denominator)]


def open_data(start: date, end: date, *, now: datetime) -> tuple[list[str], list[list[Any]]]:
    """Head and lines of the open data file: one line per month, city and metric, as much as the policy lets out."""
    head = [
        "month", "areaCode", "areaName", "metric", "metricName", "value", "numerator", "denominator", "low", "high",
        "formula", "filter",
    ]  # fmt: skip
    lines: list[list[Any]] = []
    rows = figures(OPEN, ["month", "city"], start, end, now=now).rows
    for month in sorted({row.keys["month"] for row in rows}):
        mine = [row for row in rows if row.keys["month"] == month]
        mine = [row for row in mine if _disclosure(row.keys["city"], end).is_public]
        disclosure = _strictest([_disclosure(row.keys["city"], end) for row in mine])
        for row in concealed(mine, disclosure.k):
            city = row.keys["city"]
            for figure in row.figures.values():
                low, high = figure.interval or (None, None)
                numbers = [None, None] if figure.hidden_below else [figure.numerator, figure.denominator]
                lines.append(
                    [month, city.ljust(12, "0"), label("city", city), figure.metric.key, figure.name, figure.value,
                     *numbers, low, high, figure.formula, figure.filter]
                )  # fmt: skip
    return head, lines
