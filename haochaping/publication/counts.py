"""What the lake says of a month, line by line, as numerators and denominators that add up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from haochaping.analytics.labels import label
from haochaping.analytics.queries import figures
from haochaping.publication.disclosure import APPEALS, CALLED, EXCLUDED, ORDERS, RECTIFIED, VISITS, Key, Sizes
from haochaping.publication.rules import last_day, months_before

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.analytics.queries import Row

    Part = list[int | None]  # numerator, and denominator or None

_VISITS = ("ratings", "good_rate", "bad_rate", "active_rate", "unrated_rate")
_ORDERS = ("reply_rate", "on_time_rate")
_PLACE = {
    VISITS: _VISITS, ORDERS: _ORDERS, RECTIFIED: ("rectified_rate",), CALLED: ("callback_satisfied_rate",),
    EXCLUDED: ("excluded",),
}  # fmt: skip
# By kind of line, the metrics of each family. Of the volume of services nothing is told, and of appeals nothing below the
# whole: beside the rates they would tell how few were excluded.
SETS: dict[str, dict[str, tuple[str, ...]]] = {
    "all": {
        VISITS: (*_VISITS, "good_rate_with_default", "real_name_rate"),
        ORDERS: _ORDERS,
        RECTIFIED: ("rectified_rate",),
        CALLED: ("callback_satisfied_rate", "callback_rate"),
        EXCLUDED: ("excluded",),
        APPEALS: ("appeal_rate", "upheld_rate"),
    },
    **dict.fromkeys(("city", "county", "organ", "item"), _PLACE),
    "channel": {VISITS: ("ratings", "good_rate", "bad_rate")},
}
METRICS_OF = {kind: tuple(key for keys in sets.values() for key in keys) for kind, sets in SETS.items()}
REASONS = 5  # at most so many are named


@dataclass
class Count:
    """The parts of each metric, of one line or of many together."""

    parts: dict[str, Part] = field(default_factory=dict)

    def __iadd__(self, other: Count) -> Count:  # noqa: PYI034  no subclass
        for metric, (numerator, denominator) in other.parts.items():
            own = self.parts.get(metric)
            if own is None:
                self.parts[metric] = [numerator, denominator]
            else:
                own[0] = (own[0] or 0) + (numerator or 0)
                own[1] = None if own[1] is None else own[1] + (denominator or 0)
        return self

    @property
    def sizes(self) -> dict[str, Sizes]:
        """By family, the counts of people none of which must be few."""
        return {
            VISITS: (self._of("good_rate"), self._of("active_rate"), self._of("active_rate", 0)),
            ORDERS: tuple(self._of(metric) for metric in _ORDERS),
            RECTIFIED: (self._of("rectified_rate"),),
            CALLED: (self._of("callback_satisfied_rate"),),
            EXCLUDED: (self._of("excluded", 0),),
            APPEALS: (self._of("excluded", 0),),  # orders that are excluded are the difference of two denominators
        }

    def _of(self, metric: str, at: int = 1) -> int:
        return self.parts.get(metric, [0, 0])[at] or 0


def counted(month: date, as_of: date, depth: int, *, now: datetime) -> dict[Key, Count]:
    """The single lines: items of organs in counties, or counties where the tree ends at its cities (`depth` 1)."""
    by = ("county", "organ", "item") if depth > 1 else ("county",)
    rows = figures(METRICS_OF["all"], by, month, as_of, now=now).rows
    return {_key(row): _count(row) for row in rows}


def _key(row: Row) -> Key:
    area, organ, item = (str(row.keys.get(name) or "") for name in ("county", "organ", "item"))
    return Key(4, area, organ, item) if "organ" in row.keys else Key(2, area)


def by_channel(month: date, as_of: date, *, now: datetime) -> list[tuple[str, int, Count]]:
    """County, channel and count of everything that was rated."""
    rows = figures(METRICS_OF["channel"], ("county", "channel"), month, as_of, now=now).rows
    return [
        (str(row.keys["county"]), int(row.keys["channel"]), _count(row))
        for row in rows
        if row.keys["channel"] is not None
    ]


def _count(row: Row) -> Count:
    return Count({key: [figure.numerator, figure.denominator] for key, figure in row.figures.items()})


def reasons_of(month: date, k: int, *, now: datetime) -> dict[Key, list[str]]:
    """What the raters ticked most often in bad ratings of each organ, in the twelve months that end with this one.

    Only names, and only what was ticked at least `k` times.
    """
    start = months_before(month, 11)
    filters = {"level": [1, 2]}
    rows = figures(("ratings",), ("county", "organ", "indicator"), start, last_day(month), filters, now=now).rows
    found: defaultdict[Key, list[tuple[int, str]]] = defaultdict(list)
    for row in rows:
        n, code = row["ratings"].numerator, row.keys["indicator"]
        if code and n >= k:
            key = Key(3, str(row.keys["county"]), str(row.keys["organ"]))
            found[key].append((-n, label("indicator", code)))
    return {key: [name for _, name in sorted(named)[:REASONS]] for key, named in found.items()}
