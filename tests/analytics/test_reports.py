"""Reports out of a lake that is known by heart: their figures, their two files, their life, and what is owed when."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import docx
import pypdfium2
import pytest
from django.db import connection
from docx.oxml.ns import qn
from docx.shared import Emu, Pt

from haochaping.accounts.rules import Scope
from haochaping.analytics.queries import figures
from haochaping.analytics.reports import commands, contents, queries
from haochaping.analytics.reports.kinds import Kind, Period, covering
from haochaping.analytics.reports.models import Report, ReportFile, ReportPlan, ReportStep
from haochaping.kit.crypto import Tampered, sm3
from haochaping.kit.errors import Refused
from tests.analytics.lake_rows import day, fill, noon, order, service
from tests.cast import Cast, settle

if TYPE_CHECKING:
    from haochaping.analytics.reports.document import Document, Table

pytestmark = pytest.mark.django_db
NOW = noon("11-24")  # Tuesday
WEEK = covering(Kind.WEEKLY, day("11-16"))
SUZHOU = {"area_path": "320508", "organ_code": "O2", "organ_path": "/P/O2/", "window": "W2"}
JIANGSU = Scope("32")
OFFICE = "江苏省政务服务管理办公室"


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


@pytest.fixture
def lake(db: None) -> None:
    fill(
        [
            *[service("11-17", 5) for _ in range(190)],
            *[service("11-18", 2, indicators=["115"]) for _ in range(10)],
            *[service("11-18", 5, **SUZHOU) for _ in range(60)],
            *[service("11-19", 1, **SUZHOU) for _ in range(20)],
            *[service("11-10", 5) for _ in range(100)],
            *[service("11-09", 1) for _ in range(4)],
            *[service("11-20", lapse=("11-21", 5), closes="11-21") for _ in range(30)],
            *[service("11-20", 1, excluded=True) for _ in range(3)],
        ],
        [order("11-18", "11-21", "11-20", state="closed", verdict="satisfied", passed_review=True), order("11-19", "11-23", **SUZHOU)],
    )  # fmt: skip


def build(
    kind: Kind = Kind.WEEKLY, period: Period = WEEK, filters: dict[str, Any] | None = None, **more: Any
) -> Document:
    told = {"area": "32"} if filters is None else filters
    return contents.build(kind, period, place="江苏省", issuer=OFFICE, filters=told, now=NOW, **more)


def table(document: Document, title: str) -> Table:
    return next(table for table in document.tables if table.title.startswith(title))


def row(found: Table, name: str, column: int = 0) -> tuple[str, ...]:
    return next(row for row in found.rows if row[column] == name)


def words(document: Document) -> str:
    return "".join(block.words for section in document.sections for block in section.blocks if hasattr(block, "words"))


def asked(cast: Cast, kind: Kind = Kind.WEEKLY, period: Period = WEEK, **more: Any) -> Report:
    return commands.ask(kind, period, JIANGSU, issuer=OFFICE, actor=cast.supervisor, now=NOW, **more)


def test_a_report_prints_the_figures_of_the_dictionary_with_parts_and_definitions(lake: None) -> None:
    document = build()
    told = figures(["ratings", "good_rate", "bad_rate", "active_rate", "excluded", "good_rate_with_default", "on_time_rate"],
                   [], WEEK.start, WEEK.end, {"area": "32"}, now=NOW).total  # fmt: skip
    for key, figure in told.figures.items():
        found = row(table(document, "整改指标" if key == "on_time_rate" else "主要指标"), figure.name)
        assert (found[1], found[2]) == (figure.text, figure.parts.replace(" ", "") or "—"), key
        (defined,) = [each for each in document.definitions if each.name == figure.name]
        assert (defined.formula, defined.clause) == (figure.formula, figure.metric.clause)
    cities = figures(["good_rate"], ["city"], WEEK.start, WEEK.end, {"area": "32"}, now=NOW).rows
    places = table(document, "各设区市主动好评率")
    assert [(line[1], line[2]) for line in places.rows] == [
        (city["good_rate"].text, city["good_rate"].parts.replace(" ", "")) for city in cities
    ]
    assert {defined.name for defined in document.definitions} >= {"服务量", "未评率", "整改率"}


def test_its_sentences_say_what_is_sure_and_leave_out_what_is_not(cast: Cast, lake: None) -> None:
    said = words(build())
    assert "收到主动评价280条，较上周增加176条（增长169.2%）" in said
    assert "主动好评率89.29%（250÷280），较上周下降6.87个百分点（变化不显著）" in said
    assert "好评率（含默认）为90.32%（280÷310）。默认评价不是评价人的意见" in said
    assert "经裁定排除的评价3条，不计入各项指标。" in said
    assert "主动好评率居首位的是南京市（95.00%，190÷200），主动好评率居末位的是苏州市（75.00%，60÷80）" in said
    assert "按期办结率为1÷2" in said, "two cases have no percent"
    assert "上年" not in said
    assert any("上年同期的数据不全" in note for note in build().notes)


def test_other_kinds_have_their_own_parts(cast: Cast, lake: None) -> None:
    daily = build(Kind.DAILY, Period(day("11-18"), day("11-18")))
    assert not daily.charts or all(chart.shape == "dots" for chart in daily.charts)
    monthly = build(Kind.MONTHLY, covering(Kind.MONTHLY, day("11-01")))
    ranked = table(monthly, "各设区市主动好评率")
    assert [line[:2] for line in ranked.rows] == [("1", "南京市"), ("2", "苏州市")]
    assert "95%置信区间下限" in ranked.note
    topic = build(Kind.TOPIC, WEEK, {"area": "3205", "level": [1, 2]}, by=["channel", "cause"], title="苏州差评专报")
    assert topic.title == "苏州差评专报"
    assert row(table(topic, "按渠道"), "窗口评价器")[1:4] == ("20", "0%", "0÷20")
    assert table(topic, "差评工单按原因").rows
    assert any("满意度为非常不满意、不满意" in note and "地区为苏州市" in note for note in topic.notes)
    enterprise = build(Kind.ENTERPRISE, covering(Kind.ENTERPRISE, day("11-16")))
    assert row(table(enterprise, "主要指标"), "评价量")[1] == "0", "no item of this lake is for enterprises"


def test_a_report_for_the_public_tells_the_whole_and_leaves_its_parts_to_the_site(cast: Cast, lake: None) -> None:
    month = covering(Kind.MONTHLY, day("11-01"))
    outside = build(Kind.MONTHLY, month, for_public=True)
    assert (
        row(table(outside, "主要指标"), "评价量")[1] == row(table(build(Kind.MONTHLY, month), "主要指标"), "评价量")[1]
    )
    assert [found.title for found in outside.tables if found.title.startswith("各") or "事项" in found.title] == []
    assert not [line for line in table(outside, "主要指标").rows if line[0] == "服务量"]
    assert row(table(outside, "主要指标"), "排除评价数")[1] == "少于5"
    assert any("见公示网站" in note for note in outside.notes)


def test_a_city_whose_neighbour_was_hardly_rated_has_no_report_for_the_public(cast: Cast) -> None:
    fill([*[service("11-17", 5) for _ in range(40)], *[service("11-18", 1, **SUZHOU) for _ in range(3)]])
    month = covering(Kind.MONTHLY, day("11-01"))
    with pytest.raises(Refused) as no:  # the province's number less this one's would be the neighbour's
        build(Kind.MONTHLY, month, {"area": "3201"}, for_public=True)
    assert (no.value.status, no.value.code) == (409, "would_tell_few")
    assert build(Kind.MONTHLY, month, {"area": "3201"}).tables


def test_one_writes_another_approves_and_then_nothing_of_it_changes(cast: Cast, lake: None) -> None:
    report = asked(cast)
    assert commands.work(NOW) == 1
    report.refresh_from_db()
    assert (report.state, report.title) == ("draft", "江苏省政务服务“好差评”周报（2026年11月16日至22日）")
    told = {"title": report.title, "lead": "请阅示。", "suggestion": "增开窗口。"}
    commands.write(report.pk, told, seen=str(report.revision), actor=cast.supervisor)
    commands.act(report.pk, "submit", "", actor=cast.supervisor, now=NOW)
    for who, verb, status in (
        (cast.supervisor, "approve", 403),
        (cast.city, "approve", 404),
        (cast.leader, "submit", 409),
    ):
        with pytest.raises(Refused) as no:
            commands.act(report.pk, verb, "", actor=who, now=NOW)
        assert no.value.status == status
    commands.act(report.pk, "approve", "", actor=cast.leader, now=NOW)
    assert commands.work(NOW + timedelta(minutes=1)) == 1
    report.refresh_from_db()
    assert (report.state, queries.number_of(report)) == ("archived", "2026年第1期")
    _read_as_pdf(queries.file_of(report, "pdf"))
    _read_as_word(queries.file_of(report, "docx"))
    kept = {file.name: bytes(file.sm3) for file in ReportFile.objects.filter(report_id=report.pk)}
    assert kept["pdf"] == sm3(queries.file_of(report, "pdf"))
    with pytest.raises(Refused):
        commands.write(report.pk, told, seen=str(report.revision), actor=cast.supervisor)
    verbs = ReportStep.objects.filter(report_id=report.pk).order_by("n").values_list("verb", flat=True)
    assert list(verbs) == ["ask", "draw", "submit", "approve", "file"]
    _withdrawn(cast, report)


def _withdrawn(cast: Cast, report: Report) -> None:
    """A reason is asked for; what was archived is kept, and readers still see that there was one."""
    assert queries.reports_for(cast.observer).filter(pk=report.pk).exists()
    with pytest.raises(Refused):
        commands.act(report.pk, "withdraw", " ", actor=cast.leader, now=NOW)
    after = commands.act(report.pk, "withdraw", "数据有误。", actor=cast.leader, now=NOW)
    assert (after.state, after.reason) == ("withdrawn", "数据有误。")
    assert queries.file_of(after, "pdf")[:5] == b"%PDF-"
    assert queries.reports_for(cast.observer).filter(pk=report.pk).exists()


def _read_as_pdf(content: bytes) -> None:
    """All of it can be selected, in order: head, number, words, figures, annex, page numbers."""
    pdf = pypdfium2.PdfDocument(content)
    pages = [pdf[n].get_textpage().get_text_range() for n in range(len(pdf))]
    pdf.close()
    said = "".join("".join(pages).split())
    for each in (
        "江苏省政务服务“好差评”周报", "2026年第1期", "2026年11月24日", "编者按：请阅示。", "一、总体情况", "89.29%（250÷280）", "工作建议",
        "增开窗口。", "指标口径", "主动评价中基本满意及以上÷主动评价（不含监督查评）", "各设区市主动好评率及95%置信区间", "—1—",
    ):  # fmt: skip
        assert each in said, each
    assert "（未定稿）" not in said


def _read_as_word(content: bytes) -> None:
    """公文: type area, type faces by their Chinese names, headings that Word knows, page numbers, tables beside pictures."""
    word = docx.Document(io.BytesIO(content))
    (section,) = word.sections
    assert (round(section.top_margin.mm), round(section.left_margin.mm)) == (37, 28)
    assert round(Emu(section.page_width - section.left_margin - section.right_margin).mm) == 156
    faces = {
        name: (word.styles[name].element.rPr.rFonts.get(qn("w:eastAsia")), word.styles[name].font.size)
        for name in ("Title", "Body Text", "Heading 1", "Heading 2")
    }
    assert faces == {
        "Title": ("方正小标宋简体", Pt(22)),
        "Body Text": ("仿宋_GB2312", Pt(16)),
        "Heading 1": ("黑体", Pt(16)),
        "Heading 2": ("楷体_GB2312", Pt(16)),
    }
    headings = [p.text for p in word.paragraphs if p.style.name == "Heading 1"]
    assert headings[0] == "一、总体情况"
    assert headings[-1].endswith("、工作建议")
    assert "PAGE" in section.footer._element.xml
    assert [p.text for p in section.even_page_footer.paragraphs] == ["— 1 —"]
    first = word.tables[0]
    assert [cell.text for cell in first.rows[0].cells] == ["指标", "本期", "分子÷分母", "上周", "分子÷分母"]
    assert "tblHeader" in first.rows[0]._tr.xml
    assert len(word.inline_shapes) >= 2
    assert word.core_properties.title.endswith("周报（2026年11月16日至22日）")


def test_a_file_that_was_changed_is_not_handed_out(cast: Cast, lake: None) -> None:
    report = asked(cast)
    commands.work(NOW)
    report.refresh_from_db()
    ReportFile.objects.create(
        report_id=report.pk, edition=report.edition, name="pdf", content=b"%PDF-", sm3=b"x" * 32, at=NOW
    )
    with pytest.raises(Tampered):
        queries.file_of(report, "pdf")
    with pytest.raises(Refused) as no:
        queries.file_of(report, "docx")
    assert no.value.status == 404


def test_what_is_archived_cannot_be_changed_by_the_application(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(current_user, 'analytics_reportfile', 'UPDATE')")
        assert cursor.fetchone() == (False,)


def test_standing_orders_make_up_what_was_missed_and_nothing_twice(cast: Cast) -> None:
    plan = commands.set_plan(Kind.WEEKLY, JIANGSU, issuer=OFFICE, actor=cast.supervisor, now=noon("11-04"))
    assert plan.since == day("11-04")
    assert commands.plan_due(noon("11-05")) == 0, "its first week has not ended"
    assert commands.plan_due(NOW) == 3, "no worker ran for three weeks"
    assert commands.plan_due(NOW) == 0
    starts = Report.objects.filter(is_planned=True).order_by("start").values_list("start", flat=True)
    assert list(starts) == [day("11-02"), day("11-09"), day("11-16")]
    commands.set_plan(Kind.WEEKLY, JIANGSU, issuer=OFFICE, is_on=False, actor=cast.supervisor, now=NOW)
    assert commands.plan_due(noon("11-30")) == 0
    commands.set_plan(Kind.WEEKLY, JIANGSU, issuer=OFFICE, actor=cast.supervisor, now=noon("12-09"))
    assert commands.plan_due(noon("12-09")) == 0, "what ended while nobody wanted it is not owed"
    assert commands.plan_due(noon("12-14")) == 1
    assert ReportPlan.objects.count() == 1


def test_a_planned_report_needs_two_people_too(cast: Cast, lake: None) -> None:
    commands.set_plan(Kind.DAILY, JIANGSU, issuer=OFFICE, actor=cast.supervisor, now=noon("11-23"))
    assert commands.plan_due(NOW) == 1
    commands.work(NOW)
    report = Report.objects.get()
    assert (report.state, report.made_by) == ("draft", "系统")
    commands.act(report.pk, "submit", "", actor=cast.supervisor, now=NOW)
    assert queries.waiting_for(cast.supervisor) == 0
    assert queries.waiting_for(cast.leader) == 1
    commands.act(report.pk, "return", "补充说明。", actor=cast.leader, now=NOW)
    commands.act(report.pk, "drop", "不发了。", actor=cast.supervisor, now=NOW)
    assert not queries.reports_for(cast.leader).exists()


def test_one_that_cannot_be_made_stops_no_other_and_is_given_back_in_the_end(cast: Cast, lake: None) -> None:
    broken, whole = asked(cast), asked(cast)
    Report.objects.filter(pk=broken.pk).update(filters={"no_such_thing": ["1"]})
    assert commands.work(NOW) == 1
    commands.work(NOW)
    commands.work(NOW)
    broken.refresh_from_db()
    whole.refresh_from_db()
    assert (broken.state, whole.state) == ("failed", "draft")
    assert "no_such_thing" in broken.fault
    assert commands.work(NOW) == 0
    again = commands.act(broken.pk, "retry", "", actor=cast.supervisor, now=NOW)
    assert again.state == "queued"


def test_nobody_asks_for_a_place_that_is_not_theirs_or_a_time_to_come(cast: Cast) -> None:
    later = Period(day("12-01"), day("12-31"))
    for who, scope, period, status in (
        (cast.city, JIANGSU, WEEK, 404),
        (cast.city, Scope("3205"), WEEK, 404),
        (cast.leader, JIANGSU, WEEK, 403),
        (cast.rectifier, JIANGSU, WEEK, 403),
        (cast.supervisor, JIANGSU, later, 422),
        (cast.supervisor, JIANGSU, Period(WEEK.end, WEEK.start), 422),
    ):
        with pytest.raises(Refused) as no:
            commands.ask(Kind.TOPIC, period, scope, issuer=OFFICE, title="专报", actor=who, now=NOW)
        assert no.value.status == status, (who.name, scope)
    made = commands.ask(Kind.WEEKLY, WEEK, Scope("3201"), issuer=OFFICE, for_public=True, actor=cast.city, now=NOW)
    assert (made.place, made.for_public) == ("南京市", False), "only a monthly notice is for the public"
    assert not queries.reports_for(cast.foreign_city).exists()


def test_a_brief_owes_its_authors_words_and_the_public_finds_only_what_is_archived_for_it(
    cast: Cast, lake: None
) -> None:
    brief = asked(cast, Kind.TOPIC, title="窗口评价专报", by=["channel"])
    notice = asked(cast, Kind.MONTHLY, covering(Kind.MONTHLY, day("11-01")), for_public=True)
    commands.work(NOW)
    with pytest.raises(Refused) as no:
        commands.act(brief.pk, "submit", "", actor=cast.supervisor, now=NOW)
    assert [error.field for error in no.value.fields] == ["analysis"]
    assert not queries.published_reports().exists()
    Report.objects.filter(pk=notice.pk).update(state="archived", archived_at=NOW)
    assert [report.pk for report in queries.published_reports("32")] == [notice.pk]
    assert not queries.published_reports("3201").exists()
    with pytest.raises(Refused):
        queries.published_report(brief.pk)
