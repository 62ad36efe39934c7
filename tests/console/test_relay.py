"""平台转接: what a unit and its rater say to each other through the platform, and what neither learns of the other."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from haochaping.accounts.rules import citizen
from haochaping.evaluation.commands import erase_identity
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from haochaping.messaging.commands import stop_texting
from haochaping.messaging.models import Message
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Move, Order, RelayMessage
from tests.cast import NOW
from tests.console.stage import CANARIES, NAME, PHONE, bad_order, form, text
from tests.console.test_order_pages import LATER, do, fill, page_of
from tests.my.stage import sms

pytestmark = pytest.mark.django_db
ASKED = "请问当天是哪个时段办理的？"
ANSWERED = f"上午九点多，我叫{NAME}，电话{PHONE}，别打给别人"


def asked(as_, who="rectifier", **rating) -> Order:
    order = bad_order(**rating)
    do(as_("rectifier"), order, "sign")
    return do(as_(who), order, "relay", text=ASKED)


def answer(order: Order, words: str = ANSWERED) -> None:
    perform(order_id=order.id, verb="respond", actor=citizen(order.id), facts={"text": words}, now=LATER)


class TestTheUnit:
    def test_writes_to_a_rater_it_does_not_know_and_reads_the_answer_without_name_and_number(self, as_):
        order = asked(as_)
        page = page_of(as_("rectifier"), order)
        assert ASKED in page
        assert "等评价人回复" in text(page)
        answer(order)
        page = page_of(as_("rectifier"), order)
        assert "上午九点多，我叫***，电话139****5678" in page
        assert [canary for canary in CANARIES if canary in page] == []
        assert "2026-06-10</time>" in page.partition('id="talk"')[2].partition("</section>")[0]

    def test_writes_no_second_time_before_the_answer(self, as_):
        order = asked(as_)
        page = page_of(as_("rectifier"), order)
        assert "请不要重复打扰" in text(page)
        assert 'id="m-relay-text"' not in page
        with held_at(LATER):
            url, facts = f"/console/orders/{order.order_no}/relay", {"seen": str(order.moves), "text": "还在吗"}
            assert as_("rectifier").post(url, facts | {"confirmed": "1"}).status_code == 409
        answer(order)
        order.refresh_from_db()
        assert do(as_("rectifier"), order, "relay", text="谢谢").unanswered_since is not None

    def test_is_told_what_is_wrong_beside_the_field(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        answered = fill(as_("rectifier"), order, "relay")
        assert answered.status_code == 422
        assert 'id="m-relay-text-wrong"' in answered.content.decode()

    def test_of_another_organ_finds_nothing_and_other_roles_do_not_write(self, as_):
        order = asked(as_)
        with held_at(LATER):
            url = f"/console/orders/{order.order_no}/relay"
            assert as_("foreign_rectifier").get(f"/console/orders/{order.order_no}/").status_code == 404
            assert as_("foreign_rectifier").post(url, {"text": "x"}).status_code == 404
            for who in ("city", "supervisor", "reviewer"):
                assert as_(who).post(url, {"text": "x", "seen": str(order.moves)}).status_code == 403
            assert ASKED in as_("city").get(f"/console/orders/{order.order_no}/").content.decode()

    def test_a_history_line_names_neither_words_nor_the_hour_of_an_answer(self, as_):
        order = asked(as_)
        answer(order)
        assert all("text" not in move.facts for move in Move.objects.filter(order_id=order.id))
        history = page_of(as_("rectifier"), order).partition('id="history"')[2]
        assert "回复留言" in history
        assert "11:00" not in history.partition("回复留言")[0][-120:]


class TestTheOperator:
    def test_writes_too_and_reads_with_the_hour(self, as_):
        order = asked(as_, "operator")
        answer(order, "下午三点")
        page = text(page_of(as_("operator"), order).partition('id="talk"')[2])
        assert "评价人 2026-06-10 11:00 下午三点" in page

    def test_records_a_contact_through_12345_and_no_way_that_opens_the_seal(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        refused = fill(as_("operator"), order, "contact", way="phone", result="已沟通")
        assert refused.status_code == 422
        assert "只能经平台转接或12345联系" in refused.content.decode()
        do(as_("operator"), order, "contact", way="hotline", result="已沟通")
        assert order.contacted_at is not None

    def test_is_told_how_a_number_is_dialled_that_nobody_sees(self, as_):
        from tests.console.test_order_pages import CONFIRM, SUBMIT

        order = bad_order()
        for who, verb, facts in (
            ("rectifier", "sign", {}),
            ("rectifier", "confirm", CONFIRM),
            ("rectifier", "submit", SUBMIT),
            ("city", "approve", {}),
        ):
            do(as_(who), order, verb, **facts)
        page = text(page_of(as_("operator"), order))
        assert "隐号外呼" in page
        assert PHONE not in page


class TestTheNotice:
    def test_goes_once_to_the_raters_own_number_and_says_nothing_of_the_matter(self, as_):
        order = asked(as_)
        ((mobile, words),) = sms()
        assert mobile == PHONE
        assert "/my" in words
        assert "退订" in words or "TD" in words
        assert not [said for said in (ASKED, order.item_name, order.organ_name, order.order_no, NAME) if said in words]
        answer(order)
        assert len(sms()) == 1

    def test_goes_to_the_person_of_the_case_where_the_rater_left_no_number(self, as_):
        asked(as_, name="", certKey="", mobile="")
        assert [mobile for mobile, _ in sms()] == [PHONE]

    def test_goes_to_nobody_where_somebody_else_rated_without_a_number(self, as_):
        order = bad_order(name="孙外人", certKey="320102199003078888", mobile="")
        do(as_("rectifier"), order, "sign")
        assert "平台无法转达" in text(page_of(as_("rectifier"), order))
        assert sms() == []

    def test_waits_for_the_morning(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        night = NOW + timedelta(hours=13)
        do(as_("rectifier"), order, "relay", now=night, text=ASKED)
        (message,) = Message.objects.all()
        assert message.next_at.astimezone(clock.CHINA).hour == 8
        assert clock.day(message.next_at) == clock.day(NOW) + timedelta(days=1)

    def test_is_not_sent_to_a_number_that_said_stop_and_the_message_waits_all_the_same(self, as_):
        stop_texting(PHONE, by="test", now=NOW)
        order = asked(as_)
        assert sms() == []
        assert RelayMessage.objects.get(order_id=order.id).text == ASKED

    def test_is_not_dropped_as_an_invitation_to_rate_would_be(self, as_):
        from haochaping.channels.invitations.commands import drop_rated

        asked(as_)
        assert drop_rated(LATER) == 0
        assert Message.objects.get().state == "queued"


def test_whoever_took_back_who_they_are_is_not_reached(as_):
    order = bad_order()
    do(as_("rectifier"), order, "sign")
    erase_identity(order.id, by="rater", now=NOW)
    page = page_of(as_("rectifier"), order)
    assert 'id="m-relay-text"' not in page
    assert "已撤回身份，平台无法转达" in text(page)


def test_the_public_receipt_tells_that_a_message_waits_and_never_what_it_says(as_):
    from haochaping.kit import ids

    order = asked(as_)
    with held_at(LATER):
        page = Client().get(f"/r/{ids.receipt(order.id)}").content.decode()
        assert "办理人员给您留了言，等您回复" in text(page)
        assert ASKED not in page
        answer(order)
        page = Client().get(f"/r/{ids.receipt(order.id)}").content.decode()
    assert "等您回复" not in text(page)
    assert "上午九点多" not in page


def test_a_form_for_the_message_stands_in_its_own_card_only(as_):
    order = bad_order()
    do(as_("rectifier"), order, "sign")
    page = page_of(as_("rectifier"), order)
    assert form(page, "/relay")["values"]["text"] == ""
