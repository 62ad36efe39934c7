"""Who sees which orders, and how much of the rater: the door and the seal (design §1.3)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from haochaping.accounts.queries import visible
from haochaping.accounts.rules import ADMINISTRATORS, ONLOOKERS, Actor, Role, Scope
from haochaping.directory.queries import snapshot
from haochaping.evaluation.queries import is_withdrawn
from haochaping.kit.errors import Refused
from haochaping.rectification import workflow
from haochaping.rectification.models import OpenedTo, Order, OrderPart
from haochaping.rectification.workflow import Part

if TYPE_CHECKING:
    from collections.abc import Iterable

NOT_FOUND = Refused("not_found", 404, "没有这个工单。")
REVEAL = "reveal_identity"  # the audit trail's word for an opened seal
RATED = (Role.HANDLER, Role.CLERK)
CONFIDANTS = (Role.OPERATOR, Role.SUPERVISOR, Role.CITY, Role.LEADER)
SHARES_NAMED = 500  # shares of an actor's organs that a query lists by their orders


def _eyes(actor: Actor) -> Actor:
    """The actor without scopes of single windows: a clerk sees an order only when the unit opens it to them (design §1.3)."""
    return replace(actor, scopes=tuple(scope for scope in actor.scopes if not scope.window))


def orders_for(actor: Actor) -> QuerySet[Order]:
    """The orders an actor may see: those in their scopes, those their organ has a share in, a rater's own. No probe's."""
    if actor.kind == "citizen":
        return Order.objects.filter(pk=actor.id) if _is_uuid(actor.id) else Order.objects.none()
    orders = Order.objects.filter(is_probe=False)
    if not actor.is_system and actor.roles <= ADMINISTRATORS | {Role.CLERK}:
        return _with_opened(Order.objects.none(), orders, actor)
    if actor.is_system:
        return visible(orders, actor)
    seen = visible(orders, _eyes(actor))
    if Scope() in actor.scopes:
        return _with_opened(seen, orders, actor)
    shares = parts_for(actor).order_by()
    few = list(shares.values_list("order_id", flat=True).distinct()[: SHARES_NAMED + 1])
    if not few:
        return _with_opened(seen, orders, actor)
    # named one by one they let the database go by its indexes; an EXISTS beside an OR would make it read every order
    shared = Q(pk__in=few) if len(few) <= SHARES_NAMED else Exists(shares.filter(order_id=OuterRef("pk")))
    return _with_opened(seen | orders.filter(shared), orders, actor)


def _without_own_window(seen: QuerySet[Order], orders: QuerySet[Order], actor: Actor) -> QuerySet[Order]:
    """Without those at the windows where somebody is a clerk, unless another job of theirs than looking on is about them."""
    own = [scope.window for scope in actor.scopes_as(Role.CLERK) if scope.window]
    if not own:
        return seen
    at_work = tuple(scope for role, scope in actor.grants if role not in ONLOOKERS | {Role.CLERK})
    work = visible(orders, replace(actor, scopes=at_work)) if at_work else orders.none()
    return seen.exclude(window_code__in=own) | (seen & work)


def acting(actor: Actor) -> Actor:
    """Somebody who has work and besides looks on elsewhere, with their work alone: a list shows, finds and sorts all of its
    orders alike, and what one only looks on at is masked.
    """
    if actor.kind != "person" or not actor.grants or actor.roles <= ONLOOKERS | {Role.CLERK}:
        return actor
    grants = tuple((role, scope) for role, scope in actor.grants if role not in ONLOOKERS)
    scopes = tuple(dict.fromkeys(scope for _, scope in grants))
    return replace(actor, roles=frozenset(role for role, _ in grants), scopes=scopes, grants=grants)


def _with_opened(seen: QuerySet[Order], orders: QuerySet[Order], actor: Actor) -> QuerySet[Order]:
    """And those that a unit has opened to this clerk; of their own window no other."""
    if not actor.has(Role.CLERK):
        return seen
    seen = _without_own_window(seen, orders, actor)
    opened = OpenedTo.objects.filter(person_id=actor.id).values_list("order_id", flat=True)
    return seen | orders.filter(pk__in=list(opened))


def parts_for(actor: Actor) -> QuerySet[OrderPart]:
    """The shares in orders that fall to the actor's organs."""
    return visible(OrderPart.objects.all(), _eyes(actor))


def one_for(actor: Actor, order_id: UUID) -> Order:
    """That order, or Refused 404: what one may not see is not there."""
    order = orders_for(actor).filter(pk=order_id).first()
    if order is None:
        raise NOT_FOUND
    return order


def by_number(actor: Actor, order_no: str) -> Order:
    """The order of that number, or Refused 404."""
    order = orders_for(actor).filter(order_no=order_no.strip().upper()).first() if "\x00" not in order_no else None
    if order is None:
        raise NOT_FOUND
    return order


def parts_in(order: Order, actor: Actor) -> frozenset[Part]:
    """The parts an actor plays in this order. A co-unit only looks on: the lead handles it; who belongs to those rated
    plays no part in it but theirs, whatever else they are.
    """
    here = actor.over(area=order.area_path, organ=order.organ_path, window=order.window_code)
    parts = set(workflow.parts_of(here))
    if actor.kind == "person" and Part.CLERK in parts and not _is_opened_to(order, actor):
        parts.discard(Part.CLERK)
    if actor.kind in {"person", "app"} and not visible(Order.objects.filter(pk=order.pk), _eyes(actor)).exists():
        parts &= {Part.CLERK}
    if order.route == "hotline" and Part.OPERATOR in parts:
        parts.add(Part.ARBITER)  # 12345 dispatches where the policy says so (founding/2 item 13)
    if actor.kind == "person" and is_at_home(order, actor):
        parts &= {Part.HANDLER, Part.CLERK}
    return frozenset(parts)


