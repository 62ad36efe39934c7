from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction

from haochaping.directory import commands, items, queries
from haochaping.directory.models import Guide, Item, Organ
from haochaping.directory.regions import load_regions

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CITY, OFFICE, BUREAU = "11320000014000001A", "11320100014000002B", "11320102014000003C"
TASK = BUREAU + "4" + "320101234567"


def statuses(outcomes: list[commands.Outcome]) -> list[str]:
    return [o.status for o in outcomes]


def organ(code: str, name: str, parent: str = "") -> dict[str, str]:
    return {"orgcode": code, "orgName": name, "areaCode": "320102", "parentCode": parent}


@pytest.fixture
def bureau() -> str:
    commands.put_organs([organ(BUREAU, "玄武区民政局")])
    return BUREAU


def test_a_child_may_come_before_its_parent_and_paths_run_from_the_top() -> None:
    commands.put_organs([organ(BUREAU, "区局", OFFICE), organ(OFFICE, "市局", CITY)])
    assert queries.organ(BUREAU).path == f"/{OFFICE}/{BUREAU}/"  # type: ignore[union-attr]
    commands.put_organs([organ(CITY, "省厅")])
    assert queries.organ(BUREAU).path == f"/{CITY}/{OFFICE}/{BUREAU}/"  # type: ignore[union-attr]


def test_organs_in_a_circle_are_found_by_the_check() -> None:
    commands.put_organs([organ(BUREAU, "甲"), organ(OFFICE, "乙", BUREAU)])
    commands.put_organs([organ(BUREAU, "甲", OFFICE)])
    assert any("成环" in sentence for sentence in queries.dangling())


def test_the_same_again_is_unchanged_and_an_absent_column_leaves_what_is_there() -> None:
    row = organ(BUREAU, "玄武区民政局") | {"shortName": "民政局"}
    assert statuses(commands.put_organs([row])) == ["created"]
    assert statuses(commands.put_organs([row])) == ["unchanged"]
    assert statuses(commands.put_organs([organ(BUREAU, "玄武区民政局")])) == ["unchanged"]
    assert Organ.objects.get().short_name == "民政局"
    assert statuses(commands.put_organs([row | {"shortName": ""}])) == ["updated"]


def test_twice_in_one_call_the_last_line_holds() -> None:
    outcomes = commands.put_organs([organ(BUREAU, "旧"), organ(BUREAU, "新")])
    assert statuses(outcomes) == ["created", "updated"]
    assert "文件内编码重复，以最后一行为准" in outcomes[0].warnings
    assert Organ.objects.get().name == "新"


def test_a_refused_row_names_every_wrong_field(bureau: str) -> None:
    (outcome,) = commands.put_windows([{"windowNo": "", "windowName": "x" * 101, "hallCode": "H9", "orgcode": bureau}])
    assert outcome.status == "rejected"
    assert [(e.field, e.code) for e in outcome.errors] == [
        ("windowNo", "required"), ("windowName", "too_long"), ("hallCode", "unknown"),
    ]  # fmt: skip


def test_halls_windows_and_clerks_hang_together(bureau: str) -> None:
    hall = {"hallCode": "H1", "hallName": "某村便民服务站", "hallKind": "村级便民服务站", "areaCode": "320102"}
    window = {"windowNo": "W1", "windowName": "1号窗口", "hallCode": "H1", "orgcode": bureau, "windowKind": "出件"}
    clerk = {"clerkNo": "C1", "clerkName": "王某", "orgcode": bureau, "windowNo": "W1"}
    assert statuses(commands.put_halls([hall])) == ["created"]
    assert statuses(commands.put_windows([window])) == ["created"]
    assert statuses(commands.put_clerks([clerk])) == ["created"]
    directory = queries.snapshot()
    assert (directory.halls["H1"].kind, directory.windows["W1"].kind) == ("village", "issue")
    assert directory.hall_of("W1") == directory.halls["H1"]
    (outcome,) = commands.put_windows([window | {"windowKind": "前台"}])
    assert [e.code for e in outcome.errors] == ["unknown_value"]


def item(name: str = "婚姻登记", **more: str) -> dict[str, str]:
    return {"taskCode": TASK, "taskName": name, "taskType": "7", "orgcode": BUREAU} | more


