"""By which words an order is found: what its page shows to everybody who sees it, masked, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from haochaping.evaluation import queries as evaluation
from haochaping.kit.grams import grams, wanted
from haochaping.kit.masks import mask_text
from haochaping.rectification.models import Move, Order, OrderSearch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from django.db.models import QuerySet

SEARCHED = ("findings", "measures", "reply")  # facts of moves that those rated read too
NEWLY = frozenset({*SEARCHED, "organ"})  # facts after which an order is found by other words
_NUMBER = re.compile(r"CP\d[\dA-Z-]*")  # how an order's number begins


def row(order: Order, words: str) -> dict[str, Any]:
    """The search row of a new order whose rater wrote `words`."""
    return {"id": order.id, "grams": _grams(order, words, ())}


def note(order: Order, facts: Mapping[str, Any]) -> None:
    """After a move with these facts: find the order by what it says now, if it says something else."""
    if NEWLY & set(facts):
        index(order)


def index(order: Order) -> None:
    """Find the order by what stands on it at this moment. The caller holds it locked."""
    told = Move.objects.filter(order_id=order.pk).values_list("facts", flat=True)
    said = [str(facts[name]) for facts in told for name in SEARCHED if facts.get(name)]
    OrderSearch.objects.update_or_create(
        id=order.pk, defaults={"grams": _grams(order, evaluation.words(order.pk), said)}
    )


def forget_words(order_id: UUID) -> None:
    """The rater's words are gone: nobody finds the order by them any more. Call it in the transaction that erases them."""
    order = Order.objects.select_for_update().filter(pk=order_id).first()
    if order is not None:
        index(order)


def holding(orders: QuerySet[Order], text: str) -> QuerySet[Order]:
    """Of these orders those that hold every word of the text; a word that begins as an order's number is one's beginning."""
    for word in text.split():
        if _NUMBER.fullmatch(word.upper()):
            orders = orders.filter(order_no__startswith=word.upper())
        else:
            grams_ = wanted(word)
            found = OrderSearch.objects.filter(grams__contains=grams_) if grams_ else OrderSearch.objects.none()
            orders = orders.filter(pk__in=found.values("id"))
    return orders


def _grams(order: Order, words: str, said: Iterable[str]) -> list[str]:
    return grams(order.item_name, order.organ_name, mask_text(words), *(mask_text(text) for text in said))
