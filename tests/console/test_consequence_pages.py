"""约谈与通报 as people meet it: drafted, checked, decided, answered; by whom and by whom not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.kit.clock import held_at
from haochaping.rectification.commands import perform
from haochaping.rectification.consequences.models import Consequence
from tests.cast import NANJING, NOW, SUZHOU
from tests.console.stage import CANARIES, bad_order, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
DRAFT = {"kind": "talk", "subject_kind": "organ", "subject": NANJING, "title": "约谈一季度差评", "text": "请说明原因"}


@pytest.fixture(autouse=True)
def at_work():
    with held_at(LATER):
        yield


def drafted(as_, **more: str) -> Consequence:
    answer = as_("city").post("/console/consequences/new", DRAFT | more)
    assert answer.status_code == 302, text(answer.content.decode())
    return Consequence.objects.latest("pk")


def test_a_draft_is_decided_in_two_steps_and_the_unit_answers_it(as_):
    record = drafted(as_)
    city, unit, at = as_("city"), as_("rectifier"), f"/console/consequences/{record.pk}/"
    assert unit.get(at).status_code == 404, "what is only proposed is not there"
    asked = city.post(at + "decide", {"text": "到市政务办说明", "due": "2026-06-20"})
    assert "确认后，单位 南京市市场监督管理局能看到" in text(asked.content.decode())
    record.refresh_from_db()
    assert record.state == "proposed", "nothing is done before it was confirmed"
    sent = {"text": "到市政务办说明", "due": "2026-06-20", "confirmed": "1"}
    assert city.post(at + "decide", sent).status_code == 302
    page = text(unit.get(at).content.decode())
    assert "到市政务办说明" in page
    assert "陈述意见" in page
    assert unit.post(at + "state", {"view": "系统升级所致", "confirmed": "1"}).status_code == 302
    assert "系统升级所致" in text(city.get(at).content.decode())
    assert unit.post(at + "record", {"confirmed": "1"}).status_code == 403


def test_what_is_missing_is_named_beside_its_field_and_nothing_typed_is_lost(as_):
    answer = as_("city").post("/console/consequences/new", DRAFT | {"subject": SUZHOU, "title": "约谈草稿"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "不在您的管辖范围内" in page
    assert 'value="约谈草稿"' in page
    record = drafted(as_)
    wrong = as_("city").post(f"/console/consequences/{record.pk}/decide", {"text": "", "due": "2020-01-01"})
    assert wrong.status_code == 422
    assert "“完成期限”不能早于今天" in text(wrong.content.decode())


@pytest.mark.parametrize("username", ["foreign_city", "foreign_rectifier", "clerk"])
def test_others_records_are_not_there(as_, username):
    record = drafted(as_)
    as_("city").post(f"/console/consequences/{record.pk}/decide", {"text": "……", "due": "2026-06-20", "confirmed": "1"})
    client = as_(username)
    assert client.get(f"/console/consequences/{record.pk}/").status_code == 404
    assert client.post(f"/console/consequences/{record.pk}/state", {"view": "x", "confirmed": "1"}).status_code == 404
    assert record.title not in client.get("/console/consequences/").content.decode()


def test_the_malicious_raters_admonition_begins_at_the_order_and_never_names_anybody(as_, cast):
    order = bad_order()
    for verb, who, facts in (
        ("sign", cast.rectifier, {}),
        ("appeal", cast.rectifier, {"kind": "malicious", "reason": "多次", "evidence": "记录"}),
        ("uphold", cast.reviewer, {"ruling": "证据充分"}),
    ):
        perform(order_id=order.pk, verb=verb, actor=who, facts=facts, now=LATER)
    at = f"/console/consequences/of/{order.order_no}"
    city = as_("city")
    assert at in city.get(f"/console/orders/{order.order_no}/").content.decode()
    assert "评价人还可以对裁决提出异议" in text(city.get(at).content.decode())
    assert city.post(at, {"text": "请据实评价"}).status_code == 409
    with held_at(LATER + timedelta(days=40)):
        city = as_("city")
        made = city.post(at, {"text": "请据实评价"})
        assert made.status_code == 302
        record = Consequence.objects.get()
        city.post(f"/console/consequences/{record.pk}/deliver", {"confirmed": "1"})
        pages = [city.get(f"/console/consequences/{record.pk}/"), city.get("/console/consequences/")]
        assert not [word for page in pages for word in CANARIES if word in page.content.decode()]
        assert as_("rectifier").get(f"/console/consequences/{record.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("kind", "subject_kind", "named", "code"),
    [
        ("talk", "organ", "南京市市场监督管理局", NANJING),
        ("talk", "organ", "市场监督", NANJING),
        ("talk", "window", "NJ政务服务中心 A01", "NJ-A01"),
        ("training", "clerk", "李窗口", "NJ-0001"),
        ("training", "clerk", "NJ-0001", "NJ-0001"),
        ("notice", "region", "玄武区", "320102000000"),
    ],
)
def test_whom_it_concerns_is_named_and_no_code_is_known_by_heart(as_, kind, subject_kind, named, code):
    record = drafted(as_, kind=kind, subject_kind=subject_kind, subject=named)
    assert (record.subject_kind, record.subject) == (subject_kind, code)


def test_a_name_that_fits_several_or_none_is_answered_with_those_that_are_near(as_):
    several = as_("city").post("/console/consequences/new", DRAFT | {"subject_kind": "window", "subject": "综合窗口"})
    assert several.status_code == 422
    for words in ("有2个窗口符合", "NJ政务服务中心 A01 综合窗口（NJ-A01）", "A02"):
        assert words in several.content.decode()
    none = as_("city").post("/console/consequences/new", DRAFT | {"subject": "南京市场监管局"})
    assert none.status_code == 422
    assert "相近的有：南京市市场监督管理局" in none.content.decode()
    assert "苏州" not in none.content.decode(), "what is out of reach is not offered"


def test_only_subjects_that_fit_the_chosen_kind_are_offered(as_):
    fresh = as_("city").get("/console/consequences/new").content.decode()
    assert "data-fit=" in fresh
    assert " hidden><input" not in fresh
    assert '<option value="NJ政务服务中心 A01 综合窗口">窗口</option>' in fresh
    page = as_("city").post("/console/consequences/new", {"kind": "notice"}).content.decode()
    for subject, is_hidden in (("organ", False), ("region", False), ("window", True), ("clerk", True)):
        assert (f'data-fit="{subject}" hidden>' in page) is is_hidden
    assert "综合窗口" not in page
