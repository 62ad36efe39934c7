"""Rows (region, from, to): an old case keeps the rules of its day."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.kit.errors import Refused
from haochaping.policy import queries
from haochaping.policy.commands import load_pack
from haochaping.policy.models import PolicyRule

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.django_db
NOW = datetime(2024, 3, 1, 1, tzinfo=UTC)
NANJING = "320102000000"


def newer(table: dict[str, Any], day: date, **limits: int) -> dict[str, Any]:
    changed = deepcopy(table) | {"valid_from": day}
    for step, n in limits.items():
        changed["limits"][step]["n"] = n
    return changed


def test_an_old_case_keeps_the_rules_of_its_day(jiangsu: dict[str, Any]) -> None:
    load_pack("jiangsu", "root", NOW)
    load_pack(newer(jiangsu, date(2024, 4, 1), sign=2), "root", NOW)
    signs = {day: queries.policy_at(NANJING, day).limit("sign").n for day in (date(2024, 3, 31), date(2024, 4, 1))}
    assert signs == {date(2024, 3, 31): 1, date(2024, 4, 1): 2}


def test_the_older_row_is_closed_and_nothing_else_of_it_is_touched(jiangsu: dict[str, Any]) -> None:
    old = load_pack(jiangsu, "root", NOW)
    new = load_pack(newer(jiangsu, date(2024, 4, 1)), "chief", NOW)
    kept = PolicyRule.objects.get(pk=old.pk)
    assert (old.valid_to, kept.valid_to, new.valid_to) == (None, date(2024, 4, 1), None)
    assert (kept.body, bytes(kept.digest), kept.loaded_by) == (old.body, bytes(old.digest), "root")
    assert [rule.valid_from for rule in queries.rules()] == [date(2019, 9, 9), date(2024, 4, 1)]


def test_county_beats_city_beats_province(jiangsu: dict[str, Any]) -> None:
    for n, region in enumerate(("32", "3201", "320102"), start=1):
        load_pack(newer(jiangsu, date(2020, 1, 1), sign=n) | {"region": region}, "root", NOW)
    day = date(2024, 1, 1)
    found = [queries.policy_at(area, day).limit("sign").n for area in (NANJING, "320104000000", "320500000000")]
    assert found == [3, 2, 1]


def test_the_same_pack_again_changes_nothing(jiangsu: dict[str, Any]) -> None:
    first, again = load_pack("jiangsu", "root", NOW), load_pack(jiangsu, "other", NOW)
    assert first.pk == again.pk
    assert PolicyRule.objects.count() == 1


def test_another_pack_from_the_same_day_is_refused(jiangsu: dict[str, Any]) -> None:
    load_pack(jiangsu, "root", NOW)
    with pytest.raises(Refused, match="valid_from") as refused:
        load_pack(newer(jiangsu, jiangsu["valid_from"], sign=9), "root", NOW)
    assert (refused.value.code, refused.value.status) == ("policy_day_taken", 409)


def test_days_past_cannot_get_new_rules(jiangsu: dict[str, Any]) -> None:
    load_pack(jiangsu, "root", NOW)
    with pytest.raises(Refused, match="今天或以后") as refused:
        load_pack(newer(jiangsu, date(2024, 2, 29)), "root", NOW)
    assert (refused.value.code, refused.value.status) == ("policy_backdated", 409)
    assert load_pack(newer(jiangsu, date(2024, 3, 1)), "root", NOW).valid_from == date(2024, 3, 1)


def test_a_pack_from_before_the_first_ends_where_that_begins(jiangsu: dict[str, Any]) -> None:
    load_pack(newer(jiangsu, date(2022, 1, 1)), "root", NOW)
    row = load_pack(newer(jiangsu, date(2020, 1, 1), sign=2), "root", NOW)
    assert row.valid_to == date(2022, 1, 1)
    assert queries.policy_at(NANJING, date(2021, 12, 31)).limit("sign").n == 2
    assert queries.policy_at(NANJING, date(2022, 1, 1)).limit("sign").n == 1


def test_a_refused_pack_leaves_no_row(jiangsu: dict[str, Any]) -> None:
    jiangsu["callback"]["tries"] = 0
    with pytest.raises(Refused):
        load_pack(jiangsu, "root", NOW)
    assert not PolicyRule.objects.exists()


def test_a_missing_or_broken_file_is_refused_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="jiangsu") as refused:
        load_pack(str(tmp_path / "none.toml"), "root", NOW)
    assert refused.value.code == "no_pack"
    for content in (b"pack = ", "pack = '江苏'".encode("gb18030")):
        (tmp_path / "broken.toml").write_bytes(content)
        with pytest.raises(Refused, match="TOML") as refused:
            load_pack(tmp_path / "broken.toml", "root", NOW)
        assert refused.value.code == "policy_refused"


def test_hot_questions_do_not_ask_the_database(django_assert_num_queries: Any) -> None:
    load_pack("jiangsu", "root", NOW)
    queries.policy_at(NANJING, date(2024, 1, 1))
    with django_assert_num_queries(0):
        for _ in range(100):
            queries.policy_at(NANJING, date(2024, 1, 1))
