"""The trees from which a scope is picked: areas, and organs within an area. Only the branch that is open is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.directory.queries import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterable

    from haochaping.accounts.rules import Scope
    from haochaping.directory.queries import OrganInfo, RegionInfo

ORGANS_MOST = 100  # lines of one branch; beyond that one narrows by area or by name


@dataclass(frozen=True)
class Branch:
    """A line of a tree and, if it is open, what stands below it."""

    code: str
    name: str
    is_here: bool = False
    below: tuple[Branch, ...] = ()


def areas(scopes: Iterable[Scope], chosen: str) -> tuple[Branch, ...]:
    """The areas of these scopes from the top down; the way to the `chosen` prefix is open, and one step further."""
    regions = [region for region in snapshot().regions.values() if not region.merged_into]
    by_parent: dict[str, list[RegionInfo]] = {}
    for region in regions:
        by_parent.setdefault(region.parent, []).append(region)
    roots = {scope.area for scope in scopes}
    if "" in roots:
        known = snapshot().regions
        tops = [region for region in regions if region.parent not in known]
    else:
        tops = [region for region in regions if region.path in roots]
    return tuple(_area(region, by_parent, chosen) for region in sorted(tops, key=lambda r: r.code))


def _area(region: RegionInfo, by_parent: dict[str, list[RegionInfo]], chosen: str) -> Branch:
    is_open = chosen.startswith(region.path)
    below = sorted(by_parent.get(region.code, ()), key=lambda r: r.code) if is_open else ()
    return Branch(
        region.path, region.name, region.path == chosen, tuple(_area(child, by_parent, chosen) for child in below)
    )


def organs(scopes: Iterable[Scope], area: str, chosen: str, text: str = "") -> tuple[Branch, ...]:
    """The organs within these scopes and this area: as a tree whose way to the `chosen` code is open, or those that `text` finds."""
    found = within(scopes, area)
    if text:
        named = [o for o in found if text in o.name or text in o.short_name or o.code.startswith(text.upper())]
        return tuple(Branch(o.code, o.name, o.code == chosen) for o in named[:ORGANS_MOST])
    codes = {organ.code for organ in found}
    by_parent: dict[str, list[OrganInfo]] = {}
    for organ in found:
        by_parent.setdefault(organ.parent if organ.parent in codes else "", []).append(organ)
    picked = snapshot().organs.get(chosen)
    return _organs("", by_parent, chosen, picked.path if picked else "")


def _organs(parent: str, by_parent: dict[str, list[OrganInfo]], chosen: str, path: str) -> tuple[Branch, ...]:
    return tuple(
        Branch(
            organ.code,
            organ.name,
            organ.code == chosen,
            _organs(organ.code, by_parent, chosen, path) if path.startswith(organ.path) else (),
        )
        for organ in by_parent.get(parent, ())[:ORGANS_MOST]
    )


def within(scopes: Iterable[Scope], area: str = "") -> list[OrganInfo]:
    """The active organs of an area that lie in one of these scopes, by code."""
    known, asked = snapshot(), list(scopes)
    found = [
        organ
        for organ in known.organs.values()
        if organ.is_active
        and (path := known.area_path(organ.area)).startswith(area)
        and any(not s.window and path.startswith(s.area) and organ.path.startswith(s.organ) for s in asked)
    ]
    return sorted(found, key=lambda organ: (organ.area, organ.code))
