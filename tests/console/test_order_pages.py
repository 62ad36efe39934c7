"""Work orders in the console: found, read as far as the seal allows, and moved by plain forms."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import SYSTEM
from haochaping.kit.clock import held_at
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Move, Order, OrderPart
from tests.cast import NANJING, NOW, PROVINCE_OFFICE, SUZHOU
from tests.console.stage import CANARIES, NAME, PHONE, bad_order, form, suzhou_order, text

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=1)
CONFIRM = {
    "is_true": "true",
    "is_reasonable": "true",
    "cause": "attitude",
    "severity": "general",
    "findings": "当日只开一个窗口，排队确有两小时。",
}
SUBMIT = {"measures": "增开两个窗口，安排导办员。", "reply": "已增开窗口，向您致歉。"}


def page_of(client, order, now=LATER) -> str:
    with held_at(now):
        answer = client.get(f"/console/orders/{order.order_no}/")
    assert answer.status_code == 200
    return answer.content.decode()


def fill(client, order, verb, now=LATER, **facts):
    """Fill the form of that move in and press its button; what comes back."""
    drawn = form(page_of(client, order, now), f"/{verb}")
    assert set(facts) <= set(drawn["values"]), "the page asks for what the move needs"
    with held_at(now):
        return client.post(drawn["action"], drawn["values"] | facts)


def do(client, order, verb, now=LATER, **facts):
    """As `fill`, and then confirm what the page asks once more."""
    answer = fill(client, order, verb, now, **facts)
    if answer.status_code == 200:
        again = form(answer.content.decode(), f"/{verb}")
        with held_at(now):
            answer = client.post(again["action"], again["values"] | {"confirmed": "1"})
    assert answer.status_code == 302, text(answer.content.decode())
    order.refresh_from_db()
    return order


class TestTheWholeWay:
    def test_from_the_bad_rating_to_the_callback_without_a_script(self, as_):
        order = bad_order()
        assert do(as_("rectifier"), order, "sign").state == "verifying"
        assert do(as_("rectifier"), order, "confirm", **CONFIRM).state == "rectifying"
        assert do(as_("rectifier"), order, "submit", **SUBMIT).state == "reviewing"
        assert do(as_("city"), order, "approve").state == "callback"
        assert do(as_("operator"), order, "callback", result="satisfied", pressed="no").state == "closed"
        assert (order.verdict, order.cause, order.reply) == ("satisfied", "attitude", SUBMIT["reply"])
        verbs = Move.objects.filter(order_id=order.id).order_by("n").values_list("verb", flat=True)
        assert list(verbs) == ["open", "sign", "confirm", "submit", "approve", "record"]

    def test_a_rater_who_is_still_not_content_sends_it_back(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        do(as_("rectifier"), order, "confirm", **CONFIRM)
        do(as_("rectifier"), order, "submit", **SUBMIT)
        do(as_("city"), order, "approve")
        answer = fill(as_("operator"), order, "callback", result="unsatisfied")
        assert answer.status_code == 422
        assert "请填写" in text(answer.content.decode())
        assert (
            do(as_("operator"), order, "callback", result="unsatisfied", reason="窗口还是只有一个").state
            == "rectifying"
        )

    def test_an_order_nobody_answers_for_is_assigned_by_the_arbiter(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "return", reason_code="not_ours", reason="该事项由省办受理。")
        drawn = page_of(as_("supervisor"), order)
        assert "江苏省政务服务管理办公室" in drawn
        do(as_("supervisor"), order, "assign", organ=PROVINCE_OFFICE, reason="由省办牵头。")
        assert order.organ_code == PROVINCE_OFFICE

    def test_an_appeal_goes_to_the_reviewer(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        do(as_("rectifier"), order, "appeal", kind="untrue", reason="当日无此事。", evidence="监控录像，存档于大厅。")
        assert do(as_("reviewer"), order, "uphold", ruling="证据充分，申诉成立。").state == "voided"


class TestAForm:
    def test_asks_again_before_what_cannot_be_undone_and_does_nothing_until_then(self, as_):
        order = bad_order()
        answer = fill(as_("rectifier"), order, "sign")
        assert "确认后，工单由“待签收”转入“核实中”" in text(answer.content.decode())
        order.refresh_from_db()
        assert (order.state, order.moves) == ("dispatched", 1)

    def test_goes_back_from_the_confirmation_with_everything_that_was_typed(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        again = form(fill(as_("rectifier"), order, "confirm", **CONFIRM).content.decode(), "/confirm")
        with held_at(LATER):
            answer = as_("rectifier").post(again["action"], again["values"] | {"back": "1"})
        assert form(answer.content.decode(), "/confirm")["values"]["cause"] == "attitude"
        assert CONFIRM["findings"] in answer.content.decode()

    def test_names_every_wrong_field_beside_it_and_keeps_the_rest(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "sign")
        answer = fill(as_("rectifier"), order, "confirm", cause="attitude")
        page = answer.content.decode()
        assert answer.status_code == 422
        for label in ("情况是否属实", "诉求是否合理", "难易程度"):
            assert f"请选择“{label}”。" in page
        assert 'id="m-confirm-findings-wrong"' in page
        assert form(page, "/confirm")["values"]["cause"] == "attitude"

    def test_an_order_that_moved_meanwhile_is_shown_as_it_stands_and_nothing_is_done(self, as_):
        order = bad_order()
        mine = as_("rectifier")
        drawn = form(page_of(mine, order), "/return")
        do(as_("rectifier"), order, "sign")
        with held_at(LATER):
            answer = mine.post(drawn["action"], drawn["values"] | {"reason": "x", "reason_code": "not_ours"})
        assert answer.status_code == 409
        assert "现为“核实中”" in text(answer.content.decode())
        order.refresh_from_db()
        assert (order.state, order.moves) == ("verifying", 2)

    def test_a_button_pressed_twice_acts_once(self, as_):
        order = bad_order()
        client = as_("city")
        drawn = form(page_of(client, order), "/urge")
        with held_at(LATER):
            answers = [
                client.post(drawn["action"], drawn["values"] | {"text": "请尽快签收"}).status_code for _ in range(2)
            ]
        assert answers == [302, 409]
        assert Move.objects.filter(order_id=order.id, verb="urge").count() == 1

    def test_what_is_not_a_move_is_not_found_and_anothers_move_is_refused(self, as_):
        order = bad_order()
        with held_at(LATER):
            assert as_("rectifier").post(f"/console/orders/{order.order_no}/drop").status_code == 404
            answer = as_("operator").post(f"/console/orders/{order.order_no}/sign", {"seen": "1", "confirmed": "1"})
        assert answer.status_code == 403
        order.refresh_from_db()
        assert order.moves == 1


class TestTheSeal:
    def test_those_rated_find_no_case_number_name_or_phone_on_any_page(self, as_):
        order = bad_order(writingEvaluation=f"排队两小时，请打{PHONE}找我")
        client = as_("rectifier")
        pages = [page_of(client, order)]
        for verb, facts in (("sign", {}), ("confirm", CONFIRM), ("submit", SUBMIT)):
            pages.append(fill(client, order, verb, **facts).content.decode())
            do(client, order, verb, **facts)
            pages.append(page_of(client, order))
        with held_at(LATER):
            pages += [client.get(url).content.decode() for url in ("/console/", "/console/orders/?state=all")]
            pages.append(client.post("/console/orders/export?state=all").content.decode())
        assert [canary for canary in CANARIES for page in pages if canary in page] == []
        assert "09:30" not in "".join(pages), "the exact time of a rating would betray the rater"
        assert "排队两小时" in pages[0]

    def test_with_the_raters_consent_the_unit_may_see_and_must_say_why(self, as_):
        order = bad_order(consent=["contact_department"])
        client = as_("rectifier")
        assert CANARIES[0] in page_of(client, order)
        assert PHONE not in page_of(client, order)
        with held_at(LATER):
            answer = client.post(f"/console/orders/{order.order_no}/identity", {"reason": "约评价人当面沟通"})
        assert PHONE in answer.content.decode()

    def test_the_operator_sees_a_masked_number_and_the_whole_one_for_a_reason_that_is_written_down(self, as_):
        order = bad_order()
        client = as_("operator")
        url = f"/console/orders/{order.order_no}/identity"
        page = page_of(client, order)
        assert PHONE not in page
        assert "139****5678" in page
        with held_at(LATER):
            assert client.post(url, {"reason": ""}).status_code == 422
            assert not Audit.objects.filter(action="reveal_identity").exists()
            answer = client.post(url, {"reason": "回访整改结果"})
        assert PHONE in answer.content.decode()
        assert NAME in answer.content.decode()
        trail = Audit.objects.get(action="reveal_identity")
        assert (trail.actor_name, trail.facts["reason"]) == ("话务员", "回访整改结果")
        assert PHONE not in page_of(client, order)

    def test_a_sealed_order_gives_those_rated_no_identity_even_if_they_ask(self, as_):
        order = bad_order()
        with held_at(LATER):
            answer = as_("rectifier").post(f"/console/orders/{order.order_no}/identity", {"reason": "想认识一下"})
        assert answer.status_code == 403
        assert not [canary for canary in CANARIES if canary in answer.content.decode()]


class TestTheList:
    def test_tabs_count_every_state_and_show_what_they_count(self, as_):
        order, _ = bad_order(), bad_order("NJ-2")
        do(as_("rectifier"), order, "sign")
        with held_at(LATER):
            page = as_("rectifier").get("/console/orders/").content.decode()
            assert "在办 2" in text(page)
            assert "核实中 1" in text(page)
            page = as_("rectifier").get("/console/orders/?state=verifying").content.decode()
        assert page.count('scope="row"') == 1
        assert order.order_no in page

    def test_filters_narrow_by_text_area_level_period_and_lateness(self, as_):
        mine, theirs = bad_order(satisfaction=2, evalDetail="209"), suzhou_order()

        def found(query: str, now=LATER) -> set[str]:
            with held_at(now):
                page = as_("supervisor").get(f"/console/orders/?{query}").content.decode()
            return {order.order_no for order in (mine, theirs) if f">{order.order_no}</a></th>" in page}

        both = {mine.order_no, theirs.order_no}
        assert found("") == both
        assert found(f"q={mine.order_no[:11]}") == found("q=食品") == both
        assert (
            found(f"q={mine.order_no}")
            == found("area=3201")
            == found("level=2")
            == found("organ=南京")
            == {mine.order_no}
        )
        assert found("since=2026-06-10&until=2026-06-10") == both
        assert found("since=2026-06-11") == found("due=late") == found("state=late") == set()
        assert found("due=late", NOW + timedelta(days=3)) == both
        assert found("since=gestern&level=9&area=99&due=x&page=77&state=%00") == both

    def test_time_left_is_said_in_words(self, as_):
        bad_order()
        for now, words in (
            (NOW, "剩1个工作日"),
            (NOW + timedelta(days=1), "今天到期，剩14小时"),
            (NOW + timedelta(days=3), "超期2天"),
        ):
            with held_at(now):
                assert words in as_("rectifier").get("/console/orders/").content.decode()

    def test_a_limit_that_rests_on_days_not_announced_yet_is_marked(self, as_):
        order = bad_order()
        assert "暂定" not in page_of(as_("rectifier"), order)
        Order.objects.filter(pk=order.pk).update(due_is_provisional=True)
        with held_at(LATER):
            assert "暂定" in as_("rectifier").get("/console/orders/").content.decode()
        assert "暂定" in page_of(as_("rectifier"), order)

    def test_fifty_orders_cost_no_more_queries_than_one(self, as_, django_assert_max_num_queries):
        client = as_("supervisor")
        for n in range(50):
            bad_order(f"NJ-{n}")
        with held_at(LATER):
            client.get("/console/orders/")
            for url, most in (("/console/orders/", 12), ("/console/", 15)):
                with django_assert_max_num_queries(most):
                    assert client.get(url).status_code == 200

    def test_the_sheet_is_complete_counts_its_rows_and_holds_no_formula(self, as_):
        for n in range(45):
            bad_order(f"NJ-{n}")
        Order.objects.filter(pk__in=list(Order.objects.values_list("pk", flat=True)[:1])).update(
            item_name="=cmd|' /C calc'!A0"
        )
        client = as_("city")
        with held_at(LATER):
            answer = client.post("/console/orders/export?state=open")
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert answer["X-Row-Count"] == str(len(rows) - 1) == "45"
        assert not [cell for row in rows for cell in row if cell[:1] in {"=", "+", "-", "@"}]
        assert "'=cmd" in answer.content.decode("utf-8-sig")
        assert Audit.objects.get(action="export").facts == {"rows": 45, "state": "open", "format": "csv"}


class TestTheWorkbench:
    def test_shows_each_role_what_waits_for_it(self, as_):
        waiting, called = bad_order(), bad_order("NJ-2")
        for verb, who, facts in (
            ("sign", "rectifier", {}),
            ("confirm", "rectifier", CONFIRM),
            ("submit", "rectifier", SUBMIT),
            ("approve", "city", {}),
        ):
            do(as_(who), called, verb, **facts)
        for who, order, words in (
            ("rectifier", waiting, "1 待签收"),
            ("operator", called, "待回访名单"),
            ("supervisor", None, "0 待审核"),
            ("reviewer", None, "0 待复核申诉"),
        ):
            with held_at(LATER):
                page = as_(who).get("/console/").content.decode()
            assert words in text(page)
            table = page.partition("<tbody>")[2]
            assert order is None or order.order_no in table

    def test_tells_what_others_did_but_not_what_one_did_oneself(self, as_):
        order = bad_order()
        perform(order_id=order.id, verb="auto_sign", actor=SYSTEM, facts={}, now=NOW + timedelta(days=2))
        with held_at(NOW + timedelta(days=2, hours=1)):
            page = text(as_("rectifier").get("/console/").content.decode())
            assert "自动签收，转入核实中" in page
            do(as_("rectifier"), order, "confirm", NOW + timedelta(days=2, hours=1), **CONFIRM)
            page = text(as_("rectifier").get("/console/").content.decode())
        assert "核实确认，转入整改中" not in page

    def test_the_administrator_sees_how_the_machine_fares(self, as_):
        assert "待上报国家平台" in as_("admin").get("/console/").content.decode()


class TestOrgansByName:
    """No code of an organ needs to be known by heart."""

    def test_a_co_unit_is_named_by_some_of_its_name_and_the_page_says_who_it_is(self, as_):
        order = do(as_("rectifier"), bad_order(), "sign")
        assert '<option value="苏州市市场监督管理局">' in page_of(as_("supervisor"), order)
        asked = fill(as_("supervisor"), order, "join", co_organs="苏州，政务服务管理", text="请联合核实。")
        assert asked.status_code == 200
        assert "苏州市市场监督管理局、江苏省政务服务管理办公室" in asked.content.decode()
        do(as_("supervisor"), order, "join", co_organs="苏州，政务服务管理", text="请联合核实。")
        parts = OrderPart.objects.filter(order_id=order.pk).order_by("n")
        assert [part.organ_code for part in parts] == [SUZHOU, PROVINCE_OFFICE]

    def test_a_name_that_fits_several_or_none_is_told_beside_its_field(self, as_):
        order = do(as_("rectifier"), bad_order(), "sign")
        for named, told in (
            ("市场监督管理局", f"有2个单位符合“市场监督管理局”：南京市市场监督管理局（{NANJING}）"),
            ("苏州市场监管", "相近的有：苏州市市场监督管理局"),
        ):
            answer = fill(as_("supervisor"), order, "join", co_organs=named, text="请联合核实。")
            assert answer.status_code == 422
            assert told in answer.content.decode()
        assert not OrderPart.objects.exists()

    def test_who_may_not_join_units_learns_no_names(self, as_):
        order = do(as_("rectifier"), bad_order(), "sign")
        with held_at(LATER):
            sent = {"seen": order.moves, "co_organs": "管理局", "text": "请联合核实。"}
            answer = as_("rectifier").post(f"/console/orders/{order.order_no}/join", sent)
        assert answer.status_code == 403

    def test_the_lead_is_named_too(self, as_):
        order = bad_order()
        do(as_("rectifier"), order, "return", reason_code="not_ours", reason="不是本单位的事项")
        do(as_("supervisor"), order, "assign", organ="苏州市市场监督管理局", co_organs="南京", reason="窗口在苏州")
        assert order.organ_code == SUZHOU
        assert OrderPart.objects.get(order_id=order.pk).organ_code == NANJING
