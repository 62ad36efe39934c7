"""What somebody has set up for themselves, read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, TextField, Value
from django.db.models.functions import Cast

from haochaping.console.columns import chosen
from haochaping.console.commands import LIST
from haochaping.console.lists import SIZES
from haochaping.console.models import Preference, SavedFilter
from haochaping.console.rules import PER_PAGE
from haochaping.rectification.sight import view_in_lists

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor


@dataclass(frozen=True)
class Saved:
    """A filter under a name of one's own."""

    pk: int
    name: str
    query: str
    is_default: bool


@dataclass(frozen=True)
class Own:
    """How somebody has set up the list of orders: filters, the usual one first; lines of a page; columns behind the fixed ones."""

    saved: list[Saved]
    size: int
    columns: list[str]


def own(actor: Actor) -> Own:
    """One query."""
    filters = SavedFilter.objects.filter(person_id=actor.id, page="orders").values_list(
        "pk", "name", "query", "is_default"
    )
    lists = Preference.objects.filter(person_id=actor.id, key=LIST).values_list(
        "pk", Value(""), Cast("value", TextField()), Value(value=False, output_field=BooleanField())
    )
    rows = [Saved(*row) for row in filters.union(lists, all=True)]
    kept: dict[str, Any] = next((json.loads(row.query) for row in rows if not row.name), {})
    saved = sorted((row for row in rows if row.name), key=lambda row: (not row.is_default, row.name))
    size = kept.get("size")
    return Own(saved, size if size in SIZES else PER_PAGE, chosen(kept.get("columns"), view_in_lists(actor)))


def saved(actor: Actor, page: str) -> list[Saved]:
    """The questions that somebody keeps for a page, by name."""
    rows = SavedFilter.objects.filter(person_id=actor.id, page=page).order_by("name")
    return [Saved(*row) for row in rows.values_list("pk", "name", "query", "is_default")]
