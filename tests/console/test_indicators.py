"""指标管理 through its pages: look up, draft, import, submit, approve, preview."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Role
from haochaping.kit.clock import held_at
from haochaping.policy.models import Indicator, IndicatorSet
from tests.cast import NOW
from tests.console.stage import text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(minutes=10)
LIST = "/console/indicators/"


@pytest.fixture(autouse=True)
def at_that_hour():
    with held_at(LATER):
        yield


@pytest.fixture
def version(as_):
    """A draft of the province's, with one line."""
    as_("supervisor").post(LIST + "draft", {"region": "32"})
    row = IndicatorSet.objects.get()
    answer = as_("supervisor").post(
        f"{LIST}{row.pk}/line/new", {"name": "叫号屏看不清", "level": "2", "dimension": "business", "aspect": ""}
    )
    assert answer.status_code == 302
    return row


def submit(as_, version, day="2026-07-01"):
    return as_("supervisor").post(f"{LIST}{version.pk}/submit", {"valid_from": day, "note": "夏季修订"})


def test_the_list_is_filtered_by_level_dimension_channel_and_words(as_):
    client = as_("analyst")
    page = text(client.get(LIST).content.decode())
    assert "江苏省今天在用的指标 共 40 项" in page
    assert "共 8 项" in text(client.get(LIST + "?level=2").content.decode())
    people = text(client.get(LIST + "?level=1&dimension=service").content.decode())
    assert "服务态度差效率低" in people
    assert "共 1 项" in people
    assert "共 72 项" in text(client.get(LIST + "?retired=1").content.decode())
    assert "没有符合条件的指标" in client.get(LIST + "?q=没有这一项").content.decode()
    assert "共 0 项" in text(client.get(LIST + "?own=local").content.decode())
    assert client.get(LIST + "?level=x&channel=99&aspect=moon&region=%00").status_code == 200


def test_the_list_leaves_as_a_sheet_that_can_come_back(as_, version):
    client = as_("supervisor")
    answer = client.get(LIST + "export?region=32")
    sheet = answer.content.decode("utf-8-sig")
    assert answer["Content-Disposition"] == 'attachment; filename="indicators-32.csv"'
    assert sheet.splitlines()[0] == "编码,名称,等级,维度,环节,渠道,在用,来源"
    assert len(sheet.splitlines()) == 73
    more = sheet + ",没有座位,不满意,服务,办件服务,大厅评价器、自助终端,是,\r\n"
    file = SimpleUploadedFile("指标.csv", more.encode("gb18030"))
    assert client.post(f"{LIST}{version.pk}/import", {"file": file}).status_code == 302
    version.refresh_from_db()
    assert [line["name"] for line in version.lines] == ["叫号屏看不清", "没有座位"]


def test_a_sheet_that_touches_a_national_indicator_is_refused_by_line(as_, version):
    file = SimpleUploadedFile("指标.csv", "编码,名称,等级,在用\n207,没有提供材料样本,不满意,否\n".encode())
    answer = as_("supervisor").post(f"{LIST}{version.pk}/import", {"file": file})
    assert answer.status_code == 422
    assert "第 2 行：207 由上级管理，本地不能改。" in answer.content.decode()


@pytest.mark.parametrize(
    "file", [None, SimpleUploadedFile("x.csv", b"\x00\x01\x02"), SimpleUploadedFile("x.xlsx", b"no")]
)
def test_what_is_no_sheet_is_told_so(as_, version, file):
    answer = as_("supervisor").post(f"{LIST}{version.pk}/import", {"file": file} if file else {})
    assert answer.status_code == 422
    assert "没有办成，请先更正" in answer.content.decode()


def test_from_draft_to_force_by_two_people(as_, version):
    assert submit(as_, version).status_code == 302
    own = as_("supervisor").get(f"{LIST}{version.pk}/").content.decode()
    assert "您参与了起草或修改，请等另一位督办人员或领导审批" in own
    assert "批准</button>" not in own
    assert as_("supervisor").post(f"{LIST}{version.pk}/approve").status_code == 403
    page = as_("leader").get(f"{LIST}{version.pk}/").content.decode()
    assert "新增 P2001“叫号屏看不清”（不满意，业务，全部环节，全部渠道）。" in page
    assert as_("leader").post(f"{LIST}{version.pk}/approve").status_code == 302
    assert Indicator.objects.get(region="32").name == "叫号屏看不清"
    listed = text(as_("observer").get(LIST + "?region=32").content.decode())
    assert "第1版 已批准，待生效 2026年7月1日 夏季修订 省督办" in listed
    assert "领导 2026-06-10 10:10" in listed
    with held_at(NOW + timedelta(days=30)):
        listed = text(as_("observer").get(LIST + "?region=32").content.decode())
    assert "共 41 项" in listed
    assert "第1版 现行" in listed


