"""The profile 画像 of an organ or a region: its rates beside its peers', what it is good at, what keeps going wrong, and how
it does for the items it has.

Peers are all others of its kind on the platform (organs whose area is of the same level, regions of the same level). Of
them only position and sum are told, never one by one, and nothing where they are fewer than five: so the comparison is
the same for whoever looks, and tells nobody's figures to those whom they do not concern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from haochaping.analytics import casemix
from haochaping.analytics.labels import label
from haochaping.analytics.metrics import METRICS, Better
from haochaping.analytics.queries import EVERYWHERE, Figure, Row, figures
from haochaping.analytics.rules import Share, wilson
from haochaping.analytics.themes import BAD_LEVELS
from haochaping.analytics.traits import PEERS_LEAST, WITHIN, Recurrent, percentile, recurrent, stands
from haochaping.directory.queries import snapshot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from haochaping.analytics.looks import Look

RATES = (
    "active_rate", "good_rate", "reply_rate", "on_time_rate", "rectified_rate", "callback_satisfied_rate", "overdue_rate",
    "reopen_rate",
)  # fmt: skip
COUNTS = ("ratings", "bad_rate", "orders", "days_to_close")
TREND = ("ratings", "good_rate", "bad_rate", "rectified_rate")
TREND_MONTHS = 12
PEER_CASES = 5  # that a peer's rate must rest on to be one to compare with
DIMENSIONS = {2: "province", 4: "city", 6: "county"}  # by digits of the area


class Trait(NamedTuple):
    """One rate beside the peers': how many percent of them do worse, their rate taken together, strong or weak or ""."""

    figure: Figure
    place: float | None
    peers: int
    peers_rate: Figure | None
    verdict: str


@dataclass(frozen=True)
class Profile:
    """Everything a page needs to know of one organ or region."""

    look: Look
    dimension: str  # organ, province, city or county
    key: str
    own: dict[str, Any]  # the filter that is this organ or region
    counts: Row
    traits: list[Trait]
    peers: int
    kind: str  # what the peers are, in words
    trend: list[Row]
    recurrent: list[tuple[str, str, Recurrent]]  # indicator or cause, its name, how often
    mix: casemix.Mix | None

    @property
    def strengths(self) -> list[Trait]:
        return [trait for trait in self.traits if trait.verdict == "strong"]

    @property
    def weaknesses(self) -> list[Trait]:
        return [trait for trait in self.traits if trait.verdict == "weak"]

    @property
    def is_empty(self) -> bool:
        return not any(figure.size for figure in self.counts.figures.values())


def profile(look: Look) -> Profile:
    """Of the look's organ, or else of its area (down to the county)."""
    dimension, key, kind = _subject(look)
    own_filter = {"organ": key} if dimension == "organ" else {"area": key}
    own = _total(look, (*COUNTS, *RATES), own_filter, look.scopes)
    rows = _everywhere(look, RATES, [dimension])
    peers = [row for row in rows if row.keys[dimension] != key and _is_alike(dimension, row.keys[dimension], key)]
    months = look.of_months(TREND_MONTHS)
    return Profile(
        look,
        dimension,
        key,
        own_filter,
        own,
        [_trait(own[metric], [row[metric] for row in peers]) for metric in RATES],
        len(peers),
        kind,
        figures(TREND, ["month"], months.start, months.end, own_filter, now=look.now, scopes=look.scopes).rows,
        _recurrent(look, own_filter),
        _mix(look, own_filter),
    )


def _subject(look: Look) -> tuple[str, str, str]:
    if look.organ:
        digits = len(snapshot().area_path(snapshot().organs[look.organ].area))
        level = {2: "省级", 4: "市级", 6: "县级"}.get(digits, "乡镇一级")
        return "organ", look.organ, f"{level}单位"
    area = (look.area or look.home)[:6]
    dimension = DIMENSIONS.get(len(area), "province")
    return dimension, area, {"province": "省", "city": "设区市", "county": "县（市、区）"}[dimension]


def _is_alike(dimension: str, key: Any, own: str) -> bool:
    """Whether another is of the same kind: an organ of an area of the same level; a region that is one, no "…本级"."""
    if not key:
        return False
    if dimension != "organ":
        return len(str(key)) == len(own)
    known = snapshot()
    other, mine = known.organs.get(str(key)), known.organs[own]
    return other is not None and len(known.area_path(other.area)) == len(known.area_path(mine.area))


def _trait(own: Figure, peers: Sequence[Figure]) -> Trait:
    told = [peer for peer in peers if (peer.denominator or 0) >= PEER_CASES and peer.value is not None]
    if len(told) < PEERS_LEAST or own.value is None:
        return Trait(own, None, len(told), None, "")
    is_high = METRICS[own.metric.key].better is Better.HIGHER
    place = percentile(own.value, [float(peer.value or 0) for peer in told], higher_is_better=is_high)
    whole = Figure(
        own.metric, sum(peer.numerator for peer in told), sum(peer.denominator or 0 for peer in told), told[0].filter
    )
    low, high = wilson(own.numerator, own.denominator or 0) or (0.0, 1.0)
    rate = float(whole.value or 0)
    return Trait(own, place, len(told), whole, stands(place, is_apart=not low <= rate <= high))


def _recurrent(look: Look, own: dict[str, Any]) -> list[tuple[str, str, Recurrent]]:
    """Indicators of bad ratings and verified causes that came up in at least three of the last six months."""
    months, seen = look.months(WITHIN), look.of_months(WITHIN)
    found = []
    for by, metric, filters, word in (
        ("indicator", "bad", {"level": BAD_LEVELS}, "差评指标"),
        ("cause", "orders", {}, "核实原因"),
    ):
        rows = figures(
            [metric], ["month", by], seen.start, seen.end, own | filters, now=look.now, scopes=look.scopes
        ).rows
        counts = [(row.keys["month"], row.keys[by], row[metric].numerator) for row in rows if row.keys[by]]
        found += [(word, label(by, one.key), one) for one in recurrent(counts, months)]
    return found


def _mix(look: Look, own_filter: dict[str, Any]) -> casemix.Mix | None:
    """The good rate against what all others on the platform reach on the same items."""
    metric = "good_rate"
    mine = figures([metric], ["item"], look.start, look.end, own_filter, now=look.now, scopes=look.scopes).rows
    own = casemix.alike(_shares(mine, metric))
    if not own:
        return None
    everybody = casemix.alike(_shares(_everywhere(look, [metric], ["item"]), metric))
    return casemix.against(list(own.values()), casemix.others(everybody, own))


def _shares(rows: Sequence[Row], metric: str) -> list[Share]:
    return [Share(str(row.keys["item"] or ""), row[metric].numerator, row[metric].denominator or 0) for row in rows]


def _everywhere(look: Look, metrics: Sequence[str], by: Sequence[str]) -> list[Row]:
    return figures(metrics, by, look.start, look.end, now=look.now, scopes=EVERYWHERE).rows


def _total(look: Look, metrics: Sequence[str], filters: dict[str, Any], scopes: Any) -> Row:
    return figures(metrics, [], look.start, look.end, filters, now=look.now, scopes=scopes).total