@pytest.mark.usefixtures("bureau")
def test_a_new_name_closes_the_version_and_opens_the_next_with_the_guide() -> None:
    assert statuses(items.put_items([item()], NOW)) == ["created"]
    assert statuses(items.put_guides([{"taskCode": TASK, "materials": "身份证；户口簿", "promiseDay": "3"}])) == [
        "created"
    ]
    assert statuses(items.put_items([item()], NOW + timedelta(days=9))) == ["unchanged"]
    later = NOW + timedelta(days=10)
    assert statuses(items.put_items([item("结婚登记")], later)) == ["updated"]
    old, new = Item.objects.order_by("version")
    assert (old.name, old.valid_from, old.valid_to) == ("婚姻登记", date(2026, 3, 2), date(2026, 3, 12))
    assert (new.name, new.valid_from, new.valid_to, new.version) == ("结婚登记", date(2026, 3, 12), None, 2)
    assert queries.item(TASK, day=date(2026, 3, 11)).name == "婚姻登记"  # type: ignore[union-attr]
    assert queries.item(TASK, day=date(2026, 3, 12)).name == "结婚登记"  # type: ignore[union-attr]
    items.put_guides([{"taskCode": TASK, "promiseDay": "1"}])
    guides = [queries.guide(TASK, day=day) for day in (date(2026, 3, 3), date(2026, 3, 20))]
    assert [(g.promise_days, g.materials) for g in guides if g] == [
        (3, ("身份证", "户口簿")),
        (1, ("身份证", "户口簿")),
    ]
    assert Guide.objects.count() == 2


@pytest.mark.usefixtures("bureau")
def test_a_change_on_the_day_of_its_own_version_is_a_correction() -> None:
    items.put_items([item()], NOW)
    assert statuses(items.put_items([item("结婚登记")], NOW)) == ["updated"]
    assert [(i.name, i.version) for i in Item.objects.all()] == [("结婚登记", 1)]


@pytest.mark.usefixtures("bureau")
def test_versions_with_their_days_come_in_as_history_and_again_change_nothing() -> None:
    rows = [
        item("旧", validFrom="2020-01-01", validTo="2024-01-01"),
        item("新", validFrom="2024-01-01"),
        item("新", validFrom="2024-01-01", taskCode=TASK[:30] + "8"),
    ]
    assert statuses(items.put_items(rows, NOW)) == ["created", "updated", "created"]
    assert statuses(items.put_items(rows, NOW)) == ["unchanged"] * 3
    (outcome,) = items.put_items([item("更旧", validFrom="2010-01-01")], NOW)
    assert [e.code for e in outcome.errors] == ["older_version"]


@pytest.mark.usefixtures("bureau")
def test_an_items_organ_is_found_by_code_by_department_code_or_by_name() -> None:
    rows = [
        item(),
        item(taskCode=TASK[:30] + "1", orgcode="", deptCode="320102000000_" + BUREAU),
        item(taskCode=TASK[:30] + "2", orgcode="", deptCode="11736", deptName="玄武区民政局", areaCode="320102"),
        item(taskCode=TASK[:30] + "3", orgcode="", deptCode="11736", deptName="别的局", areaCode="320102"),
    ]
    outcomes = items.put_items(rows, NOW)
    assert statuses(outcomes) == ["created", "created", "created", "rejected"]
    assert [e.code for e in outcomes[3].errors] == ["organ_unknown"]
    assert "部门代码长度5：11736" in outcomes[2].warnings
    assert set(Item.objects.values_list("organ", "area", "kind")) == {(BUREAU, "320102000000", "07")}


@pytest.mark.usefixtures("bureau")
def test_themes_bundle_items_and_name_those_that_are_not_there() -> None:
    items.put_items([item()], NOW)
    (outcome,) = commands.put_themes(
        [{"themeCode": "birth", "themeName": "新生儿出生一件事", "taskCodes": f"{TASK},NOPE"}]
    )
    assert outcome.warnings == ("事项不在目录：NOPE",)
    theme = queries.theme("birth")
    assert theme is not None
    assert tuple(theme.items) == (TASK, "NOPE")


def test_readers_see_a_write_at_once_and_its_rollback_too(bureau: str) -> None:
    assert queries.organ(bureau) is not None
    with transaction.atomic():
        commands.put_organs([organ(OFFICE, "乙")])
        assert queries.organ(OFFICE) is not None
        transaction.set_rollback(True)
    queries.recheck()
    assert queries.organ(OFFICE) is None
    assert queries.organ(bureau) is not None


def test_regions_load_with_their_ancestors_mergers_and_tiles() -> None:
    count = load_regions(["3201", "370812"])
    assert load_regions(["3201", "370812"]) == count, "repeatable"
    directory = queries.snapshot()
    assert directory.region_names("320102") == ["江苏省", "南京市", "玄武区"]
    assert directory.region("320102002").level == 4  # type: ignore[union-attr]
    assert directory.region("370882").code == "370812000000", "the code of a merged region leads to its heir"  # type: ignore[union-attr]
    assert directory.regions["370882000000"].merged_on == date(2013, 10, 18)
    assert directory.area_path("370882000000") == "370812"
    assert directory.region("320103").name == "秦淮区"  # type: ignore[union-attr]
    assert (directory.regions["320100000000"].grid_row, directory.regions["320100000000"].grid_col) == (3, 0)
    assert "320200000000" not in directory.regions
    assert queries.dangling() == []


def test_villages_come_only_if_asked_for_and_are_found_one_by_one() -> None:
    load_regions(["320102002"], villages=True)
    village = queries.children("320102002000")[0]
    assert village.level == 5
    assert village.code not in queries.snapshot().regions
    assert queries.region(village.code) == village
