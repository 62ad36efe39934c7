"""Files come in: two real ones, and made ones in every form."""

from __future__ import annotations

import csv
import gzip
import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import openpyxl
import pytest

from haochaping.channels import imports
from haochaping.directory import commands, items, queries
from haochaping.directory.models import Guide, Item, Organ
from haochaping.directory.regions import load_regions
from haochaping.evaluation import batches
from haochaping.evaluation.models import Batch, Evaluation, Parked, Rejected, ServiceEvent
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.policy import queries as policy
from haochaping.policy.commands import load_pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Database

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
BUREAU = "11320102014000003C"
TASK = BUREAU + "4" + "320107234567"
MAPS = ROOT / "maps"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    queries.forget()
    policy.forget()
    yield
    queries.forget()
    policy.forget()


@pytest.fixture
def rules_in_force() -> None:
    load_pack(ROOT / "policies" / "jiangsu.toml", "test", NOW)
    policy.forget()


@pytest.fixture
def bureau() -> str:
    commands.put_organs([{"orgcode": BUREAU, "orgName": "玄武区民政局", "areaCode": "320102"}])
    return BUREAU


def lines(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def counts(report: imports.ImportReport) -> str:
    return next(line for line in str(report).splitlines() if " read, " in line)


ORGANS = "orgcode,orgName,areaCode\n11320102014000003C,玄武区民政局,320102\n11320102014000004D,玄武区教育局,320102\n"


# The two real files


def test_the_dirty_county_is_taken_and_every_row_is_accounted_for(shared_data: Path, tmp_path: Path) -> None:
    """1,135 rows, 34 departments whose codes have seven lengths, 13 wrong check digits, two names twice (its README)."""
    path = shared_data / "items_guangan_511602.csv"
    report = imports.run("items", path, MAPS / "items_guangan.toml", NOW)
    assert counts(report) == "1135 read, 1135 created, 0 updated, 0 unchanged, 0 parked, 0 rejected"
    assert report.rejected_path is None
    assert report.report_path == tmp_path / "items_guangan_511602.csv.report.csv", (
        "the data's own directory is read-only"
    )
    rows = lines(report.report_path)
    assert [int(row["line"]) for row in rows] == list(range(2, 1137))
    source = lines(path)
    assert [row["key"] for row in rows] == [row["itemCode"] for row in source]
    said = Counter(warning.split("：")[0] for row in rows for warning in row["warnings"].split("；") if warning)
    assert {n: said[f"部门代码长度{n}"] for n in (5, 9, 10, 17, 19, 22)} == {
        5: 6,
        9: 182,
        10: 424,
        17: 150,
        19: 71,
        22: 38,
    }
    assert said["部门代码校验位不符"] == 13
    assert said["类型代码缺前导零"] == sum(len(row["taskType"]) == 1 for row in source) == 605
    assert said["名称重复"] == 4, "two names, two rows each"
    assert Organ.objects.count() == 34
    assert all(len(code) == 18 for code in Organ.objects.values_list("code", flat=True))
    assert not Item.objects.exclude(organ__in=Organ.objects.values("code")).exists()
    by_department: dict[str, set[str]] = {}
    for row, original in zip(rows, source, strict=True):
        by_department.setdefault(original["department"], set()).add(row["orgcode"])
    assert all(len(codes) == 1 for codes in by_department.values()), "five spellings of one department are one organ"
    assert queries.item("511Z07001006-511602000000-000-11511301008778183N-1-00").kind == "10"  # type: ignore[union-attr]
    again = imports.run("items", path, MAPS / "items_guangan.toml", NOW)
    assert counts(again) == "1135 read, 0 created, 0 updated, 1135 unchanged, 0 parked, 0 rejected"


@pytest.mark.usefixtures("rules_in_force")
def test_ten_thousand_real_requests_become_service_events(shared_data: Path) -> None:
    load_regions(["320102"])
    path = shared_data / "requests_311_baltimore.csv.gz"
    report = imports.run("services", path, MAPS / "requests_baltimore.toml", NOW)
    assert counts(report) == "10000 read, 10000 created, 0 updated, 0 unchanged, 0 parked, 0 rejected"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        source = list(csv.DictReader(file))
    assert Organ.objects.count() == len({row["Agency"] for row in source}) == 16
    pairs = {(row["Agency"], row["SRType"]) for row in source}
    assert Item.objects.count() == len(pairs), "no two request types fell on one code"
    assert f"由文件新建单位 16 个\n由文件新建事项 {len(pairs)} 个" in str(report)
    assert report.warnings == {"来源标为重复件": 217, "来源标为已移交": 18}
    event = ServiceEvent.objects.get(project_no="18-00269879")
    # Created 04/12/2018 11:11:26 AM, closed 12:45:47 PM in New York's summer time.
    assert event.accept_date == datetime(2018, 4, 12, 15, 11, 26, tzinfo=UTC)
    assert event.service_time == event.result_date == datetime(2018, 4, 12, 16, 45, 47, tzinfo=UTC)
    assert (event.item_name, event.organ_name, event.area_path) == (
        "TRT-Traffic Signal Repairs",
        "Transportation",
        "320102",
    )
    assert (event.pro_status, event.pro_channel, len(event.task_code)) == (3, 2, 31)
    assert not ServiceEvent.objects.filter(pro_status=3, result_date=None).exists()
    again = imports.run("services", path, MAPS / "requests_baltimore.toml", NOW)
    assert counts(again) == "10000 read, 0 created, 0 updated, 10000 unchanged, 0 parked, 0 rejected"


# Every form a file may have


def written(path: Path, content: str, encoding: str) -> Path:
    data = content.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("name", ["organs.csv", "organs.csv.gz", "organs.tsv"])
def test_a_table_is_read_whatever_its_encoding(tmp_path: Path, encoding: str, name: str) -> None:
    content = ORGANS.replace(",", "\t") if name.endswith(".tsv") else ORGANS
    report = imports.run("organs", written(tmp_path / name, content, encoding), None, NOW)
    assert counts(report).startswith("2 read, 2 created")
    assert Organ.objects.get(code=BUREAU).name == "玄武区民政局"


def test_a_workbook_is_read_with_its_numbers_and_days(tmp_path: Path, bureau: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["taskCode", "taskName", "taskType", "orgcode", "isForEnterprises", "validFrom", None])
    sheet.append([TASK, "婚姻登记", 7, bureau, True, datetime(2025, 1, 2), None])
    sheet.append([None, None, None, None, None, None, None])
    sheet.append([TASK[:30] + "9", "收养登记", "07", bureau, 0.0, "2025-01-02", None])
    book.save(tmp_path / "items.xlsx")
    report = imports.run("items", tmp_path / "items.xlsx", None, NOW)
    assert counts(report).startswith("2 read, 2 created")
    item = Item.objects.get(task_code=TASK)
    assert (item.kind, item.is_for_enterprises, item.valid_from.isoformat()) == ("07", True, "2025-01-02")


def test_ndjson_is_read_line_by_line_and_a_bad_line_is_only_itself(tmp_path: Path, bureau: str) -> None:
    items.put_items([{"taskCode": TASK, "taskName": "婚姻登记", "orgcode": bureau}], NOW)
    guide = {
        "taskCode": TASK,
        "materials": [{"name": "身份证", "original": True}],
        "ratingChannels": [1, 3],
        "promiseDay": 5,
    }
    content = "\n".join([json.dumps(guide, ensure_ascii=False), "{broken", "[1]", "", '{"taskCode": "\\ud800"}'])
    report = imports.run("guides", written(tmp_path / "guides.ndjson", content, "utf-8"), None, NOW)
    assert counts(report) == "4 read, 1 created, 0 updated, 0 unchanged, 0 parked, 3 rejected"
    assert [(row["line"], row["code"]) for row in lines(report.rejected_path)] == [
        ("2", "not_json"), ("3", "not_json"), ("5", "not_text"),
    ]  # fmt: skip
    stored = Guide.objects.get()
    assert (stored.materials, stored.rating_channels, stored.promise_days) == (
        [{"name": "身份证", "original": True}],
        [1, 3],
        5,
    )


def test_rejected_rows_are_named_with_line_field_code_and_reason(tmp_path: Path) -> None:
    content = (
        'hallCode,hallName,areaCode,hallKind\nH1,"两行\n名称",320102,hall\nH2,x,,hall\nH3,x,320102\nH4,x,12345,棚\n'
    )
    report = imports.run("halls", written(tmp_path / "halls.csv", content, "utf-8"), None, NOW)
    assert counts(report) == "4 read, 1 created, 0 updated, 0 unchanged, 0 parked, 3 rejected"
    assert report.rejected_path == tmp_path / "halls.csv.rejected.csv"
    assert [(r["line"], r["field"], r["code"]) for r in lines(report.rejected_path)] == [
        ("4", "areaCode", "required"), ("5", "", "columns"), ("6", "hallKind", "unknown_value"), ("6", "areaCode", "bad_code"),
    ]  # fmt: skip
    assert [(r["line"], r["outcome"]) for r in lines(report.report_path)] == [
        ("2", "created"), ("4", "rejected"), ("5", "rejected"), ("6", "rejected"),
    ]  # fmt: skip
    good = imports.run(
        "halls", written(tmp_path / "halls.csv", "hallCode,hallName,areaCode\nH1,好,320102\n", "utf-8"), None, NOW
    )
    assert good.rejected_path is None
    assert not (tmp_path / "halls.csv.rejected.csv").exists(), "what an earlier run left does not mislead"


def test_a_key_that_stands_twice_is_said(tmp_path: Path) -> None:
    content = ORGANS + "11320102014000003C,玄武区民政局,320102\n"
    report = imports.run("organs", written(tmp_path / "organs.csv", content, "utf-8"), None, NOW)
    assert counts(report) == "3 read, 2 created, 0 updated, 1 unchanged, 0 parked, 0 rejected"
    assert "编号重复：与第 2 行相同" in lines(report.report_path)[2]["warnings"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"\xff\xfe\x00\xd8", "file_unreadable"),
        ("a.csv", b"a,b\n\x80,\xff\n", "file_unreadable"),
        ("a.csv", b"orgcode,orgcode\n1,2\n", "file_unreadable"),
        ("a.csv", b"foo,bar\n1,2\n", "no_known_column"),
        ("a.csv.gz", gzip.compress(b"orgcode\n1\n" * 9, mtime=0)[:-9], "file_unreadable"),
        ("a.xlsx", b"not a zip", "file_unreadable"),
        ("a.pdf", b"", "file_unreadable"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Refused) as no:
        imports.run("organs", tmp_path / name, None, NOW)
    assert no.value.code == words
    assert not list(tmp_path.glob("*.report.csv"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="不存在"):
        imports.run("organs", tmp_path / "none.csv", None, NOW)


# Maps


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ('kind = "halls"', "是 halls 的映射"),
        ('kind = "organs"\n[columns]\nfoo = "a"', "没有这样的字段：foo"),
        ('kind = "organs"\nunknown = 1', "unknown"),
        ('kind = "organs"\n[derive.orgcode]\nfrom = ["a"]\nmatch = "("', "derive.orgcode"),
        ('kind = "organs"\n[derive.orgcode]\nfrom = ["a"]\nprefix = "{nope}"', "derive.orgcode"),
        ('kind = "organs"\ndirection = "best_is_one"', "direction"),
        ('kind = "organs"\ncreate = ["items"]', "create"),
        ('kind = "organs"\n[dates]\nzone = "Mars/Base"', "Mars/Base"),
        ('kind = "organs"\n[columns]\norgcode = "代码"', "文件没有映射所说的列：代码"),
        ("kind = ", "映射"),
    ],
)
def test_a_map_that_cannot_be_meant_is_refused_with_the_reason(tmp_path: Path, toml: str, words: str) -> None:
    (tmp_path / "m.toml").write_text(toml, encoding="utf-8")
    with pytest.raises(Refused, match=words):
        imports.run("organs", written(tmp_path / "o.csv", ORGANS, "utf-8"), tmp_path / "m.toml", NOW)


