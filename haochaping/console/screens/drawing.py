"""What the templates of the screen are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from haochaping.analytics.labels import area as area_name

if TYPE_CHECKING:
    from haochaping.analytics.screen import Screen

STANDINGS = {"better": "高于全部", "same": "与全部持平", "worse": "低于全部", "few": "样本不足"}
BELOW_NAMES = {"city": "设区市", "county": "县（市、区）", "organ": "单位"}
EVERY = 15  # seconds between two readings: today is fresh within 15 s (design §5)


def context_of(screen: Screen, *, address: str, floor: str) -> dict[str, Any]:
    """`address`: where the page lies; `floor`: the area from which one came down and back to which one goes."""
    place = f"?{urlencode({'area': screen.area})}" if screen.area and screen.area != floor else ""
    ways = [(prefix, area_name(prefix)) for prefix in _up(screen.area or floor, floor)]
    return {
        "screen": screen,
        "address": address,
        "fresh": f"{address}/fresh{place}",
        "every": EVERY,
        "ways": ways[:-1],
        "here": ways[-1][1] if ways else screen.name,
        "standings": STANDINGS,
        "below_name": BELOW_NAMES[screen.below],
        "trend": [(row.keys["day"], [row["ratings"], row["good_rate"], row["bad_rate"]]) for row in screen.trend],
        "trend_names": [figure.name for figure in screen.trend[0].figures.values()] if screen.trend else [],
    }


def _up(area: str, floor: str) -> list[str]:
    """The prefixes from the floor down to the area."""
    return [area[:n] for n in (0, 2, 4, 6) if len(floor) <= n <= len(area)] or [area]
