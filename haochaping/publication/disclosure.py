"""Which cells of what is published for one month must not be told, so that none of few can be had by subtraction. Pure.

What is published is one tree (all › city › county › organ in its county › item of that organ there) and, beside it, the
channels of all. A cell's counts come in families; a family is told whole or not at all, for its figures share their cases.

* A cell tells nothing of 1 … k-1 people (design §1.3).
* Where something below a told cell is hidden, at least two cells are, and together they hold nothing or at least k: so the
  told cell and the told ones below it give no hidden one away.
* What lies below a hidden cell is hidden, so nothing below adds up to it.
* Who must not be counted must not be seen through what became of them: a family is not told without the one it rests on.

No two lines of the tree share a case but by one lying below the other, and a channel's cases can lie anywhere in the tree:
a case moved from one hidden cell to its hidden neighbour, or from one hidden channel to another, changes no number that is
told. `tests/publication/test_subtraction.py` tries it by linear algebra over everything published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

VISITS, ORDERS, RECTIFIED, CALLED = "visits", "orders", "rectified", "called"
EXCLUDED, APPEALS = "excluded", "appeals"
FAMILIES = (VISITS, ORDERS, RECTIFIED, CALLED, EXCLUDED, APPEALS)
RESTS_ON = {ORDERS: VISITS, RECTIFIED: ORDERS, CALLED: ORDERS, EXCLUDED: VISITS, APPEALS: ORDERS}  # not told without it


class Key(NamedTuple):
    """A cell of the tree, or a channel. What does not apply is empty."""

    depth: int = 0  # 0 all, 1 city, 2 county, 3 organ, 4 item; 1 for a channel too
    area: str = ""  # a city's prefix, else a county's
    organ: str = ""
    item: str = ""
    channel: int = 0  # 0: of the tree


Sizes = tuple[int, ...]  # of one family: counts of people each of which must not be few


def conceal(cells: Mapping[Key, Mapping[str, Sizes]], parents: Mapping[Key, Key], k: int) -> dict[Key, frozenset[str]]:
    """The families that must not be told, by cell. `parents` names what each cell but the roots lies right below."""
    below: dict[Key, list[Key]] = {}
    for cell, parent in parents.items():
        below.setdefault(parent, []).append(cell)
    hidden: dict[Key, set[str]] = {}
    for root in (cell for cell in cells if cell not in parents):
        hidden[root] = set()
        for family in FAMILIES:
            if RESTS_ON.get(family) in hidden[root] or _is_few(cells[root][family], k):
                hidden[root].add(family)
    waiting = [cell for cell in hidden if cell in below]
    while waiting:
        parent = waiting.pop()
        children = sorted(below[parent])
        for family in FAMILIES:
            sizes = {child: cells[child][family] for child in children}
            if family in hidden[parent]:
                gone = set(children)
            else:
                forced = {child for child in children if RESTS_ON.get(family) in hidden.get(child, ())}
                gone = _gone(sizes, forced, k)
            for child in gone:
                hidden.setdefault(child, set()).add(family)
        for child in children:
            hidden.setdefault(child, set())
        waiting += [child for child in children if child in below]
    return {cell: frozenset(families) for cell, families in hidden.items()}


def _is_few(sizes: Iterable[int], k: int) -> bool:
    return any(0 < size < k for size in sizes)


def _gone(sizes: Mapping[Key, Sizes], forced: set[Key], k: int) -> set[Key]:
    """Those of the cells right below a told one that must not be told; the smallest that will do."""
    gone = forced | {cell for cell, own in sizes.items() if _is_few(own, k)}
    rest = sorted((cell for cell in sizes if cell not in gone and any(sizes[cell])), key=lambda c: (sizes[c], c))
    while gone:
        sums = _sums([sizes[cell] for cell in gone])
        lacking = [n for n, total in enumerate(sums) if 0 < total < k]
        is_alone = sum(any(sizes[cell]) for cell in gone) == 1
        if lacking:
            more = next((cell for cell in rest if any(sizes[cell][n] for n in lacking)), None)
        else:
            more = rest[0] if is_alone and rest else None
        if more is None:
            break
        rest.remove(more)
        gone.add(more)
    return gone


def _sums(rows: Sequence[Sizes]) -> Sizes:
    return tuple(map(sum, zip(*rows, strict=True)))
