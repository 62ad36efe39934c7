"""Rows of the lake as a test tells them, and how to put them there."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from haochaping.analytics import cubes, lake
from haochaping.analytics.columns import ITEMS, ORDERS, SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence

CHINA = ZoneInfo("Asia/Shanghai")
PLACE = {
    "area_path": "320102",
    "organ_code": "O1",
    "organ_path": "/P/O1/",
    "hall": "H1",
    "window": "W1",
    "clerk": "C1",
    "item": "T1",
    "aspect": "service",
    "point": "",
    "mode": "on_site",
    "has_case": True,
    "user_prop": 1,
    "channel": None,
    "level": None,
    "indicators": None,
    "real_name": None,
    "excluded": False,
    "is_probe": False,
    "n": 1,
}
SCORES = {5: 10, 4: 8, 3: 6, 2: 3, 1: 0}


def day(text: str) -> date:
    return date.fromisoformat(f"2026-{text}")


def noon(text: str) -> datetime:
    return datetime.combine(day(text), datetime.min.time(), CHINA) + timedelta(hours=12)


def service(on: str, level: int | None = None, *, rated: str | None = None, closes: str | None = None,
            lapse: tuple[str, int] | None = None, **more: Any) -> dict[str, Any]:  # fmt: skip
    """A service of that day ("11-02"), rated that same day unless `rated` says when; closes after a week."""
    rated_day = day(rated or on) if level else None
    row = PLACE | {
        "service_day": day(on),
        "closes_at": noon(closes) if closes else noon(on) + timedelta(days=7),
        "rated_day": rated_day,
        "counted_day": rated_day or (day(lapse[0]) if lapse else None),
        "lapse_level": lapse[1] if lapse else None,
        "level": level,
        "channel": 4 if level else None,
        "indicators": [] if level else None,
        "real_name": False if level else None,
        "score": SCORES[level] if level else None,
        "best": 10 if level else None,
    }
    return row | more


def order(on: str, due: str, answered: str | None = None, **more: Any) -> dict[str, Any]:
    """An order dispatched that day, to be answered by `due`; signed after two hours, and answered when `answered` says."""
    row = PLACE | {
        "dispatch_day": day(on),
        "answer_due": noon(due),
        "answered_at": noon(answered) if answered else None,
        "channel": 4,
        "level": 1,
        "indicators": [],
        "real_name": False,
        "state": "rectifying",
        "cause": "",
        "severity": "general",
        "answer_kind": "submitted" if answered else "",
        "verdict": "",
        "was_called": False,
        "was_signed": True,
        "was_verified": bool(answered),
        "was_submitted": bool(answered),
        "passed_review": False,
        "was_late": False,
        "was_redone": False,
        "was_returned": False,
        "sign_minutes": 120,
        "answer_minutes": (noon(answered) - noon(on)) // timedelta(minutes=1) if answered else None,
        "close_minutes": None,
        "satisfied": 0,
        "verdicts": 0,
        "appealed": False,
        "decided": False,
        "upheld": False,
    }
    return row | more


def item(code: str, *bundles: str, theme: str = "", kind: str = "01", enterprise: bool = False) -> dict[str, Any]:
    """What the directory says of an item."""
    told = {"code": code, "theme": theme, "item_kind": kind, "is_enterprise": enterprise}
    return told | {"bundles": list(bundles)}


def table(rows: Sequence[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows as the lake keeps them: what was ticked as one text."""
    return pa.Table.from_pylist([row | {"indicators": _joined(row["indicators"])} for row in rows], schema)


def _joined(codes: list[str] | None) -> str | None:
    return None if codes is None else f",{','.join(codes)}," if codes else ""


def fill(
    services: Sequence[dict[str, Any]], orders: Sequence[dict[str, Any]] = (), items: Sequence[dict[str, Any]] = ()
) -> None:
    """The lake, made of exactly these."""
    changed: dict[str, dict[date, lake.File | None]] = {part: {} for part in lake.PARTS}
    by_day = defaultdict(list)
    for row in services:
        by_day[row["service_day"]].append(row)
    by_month = defaultdict(list)
    for row in orders:
        by_month[row["dispatch_day"].replace(day=1)].append(row)
    with lake.writing():
        for on, rows in by_day.items():
            changed["services"][on] = lake.put("services", on, table(rows, SERVICES))
        for month, rows in by_month.items():
            changed["orders"][month] = lake.put("orders", month, table(rows, ORDERS))
        if items:
            changed["items"][lake.ALWAYS] = lake.put("items", lake.ALWAYS, pa.Table.from_pylist(list(items), ITEMS))
        changed |= cubes.recount(lake.Manifest(), changed["services"])
        lake.swap(lake.Manifest(), changed, now=noon("11-20"))
