"""The seal on every page: whoever rated and the case stand in no text, whoever wrote it and whoever reads (design §1.3)."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Actor, Role, citizen
from haochaping.channels.my.acts import withdraw_words
from haochaping.console.queries import news
from haochaping.kit.errors import Refused
from haochaping.rectification import evidence, relay
from haochaping.rectification.commands import perform, reveal
from haochaping.rectification.facts import timeline
from haochaping.rectification.models import Move, Order
from haochaping.rectification.pressings import pressings_for
from haochaping.rectification.progress import public_progress
from haochaping.rectification.queries import facts_for, orders_for
from haochaping.rectification.sight import may_reveal, may_see_case, parts_in
from tests.cast import NANJING, NOW, PROVINCE_OFFICE, SUZHOU
from tests.console.stage import CANARIES, CARD, CASE, NAME, PHONE, bad_order, suzhou_order

if TYPE_CHECKING:
    from datetime import datetime

pytestmark = pytest.mark.django_db
HAN_PHONE = "一三九一二三四五六七八"
BARE = f"{NAME}，办件{CASE}，{PHONE}，也就是{HAN_PHONE}，证件{CARD[:6]} {CARD[6:14]} {CARD[14:]}"
READERS = ("rectifier", "observer", "leader", "reviewer", "supervisor", "city", "operator")
CONFIRMED = {"is_true": "true", "is_reasonable": "true", "cause": "attitude", "severity": "general"}


def go(order: Order, verb: str, actor: Actor, *, now: datetime = NOW, **facts: Any) -> Order:
    return perform(order_id=order.id, verb=verb, actor=actor, facts=facts, now=now)


def to_the_callback(order: Order, cast: Any, about: str = "") -> None:
    go(order, "sign", cast.rectifier)
    go(order, "confirm", cast.rectifier, **CONFIRMED, findings=f"{about}反映属实")
    go(order, "submit", cast.rectifier, measures=f"{about}处已改", reply="已增开两个窗口")
    go(order, "approve", cast.city)


def person(username: str) -> Actor:
    return Person.objects.get(username=username).actor()


def give(username: str, role: Role, **scope: str) -> Actor:
    Grant.objects.create(person=Person.objects.get(username=username), role=role, **scope)
    return person(username)


def at_home(username: str, *codes: str) -> Actor:
    path = "".join(f"/{code}" for code in codes) + "/"
    Person.objects.filter(username=username).update(organ=path, organ_code=codes[-1])
    return person(username)


def png() -> bytes:
    out = BytesIO()
    Image.new("RGB", (200, 200), "white").save(out, "PNG")
    return out.getvalue()


def leaked(shown: str) -> list[str]:
    return [canary for canary in (*CANARIES, HAN_PHONE) if canary in shown]


class TestNoText:
    def test_names_the_rater_or_the_case_to_anybody(self, cast, as_):
        order = bad_order(writingEvaluation=f"窗口态度差。{BARE}")
        go(order, "sign", cast.rectifier)
        go(order, "contact", cast.operator, way="hotline", result=f"已与{NAME}通话，等候两小时")
        go(order, "urge", cast.operator, text=f"{BARE}再次来电催促")
        evidence.bring(order_id=order.id, actor=cast.operator, name=f"{NAME}{CASE}截图.png", raw=png(), now=NOW)
        go(order, "confirm", cast.rectifier, **CONFIRMED, findings=f"{BARE}反映属实")
        go(order, "relay", cast.rectifier, text="请问是哪个窗口")
        go(order, "respond", citizen(order.id), text=f"{BARE}一号窗口")
        go(order, "submit", cast.rectifier, measures=f"{BARE}已改", reply=f"{BARE}已增开窗口")
        go(order, "approve", cast.city)
        go(order, "unsatisfied", cast.operator, reason=f"{BARE}没改", pressed="yes", note=f"{BARE}有人上门")
        order.refresh_from_db()
        for who in READERS:
            actor = person(who)
            shown = str([facts_for(order, actor), timeline(order, actor), relay.said(order, actor)])
            if may_see_case(order, actor):  # which stands in its own place
                shown = shown.replace(f"'project_no': '{CASE}'", "")
            assert leaked(shown) == [], who
            page = as_(who).get(f"/console/orders/{order.order_no}/").content.decode()
            assert [canary for canary in (NAME, PHONE, CARD, HAN_PHONE) if canary in page] == [], who
        for who in ("leader", "city"):
            page = as_(who).get("/console/pressings/").content.decode()
            assert "有人上门" in page
            assert leaked(page) == []
        assert leaked(str(public_progress(order.id))) == []

    def test_lets_an_order_be_found_by_name_or_case(self, cast, as_):
        order = bad_order(writingEvaluation=f"{BARE}态度差别具一格")
        for asked in (NAME, CASE, PHONE, CARD):
            for who in ("rectifier", "supervisor"):
                page = as_(who).get("/console/orders/", {"q": asked, "state": "open"}).content.decode()
                assert order.order_no not in page, (who, asked)
        page = as_("supervisor").get("/console/orders/", {"q": "态度差别", "state": "open"}).content.decode()
        assert order.order_no in page


class TestWhatAnOperatorHeard:
    def test_stays_from_those_rated_and_the_reviewer_even_with_the_raters_consent(self, cast, as_):
        order = bad_order(consent=["contact_department"])
        to_the_callback(order, cast)
        go(order, "unsatisfied", cast.operator, reason="没有改", pressed="yes", note="有人上门要求改评价")
        order.refresh_from_db()
        assert may_see_case(order, cast.rectifier)
        for who in READERS:
            told = "有人上门要求改评价" in str(timeline(order, person(who)))
            assert told is (who in {"operator", "supervisor", "city", "leader"}), who
        page = as_("rectifier").get(f"/console/orders/{order.order_no}/").content.decode()
        assert "上门" not in page


class TestWithdrawnWords:
    def test_take_along_why_somebody_was_not_satisfied(self, cast):
        order = bad_order()
        to_the_callback(order, cast)
        go(order, "unsatisfied", citizen(order.id), reason="那位工作人员昨天又骂我了")
        assert "又骂我了" in str(timeline(order, cast.rectifier))
        assert "又骂我了" not in str(list(Move.objects.values_list("facts", flat=True)))
        withdraw_words(order.id, now=NOW)
        after = str(timeline(order, cast.rectifier))
        assert "又骂我了" not in after
        assert "评价人已撤回" in after

    def test_take_along_an_objection(self, cast):
        order = bad_order()
        go(order, "sign", cast.rectifier)
        go(order, "appeal", cast.rectifier, kind="malicious", reason="不实", evidence="录像")
        go(order, "uphold", cast.reviewer, ruling="成立")
        go(order, "object", citizen(order.id), reason="录像里就有他骂我")
        assert "录像里就有" in str(timeline(order, cast.supervisor))
        withdraw_words(order.id, now=NOW)
        assert "录像里就有" not in str(timeline(order, cast.supervisor))


class TestWhoeverBelongsToTheRatedUnit:
    @pytest.mark.parametrize("username", ["operator", "supervisor", "city"])
    def test_stands_on_its_side_whatever_their_grants(self, cast, username):
        order = bad_order()
        assert may_see_case(order, person(username))
        home = at_home(username, PROVINCE_OFFICE, NANJING)
        assert not may_see_case(order, home)
        assert not may_reveal(order, home)
        assert parts_in(order, home) == frozenset()
        with pytest.raises(Refused):
            reveal(order, actor=home, reason="想知道是谁", now=NOW)
        assert "project_no" not in facts_for(order, home)

    def test_hears_of_no_pressure_in_its_orders(self, cast):
        order = bad_order()
        to_the_callback(order, cast)
        go(order, "unsatisfied", cast.operator, reason="没有改", pressed="yes", note="有人上门")
        assert pressings_for(person("city")).exists()
        assert not pressings_for(at_home("city", PROVINCE_OFFICE, NANJING)).exists()

    def test_of_another_unit_works_on_it_as_ever(self, cast):
        order = bad_order()
        home = at_home("supervisor", PROVINCE_OFFICE, SUZHOU)
        assert may_see_case(order, home)
        assert may_reveal(order, home)


class TestTwoHats:
    @pytest.mark.parametrize("role", [Role.OBSERVER, Role.ANALYST])
    def test_a_clerk_who_looks_on_sees_of_their_window_what_was_opened_to_them(self, cast, role):
        order, other = bad_order(), suzhou_order()
        both = give("clerk", role, area="32")
        assert not orders_for(both).filter(pk=order.pk).exists()
        assert orders_for(both).filter(pk=other.pk).exists()
        go(order, "sign", cast.rectifier)
        go(order, "open_to_clerk", cast.rectifier, clerk=both.id, text="请说明情况")
        assert orders_for(both).filter(pk=order.pk).exists()

    def test_a_handler_who_observes_lists_and_exports_what_they_handle(self, cast, as_):
        own, foreign = bad_order(), suzhou_order()
        give("rectifier", Role.OBSERVER, area="32")
        client = as_("rectifier")
        for query in (
            {"state": "all"},
            {"state": "all", "real_name": "false"},
            {"state": "all", "q": foreign.order_no},
        ):
            assert f"{foreign.order_no}/" not in client.get("/console/orders/", query).content.decode()
        sheet = client.post("/console/orders/export?state=all").content.decode("utf-8-sig")
        assert own.order_no in sheet
        assert foreign.order_no not in sheet
        assert client.get(f"/console/orders/{foreign.order_no}/").status_code == 200  # masked, as an observer's


class TestAClerk:
    def test_of_the_same_name_is_not_told_what_another_was_asked(self, cast):
        order = bad_order()
        go(order, "sign", cast.rectifier)
        go(order, "open_to_clerk", cast.rectifier, clerk=cast.clerk.id, text="请说明情况")
        order.refresh_from_db()
        assert "请说明情况" in str(timeline(order, cast.clerk))
        namesake = Actor("person", "999999", cast.clerk.name, cast.clerk.roles, cast.clerk.scopes, cast.clerk.grants)
        assert "请说明情况" not in str(timeline(order, namesake))


class TestTheNews:
    def test_names_parts_and_no_people_to_those_who_look_on(self, cast):
        go(bad_order(), "sign", cast.rectifier)
        (line,) = news(cast.observer, NOW)
        assert cast.rectifier.name not in str(line)
        assert cast.rectifier.name in str(news(cast.supervisor, NOW))


class TestAMessageToTheRater:
    @pytest.mark.parametrize(
        "text", ["请告诉我您的姓名", "请留下手机号", f"请打{PHONE}", "请打025-83215678", "身份证是多少"]
    )
    def test_neither_gives_nor_asks_for_a_number_or_a_name(self, cast, text):
        order = bad_order()
        go(order, "sign", cast.rectifier)
        with pytest.raises(Refused) as refused:
            go(order, "relay", cast.rectifier, text=text)
        assert refused.value.status == 422
        assert refused.value.fields[0].field == "text"
        assert "12345" in refused.value.message


class TestANotice:
    def test_of_the_raters_own_move_tells_those_rated_the_day_only(self, cast, as_):
        order = bad_order()
        to_the_callback(order, cast)
        moment = NOW.replace(hour=5, minute=37)
        go(order, "unsatisfied", citizen(order.id), now=moment, reason="没有改")
        from haochaping.messaging.notices import notices_of

        first = notices_of(cast.rectifier.id).first()
        assert first is not None
        assert "不满意" in first.text
        assert first.at != moment
        for path in ("/console/notices/", "/console/", f"/console/orders/{order.order_no}/"):
            assert "13:37" not in as_("rectifier").get(path).content.decode()
