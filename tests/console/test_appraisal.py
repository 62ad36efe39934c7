"""月度考核 through the console: live, frozen, published, corrected; who sees whose score; entries by two people; appeals."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction

from haochaping.accounts.models import Person
from haochaping.analytics.appraisal import commands, entering, objections, queries
from haochaping.analytics.appraisal.models import Appraisal, Correction, Entry, Objection, Score
from haochaping.analytics.appraisal.rules import Kind
from haochaping.analytics.commands import refresh_lake
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from haochaping.kit.errors import Refused
from haochaping.messaging.notices import notices_of
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Order
from tests.cast import BAD, NANJING, logged_in, wire_rating, wire_service
from tests.console.appraisal_stage import AREA, CLERK, MAY, NOW, SERVED, Month, entered, month_of, published
from tests.console.stage import form, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from haochaping.analytics.appraisal.drafting import Line
    from tests.cast import Cast

pytestmark = pytest.mark.django_db
SHEET = f"/console/analysis/appraisal/?area={AREA}&month=2026-05"
OF = f"/console/analysis/appraisal/of/{AREA}/2026-05/"


@pytest.fixture
def may(cast: Cast) -> Iterator[Month]:
    with held_at(NOW):
        yield month_of(cast)


def at(username: str) -> Client:
    return logged_in(Person.objects.get(username=username))


def unit(live: bool = True) -> Line:
    (line,) = queries.sheet(AREA, MAY, now=NOW, live=live).units
    return line


def score(kind: Kind, subject: str = "") -> Score:
    found = Score.objects.filter(appraisal__state="approved", kind=kind)
    return found.get(subject=subject) if subject else found.get()


def test_a_units_score_adds_up_by_hand(may):
    """56 good of 60: Wilson 84.07 %. Of four orders three were answered in time, verified and passed; nobody called back yet."""
    entered(may)
    line = unit()
    got = {part.key: (part.numerator, part.denominator, part.points) for part in line.parts}
    assert got["good_rate"][:2] == (56, 60)
    assert got["good_rate"][2] == 5.99, "25 × (84.07 − 80) ÷ 17"
    assert got["active_rate"] == (60, 60, 5.0)
    assert got["on_time_rate"] == (3, 4, 2.5), "15 × (75 − 70) ÷ 30"
    assert got["reply_rate"] == (3, 4, 1.67), "10 × (75 − 70) ÷ 30"
    assert got["rectified_rate"][:2] == (0, 4)
    assert got["callback_satisfied_rate"] == (0, 0, None), "nobody was asked"
    assert got["live"] == (80.0, None, 3.2)
    assert got["requests"] == (None, None, None), "not entered"
    assert got["refused"] == (0, None, 0.0)
    assert line.total.present == 25 + 5 + 15 + 15 + 10 + 4
    assert line.total.value == pytest.approx(100 * (5.99 + 5 + 2.5 + 1.67 + 3.2) / 74, abs=0.01)
    assert (line.place.rank, line.place.of, line.sample) == (1, 1, 60)


def test_only_service_faults_are_charged_to_a_clerk_and_fewer_ratings_than_the_least_give_no_score(may):
    found = {line.subject: line for line in queries.sheet(AREA, MAY, now=NOW).people}
    part = found[CLERK].parts[0]
    assert (part.numerator, part.denominator) == (2, 40), "attitude and efficiency; the fault of policy is nobody's"
    assert found[CLERK].total.value == 50.0, "2 in 40 are 5 in a hundred, 10 points each"
    assert found["NJ-0002"].total.value == 100.0
    assert found["NJ-0002"].place.rank is None


def test_a_sheet_is_frozen_while_the_data_change_and_today_is_said_beside_it(may):
    made = published(may)
    before = unit(live=False)
    late = [
        wire_service("NJ-LATE", **dict.fromkeys(("serviceTime", "acceptDate", "resultDate"), "2026-05-12 10:00:00"))
    ]
    admit_services(late, source="test", now=SERVED)
    admit(
        [read_evaluation(wire_rating("NJ-LATE", assessTime="2026-05-12 10:30:00"), source="t", best_is_one=False)],
        now=SERVED,
    )
    refresh_lake(now=NOW)
    assert unit(live=False) == before, "what was published stays"
    assert unit().part("good_rate").numerator == 57
    page = text(at("city").get(f"/console/analysis/appraisal/sheets/{made.pk}/changes").content.decode())
    assert "56 ÷ 60 57 ÷ 61" in page
    (changed, *_) = [one for one in queries.changed(made, now=NOW) if one.line.kind is Kind.ORGAN]
    assert {old.key for old, _ in changed.parts} == {"good_rate", "active_rate"}
    for sql in (Score.objects.filter(appraisal=made).update, Score.objects.filter(appraisal=made).delete):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql(name="x") if sql.__name__ == "update" else sql()


def test_the_frozen_sheet_is_reproduced_to_the_last_figure_by_a_recount_of_unchanged_data(may):
    assert queries.changed(published(may), now=NOW + timedelta(days=40)) == []


def test_it_is_published_by_another_person_than_the_one_who_drew_it_up(may):
    city = at("city")
    page = city.get(SHEET).content.decode()
    assert "提交考核" in page
    sent = city.post(OF + "submit", {"note": "五月"}, follow=True)
    assert "待公布" in sent.content.decode()
    made = Appraisal.objects.get()
    with pytest.raises(Refused, match="不能自己公布"):
        commands.publish(made.pk, actor=may.cast.city, now=NOW)
    assert city.post(f"/console/analysis/appraisal/sheets/{made.pk}/do/publish").status_code == 403
    done = at("leader").post(f"/console/analysis/appraisal/sheets/{made.pk}/do/publish", follow=True)
    assert "已公布" in text(done.content.decode())
    made.refresh_from_db()
    assert (made.state, made.submitted_by, made.decided_by) == ("approved", "南京主管", "领导")
    assert any("考核结果已公布" in one.text for one in notices_of(may.cast.rectifier.id))
    assert any("考核结果已公布" in one.text for one in notices_of(may.clerk.id))
    with pytest.raises(Refused, match="已经提交或公布"):
        commands.submit(AREA, MAY, actor=may.cast.city, now=NOW)


def test_a_sheet_sent_back_stays_to_be_read_and_the_next_one_is_drawn_up_anew(may):
    made = commands.submit(AREA, MAY, actor=may.cast.city, now=NOW)
    with pytest.raises(Refused, match="理由"):
        commands.refuse(made.pk, reason=" ", actor=may.second, now=NOW)
    commands.refuse(made.pk, reason="先补填指标", actor=may.second, now=NOW)
    again = commands.submit(AREA, MAY, actor=may.cast.city, now=NOW)
    assert (again.number, Score.objects.filter(appraisal=made).count()) == (2, 3)
    assert "先补填指标" in at("city").get(f"/console/analysis/appraisal/sheets/{made.pk}/").content.decode()


def test_a_month_is_not_handed_in_before_it_has_settled_or_while_entries_wait(may):
    early = NOW - timedelta(days=3)
    with pytest.raises(Refused, match="齐全"):
        commands.submit(AREA, MAY, actor=may.cast.city, now=early)
    entering.enter(AREA, MAY, organ=NANJING, key="live", value="9", basis="通报", actor=may.cast.city, now=NOW)
    with pytest.raises(Refused, match="1 项填报没有核对"):
        commands.submit(AREA, MAY, actor=may.cast.city, now=NOW)
    with pytest.raises(Refused, match="督办或市级主管"):
        commands.submit(AREA, MAY, actor=may.cast.foreign_city, now=NOW)


def test_who_sees_whose_score(may):
    made = commands.submit(AREA, MAY, actor=may.cast.city, now=NOW)
    assert not queries.scores_for(may.clerk).exists(), "not before publication"
    assert not queries.scores_for(may.cast.rectifier).exists()
    commands.publish(made.pk, actor=may.second, now=NOW)
    own, others, of_unit = score(Kind.CLERK, CLERK), score(Kind.CLERK, "NJ-0002"), score(Kind.ORGAN)
    sees = {
        "clerk": {own},
        "clerk2": {others},
        "rectifier": {own, others, of_unit},
        "city": {own, others, of_unit},
        "leader": {own, others, of_unit},
        "supervisor": {own, others, of_unit},
        "foreign_rectifier": set(),
        "foreign_city": set(),
        "observer": {of_unit},
        "analyst": {of_unit},
        "reviewer": {of_unit},
    }
    for username, expected in sees.items():
        browser = at(username)
        for one in (own, others, of_unit):
            status = browser.get(f"/console/analysis/appraisal/scores/{one.pk}/").status_code
            assert status == (200 if one in expected else 404), (username, one.kind, one.subject)
    page = at("clerk").get("/console/analysis/appraisal/").content.decode()
    assert "50" in page
    assert "NJ-0002" not in page
    for path in (SHEET, f"{SHEET}&tab=people"):
        assert "王窗口" not in at("clerk").get(path).content.decode()
        assert "王窗口" not in at("observer").get(path).content.decode()
    assert "王窗口" in at("rectifier").get(f"{SHEET}&tab=people").content.decode()


def test_live_scores_are_for_who_runs_the_place_and_for_the_unit_itself(may):
    person, of_unit = f"{OF}clerk/{CLERK}/", f"{OF}organ/{NANJING}/"
    for username, status in (
        ("city", 200),
        ("rectifier", 200),
        ("leader", 200),
        ("clerk", 404),
        ("observer", 404),
        ("foreign_rectifier", 404),
    ):
        browser = at(username)
        assert browser.get(person).status_code == status, username
        assert browser.get(of_unit).status_code == status, username
    assert "还没有公布" in text(at("observer").get(SHEET).content.decode())


def test_each_figure_of_rectification_opens_to_its_orders(may):
    page = at("city").get(f"{OF}organ/{NANJING}/").content.decode()
    link = f"/console/orders/?state=all&amp;organ={NANJING}&amp;since=2026-05-01&amp;until=2026-05-31"
    assert link in page
    listed = at("city").get(link.replace("&amp;", "&")).content.decode()
    numbers = Order.objects.filter(pk__in=may.orders.values()).values_list("order_no", flat=True)
    assert [number in listed for number in numbers] == [True] * 4
    faults = at("rectifier").get(f"{OF}clerk/{CLERK}/").content.decode()
    assert faults.count('data-label="工单编号"') == 2


def test_the_sheet_goes_out_as_a_workbook_with_every_part(may):
    published(may)
    answer = at("city").get(SHEET.replace("/?", "/export?"))
    assert answer.status_code == 200
    head, *rows = rows_of(answer.content)
    assert len(rows) == 6 + 5 + 3 + 2
    assert {row[head.index("口径")] for row in rows} == {"已公布"}
    kinds = {
        row[head.index("类别")] for row in rows_of(at("observer").get(SHEET.replace("/?", "/export?")).content)[1:]
    }
    assert kinds == {"单位"}, "no person in what onlookers take away"
    assert at("clerk").get(SHEET.replace("/?", "/export?")).status_code == 403


def rows_of(content: bytes) -> list[Any]:
    return [*openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True)]


# ---- entries


def test_what_one_enters_another_checks_before_it_counts(may):
    city, second = at("city"), at("city2")
    typed = {"do": "enter", "organ": "市场监督", "key": "live", "value": "87.5", "basis": "省纠风办〔2026〕5号"}
    assert city.post(OF + "entries", typed).status_code == 302
    row = Entry.objects.get()
    assert unit().part("live").numerator is None
    own = city.post(OF + "entries", {"do": "confirm", "pick": row.pk})
    assert (own.status_code, "自己填报的要由另一人核对" in own.content.decode()) == (409, True)
    assert second.post(OF + "entries", {"do": "confirm", "pick": row.pk}).status_code == 302
    assert unit().part("live").numerator == 87.5
    assert city.post(OF + "entries", typed | {"value": "60"}).status_code == 302
    assert unit().part("live").numerator == 87.5, "what was checked holds until the new value is checked too"
    second.post(OF + "entries", {"do": "confirm", "pick": Entry.objects.get(state="entered").pk})
    assert unit().part("live").numerator == 60
    assert sorted(Entry.objects.values_list("state", flat=True)) == ["confirmed", "replaced"]


def test_what_is_wrong_is_sent_back_with_its_reason(may):
    row = entering.enter(AREA, MAY, organ=NANJING, key="refused", value="2", basis="通报", actor=may.cast.city, now=NOW)
    second = at("city2")
    assert second.post(OF + "entries", {"do": "send_back", "pick": row.pk, "reason": ""}).status_code == 422
    second.post(OF + "entries", {"do": "send_back", "pick": row.pk, "reason": "和通报不符"})
    assert "和通报不符" in at("city").get(OF + "entries").content.decode()
    assert unit().part("refused").numerator == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"value": "101"}, "0 至 100"),
        ({"value": "abc"}, "应为数字"),
        ({"key": "refused", "value": "1.5"}, "整数件数"),
        ({"basis": ""}, "请写明依据"),
        ({"organ": "苏州"}, "没有名称含"),
        ({"key": "nothing"}, "没有这一项"),
    ],
)
def test_a_form_with_a_slip_says_which_and_takes_nothing(may, typed, said):
    given = {"do": "enter", "organ": NANJING, "key": "live", "value": "80", "basis": "通报"} | typed
    answer = at("city").post(OF + "entries", given)
    assert (answer.status_code, said in answer.content.decode()) == (422, True)
    assert not Entry.objects.exists()


def upload(browser: Client, name: str, content: bytes) -> Any:
    return browser.post(OF + "entries", {"do": "import", "file": SimpleUploadedFile(name, content)})


def test_a_file_is_taken_whole_or_not_at_all_and_every_wrong_line_is_named(may):
    city = at("city")
    head = "月份,单位,政风热线上线直播,12345在线诉求办理,依据\n"
    bad = (
        head
        + "2026-05,南京市市场监督管理局,90,,通报\n2026-05,火星局,1,,通报\n五月,南京市市场监督管理局,1,,通报\n2026-05,南京市市场监督管理局,1000,,通报\n"
    )
    answer = upload(city, "指标.csv", bad.encode("gb18030"))
    page = text(answer.content.decode())
    assert answer.status_code == 422
    assert "3 行有误" in page
    assert all(part in page for part in ("火星局", "2026-05。", "0 至 100"))
    assert not Entry.objects.exists(), "nothing is half taken"
    good = head + "2026-05,南京市市场监督管理局,90,85.5,通报\n"
    assert upload(city, "指标.csv", good.encode()).status_code == 302
    assert sorted(Entry.objects.values_list("key", "value")) == [("live", 90), ("requests", 85.5)]
    assert (
        "不认识的列"
        in upload(
            city, "x.csv", b"\xe6\x9c\x88\xe4\xbb\xbd,\xe5\x8d\x95\xe4\xbd\x8d,foo\n2026-05,x,1\n"
        ).content.decode()
    )
    assert "无法读取" in upload(city, "x.pdf", b"%PDF").content.decode()


def test_the_blank_sheet_that_is_downloaded_is_taken_back_once_it_is_filled_in(may):
    city = at("city")
    book = openpyxl.load_workbook(io.BytesIO(city.get(OF + "template").content))
    page = book.active
    head = [cell.value for cell in page[1]]
    page.cell(2, head.index("政务服务“一号答”") + 1).value = 77
    page.cell(2, head.index("依据") + 1).value = "通报"
    out = io.BytesIO()
    book.save(out)
    assert upload(city, "指标.xlsx", out.getvalue()).status_code == 302
    assert [(row.key, float(row.value), row.organ_code) for row in Entry.objects.all()] == [("one_call", 77.0, NANJING)]


# ---- appeals


def test_a_unit_appeals_somebody_elsewhere_decides_and_the_correction_stands_dated_beside_what_was_published(may):
    published(may)
    own = score(Kind.ORGAN)
    before = queries.as_line(own).total.value
    rectifier, reviewer = at("rectifier"), at("reviewer")
    page = rectifier.get(f"/console/analysis/appraisal/scores/{own.pk}/").content.decode()
    assert "请在 2026-06-17 前提出" in text(page), "five working days"
    sent = form(page, "/object")["values"] | {"key": "on_time_rate", "text": "有一件当天已答复，系统登记晚了"}
    answer = rectifier.post(f"/console/analysis/appraisal/scores/{own.pk}/object", sent, follow=True)
    row = Objection.objects.get()
    assert "待裁定" in answer.content.decode()
    assert any("考核申诉待裁定" in one.text for one in notices_of(may.cast.reviewer.id))
    url = f"/console/analysis/appraisal/objections/{row.pk}/"
    upheld = {"numerator": "4", "denominator": "4", "text": "经核实，答复在期限内"}
    for username, status in (("rectifier", 403), ("city", 403), ("city2", 403), ("foreign_city", 404), ("clerk", 404)):
        assert at(username).post(url + "uphold", upheld | {"confirmed": "1"}).status_code == status, username
    assert "和现在的数值一样" in reviewer.post(url + "uphold", upheld | {"numerator": "3"}).content.decode()
    assert "分子不能大于分母" in reviewer.post(url + "uphold", upheld | {"numerator": "5"}).content.decode()
    assert not Correction.objects.exists()
    assert "请核对" in reviewer.post(url + "uphold", upheld).content.decode()
    assert reviewer.post(url + "uphold", upheld | {"confirmed": "1"}).status_code == 302
    correction = Correction.objects.get()
    assert (correction.at, correction.by) == (NOW, "省复核")
    line = queries.with_corrections([queries.as_line(Score.objects.get(pk=own.pk))])[0]
    parts, total = queries.standing(line)
    assert line.total.value == before, "the published figure is not overwritten"
    assert {part.key: part.points for part in parts}["on_time_rate"] == 15.0
    assert total.value > before
    told = text(rectifier.get(url).content.decode())
    assert all(words in told for words in ("提出", "成立，予以更正", "经核实，答复在期限内", "2026-06-10"))
    assert "更正后" in rectifier.get(SHEET).content.decode()
    assert any("成立" in one.text for one in notices_of(may.cast.rectifier.id))
    with pytest.raises(Refused, match="已经申诉过"):
        objections.appeal(own.pk, key="reply_rate", reason="再来", actor=may.cast.rectifier, now=NOW)


def test_a_clerk_appeals_against_their_own_score_alone_and_sees_each_step(may):
    published(may)
    own, others = score(Kind.CLERK, CLERK), score(Kind.CLERK, "NJ-0002")
    with pytest.raises(Refused) as no:
        objections.appeal(others.pk, key="service_faults", reason="…", actor=may.clerk, now=NOW)
    assert no.value.status == 404
    with pytest.raises(Refused, match="本人提出"):
        objections.appeal(own.pk, key="service_faults", reason="…", actor=may.cast.rectifier, now=NOW)
    browser = at("clerk")
    url = f"/console/analysis/appraisal/scores/{own.pk}/"
    browser.post(url + "object", {"kind": "appeal", "key": "service_faults", "text": "当天不是我在岗"})
    row = Objection.objects.get()
    mine = f"/console/analysis/appraisal/objections/{row.pk}/"
    browser.post(mine + "add", {"text": "有排班表"})
    objections.act(
        row.pk, "uphold", {"numerator": "1", "denominator": "40", "text": "排班属实"}, actor=may.cast.reviewer, now=NOW
    )
    told = text(browser.get(mine).content.decode())
    assert all(words in told for words in ("当天不是我在岗", "有排班表", "排班属实"))
    page = text(browser.get(url).content.decode())
    assert "75" in page
    assert "50" in page
    assert at("clerk2").get(mine).status_code == 404
    assert browser.get("/console/analysis/appraisal/objections/").content.decode().count('scope="row"') == 1


def test_an_appeal_comes_in_time_or_not_at_all_and_may_be_taken_back(may):
    published(may)
    own = score(Kind.ORGAN)
    late = NOW + timedelta(days=8)
    with pytest.raises(Refused, match="申诉期限已过"):
        objections.appeal(own.pk, key="reply_rate", reason="…", actor=may.cast.rectifier, now=late)
    row = objections.appeal(own.pk, key="reply_rate", reason="数错了", actor=may.cast.rectifier, now=NOW)
    with pytest.raises(Refused, match="在办理"):
        objections.appeal(own.pk, key="reply_rate", reason="…", actor=may.cast.rectifier, now=NOW)
    objections.act(row.pk, "withdraw", {"text": "核对后无误"}, actor=may.cast.rectifier, now=NOW)
    with pytest.raises(Refused, match="已办结"):
        objections.act(row.pk, "dismiss", {"text": "…"}, actor=may.cast.reviewer, now=NOW)
    again = objections.appeal(own.pk, key="reply_rate", reason="还是不对", actor=may.cast.rectifier, now=NOW)
    objections.act(again.pk, "dismiss", {"text": "数字无误"}, actor=may.cast.reviewer, now=NOW)
    assert not Correction.objects.exists()


def test_who_runs_the_place_asks_for_a_correction_and_another_decides(may):
    one = entering.enter(AREA, MAY, organ=NANJING, key="refused", value="1", basis="通报", actor=may.second, now=NOW)
    entering.confirm([one.pk], actor=may.cast.city, now=NOW)
    published(may)
    own = score(Kind.ORGAN)
    assert queries.as_line(own).total.off == -2.0
    row = objections.ask_correction(own.pk, key="refused", reason="该件有依据", actor=may.cast.city, now=NOW)
    with pytest.raises(Refused) as no:
        objections.act(row.pk, "uphold", {"numerator": "0", "text": "…"}, actor=may.cast.city, now=NOW)
    assert no.value.status == 403
    objections.act(row.pk, "uphold", {"numerator": "0", "text": "依据属实"}, actor=may.second, now=NOW)
    page = text(at("city").get(f"/console/analysis/appraisal/scores/{own.pk}/").content.decode())
    assert "1件 → 0件" in page


def test_what_happens_to_orders_later_shows_beside_the_frozen_sheet(may):
    made = published(may)
    perform(
        order_id=may.orders["attitude"], verb="record", actor=may.cast.operator, facts={"result": "satisfied"}, now=NOW
    )
    refresh_lake(now=NOW)
    changed = {one.line.subject: {old.key for old, _ in one.parts} for one in queries.changed(made, now=NOW)}
    assert {"rectified_rate", "callback_satisfied_rate"} <= changed.get(NANJING, set())
    assert BAD["satisfaction"] == 1
