"""What a leader looks at first: this month beside the last one, thirty days, and the places below."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from haochaping.accounts.rules import Role, Scope
from haochaping.analytics import lake
from haochaping.analytics.labels import label
from haochaping.analytics.queries import Figure, Row, concealed, figures, reach_of
from haochaping.analytics.rules import tells_few
from haochaping.kit import clock

if TYPE_CHECKING:
    from datetime import date

    from haochaping.accounts.rules import Actor

HEADLINE = (
    "services", "ratings", "active_rate", "good_rate", "good_rate_with_default", "bad_rate", "orders", "on_time_rate",
    "rectified_rate", "callback_satisfied_rate",
)  # fmt: skip
TREND = ("services", "ratings", "good_rate", "bad_rate")
TILES = ("ratings", "active_rate", "bad_rate", "on_time_rate", "rectified_rate")
PLACES = ("ratings", "good_rate", "bad_rate", "unrated_rate", "on_time_rate", "rectified_rate", "excluded")
K = 5  # design §1.3: a clerk sees no aggregate of fewer
DELAY = timedelta(days=7)  # and none so fresh that it points to a visit
TREND_DAYS = 30


@dataclass(frozen=True)
class Compared:
    """A headline figure, and the same days of last month."""

    figure: Figure
    before: Figure

    @property
    def change(self) -> float | None:
        """The difference of the values: a count, or a ratio's (0.01 = one percentage point); None if either has none."""
        if self.figure.value is None or self.before.value is None:
            return None
        return self.figure.value - self.before.value


@dataclass(frozen=True)
class Place:
    """One of the places, or organs, that the actor's reach falls into."""

    key: str
    name: str
    row: Row


@dataclass(frozen=True)
class Overview:
    """Everything within the actor's reach. Every `Figure` carries its parts, filter, and `definition` for a tooltip."""

    start: date
    end: date
    headline: list[Compared]
    trend: list[Row]  # keys: day; days on which nothing happened are absent
    places: list[Place]
    place_dimension: str  # city | county | organ
    updated_at: datetime | None  # when the lake last changed


def overview(actor: Actor, *, now: datetime) -> Overview:
    """This month to date against the same days of last month; the last 30 days; the places one level below the actor.

    A clerk sees aggregates of at least five only, no ratio with fewer on either side, a week late (design §1.3). Somebody without a scope sees zeros.
    """
    scopes = reach_of(actor)
    is_clerk = actor.roles == {Role.CLERK}
    end = clock.day(now) - (DELAY if is_clerk else timedelta(0))
    start = end.replace(day=1)
    last_end = start - timedelta(days=1)
    before_start, before_end = last_end.replace(day=1), last_end.replace(day=min(end.day, last_end.day))
    dimension = dimension_below(scopes)
    this = figures(HEADLINE, [], start, end, now=now, scopes=scopes).rows
    that = figures(HEADLINE, [], before_start, before_end, now=now, scopes=scopes).rows
    trend = figures(TREND, ["day"], end - timedelta(days=TREND_DAYS - 1), end, now=now, scopes=scopes).rows
    places = figures(PLACES, [dimension], start, end, now=now, scopes=scopes).rows
    if is_clerk:
        this, that, trend, places = (for_the_rated(rows) for rows in (this, that, trend, places))
    made_at = lake.read().made_at
    return Overview(
        start,
        end,
        [Compared(this[0][key], that[0][key]) for key in HEADLINE],
        trend,
        [Place(row.keys[dimension], label(dimension, row.keys[dimension]), row) for row in places],
        dimension,
        datetime.fromisoformat(made_at) if made_at else None,
    )


def for_the_rated(rows: list[Row]) -> list[Row]:
    """What somebody rated may see: no figure of few, and no ratio whose parts name few, or the count beside it tells them."""
    return [
        Row(row.keys, {key: _without_few(figure) for key, figure in row.figures.items()}) for row in concealed(rows, K)
    ]


def _without_few(figure: Figure) -> Figure:
    is_telling = figure.denominator is not None and tells_few(figure.numerator, figure.denominator, K)
    return figure.hide(K) if is_telling else figure


def headline(actor: Actor, metrics: tuple[str, ...], *, now: datetime) -> list[Figure]:
    """This month's figures within the actor's reach, to date."""
    end = clock.day(now)
    row = figures(metrics, [], end.replace(day=1), end, now=now, scopes=reach_of(actor)).total
    return [row[key] for key in metrics]


def dimension_below(scopes: tuple[Scope, ...]) -> str:
    """Cities for a province, counties for a city, organs for anything narrower."""
    if any(scope.organ or scope.window for scope in scopes):
        return "organ"
    digits = min((len(scope.area) for scope in scopes), default=0)
    return "city" if digits <= 2 else "county" if digits <= 4 else "organ"
