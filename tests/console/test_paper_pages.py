"""纸质评价 in the console: print, open a batch, key by keyboard, decide, see how far it is."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from haochaping.accounts.rules import Role, Scope
from haochaping.channels.models import Entry, PaperBatch, PaperSheet
from haochaping.channels.paper import commands, printing, queries, rules
from haochaping.evaluation.models import Evaluation
from haochaping.kit.clock import held_at
from tests.cast import NOW, _person
from tests.channels.test_paper import png
from tests.console.stage import text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)


@pytest.fixture(autouse=True)
def hour():
    with held_at(LATER):
        yield


@pytest.fixture
def second(cast):
    return _person("second", "复录员", Role.OPERATOR, Scope("3201"), NOW)


@pytest.fixture
def run(cast):
    return commands.print_run("NJ", "", 10, actor=cast.city, now=NOW)


@pytest.fixture
def batch(run, cast):
    return commands.open_batch("NJ", NOW.date(), 3, actor=cast.city, now=NOW)


def number(run, n=0):
    return rules.number_of(run.year, run.first + n)


def test_numbers_are_reserved_and_the_forms_come_as_one_pdf(as_):
    city = as_("city")
    city.post("/console/paper/", {"do": "print", "hall": "NJ政务服务中心", "window": "NJ-A01", "forms": "2"})
    page = city.get("/console/paper/").content.decode()
    address = re.search(r"/console/paper/runs/\d+-1\.pdf", page)
    assert address
    answer = city.get(address[0])
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert city.get(address[0].replace("-1.pdf", "-2.pdf")).status_code == 404
    assert as_("foreign_city").get(address[0]).status_code == 404


def test_a_form_says_all_that_is_wanted_of_it(run):
    page = printing.html(run, 1, NOW.date())
    said = text(page)
    for word in (
        "非常满意",
        "非常不满意",
        "115",
        "510",
        "办件编号",
        "同意公开我写的文字",
        "允许被评单位联系我",
        "12345",
    ):
        assert word in said
    for each in printing.numbers(run):
        assert page.count(rules.in_parts(each)) == 2, "on the form and on the part that is torn off"
    assert page.count("<article>") == 10


def test_a_form_fits_its_page(cast):
    from weasyprint import CSS, HTML

    run = commands.print_run("NJ", "NJ-A01", 2, actor=cast.city, now=NOW)
    document = HTML(string=printing.html(run, 1, NOW.date())).render(stylesheets=[CSS(filename=printing.STYLE)])
    assert len(document.pages) == 2, "one form a page"


def test_many_forms_come_in_files_of_twenty(cast):
    run = commands.print_run("NJ", "", 45, actor=cast.city, now=NOW)
    assert printing.parts(run) == 3
    printed = [printing.html(run, part, NOW.date()).count("<article>") for part in (1, 2, 3)]
    assert printed == [20, 20, 5]


def test_what_cannot_be_printed_says_why(as_):
    city = as_("city")
    for given, word in (
        ({"hall": "SZ", "forms": "2"}, "不能代评价人录入"),
        ({"hall": "NJ", "forms": "999"}, "1 至 200"),
    ):
        answer = city.post("/console/paper/", {"do": "print"} | given)
        assert answer.status_code in {403, 422}
        assert word in answer.content.decode()


def test_two_people_key_a_form_and_it_is_taken_in(as_, second, run):
    city, other = as_("city"), as_("second")
    answer = city.post("/console/paper/", {"do": "open", "hall": "NJ", "day": "2026-06-10", "forms": "2"})
    key = answer["Location"]
    typed = {"number": number(run), "level": "1", "words": "等太久了"}
    assert "等另一个人复录" in city.post(key, typed, follow=True).content.decode()
    again = city.post(key, typed)
    assert (again.status_code, "第二遍要由另一个人" in again.content.decode()) == (409, True)
    assert "等太久了" not in other.get(key).content.decode()
    assert "办结前这里不显示" in other.get(f"/console/paper/forms/{number(run)}/").content.decode()
    assert "已入库" in other.post(key, typed, follow=True).content.decode()
    assert Evaluation.objects.get().level == 1
    found = city.get("/console/paper/", {"number": rules.in_parts(number(run))})
    assert found["Location"] == f"/console/paper/forms/{number(run)}/"
    assert "/r/HP" in city.get(found["Location"]).content.decode()


def test_what_was_typed_wrongly_stays_and_is_named_at_its_field(as_, run, batch):
    answer = as_("operator").post(
        f"/console/paper/{batch.pk}/key", {"number": number(run), "level": "7", "words": "谢谢"}
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'id="k-level-wrong"' in page
    assert 'value="谢谢"' in page
    assert re.search(r'id="k-level"[^>]* autofocus', page), "the cursor stands where it is to be put right"


def test_readings_that_differ_are_laid_side_by_side_and_decided(as_, second, run, batch, cast):
    commands.attach(batch, number(run), "a.png", png(), actor=cast.city, now=NOW)
    key, form = f"/console/paper/{batch.pk}/key", f"/console/paper/forms/{number(run)}/"
    as_("operator").post(key, {"number": number(run), "level": "2", "words": "等了两小时"})
    answer = as_("second").post(key, {"number": number(run), "level": "1", "words": "等了两小时"})
    assert answer["Location"] == form
    page = as_("second").get(form).content.decode()
    assert page.count('<tr class="differs">') == 1
    assert 'id="k-level" name="level" value=""' in page, "nobody just presses on"
    assert 'name="words" value="等了两小时"' in page
    assert "请由复录人或第三个人" in as_("operator").get(form).content.decode()
    blind = as_("second").post(form + "decide", {"level": "1", "words": "等了两小时"})
    assert (blind.status_code, "请先对照扫描件" in blind.content.decode()) == (422, True)
    as_("second").post(form + "decide", {"level": "1", "words": "等了两小时", "seen": "1"})
    assert Evaluation.objects.get().level == 1
    assert Entry.objects.get().proof == number(run)


def test_scans_come_with_the_batch_and_are_seen_by_those_of_the_area_alone(as_, run, batch):
    city = as_("city")
    files = [SimpleUploadedFile(f"{number(run)}.png", png()), SimpleUploadedFile("无编号.png", png())]
    page = city.post(f"/console/paper/{batch.pk}/scans", {"scans": files}, follow=True).content.decode()
    assert "收到扫描件 1 张" in page
    assert "文件名里没有 10 位的评价表编号" in page
    sheet = PaperSheet.objects.get()
    address = f"/console/paper/forms/{sheet.number}/scans/{sheet.scan}"
    answer = city.get(address)
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert "sandbox" in answer["Content-Security-Policy"]
    assert answer["Content-Disposition"].startswith("inline")
    assert address in city.get(f"/console/paper/{batch.pk}/key").content.decode(), (
        "the next form with a scan is offered"
    )
    assert as_("foreign_city").get(address).status_code == 404
    assert as_("rectifier").get(address).status_code == 403


def test_the_sampling_check_shows_the_scan(as_, second, run, batch, cast):
    from haochaping.channels.desk import queries as desk

    commands.attach(batch, number(run), "a.png", png(), actor=cast.city, now=NOW)
    for actor in (cast.operator, second):
        sheet = commands.key(batch, {"number": number(run), "level": "5"}, actor=actor, now=NOW)
    (kept,) = desk.scans([sheet.event_id])[sheet.event_id]
    assert desk.scan(cast.city, kept).startswith(b"\xff\xd8")
    from haochaping.kit.errors import Refused

    with pytest.raises(Refused):
        desk.scan(cast.foreign_city, kept)


def test_a_batch_shows_how_far_it_is_is_recounted_and_has_forms_set_aside(as_, run, batch):
    city, address = as_("city"), f"/console/paper/{batch.pk}/"
    city.post(f"{address}recount", {"forms": "4"})
    assert PaperBatch.objects.get().forms == 4
    assert city.post(f"{address}recount", {"forms": "x"}).status_code == 422
    assert city.post(f"{address}void", {"number": number(run), "reason": ""}).status_code == 422
    city.post(f"{address}void", {"number": number(run), "reason": "没有勾选满意度"})
    page = text(city.get(address).content.decode())
    assert "1 / 4 已办结" in page
    assert "没有勾选满意度" in page
    assert "请报市级主管" in as_("operator").get(address).content.decode()
    assert as_("operator").post(f"{address}void", {"number": number(run, 1), "reason": "看不清楚"}).status_code == 403
    assert as_("foreign_city").get(address).status_code == 404
    assert queries.progress([batch])[batch.pk].void == 1


def test_nothing_there_yet_says_what_to_do(as_, run):
    page = as_("operator").get("/console/paper/").content.decode()
    assert "还没有录表批次" in page
    assert as_("operator").get("/console/paper/", {"number": "123"}).status_code == 422
    assert as_("operator").get("/console/paper/", {"number": number(run, 5)}).status_code == 404
