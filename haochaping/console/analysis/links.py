"""Addresses within analysis: a slice narrowed by one of its rows, and the ratings or orders behind a figure."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.urls import reverse

from haochaping.accounts.rules import Role
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.overview import is_rated
from haochaping.analytics.periods import GRAINS, Period, days_of
from haochaping.analytics.slices import EMPTY, PERIOD_WORDS, WORDS
from haochaping.console.filters import areas_of
from haochaping.console.rules import may_open
from haochaping.directory.queries import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.queries import Key
    from haochaping.analytics.slices import Slice

# What is asked for next when a row of this dimension is opened; without a line here the places below.
NEXT = {
    "year": "month", "quarter": "month", "month": "day", "week": "day", "province": "city", "city": "county",
    "county": "organ", "organ": "item", "hall": "window", "window": "item", "clerk": "item", "theme": "item",
    "item_kind": "item", "bundle": "item",
}  # fmt: skip
DIGITS = {"province": 2, "city": 4, "county": 6}
# The metrics whose cases are ratings by their day, and what more the list of ratings is asked for.
LISTED: dict[str, dict[str, str]] = {
    "ratings": {}, "good_rate": {}, "score": {}, "real_name_rate": {}, "bad_rate": {"level": "1,2"}, "excluded": {"only": "excluded"},
}  # fmt: skip
_ORDERS_KNOW = {"area", "city", "county", "organ", "organ_path", "level", "item", "real_name", "cause", "severity"}


def address(route: str, words: Mapping[str, str], **changes: str) -> str:
    """An address of the console; a change to "" takes the word out."""
    kept = {name: text for name, text in {**words, **changes}.items() if text}
    return f"{reverse(f'console:{route}')}?{urlencode(kept)}"


def narrowed(question: Slice, name: str, key: Key) -> dict[str, str] | None:
    """The words of the slice within one of its rows; None for a row that no filter can name."""
    if key is None:
        return None
    words = {word: text for word, text in question.words.items() if word not in {"sort", "page"}}
    if name in GRAINS:
        days = days_of(name, key, question.period)
        return words | {"period": "custom", "from": f"{days.start}", "to": f"{days.end}"}
    if name in DIGITS:
        is_whole = len(str(key)) == DIGITS[name]  # else what belongs to the level above itself
        if is_whole:
            words = {word: text for word, text in words.items() if word not in DIGITS}
        return words | {"area" if is_whole else name: str(key)}
    if name == "branch":
        organ, here = snapshot().organs.get(str(key)), question.words.get("organ_path", "")
        is_below = organ is not None and organ.path != here
        return words | ({"organ_path": organ.path} if organ is not None and is_below else {"organ": str(key)})
    value = str(key).lower() if isinstance(key, bool) else str(int(key)) if isinstance(key, int) else str(key)
    return words | {name: value or EMPTY}


def drilled(question: Slice, key: Key, actor: Actor) -> str:
    """Where a row of the slice leads: the slice within it, one dimension further down, at last its single cases; "" nowhere."""
    if is_rated(actor) or not (words := narrowed(question, question.by, key)):
        return ""
    if question.by == "item":
        return cases(question.metrics[0], words, question.period, actor)
    by = NEXT.get(question.by, "")
    if question.by == "branch":
        path = words.get("organ_path", "")
        is_parent = any(organ.path.startswith(path) and organ.path != path for organ in snapshot().organs.values())
        by = "branch" if is_parent and "organ" not in words else "window"
    if question.by in DIGITS and "area" not in words:
        by = "organ"
    words["by"] = by
    if question.across == by:
        words.pop("across", None)
    return address("slice", words)


def cases(metric: str, words: Mapping[str, str], period: Period, actor: Actor) -> str:
    """The list of what a figure counts within these words: ratings or orders; "" where there is none for these eyes."""
    kept = {name: text for name, text in words.items() if name not in WORDS or name in PERIOD_WORDS}
    if metric in LISTED:
        if not may_open("slice_ratings", actor.roles) or actor.has(Role.CLERK) or {"cause", "severity"} & kept.keys():
            return ""
        return address("slice_ratings", {**LISTED[metric], **kept})
    if METRICS[metric].basis.table == "orders" and may_open("orders", actor.roles):
        return _orders(kept, period, actor)
    return ""


def _orders(words: Mapping[str, str], period: Period, actor: Actor) -> str:
    """The list of orders with the same filters; "" where it does not know one of them, for it would show others."""
    filters = {name: text for name, text in words.items() if name not in PERIOD_WORDS}
    if filters.keys() - _ORDERS_KNOW or any("," in text or text == EMPTY for text in filters.values()):
        return ""
    if "from" in words:  # the row's own days
        period = Period(date.fromisoformat(words["from"]), date.fromisoformat(words["to"]))
    asked: dict[str, Any] = {"state": "all", "since": f"{period.start}", "until": f"{period.end}"}
    for name, text in filters.items():
        if name in {"area", "city", "county"}:
            if text not in dict(areas_of(actor)):
                return ""
            asked["area"] = text
        elif name == "organ_path":
            asked["organ"] = text.strip("/").rpartition("/")[2]
        elif name == "organ":
            if any(organ.parent == text for organ in snapshot().organs.values()):
                return ""  # that list shows those below as well
            asked["organ"] = text
        elif name == "level" and text not in {"1", "2"}:
            return ""
        else:
            asked[name] = text
    return f"{reverse('console:orders')}?{urlencode(asked)}"
