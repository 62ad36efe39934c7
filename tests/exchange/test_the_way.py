"""A service event's way to the national platform: what goes, in which order, what never goes."""

from __future__ import annotations

import pytest

from haochaping.evaluation import commands as evaluation
from haochaping.evaluation.models import ServiceEvent
from haochaping.exchange import commands, queries
from haochaping.exchange.models import Delivery
from haochaping.exchange.rules import Phase, State
from haochaping.kit import ids
from haochaping.outbox.commands import tell
from haochaping.outbox.models import Note
from haochaping.policy.models import Indicator
from haochaping.rectification.models import Order
from tests.cast import NANJING, NANJING_ITEM, NOW, forget

pytestmark = pytest.mark.django_db
ALL = {"service": "accepted", "evaluation": "accepted", "rectification": "accepted"}


def test_service_then_rating_then_rectification_each_once(stage):
    stage.serve()
    stage.rate_badly()
    stage.answer()
    stage.send_all()
    assert stage.states() == ALL
    assert stage.counts() == (1, 1, 1)
    assert [operation for operation, _ in stage.platform.envelopes] == [
        "addEvaluateService",
        "addEvaluates",
        "addRectify",
    ]
    assert stage.platform.ledger.summary()["repeated"] == 0


def test_the_platform_gets_what_stands_in_the_records(stage):
    stage.serve()
    stage.rate_badly()
    stage.answer(is_true=True, is_reasonable=True, was_called=True, verdict="satisfied", state="closed")
    stage.send_all()
    service, rating, order = (stage.held(kind) for kind in ("projectService", "evaluate", "rectify"))
    assert (service["taskCode"], service["taskType"], service["areaCode"]) == (NANJING_ITEM, "01", "320102000000")
    assert (service["orgcode"], service["acceptDate"], service["dataSource"]) == (NANJING, "2026-06-09 09:00:00", "132")
    assert (rating["satisfaction"], rating["pf"], rating["evalDetail"]) == ("1", "3", "115")
    assert rating["writingEvaluation"] == "排队两小时，窗口态度差"
    assert (order["answer"], order["zgjg"], order["hfjg"], order["sfhfang"]) == ("已增开窗口并批评教育", "1", "1", "1")
    people = stage.platform.seen
    assert (people[0]["userName"], people[0]["certKeyGOV"]) == ("赵试样", "320102190001010018")
    assert "name" not in people[1], "an anonymous rating names nobody"


def test_a_phase_waits_until_the_former_of_its_event_was_accepted(stage):
    stage.serve("A", userName="")
    stage.serve("B")
    stage.rate("A", "B")
    stage.send_all()
    assert stage.states("A") == {"service": "quarantined", "evaluation": "waiting"}
    assert stage.states("B") == {"service": "accepted", "evaluation": "accepted"}
    assert stage.counts() == (1, 1, 0)


def test_an_order_is_told_once_answered_and_again_when_more_is_known(stage):
    stage.serve()
    stage.rate_badly()
    stage.send_all()
    assert "rectification" not in stage.states()
    stage.answer()
    stage.send_all()
    stage.answer()  # a move that changes nothing that is told
    stage.send_all()
    assert [r["rectifyNumber"] for r in stage.platform.ledger.records("rectify", "NJ2026060001", 1)] == ["1"]
    stage.answer(was_called=True, verdict="satisfied", state="closed", replied_at=NOW)
    stage.send_all()
    told = stage.platform.ledger.records("rectify", "NJ2026060001", 1)
    assert [(r["rectifyNumber"], r["zgjg"]) for r in told] == [("1", "0"), ("2", "1")]


def test_a_rating_set_aside_on_appeal_is_told_as_such(stage):
    stage.serve()
    stage.rate_badly()
    stage.answer(state="voided", upheld=True, reply="", replied_at=None, answer_kind="")
    stage.send_all()
    assert (stage.held("rectify")["sfeypj"], stage.held("rectify")["zgjg"]) == ("1", "4")


def test_a_corrected_service_record_is_told_again(stage):
    stage.serve(proStatus=2, resultDate="")
    stage.send_all()
    stage.serve(proStatus=3)
    stage.send_all()
    assert stage.held("projectService")["proStatus"] == "3"
    assert stage.counts() == (1, 0, 0)
    assert [line.version for line in queries.history(ids.event_id("NJ2026060001", 1))] == [1, 2]


