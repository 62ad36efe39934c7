"""What is hidden, in trees made up at random: nothing of few is told, and linear algebra over what is told finds nothing of few."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from haochaping.publication.disclosure import (
    APPEALS,
    CALLED,
    EXCLUDED,
    FAMILIES,
    ORDERS,
    RECTIFIED,
    VISITS,
    Key,
    conceal,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

K = 5


def way(leaf: Key) -> list[Key]:
    return [Key(), Key(1, leaf.area[:4]), Key(2, leaf.area), Key(3, leaf.area, leaf.organ), leaf]


def told_by_algebra(
    cells: Mapping[Key, frozenset[int]], values: Mapping[Key, int], told: Iterable[Key], wanted: Iterable[Key]
) -> list[Key]:
    """Those of the wanted cells whose value follows from the told ones: `cells` says which atoms each adds up.

    Whoever reads knows that no count is negative: what adds up to nothing is nothing, everywhere.
    """
    told = list(told)
    none = {atom for key in told if not values[key] for atom in cells[key]}
    atoms = {atom: n for n, atom in enumerate(sorted(set().union(*cells.values()) - none))}

    def row(key: Key) -> np.ndarray:
        found = np.zeros(len(atoms))
        found[[atoms[atom] for atom in cells[key] if atom in atoms]] = 1
        return found

    known = np.array([row(key) for key in told if values[key]] or [np.zeros(len(atoms))])
    found = []
    for key in wanted:
        solution = np.linalg.lstsq(known.T, row(key), rcond=None)[0]
        if np.abs(known.T @ solution - row(key)).max(initial=0) < 1e-9:
            found.append(key)
    return found


def world(seed: int) -> dict[Key, dict[str, tuple[int, ...]]]:
    """Leaves with counts, mostly small: rated, settled and rated among them; orders and answered ones; excluded."""
    random = Random(seed)
    leaves = {}
    for city in range(random.randint(1, 3)):
        for county in range(random.randint(1, 3)):
            area = f"32{city:02}{county:02}"
            for organ in range(random.randint(1, 3)):
                for item in range(random.randint(1, 4)):
                    rated = random.choice((0, 0, 1, 2, 3, 4, 5, 6, 9, 40))
                    orders = random.choice((0, 0, 0, 1, 2, 5, 8))
                    with_case = random.randint(0, rated)
                    visits = (rated, with_case + random.choice((0, 1, 3, 30)), with_case)
                    leaves[Key(4, area, f"{area}-{organ}", f"{item}")] = {
                        VISITS: visits,
                        ORDERS: (orders, random.randint(0, orders)),
                        RECTIFIED: (random.randint(0, orders),),
                        CALLED: (random.randint(0, orders),),
                        EXCLUDED: (random.choice((0, 0, 0, 1, 7)),),
                        APPEALS: (0,),
                    }
    return leaves


def summed(leaves: Mapping[Key, Mapping[str, tuple[int, ...]]]) -> dict[Key, dict[str, tuple[int, ...]]]:
    cells: dict[Key, dict[str, tuple[int, ...]]] = {}
    for leaf, sizes in leaves.items():
        for key in way(leaf):
            own = cells.setdefault(key, {family: (0,) * len(sizes[family]) for family in FAMILIES})
            for family in FAMILIES:
                own[family] = tuple(a + b for a, b in zip(own[family], sizes[family], strict=True))
    return cells


@pytest.mark.parametrize("seed", range(60))
def test_no_count_of_few_is_told_nor_follows_from_what_is_told(seed: int) -> None:
    leaves = world(seed)
    cells = summed(leaves)
    parents = {key: way(key)[key.depth - 1] for key in cells if key.depth}
    hidden = conceal(cells, parents, K)
    numbers = {leaf: n for n, leaf in enumerate(leaves)}
    atoms = {key: frozenset(numbers[leaf] for leaf in leaves if key in way(leaf)) for key in cells}
    for family in FAMILIES:
        for n in range(len(cells[Key()][family])):
            values = {key: sizes[family][n] for key, sizes in cells.items()}
            told = [key for key in cells if family not in hidden[key]]
            few = [key for key, value in values.items() if 0 < value < K]
            assert not [key for key in told if key in few]
            assert told_by_algebra(atoms, values, told, few) == [], (family, n)


def test_the_attack_finds_what_naive_hiding_gives_away() -> None:
    cells = {Key(): frozenset({0, 1}), Key(1, "3201"): frozenset({0}), Key(1, "3202"): frozenset({1})}
    values = {Key(): 102, Key(1, "3201"): 100, Key(1, "3202"): 2}
    assert told_by_algebra(cells, values, [Key(), Key(1, "3201")], [Key(1, "3202")]) == [Key(1, "3202")]


def cell(n: int) -> dict[str, tuple[int, ...]]:
    return {family: (n,) if family == VISITS else (0,) for family in FAMILIES}


def test_two_of_few_hide_a_third_where_together_they_are_still_few() -> None:
    cells = {
        Key(): cell(103),
        Key(1, "3201"): cell(1),
        Key(1, "3202"): cell(2),
        Key(1, "3203"): cell(20),
        Key(1, "3204"): cell(80),
    }
    hidden = conceal(cells, dict.fromkeys(list(cells)[1:], Key()), K)
    assert [key.area for key in cells if VISITS in hidden[key]] == ["3201", "3202", "3203"]


def test_what_lies_below_a_hidden_place_is_hidden_and_so_is_what_became_of_it() -> None:
    cells = {
        Key(): cell(100), Key(1, "3201"): cell(3), Key(1, "3202"): cell(30), Key(1, "3203"): cell(67),
        Key(2, "320201"): cell(30), Key(2, "320301"): cell(67),
    }  # fmt: skip
    parents = {key: Key() if key.depth == 1 else Key(1, key.area[:4]) for key in cells if key.depth}
    hidden = conceal(cells, parents, K)
    assert hidden[Key(1, "3202")] == hidden[Key(2, "320201")] == frozenset(FAMILIES)
    assert not hidden[Key(2, "320301")]


def test_a_whole_of_few_tells_nothing() -> None:
    assert conceal({Key(): cell(4)}, {}, K)[Key()] == frozenset(FAMILIES)
