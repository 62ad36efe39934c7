from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import openpyxl
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.channels import exports, imports, sheets
from haochaping.channels.kinds import WIRE
from haochaping.directory import commands, items, queries
from haochaping.directory.models import Guide, Hall, Item, Organ, Theme, Window
from haochaping.evaluation.models import ServiceEvent
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.policy import queries as policy
from haochaping.policy.commands import load_pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
CITY, BUREAU = "11320100014000002B", "11320102014000003C"
TASK = BUREAU + "4" + "320107234567"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    queries.forget()
    policy.forget()
    yield
    queries.forget()
    policy.forget()


def fill() -> None:
    commands.put_organs(
        [
            {"orgcode": CITY, "orgName": "市民政局", "areaCode": "320100"},
            {"orgcode": BUREAU, "orgName": "=cmd|' /C calc'!A0", "areaCode": "320102", "parentCode": CITY},
        ]
    )
    commands.put_halls([{"hallCode": "H1", "hallName": "玄武区政务服务中心", "areaCode": "320102"}])
    commands.put_windows([{"windowNo": "W1", "windowName": "+1", "hallCode": "H1", "orgcode": BUREAU}])
    commands.put_clerks([{"clerkNo": "C1", "clerkName": "王某", "orgcode": BUREAU, "windowNo": "W1"}])
    items.put_items(
        [
            {
                "taskCode": TASK,
                "taskName": "旧名",
                "orgcode": BUREAU,
                "validFrom": "2024-01-01",
                "validTo": "2025-01-01",
            },
            {"taskCode": TASK, "taskName": "新名", "orgcode": BUREAU, "validFrom": "2025-01-01", "otherCodes": "A,B"},
            {"taskCode": TASK + "01", "taskName": "办理项", "orgcode": CITY},
        ],
        NOW,
    )
    items.put_guides([{"taskCode": TASK, "materials": '[{"name": "身份证"}]', "promiseDay": "3", "fees": "不收费"}])
    commands.put_themes([{"themeCode": "t", "themeName": "一件事", "taskCodes": TASK}])


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


MASTER = ("organs", "halls", "windows", "clerks", "items", "guides", "themes")


@pytest.mark.django_db
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_what_goes_out_comes_in_again_the_same(tmp_path: Path, suffix: str) -> None:
    fill()
    for kind in MASTER:
        exports.run(kind, tmp_path / f"{kind}{suffix}", {})
    stored = [list(m.objects.order_by("pk").values()) for m in (Organ, Hall, Window, Theme)]
    versions = list(
        Item.objects.order_by("task_code", "handle_item", "version").values("name", "valid_from", "valid_to")
    )
    for model in (Guide, Item, Organ, Hall, Window, Theme):
        model.objects.all().delete()
    for kind in MASTER:
        report = imports.run(kind, tmp_path / f"{kind}{suffix}", None, NOW)
        assert report.rejected == 0, str(report)
    assert [list(m.objects.order_by("pk").values()) for m in (Organ, Hall, Window, Theme)] == stored
    assert (
        list(Item.objects.order_by("task_code", "handle_item", "version").values("name", "valid_from", "valid_to"))
        == versions
    )
    assert Guide.objects.get().materials == [{"name": "身份证"}]


@pytest.mark.django_db
def test_no_cell_is_a_formula_and_the_columns_are_the_wire_names(tmp_path: Path) -> None:
    fill()
    for kind in MASTER:
        exports.run(kind, tmp_path / f"{kind}.csv", {})
        head, *rows = table(tmp_path / f"{kind}.csv")
        assert tuple(head) == WIRE[kind]
        assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "-", "@"}]
    exports.run("organs", tmp_path / "organs.xlsx", {})
    book = openpyxl.load_workbook(tmp_path / "organs.xlsx")
    assert "f" not in {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row}
    assert exports.run("organs", tmp_path / "organs.parquet", {}) == 2
    found = pyarrow.parquet.read_table(tmp_path / "organs.parquet").to_pylist()
    assert found[1]["orgName"] == "=cmd|' /C calc'!A0", "Parquet knows no formulas"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=5))
