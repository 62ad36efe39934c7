"""大屏: what goes on in a place at this moment, gathered once for everybody who watches it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, When
from django.db.models.functions import Least

from haochaping.analytics import lake
from haochaping.analytics.labels import UNKNOWN, label
from haochaping.analytics.overview import for_the_rated
from haochaping.analytics.ranking import Line, Ranking, opened, ranking
from haochaping.analytics.rules import wilson
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.rectification.queries import is_overdue
from haochaping.rectification.rules import STATE_NAMES, State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from django.db.models import QuerySet

    from haochaping.analytics.looks import Look
    from haochaping.analytics.queries import Figure, Row
    from haochaping.rectification.models import Order

HEADLINE = ("active_rate", "good_rate", "bad_rate", "on_time_rate", "rectified_rate")
TREND = ("ratings", "good_rate", "bad_rate")
TREND_DAYS = 30
TILE = ("good_rate", "ratings", "bad_rate")
LINES = 8  # of each list: a screen is read from afar
LAST = 3  # of the ranks, where not all of them fit
WIDEST = 6  # tiles beside each other where the regions have no place on a grid
SINCE = Least("step_due", Case(When(answered_at=None, then="answer_due")))  # when the first limit was missed
BELOW = {0: "city", 2: "city", 4: "county"}  # digits of an area: what lies below it; else its organs


class Latest(NamedTuple):
    """A bad rating as it may be seen from afar: what and when by day, never whose."""

    item: str
    organ: str
    level: Level
    day: date
    state: str

    @property
    def level_name(self) -> str:
        return LEVEL_NAMES[self.level]


class Late(NamedTuple):
    """An order that has missed a limit, and by how many calendar days."""

    item: str
    organ: str
    state: str
    days: int


class Spot(NamedTuple):
    """A place and where the table of regions puts it, counted from 1; 0 where it puts it nowhere."""

    key: str
    name: str
    row: int = 0
    column: int = 0


@dataclass(frozen=True)
class Tile:
    """A place of the cartogram. `standing`: better | worse | same | few, its interval against the rate of all of them."""

    key: str
    name: str
    row: int
    column: int
    figures: Row | None
    standing: str
    opens: bool  # whether one can look into it

    @property
    def rate(self) -> Figure | None:
        return self.figures["good_rate"] if self.figures else None

    @property
    def ratings(self) -> Figure | None:
        return self.figures["ratings"] if self.figures else None


@dataclass(frozen=True)
class Screen:
    """All that stands on it. `end`: the last day that is counted; today, but yesterday where anybody may watch."""

    name: str
    area: str
    start: date
    end: date
    read_at: datetime
    updated_at: datetime | None
    ratings_today: Figure
    ratings: Figure
    excluded: Figure
    headline: list[Figure]
    trend: list[Row]
    levels: list[tuple[Level, Figure]]
    tiles: list[Tile]
    below: str  # city | county | organ
    ranked: list[Line]
    minimum: int
    latest: list[Latest]
    late: list[Late]
    late_count: int
    open_count: int
    is_open: bool


def screen(look: Look, orders: QuerySet[Order], *, is_open: bool = False) -> Screen:
    """This month of the look's place, and what waits there. `orders`: those that whoever watches may know of.

    `is_open`: anybody may watch, those rated among them. Then nothing but the number of ratings is counted before its day is over,
    for who watches a counter would know who pressed; no single order is shown, nothing that rests on fewer than five cases or names
    fewer on one side, and nothing below a county.
    """
    today = clock.day(look.now)
    end = today - timedelta(days=1) if is_open else today
    month = look.over(end.replace(day=1), end)
    below = BELOW.get(len(look.area or look.home), "organ")
    wanted = (*HEADLINE, "ratings", "excluded")
    total = _told([month.total(wanted)], is_open=is_open)[0]
    trend = _told(look.over(end - timedelta(days=TREND_DAYS - 1), end).rows(TREND, ["day"]), is_open=is_open)
    levels = _told(month.rows(["ratings"], ["level"]), is_open=is_open)
    places = _told(month.rows(TILE, [below]), is_open=is_open) if not (is_open and below == "organ") else []
    if is_open:
        orders = orders.filter(dispatch_day__lt=today)
    late = orders.filter(is_overdue(look.now))
    found = ranking(month, "good_rate", below) if places else None
    return Screen(
        name=look.name,
        area=look.area,
        start=month.start,
        end=end,
        read_at=look.now,
        updated_at=datetime.fromisoformat(made) if (made := lake.read().made_at) else None,
        ratings_today=look.over(today, today).total(["ratings"])["ratings"],
        ratings=total["ratings"],
        excluded=total["excluded"],
        headline=[total[key] for key in HEADLINE],
        trend=trend,
        levels=_levels(levels),
        tiles=_tiles(look, below, places, total["good_rate"]),
        below=below,
        ranked=_ranked(found, month, {str(row.keys[below]): row for row in places}) if found else [],
        minimum=month.minimum,
        latest=[] if is_open else [_latest(order) for order in orders.order_by("-order_no")[:LINES]],
        late=[] if is_open else _lates(late, today),
        late_count=late.count(),
        open_count=orders.filter(closed_at=None).count(),
        is_open=is_open,
    )


def _told(rows: Sequence[Row], *, is_open: bool) -> list[Row]:
    return for_the_rated(list(rows)) if is_open else list(rows)


def _ranked(found: Ranking, month: Look, told: Mapping[str, Row]) -> list[Line]:
    """The first and the last of those ranked whose rate may be told."""
    lines = [line for line in opened(found, month, with_mix=False) if line.placed.rank]
    lines = [line for line in lines if not told[line.placed.key]["good_rate"].hidden_below]
    return lines if len(lines) <= LINES else lines[: LINES - LAST] + lines[-LAST:]


def _levels(rows: Sequence[Row]) -> list[tuple[Level, Figure]]:
    by_level = {row.keys["level"]: row["ratings"] for row in rows if row.keys["level"] is not None}
    return [(level, by_level[level]) for level in sorted(Level, reverse=True) if level in by_level]


def _tiles(look: Look, below: str, rows: Sequence[Row], whole: Figure) -> list[Tile]:
    """Every place below, those that nobody rated too, where the table of regions puts it; the rest in rows after them."""
    by_key = {str(row.keys[below]): row for row in rows if row.keys[below]}
    spots = _organs(by_key) if below == "organ" else _regions(look, {"city": 4, "county": 6}[below])
    taken = max((spot.row for spot in spots if spot.row and spot.column), default=0)
    tiles, loose = [], 0
    for spot in spots:
        at = spot.row, spot.column
        if not all(at):
            at = taken + 1 + loose // WIDEST, 1 + loose % WIDEST
            loose += 1
        figures = by_key.get(spot.key)
        standing = _standing(figures["good_rate"], whole, look.minimum) if figures else "few"
        tiles.append(Tile(spot.key, spot.name, *at, figures, standing, opens=below != "organ"))
    return _from_one(tiles)


def _organs(by_key: Mapping[str, Row]) -> list[Spot]:
    """The organs that were rated most."""
    keys = sorted(by_key, key=lambda key: (-by_key[key]["ratings"].numerator, key))[: WIDEST * WIDEST]
    return [Spot(key, label("organ", key)) for key in keys]


def _regions(look: Look, digits: int) -> list[Spot]:
    inside = look.area or look.home
    return [
        Spot(region.path, region.name, _counted(region.grid_row), _counted(region.grid_col))
        for region in sorted(snapshot().regions.values(), key=lambda region: region.code)
        if len(region.path) == digits
        and region.path.startswith(inside)
        and not region.merged_into
        and not is_probe_area(region.path)
    ]


def _counted(place: int | None) -> int:
    """A row or column of the table of regions, which begins at 0, counted from 1; 0 where it has none."""
    return 0 if place is None else place + 1


def _from_one(tiles: list[Tile]) -> list[Tile]:
    """The same, moved so that the first row and column of them are 1."""
    if not tiles:
        return []
    rows, columns = min(tile.row for tile in tiles) - 1, min(tile.column for tile in tiles) - 1
    return [replace(tile, row=tile.row - rows, column=tile.column - columns) for tile in tiles]


def _standing(figure: Figure, whole: Figure, minimum: int) -> str:
    if figure.hidden_below or not figure.denominator or figure.denominator < minimum or whole.value is None:
        return "few"
    low, high = wilson(figure.numerator, figure.denominator) or (0.0, 1.0)
    return "better" if low > whole.value else "worse" if high < whole.value else "same"


def _latest(order: Order) -> Latest:
    return Latest(
        order.item_name,
        order.organ_name or UNKNOWN,
        Level(order.level),
        order.dispatch_day,
        STATE_NAMES[State(order.state)],
    )


def _lates(orders: QuerySet[Order], today: date) -> list[Late]:
    """The latest of them all first."""
    return [_late(order, today) for order in orders.annotate(since=SINCE).order_by("since", "order_no")[:LINES]]


def _late(order: Any, today: date) -> Late:
    last = clock.day(order.since - timedelta(microseconds=1)) if order.since else today
    days = max((today - last).days, 0)
    return Late(order.item_name, order.organ_name or UNKNOWN, STATE_NAMES[State(order.state)], days)
