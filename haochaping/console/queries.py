"""What somebody has before them: their place in words, what is due, late and changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Count, Exists, OuterRef, Q

from haochaping.accounts.rules import Role
from haochaping.analytics.reports import queries as reports
from haochaping.console import rules
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.kept import OLD, backlog
from haochaping.evaluation.models import Evaluation
from haochaping.kit import clock
from haochaping.messaging.rules import ASKING
from haochaping.policy.queries import calendar, policy_at
from haochaping.policy.queries import rules as rules_of_packs
from haochaping.rectification.briefs.queries import briefs_for
from haochaping.rectification.models import Move
from haochaping.rectification.queries import is_overdue, orders_for, shares_owed
from haochaping.rectification.rules import STATE_NAMES, State
from haochaping.rectification.sight import View, view_of
from haochaping.rectification.standing import reviewable_by
from haochaping.rectification.workflow import PART_NAMES, VERB_NAMES, Part

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor, Scope
    from haochaping.messaging.models import Message
    from haochaping.rectification.models import Order
    from haochaping.rectification.queries import Share

S = State
OPEN = [state for state in State if state.is_open]
# What each role has to do with an order: the states in which it waits for them, in the order of the page.
WAITING = {
    Role.HANDLER: (S.DISPATCHED, S.VERIFYING, S.RECTIFYING),
    Role.OPERATOR: (S.CALLBACK,),
    Role.SUPERVISOR: (S.ARBITRATING, S.REVIEWING),
    Role.CITY: (S.ARBITRATING, S.REVIEWING),
    Role.REVIEWER: (S.APPEALING,),
}
DUTY_TITLES = {
    S.ARBITRATING: "待裁定责任单位",
    S.DISPATCHED: "待签收",
    S.VERIFYING: "待核实",
    S.RECTIFYING: "待整改",
    S.REVIEWING: "待审核",
    S.APPEALING: "待复核申诉",
    S.CALLBACK: "待回访",
}
NEWS = timedelta(days=3)
NEWS_LINES = 6
SOON = 10  # lines of the list of what is due next


def area_name(prefix: str) -> str:
    """An area prefix in words: 全国, 江苏省, 江苏省南京市."""
    if not prefix:
        return "全国"
    known = snapshot()
    return "".join(known.region_names(prefix.ljust(12, "0"))) or prefix


def scope_words(actor: Actor) -> str:
    """Where somebody works, in words: organs by name, areas by name, windows by code."""
    known = snapshot()
    words = []
    for scope in actor.scopes:
        if scope.window:
            window = known.windows.get(scope.window)
            words.append(window.name if window else scope.window)
        elif scope.organ:
            organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2])
            words.append(organ.name if organ else scope.organ)
        elif scope.area:
            words.append(area_name(scope.area))
    return "、".join(dict.fromkeys(words))


def reach_words(scope: Scope) -> str:
    """One scope in words, all its parts: 江苏省南京市，南京市市场监督管理局及下属, A01 综合窗口."""
    known, words = snapshot(), []
    if scope.area:
        words.append(area_name(scope.area))
    if scope.organ:
        organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2])
        words.append(f"{organ.name if organ else scope.organ}及下属单位")
    if scope.window:
        window = known.windows.get(scope.window)
        words.append(f"{window.name} {scope.window}" if window else scope.window)
    return "，".join(words) or "不限"


@dataclass(frozen=True)
class Duty:
    """A tile of the workbench: how many orders, and where to see them."""

    title: str
    n: int
    query: str
    kind: str = ""  # late | none | ""
    hint: str = ""
    page: str = "orders"  # the list where to see them
    anchor: str = ""  # where they stand on the workbench itself


@dataclass(frozen=True)
class News:
    """Somebody else did something with an order that one works on."""

    order_no: str
    item_name: str
    words: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Desk:
    """The workbench of somebody who works on orders."""

    duties: list[Duty]
    next_due: list[Order]
    news: list[News]
    title: str
    shares: list[Share]


def desk(actor: Actor, now: datetime) -> Desk:
    """What waits for this person, what is late, what changed in the last days: three queries however much there is."""
    states, is_mine = _states_of(actor), waits_for(actor, now)
    orders = orders_for(actor)
    soon = end_of_next_workday(now)
    supervises = actor.has(Role.SUPERVISOR, Role.CITY)
    overdue = is_overdue(now) if supervises else is_overdue(now) & is_mine
    asks = Q(state=S.RECTIFYING, extension_asked__isnull=False)
    counts = orders.filter(closed_at=None).aggregate(  # what waits is open: few among all there ever were
        **{str(state): Count("id", filter=Q(state=state) & is_mine) for state in states},
        late=Count("id", filter=overdue),
        soon=Count("id", filter=is_mine & Q(step_due__gt=now, step_due__lte=soon)),
        asks=Count("id", filter=asks),
    )
    duties = [
        _duty(DUTY_TITLES[state], counts[str(state)], **({"mine": "true"} if state is S.APPEALING else {}), state=state)
        for state in states
    ]
    if _arbitrates(actor, now):
        n = orders.filter(is_mine, state=S.ARBITRATING).count()
        duties.append(_duty(DUTY_TITLES[S.ARBITRATING], n, state=S.ARBITRATING))
    shares = shares_owed(actor) if actor.has(Role.HANDLER) else []
    if shares:
        late = any(share.part.due <= now for share in shares)
        duties.append(Duty("待提交协办情况", len(shares), "", "late" if late else "", anchor="shares"))
    if supervises:
        duties.append(_duty("延期待批", counts["asks"], extension="true"))
    if not actor.has(Role.REVIEWER, Role.OPERATOR):
        duties.append(_duty("一个工作日内到期", counts["soon"], due="soon"))
    duties.append(_duty("已超期", counts["late"], kind="late", **({} if supervises else {"mine": "true"}), due="late"))
    if supervises:
        instructed = briefs_for(actor).filter(state="approved").count()
        waiting_reports = reports.waiting_for(actor)
        duties += [Duty("报告待审批", waiting_reports, "state=submitted", page="reports")] if waiting_reports else []
        duties += [Duty("专报已批示待归档", instructed, "state=approved", page="briefs")] if instructed else []
    if actor.has(*rules.MAY_OPEN["repair"]):
        duties += _repairs(actor, now)
    waiting = is_mine | asks if supervises else is_mine
    next_due = list(orders.filter(waiting).order_by("step_due", "order_no")[:SOON])
    title = "待回访名单" if states == [S.CALLBACK] else "最先到期"
    return Desk(duties, next_due, news(actor, now), title, shares)


def _states_of(actor: Actor) -> list[State]:
    """The states in which an order waits for somebody with these roles, in the order of the page."""
    return list(dict.fromkeys(s for role, mine in WAITING.items() if role in actor.roles for s in mine))


def waits_for(actor: Actor, now: datetime) -> Q:
    """Of the orders somebody sees, those that wait for them. An appeal waits only for who may rule on it."""
    states = _states_of(actor)
    found = Q(state__in=[state for state in states if state is not S.APPEALING])
    if S.APPEALING in states:
        appeals = Q(state=S.APPEALING) & reviewable_by(actor)
        if len(actor.roles) > 1:  # seen by another role, an order is not theirs to rule on
            scopes = actor.scopes_as(Role.REVIEWER)
            here = replace(actor, scopes=scopes, roles=frozenset({Role.REVIEWER}))
            appeals &= Q(pk__in=orders_for(here).filter(state=S.APPEALING).values("pk"))
        found |= appeals
    return found | Q(state=S.ARBITRATING, route="hotline") if _arbitrates(actor, now) else found


def _arbitrates(actor: Actor, now: datetime) -> bool:
    """Whether this operator hands out orders, and has no other role that does."""
    return actor.has(Role.OPERATOR) and S.ARBITRATING not in _states_of(actor) and _dispatches(actor, now)


def _dispatches(actor: Actor, now: datetime) -> bool:
    """Whether 12345 hands out the orders of one of this operator's places (founding/2 item 13)."""
    areas, day = {scope.area for scope in actor.scopes_as(Role.OPERATOR)}, clock.day(now)
    packs = {rule.region for rule in rules_of_packs() if rule.valid_from <= day and not is_probe_area(rule.region)}
    return any(
        policy_at(region, day).dispatch.route == "hotline"
        for region in packs
        if any(region.startswith(area) or area.startswith(region) for area in areas)
    )


