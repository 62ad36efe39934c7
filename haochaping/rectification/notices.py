"""Telling people at work what happens to an order: whom the table names, resolved to those who may see it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from haochaping.accounts.queries import Holder, holders
from haochaping.accounts.rules import Role
from haochaping.kit import clock
from haochaping.messaging.notices import Told, notify
from haochaping.rectification import audience
from haochaping.rectification.audience import Ear, Hears
from haochaping.rectification.facts import RATERS_OWN
from haochaping.rectification.models import OpenedTo, OrderPart
from haochaping.rectification.standing import dispatch_and_barred
from haochaping.rectification.workflow import Part, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from haochaping.rectification.models import Move, Order

    Finder = Callable[[frozenset[Role], str, str], list[Holder]]


def finder() -> Finder:
    """`holders`, asked once for each place: for a run over many orders."""

    @cache
    def find(roles: frozenset[Role], area: str, organ: str) -> list[Holder]:
        return holders(roles, area=area, organ=organ)

    return find


def tell(order: Order, move: Move) -> None:
    """Whoever must hear of this move is told, in the transaction of the move. Not the one who made it, nor a probe's."""
    hears = audience.of_move(move.verb, move.target, str(move.facts.get("to", "")))
    if hears is None or order.is_probe:
        return
    notify(of_move(order, move, hears, finder()), now=_half_day(move.at) if move.verb in RATERS_OWN else move.at)


def _half_day(moment: datetime) -> datetime:
    """When its half of the day began in China: of what a rater did themselves nothing keeps the minute for those rated."""
    there = moment.astimezone(clock.CHINA)
    return there.replace(hour=there.hour // 12 * 12, minute=0, second=0, microsecond=0)


def of_move(order: Order, move: Move, hears: Hears, find: Finder) -> list[Told]:
    since = move.at if Ear.NEW_CO_UNITS in hears.ears else None
    people = listeners(order, hears.ears, find, since=since)
    if move.verb == "open_to_clerk":
        opened = OpenedTo.objects.filter(order_id=order.pk).order_by("-at").values_list("person_id", flat=True)
        people |= set(opened[:1])
    if move.actor_kind == "person":
        people.discard(move.actor_id)
    return lines(order, hears, people, f"{order.pk.hex}:{move.n}")


def lines(order: Order, hears: Hears, people: Iterable[str], key: str, words: str = "") -> list[Told]:
    said = audience.text(words or hears.words, order.item_name, order.order_no)
    url = f"/console/orders/{order.order_no}/"
    return [Told(who, key, hears.kind, said, url, order.rules_area) for who in sorted(people)]


def listeners(order: Order, ears: Iterable[Ear], find: Finder, *, since: datetime | None = None) -> set[str]:
    """The people in these circles around the order. `since`: of the co-units those that got their share at that moment."""
    found: set[str] = set()
    for ear in ears:
        if ear is Ear.ACTING:
            found |= _acting(order, find)
        elif ear is Ear.HANDLER:
            found |= _nearest(_at(order, Part.HANDLER, find)) if order.organ_path else set()
        elif ear is Ear.SUPERVISOR:
            found |= _nearest(_at(order, Part.SUPERVISOR, find))
        elif ear is Ear.SUPERVISORS:
            found |= {one.person_id for one in _at(order, Part.SUPERVISOR, find)}
        elif ear is Ear.LEADERS:
            found |= {one.person_id for one in find(frozenset({Role.LEADER}), order.area_path, order.organ_path)}
        elif ear in {Ear.CO_UNITS, Ear.NEW_CO_UNITS}:
            parts = OrderPart.objects.filter(order_id=order.pk, done_at=None)
            if ear is Ear.NEW_CO_UNITS and since is not None:
                parts = parts.filter(since=since)
            for part in parts:
                found |= of_share(part, find)
    return found


def of_share(part: OrderPart, find: Finder) -> set[str]:
    """The handlers of the co-unit that owes it."""
    return _nearest(find(audience.ROLES[Part.HANDLER], part.area_path, part.organ_path))


def _acting(order: Order, find: Finder) -> set[str]:
    state = State(order.state)
    if not state.is_open or (state is State.CALLBACK and not (order.real_name or order.sampled)):
        return set()
    part = audience.ACTING[state]
    if part is Part.HANDLER and not order.organ_path:
        return set()
    around = _at(order, part, find)
    if part is Part.REVIEWER:  # decided by people of another organ, and by none who ruled or appealed before
        _, barred = dispatch_and_barred(order)
        around = [one for one in around if one.person_id not in barred and not _is_of(one, order.organ_path)]
    found = _nearest(around)
    if part is Part.ARBITER and order.route == "hotline":
        found |= _nearest(_at(order, Part.OPERATOR, find))
    return found


def _at(order: Order, part: Part, find: Finder) -> list[Holder]:
    return find(audience.ROLES[part], order.area_path, order.organ_path)


def _nearest(around: list[Holder]) -> set[str]:
    """Those whose scope lies closest about the place: a county's own people before the city's, a unit's before its parent's."""
    closest = max(((len(one.scope.organ), len(one.scope.area)) for one in around), default=None)
    return {one.person_id for one in around if (len(one.scope.organ), len(one.scope.area)) == closest}


def _is_of(one: Holder, organ_path: str) -> bool:
    paths = {one.organ, one.scope.organ} - {""}
    return bool(organ_path) and any(organ_path.startswith(path) or path.startswith(organ_path) for path in paths)
