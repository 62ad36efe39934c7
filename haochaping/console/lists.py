"""The list of work orders: its tabs with their counts, its order, its pages. Nothing here reads a million rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.utils.functional import cached_property

from haochaping.console.columns import BY_KEY
from haochaping.rectification.queries import is_overdue
from haochaping.rectification.rules import STATE_NAMES, State
from haochaping.rectification.search import ARCHIVED, OPEN

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.console.filters import OrderFilter
    from haochaping.rectification.models import Order

COUNTED = 1_000  # ended orders are counted so far and no further
SIZES = (20, 50, 100)  # lines of a page
ENDED = (State.CLOSED, State.VOIDED)
OVER = (*ENDED, ARCHIVED)  # the ended ones that may still be taken up again stand apart from those that may not
TABS = (
    *(("open", "在办"), ("late", "超期")),
    *((str(s), STATE_NAMES[s]) for s in State),
    *((ARCHIVED, "已归档"), ("all", "全部")),
)
QUICK = {"open": ("step", "number"), **dict.fromkeys(OVER, ("closed",)), "all": ("number",)}  # by an index


@dataclass(frozen=True)
class Tally:
    """How many there are, or that there are more than were counted."""

    n: int
    is_more: bool = False

    def __str__(self) -> str:
        return f"{self.n}+" if self.is_more else str(self.n)

    def __bool__(self) -> bool:
        return self.n > 0


def tallies(asked: OrderFilter, now: datetime) -> dict[str, Tally]:
    """How many of the orders that are asked for stand in each tab: open ones exactly, for they are few; ended ones up to
    `COUNTED`. Three queries.
    """
    open_states = [str(state) for state in State if state.is_open]
    counted = (
        of_tab(asked, "open", now)
        .order_by()
        .aggregate(
            **{state: Count("id", filter=Q(state=state)) for state in open_states},
            late=Count("id", filter=is_overdue(now)),
        )
    )
    found = {name: Tally(n) for name, n in counted.items()}
    found["open"] = Tally(sum(counted[state] for state in open_states))
    first = [of_tab(asked, state, now).order_by().values_list("state", flat=True)[: COUNTED + 1] for state in ENDED]
    ended = Counter(first[0].union(*first[1:], all=True))
    for state in ENDED:
        found[state] = Tally(min(ended[state], COUNTED), ended[state] > COUNTED)
    archived = of_tab(asked, ARCHIVED, now).order_by()[: COUNTED + 1].count()
    found[ARCHIVED] = Tally(min(archived, COUNTED), archived > COUNTED)
    parts = [found[name] for name in ("open", *OVER)]
    found["all"] = Tally(sum(part.n for part in parts), any(part.is_more for part in parts))
    return found


def of_tab(asked: OrderFilter, tab: str, now: datetime, *, are_many: bool = False) -> QuerySet[Order]:
    """The rows of a tab. Whether they are open or ended is said besides the state: so the indexes of the lists serve."""
    rows: QuerySet[Order] = asked.qs
    if tab == "all":
        return asked.narrowed(rows, are_many=are_many)
    if tab == ARCHIVED:
        rows = rows.filter(closed_at__isnull=False, archived_at__isnull=False)
        return asked.narrowed(rows, ARCHIVED, are_many=are_many)
    if tab in ENDED:
        rows = rows.filter(state=tab, closed_at__isnull=False, archived_at=None)
        return asked.narrowed(rows, tab, are_many=are_many)
    rows = rows.filter(closed_at=None)
    if tab == "late":
        rows = rows.filter(is_overdue(now))
    elif tab != "open":
        rows = rows.filter(state=tab)
    return asked.narrowed(rows, OPEN)


def may_sort(tab: str, key: str, tally: Tally) -> bool:
    """Whether the list may be put in this order: any that there is where they are counted, else what an index keeps.

    What stands in no column of somebody's, no order may betray either: `ordered` is given their columns.
    """
    return bool(BY_KEY[key].sort) and (not tally.is_more or key in QUICK.get(tab, ()) or key == "number")


def ordered(
    rows: QuerySet[Order], tab: str, sort: str, tally: Tally, keys: Iterable[str]
) -> tuple[QuerySet[Order], str]:
    """Put in order as asked, `sort` a column's key, with `-` before it from the end; else open ones most urgent first,
    all others newest first. And the order that was taken, in the same words.
    """
    key = sort.removeprefix("-")
    if key in set(keys) and may_sort(tab, key, tally):
        sign = sort[: len(sort) - len(key)]
        by = [f"{sign}{BY_KEY[key].sort}", *([] if key == "number" else [f"{sign}order_no"])]
        return rows.order_by(*by), sort
    if tab == "all" or "step" not in set(keys):
        return rows.order_by("-order_no"), "-number"
    if tab in OVER:
        return rows.order_by("-closed_at", "-order_no"), "-closed"
    return rows.order_by("step_due", "order_no"), "step"


class Pages(Paginator):  # type: ignore[type-arg]
    """Pages of a list whose length is known from its tab; what lies beyond what was counted is narrowed, or exported."""

    def __init__(self, rows: QuerySet[Order], size: int, tally: Tally) -> None:
        super().__init__(rows, size)
        self.tally = tally

    @cached_property
    def count(self) -> int:
        return self.tally.n


def heads(keys: list[str], tab: str, taken: str, tally: Tally) -> list[dict[str, Any]]:
    """The columns' heads: title, the order that a click asks for, and how the list stands by it now."""
    found = []
    for key in keys:
        now = {key: "ascending", f"-{key}": "descending"}.get(taken, "")
        asks = f"-{key}" if now == "ascending" else key
        sortable = may_sort(tab, key, tally)
        found.append({"key": key, "title": BY_KEY[key].title, "asks": asks if sortable else "", "stands": now})
    return found
