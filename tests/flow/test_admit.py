"""Ratings and service events come in: each once, together with all that follows from them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction

from haochaping.accounts.models import App
from haochaping.accounts.queries import app_info
from haochaping.directory.models import Item, Organ
from haochaping.evaluation.models import Evaluation, Evaluator, Parked, Rejected, ServiceEvent, ServiceVersion, Words
from haochaping.evaluation.records import read_evaluation
from haochaping.flow import services
from haochaping.flow.admit import admit
from haochaping.kit.clock import parse_wire
from haochaping.kit.errors import Refused
from haochaping.outbox.models import Note
from haochaping.rectification.models import Order
from tests.cast import (
    BAD,
    NANJING,
    NANJING_ITEM,
    NOW,
    PROVINCE_OFFICE,
    SUZHOU,
    SUZHOU_ITEM,
    Cast,
    forget,
    settle,
    wire_rating,
    wire_service,
)  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return settle()


def serve(*records, now=NOW, **more):
    return services.admit_services(list(records) or [wire_service()], source="test", now=now, **more)


def serve_as(app_id, record, now=NOW):
    app = app_info(app_id)
    return services.admit_services([record], source=app_id, now=now, app=app)[0].status


def list_item(code):
    old = Item.objects.get(task_code=NANJING_ITEM)
    Item.objects.create(task_code=code, name="新事项", organ=old.organ, area=old.area, valid_from=old.valid_from)
    forget()


def rate(*wires, now=NOW, best_is_one=False):
    return admit([read_evaluation(w, source="test", best_is_one=best_is_one) for w in wires], now=now)


class TestAService:
    def test_it_is_created_then_unchanged_then_updated_with_its_former_self_kept(self, cast):
        assert [serve()[0].status, serve()[0].status] == ["created", "unchanged"]
        assert serve(wire_service(proStatus=2, resultDate=""))[0].status == "updated"
        event = ServiceEvent.objects.get()
        assert (event.version, event.pro_status) == (2, 2)
        assert ServiceVersion.objects.get().body["pro_status"] == 3

    def test_every_wrong_field_is_named_at_once(self, cast):
        outcome = serve(wire_service(serviceTime="10.6.2026", areaCode="32", proStatus=9))[0]
        assert outcome.status == "rejected"
        assert {e.field for e in outcome.errors} == {"serviceTime", "areaCode", "proStatus"}

    def test_one_bad_record_does_not_sink_its_batch(self, cast):
        statuses = [o.status for o in serve(wire_service("A"), wire_service("B", serviceNumber=100), wire_service("C"))]
        assert statuses == ["created", "rejected", "created"]

    def test_a_33_character_code_is_split(self, cast):
        serve(wire_service(taskCode=NANJING_ITEM + "01"))
        event = ServiceEvent.objects.get()
        assert (event.task_code, event.task_handle_item) == (NANJING_ITEM, NANJING_ITEM + "01")

    def test_an_unknown_item_is_parked_and_resumed_with_its_rating_when_it_arrives(self, cast):
        code = NANJING_ITEM[:-1] + "9"
        outcome = serve(wire_service(taskCode=code))[0]
        assert (outcome.status, outcome.errors[0].code) == ("parked", "item_unknown")
        assert rate(wire_rating(**BAD))[0].status == "parked"
        list_item(code)
        later = NOW + timedelta(days=1)
        assert services.resume(now=later) >= 1
        assert not Parked.objects.exists()
        assert Evaluation.objects.get().level == 1
        assert Order.objects.get().dispatched_at == later, "its clock starts when it can be dispatched"

    def test_an_app_speaks_for_its_own_organs_only(self, cast):
        outcome = serve(app=app_info(cast.foreign_app_id))[0]
        assert (outcome.status, outcome.errors[0].code) == ("rejected", "organ_not_yours")

    def test_an_app_cannot_draw_anothers_service_to_its_own_organ(self, cast):
        serve(app=app_info(cast.app_id))
        theirs = wire_service(orgcode=SUZHOU, taskCode=SUZHOU_ITEM, areaCode="320500000000")
        (outcome,) = serve(theirs, app=app_info(cast.foreign_app_id))
        assert (outcome.status, outcome.id, outcome.errors[0].code) == ("rejected", None, "organ_not_yours")
        event = ServiceEvent.objects.get()
        assert (event.organ_code, event.version) == (NANJING, 1)

    @pytest.mark.parametrize(
        ("name", "wrong"),
        [("mode", "inspection"), ("mode", "comment"), ("projectNo", "HCP202611240123456789ABCDEF0123")],
    )
    def test_an_app_cannot_make_a_case_look_like_one_that_leaves_the_figures(self, cast, name, wrong):
        app = app_info(cast.app_id)
        services.admit_services([wire_service()], source=cast.app_id, app=app, now=NOW)
        (outcome,) = services.admit_services([wire_service() | {name: wrong}], source=cast.app_id, app=app, now=NOW)
        assert (outcome.status, outcome.errors[0].field) == ("rejected", name)
        assert ServiceEvent.objects.get().mode == "on_site"

    def test_a_case_that_is_moved_to_the_test_region_stays_where_it_was(self, cast):
        serve()
        rate(wire_rating(**BAD))
        assert serve(is_probe=True)[0].status == "rejected"
        assert ServiceEvent.objects.get().is_probe is False

    def test_what_was_parked_never_overtakes_what_came_after_it(self, cast):
        code = NANJING_ITEM[:-1] + "9"
        serve()
        assert serve(wire_service(taskCode=code, proStatus=2))[0].status == "parked"
        assert serve(wire_service(userProp=2))[0].status == "updated"
        list_item(code)
        services.resume(now=NOW + timedelta(days=1))
        event = ServiceEvent.objects.get()
        assert (event.task_code, event.user_prop) == (NANJING_ITEM, 2)
        assert not Parked.objects.exists()

    def test_the_later_of_two_in_one_batch_holds_though_the_former_was_to_wait(self, cast):
        code = NANJING_ITEM[:-1] + "9"
        serve(wire_service(taskCode=code, proStatus=2), wire_service())
        list_item(code)
        services.resume(now=NOW + timedelta(days=1))
        assert (ServiceEvent.objects.get().task_code, Parked.objects.count()) == (NANJING_ITEM, 0)

    def test_one_that_cannot_be_taken_up_does_not_hold_up_those_that_waited_with_it(self, cast):
        """Its place has no rules: nobody can say how long it may be rated."""
        code = NANJING_ITEM[:-1] + "9"
        serve(wire_service("A", taskCode=code, areaCode="510000000000"), wire_service("B", taskCode=code))
        list_item(code)
        assert services.resume(now=NOW + timedelta(days=1)) == 1
        assert ServiceEvent.objects.get().project_no == "B"
        left = Rejected.objects.get()
        assert (left.kind, left.state, left.reason, left.is_acknowledged) == ("service", "open", "no_policy", True)
        assert not Parked.objects.exists()

    def test_what_waits_keeps_to_the_reach_of_the_app_that_sent_it(self, cast):
        """Nobody knew whose organ it was; now it is another city's."""
        organ = NANJING[:-1] + "L"
        assert serve_as(cast.foreign_app_id, wire_service(orgcode=organ, areaCode="320500000000")) == "parked"
        Organ.objects.create(
            code=organ,
            name="新单位",
            area="320100000000",
            parent=NANJING,
            path=f"/{PROVINCE_OFFICE}/{NANJING}/{organ}/",
        )
        forget()
        assert services.resume(now=NOW + timedelta(days=1)) == 0
        assert (ServiceEvent.objects.count(), Rejected.objects.get().reason) == (0, "organ_not_yours")

    def test_a_probe_that_had_to_wait_is_still_a_probe(self, cast):
        code = NANJING_ITEM[:-1] + "9"
        App.objects.filter(app_id=cast.app_id).update(is_probe=True)
        assert serve_as(cast.app_id, wire_service(taskCode=code)) == "parked"
        list_item(code)
        services.resume(now=NOW + timedelta(days=1))
        assert ServiceEvent.objects.get().is_probe

    @pytest.mark.parametrize(
        "wrong",
        [{"serviceNumber": "²"}, {"serviceTime": "0001-01-01 00:00:00"}, {"serviceTime": "9999-12-31 23:59:59"}],
    )
    def test_a_value_from_the_edge_of_the_world_sinks_no_batch(self, cast, wrong):
        assert [o.status for o in serve(wire_service("A", **wrong), wire_service("B"))] == ["rejected", "created"]

    def test_the_applicant_is_nowhere_in_clear(self, cast):
        serve()
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names():
                cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s', ["%13800000001%"])
                assert cursor.fetchone()[0] == 0, table


