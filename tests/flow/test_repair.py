"""What was refused is kept, mended, tried again, settled or accepted: nothing vanishes, and nobody changes what was said."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection

from haochaping.accounts.models import Audit
from haochaping.accounts.queries import app_info
from haochaping.directory.models import Item
from haochaping.evaluation import kept
from haochaping.evaluation.commands import erase_identity, erase_words
from haochaping.evaluation.models import Evaluation, Parked, Rejected, Ruling, ServiceEvent
from haochaping.evaluation.records import read_evaluation
from haochaping.flow import repair, services
from haochaping.flow.admit import admit
from haochaping.kit.clock import parse_wire
from haochaping.kit.errors import Refused
from tests.cast import BAD, NANJING, NANJING_ITEM, NOW, Cast, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db
LATER = NOW + timedelta(hours=2)
PERSON = {"name": "钱密探", "certKey": "320102197703074419", "mobile": "13912345678"}
WRONG_CODE = NANJING_ITEM[:-1] + "9"


@pytest.fixture
def cast() -> Iterator[Cast]:
    cast = settle()
    services.admit_services([wire_service()], source=cast.app_id, now=NOW)
    yield cast
    forget()


def give(cast: Cast, *, now: Any = NOW, lane: str = "device", **rating: Any) -> Any:
    """A rating over a lane that keeps what is refused."""
    read = read_evaluation(wire_rating(**rating), source=cast.app_id)
    (outcome,) = admit([read], now=now, apps=[app_info(cast.app_id)], keeps_refused=True, lane=lane)
    return outcome


def only() -> Rejected:
    return Rejected.objects.get()


class TestKeeping:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"evalDetail": "501"}, "indicator_retired"),
            ({"evalDetail": "999"}, "indicator_unknown"),
            ({"satisfaction": 1, "evalDetail": "", "pf": 3}, "bad_rating_needs_reason"),
            ({"assessTime": "2026-06-10 08:59:59"}, "before_service"),
            ({"assessTime": "2026-06-10 10:30:00"}, "in_the_future"),
            ({"assessTime": "2026-06-30 10:30:00"}, "in_the_future"),
        ],
    )
    def test_a_refusal_is_kept_with_its_reason_and_place(self, cast: Cast, change: dict[str, Any], code: str) -> None:
        outcome = give(cast, **change)
        row = only()
        assert (outcome.status, outcome.refused.fields[0].code, row.reason, row.state) == ("kept", code, code, "open")
        assert (row.lane, row.area_path, row.event_id) == ("device", "320102", outcome.id)
        assert not Evaluation.objects.exists()

    def test_a_rating_that_comes_too_late_is_kept(self, cast: Cast) -> None:
        assert give(cast, now=NOW + timedelta(days=60)).status == "kept"
        assert (only().reason, only().state) == ("rating_window_closed", "open")

    def test_another_rating_of_the_same_service_is_kept_as_superseded(self, cast: Cast) -> None:
        give(cast)
        assert give(cast, satisfaction=4, evalDetail="").status == "conflict"
        assert (only().reason, only().state) == ("already_rated", "superseded")

    def test_the_same_again_is_one_row_that_counts(self, cast: Cast) -> None:
        for hour in range(3):
            give(cast, evalDetail="501", now=NOW + timedelta(hours=hour))
        row = only()
        assert (row.times, row.received_at, row.last_at) == (3, NOW, NOW + timedelta(hours=2))

    def test_the_same_twice_in_one_group_is_one_row(self, cast: Cast) -> None:
        read = read_evaluation(wire_rating(evalDetail="501"), source="kiosk")
        assert {o.status for o in admit([read, read], now=NOW, keeps_refused=True)} == {"kept"}
        assert only().times == 2

    def test_a_single_signed_post_is_its_senders_to_mend_and_leaves_nothing(self, cast: Cast) -> None:
        (outcome,) = admit([read_evaluation(wire_rating(evalDetail="501"), source="x")], now=NOW)
        assert (outcome.status, Rejected.objects.count()) == ("rejected", 0)

    def test_what_the_database_cannot_store_is_kept_too(self, cast: Cast) -> None:
        read = read_evaluation(wire_rating(), source="x" * 41)
        (outcome,) = admit([read], now=NOW, keeps_refused=True)
        assert (outcome.status, only().reason) == ("kept", "not_storable")

    def test_no_person_and_no_word_of_theirs_is_in_clear(self, cast: Cast) -> None:
        give(cast, evalDetail="501", writingEvaluation="密语一句", **PERSON)
        assert Rejected.objects.exists()
        with connection.cursor() as cursor:
            for secret in (*PERSON.values(), "密语一句"):
                cursor.execute("SELECT count(*) FROM evaluation_rejected t WHERE t::text LIKE %s", [f"%{secret}%"])
                assert cursor.fetchone()[0] == 0

    def test_what_was_acknowledged_and_refused_later_is_kept_with_its_receipt(self, cast: Cast) -> None:
        assert give(cast, projectNo="NJ-EARLY", assessTime="2026-06-10 09:30:00").status == "parked"
        services.admit_services([wire_service("NJ-EARLY", serviceTime="2026-06-10 09:45:00")], source="t", now=LATER)
        row = only()
        assert (row.lane, row.reason, row.is_acknowledged, row.state) == ("parked", "before_service", True, "open")
        assert not Parked.objects.exists()


class TestMending:
    def test_a_retired_indicator_may_be_dropped_and_nothing_else_changes(self, cast: Cast) -> None:
        give(cast, evalDetail="501,510", writingEvaluation="谢谢", **PERSON)
        tried = repair.fix(only().id, {"evalDetail": "510"}, actor=cast.supervisor, now=LATER)
        rating = Evaluation.objects.get()
        assert (tried.no, only().state, only().became) == (None, "fixed", rating.id)
        assert (rating.level, rating.indicators, rating.assess_time) == (5, ["510"], parse_wire("2026-06-10 09:30:00"))
        assert (rating.received_at, rating.source, rating.assurance) == (NOW, cast.app_id, "real_name")

    def test_once_it_is_in_only_the_rating_holds_the_person(self, cast: Cast) -> None:
        give(cast, evalDetail="501", writingEvaluation="谢谢", **PERSON)
        assert kept.open_kept(only()).record["name"] == PERSON["name"]
        repair.fix(only().id, {"evalDetail": ""}, actor=cast.supervisor, now=LATER)
        opened = kept.open_kept(only())
        for record in (opened.record, opened.original):
            assert not {*PERSON, "writingEvaluation"} & record.keys()

    def test_who_withdraws_is_forgotten_in_refused_records_too(self, cast: Cast) -> None:
        give(cast)
        give(cast, satisfaction=4, evalDetail="", writingEvaluation="另一句", **PERSON)
        erase_identity(only().event_id, by="评价人", now=LATER)
        assert not PERSON.keys() & kept.open_kept(only()).record.keys()
        erase_words(only().event_id, by="评价人", now=LATER)
        assert "writingEvaluation" not in kept.open_kept(only()).record

    def test_what_could_not_even_be_read_is_forgotten_with_the_rest(self, cast: Cast) -> None:
        record = wire_rating(satisfaction=9, writingEvaluation="先是这样写的", **PERSON)
        with pytest.raises(Refused) as no:
            read_evaluation(record, source=cast.app_id)
        kept.keep([kept.Refusal(record, no.value, cast.app_id, "batch")], now=NOW)
        rating = give(cast)
        assert only().event_id == rating.id
        erase_identity(rating.id, by="评价人", now=LATER)
        erase_words(rating.id, by="评价人", now=LATER)
        assert not {*PERSON, "writingEvaluation"} & kept.open_kept(only()).record.keys()

    @pytest.mark.parametrize(
        "name", ["satisfaction", "writingEvaluation", "assessTime", "pf", "name", "certKey", "mobile", "taskCode"]
    )
    def test_nobody_changes_what_was_said_nor_who_said_it(self, cast: Cast, name: str) -> None:
        give(cast, evalDetail="501")
        with pytest.raises(Refused, match="不能在这里更改"):
            repair.fix(only().id, {name: "5"}, actor=cast.supervisor, now=LATER)

    def test_an_indicator_can_be_left_out_but_none_put_in(self, cast: Cast) -> None:
        give(cast, evalDetail="501")
        repair.fix(only().id, {"evalDetail": "510"}, actor=cast.supervisor, now=LATER)
        assert Evaluation.objects.get().indicators == []

    def test_a_wrong_case_number_is_mended_only_to_a_service_that_is_there(self, cast: Cast) -> None:
        outcome = give(cast, projectNo="NJ202606OOO1")
        assert outcome.status == "parked"
        row = repair.take_in_hand(Parked.objects.get(), actor=cast.city, now=LATER)
        with pytest.raises(Refused, match="没有这个办件编号"):
            repair.fix(row.id, {"projectNo": "NJ-NOWHERE"}, actor=cast.city, now=LATER)
        repair.fix(row.id, {"projectNo": "NJ2026060001"}, actor=cast.city, now=LATER)
        assert Evaluation.objects.get().id == only().became
        assert (only().event_id, Parked.objects.count()) == (outcome.id, 0)

    def test_as_it_came_first_stays_beside_it(self, cast: Cast) -> None:
        give(cast, evalDetail="501", satisfaction=1, pf=3)
        repair.fix(only().id, {"evalDetail": ""}, actor=cast.supervisor, now=LATER)
        assert only().reason == "bad_rating_needs_reason", "the drop holds, and what is wrong now is said"
        opened = kept.open_kept(only())
        assert (opened.record["evalDetail"], opened.original["evalDetail"]) == ("", "501")

    def test_a_service_that_names_a_wrong_item_is_mended_and_its_rating_comes_with_it(self, cast: Cast) -> None:
        services.admit_services([wire_service("NJ-B", taskCode=WRONG_CODE)], source=cast.app_id, now=NOW)
        give(cast, projectNo="NJ-B", **BAD)
        waiting = Parked.objects.get(kind="service")
        row = repair.take_in_hand(waiting, actor=cast.city, now=LATER)
        repair.fix(row.id, {"taskCode": NANJING_ITEM}, actor=cast.city, now=LATER)
        event = ServiceEvent.objects.get(project_no="NJ-B")
        assert (event.task_code, event.organ_code) == (NANJING_ITEM, NANJING)
        assert Evaluation.objects.get().id == event.id
        assert not Parked.objects.exists()


class TestTryingAgain:
    def test_what_the_directory_has_got_since_comes_in(self, cast: Cast) -> None:
        give(cast, evalDetail="501", assessTime="2026-06-10 09:30:00")
        assert repair.retry(only().id, actor=cast.supervisor, now=LATER).no is not None
        assert (only().state, only().tried_at) == ("open", LATER)

    def test_all_of_a_reason_are_tried_and_those_settled_meanwhile_are_left(self, cast: Cast) -> None:
        numbers = [f"NJ-R{n}" for n in range(5)]
        services.admit_services([wire_service(n) for n in numbers], source="t", now=NOW)
        for number in numbers:
            give(cast, projectNo=number, evalDetail="501")
        rows = list(Rejected.objects.values_list("id", flat=True))
        for id_ in rows[:4]:
            row = Rejected.objects.get(id=id_)
            record = kept.open_kept(row).record | {"evalDetail": "510"}
            Rejected.objects.filter(id=id_).update(blob=kept.reseal_record(row, record))
        repair.discard(rows[0], reason="测试用的数据", actor=cast.supervisor, now=LATER)
        assert repair.retry_some(rows, actor=cast.supervisor, now=LATER) == 3
        assert sorted(Rejected.objects.values_list("state", flat=True)) == [
            "discarded",
            "fixed",
            "fixed",
            "fixed",
            "open",
        ]

    def test_a_service_that_waited_never_overtakes_what_came_after_it(self, cast: Cast) -> None:
        services.admit_services([wire_service("NJ-C", taskCode=WRONG_CODE, proStatus=1)], source="t", now=NOW)
        row = repair.take_in_hand(Parked.objects.get(), actor=cast.supervisor, now=NOW)
        services.admit_services([wire_service("NJ-C")], source="t", now=LATER)
        tried = repair.fix(row.id, {"taskCode": NANJING_ITEM}, actor=cast.supervisor, now=LATER)
        assert (tried.no.code, only().state, ServiceEvent.objects.get(project_no="NJ-C").pro_status) == (
            "overtaken",
            "superseded",
            3,
        )

    def test_what_waits_again_and_is_refused_again_is_open_again(self, cast: Cast) -> None:
        assert give(cast, projectNo="NJ-D").status == "parked"
        row = repair.take_in_hand(Parked.objects.get(), actor=cast.supervisor, now=NOW)
        assert repair.retry(row.id, actor=cast.supervisor, now=NOW).is_waiting
        assert (only().state, Parked.objects.count()) == ("fixed", 1)
        services.admit_services([wire_service("NJ-D", serviceTime="2026-06-10 09:45:00")], source="t", now=LATER)
        assert (only().state, only().reason) == ("open", "before_service")

    def test_when_its_service_is_rated_after_all_it_is_settled(self, cast: Cast) -> None:
        give(cast, evalDetail="501")
        give(cast)
        assert repair.supersede_overtaken(now=LATER) == 1
        assert only().state == "superseded"


class TestAccepting:
    """The window closes with 17 June; what was given in it may arrive until 24 June."""

    TOO_LATE = parse_wire("2026-06-30 10:00:00")

    def test_given_in_time_but_arrived_too_late_counts_by_a_supervisors_ruling(self, cast: Cast) -> None:
        assert give(cast, now=self.TOO_LATE).refused.code == "rating_window_closed"
        repair.accept(only().id, reason="平板离线，日志可证", actor=cast.supervisor, now=self.TOO_LATE)
        rating, ruling = Evaluation.objects.get(), Ruling.objects.get()
        assert (rating.assess_time, rating.received_at) == (parse_wire("2026-06-10 09:30:00"), self.TOO_LATE)
        assert (ruling.excludes, ruling.kind, ruling.reason, ruling.by) == (
            False,
            "late",
            "平板离线，日志可证",
            "省督办",
        )
        assert only().state == "fixed"

    def test_given_after_the_window_stays_out_whatever_anybody_decides(self, cast: Cast) -> None:
        give(cast, assessTime="2026-06-18 00:00:00", now=self.TOO_LATE)
        tried = repair.accept(only().id, reason="评价人坚持", actor=cast.supervisor, now=self.TOO_LATE)
        assert (tried.no.code, Evaluation.objects.count(), only().state) == ("rating_window_closed", 0, "open")

    def test_a_wrong_clock_may_be_accepted_and_does_not_heal_by_waiting(self, cast: Cast) -> None:
        give(cast, assessTime="2026-06-10 11:00:00")
        assert repair.retry(only().id, actor=cast.supervisor, now=LATER).no.code == "in_the_future"
        repair.accept(only().id, reason="设备时钟快一小时，有校时记录", actor=cast.supervisor, now=LATER)
        assert (Evaluation.objects.count(), Ruling.objects.get().kind) == (1, "clock")

    def test_a_bad_one_without_a_reason_counts_as_such(self, cast: Cast) -> None:
        give(cast, satisfaction=1, evalDetail="", pf=3)
        repair.accept(only().id, reason="来源系统没有原因栏", actor=cast.supervisor, now=LATER)
        assert (Evaluation.objects.get().no_reason, Ruling.objects.get().kind) == (True, "no_reason")

    def test_only_a_supervisor_may_and_only_with_a_reason(self, cast: Cast) -> None:
        give(cast, assessTime="2026-06-10 11:00:00")
        with pytest.raises(Refused) as no:
            repair.accept(only().id, reason="有凭证为证", actor=cast.city, now=LATER)
        assert no.value.status == 403
        with pytest.raises(Refused, match="理由"):
            repair.accept(only().id, reason=" ", actor=cast.supervisor, now=LATER)
        assert not Evaluation.objects.exists()

    def test_other_refusals_are_nobodys_to_decide(self, cast: Cast) -> None:
        give(cast, evalDetail="501")
        with pytest.raises(Refused, match="三种情形"):
            repair.accept(only().id, reason="有凭证为证", actor=cast.supervisor, now=LATER)

    def test_before_its_service_is_there_nothing_can_be_decided(self, cast: Cast) -> None:
        give(cast, projectNo="NJ-NEVER", assessTime="2026-06-10 11:00:00")
        with pytest.raises(Refused, match="到达后再裁定"):
            repair.accept(only().id, reason="设备时钟快一小时", actor=cast.supervisor, now=LATER)
        assert (only().state, Parked.objects.count()) == ("open", 0)


class TestSettling:
    def test_no_city_lays_aside_what_can_only_be_a_bad_rating_of_its_own(self, cast: Cast) -> None:
        give(cast, satisfaction=1, evalDetail="", pf=3)
        with pytest.raises(Refused) as no:
            repair.discard(only().id, reason="联调时的测试数据", actor=cast.city, now=LATER)
        assert (no.value.status, only().state) == (403, "open")
        repair.discard(only().id, reason="联调时的测试数据", actor=cast.supervisor, now=LATER)
        assert only().state == "discarded"

    def test_a_discarded_one_is_kept_counted_and_can_come_back(self, cast: Cast) -> None:
        give(cast, evalDetail="501")
        repair.discard(only().id, reason="联调时的测试数据", actor=cast.city, now=LATER)
        row = only()
        assert (row.state, row.settled_by, row.settled_because) == ("discarded", "南京主管", "联调时的测试数据")
        with pytest.raises(Refused, match="已经处理过"):
            repair.retry(row.id, actor=cast.city, now=LATER)
        give(cast, evalDetail="501", now=LATER)
        assert (only().state, only().times) == ("discarded", 2), "what was decided stays decided"
        repair.bring_back(row.id, reason="弄错了一条", actor=cast.city, now=LATER)
        assert only().state == "open"

    def test_every_act_is_written_down(self, cast: Cast) -> None:
        give(cast, evalDetail="501")
        id_ = only().id
        repair.retry(id_, actor=cast.city, now=LATER)
        repair.discard(id_, reason="联调时的测试数据", actor=cast.city, now=LATER)
        repair.bring_back(id_, reason="弄错了一条", actor=cast.city, now=LATER)
        repair.fix(id_, {"evalDetail": ""}, actor=cast.city, now=LATER)
        actions = Audit.objects.filter(subject=str(id_)).order_by("id").values_list("action", "result")
        assert list(actions) == [
            ("repair_retry", "refused"),
            ("repair_discard", "ok"),
            ("repair_bring_back", "ok"),
            ("repair_fix", "ok"),
        ]

    @pytest.mark.parametrize(
        "who", ["foreign_city", "rectifier", "clerk", "operator", "leader", "admin", "reviewer", "observer"]
    )
    def test_another_citys_and_other_roles_find_nothing_to_act_on(self, cast: Cast, who: str) -> None:
        give(cast, evalDetail="501")
        actor, id_ = getattr(cast, who), only().id
        for act in (
            lambda: repair.retry(id_, actor=actor, now=LATER),
            lambda: repair.fix(id_, {"evalDetail": ""}, actor=actor, now=LATER),
            lambda: repair.discard(id_, reason="随便看看吧", actor=actor, now=LATER),
        ):
            with pytest.raises(Refused) as no:
                act()
            assert no.value.status == 404
        assert (only().state, Evaluation.objects.count()) == ("open", 0)

    def test_what_has_no_place_is_the_provinces(self, cast: Cast) -> None:
        read = read_evaluation(wire_rating("?", evalDetail="510", assessTime="2026-06-10 11:00:00"), source="import")
        admit([read], now=NOW, keeps_refused=True, lane="import")
        assert kept.rejected_for(cast.supervisor).count() == 1
        assert kept.rejected_for(cast.city).count() == 0
        repair.discard(only().id, reason="查无此件，已核对", actor=cast.supervisor, now=LATER)

    def test_the_backlog_says_how_much_is_old(self, cast: Cast) -> None:
        give(cast, evalDetail="501", now=NOW)
        give(cast, projectNo="NJ-WAIT")
        found = kept.backlog(cast.city, NOW + timedelta(days=4))
        assert (found.rejected, found.rejected_old, found.waiting, found.waiting_old, found.oldest) == (1, 1, 1, 1, NOW)
        assert kept.backlog(cast.foreign_city, NOW).rejected == 0
        assert kept.backlog(None, NOW).rejected == 1


def test_an_item_that_is_registered_at_last_takes_its_services_up_by_itself(cast: Cast) -> None:
    services.admit_services([wire_service("NJ-E", taskCode=WRONG_CODE)], source="t", now=NOW)
    old = Item.objects.get(task_code=NANJING_ITEM)
    Item.objects.create(task_code=WRONG_CODE, name="新", organ=NANJING, area=old.area, valid_from=old.valid_from)
    forget()
    assert (services.resume(now=LATER), Parked.objects.count(), Rejected.objects.count()) == (1, 0, 0)
