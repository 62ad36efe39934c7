"""The entrance: who proves a telephone comes in, nobody learns whether a number is known, nobody guesses a code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from django.test import Client

from haochaping.channels.models import CitizenSession, LoginCode
from haochaping.channels.my import commands, rules
from haochaping.kit import ids
from haochaping.messaging.commands import stop_texting
from tests.cast import NOW, PASSWORD, Cast
from tests.my.stage import MINE, OTHER, ask_for_code, last_code, later, logged_in, served, sms, text

if TYPE_CHECKING:
    from datetime import datetime

pytestmark = pytest.mark.django_db


def test_the_right_code_opens_the_list_and_the_cookie_is_of_my_only(cast: Cast) -> None:
    served()
    client = logged_in()
    shown = client.get("/my")
    assert shown.status_code == 200
    assert "食品经营许可（新办）" in text(shown)
    cookie = client.cookies["hcp_my"]
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/my", True, "Lax")
    assert "no-store" in shown["Cache-Control"]
    assert shown["X-Robots-Tag"] == "noindex"


def test_the_code_comes_as_a_text_that_warns_against_telling_it(cast: Cast) -> None:
    ask_for_code(Client())
    ((number, said),) = sms()
    assert number == MINE
    assert re.search(r"【.+】验证码\d{6}，5分钟内有效", said)
    assert "不会向您索要" in said


@pytest.mark.parametrize("typed", ["138-0000-0001", "+86 138 0000 0001", "１３８００００００01", " 13800000001 "])
def test_a_number_is_understood_however_it_is_typed(cast: Cast, typed: str) -> None:
    assert ask_for_code(Client(), typed).status_code == 303
    assert sms()[-1][0] == MINE


@pytest.mark.parametrize("typed", ["", "12345", "1380000000", "025-88888888", "<b>", "13800000001\x00", "1" * 500])
def test_what_is_no_mobile_number_is_told(cast: Cast, typed: str) -> None:
    answer = ask_for_code(Client(), typed)
    assert answer.status_code == 422
    assert "请填写 11 位手机号码" in text(answer)
    assert "<b>" not in answer.content.decode()
    assert sms() == []


class TestNobodyLearnsWhoIsKnown:
    def test_a_known_and_an_unknown_number_get_the_same_answers(self, cast: Cast) -> None:
        served()
        seen = []
        for number in (MINE, "13999999999"):
            client = Client()
            asked = ask_for_code(client, number)
            page = client.get("/my/code")
            wrong = client.post("/my/code", {"code": "000000" if last_code() != "000000" else "111111"})
            hidden = re.sub(r"1\d{2}\*{4}\d{4}|csrfmiddlewaretoken\" value=\"\w+", "", page.content.decode())
            seen.append((asked.status_code, asked["Location"], hidden, wrong.status_code, text(wrong)[:300]))
        assert seen[0][:3] == seen[1][:3]
        assert seen[0][3] == seen[1][3] == 422
        assert {number for number, _ in sms()} == {MINE, "13999999999"}

    def test_a_storm_of_made_up_numbers_costs_few_texts_and_stops_no_known_one(
        self, cast: Cast, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served()
        monkeypatch.setattr(commands, "strangers", commands.Strangers(size=3))
        answers = {ask_for_code(Client(), f"1370000{n:04d}").status_code for n in range(8)}
        assert answers == {303}, "whoever asks sees no difference"
        assert len(sms()) == 3
        logged_in(MINE)

    def test_a_number_that_stopped_texts_still_gets_the_code_it_asks_for(self, cast: Cast) -> None:
        stop_texting(MINE, by="test", now=NOW)
        logged_in(MINE)


class TestLimits:
    def test_one_a_minute_for_a_number_from_whatever_browser(self, cast: Cast) -> None:
        ask_for_code(Client())
        answer = ask_for_code(Client())
        assert answer.status_code == 429
        assert "60 秒后再试" in text(answer)
        assert answer["Retry-After"] == "60"
        with later(seconds=60):
            assert ask_for_code(Client()).status_code == 303

    def test_ten_a_day_for_a_number(self, cast: Cast) -> None:
        for minute in range(10):
            with later(minutes=minute):
                assert ask_for_code(Client()).status_code == 303
        with later(hours=2):
            answer = ask_for_code(Client())
            assert answer.status_code == 429
            assert "22 小时后再试" in text(answer)
        with later(days=1, minutes=1):
            assert ask_for_code(Client()).status_code == 303

    def test_one_browser_asks_for_twenty_numbers_a_day_at_most(self, cast: Cast) -> None:
        client = Client()
        for n in range(20):
            with later(minutes=n):
                assert ask_for_code(client, f"1370000{n:04d}").status_code == 303
        with later(minutes=30):
            assert ask_for_code(client, "13700009999").status_code == 429

    def test_a_hall_behind_one_address_is_never_refused(self, cast: Cast) -> None:
        answers = {ask_for_code(Client(REMOTE_ADDR="10.1.1.1"), f"1370000{n:04d}").status_code for n in range(60)}
        assert answers == {303}

    @pytest.mark.parametrize(
        ("number", "browser", "seconds"),
        [((), (), 0), ((30,), (), 30), ((), (59,), 1), ((61,), (61,), 0), (range(100, 1000, 100), (), 0)],
    )
    def test_the_wait_by_when_codes_were_sent(self, number: list[int], browser: list[int], seconds: int) -> None:
        def ago(each: list[int]) -> list[datetime]:
            from datetime import timedelta

            return [NOW - timedelta(seconds=s) for s in each]

        assert rules.seconds_to_wait(NOW, ago(number), ago(browser)) == seconds


class TestGuessing:
    def test_after_five_wrong_codes_the_right_one_opens_nothing(self, cast: Cast) -> None:
        client = Client()
        ask_for_code(client)
        right = last_code()
        wrong = f"{(int(right) + 1) % 10**6:06d}"
        said = [text(client.post("/my/code", {"code": wrong})) for _ in range(5)]
        assert [re.search(r"还可以试 (\d) 次", s) is not None for s in said] == [True] * 4 + [False]
        assert "已失效，请重新获取" in said[-1]
        assert client.post("/my/code", {"code": right}).status_code == 422
        assert not CitizenSession.objects.exists()

    def test_a_code_is_good_for_the_browser_that_asked_alone(self, cast: Cast) -> None:
        ask_for_code(Client())
        stranger = Client()
        assert stranger.post("/my/code", {"code": last_code()}).status_code == 422
        stranger.cookies["hcp_my_browser"] = "x" * 22
        assert stranger.post("/my/code", {"code": last_code()}).status_code == 422

    def test_a_code_lives_five_minutes_and_is_good_once(self, cast: Cast) -> None:
        client = Client()
        ask_for_code(client)
        code = last_code()
        with later(minutes=5):
            assert client.post("/my/code", {"code": code}).status_code == 422
        with later(minutes=4, seconds=59):
            assert client.post("/my/code", {"code": code}).status_code == 303
            assert client.post("/my/code", {"code": code}).status_code == 422

    def test_a_new_code_ends_the_one_before_it(self, cast: Cast) -> None:
        client = Client()
        ask_for_code(client)
        first = last_code()
        with later(minutes=1):
            ask_for_code(client, OTHER)
            assert client.post("/my/code", {"code": first}).status_code == 422
            assert client.post("/my/code", {"code": last_code()}).status_code == 303

    def test_neither_code_nor_number_nor_token_lies_in_clear(self, cast: Cast) -> None:
        client = logged_in()
        stored = b"".join(
            bytes(v) for row in (*LoginCode.objects.values_list(), *CitizenSession.objects.values_list())
            for v in row if isinstance(v, (bytes, memoryview))
        )  # fmt: skip
        for secret in (MINE, last_code(), client.cookies["hcp_my"].value):
            assert secret.encode() not in stored
        assert LoginCode.objects.get().blob is None, "a used code forgets its number"

    @pytest.mark.parametrize("token", ["", "x" * 22, "a" * 500, "\x00"])
    def test_a_made_up_cookie_opens_nothing(self, cast: Cast, token: str) -> None:
        client = logged_in()
        client.cookies["hcp_my"] = token
        assert client.get("/my").status_code == 303


class TestTheSession:
    def test_it_ends_after_half_an_hour_at_rest(self, cast: Cast) -> None:
        client = logged_in()
        with later(minutes=29):
            assert client.get("/my").status_code == 200
        with later(minutes=58):
            assert client.get("/my").status_code == 200
        with later(minutes=89):
            answer = client.get("/my")
            assert (answer.status_code, answer["Location"]) == (303, "/my/login?next=%2Fmy")

    def test_it_ends_after_eight_hours_however_busy(self, cast: Cast) -> None:
        client = logged_in()
        for minutes in range(20, 480, 20):
            with later(minutes=minutes):
                assert client.get("/my").status_code == 200
        with later(minutes=481):
            assert client.get("/my").status_code == 303

    def test_what_is_sent_too_late_is_not_done_and_told(self, cast: Cast) -> None:
        event = served()
        client = logged_in()
        with later(minutes=31):
            answer = client.post(f"/my/services/{event.id}/rate", {"level": 5}, follow=True)
            assert "刚才的操作没有提交" in text(answer)

    def test_logging_out_ends_it_for_every_copy_of_the_cookie(self, cast: Cast) -> None:
        client, copy = logged_in(), Client()
        copy.cookies["hcp_my"] = client.cookies["hcp_my"].value
        assert copy.get("/my").status_code == 200
        assert "已退出登录" in text(client.post("/my/logout"))
        assert copy.get("/my").status_code == 303
        assert client.get("/my/logout").status_code == 405

    def test_the_next_login_in_a_browser_ends_the_one_before(self, cast: Cast) -> None:
        client = logged_in(MINE)
        copy = Client()
        copy.cookies["hcp_my"] = client.cookies["hcp_my"].value
        with later(minutes=1):
            ask_for_code(client, OTHER)
            client.post("/my/code", {"code": last_code()})
            assert copy.get("/my").status_code == 303

    def test_it_never_mixes_with_a_session_of_those_who_work_here(self, cast: Cast) -> None:
        client = logged_in()
        assert client.get("/console/").status_code == 302
        client.post("/console/login", {"username": "supervisor", "password": PASSWORD})
        staff = Client()
        staff.cookies["sessionid"] = client.cookies["sessionid"].value if "sessionid" in client.cookies else "x"
        assert staff.get("/my").status_code == 303

    def test_after_the_login_one_goes_on_where_one_was_and_nowhere_else(self, cast: Cast) -> None:
        event = served()
        client = Client()
        asked = client.get(f"/my/services/{event.id}")
        assert asked["Location"] == "/my/login?next=" + quote(f"/my/services/{event.id}", safe="")
        for wanted, goes in (
            (f"/my/services/{event.id}", f"/my/services/{event.id}"),
            ("https://evil.example/", "/my"),
            ("//evil.example/my", "/my"),
            ("/my/services/../../console/", "/my"),
            ("/console/", "/my"),
        ):
            assert rules.way_on(wanted) == goes
        ask_for_code(client)
        answer = client.post("/my/code?next=" + quote(f"/my/services/{event.id}"), {"code": last_code()})
        assert answer["Location"] == f"/my/services/{event.id}"

    def test_a_foreign_page_can_neither_log_in_nor_out(self, cast: Cast) -> None:
        client = Client(enforce_csrf_checks=True)
        for path in ("/my/login", "/my/code", "/my/logout"):
            assert client.post(path, {"mobile": MINE, "code": "123456"}).status_code == 403

    def test_nothing_old_is_kept(self, cast: Cast) -> None:
        logged_in()
        with later(days=2):
            logged_in(OTHER)
        assert CitizenSession.objects.count() == LoginCode.objects.count() == 1


def test_without_a_gateway_the_page_says_so(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HCP_SMS_URL", "")
    shown = text(Client().get("/my/login"))
    assert "短信服务暂时没有开通" in shown
    assert "12345" in shown
    assert ids.new_token() not in shown
