"""工作日历 through its pages: what a year is like, a region's own days, an announced year, and what they move."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from haochaping.accounts.models import Audit
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from haochaping.policy import queries
from haochaping.policy.models import CalendarDay, CalendarRequest
from haochaping.rectification.commands import perform
from tests.cast import NOW
from tests.console.stage import bad_order, form, suzhou_order, text

pytestmark = pytest.mark.django_db
PAGE = "/console/calendar/"
TYPHOON = {
    "region": "3201", "first": "2026-06-11", "last": "2026-06-12", "works": "0", "name": "台风停工", "source": "市防指停工通知",
}  # fmt: skip
NOTICE = "date,is_workday,name\n2027-01-01,0,元旦\n2027-02-05,0,春节\n2027-02-07,1,春节调休\n"


@pytest.fixture(autouse=True)
def at_that_hour():
    with held_at(NOW + timedelta(hours=1)):
        yield


def upload(client, sheet=NOTICE, source="国办通知", **more):
    file = SimpleUploadedFile("2027.csv", sheet.encode(more.pop("encoding", "utf-8")))
    return client.post(PAGE + "year", {"file": file, "source": source, **more})


def agreeing(verb="agree", region="3201"):
    """Where the latest change of the region that was asked for is agreed to."""
    return f"{PAGE}waiting/{CalendarRequest.objects.filter(region=region).latest('pk').pk}/{verb}"


def confirm(client, answer, ending):
    """Send the confirmation page's form as it stands."""
    found = form(answer.content.decode(), ending)
    return client.post(found["action"], found["values"])


def test_everybody_reads_the_year_as_it_was_announced(as_):
    page = text(as_("clerk").get(PAGE + "?region=32&year=2026").content.decode())
    assert "江苏省2026年放假和调休 已公布" in page
    assert "国庆节 10月1日（周四）至10月7日（周三） 7 休息" in page
    assert "国庆节 10月10日（周六） 1 上班" in page
    assert "江苏省2026年没有另外的安排" in page
    assert "调整江苏省的日历" not in page
    page = text(as_("clerk").get(PAGE + "?region=32&year=2027").content.decode())
    assert "江苏省2027年放假和调休 尚未公布" in page
    assert "标“暂定”" in page
    assert as_("clerk").get(PAGE + "?region=%00&year=99999").status_code == 200


def test_the_months_add_up_to_the_calendars_own_count(as_):
    page = text(as_("clerk").get(PAGE + "?year=2026").content.decode())
    total = queries.calendar().workdays_between(date(2025, 12, 31), date(2026, 12, 31))
    assert f"全年 {total} 天" in page


def test_a_typhoon_is_seen_to_move_orders_and_then_confirmed(as_):
    bad_order()
    suzhou_order()
    client = as_("city")
    answer = client.post(PAGE + "local", TYPHOON)
    page = text(answer.content.decode())
    assert "有 1 件的期限会变" in page
    assert "6月11日（周四） 休息 台风停工" in page
    assert not CalendarDay.objects.exists(), "nothing is done before it is confirmed"
    assert "另一位管辖江苏省南京市的督办人员或市级主管" in page
    assert confirm(client, answer, "calendar/local").status_code == 302
    assert not CalendarDay.objects.exists(), "one person alone puts off no limit"
    second = as_("supervisor")
    assert "等另一人同意的调整" in text(second.get(PAGE + "?region=32").content.decode())
    answer = second.get(agreeing())
    assert "有 1 件的期限会变" in text(answer.content.decode())
    assert confirm(second, answer, "agree").status_code == 302
    assert not queries.calendar("320102").is_workday(date(2026, 6, 11))
    assert queries.calendar("3205").is_workday(date(2026, 6, 11))
    page = text(client.get(PAGE + "?region=3201&year=2026").content.decode())
    assert "6月12日（周五） 休息 台风停工 江苏省南京市 市防指停工通知" in page
    line = Audit.objects.get(action="calendar_days")
    assert (line.subject, line.facts["days"]) == ("3201", {"2026-06-11": "放假", "2026-06-12": "放假"})
    assert line.facts["asked_by"] == "南京主管"