def test_a_map_renames_translates_derives_and_says_what_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(
        """
        kind = "halls"
        [constants]
        areaCode = "320102"
        [columns]
        hallName = "名称"
        hallKind = "类别"
        [derive.hallCode]
        from = ["编号", "备用编号"]
        first = true
        match = "[0-9]+"
        prefix = "H-"
        [values.hallKind]
        "大厅" = "hall"
        "村" = "village"
        [warn."备注"]
        "停用" = "来源标为停用"
        """,
        encoding="utf-8",
    )
    content = "编号,备用编号,名称,类别,备注\nNo.7,,甲,村,停用\n,8,乙,大厅,\n9,,丙,棚,\n"
    report = imports.run("halls", written(tmp_path / "h.csv", content, "gb18030"), tmp_path / "m.toml", NOW)
    assert counts(report) == "3 read, 2 created, 0 updated, 0 unchanged, 0 parked, 1 rejected"
    assert {(h.code, h.kind) for h in queries.snapshot().halls.values()} == {("H-7", "village"), ("H-8", "hall")}
    assert (
        lines(report.report_path)[0]["warnings"].startswith("来源标为停用")
        or "来源标为停用" in lines(report.report_path)[0]["warnings"]
    )
    assert lines(report.rejected_path)[0]["code"] == "not_in_map"


