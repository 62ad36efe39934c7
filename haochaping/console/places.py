"""Choosing a hall or an area: what somebody may choose from, and what they typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.accounts.rules import Scope
from haochaping.console.filters import areas_of
from haochaping.console.queries import area_name
from haochaping.directory.queries import snapshot

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor

OFFERED_MOST = 500  # lines of a datalist; beyond that one types the code


def halls_of(actor: Actor) -> list[tuple[str, str]]:
    """The active halls in the actor's areas, code and name."""
    known = snapshot()
    prefixes = tuple(scope.area for scope in actor.scopes if not scope.organ and not scope.window)
    halls = sorted(known.halls.values(), key=lambda hall: (hall.area, hall.code))
    return [
        (hall.code, hall.name)
        for hall in halls
        if hall.is_active and prefixes and known.area_path(hall.area).startswith(prefixes)
    ]


def hall_of(typed: str) -> str:
    """The code of the hall that was typed by code or by its whole name; "" if there is none, or several of that name."""
    typed = typed.replace("\x00", "").strip()
    known = snapshot()
    if typed in known.halls:
        return typed
    named = [hall.code for hall in known.halls.values() if hall.name == typed and hall.is_active]
    return named[0] if len(named) == 1 else ""


def hall_name(code: str) -> str:
    hall = snapshot().halls.get(code)
    return hall.name if hall else code


def areas_worked_in(actor: Actor) -> set[str]:
    """The prefix of every area in which somebody works: of their scope, else of its organ, else of its window's hall."""
    known, found = snapshot(), set()
    for scope in actor.scopes:
        organ = known.organs.get(scope.organ.strip("/").rpartition("/")[2])
        window = known.windows.get(scope.window)
        hall = known.halls.get(window.hall) if window else None
        if scope.area or scope == Scope():
            found.add(scope.area)
        elif organ or hall:
            found.add(known.area_path(organ.area if organ else hall.area if hall else ""))
    return found


def works_near(actor: Actor, region: str) -> bool:
    """Whether a region lies in, above or below where somebody works: whose making of rules is their concern."""
    return any(area.startswith(region) or region.startswith(area) for area in areas_worked_in(actor))


def own_and_below(actor: Actor) -> set[str]:
    """The prefixes of where somebody works, and one step below."""
    return {scope.area for scope in actor.scopes} | {path for path, _ in areas_of(actor)}


def own_areas(actor: Actor) -> list[tuple[str, str]]:
    """The actor's own areas and those right below, by their twelve digits."""
    known = snapshot()
    own = [
        (known.region(scope.area), area_name(scope.area)) for scope in actor.scopes if scope.area and not scope.organ
    ]
    below = [(known.region(path), name) for path, name in areas_of(actor)]
    return [(region.code, name) for region, name in [*own, *below] if region is not None]


def hotline_name(area: str) -> str:
    """The 12345 of a province as its people call it: 江苏12345."""
    region = snapshot().region(area[:2])
    return f"{region.name.removesuffix('省').removesuffix('市')}12345" if region else "12345"
