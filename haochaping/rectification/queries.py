"""Reading work orders: who sees which, what they may do with them, and lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q, QuerySet

from haochaping.accounts.rules import area_prefix
from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.kit import clock
from haochaping.rectification import needs, sight, veil, workflow
from haochaping.rectification.effects import rulebook
from haochaping.rectification.facts import Event, brief, facts_for, last_day, timeline
from haochaping.rectification.models import Move, OpenedTo, Order
from haochaping.rectification.progress import PublicStep, public_progress
from haochaping.rectification.search import OPEN, holding, marks_of
from haochaping.rectification.sight import (
    NOT_FOUND,
    REVEAL,
    by_number,
    is_rated_side,
    is_rated_side_of,
    may_reveal,
    may_see_case,
    one_for,
    orders_for,
    parts_for,
    parts_in,
)
from haochaping.rectification.standing import standing_of
from haochaping.rectification.workflow import Line, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import OrderPart

__all__ = [
    "NOT_FOUND", "REVEAL", "Event", "FollowedUp", "Offer", "Opened", "PublicStep", "Share", "brief", "by_number", "counts_by_state", "facts_for",
    "followed_up", "is_overdue", "is_rated_side", "is_rated_side_of", "last_day", "may_reveal", "may_see_case", "may_see_others_of_rater", "moves_open_to",
    "narrow", "one_for", "opened_to", "orders_for", "organs_of", "parts_for", "parts_in", "public_progress", "same_item", "shares_owed",
    "timeline",
]  # fmt: skip


# What happened to some orders and not to others, by name.
FLAGS = {
    "reopened": Q(reopened__gt=0),
    "appealed": Q(appeals__gt=0),
    "extension": Q(state=State.RECTIFYING, extension_asked__isnull=False),
    "was_late": Q(was_late=True),
}


@dataclass(frozen=True)
class Offer:
    """A move that somebody may make now, ready to be drawn as a button or a form."""

    line: Line
    fields: tuple[needs.Field, ...]

    @property
    def verb(self) -> str:
        return self.line.verb

    @property
    def label(self) -> str:
        return self.line.label

    @property
    def is_final(self) -> bool:
        """Whether it cannot simply be taken back: a page asks again first."""
        return self.line.is_final


@dataclass(frozen=True)
class FollowedUp:
    """追评 as those who work on the order read it: the day, never the moment; masked, "" where nothing is left of it."""

    level: int
    day: date
    words: str


def followed_up(order: Order, actor: Actor) -> FollowedUp | None:
    """What the rater added later, for those who see the order whole; None where they added nothing."""
    if sight.view_of(order, actor) is not sight.View.WHOLE:
        return None
    found = evaluation.follow_up(order.pk)
    if found is None:
        return None
    return FollowedUp(found.level, clock.day(found.at), veil.masked(order, evaluation.follow_up_words(order.pk)))


def moves_open_to(order: Order, actor: Actor, now: datetime) -> list[Offer]:
    """The moves this actor may make with this order now, each with its inputs and the choices that hold for it."""
    parts = parts_in(order, actor)
    if not parts:
        return []
    standing = standing_of(order, actor, rulebook(order), now)
    offers = []
    for line in workflow.lines_open_to(State(order.state), parts, standing):
        offered: Mapping[str, needs.Choices] = standing.offered
        if asked := {"organ", "co_organs"} & {*line.needs, *line.may}:
            offered = {**offered, **dict.fromkeys(asked, organs_of(actor))}
        if line.verb == "contact" and not standing.opens_identity:
            offered = {**offered, "way": {k: v for k, v in needs.WAYS.items() if k not in needs.OPEN_WAYS}}
        offers.append(Offer(line, needs.fields_of(line.verb, line.needs, line.may, offered)))
    return offers


def organs_of(actor: Actor) -> dict[str, str]:
    """The organs to which this arbiter may give an order, by place and name."""
    scopes = [(scope.area, scope.organ) for scope in actor.scopes]
    organs = [
        organ
        for organ in snapshot().organs.values()
        if organ.is_active and any(organ.area.startswith(area) and organ.path.startswith(path) for area, path in scopes)
    ]
    return {organ.code: organ.name for organ in sorted(organs, key=lambda organ: (organ.area, organ.path))}


def narrow(
    orders: QuerySet[Order],
    *,
    now: datetime,
    state: str = "",
    overdue: bool = False,
    due_before: datetime | None = None,
    needs_call: bool = False,
    area: str = "",
    organ: str = "",
    level: int | None = None,
    start: date | None = None,
    end: date | None = None,
    text: str = "",
    cause: str = "",
    severity: str = "",
    verdict: str = "",
    item: str = "",
    route: str = "",
    real_name: bool | None = None,
    flags: Iterable[str] = (),
) -> QuerySet[Order]:
    """The orders that fit all that is given. `area` a code or prefix, `organ` a code, `start` and `end` dispatch days (both
    included), `text` words that it must hold or the beginning of its number; `open` as a state means all that are not ended,
    `flags` names of FLAGS.
    """
    if state == "open":
        orders = orders.filter(closed_at=None)
    elif state:
        orders = orders.filter(state=state)
    if overdue:
        orders = orders.filter(is_overdue(now))
    if due_before is not None:
        orders = orders.filter(closed_at=None, step_due__lte=due_before)
    if needs_call:
        orders = orders.filter(Q(real_name=True) | Q(sampled=True), state=State.CALLBACK)
    if area:
        orders = orders.filter(area_path__startswith=area_prefix(area))
    if organ:
        orders = orders.filter(organ_path__contains=f"/{organ}/")
    if level is not None:
        orders = orders.filter(level=level)
    if start is not None:
        orders = orders.filter(dispatch_day__gte=start)
    if end is not None:
        orders = orders.filter(dispatch_day__lte=end)
    if text.strip():
        stage = OPEN if state == "open" or (state and State(state).is_open) else ""  # ended may be archived or not
        orders = holding(orders, text, marks_of(stage=stage, level=level))
    exact = {"cause": cause, "severity": severity, "verdict": verdict, "task_code": item, "route": route}
    orders = orders.filter(**{name: value for name, value in exact.items() if value})
    if real_name is not None:
        orders = orders.filter(real_name=real_name)
    for flag in flags:
        orders = orders.filter(FLAGS[flag])
    return orders


@dataclass(frozen=True)
class Share:
    """A co-unit's share that is still owed."""

    part: OrderPart
    order: Order


