from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from haochaping.kit.errors import Refused
from haochaping.policy import queries
from haochaping.policy.commands import load_indicators
from haochaping.policy.models import Indicator

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db
DAY = date(2024, 1, 1)


def test_the_national_set_is_fifteen_core_twenty_five_extended_and_thirty_two_retired() -> None:
    assert load_indicators() == 72
    active = queries.indicators("32", DAY)
    everything = queries.indicators("32", DAY, retired=True)
    assert len(everything) == len({norm.code for norm in everything}) == 72
    assert len(active) == 40
    assert sum(norm.is_core for norm in active) == 15
    assert {
        level: sum(norm.level == level and norm.is_core for norm in active) for level in range(1, 6)
    } == dict.fromkeys(range(1, 6), 3)
    assert all(norm.code.startswith(str(norm.level)) for norm in everything)
    assert "403" not in queries.indicator_map()


def test_they_come_best_level_first_and_core_before_extended() -> None:
    load_indicators()
    found = [(norm.level, norm.is_core) for norm in queries.indicators("", DAY)]
    assert found == sorted(found, reverse=True)
    assert queries.indicators("", DAY)[0].name == "一窗受理一次办结"


def test_a_code_tells_its_level_even_when_retired() -> None:
    load_indicators()
    assert {code: queries.indicator_map()[code] for code in ("510", "314", "115", "107")} == {
        "510": 5,
        "314": 3,
        "115": 1,
        "107": 1,
    }


def test_loading_again_changes_nothing() -> None:
    load_indicators()
    ids = set(Indicator.objects.values_list("pk", flat=True))
    load_indicators()
    assert set(Indicator.objects.values_list("pk", flat=True)) == ids


def test_a_local_indicator_is_seen_in_its_region_only_and_may_not_take_a_national_code(tmp_path: Path) -> None:
    load_indicators()
    file = tmp_path / "local.csv"
    file.write_text("code,name,level,core,active\nJS201,叫号不清,2,0,1\n", encoding="utf-8")
    load_indicators(file, region="32", set_name="jiangsu")
    assert "JS201" in queries.indicator_map("320102000000")
    assert "JS201" not in queries.indicator_map("310000000000")
    assert "JS201" not in queries.indicator_map()
    file.write_text("code,name,level,core,active\n510,别的意思,2,0,1\n", encoding="utf-8")
    with pytest.raises(Refused, match="510"):
        load_indicators(file, region="32", set_name="jiangsu")


def test_a_newer_set_closes_the_older_and_keeps_its_texts(tmp_path: Path) -> None:
    load_indicators()
    file = tmp_path / "next.csv"
    file.write_text("code,name,level,core,active\n510,一窗通办,5,1,1\n", encoding="utf-8")
    load_indicators(file, set_name="national-2025", valid_from=date(2025, 1, 1))
    assert len(queries.indicators("", date(2024, 12, 31))) == 40
    assert [norm.name for norm in queries.indicators("", date(2025, 1, 1))] == ["一窗通办"]
