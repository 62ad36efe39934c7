"""By which words an order is found: what its page shows to everybody who sees it, masked, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, ExpressionWrapper, OuterRef, Q, Subquery

from haochaping.accounts.rules import Role
from haochaping.evaluation import queries as evaluation
from haochaping.kit.grams import grams, wanted
from haochaping.rectification import veil
from haochaping.rectification.models import Move, Order, OrderPart, OrderSearch
from haochaping.rectification.rules import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

SEARCHED = ("findings", "measures", "reply")  # facts of moves that those rated read too
NEWLY = frozenset(
    {*SEARCHED, "organ", "co_organs", "cause", "severity"}
)  # facts after which an order is found by something else
OPEN, ARCHIVED = "open", "archived"
AREAS = (4, 6)  # digits of a city's and a county's prefix
_NUMBER = re.compile(r"CP\d[\dA-Z-]*")  # how an order's number begins


def row(order: Order, words: str) -> dict[str, Any]:
    """The search row of a new order whose rater wrote `words`."""
    return {"id": order.id, "grams": _grams(order, words, (), shared=False)}


def note(order: Order, facts: Mapping[str, Any], *, stage: str) -> None:
    """After a move with these facts from `stage`: find the order by what it says now, if it says something else."""
    if NEWLY & set(facts) or stage != stage_of(order):
        index(order)


def stage_of(order: Order) -> str:
    """How far an order has come, as the tabs of the lists tell apart: open, its state once it has ended, archived."""
    return ARCHIVED if order.archived_at else OPEN if State(order.state).is_open else order.state


def index(order: Order) -> None:
    """Find the order by what stands on it at this moment. The caller holds it locked."""
    told = Move.objects.filter(order_id=order.pk).values_list("facts", flat=True)
    said = [str(facts[name]) for facts in told for name in SEARCHED if facts.get(name)]
    OrderSearch.objects.update_or_create(
        id=order.pk, defaults={"grams": _grams(order, evaluation.words(order.pk), said, shared=True)}
    )


def forget_words(order_id: UUID) -> None:
    """The rater's words are gone: nobody finds the order by them any more. Call it in the transaction that erases them."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is not None:
        index(order)


def holding(
    orders: QuerySet[Order], text: str, marks: Iterable[str] = (), *, are_many: bool = False
) -> QuerySet[Order]:
    """Of these orders those that hold every word of the text; a word that begins as an order's number is one's beginning.

    `marks` repeat what `orders` are narrowed by already, so that the index of words tells these from a million others.
    `are_many`: a page of them is sooner found by going through the orders as they come than by gathering all that hold it.
    """
    grams_: set[str] = set()
    for word in text.replace("\x00", " ").split():
        if _NUMBER.fullmatch(word.upper()):
            orders = orders.filter(order_no__startswith=word.upper())
        elif found := wanted(word):
            grams_ |= set(found)
        else:
            return orders.none()
    if not grams_:
        return orders
    holds = Q(grams__contains=sorted(grams_ | set(marks)))
    if not are_many:
        return orders.filter(pk__in=OrderSearch.objects.filter(holds).values("id"))
    own = OrderSearch.objects.filter(id=OuterRef("pk")).values(holds=ExpressionWrapper(holds, BooleanField()))
    return orders.filter(Subquery(own, output_field=BooleanField()))


def called(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """As `holding`, for those who may know of an order no more than its number and its item."""
    for word in text.replace("\x00", " ").split():
        orders = orders.filter(Q(order_no__startswith=word.upper()) | Q(item_name__icontains=word))
    return orders


def marks_of(
    *,
    stage: str = "",
    level: object = None,
    area: str = "",
    cause: str = "",
    severity: str = "",
    verdict: str = "",
    real_name: bool | None = None,
    organ: str = "",
) -> list[str]:
    """What an order's row in the index of words says besides words. `stage`: as `stage_of`. `area`: a prefix, of which only cities and counties have a mark."""
    values = {
        "stage": stage,
        "level": level,
        "area": area if len(area) in AREAS else "",
        "cause": cause,
        "severity": severity,
        "verdict": verdict,
        "real": real_name,
        "organ": organ,
    }
    return [f"#{name}={value}" for name, value in values.items() if value not in (None, "")]


def marks_for(actor: Actor) -> list[str]:
    """The mark that every order has which this actor sees, where one scope says it all; else none."""
    if len(actor.scopes) != 1 or actor.kind not in {"person", "app"} or actor.has(Role.CLERK):
        return []
    scope = actor.scopes[0]
    return marks_of(organ=scope.organ.strip("/").rpartition("/")[2]) if scope.organ else marks_of(area=scope.area)


def _places(organ_path: str, area_path: str) -> set[str]:
    marks = {mark for code in organ_path.strip("/").split("/") for mark in marks_of(organ=code)}
    return marks | {mark for length in AREAS for mark in marks_of(area=area_path[:length])}


def _grams(order: Order, words: str, said: Iterable[str], *, shared: bool) -> list[str]:
    names = ("level", "cause", "severity", "verdict", "real_name")
    marks = marks_of(stage=stage_of(order), **{name: getattr(order, name) for name in names})
    places = _places(order.organ_path, order.area_path)
    for path, area in (
        OrderPart.objects.filter(order_id=order.pk).values_list("organ_path", "area_path") if shared else ()
    ):
        places |= _places(path, area)  # a co-unit finds it too
    marks += sorted(places)
    return [*marks, *grams(order.item_name, order.organ_name, *(veil.masked(order, text) for text in (words, *said)))]
