"""Behind the door: all services of one person over all departments, and everything they may do with each."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from django.test import Client

from haochaping.accounts.models import Audit
from haochaping.channels.desk import queries as desk
from haochaping.channels.letters import commands as letters
from haochaping.channels.letters import rules as letter_rules
from haochaping.channels.my.queries import lines, mine
from haochaping.evaluation.models import Applicant, Erasure, Evaluation, Evaluator, FollowUp, Words
from haochaping.evaluation.queries import open_identity
from haochaping.evaluation.sealing import seal, verify
from haochaping.kit import blobs, clock
from haochaping.kit.errors import Refused
from haochaping.rectification.commands import perform, reveal
from haochaping.rectification.models import Move, MoveWords, Order
from tests.cast import NOW, Cast, wire_service
from tests.channels.test_paper import png
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
    from pytest_django import DjangoAssertNumQueries

    from haochaping.evaluation.models import ServiceEvent

pytestmark = pytest.mark.django_db
ACTS = ("satisfied", "unsatisfied", "object", "withdraw-identity", "withdraw-words")
PHONE = "Mozilla/5.0 (Linux; Android 10; HarmonyOS) Mobile Safari/537.36"
DESK = "Mozilla/5.0 (X11; Linux x86_64) Chrome/126.0 Safari/537.36"


def at(event: ServiceEvent, act: str = "") -> str:
    return f"/my/services/{event.id}" + (f"/{act}" if act else "")


class TestTheList:
    def test_it_holds_my_services_of_every_department_newest_first_and_nobody_elses(self, cast: Cast) -> None:
        served("NJ-1", serviceTime="2026-06-08 09:00:00", mobile=MINE)
        served_in_suzhou("SZ-1")
        served("NJ-FOREIGN", mobile=OTHER, userName="孙外人", creditNum="320102190001010026")
        shown = text(logged_in().get("/my"))
        assert re.search("共 2 件.*苏州市市场监督管理局.*南京市市场监督管理局", shown)
        assert "NJ-FOREIGN" not in shown

    def test_it_says_what_can_be_done_with_each(self, cast: Cast) -> None:
        served("NJ-OPEN")
        served("NJ-OVER", serviceTime="2026-04-08 09:00:00")
        rated(served("NJ-RATED"))
        shown = text(logged_in().get("/my"))
        assert "最迟2026年6月17日（含当日）" in shown
        assert "评价时间已于" in shown
        assert "差评工单：待签收" in shown

    def test_a_rating_that_i_gave_for_somebody_elses_case_is_mine_too(self, cast: Cast) -> None:
        event = served("NJ-AGENT", mobile=OTHER)
        rated(event, mobile=MINE)
        shown = text(logged_in(MINE).get(at(event)))
        assert "我的评价" in shown
        assert "排队两小时" in shown

    def test_a_strangers_rating_of_my_case_shows_that_it_is_rated_and_no_more(self, cast: Cast) -> None:
        event = served()
        rated(event, mobile=OTHER, name="孙外人")
        client = logged_in(MINE)
        assert "已由他人评价" in text(client.get("/my"))
        shown = text(client.get(at(event)))
        assert "已由他人评价" in shown
        assert "排队两小时" not in shown
        assert "非常不满意" not in shown
        for act in ACTS:
            assert client.post(at(event, act), {"reason": "不同意"}).status_code == 403
        assert client.post(at(event, "follow-up"), {"level": 5}).status_code == 403

    def test_and_stays_so_when_the_stranger_withdraws_who_they_are(self, cast: Cast) -> None:
        event = served()
        rated(event, mobile=OTHER)
        logged_in(OTHER).post(at(event, "withdraw-identity"))
        assert not Evaluator.objects.exists()
        shown = text(logged_in(MINE).get(at(event)))
        assert "已由他人评价" in shown
        assert "排队两小时" not in shown

    def test_what_i_withdraw_is_gone_from_the_letter_that_i_wrote_too(self, cast: Cast) -> None:
        typed = {"way": "box", "number": "YJX-1", "area": "320102000000", "level": "1", "words": "排队两小时"}
        draft = letter_rules.read(typed | {"name": NAME, "mobile": MINE}, (), today=clock.day(NOW), day=clock.day(NOW))
        letter = letters.register(draft, actor=cast.operator, now=NOW, scan=("信.png", png()))
        assert letter.event_id
        assert letter.scan
        assert desk.scan(cast.city, letter.scan)
        client = logged_in(MINE)
        client.post(f"/my/services/{letter.event_id}/withdraw-words")
        client.post(f"/my/services/{letter.event_id}/withdraw-identity")
        letter.refresh_from_db()
        kept = blobs.unseal(bytes(letter.blob), table="channels_letter", row=letter.id)
        assert kept == {"words": "", "name": "", "mobile": ""}
        with pytest.raises(Refused, match="已撤回"):
            desk.scan(cast.city, letter.scan)

    def test_an_anonymous_rating_of_my_case_is_mine(self, cast: Cast) -> None:
        event = served()
        rated(event, mobile="")
        shown = text(logged_in().get(at(event)))
        assert "匿名，没有保存" in shown
        assert "排队两小时" in shown

    def test_who_has_none_is_told_what_to_do(self, cast: Cast) -> None:
        shown = text(logged_in(OTHER).get("/my"))
        assert "还没有找到您的办件" in shown
        assert "换那个号码登录" in shown

    def test_it_comes_in_pages(self, cast: Cast) -> None:
        for n in range(12):
            served(f"NJ-{n}", serviceTime=f"2026-06-09 09:{n:02d}:00")
        client = logged_in()
        assert "第 1 / 2 页" in text(client.get("/my"))
        assert client.get("/my?page=2").content.decode().count('<li class="card">') == 2
        assert client.get("/my?page=x").status_code == 200

    def test_it_asks_the_database_no_more_for_many_than_for_few(
        self, cast: Cast, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        from haochaping.channels.my.commands import begin, go_on

        for n in range(8):
            rated(served(f"NJ-{n}"))
        me = go_on(begin("sms", mobile=MINE, now=NOW), now=NOW)
        assert me is not None
        events = list(mine(me))
        with django_assert_num_queries(5):
            assert len(lines(me, events, NOW)) == 8


class TestRating:
    @pytest.mark.parametrize(("agent", "pf"), [(PHONE, 2), (DESK, 1)])
    def test_it_is_real_name_by_the_telephone_of_the_case_and_knows_its_channel(
        self, cast: Cast, agent: str, pf: int
    ) -> None:
        event = served()
        client = logged_in(headers={"user-agent": agent})
        answer = client.post(at(event, "rate"), {"level": 1, "tags-1": ["115"], "words": "排队两小时"})
        assert (answer.status_code, answer["Location"]) == (303, at(event) + "?done=rated")
        rating = Evaluation.objects.get(id=event.id)
        assert (rating.level, rating.pf, rating.assurance, rating.consent) == (1, pf, "real_name", [])
        assert Order.objects.get(id=event.id).real_name
        shown = text(client.get(answer["Location"]))
        assert "评价已收到，谢谢您" in shown
        assert "形成差评工单" in shown

    def test_anonymous_at_ones_wish_leaves_nobody_behind(self, cast: Cast) -> None:
        event = served()
        logged_in().post(at(event, "rate"), {"level": 5, "anonymous": "1"})
        assert Evaluation.objects.get(id=event.id).assurance == "anonymous"
        assert not Evaluator.objects.exists()

    def test_anonymous_and_yet_to_be_called_cannot_be(self, cast: Cast) -> None:
        event = served()
        given = {"level": 2, "words": "等太久", "anonymous": "1", "consent": ["contact_department"]}
        answer = logged_in().post(at(event, "rate"), given)
        assert answer.status_code == 422
        assert "匿名提交时，单位无法联系您" in text(answer)
        assert "等太久" in answer.content.decode()
        assert not Evaluation.objects.exists()

    def test_consent_is_never_preset_and_is_what_was_ticked(self, cast: Cast) -> None:
        event = served()
        client = logged_in()
        form = client.get(at(event, "rate")).content.decode()
        assert len(re.findall(r'type="checkbox" name="(?:consent|anonymous)"', form)) == 3
        assert not re.search(r'name="(?:consent|anonymous)"[^>]* checked', form)
        client.post(at(event, "rate"), {"level": 5, "consent": ["publish_text"]})
        assert Evaluation.objects.get(id=event.id).consent == ["publish_text"]

    def test_nobody_can_type_another_name_or_number_in(self, cast: Cast) -> None:
        event = served()
        logged_in().post(at(event, "rate"), {"level": 5, "name": "孙外人", "mobile": OTHER})
        who = open_identity(event.id)
        assert who is not None
        assert (who.name, who.mobile) == ("", MINE)

    def test_a_bad_one_needs_a_reason_and_keeps_what_was_typed(self, cast: Cast) -> None:
        event = served()
        client = logged_in()
        answer = client.post(at(event, "rate"), {"level": 1})
        assert answer.status_code == 422
        assert "请至少选择一项不满意的方面" in text(answer)
        assert not Evaluation.objects.exists()

    def test_pressing_twice_rates_once_and_says_so(self, cast: Cast) -> None:
        event = served()
        client = logged_in()
        for _ in range(2):
            assert client.post(at(event, "rate"), {"level": 5}).status_code == 303
        assert Evaluation.objects.count() == 1
        assert client.get(at(event, "rate")).status_code == 303

    def test_after_its_time_there_is_no_form(self, cast: Cast) -> None:
        event = served("NJ-OVER", serviceTime="2026-04-08 09:00:00")
        client = logged_in()
        assert client.get(at(event, "rate")).status_code == 303
        client.post(at(event, "rate"), {"level": 5})
        assert not Evaluation.objects.exists()
        assert "截止" in text(client.get(at(event)))


class TestFollowingUp:
    def test_once_a_level_and_a_sentence_beside_the_rating(self, cast: Cast) -> None:
        event = served()
        rated(event)
        client = logged_in()
        answer = client.post(at(event, "follow-up"), {"level": 4, "words": "后来解决了"}, follow=True)
        assert "追评已收到" in text(answer)
        assert "后来解决了" in text(answer)
        assert Evaluation.objects.get(id=event.id).level == 1, "the rating stays"
        client.post(at(event, "follow-up"), {"level": 1, "words": "又反悔"})
        assert FollowUp.objects.get().level == 4
        assert client.get(at(event, "follow-up")).status_code == 303

    def test_a_bad_one_takes_a_closed_order_up_again(self, cast: Cast) -> None:
        event = served()
        rated(event)
        answered(event, cast)
        client = logged_in()
        client.post(at(event, "satisfied"))
        assert Order.objects.get(id=event.id).state == "closed"
        answer = client.post(at(event, "follow-up"), {"level": 2})
        assert answer.status_code == 422
        assert "请写一句话说明还有什么没有解决" in text(answer)
        client.post(at(event, "follow-up"), {"level": 2, "words": "窗口又关了"})
        assert Order.objects.get(id=event.id).state == "rectifying"

    @pytest.mark.parametrize("given", [{}, {"level": "6"}, {"level": "x"}, {"level": 5, "words": "好" * 501}])
    def test_what_is_wrong_is_told(self, cast: Cast, given: dict[str, Any]) -> None:
        event = served()
        rated(event)
        answer = logged_in().post(at(event, "follow-up"), given)
        assert answer.status_code == 422
        assert "请先更正" in text(answer)
        assert not FollowUp.objects.exists()


class TestJudgingTheRectification:
    def test_satisfied_closes_the_order(self, cast: Cast) -> None:
        event = served()
        rated(event)
        answered(event, cast)
        client = logged_in()
        assert "请您确认整改结果" in text(client.get("/my"))
        assert "已加开两个窗口" in text(client.get(at(event)))
        assert "会怎样" in text(client.get(at(event, "satisfied")))
        assert Order.objects.get(id=event.id).state == "callback", "only the button does it"
        assert "工单办结" in text(client.post(at(event, "satisfied"), follow=True))
        order = Order.objects.get(id=event.id)
        assert (order.state, order.verdict) == ("closed", "satisfied")
        last = Move.objects.filter(order_id=event.id).order_by("-n")[0]
        assert (last.by, last.actor_kind, last.actor_name) == ("citizen", "citizen", "评价人")

    def test_unsatisfied_wants_a_reason_and_sends_it_back(self, cast: Cast) -> None:
        event = served()
        rated(event)
        answered(event, cast)
        client = logged_in()
        assert client.post(at(event, "unsatisfied"), {"reason": " "}).status_code == 422
        client.post(at(event, "unsatisfied"), {"reason": "还是要排队"})
        assert Order.objects.get(id=event.id).state == "rectifying"
        told = Move.objects.filter(order_id=event.id, verb="unsatisfied").get()
        assert told.facts["reason"] is True, "what a rater wrote stands apart, so that it can be erased"
        assert MoveWords.objects.get(order_id=event.id, n=told.n).text == "还是要排队"

    def test_objecting_to_an_upheld_appeal_once(self, cast: Cast) -> None:
        event = served()
        rated(event)
        perform(order_id=event.id, verb="sign", actor=cast.rectifier, facts={}, now=NOW)
        appeal = {"kind": "mistaken", "reason": "评错了窗口", "evidence": "监控"}
        perform(order_id=event.id, verb="appeal", actor=cast.rectifier, facts=appeal, now=NOW)
        perform(order_id=event.id, verb="uphold", actor=cast.reviewer, facts={"ruling": "误评成立"}, now=NOW)
        client = logged_in()
        shown = text(client.get(at(event)))
        assert "本次评价不计入统计" in shown
        assert "提出异议" in shown
        client.post(at(event, "object"), {"reason": "没有评错，就是这个窗口"})
        assert Order.objects.get(id=event.id).state == "appealing"
        assert client.post(at(event, "object"), {"reason": "再来一次"}).status_code == 409
        assert "提出异议</a>" not in client.get(at(event)).content.decode()

    @pytest.mark.parametrize("act", ["satisfied", "unsatisfied", "object"])
    def test_what_is_not_open_now_is_not_offered_and_not_done(self, cast: Cast, act: str) -> None:
        event = served()
        rated(event)
        client = logged_in()
        assert "请您表态" not in text(client.get(at(event)))
        assert client.get(at(event, act)).status_code == 303
        assert client.post(at(event, act), {"reason": "还没有整改"}).status_code == 409
        assert Order.objects.get(id=event.id).state == "dispatched"

    @pytest.mark.parametrize("act", ["sign", "approve", "uphold", "reopen", "escalate", "nonsense"])
    def test_nobody_elses_move_is_open_here(self, cast: Cast, act: str) -> None:
        event = served()
        rated(event)
        assert logged_in().post(at(event, act), {"reason": "试试"}).status_code == 404
        assert Order.objects.get(id=event.id).state == "dispatched"


class TestWithdrawing:
    def test_identity_goes_for_good_and_the_rating_stays(self, cast: Cast) -> None:
        event = served()
        rated(event, name=NAME, consent=["contact_department"])
        client = logged_in()
        page = text(client.get(at(event, "withdraw-identity")))
        assert "永久删除" in page
        assert "满意度、选项和文字保留" in page
        assert "仍可能列在您的办件下" in page
        assert Evaluator.objects.exists(), "the page only asks"
        answer = text(client.post(at(event, "withdraw-identity"), follow=True))
        assert "身份已撤回" in answer
        assert "您已撤回，姓名、证件号码和电话已永久删除" in answer
        assert not Evaluator.objects.exists()
        assert Evaluation.objects.filter(id=event.id).exists()
        assert "我的评价" in text(client.get(at(event))), "still the person's of the case"
        assert client.post(at(event, "withdraw-identity")).status_code == 409
        assert Audit.objects.filter(action="withdraw_identity", actor_kind="citizen").count() == 1

    def test_of_a_rating_of_anothers_case_it_leaves_the_list(self, cast: Cast) -> None:
        event = served(mobile=OTHER)
        rated(event, mobile=MINE)
        client = logged_in(MINE)
        assert client.post(at(event, "withdraw-identity")).status_code == 303
        assert client.get(at(event)).status_code == 404

    def test_words_go_and_the_chain_still_verifies(self, cast: Cast) -> None:
        event = served()
        rated(event)
        seal(now=NOW)
        client = logged_in()
        client.post(at(event, "follow-up"), {"level": 4, "words": "后来好了"})
        shown = text(client.post(at(event, "withdraw-words"), follow=True))
        assert "您已撤回，文字已永久删除" in shown
        assert "排队两小时" not in shown
        assert "后来好了" not in shown
        assert not Words.objects.exists()
        assert set(Erasure.objects.values_list("what", flat=True)) == {"words"}
        assert verify().faults == []
        assert client.get(at(event, "withdraw-words")).status_code == 303

    def test_who_looked_at_my_identity_is_shown_with_the_reason(self, cast: Cast) -> None:
        event = served()
        rated(event, name=NAME)
        client = logged_in()
        assert "还没有人查看过" in text(client.get(at(event)))
        reveal(Order.objects.get(id=event.id), actor=cast.operator, reason="核对回访号码", now=NOW)
        shown = text(client.get(at(event)))
        assert re.search("谁看过我的身份.*12345话务员查看了您的身份信息.*理由：核对回访号码", shown)


class TestForeignCitizens:
    """IDOR: whoever is not the person of the case finds nothing, whatever the address."""

    def urls(self, event: ServiceEvent) -> list[str]:
        return [at(event), *(at(event, act) for act in ("rate", "follow-up", *ACTS))]

    def test_another_citizen_gets_the_answer_of_a_service_that_is_not_there(self, cast: Cast) -> None:
        event = served()
        rated(event)
        answered(event, cast)
        stranger = logged_in(OTHER)
        before = Order.objects.get(id=event.id).moves
        for url in self.urls(event):
            nowhere = url.replace(str(event.id), str(uuid4()))
            for method in ("get", "post"):
                given = {"level": 1, "words": "x", "reason": "x"} if method == "post" else {}
                theirs = getattr(stranger, method)(url, given)
                none = getattr(stranger, method)(nowhere, given)
                assert theirs.status_code == none.status_code, url
                assert none.status_code == (405 if url == at(event) and method == "post" else 404)
                assert text(theirs) == text(none)
        assert Order.objects.get(id=event.id).moves == before
        assert not FollowUp.objects.exists()
        assert Evaluator.objects.exists()
        copy = stranger.get("/my/data.json").content.decode()
        assert event.project_no not in copy

    def test_whoever_is_not_logged_in_is_sent_to_the_door_by_every_page(self, cast: Cast) -> None:
        event = served()
        rated(event)
        for url in (*self.urls(event), "/my", "/my/data", "/my/data.json", "/my/data.zip", "/my/delete"):
            for method in ("get", "post"):
                answer = getattr(Client(), method)(url, {"reason": "x", "understood": "1"})
                assert answer.status_code in {303, 405}, url
                if answer.status_code == 303:
                    assert answer["Location"].startswith("/my/login?")
        assert Evaluator.objects.exists()
        assert Applicant.objects.exists()

    def test_a_foreign_page_can_do_nothing(self, cast: Cast) -> None:
        event = served()
        rated(event)
        client = logged_in(enforce_csrf_checks=False)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = client.cookies
        for act in ("rate", "follow-up", *ACTS):
            assert strict.post(at(event, act), {"level": 5, "reason": "x"}).status_code == 403
        assert strict.post("/my/delete", {"understood": "1"}).status_code == 403
        assert Evaluator.objects.exists()

    def test_pages_name_no_other_person(self, cast: Cast) -> None:
        event = served()
        rated(event, name=NAME, certKey=CARD)
        shown = logged_in().get(at(event)).content.decode()
        for hidden in (NAME, CARD, MINE, "李窗口", "NJ-0001"):
            assert hidden not in shown


def test_a_case_whose_applicant_changed_belongs_to_the_new_one(cast: Cast) -> None:
    event = served()
    from haochaping.flow.services import admit_services

    admit_services([wire_service(mobile=OTHER)], source="test", now=NOW)
    assert logged_in(MINE).get(at(event)).status_code == 404
    with later(minutes=1):
        assert logged_in(OTHER).get(at(event)).status_code == 200
