"""疑似施压: what was heard of pressure on raters, and what those who supervise found when they looked into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification import relay, veil
from haochaping.rectification.models import Move, Order, Pressing, PressingCheck
from haochaping.rectification.sight import by_number, is_rated_side, not_of_ones_own, orders_for

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from haochaping.accounts.rules import Actor

HEARS_OF_PRESSURE = (Role.SUPERVISOR, Role.CITY, Role.LEADER)
CHECKS = (Role.SUPERVISOR, Role.CITY)
RESULTS = {"confirmed": "查实有人施压", "unfounded": "没有查实", "unclear": "无法核实"}
MOST = 2000  # characters of what was found
NOT_THERE = Refused("not_found", 404, "没有这条反映。")


def may_hear_of_pressure(actor: Actor) -> bool:
    """Never those rated, whatever else they are: they could find out who complained of them."""
    return actor.has(*HEARS_OF_PRESSURE) and not is_rated_side(actor)


def pressings_for(actor: Actor) -> QuerySet[Pressing]:
    """What raters said of pressure in the orders that this actor sees, the newest first."""
    if not may_hear_of_pressure(actor):
        return Pressing.objects.none()
    others = not_of_ones_own(orders_for(actor), actor)
    return Pressing.objects.filter(order_id__in=others.values("pk")).order_by("-at", "-n")


def is_checked() -> Exists:
    """Of a row of `Pressing`: whether somebody has looked into it."""
    return Exists(PressingCheck.objects.filter(order_id=OuterRef("order_id"), n=OuterRef("n")))


def waits_for_check() -> Exists:
    """Of an order: whether something was said of pressure that nobody has looked into yet."""
    return Exists(Pressing.objects.filter(~is_checked(), order_id=OuterRef("pk")))


def one_for(actor: Actor, order_no: str, n: int) -> Pressing:
    """That report, or Refused 404: what one may not hear of is not there."""
    found = pressings_for(actor).filter(order_id=by_number(actor, order_no).pk, n=n).first()
    if found is None:
        raise NOT_THERE
    return found


def may_check(order: Order, actor: Actor) -> bool:
    """Whether this actor supervises where the order lies, and does not stand with those rated."""
    return may_hear_of_pressure(actor) and actor.over(area=order.area_path, organ=order.organ_path).has(*CHECKS)


def check(order_no: str, n: int, *, result: str, text: str, actor: Actor, now: datetime) -> PressingCheck:
    """登记核实结果: write down what was found; the last one counts, earlier ones stay to be read.

    Refused 404 out of sight, 403 for who does not supervise the order, 422 with the fields.
    """
    found = one_for(actor, order_no, n)
    if not may_check(Order.objects.get(pk=found.order_id), actor):
        raise Refused("not_your_part", 403, "核实结果由管辖该工单的督办人员或市级主管登记。")
    text, errors = text.replace("\x00", "").strip(), []
    if result not in RESULTS:
        errors.append(FieldError("result", "required", "请选择核实结果。"))
    if not text:
        errors.append(FieldError("text", "required", "请填写“核实情况”。"))
    elif len(text) > MOST:
        errors.append(FieldError("text", "too_long", f"“核实情况”最多 {MOST} 字，现有 {len(text)} 字。"))
    if errors:
        raise Refused("facts_refused", 422, "".join(error.message for error in errors), tuple(errors))
    with transaction.atomic():
        made = PressingCheck.objects.create(
            order_id=found.order_id, n=n, result=result, text=text, by_id=actor.id, by_name=actor.name, at=now
        )
        audit(actor, "check_pressing", str(found.order_id), now=now, facts={"n": n, "result": result})
    return made


@dataclass(frozen=True)
class Checked:
    """What somebody found, in words."""

    result: str
    text: str
    by: str
    at: datetime


@dataclass(frozen=True)
class Pressed:
    """A line of that list: the order, what the operator noted, and what was found, the newest first."""

    order: Order
    n: int
    at: datetime
    heard_by: str
    note: str
    checks: tuple[Checked, ...]
    may_check: bool


def pressed_lines(pressings: Iterable[Pressing], actor: Actor) -> list[Pressed]:
    """These reports with their orders, moves and checks, masked; as many queries however many."""
    rows = list(pressings)
    orders = Order.objects.in_bulk([row.order_id for row in rows])
    moves = {(m.order_id, m.n): m for m in Move.objects.filter(order_id__in=list(orders))}
    said = relay.reasons_of(orders)
    veil.lift(orders.values())
    found: dict[tuple[object, int], list[Checked]] = {}
    for each in PressingCheck.objects.filter(order_id__in=list(orders)).order_by("-at", "-pk"):
        checked = Checked(
            RESULTS[each.result], veil.masked(orders[each.order_id], each.text, of_staff=True), each.by_name, each.at
        )
        found.setdefault((each.order_id, each.n), []).append(checked)
    return [
        Pressed(
            order=orders[row.order_id],
            n=row.n,
            at=row.at,
            heard_by=move.actor_name,
            note=veil.masked(orders[row.order_id], move.facts.get("note") or said.get((row.order_id, row.n), "")),
            checks=tuple(found.get((row.order_id, row.n), ())),
            may_check=may_check(orders[row.order_id], actor),
        )
        for row in rows
        if row.order_id in orders and (move := moves.get((row.order_id, row.n)))
    ]