def _repairs(actor: Actor, now: datetime) -> list[Duty]:
    """What was refused or waits, and how old it has grown."""
    found = backlog(actor, now)
    old = [f"{found.rejected_old}条超过{OLD.days}天" if found.rejected_old else "",
           f"{found.waiting_old}条超过{OLD.days}天" if found.waiting_old else ""]  # fmt: skip
    return [
        Duty(
            "异常数据待处理",
            found.rejected,
            "",
            "late" if found.rejected_old else "" if found.rejected else "none",
            old[0],
            "repair",
        ),
        Duty(
            "评价等待办件信息",
            found.waiting,
            "tab=waiting",
            "late" if found.waiting_old else "" if found.waiting else "none",
            old[1],
            "repair",
        ),
    ]


def _duty(title: str, n: int, *, kind: str = "", **query: str) -> Duty:
    return Duty(title, n, urlencode(query), kind if n else "none")


def end_of_next_workday(now: datetime) -> datetime:
    """24:00 in China of the next working day: what falls due before then is urgent."""
    last = calendar().add_workdays(clock.day(now), 1)
    start = clock.parse_wire(f"{last} 00:00:00")
    return start + timedelta(days=1)


def news(actor: Actor, now: datetime) -> list[News]:
    """What others last did in these days with each open order this person sees. Shown as days: a moment may betray a rater."""
    seen = orders_for(actor).filter(closed_at=None)
    moves = (
        Move.objects.filter(at__gte=now - NEWS, at__lte=now, order_id__in=seen.values("id"))
        .exclude(actor_id=actor.id, actor_kind=actor.kind)
        .exclude(verb__in=("open", "note"))
        .order_by("-at", "-n")[: NEWS_LINES * 10]
    )
    newest = {move.order_id: move for move in reversed(moves)}
    found = sorted(newest.values(), key=lambda move: move.at, reverse=True)[:NEWS_LINES]
    orders = {order.id: order for order in seen.filter(id__in={move.order_id for move in found})}
    return [
        News(
            orders[move.order_id].order_no,
            orders[move.order_id].item_name,
            VERB_NAMES.get(move.verb, move.verb)
            + (f"，转入{STATE_NAMES[State(move.target)]}" if move.source != move.target else ""),
            move.actor_name if view_of(orders[move.order_id], actor) is View.WHOLE else PART_NAMES[Part(move.by)],
            move.at,
        )
        for move in found
        if move.order_id in orders
    ]


def still_wanted(messages: QuerySet[Message]) -> QuerySet[Message]:
    """These messages without those that ask for a rating that was given meanwhile."""
    return messages.exclude(Exists(Evaluation.objects.filter(id=OuterRef("event_id"))), kind__in=ASKING)
