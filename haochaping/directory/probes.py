"""Lists without what the probe made."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from haochaping.directory.rules import PROBE_AREA, is_probe_area

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from haochaping.accounts.rules import Actor

    M = TypeVar("M", bound=Model)


def without_probes(rows: QuerySet[M], actor: Actor) -> QuerySet[M]:
    """The rows outside the marked test region, by their `area_path`; all of them for who works in it."""
    if any(is_probe_area(scope.area) for scope in actor.scopes):
        return rows
    return rows.exclude(area_path__startswith=PROBE_AREA)