class TestARating:
    def test_the_same_again_gets_the_same_receipt_and_other_content_is_refused(self, cast):
        serve()
        first, again, other = (
            rate(wire_rating())[0],
            rate(wire_rating())[0],
            rate(wire_rating(satisfaction=4, evalDetail=""))[0],
        )
        assert [first.status, again.status, other.status] == ["created", "duplicate", "conflict"]
        assert first.receipt == again.receipt
        assert other.refused.code == "already_rated"
        assert Evaluation.objects.count() == 1

    def test_fifty_at_once_are_one_row(self, cast):
        serve()
        outcomes = rate(*[wire_rating()] * 50)
        assert [o.status for o in outcomes].count("created") == 1
        assert {o.receipt for o in outcomes} == {outcomes[0].receipt}
        assert Evaluation.objects.count() == 1

    def test_a_bad_one_opens_its_order_in_the_same_breath(self, cast):
        serve()
        outcome = rate(wire_rating(**BAD))[0]
        order = Order.objects.get()
        assert (outcome.order_no, outcome.answer_by) == (order.order_no, order.answer_due)
        assert order.id == Evaluation.objects.get().id == ServiceEvent.objects.get().id

    def test_it_waits_for_its_service_event_and_is_resolved_when_that_arrives(self, cast):
        parked = rate(wire_rating())[0]
        assert (parked.status, rate(wire_rating())[0].status) == ("parked", "parked")
        assert rate(wire_rating(satisfaction=4, evalDetail=""))[0].status == "conflict"
        serve(now=NOW + timedelta(days=1))
        assert Evaluation.objects.get().received_at == NOW, "when it first reached us"
        assert rate(wire_rating())[0].receipt == parked.receipt
        assert not Parked.objects.exists()

    def test_the_one_that_was_acknowledged_first_holds_until_it_is_taken_up(self, cast):
        """It was parked in the moment in which its service event came: neither saw the other."""
        first = rate(wire_rating())[0]
        (waiting,) = Parked.objects.filter(kind="evaluation")
        Parked.objects.all().delete()
        serve()
        waiting.save(force_insert=True)
        other = rate(wire_rating(satisfaction=4, evalDetail=""))[0]
        assert (other.status, other.refused.code) == ("conflict", "already_rated")
        assert services.resume(now=NOW) == 1
        assert (Evaluation.objects.get().level, rate(wire_rating())[0].receipt) == (5, first.receipt)

    def test_an_app_cannot_rate_anothers_service_by_being_early(self, cast):
        early = read_evaluation(wire_rating(), source=cast.foreign_app_id)
        (outcome,) = admit([early], now=NOW, apps=[app_info(cast.foreign_app_id)])
        assert outcome.status == "parked"
        App.objects.filter(app_id=cast.foreign_app_id).update(is_active=False)
        serve()
        assert not Evaluation.objects.exists()
        assert Rejected.objects.get().reason == "service_not_yours"
        assert rate(wire_rating())[0].status == "created", "whose service it is can still be rated"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"satisfaction": 1, "evalDetail": "", "pf": 3}, "bad_rating_needs_reason"),
            ({"satisfaction": 4, "evalDetail": "510"}, "indicator_of_other_level"),
            ({"evalDetail": "999"}, "indicator_unknown"),
            ({"evalDetail": "501"}, "indicator_retired"),
            ({"assessTime": "2026-06-10 10:05:01"}, "in_the_future"),
            ({"assessTime": "2026-06-10 08:59:59"}, "before_service"),
        ],
    )
    def test_what_is_refused_names_its_reason(self, cast, change, code):
        serve()
        outcome = rate(wire_rating(**change))[0]
        assert (outcome.status, outcome.refused.code) == ("rejected", code)
        assert not Evaluation.objects.exists()

    @pytest.mark.parametrize("pf", [4, 5, 6])
    def test_a_device_or_the_telephone_may_give_a_bad_one_without_a_reason(self, cast, pf):
        serve()
        assert rate(wire_rating(satisfaction=2, evalDetail="", pf=pf))[0].status == "created"
        assert Evaluation.objects.get().no_reason
        assert Order.objects.get().no_reason

    def test_the_window_is_judged_by_the_raters_time_with_grace_for_late_arrival(self, cast):
        """Served on Wednesday 10 June; five working days end with Wednesday 17 June."""
        serve(wire_service("A"), wire_service("B"), wire_service("C"))
        last = {"assessTime": "2026-06-17 23:59:59"}
        assert rate(wire_rating("A", **last), now=parse_wire("2026-06-24 23:59:59"))[0].status == "created"
        late = rate(wire_rating("B", **last), now=parse_wire("2026-06-25 00:00:00"))[0]
        missed = rate(wire_rating("C", assessTime="2026-06-18 00:00:00"), now=parse_wire("2026-06-18 00:00:01"))[0]
        assert {late.refused.code, missed.refused.code} == {"rating_window_closed"}

    def test_the_source_says_which_end_is_best(self, cast):
        serve()
        rate(wire_rating(satisfaction=1, evalDetail=""), best_is_one=True)
        assert Evaluation.objects.get().level == 5

    @pytest.mark.parametrize(
        ("identity", "assurance"),
        [
            ({}, "anonymous"),
            ({"name": "某人"}, "weak"),
            ({"mobile": "13800000009"}, "weak"),
            ({"mobile": "+86 138-0000-0001"}, "real_name"),
            ({"name": "某人", "certKey": "320102190001010018"}, "real_name"),
        ],
    )
    def test_how_sure_we_are_of_the_rater(self, cast, identity, assurance):
        serve()
        rate(wire_rating(**identity))
        assert Evaluation.objects.get().assurance == assurance
        assert Evaluator.objects.exists() == bool(identity)

    def test_what_cannot_be_stored_does_not_touch_its_neighbours(self, cast):
        serve(wire_service("A"), wire_service("B"))
        bad = read_evaluation(wire_rating("A"), source="x" * 41)  # longer than its column: the database refuses
        good = read_evaluation(wire_rating("B"), source="test")
        assert [o.status for o in admit([bad, good], now=NOW)] == ["rejected", "created"]

    def test_a_nonce_serves_once_and_comes_back_with_a_rolled_back_transaction(self, cast):
        serve()
        s = read_evaluation(wire_rating(), source="test")
        with transaction.atomic():
            admit([s], now=NOW, nonces=[("app", "n1")])
            transaction.set_rollback(True)
        assert admit([s], now=NOW, nonces=[("app", "n1")])[0].status == "created"
        assert admit([s], now=NOW, nonces=[("app", "n1")])[0].refused.code == "nonce_used"

    def test_the_lake_the_nation_and_who_invites_are_told(self, cast):
        serve()
        rate(wire_rating())
        assert set(Note.objects.values_list("topic", "kind")) == {
            ("lake", "service"), ("national", "service"), ("lake", "evaluation"), ("national", "evaluation"),
            ("invite", "service"),
        }  # fmt: skip

    def test_nobody_can_change_or_delete_it(self, cast):
        serve()
        rate(wire_rating())
        for change in ("UPDATE evaluation_evaluation SET level = 5", "DELETE FROM evaluation_evaluation"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(change)

    def test_its_words_are_kept_apart(self, cast):
        serve()
        rate(wire_rating(**BAD))
        assert Words.objects.get().text == BAD["writingEvaluation"]


@pytest.mark.parametrize("field", ["projectNo", "serviceNumber", "satisfaction", "pf", "assessTime"])
def test_a_missing_field_is_named(field):
    wire = wire_rating()
    del wire[field]
    with pytest.raises(Refused) as caught:
        read_evaluation(wire, source="test")
    assert [e.field for e in caught.value.fields] == [field]