def test_who_asked_does_not_agree_and_takes_it_back(as_):
    client = as_("city")
    client.post(PAGE + "local", TYPHOON | {"confirmed": "1"})
    page = client.get(PAGE + "?region=3201").content.decode()
    assert agreeing() not in page
    assert client.post(agreeing()).status_code == 403
    again = client.post(PAGE + "local", TYPHOON | {"confirmed": "1", "last": ""})
    assert "已经有一条调整在等另一人同意" in text(again.content.decode())
    assert confirm(client, client.get(agreeing("refuse")), "refuse").status_code == 302
    assert not CalendarDay.objects.exists()
    assert as_("supervisor").post(agreeing()).status_code == 404, "it waits no more"


def test_a_typhoon_of_today_is_agreed_today_and_not_tomorrow(as_):
    today = TYPHOON | {"first": "2026-06-10", "last": ""}
    for region, who in (("3201", "city"), ("3205", "foreign_city")):
        as_(who).post(PAGE + "local", today | {"region": region, "confirmed": "1"})
    first, second = (agreeing(region=region) for region in ("3201", "3205"))
    as_("supervisor").post(first)
    assert not queries.calendar("3201").is_workday(date(2026, 6, 10))
    with held_at(NOW + timedelta(days=1)):
        page = as_("supervisor").post(second, follow=True)
    assert "已经过去" in text(page.content.decode())
    assert queries.calendar("3205").is_workday(date(2026, 6, 10))


@pytest.mark.parametrize("who", ["foreign_city", "leader", "clerk"])
def test_others_neither_see_what_waits_nor_agree(as_, who):
    as_("city").post(PAGE + "local", TYPHOON | {"confirmed": "1"})
    client = as_(who)
    assert "等另一人同意" not in text(client.get(PAGE + "?region=3201").content.decode())
    assert client.post(agreeing()).status_code in {403, 404}
    assert not CalendarDay.objects.exists()


def test_a_day_of_work_holds_at_once_and_only_two_people_take_it_out_again(as_):
    client, saturday = as_("city"), TYPHOON | {"first": "2026-06-13", "last": "", "works": "1", "name": "补班"}
    client.post(PAGE + "local", saturday | {"confirmed": "1"})
    assert queries.calendar("3201").is_workday(date(2026, 6, 13)), "limits end earlier: nobody gains by it"
    confirm(client, client.get(f"{PAGE}local/3201/2026-06-13"), "2026-06-13")
    assert queries.calendar("3201").is_workday(date(2026, 6, 13))
    as_("supervisor").post(agreeing())
    assert not queries.calendar("3201").is_workday(date(2026, 6, 13))


def test_a_day_after_every_limit_moves_nobody(as_):
    bad_order()
    page = text(as_("city").post(PAGE + "local", TYPHOON | {"first": "2026-08-03", "last": ""}).content.decode())
    assert "在办工单的期限都不受影响" in page


