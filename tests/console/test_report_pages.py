"""报告 in the console: asked for, drawn, written on, approved by another, read by those who look on, ordered for good."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit
from haochaping.analytics.appraisal.queries import frozen
from haochaping.analytics.problems import commands as problems
from haochaping.analytics.problems.drafts import Draft
from haochaping.analytics.reports import commands, contents
from haochaping.analytics.reports.kinds import Kind, covering
from haochaping.analytics.reports.models import Report, ReportPlan
from haochaping.kit.clock import held_at
from tests.cast import NANJING_ITEM, NOW
from tests.console.appraisal_stage import AREA, MAY, entered, month_of, published
from tests.console.stage import form, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
OFFICE = "江苏省政务服务管理办公室"
WANTED = {"kind": "daily", "place": "32|", "day": "2026-06-09", "issuer": OFFICE}


def get(client, url, status=200):
    with held_at(LATER):
        answer = client.get(f"/console/analysis/reports/{url}")
    assert answer.status_code == status
    return answer


def post(client, url, **facts):
    with held_at(LATER):
        return client.post(f"/console/analysis/reports/{url}", facts)


def drawn(as_, **more):
    """A daily report of the day before, as the worker leaves it."""
    assert post(as_("supervisor"), "new", **WANTED | more).status_code == 302
    commands.work(LATER)
    return Report.objects.latest("pk")


def test_it_is_asked_for_drawn_and_read_with_its_tables_before_anybody_approves_it(as_):
    assert post(as_("supervisor"), "new", **WANTED).status_code == 302
    report = Report.objects.get()
    waiting = get(as_("supervisor"), f"{report.pk}/").content.decode()
    assert "系统正在取数" in waiting
    assert 'hx-trigger="every 3s"' in waiting
    commands.work(LATER)
    page = get(as_("supervisor"), f"{report.pk}/").content.decode()
    said = text(page)
    for words in (
        "江苏省政务服务“好差评”日报（2026年6月9日）",
        "一、总体情况",
        "表1 主要指标",
        "指标口径",
        "（未编号）",
        "看 PDF 样稿",
    ):
        assert words in said, words
    proof = get(as_("supervisor"), f"{report.pk}/report.pdf")
    assert proof.content[:5] == b"%PDF-"
    get(as_("supervisor"), f"{report.pk}/report.docx", 404)
    get(as_("observer"), f"{report.pk}/", 404)
    get(as_("leader"), f"{report.pk}/", 404)


def test_one_submits_and_another_approves_each_asked_twice(as_):
    report = drawn(as_)
    page = get(as_("supervisor"), f"{report.pk}/").content.decode()
    typed = form(page, "/write")["values"] | {"lead": "请阅。"}
    assert post(as_("supervisor"), f"{report.pk}/write", **typed).status_code == 302
    assert post(as_("supervisor"), f"{report.pk}/write", **typed).status_code == 409, "somebody wrote since"
    assert "由另一人审批" in post(as_("supervisor"), f"{report.pk}/submit").content.decode()
    assert post(as_("supervisor"), f"{report.pk}/submit", confirmed="1").status_code == 302
    own = get(as_("supervisor"), f"{report.pk}/").content.decode()
    assert "须由另一位督办人员或领导审批" in own
    assert "approve" not in own
    assert post(as_("supervisor"), f"{report.pk}/approve", confirmed="1").status_code == 403
    with held_at(LATER):
        assert "报告待审批" in as_("leader").get("/console/").content.decode()
    assert "有 1 份报告等您审批" in get(as_("leader"), "").content.decode()
    assert post(as_("leader"), f"{report.pk}/return", confirmed="1").status_code == 422
    assert post(as_("leader"), f"{report.pk}/approve", confirmed="1").status_code == 302
    report.refresh_from_db()
    assert (report.state, report.n) == ("approved", 1)
    assert set(Audit.objects.values_list("action", flat=True)) >= {"report_ask", "report_submit", "report_approve"}
    assert "report_write" not in set(Audit.objects.values_list("action", flat=True)), "what is typed is no trail"


def test_readers_find_what_is_archived_and_of_what_was_withdrawn_the_reason_only(as_):
    report = drawn(as_)
    Report.objects.filter(pk=report.pk).update(state="archived", archived_at=LATER, year=2026, n=1, decided_at=LATER)
    for username in ("observer", "analyst", "leader"):
        assert report.title in get(as_(username), "").content.decode()
        page = get(as_(username), f"{report.pk}/").content.decode()
        assert "2026年第1期" in page
        assert form_actions(page) == (["withdraw"] if username == "leader" else [])
    get(as_("rectifier"), "", 403)
    get(as_("foreign_city"), f"{report.pk}/", 404)
    assert post(as_("observer"), f"{report.pk}/withdraw", text="错", confirmed="1").status_code == 403
    assert post(as_("leader"), f"{report.pk}/withdraw", text="数据有误。", confirmed="1").status_code == 302
    assert "撤回理由：数据有误。" in get(as_("observer"), f"{report.pk}/").content.decode()
    get(as_("observer"), f"{report.pk}/report.pdf", 404)


def form_actions(page: str) -> list[str]:
    return [verb for verb in ("withdraw", "approve", "submit", "write") if f'/{verb}"' in page]


def test_a_brief_takes_its_slice_from_the_address_and_says_it(as_):
    page = get(as_("city"), "topic?area=3201&channel=4&from=2026-06-01&to=2026-06-09&by=item").content.decode()
    assert "渠道：窗口评价器" in text(page)
    told = {
        "place": "3201|",
        "since": "2026-06-01",
        "until": "2026-06-09",
        "issuer": OFFICE,
        "channel": "4",
        "by": ["item", "channel"],
    }
    assert post(as_("city"), "topic", **told, title="").status_code == 422
    assert post(as_("city"), "topic", **told, title="窗口评价器专报").status_code == 302
    report = Report.objects.get()
    assert (report.kind, report.filters, report.by, report.place) == (
        "topic",
        {"channel": [4]},
        ["item", "channel"],
        "南京市",
    )
    too_many = told | {"by": ["item", "channel", "party", "level"]}
    assert "最多选 3 项" in post(as_("city"), "topic", **too_many, title="专报").content.decode()
    assert post(as_("city"), "topic", **told | {"place": "3205|"}, title="别处").status_code == 404


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(as_):
    answer = post(as_("supervisor"), "new", **WANTED | {"day": "2026-07-01", "issuer": ""})
    assert answer.status_code == 422
    assert "请填好“发文单位”" in answer.content.decode()
    answer = post(as_("supervisor"), "new", **WANTED | {"day": "2026-07-01"})
    assert answer.status_code == 422
    assert "还没有开始" in answer.content.decode()
    answer = post(as_("supervisor"), "new", **WANTED | {"kind": "monthly"})
    assert answer.status_code == 422
    assert "这一期到6月30日才结束" in answer.content.decode(), "a month that runs is no month to be told of"
    assert 'name="day" value=""' in get(as_("supervisor"), "new").content.decode(), "the newest, whatever the kind"
    assert not Report.objects.exists()
    get(as_("leader"), "new", 403)


def test_standing_orders_are_given_changed_and_ended_on_their_page(as_):
    told = {"kind": "weekly", "place": "3201|", "issuer": OFFICE}
    assert post(as_("city"), "plans", **told).status_code == 302
    page = text(get(as_("city"), "plans").content.decode())
    assert "南京市" in page
    assert "订阅中" in page
    assert "2026-06-15" in page, "the Monday on which it is made"
    assert "南京市" not in text(get(as_("foreign_city"), "plans").content.decode()).replace("南京市政务服务督办", "")
    assert post(as_("foreign_city"), "plans", **told, off="1").status_code == 422
    assert post(as_("city"), "plans", **told, off="1").status_code == 302
    assert not ReportPlan.objects.get().is_on


def test_the_appraisal_sheet_prints_published_scores_alone_with_every_part(cast):
    month = month_of(cast)
    entered(month)
    asked = {"place": "南京市", "issuer": OFFICE, "filters": {"area": AREA}, "now": LATER}
    before = contents.build(Kind.APPRAISAL, covering(Kind.APPRAISAL, MAY), **asked)
    assert "还没有公布" in before.sections[0].blocks[0].words
    assert not [table for table in before.tables if table.title == "单位综合得分"]
    sheet = frozen(published(month))
    document = contents.build(Kind.APPRAISAL, covering(Kind.APPRAISAL, MAY), **asked)
    (line,) = sheet.units
    totals = next(table for table in document.tables if table.title == "单位综合得分")
    assert [(row[1], row[2]) for row in totals.rows] == [(line.name, f"{line.total.value:.2f}")]
    printed = [cell for table in document.tables if table.title.startswith("各项得分") for cell in table.rows[0][1:]]
    assert printed == ["—" if part.points is None else f"{part.points:.2f}" for part in line.parts]
    assert {part.name for part in line.parts} <= {each.name for each in document.definitions}
    assert "李窗口" not in str(document), "people's scores are on no report"


def test_a_monthly_notice_tells_the_ledger_of_problems_and_to_the_public_its_published_ones(cast):
    drafted = Draft(title="窗口排队久", description="等候超过一小时", items=[NANJING_ITEM], due="2026-07-10")
    problems.register(drafted, actor=cast.city, now=NOW)
    month = covering(Kind.MONTHLY, LATER.date())
    asked = {"place": "南京市", "issuer": OFFICE, "filters": {"area": AREA}, "now": LATER}
    inside = contents.build(Kind.MONTHLY, month, **asked)
    (table,) = [table for table in inside.tables if table.title == "典型问题整改情况"]
    assert table.rows[0][1:3] == ("窗口排队久", "南京市市场监督管理局")
    said = next(section for section in inside.sections if section.heading == "典型问题").blocks[0].words
    assert "立项的典型问题1个，涉及事项1项；已解决0个，事项整改完成率0%（0÷1）" in said
    outside = contents.build(Kind.MONTHLY, month, for_public=True, **asked)
    assert "窗口排队久" not in str(outside), "whether a problem is public is a decision of its own"
