"""What a new pack would mean for real things: limits of bad ratings to come, orders under way, regions below."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from haochaping.console import queries as console
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.kit import clock
from haochaping.policy import queries
from haochaping.policy.rules import SEVERITY_NAMES, Severity
from haochaping.rectification.queries import orders_for
from haochaping.rectification.rules import State, answer_due, due_for, over

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haochaping.accounts.rules import Actor
    from haochaping.kit.workdays import Calendar, Deadline
    from haochaping.policy.rules import Policy

WEEKDAYS = "一二三四五六日"
LOOK_AHEAD = 400  # days in which the next holiday is looked for
FRIDAY = 4


class Clock(NamedTuple):
    """One limit of one example, by the old rules and by the new."""

    step: str
    old: str
    new: str

    @property
    def is_changed(self) -> bool:
        return self.old != self.new


class Example(NamedTuple):
    """A bad rating that is dispatched at some moment."""

    title: str
    clocks: tuple[Clock, ...]


class Below(NamedTuple):
    """Regions right below: those that follow, and those (at any depth) that have a pack of their own."""

    follow: list[str]
    own: list[str]


def examples(before: Policy, after: Policy, start: date, calendar: Calendar) -> list[Example]:
    """What a bad rating would have to keep to: one of the first day, one of a Friday afternoon, one before a holiday."""
    moments = {_at(start, 10): "生效当天上午派发"}
    friday = start + timedelta(days=(FRIDAY - start.weekday()) % 7)
    moments.setdefault(_at(friday, 16), "周五下午派发")
    if (last := last_workday_before_holiday(start, calendar)) is not None:
        moments.setdefault(_at(last, 11), "节假日前最后一个工作日派发")
    return [
        Example(f"{said(at)}，{title}", tuple(_clocks(before, after, at, calendar)))
        for at, title in sorted(moments.items())
    ]


def last_workday_before_holiday(start: date, calendar: Calendar) -> date | None:
    """The last day worked before the first weekday off after `start`; None where no holiday is announced."""
    last = start if calendar.is_workday(start) else None
    for n in range(1, LOOK_AHEAD):
        day = start + timedelta(days=n)
        if calendar.is_workday(day):
            last = day
        elif day.weekday() <= FRIDAY:
            return last
    return None


def _clocks(before: Policy, after: Policy, at: datetime, calendar: Calendar) -> Iterator[Clock]:
    for name, state in (("签收", State.DISPATCHED), ("核实（当时就签收的）", State.VERIFYING)):
        dues = [_step(state, at, policy, calendar) for policy in (before, after)]
        yield Clock(name, *dues)
    yield Clock("提出申诉", *(_said(over(at, policy.appeal.within.term, calendar)) for policy in (before, after)))
    for severity in Severity:
        dues = [_said(answer_due(severity, at, policy, calendar)) for policy in (before, after)]
        yield Clock(f"答复评价人（{SEVERITY_NAMES[severity]}）", *dues)


def _step(state: State, at: datetime, policy: Policy, calendar: Calendar) -> str:
    answer = answer_due(Severity.GENERAL, at, policy, calendar)
    due = due_for(state, Severity.GENERAL, at, policy, calendar, answer=answer)
    return _said(due) if due else "不限"


def _said(due: Deadline) -> str:
    """The last day, with its hour where it does not end with the day."""
    end = due.at.astimezone(clock.CHINA)
    hour = f"{end:%H:%M}前" if (end.hour, end.minute) != (0, 0) else ""
    return f"{_day(due.day)}{hour}" + ("（暂定）" if due.provisional else "")


def said(at: datetime) -> str:
    local = at.astimezone(clock.CHINA)
    return f"{_day(local.date())}{local.hour}时"


def _day(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日（周{WEEKDAYS[day.weekday()]}）"


def _at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=clock.CHINA)


def open_orders(region: str, actor: Actor) -> int:
    """How many open orders that this person sees have their rules from here: they keep those of their dispatch day."""
    orders = orders_for(actor).filter(closed_at=None, is_probe=False, rules_area__startswith=region)
    for own in _own_below(region, clock.today()):
        orders = orders.exclude(rules_area__startswith=own)
    return orders.count()


def below(region: str, day: date) -> Below:
    """Who would follow a new pack of the region on that day, and who would not."""
    own = _own_below(region, day)
    here = snapshot().region(region)
    children = [
        found
        for found in snapshot().regions.values()
        if here is not None and found.parent == here.code and not found.merged_into and not is_probe_area(found.path)
    ]
    follow = [found.name for found in sorted(children, key=lambda each: each.code) if found.path not in own]
    return Below(follow, [console.area_name(path) for path in own])


def _own_below(region: str, day: date) -> list[str]:
    return sorted(
        {
            rule.region
            for rule in queries.rules()
            if rule.region.startswith(region)
            and rule.region != region
            and not is_probe_area(rule.region)
            and rule.holds_on(day)
        }
    )
