"""回访名单 and 疑似施压: who is called next, by one operator at a time, and what only those who supervise hear."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit, Grant, Person
from haochaping.accounts.rules import Role
from haochaping.kit.clock import held_at
from haochaping.rectification import callbacks, oversight, pressings
from haochaping.rectification.commands import perform
from haochaping.rectification.models import CallbackTurn, Order, Pressing, PressingCheck
from tests.cast import NANJING, NOW, PROVINCE_OFFICE, logged_in
from tests.console.stage import NAME, PHONE, bad_order, form, text
from tests.console.test_order_pages import CONFIRM, LATER, SUBMIT, do, page_of

pytestmark = pytest.mark.django_db
LIST = "/console/callbacks/"
PRESSED = "/console/pressings/"


def approved(cast, project_no: str, now=LATER, **rating) -> Order:
    order = bad_order(project_no, **rating)
    for verb, actor, facts in (
        ("sign", cast.rectifier, {}),
        ("confirm", cast.rectifier, CONFIRM),
        ("submit", cast.rectifier, SUBMIT),
        ("approve", cast.city, {}),
    ):
        perform(order_id=order.id, verb=verb, actor=actor, facts=facts, now=now)
    order.refresh_from_db()
    return order


def second_operator() -> Person:
    person = Person.objects.create(username="operator2", name="话务员乙", password="!", created_at=NOW)
    Grant.objects.create(person=person, role=Role.OPERATOR, area="32")
    return person


def seen(client, path: str = LIST, now=LATER) -> str:
    with held_at(now):
        answer = client.get(path)
    assert answer.status_code == 200
    return text(answer.content.decode())


def take(client, now=LATER):
    with held_at(now):
        return client.post(f"{LIST}next")


class TestTheList:
    def test_holds_every_approved_real_name_order_and_the_others_that_were_drawn(self, cast, as_):
        named = approved(cast, "NJ-1")
        drawn, spared = (approved(cast, f"NJ-{n}", name="", certKey="", mobile="") for n in (2, 3))
        for order, is_sampled in ((drawn, True), (spared, False)):
            Order.objects.filter(pk=order.pk).update(sampled=is_sampled, real_name=False)
        waiting = bad_order("NJ-4")
        page = seen(as_("operator"))
        assert named.order_no in page
        assert drawn.order_no in page
        assert spared.order_no not in page
        assert waiting.order_no not in page
        assert named.order_no not in seen(as_("operator"), f"{LIST}?kind=sampled")
        assert named.order_no not in seen(as_("operator"), f"{LIST}?stands=again")
        assert NAME not in page
        assert PHONE not in page

    def test_hands_out_the_oldest_due_first_and_none_twice(self, cast, as_):
        later = approved(cast, "NJ-1", now=LATER + timedelta(days=1))
        sooner = approved(cast, "NJ-2")
        now = LATER + timedelta(days=1, minutes=5)
        assert sooner.step_due < later.step_due
        assert take(as_("operator"), now).url.endswith(f"{sooner.order_no}/")
        assert take(as_("operator"), now).url.endswith(f"{sooner.order_no}/"), "what one holds comes first"
        other = logged_in(second_operator())
        assert take(other, now).url.endswith(f"{later.order_no}/")
        assert "话务员正在拨打" in seen(other, LIST, now)
        assert "话务员正在拨打这个电话" in text(page_of(other, sooner, now))
        assert take(logged_in(Person.objects.get(username="operator")), now + timedelta(minutes=1)).status_code == 302

    def test_a_call_that_nobody_ended_is_free_again_after_a_quarter_of_an_hour_or_when_put_back(self, cast, as_):
        order = approved(cast, "NJ-1")
        take(as_("operator"))
        other = second_operator()
        assert take(logged_in(other)).url == LIST
        assert take(logged_in(other), LATER + timedelta(minutes=16)).url.endswith(f"{order.order_no}/")
        with held_at(LATER + timedelta(minutes=17)):
            logged_in(other).post(f"{LIST}{order.order_no}/back")
        assert callbacks.held(order.pk, LATER + timedelta(minutes=17)) is None

    def test_who_did_not_answer_is_left_in_peace_and_then_called_again_until_the_tries_are_over(self, cast, as_):
        order = approved(cast, "NJ-1")
        now = LATER
        for n in range(1, 4):
            assert take(as_("operator"), now).url.endswith(f"{order.order_no}/")
            do(as_("operator"), order, "callback", now, result="unreachable", pressed="not_asked")
            if order.state == "closed":
                break
            assert order.calls == n
            assert take(as_("operator"), now + timedelta(hours=1)).url == LIST, "not again within three hours"
            now += timedelta(hours=3, minutes=1)
        assert (order.state, order.verdict) == ("closed", "unreachable")
        assert not CallbackTurn.objects.exists()

    def test_nobody_is_rung_up_at_night(self, cast, as_, settings):
        approved(cast, "NJ-1")
        night = NOW.replace(hour=15)  # 23:00 in China
        assert take(as_("operator"), night).url == LIST
        assert not CallbackTurn.objects.exists()
        assert "休息时间" in seen(as_("operator"), LIST, night)

    def test_is_looked_at_by_supervisors_and_worked_off_by_operators_alone(self, cast, as_):
        order = approved(cast, "NJ-1")
        assert order.order_no in seen(as_("city"))
        assert "下一件" not in seen(as_("city"))
        assert take(as_("city")).status_code == 403
        assert as_("rectifier").get(LIST).status_code == 403
        assert order.order_no not in seen(as_("foreign_city"))

    def test_the_call_shows_script_reply_and_a_masked_number(self, cast, as_):
        order = approved(cast, "NJ-1")
        take(as_("operator"))
        page = page_of(as_("operator"), order)
        assert SUBMIT["reply"] in page
        assert "有没有人要求您修改评价" in page
        assert "139****5678" in page
        assert PHONE not in page
        assert "留您手上至" in page

    def test_after_a_call_one_is_back_at_the_list_with_the_next_call_at_hand(self, cast, as_):
        order, client = approved(cast, "NJ-1"), as_("operator")
        take(client)
        drawn = form(page_of(client, order), "/callback")
        sent = drawn["values"] | {"result": "accepted", "pressed": "yes"}
        with held_at(LATER):
            asked = client.post(drawn["action"], sent)
        assert "评价人反映有人要求修改评价，将报督办人员核实" in asked.content.decode()
        again = form(asked.content.decode(), "/callback")
        with held_at(LATER):
            done = client.post(again["action"], again["values"] | {"confirmed": "1"}, follow=True)
        assert done.redirect_chain == [(LIST, 302)]
        assert f"{order.order_no} 已办理" in done.content.decode()
        assert "下一件" in done.content.decode()


class TestPressure:
    def test_is_listed_for_those_who_supervise_and_for_nobody_else(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="accepted", pressed="yes", note="说有人打电话让改成满意")
        assert Pressing.objects.filter(order_id=order.pk).count() == 1
        for who in ("supervisor", "city", "leader"):
            page = seen(as_(who), PRESSED)
            assert order.order_no in page
            assert "让改成满意" in page
        assert order.order_no not in seen(as_("foreign_city"), PRESSED)
        for who in ("rectifier", "clerk", "operator", "observer", "reviewer"):
            assert as_(who).get(PRESSED).status_code == 403
        for who in ("rectifier",):
            assert "让改成满意" not in page_of(as_(who), order)

    def test_is_heard_too_where_the_rater_is_still_not_content(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="unsatisfied", reason="还是排队", pressed="yes")
        assert order.order_no in seen(as_("city"), PRESSED)

    def test_is_kept_from_a_supervisor_who_stands_with_those_rated(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="accepted", pressed="yes")
        person = Person.objects.create(username="both", name="两头", password="!", created_at=NOW)
        for role in (Role.CITY, Role.HANDLER):
            Grant.objects.create(person=person, role=role, area="3201", organ=f"/{PROVINCE_OFFICE}/{NANJING}/")
        assert logged_in(person).get(PRESSED).status_code == 403
        assert not pressings.pressings_for(person.actor()).exists()

    def test_is_looked_into_by_who_supervises_and_then_no_longer_waits(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="accepted", pressed="yes", note="说有人打电话让改成满意")
        at = f"{PRESSED}{order.order_no}/{Pressing.objects.get().n}"

        def waiting() -> int:
            return oversight.giving(cast.city, "pressed", LATER, LATER).count()

        assert "登记核实结果" in seen(as_("city"), PRESSED)
        assert waiting() == 1
        with held_at(LATER):
            short = as_("city").post(at, {"result": "", "text": "已约谈窗口负责人"})
            assert short.status_code == 422
            assert "请选择核实结果" in short.content.decode()
            assert "已约谈窗口负责人" in short.content.decode(), "nothing typed is lost"
            sent = {"result": "confirmed", "text": "通话记录显示有人去电"}
            assert as_("city").post(at, sent).url == PRESSED
        assert order.order_no not in seen(as_("city"), PRESSED)
        for who in ("city", "supervisor", "leader"):
            page = seen(as_(who), f"{PRESSED}?show=checked")
            for words in (order.order_no, "查实有人施压", "通话记录显示有人去电", "南京主管，2026-06-10 11:00"):
                assert words in page
        assert waiting() == 0
        told = Audit.objects.get(action="check_pressing")
        assert (told.subject, told.facts["result"]) == (str(order.pk), "confirmed")
        assert "通话记录" not in str(told.facts)
        assert "通话记录显示有人去电" not in page_of(as_("rectifier"), order)

    def test_what_was_found_may_be_corrected_and_what_was_found_before_stays_to_be_read(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="accepted", pressed="yes")
        at = f"{PRESSED}{order.order_no}/{Pressing.objects.get().n}"
        for who, result, now in (("city", "unclear", LATER), ("supervisor", "unfounded", LATER + timedelta(hours=1))):
            with held_at(now):
                assert as_(who).post(at, {"result": result, "text": f"{who}写的"}).status_code == 302
        assert "没有查实" in seen(as_("city"), f"{PRESSED}?show=checked")
        assert "无法核实" not in seen(as_("city"), f"{PRESSED}?show=checked")
        page = seen(as_("leader"), at)
        assert page.index("supervisor写的") < page.index("city写的")

    def test_is_looked_into_by_nobody_else(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="accepted", pressed="yes")
        at, sent = f"{PRESSED}{order.order_no}/{Pressing.objects.get().n}", {"result": "unclear", "text": "不清楚"}
        with held_at(LATER):
            assert "登记</button>" not in as_("leader").get(at).content.decode()
            got = {who: as_(who).post(at, sent).status_code for who in ("leader", "foreign_city", "rectifier", "clerk")}
            assert got == {"leader": 403, "foreign_city": 404, "rectifier": 403, "clerk": 403}
            assert as_("operator").post(at, sent).status_code == 403
        assert not PressingCheck.objects.exists()

    def test_that_was_not_reported_is_not_there(self, cast, as_):
        order = approved(cast, "NJ-1")
        do(as_("operator"), order, "callback", result="satisfied", pressed="no")
        assert not Pressing.objects.exists()
        assert order.order_no not in seen(as_("city"), PRESSED)
