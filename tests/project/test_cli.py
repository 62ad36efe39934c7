"""The command line as an operator meets it (contract §2)."""

from __future__ import annotations

import csv
import io
import os
from datetime import date

import pytest

from haochaping.accounts.models import App, Person
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.config import ROOT
from haochaping.policy import queries as policy
from haochaping.project.cli import main
from tests.cast import BAD, NANJING, NOW, forget, settle, wire_rating, wire_service

pytestmark = pytest.mark.django_db


@pytest.fixture
def province():
    cast = settle()
    admit_services([wire_service("A"), wire_service("B")], source="test", now=NOW)
    admit(
        [read_evaluation(wire_rating("A", **BAD), source="test"), read_evaluation(wire_rating("B"), source="test")],
        now=NOW,
    )
    return cast


def test_an_app_is_created_for_an_organ_and_its_secret_shown_once(province, capsys):
    assert main(["app", "create", "新平台", "--organ", NANJING]) == 0
    told = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    app = App.objects.get(app_id=told["app_id"])
    assert (app.organ_code, app.area) == (NANJING, "3201")
    assert len(told["secret"]) > 30


def test_an_app_for_an_unknown_organ_is_refused_with_the_remedy(province, capsys):
    assert main(["app", "create", "新平台", "--organ", "11320100000000000X"]) == 1
    assert "hcp import organs" in capsys.readouterr().err


def test_an_app_may_be_created_with_the_sites_its_links_lead_back_to(province, capsys):
    sites = ["--return-origin", "https://a.example.gov.cn", "--return-origin", "https://B.example.gov.cn/"]
    assert main(["app", "create", "门户", "--organ", NANJING, *sites]) == 0
    assert App.objects.get(name="门户").return_origins == ["https://a.example.gov.cn", "https://b.example.gov.cn"]
    assert main(["app", "create", "门户", "--organ", NANJING, "--return-origin", "http://a.example.gov.cn"]) == 1
    assert "不是网站地址" in capsys.readouterr().err


def test_a_person_is_created_with_a_role_and_a_password_that_is_not_guessed_at_once(province, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("12345678\n"))
    assert main(["person", "create", "wang", "王某", "--role", "handler", "--organ", NANJING]) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("brave-otter-99\n"))
    assert main(["person", "create", "wang", "王某", "--role", "handler", "--organ", NANJING]) == 0
    scope = Person.objects.get(username="wang").actor().scopes[0]
    assert scope.organ.endswith(f"/{NANJING}/")


def test_a_pack_is_loaded_and_shown_in_words(province, capsys):
    assert main(["policy", "load", str(ROOT / "policies" / "shenzhen.toml")]) == 0
    assert main(["policy", "show"]) == 0
    told = capsys.readouterr().out
    assert "4403" in told
    assert "默认" in told


def test_a_pack_with_a_wrong_key_is_refused_by_name(province, capsys, tmp_path):
    text = (ROOT / "policies" / "shenzhen.toml").read_text(encoding="utf-8")
    (tmp_path / "odd.toml").write_text(text + "\n[surprise]\nx = 1\n", encoding="utf-8")
    assert main(["policy", "load", str(tmp_path / "odd.toml")]) == 1
    assert "surprise" in capsys.readouterr().err


def test_next_years_days_are_loaded_and_known_from_then_on(province, capsys, tmp_path):
    assert not policy.calendar().knows(2027)
    file = tmp_path / "2027.csv"
    file.write_text(
        "date,is_workday,name\n2027-01-01,0,元旦\n2027-02-06,0,春节\n2027-02-20,1,春节调休\n", encoding="utf-8"
    )
    assert main(["calendar", "load", str(file), "--source", "测试通知"]) == 0
    forget()
    calendar = policy.calendar()
    assert calendar.knows(2027)
    assert not calendar.is_workday(date(2027, 1, 1))
    assert calendar.is_workday(date(2027, 2, 20))


def test_a_calendar_with_a_wrong_line_names_it(province, capsys, tmp_path):
    file = tmp_path / "2027.csv"
    file.write_text("date,is_workday,name\n2027-01-01,maybe,元旦\n", encoding="utf-8")
    assert main(["calendar", "load", str(file), "--source", "测试通知"]) == 1
    assert "第 2 行" in capsys.readouterr().err


def test_official_regions_are_loaded_by_prefix(province, capsys):
    assert main(["regions", "3212"]) == 0
    assert int(capsys.readouterr().out.split()[0]) > 50


@pytest.mark.parametrize(
    ("kind", "rows"), [("organs", 3), ("items", 2), ("services", 2), ("evaluations", 2), ("orders", 1)]
)
def test_an_export_is_complete_and_says_how_many_rows(province, capsys, tmp_path, kind, rows):
    out = tmp_path / f"{kind}.csv"
    assert main(["export", kind, "--out", str(out)]) == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == rows
    assert f"{rows} rows" in capsys.readouterr().err


def test_figures_are_exported_with_their_parts(province, capsys, tmp_path, settings):
    settings.LAKE = tmp_path / "lake"
    assert main(["lake", "rebuild"]) == 0
    out = tmp_path / "figures.csv"
    words = ["--filter", "metrics=bad_rate", "--filter", "from=2026-06-01", "--filter", "to=2026-06-30"]
    assert main(["export", "statistics", "--out", str(out), *words]) == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["numerator"], row["denominator"]) == ("1", "2")
    assert main(["export", "open-data", "--out", str(tmp_path / "open.csv")]) == 0


def test_check_says_what_is_well_and_what_needs_somebody(province, capsys):
    assert main(["check"]) == 1
    told = capsys.readouterr().out
    assert "密码算法自检通过" in told
    assert "2027" in told, "next year's calendar is not announced"


def test_an_unknown_command_names_those_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["frobnicate"])
    assert "demo" in capsys.readouterr().err


def test_whoever_reads_only_the_first_lines_of_an_export_sees_no_traceback(province, monkeypatch, capfd):
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as closed, monkeypatch.context() as patch:
        patch.setattr("sys.stdout", closed)
        assert main(["export", "regions"]) == 1
    assert "Traceback" not in capfd.readouterr().err
