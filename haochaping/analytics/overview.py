"""What a leader looks at first: this month beside the last one, thirty days, and the places below."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from haochaping.accounts.rules import ONLOOKERS, Role, Scope
from haochaping.analytics import lake
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import Better
from haochaping.analytics.queries import Figure, Row, added, concealed, figures, reach_of
from haochaping.analytics.rules import tells_few
from haochaping.kit import clock
from haochaping.kit.errors import Refused

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
SHARED = ("ratings", "good_rate", "bad_rate")  # of levels, channels and points: one question for all three
LEAST = 30  # cases that something must rest on before somebody is asked to look at it


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

    key: Any
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
    levels: list[Place]  # from 5 to 1; this and the next two not for those rated
    channels: list[Place]
    points: list[Place]  # acceptance and issue; none where services are rated as a whole
    updated_at: datetime | None  # when the lake last changed


def is_rated(actor: Actor) -> bool:
    """Whether somebody sees figures only as one who is rated (design §1.3)."""
    return Role.CLERK in actor.roles and actor.roles <= ONLOOKERS | {Role.CLERK}


def refuse_rated(actor: Actor) -> None:
    """Refused (403) for who is rated, whatever they look on as: a page of aggregates down to the single window and day."""
    if is_rated(actor):
        raise Refused("not_your_role", 403, "窗口人员只看自己窗口的汇总，请用“综合概览”或“自助分析”。")


def overview(actor: Actor, *, now: datetime) -> Overview:
    """This month to date against the same days of last month; the last 30 days; the places one level below the actor.

    A clerk sees the last month that was over a week ago, whole beside the whole one before, and no single day: who looks from day
    to day at a sum that grows knows what each day brought. Of that aggregates of at least five only, no ratio with fewer on either
    side (design §1.3). Somebody without a scope sees zeros.
    """
    scopes = reach_of(actor)
    is_clerk = is_rated(actor)
    end = last_month_told(clock.day(now)) if is_clerk else clock.day(now)
    start = end.replace(day=1)
    last_end = start - timedelta(days=1)
    before_start, before_end = last_end.replace(day=1), last_end.replace(day=min(end.day, last_end.day))
    if is_clerk:
        before_end = last_end
    dimension = dimension_below(scopes)
    this = figures(HEADLINE, [], start, end, now=now, scopes=scopes).rows
    that = figures(HEADLINE, [], before_start, before_end, now=now, scopes=scopes).rows
    since = end - timedelta(days=TREND_DAYS - 1)
    trend = [] if is_clerk else figures(TREND, ["day"], since, end, now=now, scopes=scopes).rows
    places = figures(PLACES, [dimension], start, end, now=now, scopes=scopes).rows
    shared = [] if is_clerk else figures(SHARED, ["level", "channel", "point"], start, end, now=now, scopes=scopes).rows
    shared = [row for row in shared if row["ratings"].numerator]
    if is_clerk:
        this, that, places = (for_the_rated(rows) for rows in (this, that, places))
    made_at = lake.read().made_at
    return Overview(
        start,
        end,
        [Compared(this[0][key], that[0][key]) for key in HEADLINE],
        trend,
        [Place(row.keys[dimension], label(dimension, row.keys[dimension]), row) for row in places],
        dimension,
        _told_apart(shared, "level")[::-1],
        sorted(_told_apart(shared, "channel"), key=lambda place: -place.row["ratings"].numerator),
        _told_apart(shared, "point") if any(row.keys["point"] for row in shared) else [],
        datetime.fromisoformat(made_at) if made_at else None,
    )


def last_month_told(today: date) -> date:
    """The last day of the newest month that those rated may look at: over for long enough not to point to a visit."""
    return (today - DELAY + timedelta(days=1)).replace(day=1) - timedelta(days=1)


def _told_apart(rows: list[Row], dimension: str) -> list[Place]:
    """The same ratings by one of the dimensions they were asked by."""
    groups: dict[Any, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.keys[dimension], []).append(row)
    return [Place(key, label(dimension, key), added(groups[key])) for key in sorted(groups)]


def attention(found: Overview) -> list[str]:
    """What somebody should look at first, in words: only what is more than chance and rests on enough cases."""
    said = [_worsened(compared) for compared in found.headline]
    whole = next(compared.figure for compared in found.headline if compared.figure.metric.key == "bad_rate")
    for place in found.places:
        rate = place.row["bad_rate"]
        interval = rate.interval
        if interval and (rate.denominator or 0) >= LEAST and whole.value is not None and interval[0] > whole.value:
            said.append(f"{place.name}差评率{rate.text}（{rate.parts}），高于总体的{whole.text}，超出偶然。")
    for place in found.channels:
        rate = place.row["bad_rate"]
        if (rate.denominator or 0) >= 2 * LEAST and not rate.numerator:
            said.append(f"{place.name}{rate.denominator:,}条评价里没有一条差评，请查这个渠道能不能顺利给出差评。")
    return [each for each in said if each]


def _worsened(compared: Compared) -> str:
    """A rate whose interval lies clear of the one before, on the bad side; "" else."""
    now, then, better = compared.figure, compared.before, compared.figure.metric.better
    if not now.interval or not then.interval or better is Better.NEITHER:
        return ""
    if min(now.denominator or 0, then.denominator or 0) < LEAST:
        return ""
    is_worse = now.interval[1] < then.interval[0] if better is Better.HIGHER else now.interval[0] > then.interval[1]
    turn = "降到" if better is Better.HIGHER else "升到"
    return f"{now.name}由上月同期的{then.text}{turn}{now.text}（{now.parts}），超出偶然。" if is_worse else ""


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