# Services and ratings


SERVICES = (
    "projectNo,serviceNumber,taskCode,orgcode,areaCode,serviceTime,proStatus,mobile\n"
    f"P1,1,{TASK},{BUREAU},320102000000,2026-02-27 10:00:00,3,13800000000\n"
    f"P2,1,{TASK[:30]}X,{BUREAU},320102000000,2026-02-27 10:00:00,3,\n"
    f"P3,100,{TASK},{BUREAU},320102000000,2026-02-30 10:00:00,3,\n"
)


@pytest.fixture
def served(tmp_path: Path, bureau: str, rules_in_force: None) -> imports.ImportReport:
    items.put_items([{"taskCode": TASK, "taskName": "婚姻登记", "orgcode": bureau}], NOW)
    return imports.run("services", written(tmp_path / "s.csv", SERVICES, "utf-8"), None, NOW)


def test_services_are_taken_parked_and_rejected_and_no_person_is_in_the_reports(served: imports.ImportReport) -> None:
    assert counts(served) == "3 read, 1 created, 0 updated, 0 unchanged, 1 parked, 1 rejected"
    assert Parked.objects.get(kind="service").waits_for == f"item:{TASK[:30]}X"
    assert [(r["line"], r["field"]) for r in lines(served.rejected_path)] == [
        ("4", "serviceTime"),
        ("4", "serviceNumber"),
    ]
    assert "13800000000" not in served.report_path.read_text(encoding="utf-8")