def _is_opened_to(order: Order, actor: Actor) -> bool:
    return OpenedTo.objects.filter(order_id=order.pk, person_id=actor.id).exists()


class View(StrEnum):
    """How much of an order somebody is shown."""

    WHOLE = "whole"  # as far as the seal allows
    MASKED = "masked"  # to who only looks on: no rater, no case, no staff, days instead of moments
    OPENED = "opened"  # to a clerk: item, window, day and masked words, and what passed between the unit and them


def view_of(order: Order, actor: Actor) -> View:
    """By the roles that somebody holds where the order lies; elsewhere (a share in it) by all of theirs."""
    if actor.kind != "person":
        return View.WHOLE
    here = actor.over(area=order.area_path, organ=order.organ_path, window=order.window_code).roles or actor.roles
    if here <= ONLOOKERS:
        return View.MASKED
    return View.OPENED if here <= ONLOOKERS | {Role.CLERK} else View.WHOLE


def view_in_lists(actor: Actor) -> View:
    """How much of the orders in a list somebody may see, filter and search, by all their roles."""
    if actor.kind != "person" or not actor.roles <= ONLOOKERS | {Role.CLERK}:
        return View.WHOLE
    return View.MASKED if actor.roles <= ONLOOKERS else View.OPENED


def looks_on(actor: Actor) -> bool:
    """Whether somebody only ever looks on, wherever: every page of theirs is read-only."""
    return actor.kind == "person" and bool(actor.roles) and actor.roles <= ONLOOKERS


def may_see_files(order: Order, actor: Actor) -> bool:
    """Whether what is attached to an order is for these eyes: nothing attached is public."""
    return view_of(order, actor) is View.WHOLE


def is_rated_side(actor: Actor) -> bool:
    """Whether an actor stands with those who were rated: a unit's own people and systems, whatever else they are."""
    if actor.is_system or actor.kind == "citizen":
        return False
    return actor.kind == "app" or actor.has(*RATED) or all(scope.organ for scope in actor.scopes)


def is_at_home(order: Order, actor: Actor) -> bool:
    """Whether somebody belongs to the unit that was rated, to one below it, or to one that has a share in the order.

    Who belongs to a unit above it supervises it.
    """
    if not actor.organ:
        return False
    window = snapshot().windows.get(order.window_code)
    served = snapshot().organs.get(window.organ) if window else None
    shared = OrderPart.objects.filter(order_id=order.pk).values_list("organ_path", flat=True)
    paths = [order.organ_path, served.path if served else "", *shared]
    return any(path and actor.organ.startswith(path) for path in paths)


def is_rated_side_of(order: Order, actor: Actor) -> bool:
    """Whether an actor stands with those rated in this order: by their roles, or because they belong to the unit."""
    return is_rated_side(actor) or (actor.kind == "person" and is_at_home(order, actor))


def not_of_ones_own(orders: QuerySet[Order], actor: Actor) -> QuerySet[Order]:
    """Of these orders those whose rated unit is not one's own, as `is_at_home` has it, nor a share's."""
    if not actor.organ:
        return orders
    codes = actor.organ.strip("/").split("/")
    own = ["/" + "/".join(codes[:n]) + "/" for n in range(1, len(codes) + 1)]
    shared = OrderPart.objects.filter(order_id=OuterRef("pk"))
    return orders.exclude(organ_path__in=own).exclude(Exists(shared.filter(organ_path__in=own)))


def may_read_confidence(order: Order, actor: Actor) -> bool:
    """Who reads what an operator was told or noted in confidence: those who call and those who supervise, never those rated
    (with or without consent), nor who decides an appeal or only looks on.
    """
    if actor.is_system:
        return True
    here = actor.over(area=order.area_path, organ=order.organ_path, window=order.window_code)
    return here.has(*CONFIDANTS) and not is_rated_side_of(order, actor)


def is_opened(order: Order) -> bool:
    """Whether the rater consented that the department sees them, and has not withdrawn who they are."""
    return order.opens_identity and not is_withdrawn(order.pk)


def may_see_case(order: Order, actor: Actor) -> bool:
    """Case number and exact time (design §1.3): never the rated side while sealed; else those whose job needs them."""
    if is_rated_side_of(order, actor):
        return is_opened(order) and not actor.roles <= {Role.CLERK}
    return bool(workflow.parts_of(actor))


def may_reveal(order: Order, actor: Actor) -> bool:
    """Whether this actor may ask for the rater's identity in clear."""
    parts = parts_in(order, actor)
    if is_rated_side_of(order, actor):
        return Part.HANDLER in parts and is_opened(order)
    return bool(parts & {Part.OPERATOR, Part.SUPERVISOR})


def numbers_of(ids: Iterable[str]) -> dict[str, str]:
    """The order number of each of these ids that is an order's: for the audit trail, which names orders by their id."""
    wanted = [id_ for id_ in ids if _is_uuid(id_)]
    return {str(pk): number for pk, number in Order.objects.filter(pk__in=wanted).values_list("pk", "order_no")}


def id_of(order_no: str) -> str:
    """The id under which the audit trail speaks of an order; "" if there is none of that number."""
    found = Order.objects.filter(order_no=order_no).values_list("pk", flat=True).first()
    return str(found) if found else ""


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
