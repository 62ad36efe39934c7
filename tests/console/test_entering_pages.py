"""The screens of those who enter for others: telephone, call-out list, check, inspection."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.people import create_person
from haochaping.accounts.rules import Role, Scope
from haochaping.channels.callouts.commands import take_next
from haochaping.channels.models import CallOut, Entry, Inspection
from haochaping.evaluation.models import Applicant, Evaluation, Evaluator, ServiceEvent
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.rectification.models import Order
from tests.cast import NANJING_ITEM, NOW, Cast, wire_service
from tests.console.stage import bad_order, text

if TYPE_CHECKING:
    from collections.abc import Iterator


PROOF = "REC-20260610-0001"
CASE = "NJ2026060001"
FIND = {"do": "find", "proof": PROOF, "number": CASE, "who": "0001"}


@pytest.fixture(autouse=True)
def ten_in_the_morning() -> Iterator[None]:
    with clock.held_at(NOW):
        yield


@pytest.fixture
def service(cast: Cast) -> ServiceEvent:
    admit_services([wire_service(CASE)], source="test", now=NOW)
    return ServiceEvent.objects.get(project_no=CASE)


def page(answer) -> str:
    return answer.content.decode()


def entry(service: ServiceEvent, level: int = 5, **more: object) -> dict[str, object]:
    return {"do": "enter", "event": str(service.id), "level": level, "proof": PROOF} | more


class TestTelephone:
    URL = "/console/telephone/"

    def test_by_case_and_phone_tail_to_the_receipt_that_is_read_out(self, as_, service) -> None:
        operator = as_("operator")
        found = page(operator.post(self.URL, FIND))
        assert "食品经营许可（新办）" in found
        for secret in ("赵试样", "13800000001", CASE, "320102190001010018"):
            assert secret not in found, "the screen shows item, organ and day"
        answer = operator.post(self.URL, entry(service))
        assert answer.status_code == 302
        done = page(operator.get(answer["Location"]))
        receipt = ids.receipt(service.id)
        assert f"HP {receipt[2:6]} {receipt[6:10]}" in done
        assert Evaluation.objects.get(id=service.id).pf == 6

    def test_a_bad_one_reads_out_the_order_and_its_day(self, as_, service) -> None:
        operator = as_("operator")
        answer = operator.post(self.URL, entry(service, 1))
        done = text(page(operator.get(answer["Location"])))
        assert re.search(r"工单号： CP20260610-\w{8} 最迟2026年\d+月\d+日（含当日） 答复", done)
        assert Evaluation.objects.get(id=service.id).no_reason

    def test_the_script_is_neutral_and_names_all_five(self, as_) -> None:
        told = text(page(as_("operator").get(self.URL)))
        assert "非常满意、满意、基本满意、不满意、非常不满意" in told
        assert "不替评价人选" in told

    def test_a_search_is_written_down_without_the_person(self, as_, service) -> None:
        as_("operator").post(self.URL, FIND | {"number": "13800000001", "who": ""})
        line = Audit.objects.get(action="find_service")
        assert line.facts == {"by": "phone", "found": 1}
        assert "138" not in str(line.facts) + line.subject

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"number": ""}, "请输入来电号码或办件编号"),
            ({"who": ""}, "请再问姓名"),
            ({"who": "钱别人"}, "没有查到"),
            ({"number": "NJ-NOTHING"}, "没有查到"),
        ],
    )
    def test_what_is_not_found_says_what_to_do(self, as_, service, typed, said) -> None:
        assert said in page(as_("operator").post(self.URL, FIND | typed))

    def test_what_is_rated_is_said_and_nothing_is_changed(self, as_, service) -> None:
        operator = as_("operator")
        operator.post(self.URL, entry(service))
        found = page(operator.post(self.URL, FIND))
        assert "已评价" in found
        assert "追评" in found
        again = operator.post(self.URL, entry(service, 1, proof="REC-20260610-0002"))
        assert again.status_code == 409
        assert "已经评价过" in page(again)
        assert Evaluation.objects.get(id=service.id).level == 5

    def test_pressed_twice_it_is_entered_once(self, as_, service) -> None:
        operator = as_("operator")
        first, second = (operator.post(self.URL, entry(service, 5, words="谢谢")) for _ in range(2))
        assert first["Location"] == second["Location"]
        assert Entry.objects.count() == 1

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"proof": ""}, "请填写录音编号"),
            ({"level": ""}, "请选择满意程度"),
            ({"wants_call": "1"}, "请填写回电号码"),
            ({"wants_call": "1", "mobile": "家里"}, "电话号码应为数字"),
            ({"event": ""}, "请选择来电人说的是哪一次服务"),
        ],
    )
    def test_what_is_missing_is_named_and_what_was_typed_stays(self, as_, service, more, said) -> None:
        posted = entry(service, 5, words="态度很好", offered=str(service.id)) | more
        answer = as_("operator").post(self.URL, posted)
        assert answer.status_code == 422
        assert said in page(answer)
        assert "态度很好" in page(answer)
        assert not Evaluation.objects.exists()

    def test_a_number_is_kept_only_of_who_wishes_to_be_called(self, as_, service) -> None:
        operator = as_("operator")
        operator.post(self.URL, entry(service, 5, name="赵试样", mobile="13800000001", consent="contact_department"))
        assert not Evaluator.objects.exists()
        assert Evaluation.objects.get(id=service.id).consent == []

    def test_who_wishes_a_call_gives_number_and_own_consent(self, as_, service) -> None:
        wish = {"wants_call": "1", "mobile": "13800000001", "consent": ["contact_department", "publish_text"]}
        as_("operator").post(self.URL, entry(service, 1, words="慢", **wish))
        rating = Evaluation.objects.get(id=service.id)
        assert (rating.consent, rating.assurance) == (["contact_department", "publish_text"], "real_name")

    def test_a_visit_without_a_case(self, as_, cast) -> None:
        operator = as_("operator")
        found = page(operator.get(self.URL, {"visit": 1, "place": "A01 NJ", "item": "食品", "proof": PROOF}))
        assert "A01 综合窗口" in found
        assert NANJING_ITEM in found
        visit = {"do": "enter", "visit": 1, "at": "w:NJ-A01", "task": NANJING_ITEM, "day": "2026-06-09", "key": "k1"}
        answer = operator.post(self.URL, visit | {"level": 4, "proof": PROOF})
        assert answer.status_code == 302
        event = ServiceEvent.objects.get(window_code="NJ-A01")
        assert (event.service_day.isoformat(), event.task_code) == ("2026-06-09", NANJING_ITEM)
        again = operator.post(self.URL, visit | {"level": 4, "proof": PROOF})
        assert again["Location"] == answer["Location"]
        for wrong, said in (
            ({"at": ""}, "请查询并选择"),
            ({"day": "2026-06-11"}, "不能晚于今天"),
            ({"day": "x"}, "日期应写成"),
        ):
            answer = operator.post(self.URL, visit | {"level": 4, "proof": PROOF, "key": "k2"} | wrong)
            assert (answer.status_code, said in page(answer)) == (422, True)

    def test_a_rating_given_in_the_callback_of_another_order(self, as_, service) -> None:
        order = bad_order()
        operator = as_("operator")
        asked = page(operator.get(self.URL, {"order": order.order_no}))
        assert f"正在回访工单 {order.order_no}" in asked
        Order.objects.filter(pk=order.pk).update(state="callback")
        calling = page(operator.get(f"/console/orders/{order.order_no}/"))
        assert f'href="{self.URL}?order={order.order_no}"' in calling
        operator.post(self.URL, entry(service, order=order.order_no))
        entered = Entry.objects.get(event_id=service.id)
        assert entered.way == "callback"
        assert order.order_no in entered.note

    def test_the_receipt_is_for_who_entered_it_and_not_for_long(self, as_, service) -> None:
        operator = as_("operator")
        where = operator.post(self.URL, entry(service))["Location"]
        assert as_("supervisor").get(where).status_code == 404
        with clock.held_at(NOW + timedelta(minutes=31)):
            assert as_("operator").get(where).status_code == 404

    @pytest.mark.parametrize(
        "who", ["rectifier", "clerk", "leader", "observer", "reviewer", "admin", "audit", "analyst"]
    )
    def test_it_is_not_for(self, as_, service, who) -> None:
        assert as_(who).get(self.URL).status_code == 403
        assert as_(who).post(self.URL, entry(service)).status_code == 403

    def test_another_citys_office_finds_and_enters_nothing(self, as_, service) -> None:
        assert "没有查到" in page(as_("foreign_city").post(self.URL, FIND))
        assert as_("foreign_city").post(self.URL, entry(service)).status_code == 422
        assert not Evaluation.objects.exists()


class TestCallOuts:
    @pytest.fixture
    def call(self, service) -> CallOut:
        applicant = Applicant.objects.get(id=service.id)
        return CallOut.objects.create(
            event_id=service.id,
            phone_index=applicant.phone_index,
            area_path=service.area_path,
            organ_path=service.organ_path,
            window_code=service.window_code,
            next_at=NOW,
            closes_at=service.closes_at,
            made_at=NOW,
        )

    def test_the_list_names_nobody_and_offers_no_choice(self, as_, call) -> None:
        told = page(as_("operator").get("/console/callouts/"))
        assert "食品经营许可（新办）" in told
        assert "取下一个电话" in told
        assert str(call.event_id) not in told
        for secret in ("赵", "138", CASE):
            assert secret not in told
        assert "取下一个电话" not in page(as_("city").get("/console/callouts/"))
        assert "名单是空的" in page(as_("foreign_city").get("/console/callouts/"))

    def test_the_number_is_shown_once_when_it_is_dialled(self, as_, call) -> None:
        operator = as_("operator")
        where = operator.post("/console/callouts/next")["Location"]
        assert str(call.event_id) in where
        shown = page(operator.get(where))
        assert "138****0001" in shown
        assert "13800000001" not in shown
        assert "13800000001" in page(operator.post(where, {"do": "dial"}))
        assert Audit.objects.filter(action="reveal_identity", subject=str(call.event_id)).count() == 1
        assert "13800000001" not in page(operator.get(where))

    def test_a_rating_in_the_call(self, as_, call) -> None:
        operator = as_("operator")
        where = operator.post("/console/callouts/next")["Location"]
        wrong = operator.post(where, {"do": "rate", "level": 2})
        assert (wrong.status_code, "请填写录音编号" in page(wrong)) == (422, True)
        answer = operator.post(where, {"do": "rate", "level": 2, "proof": PROOF})
        assert "拨打下一个" in page(operator.get(answer["Location"]))
        assert Entry.objects.get(event_id=call.event_id).way == "callout"
        assert "没有要拨打的电话" in page(operator.post("/console/callouts/next", follow=True))

    @pytest.mark.parametrize(
        ("result", "state"),
        [
            ("refused", "refused"),
            ("no_answer", "waiting"),
            ("wrong_number", "wrong_number"),
            ("do_not_call", "do_not_call"),
        ],
    )
    def test_how_else_it_may_end(self, as_, call, result, state) -> None:
        operator = as_("operator")
        where = operator.post("/console/callouts/next")["Location"]
        assert "请选择这次通话的结果" in page(operator.post(where, {"do": "end"}))
        assert "已登记" in page(operator.post(where, {"do": "end", "result": result}, follow=True))
        call.refresh_from_db()
        assert (call.state, call.tries) == (state, 1)

    def test_a_call_that_another_holds_is_not_shown(self, as_, cast, call) -> None:
        assert take_next(actor=cast.operator, now=NOW)
        create_person("second", "第二位", "brave-otter-42", [(Role.OPERATOR, Scope("32"))], now=NOW)
        other = as_("second")
        assert "没有要拨打的电话" in page(other.post("/console/callouts/next", follow=True))
        for answer in (
            other.get(f"/console/callouts/{call.event_id}/", follow=True),
            other.post(f"/console/callouts/{call.event_id}/", {"do": "dial"}, follow=True),
        ):
            assert "不在您手上" in page(answer)
            assert "13800000001" not in page(answer)
        assert "话务员正在拨打" in page(other.get("/console/callouts/"))

    def test_put_back_it_waits_again(self, as_, call) -> None:
        operator = as_("operator")
        where = operator.post("/console/callouts/next")["Location"]
        operator.post(where, {"do": "put_back"})
        call.refresh_from_db()
        assert (call.state, call.tries, call.holder_id) == ("waiting", 0, "")

    @pytest.mark.parametrize("who", ["city", "supervisor", "clerk", "rectifier", "leader"])
    def test_only_operators_dial(self, as_, call, who) -> None:
        assert as_(who).post("/console/callouts/next").status_code == 403
        assert as_(who).post(f"/console/callouts/{call.event_id}/", {"do": "dial"}).status_code == 403


class TestCheck:
    @pytest.fixture
    def entered(self, as_, service, settings) -> ServiceEvent:
        settings.ENTRY_CHECK_PERCENT = 100
        as_("operator").post("/console/telephone/", entry(service, 5, words="我叫赵试样，服务很好"))
        return service

    def test_what_was_drawn_is_compared_and_taken_out_where_it_differs(self, as_, entered) -> None:
        supervisor = as_("supervisor")
        told = page(supervisor.get("/console/entries/"))
        assert PROOF in told
        assert "赵试样" not in told
        url = f"/console/entries/{entered.id}/check"
        for verdict, note in (("", ""), ("differs", "")):
            answer = supervisor.post(url, {"verdict": verdict, "note": note})
            assert answer.status_code == 422
        done = page(supervisor.post(url, {"verdict": "differs", "note": "录音里说不满意"}, follow=True))
        assert "不再计入统计" in done
        assert "现在没有要您核对的录入" in done
        assert "录音里说不满意" in page(supervisor.get("/console/entries/?tab=checked"))
        assert supervisor.post(url, {"verdict": "matches"}).status_code == 409

    def test_not_for_operators_nor_for_another_city(self, as_, entered) -> None:
        assert as_("operator").get("/console/entries/").status_code == 403
        assert PROOF not in page(as_("foreign_city").get("/console/entries/?tab=all"))
        url = f"/console/entries/{entered.id}/check"
        assert as_("foreign_city").post(url, {"verdict": "matches"}).status_code == 404


class TestInspections:
    def test_recorded_and_listed(self, as_, cast) -> None:
        city = as_("city")
        assert "还没有监督查评" in page(city.get("/console/inspections/"))
        assert "A01 综合窗口" in page(city.get("/console/inspections/new?place=A01"))
        posted = {
            "at": "w:NJ-A01", "task": "", "inspected_on": "2026-06-10", "inspectors": "张检查（市政务办）",
            "proof": "JC-1", "level": 2, "words": "没有老花镜", "place": "A01",
        }  # fmt: skip
        for missing in ("at", "inspected_on", "inspectors", "proof", "level", "words"):
            answer = city.post("/console/inspections/new", posted | {missing: ""})
            assert (answer.status_code, missing) == (422, missing)
        done = page(city.post("/console/inspections/new", posted, follow=True))
        assert "形成差评工单 CP20260610-" in done
        assert "没有老花镜" in done
        assert Inspection.objects.count() == 1
        assert city.post("/console/inspections/new", posted | {"words": "另一种说法"}).status_code == 409
        assert "没有老花镜" in page(as_("observer").get("/console/inspections/"))
        assert "没有老花镜" not in page(as_("foreign_city").get("/console/inspections/"))

    @pytest.mark.parametrize("who", ["operator", "clerk", "rectifier"])
    def test_not_for(self, as_, who) -> None:
        assert as_(who).get("/console/inspections/").status_code == 403
        assert as_(who).post("/console/inspections/new", {}).status_code == 403

    def test_observers_and_leaders_look_on(self, as_) -> None:
        for who in ("observer", "leader"):
            assert as_(who).get("/console/inspections/").status_code == 200
            assert as_(who).get("/console/inspections/new").status_code == 403