def rate(path: Path, satisfaction: int, direction: str) -> imports.ImportReport:
    toml = f'kind = "evaluations"\n{direction}\n[columns]\n' + "".join(
        f'{name} = "{name}"\n'
        for name in ("projectNo", "serviceNumber", "satisfaction", "pf", "assessTime", "writingEvaluation")
    )
    (path / "e.toml").write_text(toml, encoding="utf-8")
    content = "projectNo,serviceNumber,satisfaction,pf,assessTime,writingEvaluation\n"
    content += f"P1,1,{satisfaction},1,2026-02-28 10:00:00,等了很久\nP9,1,1,1,2026-02-28 10:00:00,\n"
    return imports.run("evaluations", written(path / "e.csv", content, "utf-8"), path / "e.toml", NOW)


@pytest.mark.usefixtures("served")
def test_ratings_come_in_with_the_direction_their_map_declares(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="direction"):
        rate(tmp_path, 5, "")
    report = rate(tmp_path, 5, 'direction = "best_is_one"')
    assert counts(report) == "2 read, 1 created, 0 updated, 0 unchanged, 1 parked, 0 rejected"
    assert Evaluation.objects.get().level == 1, "5 is the worst where 1 is the best"
    again = rate(tmp_path, 5, 'direction = "best_is_one"')
    assert counts(again) == "2 read, 0 created, 0 updated, 1 unchanged, 1 parked, 0 rejected"
    other = rate(tmp_path, 4, 'direction = "best_is_one"')
    assert counts(other) == "2 read, 0 created, 0 updated, 0 unchanged, 1 parked, 1 rejected"
    assert lines(other.rejected_path)[0]["code"] == "already_rated"


