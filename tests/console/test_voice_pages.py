"""意见箱, 综合点评 and 主动征询 in the console."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from haochaping.channels.comments import commands as comments
from haochaping.channels.comments import queries as targets
from haochaping.channels.forms import Draft
from haochaping.channels.models import Letter, Questionnaire
from haochaping.evaluation.models import Evaluation
from haochaping.kit.clock import held_at
from tests.cast import NANJING, NOW
from tests.channels.test_paper import png
from tests.console.stage import text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
LETTER = {
    "way": "box",
    "number": "YJX-001",
    "day": "2026-06-10",
    "area": "320100000000",
    "words": "我叫王小明，电话13912345678，饮水机坏了",
    "level": "",
}


@pytest.fixture(autouse=True)
def hour():
    with held_at(LATER):
        yield


def test_a_letter_is_registered_found_masked_and_noted(as_):
    operator = as_("operator")
    files = {"scan": SimpleUploadedFile("信.png", png())}
    page = operator.post("/console/letters/new", LETTER | files, follow=True).content.decode()
    assert "没有写明满意程度，不算评价" in page
    assert "13912345678" not in page
    kept = Letter.objects.get()
    assert operator.get(f"/console/letters/{kept.pk}/scan")["X-Content-Type-Options"] == "nosniff"
    note = {"text": "已请后勤修好", "organ": "南京市市场监督管理局"}
    assert (
        "转南京市市场监督管理局"
        in operator.post(f"/console/letters/{kept.pk}/note", note, follow=True).content.decode()
    )
    assert operator.post(f"/console/letters/{kept.pk}/note", {"text": ""}).status_code == 422
    assert "YJX-001" in operator.get("/console/letters/?kind=opinions").content.decode()
    assert "还没有登记来信" in operator.get("/console/letters/?kind=ratings").content.decode()
    for address in ("", "scan", "note"):
        assert as_("foreign_city").get(f"/console/letters/{kept.pk}/{address}").status_code in {404, 405}
    assert as_("rectifier").get("/console/letters/").status_code == 403


def test_looking_for_whom_it_is_about_stores_nothing_and_keeps_what_was_typed(as_):
    operator = as_("operator")
    page = operator.post("/console/letters/new", LETTER | {"q": "市场", "find": "1"}).content.decode()
    assert f'value="organ:{NANJING}"' in page
    assert "饮水机坏了" in page
    assert not Letter.objects.exists()
    operator.post("/console/letters/new", LETTER | {"target": f"organ:{NANJING}", "level": "1", "area": ""})
    rated = Evaluation.objects.get()
    assert (rated.level, rated.organ_code) == (1, NANJING)
    page = operator.get(f"/console/letters/{Letter.objects.get().pk}/").content.decode()
    assert "/console/orders/CP" in page


def test_what_is_wrong_with_a_letter_stands_at_its_field(as_):
    answer = as_("operator").post("/console/letters/new", LETTER | {"number": "", "words": "", "area": ""})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="number-wrong"' in page
    assert 'id="words-wrong"' in page
    again = as_("operator")
    again.post("/console/letters/new", LETTER)
    assert "一封信只登记一次" in again.post("/console/letters/new", LETTER).content.decode()
    bad = LETTER | {"number": "2", "scan": SimpleUploadedFile("x.svg", b"<svg/>")}
    assert "只接受 JPG" in again.post("/console/letters/new", bad).content.decode()


def test_comments_are_shown_masked_by_level_to_those_of_the_area(as_):
    target = targets.target("hall:NJ")
    assert target
    comments.comment(target, Draft(level="1", words="我叫王小明，没人管"), browser="a", pf=1, now=NOW)
    comments.comment(target, Draft(level="5"), browser="b", pf=1, now=NOW)
    page = as_("city").get("/console/comments/").content.decode()
    assert "没人管" in page
    assert "小明" not in page
    assert "/console/orders/CP" in page
    assert "没人管" not in as_("city").get("/console/comments/?level=5").content.decode()
    assert "还没有综合点评" in as_("foreign_city").get("/console/comments/").content.decode()
    assert as_("operator").get("/console/comments/").status_code == 403


def typed(**more):
    return {
        "title": "大厅延时服务征询",
        "purpose": "决定周末是否开放窗口",
        "area": "320100000000",
        "starts": "2026-06-10",
        "ends": "2026-06-20",
        "text-1": "您满意吗？",
        "ask-1": "level",
        "text-2": "常什么时候来？",
        "ask-2": "single",
        "options-2": "上午\r\n周末",
        "required-2": "1",
    } | more


def test_a_questionnaire_goes_from_draft_to_results(as_):
    city, supervisor = as_("city"), as_("supervisor")
    page = city.post("/console/questionnaires/new", typed(**{"options-2": "上午"}))
    assert (page.status_code, "2 至 10 个选项" in page.content.decode()) == (422, True)
    address = city.post("/console/questionnaires/new", typed())["Location"]
    assert "上午\n周末" in city.get(f"{address}edit").content.decode()
    city.post(f"{address}edit", typed(title="大厅周末开放征询"))
    city.post(f"{address}send")
    assert city.post(f"{address}approve").status_code == 403
    assert city.get(f"{address}edit").status_code == 409
    assert "等另一个人审批" in city.get(address).content.decode()
    assert supervisor.post(f"{address}return", {"remark": ""}).status_code == 422
    supervisor.post(f"{address}approve")
    found = Questionnaire.objects.get()
    assert f"/q/{found.code}" in city.get(address).content.decode()
    for n in range(6):
        Client().post(f"/q/{found.code}", {"q1": "0", "q2": str(n % 2)})
    page = text(city.get(address).content.decode())
    assert "回答 6 份" in page
    assert "3 / 6 50.0%" in page
    sheet = city.get(f"{address}results.csv")
    assert "周末" in sheet.content.decode("utf-8-sig")
    assert sheet["X-Row-Count"] == "7"
    assert as_("foreign_city").get(address).status_code == 404
    assert city.post(f"{address}close").status_code == 422
    city.post(f"{address}close", {"sure": "1"})
    assert "已结束" in city.get(address).content.decode()
    assert as_("leader").get("/console/questionnaires/new").status_code == 403
    assert as_("operator").get("/console/questionnaires/").status_code == 403


def test_whom_to_ask_is_looked_for_without_losing_the_questions(as_):
    page = as_("city").post("/console/questionnaires/new", typed(q="NJ", find="1")).content.decode()
    assert 'value="hall:NJ"' in page
    assert "常什么时候来" in page
    assert "window:" not in page
    assert not Questionnaire.objects.exists()