def test_another_supervisor_refuses_with_a_reason_and_the_lines_live_on(as_, version):
    submit(as_, version)
    other = Person.objects.create(username="second", name="另一位督办", password="!", created_at=NOW)
    Grant.objects.create(person=other, role=Role.SUPERVISOR, area="32")
    client = as_("second")
    assert client.post(f"{LIST}{version.pk}/refuse", {"reason": " "}).status_code == 422
    assert client.post(f"{LIST}{version.pk}/refuse", {"reason": "名称不清楚"}).status_code == 302
    page = as_("supervisor").get(f"{LIST}{version.pk}/").content.decode()
    assert "名称不清楚" in page
    assert "已退回" in page
    as_("supervisor").post(LIST + "draft", {"like": version.pk})
    version.refresh_from_db()
    assert IndicatorSet.objects.get(number=2).lines == version.lines != []


@pytest.mark.parametrize("day", ["", "2026-06-10", "2020-01-01", "soon"])
def test_a_day_that_is_not_to_come_is_refused_and_says_so(as_, version, day):
    answer = submit(as_, version, day)
    assert answer.status_code == 422
    assert "生效日期应晚于今天。" in answer.content.decode()


def test_a_line_that_is_wrong_is_told_beside_its_field(as_, version):
    answer = as_("supervisor").post(f"{LIST}{version.pk}/line/new", {"name": "差", "level": "9", "dimension": "x"})
    page = answer.content.decode()
    assert answer.status_code == 422
    for field in ("name", "level", "dimension"):
        assert f'href="#{field}"' in page
    changed = {
        "name": "叫号屏太小",
        "dimension": "service",
        "aspect": "delivery",
        "channels": ["4", "5"],
        "is_active": "1",
    }
    assert as_("supervisor").post(f"{LIST}{version.pk}/line/P2001", changed).status_code == 302
    version.refresh_from_db()
    assert version.lines[0] | {"code": ""} == {
        "code": "", "name": "叫号屏太小", "level": 2, "dimension": "service", "aspect": "delivery", "channels": [4, 5],
        "is_active": True,
    }  # fmt: skip
    assert as_("supervisor").get(f"{LIST}{version.pk}/line/207").status_code == 404


@pytest.mark.parametrize("username", ["city", "leader", "observer", "clerk", "admin"])
def test_others_look_and_change_nothing(as_, version, username):
    client = as_(username)
    page = client.get(f"{LIST}{version.pk}/").content.decode()
    assert "增加指标" not in page
    assert "提交审批</button>" not in page
    for path in ("line/new", "import", "submit", "drop"):
        assert client.post(f"{LIST}{version.pk}/{path}", {}).status_code == 403, path
    assert client.post(LIST + "draft", {"region": "32"}).status_code == 403


def test_a_draft_is_given_up_and_another_begun(as_, version):
    as_("supervisor").post(LIST + "draft", {"region": "32"})
    assert IndicatorSet.objects.count() == 1, "one at a time"
    assert as_("supervisor").post(f"{LIST}{version.pk}/drop").status_code == 302
    as_("supervisor").post(LIST + "draft", {"region": "32"})
    assert list(IndicatorSet.objects.order_by("number").values_list("state", flat=True)) == ["dropped", "draft"]
    assert as_("supervisor").post(f"{LIST}{version.pk}/burn").status_code == 404


def test_the_preview_is_the_citizens_own_page_on_both_days(as_, version):
    client = as_("leader")
    page = client.get(f"{LIST}{version.pk}/preview?level=2&aspect=delivery&channel=7").content.decode()
    assert "新增 P2001“叫号屏看不清”" in page
    query = "level=2&aspect=delivery&channel=7"
    today = client.get(f"{LIST}{version.pk}/page?side=today&{query}")
    then = client.get(f"{LIST}{version.pk}/page?side=then&{query}")
    assert "您对办理结果的送达是否满意？" in then.content.decode()
    assert "叫号屏看不清" not in today.content.decode()
    assert "叫号屏看不清" in then.content.decode()
    assert "frame-ancestors 'self'" in then["Content-Security-Policy"]
    assert then["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'none'" in client.get(LIST)["Content-Security-Policy"]
    assert "没有变化" in client.get(f"{LIST}{version.pk}/preview?level=5").content.decode()


def test_a_version_that_is_none_says_where_to_look(as_):
    answer = as_("leader").get(LIST + "99/")
    assert answer.status_code == 404
    assert "请从“指标管理”里重新选择" in answer.content.decode()