def test_an_answered_order_moves_only_by_its_step(as_, cast):
    order = bad_order()
    facts = {
        "is_true": "true",
        "is_reasonable": "true",
        "cause": "attitude",
        "severity": "general",
        "findings": "属实。",
    }
    for verb, given in (
        ("sign", {}),
        ("confirm", facts),
        ("submit", {"measures": "增开窗口。", "reply": "已增开窗口。"}),
    ):
        perform(order_id=order.id, verb=verb, actor=cast.rectifier, facts=given, now=NOW)
    page = text(as_("city").post(PAGE + "local", TYPHOON).content.decode())
    assert "有 1 件的期限会变" in page
    page = text(as_("city").post(PAGE + "local", TYPHOON | {"first": "2026-06-15", "last": ""}).content.decode())
    assert "在办工单的期限都不受影响" in page, "the review is due before, and the answer is given"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"first": ""}, "请填写日期。"),
        ({"first": "2026-06-09"}, "已经过去的日子不能改。"),
        ({"last": "2026-06-10"}, "止日应不早于起日"),
        ({"last": "2026-12-31"}, "一次最多 31 天"),
        ({"name": " "}, "请填写名称"),
        ({"source": " "}, "请写明依据"),
        ({"source": "口头"}, "至少 6 个字"),
        ({"works": "1"}, "这些日子本来就是上班，不用调整。"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_stays_typed(as_, given, said):
    answer = as_("city").post(PAGE + "local", TYPHOON | given)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert (TYPHOON | given)["name"] in answer.content.decode()


@pytest.mark.parametrize(
    ("who", "region"), [("city", "32"), ("foreign_city", "3201"), ("leader", "32"), ("admin", "32")]
)
def test_nobody_changes_the_days_of_a_region_that_is_not_theirs(as_, who, region):
    assert as_(who).post(PAGE + "local", TYPHOON | {"region": region, "confirmed": "1"}).status_code == 403
    assert not CalendarDay.objects.exists()


def test_a_days_change_is_taken_back_before_it_comes_and_not_after(as_):
    client = as_("city")
    client.post(PAGE + "local", TYPHOON | {"confirmed": "1"})
    as_("supervisor").post(agreeing())
    url = f"{PAGE}local/3201/2026-06-11"
    assert as_("foreign_city").get(url).status_code == 404
    assert as_("foreign_city").post(url).status_code == 404
    answer = client.get(url)
    assert "6月11日（周四） 上班 取消“台风停工”" in text(answer.content.decode())
    assert confirm(client, answer, "2026-06-11").status_code == 302
    assert queries.calendar("3201").is_workday(date(2026, 6, 11))
    assert Audit.objects.filter(action="calendar_undo").count() == 1
    with held_at(NOW + timedelta(days=5)):
        as_("city").post(f"{PAGE}local/3201/2026-06-12")
    assert not queries.calendar("3201").is_workday(date(2026, 6, 12))
    client = as_("city")
    assert client.get(f"{PAGE}local/3201/2026-06-11").status_code == 404
    assert client.get(f"{PAGE}local/3201/soon").status_code == 404


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_year_is_imported_once_it_was_looked_at(as_, encoding):
    client = as_("supervisor")
    answer = upload(client, encoding=encoding)
    page = text(answer.content.decode())
    assert "导入2027年的工作日安排？" in page
    assert "2月7日（周日） 上班 春节调休" in page
    assert not queries.calendar().knows(2027)
    assert confirm(client, answer, "calendar/year").status_code == 302
    assert queries.calendar().knows(2027)
    page = text(client.get(PAGE + "?year=2027").content.decode())
    assert "2027年放假和调休 已公布" in page
    assert "元旦 1月1日（周五） 1 休息 国办通知" in page
    again = text(upload(client, source="国办更正").content.decode())
    assert "2027年已经导入过（国办通知" in again


def test_an_announced_year_is_seen_to_move_orders_that_reach_into_it(as_):
    late = clock.parse_wire("2026-12-30 10:00:00")
    with held_at(late):
        bad_order("NJ-0009", now=late, day="2026-12-30")
        answer = upload(as_("supervisor"))
    assert "有 1 件的期限会变" in text(answer.content.decode()), "New Year's day is off, so the last day comes later"


@pytest.mark.parametrize("sheet", ["", "day,works\n2027-01-01,0\n", "date,is_workday,name\n2027-13-01,0,x\n", "date,is_workday,name\n2027-01-01,x,x\n"])  # fmt: skip
def test_what_is_no_calendar_is_told_so(as_, sheet):
    answer = upload(as_("supervisor"), sheet)
    assert answer.status_code == 422
    assert "第一行应为表头 date,is_workday,name" in answer.content.decode()
    assert as_("supervisor").post(PAGE + "year", {"source": "x"}).status_code == 422


def test_a_day_of_another_year_and_a_notice_without_source_are_refused(as_):
    client = as_("supervisor")
    odd = NOTICE + "2025-05-01,0,劳动节\n"
    assert client.post(PAGE + "year", {"text": odd, "source": "国办通知", "confirmed": "1"}).status_code == 422
    answer = upload(client, source=" ")
    assert answer.status_code == 422
    assert "请写明依据的文件" in answer.content.decode()
    assert not queries.calendar().knows(2027)


@pytest.mark.parametrize("who", ["city", "leader", "admin", "clerk"])
def test_only_the_provinces_supervisor_imports_a_year(as_, who):
    assert upload(as_(who), confirmed="1").status_code == 403
    assert not queries.calendar().knows(2027)