class TestNeverLeaves:
    def test_what_a_probe_made(self, stage):
        stage.serve()
        stage.rate_badly()
        ServiceEvent.objects.update(is_probe=True)
        stage.send_all()
        assert not Delivery.objects.exists()
        assert not Note.objects.filter(topic="national").exists(), "the notes are spent all the same"

    def test_a_lapse(self, stage):
        stage.serve()
        stage.send_all()
        event = ServiceEvent.objects.get()
        stage.clock.pass_(days=30)
        evaluation.make_lapses(now=stage.clock.now)
        tell([(event.id, "lapse", event.service_day)], now=stage.clock.now)
        stage.send_all()
        assert stage.counts() == (1, 0, 0)

    def test_a_self_made_item(self, stage):
        stage.serve()
        ServiceEvent.objects.update(task_code=f"{NANJING}3320100000000"[:31])
        stage.send_all()
        assert not Delivery.objects.exists()

    def test_what_rests_on_no_case(self, stage):
        stage.serve("A", mode="comment")
        stage.serve("B", mode="inspection")
        stage.send_all()
        assert not Delivery.objects.exists()

    def test_an_indicator_of_the_province(self, stage):
        Indicator.objects.create(
            code="JS901",
            name="停车不便",
            level=1,
            is_core=False,
            is_active=True,
            region="32",
            valid_from="2020-01-01",
            set_name="js",
        )
        forget()
        stage.serve("A", "B")
        stage.rate_badly("A", evalDetail="115,JS901")
        stage.rate_badly("B", evalDetail="JS901", writingEvaluation="")
        stage.send_all()
        assert stage.held("evaluate", "A")["evalDetail"] == "115"
        alone = stage.held("evaluate", "B")
        assert "evalDetail" not in alone
        assert alone["writingEvaluation"] == "（评价人勾选本省指标：停车不便）"

    def test_a_telephone_number_in_the_words(self, stage):
        stage.serve()
        stage.rate_badly(writingEvaluation="请打我电话13912345678说明")
        stage.send_all()
        assert "13912345678" not in stage.held("evaluate")["writingEvaluation"]

    def test_an_identity_that_was_withdrawn_before_it_was_sent(self, stage):
        stage.serve()
        stage.rate(name="钱试样", certKey="320102190001010026", mobile="13800000002")
        evaluation.erase_identity(ids.event_id("NJ2026060001", 1), by="test", now=NOW)
        stage.send_all()
        rating = next(record for record in stage.platform.seen if "satisfaction" in record)
        assert not {"name", "certKeyGOV", "mobile"} & rating.keys()


def test_a_bad_rating_from_a_device_without_a_reason_is_told_and_says_so(stage):
    stage.serve()
    stage.rate(satisfaction=1, evalDetail="", pf=4)
    stage.send_all()
    assert stage.held("evaluate")["writingEvaluation"] == "（评价人未填写原因）"


def test_without_access_records_wait_and_nothing_is_lost(stage, monkeypatch):
    for name in stage.platform.access():
        monkeypatch.delenv(f"HCP_NATIONAL_{name.upper()}")
    stage.serve()
    assert stage.send() == commands.Run()
    assert stage.states() == {"service": "waiting"}
    assert queries.health(NOW).is_configured is False


def test_records_travel_in_envelopes_of_the_targets_size(stage):
    stage.serve(*(f"P{n:03}" for n in range(230)))
    stage.send_all()
    assert sorted(size for _, size in stage.platform.envelopes) == [30, 100, 100]
    assert stage.counts() == (230, 0, 0)


def test_health_and_history_say_how_it_stands(stage):
    stage.serve("A", userName="")
    stage.serve("B")
    stage.send_all()
    health = queries.health(stage.clock.now)
    assert health.backlog == {"waiting": 0, "sent": 0, "failed": 0, "quarantined": 1}
    assert (health.circuit, health.accepted_today, health.last_accepted) == ("closed", 1, NOW)
    assert queries.accepted_counts() == {"service": 1, "evaluation": 0, "rectification": 0}
    [(event_id, line)] = queries.stuck()
    assert event_id == ids.event_id("A", 1)
    assert line.error.startswith("userName：缺少申请人姓名或名称；请业务系统更正")
    assert [(line.phase, line.state) for line in queries.history(ids.event_id("B", 1))] == [
        (Phase.SERVICE, State.ACCEPTED)
    ]


def test_the_work_does_not_grow_with_the_number_of_records(stage, django_assert_max_num_queries):
    stage.serve(*(f"P{n}" for n in range(60)))
    stage.rate(*(f"P{n}" for n in range(60)))
    commands.collect(NOW)
    with django_assert_max_num_queries(20):
        assert commands.send_due(NOW).accepted == 60


def test_an_order_of_a_probe_is_not_told(stage):
    stage.serve()
    stage.rate_badly()
    Order.objects.update(is_probe=True)
    stage.answer()
    stage.send_all()
    assert "rectification" not in stage.states()
