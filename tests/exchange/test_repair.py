"""What the far side refuses, what our own check finds first, and how either is set right."""

from __future__ import annotations

import pytest

from haochaping.directory.models import Organ
from haochaping.evaluation.models import ServiceEvent
from haochaping.exchange import commands
from haochaping.exchange.models import Delivery
from haochaping.exchange.rules import Phase
from haochaping.kit import ids
from tests.cast import forget

pytestmark = pytest.mark.django_db

MISSING = {
    "acceptDate": ({"acceptDate": ""}, "acceptDate：已受理、已办结的办件必填；请业务系统更正后重新报送该办件"),
    "resultDate": ({"resultDate": ""}, "resultDate：已办结的办件必填；请业务系统更正后重新报送该办件"),
    "userName": ({"userName": ""}, "userName：缺少申请人姓名或名称；请业务系统更正后重新报送该办件"),
    "certKeyGOV": (
        {"creditNum": ""},
        "certKeyGOV：与 certKey 至少填写一项（证件号码）；请业务系统更正后重新报送该办件",
    ),
    "userProp": ({"userProp": ""}, "userProp：缺少申请人类型代码；请业务系统更正后重新报送该办件"),
}


@pytest.mark.parametrize(("more", "says"), MISSING.values(), ids=MISSING)
def test_a_missing_field_is_found_before_it_is_sent_and_mended_by_the_next_record(stage, more, says):
    stage.serve(**more)
    stage.rate()
    stage.send_all()
    held = stage.delivery(Phase.SERVICE)
    assert (held.state, held.error_text) == ("quarantined", says)
    assert not stage.platform.envelopes, "nothing was sent in vain"
    stage.serve()
    stage.send_all()
    assert stage.states() == {"service": "accepted", "evaluation": "accepted"}
    assert Delivery.objects.count() == 2, "the version that nobody took is gone"


def test_what_master_data_lacked_goes_by_hand_once_it_is_there(stage):
    ServiceEvent.objects.all().delete()
    Organ.objects.update(name="")
    forget()
    stage.serve()
    stage.send_all()
    assert stage.delivery(Phase.SERVICE).error_code == "orgName"
    ServiceEvent.objects.update(organ_name="南京市市场监督管理局")
    assert commands.retry(stage.clock.now, [ids.event_id("NJ2026060001", 1)]) == 1
    stage.send_all()
    assert stage.states() == {"service": "accepted"}


def test_what_the_far_side_refuses_for_a_field_waits_for_a_person_with_its_words(stage, monkeypatch):
    from tests.fakes import national_fields

    table = dict(national_fields.SERVICE, taskName=national_fields.Field("别的事项".__eq__, must=True))
    monkeypatch.setitem(national_fields.TABLES, "projectService", table)
    stage.serve()
    stage.send_all()
    held = stage.delivery(Phase.SERVICE)
    assert (held.state, held.error_code) == ("quarantined", "1004")
    assert held.error_text == "国家平台不接收：字段 taskName 取值不符合规范；请按提示更正后点“重新上报”"
    monkeypatch.undo()
    stage.send_all()
    assert stage.states() == {"service": "quarantined"}, "it does not go by itself"


def test_a_repeat_is_a_success_whichever_words_say_so(stage):
    stage.serve("A", "B")
    stage.rate("A", "B")
    stage.send_all()
    Delivery.objects.update(state="waiting", next_at=stage.clock.now, accepted_at=None)
    stage.send_all()
    assert stage.counts() == (2, 2, 0)
    assert {d.state for d in Delivery.objects.all()} == {"accepted"}
    assert {d.error_code for d in Delivery.objects.all()} == {"duplicate"}


def test_another_rating_over_there_counts_as_there_already(stage):
    stage.serve()
    stage.rate(evalDetail="510")
    stage.send_all()
    with stage.platform.ledger as books:
        books._db.execute("UPDATE entry SET digest = 'other' WHERE kind = 'evaluate'")
    Delivery.objects.filter(phase=Phase.EVALUATION).update(state="waiting", next_at=stage.clock.now)
    stage.send_all()
    assert stage.platform.ledger.summary()["refused"][0]["message"] == "本次服务已存在评价，请勿重复评价"
    assert stage.states()["evaluation"] == "accepted"


def test_a_service_record_the_far_side_lost_is_told_again_before_its_rating(stage):
    stage.serve()
    stage.send_all()
    stage.platform.ledger.forget("projectService", "NJ2026060001", 1)
    stage.rate_badly()
    stage.answer()
    stage.send()
    assert stage.states() == {"service": "waiting", "evaluation": "waiting", "rectification": "waiting"}
    assert stage.delivery(Phase.EVALUATION).error_text == "没有对应的服务数据"
    stage.send_all()
    assert stage.states()["service"] == "accepted"
    stage.clock.pass_(minutes=2)
    stage.send_all()
    assert stage.counts() == (1, 1, 1)


def test_a_rating_the_far_side_lost_is_told_again_before_its_rectification(stage):
    stage.serve()
    stage.rate_badly()
    stage.send_all()
    stage.platform.ledger.forget("evaluate", "NJ2026060001", 1)
    stage.answer()
    stage.send_all()
    stage.clock.pass_(minutes=2)
    stage.send_all()
    assert stage.counts() == (1, 1, 1)


class TestBooksCompared:
    def test_they_agree(self, stage):
        stage.serve("A", "B")
        stage.rate_badly("A")
        stage.answer("A")
        stage.send_all()
        balances = commands.reconcile(stage.clock.now)
        assert [(b.ours, b.theirs) for b in balances] == [(2, 2), (1, 1), (1, 1)]
        assert not any(b.missing or b.unconfirmed or b.foreign or b.doubled for b in balances)

    def test_what_the_far_side_lacks_is_sent_again(self, stage):
        stage.serve("A", "B")
        stage.rate("A", "B")
        stage.send_all()
        stage.platform.ledger.forget("evaluate", "A", 1)
        assert [b.missing for b in commands.reconcile(stage.clock.now)] == [0, 1, 0]
        stage.send_all()
        assert stage.counts() == (2, 2, 0)
        assert [b.missing for b in commands.reconcile(stage.clock.now)] == [0, 0, 0]

    def test_what_we_hold_unconfirmed_or_do_not_know_at_all_is_counted(self, stage):
        stage.serve("A", "B")
        stage.send_all()
        Delivery.objects.filter(event_id=ids.event_id("A", 1)).update(state="waiting", accepted_at=None)
        Delivery.objects.filter(event_id=ids.event_id("B", 1)).delete()
        balance = commands.reconcile(stage.clock.now)[0]
        assert (balance.unconfirmed, balance.foreign, balance.missing) == (1, 1, 0)

    def test_many_pages_are_read_to_the_end(self, stage, monkeypatch):
        monkeypatch.setattr(commands, "PAGE", 7)
        stage.serve(*(f"P{n}" for n in range(30)))
        stage.send_all()
        balance = commands.reconcile(stage.clock.now)[0]
        assert (balance.ours, balance.theirs, balance.missing) == (30, 30, 0)
