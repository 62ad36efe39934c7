"""The working calendar in words, and which open orders a change of it would move."""

from __future__ import annotations

from copy import copy
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Q

from haochaping.console import queries as console
from haochaping.kit import clock
from haochaping.kit.workdays import holiday_name
from haochaping.policy import queries
from haochaping.rectification.effects import Rulebook, set_clocks
from haochaping.rectification.queries import orders_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import Order

WEEKDAYS = "一二三四五六日"
COUNT_MOST = 5000  # orders that are computed again for a preview


class Span(NamedTuple):
    """Days in a row that are off, or worked at a weekend."""

    name: str
    first: date
    last: date
    is_workday: bool
    source: str

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def said(self) -> str:
        return day_words(self.first) + (f"至{day_words(self.last)}" if self.last != self.first else "")


class Moved(NamedTuple):
    """How many open orders get another limit; `is_all` is False where there are too many to compute."""

    n: int
    is_all: bool


def day_words(day: date) -> str:
    return f"{day.month}月{day.day}日（周{WEEKDAYS[day.weekday()]}）"


def spans(area: str, year: int) -> list[Span]:
    """The days of a year that are not as the plain week has them, joined where they follow each other."""
    calendar, rows = queries.calendar(area), {row.day: row for row in queries.days_for(area, year)}
    found: list[Span] = []
    for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        day = date(year, 1, 1) + timedelta(days=n)
        row, works = rows.get(day), calendar.is_workday(day)
        name = row.name if row else holiday_name(day)
        is_plain = works == (day.weekday() < 5)
        if is_plain and (not name or works):
            continue
        source = _source(row.region, row.source) if row else ""
        if (
            found
            and (found[-1].name, found[-1].is_workday, found[-1].source) == (name, works, source)
            and found[-1].last == day - timedelta(days=1)
        ):
            found[-1] = Span(name or found[-1].name, found[-1].first, day, works, source)
        else:
            found.append(Span(name or ("上班" if works else "放假"), day, day, works, source))
    return found


def _source(region: str, source: str) -> str:
    return f"{console.area_name(region)}：{source}" if region else source


def workdays_by_month(area: str, year: int) -> list[int]:
    calendar = queries.calendar(area)
    counts = [0] * 12
    for n in range((date(year + 1, 1, 1) - date(year, 1, 1)).days):
        day = date(year, 1, 1) + timedelta(days=n)
        counts[day.month - 1] += calendar.is_workday(day)
    return counts


def moved(
    region: str, changes: Mapping[date, bool | None], actor: Actor, *, announced: frozenset[int] = frozenset()
) -> Moved:
    """How many open orders of the region, as far as this person sees them, would get another limit."""
    if not changes:
        return Moved(0, is_all=True)
    first, last = (_midnight(day) for day in (min(changes), max(changes)))
    reached = Q(dispatch_day__lt=max(changes)) | Q(step_since__lt=last + timedelta(days=1))
    counting = Q(answer_due__gt=first, answered_at=None) | Q(step_due__gt=first)
    orders = orders_for(actor).filter(reached & counting, closed_at=None, is_probe=False, area_path__startswith=region)
    n = seen = 0
    for seen, order in enumerate(orders.order_by("answer_due", "id")[: COUNT_MOST + 1], 1):
        if seen > COUNT_MOST:
            break
        n += _moves(order, region, changes, announced)
    return Moved(n, is_all=seen <= COUNT_MOST)


def _moves(order: Order, region: str, changes: Mapping[date, bool | None], announced: frozenset[int]) -> bool:
    policy = queries.policy_at(order.rules_area, order.dispatch_day)
    calendars = (queries.calendar(order.area_path), queries.calendar_if(order.area_path, region, changes, announced))
    return len({_limits(order, Rulebook(policy, calendar)) for calendar in calendars}) > 1


def _limits(order: Order, rules: Rulebook) -> tuple[datetime, datetime | None]:
    again = copy(order)
    set_clocks(again, rules, anew=True)
    return again.answer_due, again.step_due


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=clock.CHINA)
