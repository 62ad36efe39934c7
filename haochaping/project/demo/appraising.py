"""月度考核 in the made-up province: the newest month that has settled is published, this month is live, a unit appeals."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import commands, entering, objections, queries, rules
from haochaping.analytics.appraisal.models import Score
from haochaping.analytics.appraisal.rules import Kind
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.project.demo.home import Home
    from haochaping.project.demo.people import Cast

BASIS = "12345在线月度通报第{n}期"
REASON = "其中一件当天已电话答复评价人，系统登记晚了一天，应算按期；附通话记录。"
AHEAD = 12  # units of which the indices are entered


def make(home: Home, cast: Cast, now: datetime) -> None:
    """Repeatable: what stands there already is left alone."""
    city, second = cast.actors["city"], cast.actors["supervisor"]
    month = settled_month(clock.day(now))
    if queries.published(home.city, month) is not None:
        return
    for when in (month, clock.day(now).replace(day=1)):
        _enter(home.city, when, city, second, now)
    try:
        made = commands.submit(home.city, month, note="请核对", actor=city, now=now)
    except Refused:  # nobody was rated in a month that the demo does not reach
        return
    commands.publish(made.pk, actor=cast.actors["leader"], now=now)
    own = Score.objects.filter(appraisal=made, kind=Kind.ORGAN, subject=home.organ.code).first()
    if own is not None and cast.actors["rectifier"].has(Role.HANDLER):
        objections.appeal(own.pk, key="on_time_rate", reason=REASON, actor=cast.actors["rectifier"], now=now)


def settled_month(today: date) -> date:
    """The newest month whose data are all in."""
    month = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    is_settled = today > rules.last_day(month) + rules.SETTLED
    return month if is_settled else (month - timedelta(days=1)).replace(day=1)


def _enter(city: str, month: date, by: Actor, checked_by: Actor, now: datetime) -> None:
    """Scores of some units for every index that the pack names, checked but for one of this month."""
    random = Random(f"{city} {month}")  # noqa: S311
    things = entering.asked_in(city, month)
    made = [
        entering.enter(
            city, month, organ=organ, key=one.key, value="0" if one.is_count else f"{random.randint(820, 990) / 10}",
            basis=BASIS.format(n=month.month), actor=by, now=now,
        ).pk
        for organ in [*queries.organs_judged(city)][:AHEAD]
        for one in things
    ]  # fmt: skip
    is_running = month == clock.day(now).replace(day=1)
    if checked := made[:-1] if is_running else made:
        entering.confirm(checked, actor=checked_by, now=now)
