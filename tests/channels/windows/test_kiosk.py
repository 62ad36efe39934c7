"""`/kiosk`: the card's holder sees their own services and nobody else's, and nothing of them stays."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client

from haochaping.channels.device.commands import revoke
from haochaping.channels.device.rules import Kind
from haochaping.channels.kiosk.rules import id_number
from haochaping.channels.models import TerminalSession
from haochaping.directory.models import Device
from haochaping.evaluation.models import Evaluation, Evaluator
from haochaping.kit import clock, ids
from haochaping.rectification.models import Order
from tests.cast import NOW
from tests.channels.windows.conftest import enrolled

pytestmark = pytest.mark.django_db
CARD, OTHER = "320102190001010018", "320102190001010026"


def text(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def show(client, number=CARD):
    return client.post("/kiosk", {"number": number}, follow=True)


class TestWhoMayOpenIt:
    PATHS = ("/kiosk", "/kiosk/services", f"/kiosk/rate/{'0' * 8}-0000-0000-0000-{'0' * 12}")

    @pytest.mark.parametrize("path", PATHS)
    def test_a_browser_that_is_not_enrolled_is_told_how_to(self, cast, path):
        answer = Client().get(path)
        assert answer.status_code == 403
        assert "这台设备还不是自助评价终端" in text(answer)
        assert 'href="/device/"' in answer.content.decode()
        assert Client().post("/kiosk", {"number": CARD}).status_code == 403

    def test_a_window_tablet_is_no_terminal(self, cast):
        client = Client()
        enrolled(client, cast.supervisor, kind=Kind.TABLET, window="NJ-A01")
        assert client.get("/kiosk").status_code == 403

    def test_a_stopped_terminal_shows_nothing_from_that_moment(self, kiosk, cast, served):
        served()
        assert "食品经营许可" in text(show(kiosk))
        revoke(Device.objects.get().id, actor=cast.supervisor, reason="移走", now=NOW)
        assert kiosk.get("/kiosk/services").status_code == 403

    def test_it_asks_for_a_card_and_may_not_be_kept(self, kiosk):
        answer = kiosk.get("/kiosk")
        assert "请刷身份证" in text(answer)
        assert "no-store" in answer["Cache-Control"]


class TestMyServices:
    def test_they_show_item_organ_and_day_and_nothing_personal(self, kiosk, served):
        served()
        shown = show(kiosk).content.decode()
        for told in ("食品经营许可（新办）", "南京市市场监督管理局", "2026年6月10日", "去评价"):
            assert told in shown
        for hidden in ("赵试样", "13800000001", CARD, "NJ2026060001", "NJ-0001"):
            assert hidden not in shown

    @pytest.mark.parametrize(
        "typed",
        [
            CARD,
            f" {CARD}\r\n",
            "３２０１０２１９０００１０１００１８",
            f"赵试样,男,{CARD},江苏省",
            "320102 19000101 0018",
        ],
    )
    def test_a_card_reader_may_type_other_fields_too(self, kiosk, served, typed):
        served()
        assert "去评价" in text(show(kiosk, typed))

    def test_other_peoples_services_are_not_there(self, kiosk, served):
        mine, theirs = served(), served("NJ2", creditNum=OTHER)
        shown = show(kiosk).content.decode()
        assert str(mine.id) in shown
        assert str(theirs.id) not in shown
        for path in (f"/kiosk/rate/{theirs.id}", f"/kiosk/thanks/{theirs.id}"):
            assert kiosk.get(path).status_code == 404
        assert kiosk.post(f"/kiosk/rate/{theirs.id}", {"level": 5}).status_code == 404
        assert not Evaluation.objects.exists()

    def test_the_policy_says_how_far_back(self, kiosk, served):
        served("NJ-OLD", serviceTime="2026-05-10 09:00:00", acceptDate="2026-05-10 09:00:00", resultDate="")
        assert "最近 30 天没有查到您的办件" in text(show(kiosk))

    def test_who_has_none_is_told_what_else_to_do(self, kiosk, cast):
        shown = text(show(kiosk, OTHER))
        assert "没有查到您的办件" in shown
        assert "12345" in shown

    def test_what_is_no_number_is_told_and_not_shown_again(self, kiosk):
        answer = kiosk.post("/kiosk", {"number": "3201"})
        assert answer.status_code == 422
        assert "没有读到正确的身份证号" in text(answer)
        assert 'value="3201"' not in answer.content.decode()

    def test_misses_are_limited_by_device_and_the_next_terminal_goes_on(self, kiosk, cast, served):
        served()
        numbers = [f"3201021900010{n:05}" for n in range(10100, 10122)]
        codes = [kiosk.post("/kiosk", {"number": number}).status_code for number in numbers]
        assert codes == [303] * 20 + [429] * 2
        neighbour = Client()
        enrolled(neighbour, cast.supervisor)
        assert "去评价" in text(show(neighbour))


class TestRating:
    @pytest.mark.parametrize("level", [5, 4, 3, 2, 1])
    def test_every_level_can_be_given_with_one_press(self, kiosk, served, level):
        event = served()
        show(kiosk)
        answer = kiosk.post(f"/kiosk/rate/{event.id}", {"level": level}, follow=True)
        rating = Evaluation.objects.get(id=event.id)
        assert (rating.level, rating.pf, rating.device_id) == (level, 5, Device.objects.get().id)
        assert rating.assurance == "anonymous"
        assert "评价已收到" in text(answer)
        assert ids.receipt(event.id)[-4:] in text(answer)
        assert "<svg" in answer.content.decode()
        assert Order.objects.filter(id=event.id).exists() == (level <= 2)
        assert "已评价" in text(kiosk.get("/kiosk/services"))

    def test_who_wants_to_be_known_is_known_by_their_card(self, kiosk, served):
        event = served()
        show(kiosk)
        kiosk.post(f"/kiosk/rate/{event.id}", {"level": 1, "is_named": "1"})
        assert Evaluation.objects.get(id=event.id).assurance == "real_name"
        assert Evaluation.objects.get(id=event.id).consent == [], "consent to contact is its own tick"
        assert b"\xe8\xb5\xb5" not in bytes(Evaluator.objects.get(id=event.id).blob)

    def test_no_level_is_told(self, kiosk, served):
        event = served()
        show(kiosk)
        answer = kiosk.post(f"/kiosk/rate/{event.id}", {"words": "好"})
        assert answer.status_code == 422
        assert "请选择满意程度" in text(answer)
        assert "结束并清屏" in text(answer), "still the terminal's frame"

    def test_a_service_is_rated_once(self, kiosk, served):
        event = served()
        show(kiosk)
        for level in (5, 1):
            kiosk.post(f"/kiosk/rate/{event.id}", {"level": level})
        assert Evaluation.objects.get().level == 5
        assert kiosk.get(f"/kiosk/rate/{event.id}")["Location"] == "/kiosk/services"

    def test_a_receipt_of_another_way_is_not_shown_here(self, kiosk, served):
        from haochaping.channels.commands import make_link

        event = served()
        Client().post("/e/" + make_link(event.id, 3, timedelta(days=1), "test", NOW), {"level": 5})
        show(kiosk)
        assert kiosk.get(f"/kiosk/thanks/{event.id}")["Location"] == "/kiosk/services"


class TestNothingStays:
    def test_the_number_stands_in_no_cookie_address_or_table(self, kiosk, served):
        served()
        answer = kiosk.post("/kiosk", {"number": CARD})
        assert CARD not in answer["Location"]
        assert CARD not in str(answer.cookies)
        assert answer.cookies["hcp_terminal"]["httponly"]
        held = TerminalSession.objects.get()
        assert CARD.encode() not in bytes(held.digest) + bytes(held.id_index)
        assert kiosk.cookies["hcp_terminal"].value not in repr(vars(held))

    @pytest.mark.parametrize("leave", ["start", "end"])
    def test_after_leaving_the_back_button_finds_the_beginning(self, kiosk, served, leave):
        event = served()
        show(kiosk)
        token = kiosk.cookies["hcp_terminal"].value
        kiosk.get("/kiosk") if leave == "start" else kiosk.post("/kiosk/end")
        assert not TerminalSession.objects.exists()
        kiosk.cookies["hcp_terminal"] = token
        for path in ("/kiosk/services", f"/kiosk/rate/{event.id}", f"/kiosk/thanks/{event.id}"):
            assert kiosk.get(path)["Location"] == "/kiosk"
        assert kiosk.post(f"/kiosk/rate/{event.id}", {"level": 5})["Location"] == "/kiosk"
        assert not Evaluation.objects.exists()

    def test_two_minutes_without_a_touch_are_the_end_and_a_touch_is_two_more(self, kiosk, served):
        served()
        show(kiosk)
        for seconds in (100, 200):
            with clock.held_at(NOW + timedelta(seconds=seconds)):
                assert kiosk.post("/kiosk/alive").status_code == 204
        with clock.held_at(NOW + timedelta(seconds=310)):
            assert kiosk.get("/kiosk/services").status_code == 200
        with clock.held_at(NOW + timedelta(seconds=440)):
            assert kiosk.get("/kiosk/services").status_code == 303

    def test_ten_minutes_are_the_end_however_often_it_is_touched(self, kiosk, served):
        served()
        show(kiosk)
        for minute in range(1, 11):
            with clock.held_at(NOW + timedelta(minutes=minute)):
                last = kiosk.post("/kiosk/alive").status_code
        assert last == 303

    def test_another_terminal_cannot_use_the_token(self, kiosk, cast, served):
        served()
        show(kiosk)
        thief = Client()
        enrolled(thief, cast.supervisor)
        thief.cookies["hcp_terminal"] = kiosk.cookies["hcp_terminal"].value
        assert thief.get("/kiosk/services")["Location"] == "/kiosk"

    def test_the_next_card_ends_the_one_before(self, kiosk, served):
        served()
        show(kiosk)
        before = kiosk.cookies["hcp_terminal"].value
        show(kiosk, OTHER)
        kiosk.cookies["hcp_terminal"] = before
        assert kiosk.get("/kiosk/services")["Location"] == "/kiosk"


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        (CARD, CARD),
        ("32010219000101001x", "32010219000101001X"),
        ("32010219001301001X", None),
        ("1" + CARD, None),
        (CARD + "1", None),
        ("", None),
        ("办件", None),
    ],
)
def test_an_identity_number_is_found_in_what_is_typed(typed, read):
    assert id_number(typed) == read