def shares_owed(actor: Actor) -> list[Share]:
    """The shares in open orders that the actor's organs still owe, most urgent first; two queries."""
    parts = parts_for(actor).filter(done_at=None).order_by("due", "order_id", "n")
    open_ = Order.objects.filter(closed_at=None, is_probe=False, pk__in=parts.values("order_id")).in_bulk()
    return [Share(part, open_[part.order_id]) for part in parts if part.order_id in open_]


@dataclass(frozen=True)
class Opened:
    """An order that a unit opened to a clerk, and whether the clerk has said something about it."""

    order: Order
    at: datetime
    is_answered: bool


def opened_to(actor: Actor) -> list[Opened]:
    """The orders opened to this clerk: those without a statement first, newest first; three queries."""
    when = dict(OpenedTo.objects.filter(person_id=actor.id).values_list("order_id", "at"))
    orders = orders_for(actor).filter(pk__in=list(when))
    answered = set(
        Move.objects.filter(order_id__in=list(when), verb__in=("statement", "appeal"), actor_id=actor.id).values_list(
            "order_id", flat=True
        )
    )
    found = [Opened(order, when[order.pk], order.pk in answered) for order in orders]
    return sorted(found, key=lambda each: (not each.order.closed_at and not each.is_answered, each.at), reverse=True)


def same_item(order: Order, actor: Actor, most: int = 8) -> list[Order]:
    """The last orders about the same item that this actor may see, newest first, this one left out."""
    others = orders_for(actor).filter(task_code=order.task_code).exclude(pk=order.pk)
    found = list(others.order_by("-order_no")[:most])
    veil.lift(found)
    return found


def may_see_others_of_rater(order: Order, actor: Actor) -> bool:
    """Who may know that one person rated several times: those who may see the case, never the rated side."""
    return not is_rated_side_of(order, actor) and may_see_case(order, actor)


def is_overdue(now: datetime) -> Q:
    """Orders that miss a limit at this moment, whether the system has marked them yet or not."""
    owed = Q(answered_at=None, answer_due__lte=now)
    return Q(closed_at=None) & (Q(step_due__lte=now) | owed | Q(overdue_since__isnull=False))


def counts_by_state(orders: QuerySet[Order]) -> dict[State, int]:
    """How many of them stand in each state; states without any are there with 0."""
    counted = dict(orders.order_by().values_list("state").annotate(n=Count("pk")))
    return {state: counted.get(state, 0) for state in State}