def test_the_guard_can_always_be_taken_off(text: str) -> None:
    assert sheets.unguarded(sheets.guarded(text)) == text
    assert sheets.guarded(text)[:1] not in {"=", "+", "-", "@", "\t", "\r"}


@pytest.mark.django_db
def test_filters_take_codes_with_what_lies_below(tmp_path: Path) -> None:
    fill()
    out = tmp_path / "x.csv"
    assert exports.run("organs", out, {"area": "3201"}) == 2
    assert exports.run("organs", out, {"area": "320102"}) == 1
    assert exports.run("windows", out, {"organ": CITY}) == 1
    assert exports.run("items", out, {"organ": BUREAU}) == 2
    for filters in ({"from": "2026-01-01"}, {"colour": "red"}, {"area": "x"}, {"organ": "none"}):
        with pytest.raises(Refused) as no:
            exports.run("items", out, filters)
        assert no.value.code == "filters_refused"
        assert no.value.fields


@pytest.mark.django_db
def test_services_and_ratings_go_out_without_anybody_in_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill()
    load_pack(ROOT / "policies" / "jiangsu.toml", "test", NOW)
    policy.forget()
    (tmp_path / "s.csv").write_text(
        "projectNo,serviceNumber,taskCode,orgcode,areaCode,serviceTime,proStatus,userName,mobile\n"
        f"P1,1,{TASK},{BUREAU},320102,2026-02-27 10:00:00,3,赵钱孙,13800000000\n"
        f"P2,1,{TASK},{BUREAU},320102,2026-02-28 10:00:00,3,赵钱孙,13800000000\n",
        encoding="utf-8",
    )
    imports.run("services", tmp_path / "s.csv", None, NOW)
    (tmp_path / "e.ndjson").write_text(
        '{"projectNo": "P1", "serviceNumber": 1, "satisfaction": 2, "pf": 1, "assessTime": "2026-02-28 09:00:00",'
        ' "name": "赵钱孙", "mobile": "13800000000", "writingEvaluation": "请回电13900001111", "consent": ["publish_text"]}\n',
        encoding="utf-8",
    )
    report = imports.run("evaluations", tmp_path / "e.ndjson", None, NOW)
    assert report.counts == {"created": 1}
    assert exports.run("services", tmp_path / "out.csv", {"from": "2026-02-28"}) == 1
    assert exports.run("services", tmp_path / "out.csv", {}) == 2
    assert exports.run("evaluations", None, {}) == 1
    everything = (tmp_path / "out.csv").read_text(encoding="utf-8") + capsys.readouterr().out
    assert "P1,1,2,1,,请回电" in everything
    for secret in ("赵钱孙", "13800000000", "13900001111"):
        assert secret not in everything
    ServiceEvent.objects.all().delete()


def test_only_the_system_takes_everything_out(tmp_path: Path) -> None:
    leader = Actor("person", "1", "领导", frozenset({Role.LEADER}), (Scope(),))
    with pytest.raises(Refused) as no:
        exports.run("organs", tmp_path / "x.csv", {}, leader)
    assert no.value.status == 403


@pytest.mark.django_db
def test_an_unknown_kind_or_ending_is_refused_and_leaves_nothing_behind(tmp_path: Path) -> None:
    for kind, name in (("cats", "x.csv"), ("organs", "x.pdf")):
        with pytest.raises(Refused):
            exports.run(kind, tmp_path / name, {})
    assert list(tmp_path.iterdir()) == []


def test_it_shows_one_moment_of_a_database_that_others_write(committing_db: Database, tmp_path: Path) -> None:
    """Outside any transaction it opens one of its own, repeatable and read-only."""
    fill()
    assert exports.run("items", tmp_path / "items.csv", {}) == 3
    assert len(table(tmp_path / "items.csv")) == 4
