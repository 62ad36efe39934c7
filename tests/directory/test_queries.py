from __future__ import annotations

from datetime import date

import pytest

from haochaping.directory import queries
from haochaping.directory.models import Item, Organ, Region, Window

pytestmark = pytest.mark.django_db


def test_an_empty_directory_is_empty() -> None:
    assert queries.snapshot().organs == {}
    assert queries.organ("x") is None
    assert queries.item("x") is None
    assert queries.dangling() == []
    assert queries.snapshot().area_path("320102") == "320102"


def test_what_points_nowhere_is_named() -> None:
    Organ.objects.create(code="O", name="o", area="320000000000", path="/O/")
    Window.objects.create(code="W", name="w", hall="H", organ="O")
    assert queries.dangling() == ["窗口没有所在大厅：1 个（如 W）", "部门没有区划：1 个（如 O）"]


def test_an_item_is_found_by_each_of_its_codes_and_by_day() -> None:
    Region.objects.create(code="320000000000", name="江苏省", level=1, path="32")
    common = {"organ": "O", "area": "320000000000", "task_code": "T" * 31}
    Item.objects.create(name="旧名", version=1, valid_from=date(2025, 1, 1), valid_to=date(2025, 6, 1), **common)
    Item.objects.create(name="新名", version=2, valid_from=date(2025, 6, 1), other_codes=["51-A"], **common)
    Item.objects.create(name="一项", handle_item="T" * 31 + "01", valid_from=date(2025, 1, 1), **common)
    names = [queries.item("T" * 31, day=day).name for day in (date(2020, 1, 1), date(2025, 5, 31), date(2025, 6, 1))]  # type: ignore[union-attr]
    assert names == ["旧名", "旧名", "新名"]
    assert queries.item("51-A").name == queries.item("T" * 31).name == "新名"  # type: ignore[union-attr]
    assert queries.item("T" * 31, "T" * 31 + "01").name == "一项"  # type: ignore[union-attr]
    assert queries.item("T" * 31, "T" * 31 + "99").name == "新名", "an unlisted handling item is its task"  # type: ignore[union-attr]
