"""What the lake holds: the columns of its tables. Pure.

A row of `services` or `orders` stands for `n` cases: one in the files of single rows, many in the cubes. No personal data:
nobody's name, number, words, device or exact time of rating, and no id that leads to them; a clerk is a work number.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

_moment = pa.timestamp("us", "UTC")
_codes = pa.list_(pa.string())
_place = [
    ("area_path", pa.string()),
    ("organ_code", pa.string()),
    ("organ_path", pa.string()),
    ("hall", pa.string()),
    ("window", pa.string()),
    ("clerk", pa.string()),
    ("item", pa.string()),
    ("aspect", pa.string()),
    ("point", pa.string()),
    ("mode", pa.string()),
    ("has_case", pa.bool_()),  # false: made by us for a rating without a case
    ("user_prop", pa.int8()),  # of whoever rated, else of whoever applied; null: not told
    ("channel", pa.int8()),  # null: not rated
    ("level", pa.int8()),  # null: not rated
    ("indicators", pa.string()),  # as ticked: ",203,207,", "" if none; null: not rated. A list is slow to read
    ("real_name", pa.bool_()),  # null: not rated
    ("excluded", pa.bool_()),  # by the newest ruling
    ("is_probe", pa.bool_()),
]
SERVICES = pa.schema(
    [
        ("service_day", pa.date32()),
        ("closes_at", _moment),
        ("rated_day", pa.date32()),  # null: not rated
        ("counted_day", pa.date32()),  # of the rating, else of the lapse, else null
        *_place,
        ("lapse_level", pa.int8()),
        ("score", pa.int16()),  # of the level by the policy of the rating day; null: the policy has no scores
        ("best", pa.int16()),  # what that score is out of
        ("n", pa.int32()),
    ]
)
ORDERS = pa.schema(
    [
        ("dispatch_day", pa.date32()),
        ("answer_due", _moment),
        ("answered_at", _moment),
        *_place,
        ("state", pa.string()),
        ("cause", pa.string()),  # "" before it is verified
        ("severity", pa.string()),
        ("answer_kind", pa.string()),  # submitted | explained | ""
        ("verdict", pa.string()),
        ("was_called", pa.bool_()),
        # which steps it has ever been through, and how long each took from dispatch on (null: it has not)
        ("was_signed", pa.bool_()),  # by the unit, or by the system in its place
        ("was_verified", pa.bool_()),  # what it was about: confirmed, explained, or an appeal refused
        ("was_submitted", pa.bool_()),  # a rectification, or an explanation
        ("passed_review", pa.bool_()),
        ("was_late", pa.bool_()),  # for any of its limits, however it went on
        ("was_redone", pa.bool_()),  # sent back, not content, or opened again
        ("was_returned", pa.bool_()),  # as not theirs, by any unit it went to; its organ is the one that has it now
        ("sign_minutes", pa.int32()),  # to the unit's first signature
        ("answer_minutes", pa.int32()),
        ("close_minutes", pa.int32()),
        ("satisfied", pa.int16()),  # answered callbacks and citizen's verdicts that were content
        ("verdicts", pa.int16()),  # all of them
        ("appealed", pa.bool_()),
        ("decided", pa.bool_()),  # and not under appeal again
        ("upheld", pa.bool_()),  # by the last decision
        ("n", pa.int32()),
    ]
)
# What the directory says today of the items that rows name: one row for each code under which an item is known.
ITEMS = pa.schema(
    [
        ("code", pa.string()),
        ("theme", pa.string()),
        ("item_kind", pa.string()),
        ("is_enterprise", pa.bool_()),
        ("bundles", _codes),  # the “一件事” it is a part of
    ]
)
TABLES = {"services": SERVICES, "orders": ORDERS, "items": ITEMS}


class Cube(NamedTuple):
    """Cases of `services` counted together, by month of `axis`: what a coarse question reads in place of single rows."""

    axis: str  # service_day, or counted_day for what was rated or has lapsed: the day it is asked by
    is_daily: bool  # else the day is the first of its month
    columns: tuple[str, ...]  # areas down to the county; closes_at null for what is rated, for which it means nothing
    of_codes: str = ""  # the codes of which it knows one a row, under `code`: a case counts under each


_SERVED = ("mode", "has_case", "level", "excluded", "closes_at")  # what the metrics by service day ask of a row
_COUNTED = (
    "mode",
    "has_case",
    "level",
    "excluded",
    "lapse_level",
    "score",
    "best",
)  # and those by day of rating or lapse
_GRAINS: dict[str, tuple[bool, tuple[str, ...]]] = {
    "counties": (True, ("area_path", "channel", "real_name")),
    "kinds": (False, ("area_path", "aspect", "channel", "point", "user_prop", "real_name")),
    "organs": (False, ("area_path", "organ_code", "organ_path", "user_prop", "real_name")),
    "items": (False, ("area_path", "organ_code", "organ_path", "item", "channel", "user_prop", "real_name")),
    "desks": (False, ("area_path", "organ_code", "organ_path", "hall", "window", "clerk")),
}
CUBES: dict[str, Cube] = {
    **{f"{n}_served": Cube("service_day", daily, (*grain, *_SERVED)) for n, (daily, grain) in _GRAINS.items()},
    **{f"{n}_counted": Cube("counted_day", daily, (*grain, *_COUNTED)) for n, (daily, grain) in _GRAINS.items()},
    "indicators_counted": Cube(
        "counted_day", False, ("area_path", "organ_code", "organ_path", *_COUNTED), of_codes="indicators"
    ),
}
COUNTY_DIGITS = 6


def schema_of(part: str) -> pa.Schema:
    """The columns of a part of the lake: of a table, or of a cube."""
    if part in TABLES:
        return TABLES[part]
    cube = CUBES[part]
    names = (cube.axis, *cube.columns, *(["code"] if cube.of_codes else []), "n")
    return pa.schema([pa.field("code", pa.string()) if name == "code" else SERVICES.field(name) for name in names])
