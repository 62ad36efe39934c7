"""督办: what somebody who supervises should look at among the open orders of their places. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import Case, Count, Exists, F, Min, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce, Least, Left

from haochaping.rectification.advance import late_parts
from haochaping.rectification.models import Move, Order, OrderPart
from haochaping.rectification.pressings import waits_for_check
from haochaping.rectification.queries import is_overdue, orders_for
from haochaping.rectification.rules import State
from haochaping.rectification.sight import is_rated_side, not_of_ones_own
from haochaping.rectification.workflow import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from haochaping.accounts.rules import Actor

PRESSED_WITHIN = timedelta(days=90)
LINES = 20  # organs and places, the worst first
OPEN = Q(closed_at=None)


class Concern(NamedTuple):
    """Something that a supervisor looks for, and how it is recognised."""

    title: str
    hint: str
    holds: Callable[[datetime, datetime], Q]  # now, and until when orders are foretold to be late


def _escalated_to(to: str) -> Q:
    return Q(
        Exists(
            Move.objects.filter(
                order_id=OuterRef("pk"), verb="escalate", facts__to=to, at__gte=OuterRef("overdue_since")
            )
        )
    )


def _urged_in_vain() -> Q:
    """After the last call for haste neither has the unit done anything nor has the order come to another state."""
    since = Move.objects.filter(order_id=OuterRef("order_id"), n__gt=OuterRef("n"))
    moved = since.filter(Q(by=Part.HANDLER) | ~Q(source=F("target")))
    urges = Move.objects.filter(order_id=OuterRef("pk"), verb="urge").exclude(Exists(moved))
    return OPEN & Q(urged__gt=0) & Q(Exists(urges))


def _came_back_twice() -> Q:
    earlier = Move.objects.filter(order_id=OuterRef("order_id"), verb="send_back", n__lt=OuterRef("n"))
    again = Move.objects.filter(order_id=OuterRef("pk"), verb="send_back").filter(Exists(earlier))
    return OPEN & (Q(returns__gte=2) | Q(Exists(again)))


def _pressed(now: datetime) -> Q:
    return Q(was_called=True, dispatch_day__gte=(now - PRESSED_WITHIN).date()) & Q(waits_for_check())


def _soon(now: datetime, until: datetime) -> Q:
    """In time still, and over a limit by then if nobody moves."""
    limits = Q(step_due__gt=now, step_due__lte=until) | Q(answered_at=None, answer_due__gt=now, answer_due__lte=until)
    return OPEN & limits & ~is_overdue(now)


CONCERNS = {
    "late": Concern("已超期", "有一步或答复已过期限", lambda now, _: is_overdue(now)),
    "soon": Concern("即将超期", "到下一个工作日结束还不动就会超期", _soon),
    "supervisor": Concern("已上报督办", "超期后系统上报督办，仍未办", lambda *_: OPEN & Q(escalated__gt=0) & _escalated_to("supervisor")),
    "leader": Concern("已上报领导", "超期后系统上报领导，仍未办", lambda *_: OPEN & Q(escalated__gt=0) & _escalated_to("leader")),
    "urged": Concern("催办未动", "催办以后承办单位没有办过", lambda *_: _urged_in_vain()),
    "twice": Concern("两次退回", "退单两次，或整改两次被发回", lambda *_: _came_back_twice()),
    "unsatisfied": Concern("评价人不满意", "对整改不满意，正在重新整改", lambda *_: OPEN & Q(unsatisfied__gt=0)),
    "extension": Concern("延期待批", "承办单位申请延期，等您批", lambda *_: OPEN & Q(extension_asked__isnull=False)),
    "parts": Concern("协办超期", "协办单位超过自己的期限未提交", lambda now, _: OPEN & late_parts(now)),
    "convened": Concern("待协调会议", "已提请协调会议，还没有结论", lambda *_: Q(convened_at__isnull=False)),
    "pressed": Concern("疑似施压", "近90天回访时评价人说有人要求改评价，还没核实", lambda now, _: _pressed(now)),
}  # fmt: skip


@dataclass(frozen=True)
class Tally:
    """How many orders give one concern."""

    key: str
    concern: Concern
    n: int


@dataclass(frozen=True)
class LateStep:
    """What is late in one state: how many, by how much, since when the oldest."""

    state: State
    within_day: int
    within_week: int
    longer: int
    oldest: datetime

    @property
    def n(self) -> int:
        return self.within_day + self.within_week + self.longer


@dataclass(frozen=True)
class Group:
    """The open orders of one organ or place. `code` is the organ's, or the beginning of the place's."""

    code: str
    name: str
    open: int
    late: int
    soon: int
    unsatisfied: int
    urged: int


def concerns_of(actor: Actor) -> list[str]:
    """What this actor may be told of: what a rater said in confidence never goes to the side that was rated."""
    return [key for key in CONCERNS if key != "pressed" or not is_rated_side(actor)]


def giving(actor: Actor, key: str, now: datetime, until: datetime) -> QuerySet[Order]:
    """The orders that give this concern, most urgent first."""
    orders = not_of_ones_own(orders_for(actor), actor) if key == "pressed" else orders_for(actor)
    found = orders.filter(CONCERNS[key].holds(now, until))
    return found.order_by(F("step_due").asc(nulls_last=True), "order_no")


def tallies(actor: Actor, now: datetime, until: datetime) -> list[Tally]:
    """Each concern with its count; one query each."""
    return [Tally(key, CONCERNS[key], giving(actor, key, now, until).count()) for key in concerns_of(actor)]


def late_steps(actor: Actor, now: datetime) -> list[LateStep]:
    """What is late by the state in which it stands, in the order of the way; one query."""
    owed = Case(When(answered_at=None, then=F("answer_due")), default=F("step_due"))
    since = Coalesce("overdue_since", Least("step_due", owed))
    day, week = now - timedelta(days=1), now - timedelta(days=7)
    rows = {
        row["state"]: row
        for row in orders_for(actor)
        .filter(is_overdue(now))
        .order_by()
        .annotate(late_since=since)
        .values("state")
        .annotate(
            within_day=Count("pk", filter=Q(late_since__gt=day)),
            within_week=Count("pk", filter=Q(late_since__lte=day, late_since__gt=week)),
            longer=Count("pk", filter=Q(late_since__lte=week)),
            oldest=Min("late_since"),
        )
    }
    return [
        LateStep(state, **{name: rows[state][name] for name in ("within_day", "within_week", "longer", "oldest")})
        for state in State
        if state in rows
    ]


def by_organ(actor: Actor, now: datetime, until: datetime) -> list[Group]:
    """The organs with the most late orders, those without anything to look at left out; one query."""
    return _groups(
        orders_for(actor).exclude(organ_code="").values(code=F("organ_code"), name=F("organ_name")), now, until
    )


def by_place(actor: Actor, now: datetime, until: datetime, digits: int) -> list[Group]:
    """The same by the first `digits` of the area; their names are the caller's to say."""
    return _groups(orders_for(actor).values(code=Left("area_path", digits)), now, until)


