"""Codes as they really come: 34 verified ones of two provinces, 1,135 dirty ones of a county."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from haochaping.directory import rules

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_verified_code_falls_into_the_parts_that_were_checked_by_hand(shared_data: Path) -> None:
    for row in read(shared_data / "items_codes_verified.csv"):
        code = rules.read_task_code(row["code"])
        assert (code.form, code.organ, code.level, code.basic) == (
            "national", row["uscc18"], row["level1"], row["basic12"],
        )  # fmt: skip
        assert code.task_code == row["code"][:31]
        assert code.handle_item == (row["code"] if row["len"] == "33" else "")
        assert any("校验位不符" in w for w in code.warnings) is (row["uscc_check_ok"] == "False")


@pytest.mark.parametrize(
    ("code", "item", "area", "organ"),
    [
        ("511Z07001006-511602000000-000-11511301008778183N-1-00", "511Z07001006", "511602000000", "11511301008778183N"),
        ("511A0138000000-511602000000-000-115113010833722043-1-00", "511A0138000000", "511602000000", "115113010833722043"),
        ("G-000007-001-511602000000-000-115113010833722043-1-00", "G-000007-001", "511602000000", "115113010833722043"),
        ("1J-5100-00027-511602000000-000-11511301008778386B-1-00", "1J-5100-00027", "511602000000", "11511301008778386B"),
        ("512C0107400001-511602000000-000-00877868-5-1-00", "512C0107400001", "511602000000", "00877868-5"),
        ("E-000004-001-11511301008778386B", "E-000004-001", "", "11511301008778386B"),
    ],
)  # fmt: skip
def test_a_dashed_code_of_sichuan_has_parts_and_stays_what_it_is(code: str, item: str, area: str, organ: str) -> None:
    found = rules.read_task_code(code)
    assert (found.task_code, found.handle_item, found.form) == (code, "", "dashed")
    assert (found.basic, found.area, found.organ) == (item, area, organ)


def test_all_codes_of_the_county_are_read(shared_data: Path) -> None:
    codes = [rules.read_task_code(row["itemCode"]) for row in read(shared_data / "items_guangan_511602.csv")]
    assert Counter(code.form for code in codes) == {"dashed": 1135}
    assert Counter(code.area for code in codes) == {"511602000000": 1131, "": 3, "510000000000": 1}


def test_a_code_of_another_length_is_warned_about_not_refused() -> None:
    assert rules.read_task_code("XYZ-1").warnings == ("事项编码不是 31 或 33 位：5 位",)


def test_a_33_beside_another_33_is_warned_about() -> None:
    code = "11370800MB28559184337011505600001"
    assert rules.read_task_code(code, code).warnings == ()
    assert "不一致" in rules.read_task_code(code, "1" * 33).warnings[0]


def test_self_made_and_out_of_range_codes_are_named() -> None:
    warnings = rules.read_task_code("11370800MB28559184" + "9" + "370100000000").warnings
    assert warnings == ("行使层级代码不在 1 至 7 之内：9", "自建编码（含 00000000），不向国家平台上报")


@pytest.mark.parametrize(
    ("given", "code", "warning"),
    [
        ("11511301008778183N", "11511301008778183N", ""),
        ("370900000000_11370800MB28559184", "11370800MB28559184", ""),
        ("11511301452259996u", "11511301452259996U", "部门代码校验位不符：11511301452259996u 含小写字母，改为大写后相符"),
        ("11511301008778183P", "11511301008778183P", "部门代码校验位不符：11511301008778183P 末位应为 N"),
        ("11511301008778I83N", "11511301008778I83N", "部门代码校验位不符：11511301008778I83N 含有不应出现的字符"),
        ("083372204", "083372204", "部门代码长度9：083372204"),
        ("00877868-5", "00877868-5", "部门代码长度10：00877868-5"),
        ("1151130108778239R_5143", "1151130108778239R", "部门代码长度22：1151130108778239R_5143"),
        ("11736", "11736", "部门代码长度5：11736"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_department_codes_are_freed_from_what_stands_around_them(given: str, code: str, warning: str) -> None:
    assert rules.read_organ_code(given) == (code, (warning,) if warning else ())


def test_the_county_holds_the_dirt_its_description_says(shared_data: Path) -> None:
    """13 wrong check digits (small letters), seven lengths of department codes, types without their zero."""
    rows = read(shared_data / "items_guangan_511602.csv")
    warnings = Counter(w.split("：")[0] for row in rows for w in rules.read_organ_code(row["deptCode"])[1])
    assert warnings == {
        "部门代码长度10": 424, "部门代码长度9": 182, "部门代码长度17": 150, "部门代码长度19": 71, "部门代码长度22": 38,
        "部门代码校验位不符": 13, "部门代码长度5": 6,
    }  # fmt: skip
    assert sum(bool(rules.read_type(row["taskType"])[1]) for row in rows) == 536 + 50 + 9 + 8 + 2


@pytest.mark.parametrize(
    ("written", "in_items", "code", "ground"),
    [
        ({"083372204": 9}, {"115113010833722043": 8, "083372204": 1}, "115113010833722043", "组织机构代码"),
        ({"1151130000877869M": 9}, {"1151130000877869M": 8, "11511300008778693M": 1}, "11511300008778693M", "少一位"),
        ({"3908858105265704960": 6}, {"11511301MB163323XU": 6}, "11511301MB163323XU", "推定"),
        ({"11736": 6, "11511301008778386B": 1}, {"2222222222222": 6}, "11511301008778386B", "即统一"),
        ({"11511301452259996u": 13}, {"11511301452259996U": 9, "11511301452259996u": 4}, "11511301452259996U", "即统一"),
    ],
)  # fmt: skip
def test_a_department_gets_the_code_with_the_best_ground(
    written: dict[str, int], in_items: dict[str, int], code: str, ground: str
) -> None:
    settled = rules.settle_organs({"局": (written, in_items)})["局"]
    assert settled.code == code
    assert ground in settled.ground


def test_no_code_goes_to_two_departments_and_the_better_grounded_keeps_it() -> None:
    code, other = "11511301008778183N", "115113010833722043"
    departments = {
        "甲": ({"1": 9}, {code: 9, other: 1}),
        "乙": ({code: 1}, {code: 1}),
        "丙": ({"11736": 1}, {"22": 1}),
    }
    assert {k: v.code for k, v in rules.settle_organs(departments).items()} == {"甲": other, "乙": code}


def test_area_codes_are_filled_up_to_twelve_digits() -> None:
    assert [rules.read_area(c) for c in ("32", "370882", "320102001", "511602000000", "ab", "12345", "３２")] == [
        "320000000000", "370882000000", "320102001000", "511602000000", "", "", "",
    ]  # fmt: skip


def test_types_get_their_zero_and_may_hold_letters() -> None:
    assert rules.read_type("1") == ("01", ("类型代码缺前导零：1 改为 01",))
    assert [rules.read_type(c)[0] for c in ("20", "tc", "", "07")] == ["20", "TC", "", "07"]
    assert rules.item_type_of(rules.read_task_code("114401134554137174444TC12049000")) == "TC"
