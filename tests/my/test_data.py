"""My data: a copy of all of it, and its deletion."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import TYPE_CHECKING

import pytest
from django.test import Client

from haochaping.accounts.models import Audit
from haochaping.channels.models import CitizenSession, LoginCode
from haochaping.channels.my import commands
from haochaping.evaluation.models import Applicant, Evaluation, Evaluator, Words
from haochaping.evaluation.sealing import seal, verify
from haochaping.messaging.models import Message
from haochaping.messaging.queries import may_call, may_text
from haochaping.rectification.commands import reveal
from haochaping.rectification.models import Order
from tests.cast import NOW, Cast
from tests.my.stage import (
    CARD,
    MINE,
    NAME,
    OTHER,
    answered,
    later,
    logged_in,
    rated,
    served,
    served_in_suzhou,
    text,
)

if TYPE_CHECKING:
    from typing import Any

pytestmark = pytest.mark.django_db


def real_name() -> Client:
    """A browser in which somebody came in by the identity service."""
    client = Client()
    client.cookies["hcp_my"] = commands.begin("oidc", name=NAME, cert=CARD, mobile=MINE, now=NOW)
    return client


class TestTheCopy:
    def test_it_holds_everything_in_plain_chinese(self, cast: Cast) -> None:
        event = served()
        rated(event, name=NAME)
        served_in_suzhou("SZ-1")
        reveal(Order.objects.get(id=event.id), actor=cast.operator, reason="核对回访号码", now=NOW)
        answer = real_name().get("/my/data.json")
        assert answer["Content-Disposition"] == 'attachment; filename="my-data-20260610.json"'
        assert "no-store" in answer["Cache-Control"]
        copy = json.loads(answer.content)
        assert copy["登录身份"] == {"姓名": NAME, "证件号码": CARD, "手机号码": MINE}
        by_number = {case["办件编号"]: case for case in copy["办件"]}
        assert set(by_number) == {"NJ2026060001", "SZ-1"}
        case = by_number["NJ2026060001"]
        assert case["申请人"] == {"姓名": NAME, "证件号码": CARD, "电话": MINE}
        assert (case["评价"]["满意度"], case["评价"]["文字"]) == ("非常不满意", "排队两小时，窗口态度差")
        told = [(step["事项"], step["内容"]) for step in case["评价"]["差评工单"]["过程"]]
        assert ("12345话务员查看了您的身份信息", "核对回访号码") in told
        assert "评价" not in by_number["SZ-1"]

    def test_a_telephone_alone_shows_name_and_certificate_masked(self, cast: Cast) -> None:
        served()
        person = json.loads(logged_in().get("/my/data.json").content)["办件"][0]["申请人"]
        assert person == {"姓名": "赵*样", "证件号码": "3201**********0018", "电话": MINE}

    def test_the_sheets_open_in_a_spreadsheet_and_hold_no_formula(self, cast: Cast) -> None:
        event = served()
        rated(event, writingEvaluation='=HYPERLINK("http://evil")')
        body = real_name().get("/my/data.zip").content
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            assert sorted(archive.namelist()) == sorted(
                ["说明.txt", "办件.csv", "评价.csv", "办理过程.csv", "留言.csv"]
            )
            sheets = {name: archive.read(name) for name in archive.namelist()}
        assert sheets["评价.csv"].startswith(b"\xef\xbb\xbf"), "the mark by which Excel knows UTF-8"
        rows = list(csv.DictReader(io.StringIO(sheets["评价.csv"].decode("utf-8-sig"))))
        assert rows[0]["文字"] == '\'=HYPERLINK("http://evil")'
        assert rows[0]["满意度"] == "非常不满意"
        steps = list(csv.DictReader(io.StringIO(sheets["办理过程.csv"].decode("utf-8-sig"))))
        assert steps[-1]["日期"] == "进行中"
        assert "赵试样" in sheets["办件.csv"].decode()

    def test_somebody_elses_rating_of_my_case_is_not_in_it(self, cast: Cast) -> None:
        rated(served(), mobile=OTHER)
        case = json.loads(logged_in().get("/my/data.json").content)["办件"][0]
        assert case["是否已评价"] is True
        assert "评价" not in case

    def test_who_has_nothing_gets_an_empty_copy(self, cast: Cast) -> None:
        assert json.loads(logged_in(OTHER).get("/my/data.json").content)["办件"] == []
        assert logged_in("13800000003").get("/my/data.zip").status_code == 200


class TestTheDeletion:
    def test_the_person_goes_and_the_stars_stay(self, cast: Cast) -> None:
        event = served()
        rated(event, name=NAME)
        answered(event, cast)
        old = served("NJ-OLD", serviceTime="2026-04-08 09:00:00")
        seal(now=NOW)
        client = logged_in()
        client.post(f"/my/services/{event.id}/satisfied")
        assert "不能恢复" in text(client.get("/my/delete"))
        assert Applicant.objects.count() == 2, "the page only asks"
        done = text(client.post("/my/delete", {"understood": "1"}))
        assert "您的数据已删除" in done
        assert "1 条评价" in done
        for table in (Applicant, Evaluator, Words, CitizenSession, LoginCode):
            assert not table.objects.exists(), table
        assert Evaluation.objects.get(id=event.id).level == 1
        assert verify().faults == []
        assert (may_text(MINE), may_call(MINE)) == (False, False)
        assert {bytes(row.blob) for row in Message.objects.all()} == {b""}, "the texts that were sent are gone too"
        assert client.get("/my").status_code == 303
        audit: Any = Audit.objects.get(action="forget_citizen")
        assert audit.facts == {"ratings": 1, "cases": 2}
        assert MINE not in str(audit.__dict__)
        with later(minutes=2):
            again = logged_in()
            assert again.get(f"/my/services/{event.id}").status_code == 404
            assert again.get(f"/my/services/{old.id}").status_code == 404

    def test_what_is_still_worked_on_keeps_its_applicant_and_says_so(self, cast: Cast) -> None:
        working, waiting = served("NJ-1"), served("NJ-2")
        rated(working, name=NAME)
        client = logged_in()
        assert "还有 2 件没有办完" in text(client.get("/my/delete"))
        assert "还有 2 件没有办完" in text(client.post("/my/delete", {"understood": "1"}))
        assert set(Applicant.objects.values_list("id", flat=True)) == {working.id, waiting.id}
        assert not Evaluator.objects.exists(), "who rated goes at once"
        assert not Words.objects.exists()

    def test_others_are_left_alone(self, cast: Cast) -> None:
        mine, other = served("NJ-1"), served("NJ-2", mobile=OTHER)
        rated(mine, mobile=OTHER, name="孙外人")  # somebody else rated my case
        rated(other, mobile=OTHER)
        logged_in(OTHER)
        logged_in(MINE).post("/my/delete", {"understood": "1"})
        assert set(Evaluator.objects.values_list("id", flat=True)) == {mine.id, other.id}
        assert Words.objects.count() == 2
        assert Applicant.objects.filter(id=other.id).exists()
        assert CitizenSession.objects.count() == 1
        assert may_text(OTHER)

    def test_without_the_tick_nothing_happens(self, cast: Cast) -> None:
        event = served()
        rated(event)
        answer = logged_in().post("/my/delete")
        assert answer.status_code == 422
        assert "请先勾选" in text(answer)
        assert Evaluator.objects.exists()

    def test_it_ends_every_session_of_theirs(self, cast: Cast) -> None:
        served()
        here, there = logged_in(), real_name()
        here.post("/my/delete", {"understood": "1"})
        assert there.get("/my").status_code == 303