@pytest.mark.usefixtures("served")
def test_a_file_of_ratings_is_a_batch_whose_every_line_is_kept(tmp_path: Path) -> None:
    report = rate(tmp_path, 5, 'direction = "best_is_one"')
    batch = Batch.objects.get()
    assert (batch.lane, batch.name, report.notes) == ("import", "e.csv", [f"批次 {batch.id}"])
    assert Evaluation.objects.get().batch == batch.id
    assert [line.status for _, line in batches.lines_of(batch.id)] == ["created", "parked"]
    rate(tmp_path, 4, 'direction = "best_is_one"')
    assert [(r.lane, r.reason, r.state) for r in Rejected.objects.all()] == [("import", "already_rated", "superseded")]


@pytest.mark.usefixtures("served")
def test_what_no_map_can_read_of_a_file_of_ratings_is_kept(tmp_path: Path) -> None:
    toml = 'kind = "evaluations"\ndirection = "best_is_five"\n'
    (tmp_path / "e.toml").write_text(toml, encoding="utf-8")
    content = '{"projectNo": "P1", "serviceNumber": 1, "satisfaction": 9, "pf": 1}\n{broken\n'
    report = imports.run("evaluations", written(tmp_path / "e.ndjson", content, "utf-8"), tmp_path / "e.toml", NOW)
    assert report.rejected == 2
    assert Rejected.objects.filter(lane="import", state="open").count() == 2
    assert [line.status for _, line in batches.lines_of(Batch.objects.get().id)] == ["rejected", "rejected"]


def test_the_command_line_says_what_it_made_and_exits_2_if_a_row_was_rejected(
    fresh_database: Database, shared_data: Path, tmp_path: Path
) -> None:
    def hcp(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "haochaping.project.cli", *words]
        env = fresh_database.env | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(command, env=env, cwd=tmp_path, check=False, capture_output=True, text=True)

    done = hcp(
        "import", "items", str(shared_data / "items_guangan_511602.csv"), "--map", str(MAPS / "items_guangan.toml")
    )
    assert "1135 read, 1135 created, 0 updated, 0 unchanged, 0 parked, 0 rejected" in done.stdout, done.stderr
    assert done.returncode == 0
    assert (tmp_path / "items_guangan_511602.csv.report.csv").exists()
    done = hcp("import", "organs", str(written(tmp_path / "o.csv", ORGANS + "x,,\n", "gb18030")))
    assert "3 read, 2 created, 0 updated, 0 unchanged, 0 parked, 1 rejected" in done.stdout, done.stderr
    assert done.returncode == 2
    assert (tmp_path / "o.csv.rejected.csv").exists()
    assert hcp("import", "organs", "none.csv").returncode == 1
    done = hcp("export", "items", "--out", "items.xlsx")
    assert done.returncode == 0, done.stderr
    assert "1135" in done.stdout + done.stderr
