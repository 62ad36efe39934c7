"""The profile of an organ among its peers, over a lake made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from haochaping.accounts.rules import Scope
from haochaping.analytics.looks import Look
from haochaping.analytics.profile import profile
from haochaping.directory import queries as directory
from haochaping.directory.models import Organ, Region
from tests.analytics.lake_rows import day, fill, noon, order, service

pytestmark = pytest.mark.django_db
NOW = noon("11-20")
EASY, HARD = "320101001000", "320701002000"
PEERS = [f"ORGAN-{n}" for n in range(6)]


def ratings(organ: str, good: int, bad: int, basic: str = EASY, on: str = "11-02", **more: Any) -> list[dict[str, Any]]:
    place = {"organ_code": organ, "organ_path": f"/{organ}/", "item": f"{organ:0>18}3{basic}", **more}
    return [service(on, 5, n=good, **place)] * (good > 0) + [service(on, 1, n=bad, **place)] * (bad > 0)


@pytest.fixture(autouse=True)
def province(db: None) -> None:
    """Six city bureaus with the same item, all but ours good at it; ours has the hard item besides, and a province office."""
    Region.objects.create(code="320100000000", name="南京市", level=2, parent="320000000000", path="3201")
    Region.objects.create(code="320000000000", name="江苏省", level=1, parent="", path="32")
    for code in [*PEERS, "OWN"]:
        Organ.objects.create(code=code, name=f"{code}局", area="320100000000", path=f"/{code}/")
    Organ.objects.create(code="ABOVE", name="省厅", area="320000000000", path="/ABOVE/")
    directory.forget()
    rows = [row for n, code in enumerate(PEERS) for row in ratings(code, 95 + n % 3, 5 - n % 3)]
    rows += ratings("ABOVE", 1, 99) + ratings(PEERS[0], 40, 60, HARD)
    rows += ratings("OWN", 80, 20, indicators=["101"]) + ratings("OWN", 60, 40, HARD)
    for month in ("07-02", "09-02"):
        rows += ratings("OWN", 0, 3, on=month, indicators=["101", "103"])
    fill(
        rows,
        [order("11-03", "11-10", "11-06", organ_code=code, organ_path=f"/{code}/", n=9) for code in [*PEERS, "OWN"]],
    )


def own(organ: str = "OWN", scopes: tuple[Scope, ...] = (Scope(),)) -> Look:
    return Look(day("11-01"), day("11-20"), scopes, NOW, organ=organ)


def test_the_place_among_peers_of_the_same_level_is_told_and_what_is_no_chance() -> None:
    found = profile(own())
    by_metric = {trait.figure.metric.key: trait for trait in found.traits}
    good = by_metric["good_rate"]
    assert (found.kind, good.peers, good.verdict) == ("市级单位", 6, "weak")
    assert good.place == pytest.approx(100 / 6), "the first, which has the hard item too, does worse"
    assert good.peers_rate is not None
    assert good.peers_rate.parts == "616 ÷ 700", "the province office is none of them"
    assert [trait.figure.metric.key for trait in found.weaknesses] == ["good_rate"]
    assert by_metric["on_time_rate"].verdict == "", "all alike"


def test_with_fewer_than_five_peers_nothing_is_compared() -> None:
    found = profile(own("ABOVE"))
    assert {trait.place for trait in found.traits} == {None}
    assert all(trait.peers_rate is None for trait in found.traits)


def test_it_is_compared_on_the_items_it_has() -> None:
    mix = profile(own()).mix
    assert mix is not None
    easy, hard = (580 - 4 + 1) / 700, 0.4  # what all others reach, the province office with them
    assert mix.expected == pytest.approx((100 * easy + 100 * hard) / 200, abs=0.005)
    assert mix.observed == 0.7


def test_what_comes_up_in_three_of_six_months_recurs() -> None:
    (found,) = profile(own()).recurrent
    assert (found[0], found[2].key, found[2].months, found[2].times) == ("差评指标", "101", 3, 26)


def test_whoever_sees_one_organ_only_sees_of_the_others_their_sum() -> None:
    found = profile(own(scopes=(Scope("", "/OWN/"),)))
    assert found.counts["ratings"].numerator == 200
    assert found.traits[1].peers == 6
    elsewhere = profile(own(PEERS[0], (Scope("", "/OWN/"),)))
    assert elsewhere.is_empty
    assert all(trait.place is None for trait in elsewhere.traits)
    assert elsewhere.mix is None


def test_a_region_is_compared_with_regions() -> None:
    found = profile(Look(day("11-01"), day("11-20"), (Scope("32"),), NOW, area="3201"))
    assert (found.dimension, found.key, found.kind) == ("city", "3201", "设区市")
    assert [row.keys["month"] for row in found.trend] == ["2026-07", "2026-09", "2026-11"]
