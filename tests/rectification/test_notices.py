"""Who hears of what, once, in the console and by SMS within working hours; and what the rater is told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Actor, Role
from haochaping.kit import blobs
from haochaping.messaging import notices
from haochaping.messaging.commands import stop_texting
from haochaping.messaging.models import Message, Notice
from haochaping.policy.commands import Day, load_local_days
from haochaping.rectification import audience, reminders
from haochaping.rectification.advance import advance
from haochaping.rectification.models import Order
from haochaping.rectification.queries import orders_for
from haochaping.rectification.workflow import VERBS
from tests.cast import NANJING, NOW, PASSWORD, PROVINCE_OFFICE, SUZHOU, Cast
from tests.rectification.conftest import REAL_NAME, Stage, at, rate_badly, stage_for

if TYPE_CHECKING:
    from pytest_django import DjangoAssertNumQueries

CANARIES = ("钱真名", "13911112222", "320102190001019999", "NJ2026060001", "排队两小时", "赵试样")


def heard(kind: str = "") -> set[tuple[str, str]]:
    """Who was told what: user name and the words before the item."""
    names = {str(pk): name for pk, name in Person.objects.values_list("pk", "username")}
    rows = Notice.objects.filter(kind=kind) if kind else Notice.objects.all()
    return {(names[row.recipient], row.text.split("：")[0]) for row in rows}


def sent() -> list[str]:
    """The texts in the queue."""
    rows = Message.objects.order_by("created_at")
    return [blobs.unseal(bytes(row.blob), table="messaging_message", row=row.id)["text"] for row in rows]


def number_for(username: str, phone: str) -> None:
    person = Person.objects.get(username=username)
    person.phone = blobs.seal({"phone": phone}, table="accounts_person", row=str(person.pk))
    person.save()


def test_a_new_order_is_told_to_its_organ_once(stage: Stage) -> None:
    assert heard() == set(), "the door does not wait for it"
    assert reminders.remind(at("06-10 10:01")) == 1
    assert heard() == {("rectifier", "新差评工单")}
    assert reminders.remind(at("06-10 10:02")) == 0


def test_an_order_that_nobody_can_place_is_told_to_those_who_dispatch(cast: Cast) -> None:
    order = rate_badly()
    Order.objects.filter(id=order.id).update(state="arbitrating", organ_code="", organ_name="", organ_path="")
    reminders.remind(at("06-10 10:01"))
    assert heard() == {("city", "新差评工单"), ("operator", "新差评工单")}, "12345 dispatches in Jiangsu"


WAYS = [
    # moves, the last one told, to whom
    ("sign", None, set()),
    ("return", "承办单位退单，请裁定", {"city", "operator"}),
    ("return assign", "派发到本单位，请办理", {"foreign_rectifier"}),
    ("sign appeal", "承办单位申诉，请复核", {"reviewer"}),
    ("sign appeal uphold", "申诉成立，工单终止", {"rectifier"}),
    ("sign appeal uphold object", "对裁决有异议，请另行复核", set()),
    ("sign appeal dismiss", "申诉不成立，请整改", {"rectifier"}),
    ("sign explain", "解释说明已提交，请审核", {"city"}),
    ("sign confirm request_extension", "承办单位申请延期，请审批", {"city"}),
    ("sign confirm request_extension grant_extension", "延期已批准", {"rectifier"}),
    ("sign confirm submit", "整改结果已提交，请审核", {"city"}),
    ("sign confirm submit send_back", "审核未通过，发回重办", {"rectifier"}),
    ("sign confirm submit approve", "答复已审核通过，请回访", {"operator"}),
    ("sign confirm submit approve unsatisfied", "对整改不满意，请重新整改", {"rectifier"}),
    ("sign confirm submit approve satisfied", None, set()),
]


@pytest.mark.parametrize(("verbs", "words", "people"), WAYS, ids=[way[0] for way in WAYS])
def test_each_step_is_told_to_whoever_must_act_next(
    stage: Stage, verbs: str, words: str | None, people: set[str]
) -> None:
    *before, last = verbs.split()
    stage.walk(" ".join(before))
    Notice.objects.all().delete()
    stage.walk(last)
    assert heard() == {(who, words) for who in people}


def test_what_the_supervisor_says_reaches_those_it_is_for(stage: Stage) -> None:
    stage.walk("sign")
    for verb in ("urge", "instruct", "convene"):
        stage.do(verb, stage.cast.city)
    stage.do("join", stage.cast.supervisor, co_organs=[SUZHOU])
    stage.do("open_to_clerk", stage.cast.rectifier, clerk=stage.cast.clerk.id)
    assert heard("asked") == {
        ("rectifier", "已催办，请抓紧办理"),
        ("rectifier", "有督办批示，请查看"),
        ("rectifier", "已列入协调会议题"),
        ("rectifier", "由多个单位联合办理，请查看分工"),
        ("foreign_rectifier", "由多个单位联合办理，请查看分工"),
        ("clerk", "单位请您说明情况"),
    }


def test_a_limit_that_nears_and_one_that_passed_are_each_told_once(stage: Stage) -> None:
    stage.walk("sign contact")
    reminders.remind(at("06-11 23:59"))
    assert heard() == set()
    reminders.remind(at("06-12 00:00"))
    assert heard() == {("rectifier", "核实即将到期（2026-06-12）")}
    reminders.remind(at("06-12 00:01"))
    advance(at("06-13 00:00"))
    reminders.remind(at("06-13 00:00"))
    late = {("rectifier", "核实已超期（2026-06-12）"), ("city", "核实已超期（2026-06-12）")}
    assert heard("late") == late
    advance(at("06-17 00:00"))
    reminders.remind(at("06-17 00:00"))
    assert ("rectifier", "答复即将到期（2026-06-17）") in heard("due")
    assert heard("raised") == {("city", "办理超期，请督办"), ("supervisor", "办理超期，请督办")}
    assert Notice.objects.count() == 6
    advance(at("06-19 00:00"))
    assert heard("raised") >= {("leader", "办理严重超期，请督促")}


def test_a_worker_that_stood_still_tells_what_holds_now_and_nothing_twice(stage: Stage) -> None:
    stage.walk("sign contact")
    advance(at("06-16 09:00"))
    reminders.remind(at("06-16 09:00"))
    assert heard("due") == set(), "it has passed already"
    assert ("rectifier", "核实已超期（2026-06-12）") in heard("late")
    told = Notice.objects.count()
    assert reminders.remind(at("06-16 09:01")) == 0
    assert Notice.objects.count() == told


def test_co_units_hear_of_their_own_limit_and_the_lead_of_their_lateness(stage: Stage) -> None:
    stage.walk("sign")
    stage.do("join", stage.cast.supervisor, co_organs=[SUZHOU])
    Notice.objects.all().delete()
    reminders.remind(at("06-17 08:00"))
    share = {one for one in heard() if "协办" in one[1]}
    assert share == {("foreign_rectifier", "协办即将到期（苏州市市场监督管理局，2026-06-17）")}
    reminders.remind(at("06-18 08:00"))
    late = {who for who, words in heard("late") if "协办" in words}
    assert late == {"foreign_rectifier", "rectifier", "city"}


def test_a_moved_limit_is_told_again(stage: Stage) -> None:
    stage.walk("sign contact")
    reminders.remind(at("06-12 00:00"))
    load_local_days("32", [Day(date(2026, 6, 12), is_workday=False)], "台风")
    advance(at("06-12 09:00"))
    reminders.remind(at("06-15 00:00"))
    assert {words for _, words in heard("due")} == {"核实即将到期（2026-06-12）", "核实即将到期（2026-06-15）"}


def test_nobody_outside_the_scope_hears_of_it_and_nothing_names_the_rater(stage: Stage) -> None:
    stage.walk("sign contact confirm submit approve unsatisfied submit approve")
    stage.do("urge", stage.cast.supervisor)
    advance(at("07-10 09:00"))
    reminders.remind(at("07-10 09:00"))
    assert Notice.objects.count() > 8
    for row in Notice.objects.all():
        person = Person.objects.get(pk=row.recipient)
        assert orders_for(person.actor()).filter(pk=stage.order.pk).exists(), person.username
        assert not any(canary in row.text + row.url + row.key for canary in CANARIES)


def test_who_was_switched_off_or_administers_hears_nothing(stage: Stage) -> None:
    Person.objects.filter(username="rectifier").update(is_active=False)
    reminders.remind(at("06-10 10:01"))
    assert heard() == set()


def test_an_appeal_is_not_put_before_people_of_the_rated_organ(stage: Stage) -> None:
    own = Person.objects.create(username="insider", name="自己人", password=PASSWORD, created_at=NOW)
    path = f"/{PROVINCE_OFFICE}/{NANJING}/"
    Person.objects.filter(pk=own.pk).update(organ=path)
    Grant.objects.create(person=own, role=Role.REVIEWER, area="3201")
    stage.walk("sign appeal")
    assert {who for who, _ in heard("task")} == {"reviewer"}


def test_every_verb_is_either_told_to_somebody_or_left_out_on_purpose() -> None:
    told = {verb.split(".")[0] for verb in audience.OF_MOVES}
    quiet = {"sign", "contact", "relay", "confirm", "record", "skip", "satisfied", "archive", "note"}
    assert told - {"open"} | quiet == set(VERBS)
    assert not told & quiet


def test_telling_costs_a_handful_of_queries_however_many_orders_there_are(
    cast: Cast, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(12):
        rate_badly(f"NJ{n}")
    with django_assert_max_num_queries(16):
        assert reminders.remind(at("06-10 10:01")) == 12
    assert Notice.objects.count() == 12


class TestSmsToThoseWhoWorkHere:
    @pytest.fixture(autouse=True)
    def numbers(self, cast: Cast) -> None:
        number_for("rectifier", "13800000077")
        number_for("city", "025-83212345")

    def test_one_message_a_half_day_counts_what_waits_and_names_nothing(self, cast: Cast) -> None:
        for n in range(3):
            rate_badly(f"NJ{n}")
        reminders.remind(at("06-10 10:01"))
        assert reminders.text_staff(at("06-10 10:01")) == 1
        assert sent() == ["【江苏政务服务】您有3件新任务，请登录 http://127.0.0.1:8000/console/ 办理。"]
        rate_badly("NJ9")
        reminders.remind(at("06-10 10:05"))
        assert reminders.text_staff(at("06-10 10:05")) == 0, "it waits for the afternoon"
        assert reminders.text_staff(at("06-10 12:30")) == 0, "a rest at noon"
        assert reminders.text_staff(at("06-10 13:30")) == 1
        assert "1件新任务" in sent()[1]
        assert reminders.text_staff(at("06-10 13:31")) == 0

    @pytest.mark.parametrize("moment", ["06-10 08:29", "06-10 17:30", "06-10 23:00", "06-13 10:00", "06-19 10:00"])
    def test_never_outside_of_working_hours(self, stage: Stage, moment: str) -> None:
        reminders.remind(at(moment))
        assert reminders.text_staff(at(moment)) == 0
        assert sent() == []

    def test_a_day_off_by_typhoon_is_no_working_day(self, stage: Stage) -> None:
        load_local_days("3201", [Day(date(2026, 6, 11), is_workday=False)], "台风")
        reminders.remind(at("06-11 09:00"))
        assert reminders.text_staff(at("06-11 09:00")) == 0
        assert reminders.text_staff(at("06-12 08:30")) == 1

    def test_near_and_late_are_counted_apart(self, stage: Stage) -> None:
        stage.walk("sign contact")
        reminders.remind(at("06-12 09:00"))
        reminders.text_staff(at("06-12 09:00"))
        advance(at("06-15 09:00"))
        reminders.remind(at("06-15 09:00"))
        reminders.text_staff(at("06-15 09:00"))
        assert ["1件即将到期" in sent()[0], "1件超期" in sent()[1]] == [True, True]

    def test_who_has_looked_gets_none(self, stage: Stage) -> None:
        reminders.remind(at("06-10 10:01"))
        notices.mark_read(notices.notices_of(stage.cast.rectifier.id), now=NOW)
        assert reminders.text_staff(at("06-10 10:02")) == 0

    def test_who_wants_none_of_a_kind_gets_none_of_it(self, stage: Stage) -> None:
        notices.set_without_text(stage.cast.rectifier.id, ["task"])
        reminders.remind(at("06-10 10:01"))
        assert reminders.text_staff(at("06-10 10:02")) == 0
        notices.set_without_text(stage.cast.rectifier.id, [])
        assert reminders.text_staff(at("06-10 10:03")) == 0, "what passed is not brought up again"

    def test_a_landline_gets_no_message_and_waits_for_none(self, stage: Stage) -> None:
        stage.walk("return")
        assert reminders.text_staff(at("06-10 10:30")) == 0
        assert not Notice.objects.filter(is_texted=False, recipient=stage.cast.city.id).exists()


class TestSmsToTheRater:
    def test_each_turn_once_and_nothing_of_the_case(self, stage: Stage) -> None:
        stage.walk("sign confirm submit")
        assert sent() == []
        stage.walk("approve")
        assert sent() == ["【江苏政务服务】您的评价有新进展，请登录 http://127.0.0.1:8000/my 查看。不想再收到请回复TD"]
        stage.walk("record")
        stage.do("reopen", stage.cast.city)
        assert len(sent()) == 3
        assert not any(
            word in text for text in sent() for word in (*CANARIES, "市场监督", "食品", stage.order.order_no)
        )

    def test_an_upheld_appeal_says_that_and_until_when_one_may_object(self, stage: Stage) -> None:
        stage.walk("sign appeal uphold")
        assert "如有异议，可在6月17日24时前提出一次" in sent()[0]
        stage.walk("object")
        stage.do("uphold", _other_reviewer())
        assert "异议" not in sent()[1]

    def test_what_the_rater_did_themselves_is_not_told_to_them(self, stage: Stage) -> None:
        stage.walk("sign confirm submit approve")
        stage.walk("satisfied")
        assert len(sent()) == 1

    def test_not_at_night_and_not_after_stop(self, stage: Stage) -> None:
        stage.walk("sign confirm submit")
        stage.now = at("06-10 22:00")
        stage.walk("approve")
        assert Message.objects.get().next_at == at("06-11 08:00")
        stop_texting(REAL_NAME["mobile"], by="短信回复", now=stage.now)
        stage.walk("record")
        assert len(sent()) == 1

    def test_nobody_who_left_no_number_is_written_to(self, cast: Cast) -> None:
        from haochaping.evaluation.models import Applicant

        order = rate_badly()
        Applicant.objects.filter(pk=order.pk).delete()
        stage_for(cast, order).walk("sign confirm submit approve")
        assert sent() == []


def _other_reviewer() -> Actor:
    person = Person.objects.create(username="reviewer2", name="另一复核", password=PASSWORD, created_at=NOW)
    Grant.objects.create(person=person, role=Role.REVIEWER, area="32")
    return person.actor()


def test_notices_are_kept_for_ninety_days(stage: Stage) -> None:
    reminders.remind(NOW + timedelta(minutes=1))
    assert notices.forget_notices(now=NOW + timedelta(days=90)) == 0
    assert notices.forget_notices(now=NOW + timedelta(days=91)) == 1