def _groups(orders: QuerySet[Order, Any], now: datetime, until: datetime) -> list[Group]:
    rows = (
        orders.filter(OPEN)
        .order_by()
        .annotate(
            n=Count("pk"),
            late=Count("pk", filter=is_overdue(now)),
            soon=Count("pk", filter=_soon(now, until)),
            bad=Count("pk", filter=Q(unsatisfied__gt=0)),
            calls=Count("pk", filter=Q(urged__gt=0)),
        )
        .filter(Q(late__gt=0) | Q(soon__gt=0) | Q(bad__gt=0) | Q(calls__gt=0))
        .order_by("-late", "-soon", "-n")[:LINES]
    )
    return [
        Group(row["code"], row.get("name", ""), row["n"], row["late"], row["soon"], row["bad"], row["calls"])
        for row in rows
    ]


@dataclass(frozen=True)
class Issue:
    """An order that waits for a coordination meeting: what is to be decided, who asked, who is in it."""

    order: Order
    text: str
    by: str
    co_units: tuple[str, ...]


@dataclass(frozen=True)
class Conclusion:
    """What a meeting decided about an order, beside what it was asked."""

    order: Order
    asked: str
    text: str
    by: str
    at: datetime


def issues(actor: Actor) -> dict[str, list[Issue]]:
    """议题清单: the orders that wait for a meeting, by the organ that answers, longest waiting first; three queries."""
    orders = list(orders_for(actor).filter(convened_at__isnull=False).order_by("convened_at", "order_no"))
    asked = _last(orders, "convene")
    units: dict[object, list[str]] = {}
    for part in OrderPart.objects.filter(order_id__in=[order.pk for order in orders]).order_by("n"):
        units.setdefault(part.order_id, []).append(part.organ_name)
    found: dict[str, list[Issue]] = {}
    for order in orders:
        move = asked.get(order.pk)
        issue = Issue(
            order, move.facts["text"] if move else "", move.actor_name if move else "", tuple(units.get(order.pk, ()))
        )
        found.setdefault(order.organ_name or "待裁定责任单位", []).append(issue)
    return found


def conclusions(actor: Actor, since: datetime, most: int = 50) -> list[Conclusion]:
    """What meetings have decided since then, newest first; three queries."""
    seen = orders_for(actor).filter(pk=OuterRef("order_id"))
    ends = list(Move.objects.filter(Exists(seen), verb="conclude", at__gte=since).order_by("-at", "-n")[:most])
    orders = orders_for(actor).in_bulk([move.order_id for move in ends])
    begins = list(Move.objects.filter(order_id__in=list(orders), verb="convene").order_by("n"))
    return [
        Conclusion(
            orders[end.order_id],
            next((m.facts["text"] for m in reversed(begins) if m.order_id == end.order_id and m.n < end.n), ""),
            end.facts["text"],
            end.actor_name,
            end.at,
        )
        for end in ends
        if end.order_id in orders
    ]


def _last(orders: list[Order], verb: str) -> dict[object, Move]:
    """The last move of this verb of each of these orders."""
    moves = Move.objects.filter(order_id__in=[order.pk for order in orders], verb=verb).order_by("n")
    return {move.order_id: move for move in moves}
