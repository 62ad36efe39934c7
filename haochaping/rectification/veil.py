"""What was written about an order, without whoever rated and without the case, for every reader (design §1.3).

Only a reveal, with its reason and its line in the audit trail, shows who rated; no text ever does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.evaluation import queries as evaluation
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haochaping.rectification.models import Order

_KEPT = "_secrets"  # on the order in hand: opened once for a page


def lift(orders: Iterable[Order]) -> None:
    """Have the secrets of these orders ready: three queries for all of them."""
    bare = [order for order in orders if _KEPT not in order.__dict__]
    found = evaluation.secrets(order.pk for order in bare) if bare else {}
    for order in bare:
        order.__dict__[_KEPT] = found[order.pk]


def masked(order: Order, text: str, *, of_staff: bool = False) -> str:
    """The text without persons and without the case. `of_staff`: written at work, for whom the order stands open."""
    if not text:
        return ""
    return mask_text(text, secrets_of(order), of_staff=of_staff)


def secrets_of(order: Order) -> tuple[str, ...]:
    """As `evaluation.queries.secrets`, opened once for the order in hand."""
    lift([order])
    found: tuple[str, ...] = order.__dict__[_KEPT]
    return found
