"""Who may enter a rating for somebody else, by which proof, and the second person's check."""

from __future__ import annotations

import tomllib
from dataclasses import replace

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.channels.desk import queries
from haochaping.channels.desk.commands import check_entry, record_entry
from haochaping.channels.desk.rules import Verdict, Way, is_drawn, proof_of
from haochaping.channels.models import Entry
from haochaping.directory.models import Hall, Region, Window
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.evaluation.queries import excluded, rulings
from haochaping.evaluation.records import Submission, read_evaluation
from haochaping.flow.services import admit_services
from haochaping.flow.visits import Visit
from haochaping.kit import ids
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.policy.commands import load_pack
from haochaping.rectification.models import Order
from tests.cast import (
    NANJING,
    NANJING_ITEM,
    NOW,
    PROVINCE_OFFICE,
    SUZHOU,
    Cast,
    forget,
    settle,
    wire_rating,
    wire_service,
)

PROOF = "REC-20260610-0001"


@pytest.fixture
def cast(db: None) -> Cast:
    cast = settle()
    admit_services([wire_service()], source="test", now=NOW)
    return cast


def told(level: int = 5, **more: object) -> Submission:
    wire = wire_rating(satisfaction=level, pf=6, evalDetail="", assessTime="2026-06-10 09:50:00", **more)
    return read_evaluation(wire, source="test")


def entered(actor: Actor, submission: Submission | None = None, **more: object) -> Evaluation:
    facts = {"way": Way.TELEPHONE, "proof": PROOF, "now": NOW} | more
    outcome = record_entry(submission or told(), actor=actor, **facts)
    return Evaluation.objects.get(id=outcome.id)


class TestEntering:
    def test_an_operator_enters_a_rating_with_its_proof(self, cast: Cast) -> None:
        rating = entered(cast.operator, note="工单回访中提出")
        assert (rating.level, rating.pf, rating.source) == (5, 6, "desk-telephone")
        entry = Entry.objects.get(event_id=rating.id)
        assert (entry.way, entry.proof, entry.person_name, entry.note) == (
            "telephone",
            PROOF,
            "话务员",
            "工单回访中提出",
        )
        line = Audit.objects.get(action="enter_rating")
        assert (line.subject, line.facts) == (str(rating.id), {"way": "telephone", "proof": PROOF})

    def test_a_bad_rating_without_a_reason_is_taken_by_telephone_and_marked(self, cast: Cast) -> None:
        rating = entered(cast.operator, told(1))
        assert rating.no_reason
        assert Order.objects.get(pk=rating.id).no_reason

    def test_the_same_again_is_the_same(self, cast: Cast) -> None:
        first = record_entry(told(), way=Way.TELEPHONE, proof=PROOF, actor=cast.operator, now=NOW)
        again = record_entry(told(), way=Way.TELEPHONE, proof=PROOF, actor=cast.operator, now=NOW)
        assert (again.status, again.receipt) == ("duplicate", first.receipt)
        assert Entry.objects.count() == Audit.objects.filter(action="enter_rating").count() == 1

    def test_a_service_is_rated_once(self, cast: Cast) -> None:
        entered(cast.operator)
        with pytest.raises(Refused) as no:
            entered(cast.operator, told(1))
        assert no.value.code == "already_rated"

    @pytest.mark.parametrize("proof", ["", " ", "短信", "a" * 65, "12345", "REC 1;--"])
    def test_nothing_is_entered_without_a_proof(self, cast: Cast, proof: str) -> None:
        with pytest.raises(Refused) as no:
            entered(cast.operator, proof=proof)
        assert (no.value.status, no.value.fields[0].field) == (422, "proof")
        assert not Evaluation.objects.exists()

    def test_the_form_of_a_recordings_number_is_a_setting(self) -> None:
        assert proof_of(Way.TELEPHONE, "2026 0610-0001", "[0-9]{8}-[0-9]{4}") == "20260610-0001"
        assert proof_of(Way.TELEPHONE, "REC-1", "[0-9]{8}-[0-9]{4}") is None
        assert proof_of(Way.PAPER, "REC-1", "[0-9]{8}-[0-9]{4}") == "REC-1"

    def test_a_visit_without_a_case_is_entered_in_one_transaction(self, cast: Cast) -> None:
        visit = Visit(at=NOW, window_code="NJ-A01", task_code=NANJING_ITEM)
        rating = entered(cast.operator, replace(told(), assess_time=NOW), visit=visit)
        event = ServiceEvent.objects.get(id=rating.id)
        assert (event.window_code, event.organ_code, event.source) == ("NJ-A01", NANJING, "desk-telephone")
        n = ServiceEvent.objects.count()
        with pytest.raises(Refused):
            entered(cast.operator, replace(told(5), assess_time=NOW), visit=replace(visit, task_code="nothing"))
        with pytest.raises(Refused):  # refused by the rating: the visit must not stand alone
            entered(cast.operator, replace(told(5), assess_time=NOW, indicators=("115",)), visit=visit)
        assert ServiceEvent.objects.count() == n

    def test_in_the_marked_test_region_it_is_a_probe_whoever_enters_it(self, cast: Cast) -> None:
        Region.objects.create(code="990000000000", name="测试区", level=1, parent="", path="99")
        Hall.objects.create(code="PROBE", name="测试大厅", area="990000000000")
        Window.objects.create(code="PROBE-1", name="测试窗口", hall="PROBE", organ=NANJING)
        pack = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
        load_pack(pack | {"region": "99"}, "test", NOW)
        forget()
        everywhere = replace(cast.operator, scopes=(Scope(),), grants=())
        rating = entered(everywhere, replace(told(), assess_time=NOW), visit=Visit(at=NOW, window_code="PROBE-1"))
        assert rating.is_probe

    def test_what_is_not_known_is_not_entered_unless_it_may_wait(self, cast: Cast) -> None:
        unknown = replace(told(), project_no="NJ-LATER")
        with pytest.raises(Refused) as no:
            entered(cast.operator, unknown)
        assert no.value.code == "service_not_found"
        outcome = record_entry(unknown, way=Way.PAPER, proof="F-1", actor=cast.operator, now=NOW, may_wait=True)
        assert outcome.status == "parked"
        admit_services([wire_service("NJ-LATER")], source="test", now=NOW)
        assert Evaluation.objects.get(id=outcome.id).source == "desk-paper"


class TestWhoMay:
    @pytest.mark.parametrize("who", ["operator", "city", "supervisor"])
    def test_those_whose_job_it_is_there(self, cast: Cast, who: str) -> None:
        assert entered(getattr(cast, who)).level == 5

    @pytest.mark.parametrize("who", ["clerk", "rectifier"])
    def test_never_those_who_are_rated(self, cast: Cast, who: str) -> None:
        with pytest.raises(Refused) as no:
            entered(getattr(cast, who))
        assert no.value.code == "not_for_others"
        assert not Evaluation.objects.exists()

    def test_not_even_if_they_are_operators_too(self, cast: Cast) -> None:
        organ = Scope("", f"/{PROVINCE_OFFICE}/{NANJING}/")
        both = ((Role.OPERATOR, Scope("32")), (Role.HANDLER, organ))
        actor = Actor("person", "77", "两职", frozenset(r for r, _ in both), tuple(s for _, s in both), both)
        with pytest.raises(Refused) as no:
            entered(actor)
        assert no.value.code == "not_for_others"

    @pytest.mark.parametrize("who", ["foreign_city", "leader", "observer", "reviewer", "admin"])
    def test_for_others_the_service_is_not_there(self, cast: Cast, who: str) -> None:
        with pytest.raises(Refused) as no:
            entered(getattr(cast, who))
        assert no.value.code == "service_not_found"

    def test_a_visit_outside_ones_area_leaves_nothing(self, cast: Cast) -> None:
        n = ServiceEvent.objects.count()
        with pytest.raises(Refused):
            entered(cast.city, visit=Visit(at=NOW, organ_code=SUZHOU))
        assert ServiceEvent.objects.count() == n


class TestCheck:
    @pytest.fixture(autouse=True)
    def everything_is_drawn(self, settings) -> None:
        settings.ENTRY_CHECK_PERCENT = 100

    def test_a_recording_that_proves_a_second_rating_is_always_looked_at(self, cast: Cast, settings) -> None:
        settings.ENTRY_CHECK_PERCENT = 0
        admit_services([wire_service("SECOND")], source="test", now=NOW)
        first, second = entered(cast.operator), entered(cast.operator, told(projectNo="SECOND"))
        drawn = dict(Entry.objects.values_list("event_id", "is_sampled"))
        assert drawn == {first.id: False, second.id: True}

    def test_nobody_picks_what_is_checked(self, cast: Cast, settings) -> None:
        settings.ENTRY_CHECK_PERCENT = 0
        rating = entered(cast.operator)
        with pytest.raises(Refused) as no:
            check_entry(rating.id, verdict=Verdict.DIFFERS, note="不喜欢这一条", actor=cast.supervisor, now=NOW)
        assert no.value.code == "not_drawn"
        assert excluded([rating.id]) == set()

    def test_a_tenth_is_drawn_by_the_keyed_id(self) -> None:
        drawn = sum(is_drawn(ids.event_id(f"C{n}", 1), 0.1) for n in range(5000))
        assert 420 < drawn < 580
        assert not any(is_drawn(ids.event_id(f"C{n}", 1), 0) for n in range(100))

    def test_the_share_is_a_setting(self, cast: Cast) -> None:
        rating = entered(cast.operator)
        assert [entry.event_id for entry in queries.to_check(cast.supervisor)] == [rating.id]
        assert not queries.to_check(cast.foreign_city)

    def test_what_differs_from_the_recording_leaves_the_figures(self, cast: Cast) -> None:
        rating = entered(cast.operator)
        entry = check_entry(
            rating.id, verdict=Verdict.DIFFERS, note="录音里说的是不满意", actor=cast.supervisor, now=NOW
        )
        assert (entry.check_result, entry.checked_by) == ("differs", "省督办")
        assert excluded([rating.id]) == {rating.id}
        (ruling,) = rulings(rating.id)
        assert (ruling.kind, ruling.by) == ("entry", "省督办")
        assert Evaluation.objects.filter(id=rating.id).exists(), "the rating itself stays"

    def test_what_matches_stays(self, cast: Cast) -> None:
        rating = entered(cast.operator)
        check_entry(rating.id, verdict=Verdict.MATCHES, note="", actor=cast.city, now=NOW)
        assert excluded([rating.id]) == set()
        with pytest.raises(Refused) as no:
            check_entry(rating.id, verdict=Verdict.DIFFERS, note="再听一遍", actor=cast.supervisor, now=NOW)
        assert no.value.code == "already_checked"

    def test_nobody_checks_their_own_entry_and_no_operator_checks(self, cast: Cast) -> None:
        rating = entered(cast.supervisor)
        for actor, status in ((cast.supervisor, 403), (cast.operator, 404)):
            with pytest.raises(Refused) as no:
                check_entry(rating.id, verdict=Verdict.MATCHES, note="", actor=actor, now=NOW)
            assert no.value.status == status
        with pytest.raises(Refused) as no:
            check_entry(rating.id, verdict=Verdict.MATCHES, note="", actor=cast.foreign_city, now=NOW)
        assert no.value.status == 404

    def test_who_checks_elsewhere_sees_no_entry_of_the_organ_they_work_in(self, cast: Cast) -> None:
        rating = entered(cast.operator)
        both = ((Role.CITY, Scope("3205")), (Role.HANDLER, Scope("", f"/{PROVINCE_OFFICE}/{NANJING}/")))
        actor = Actor("person", "78", "两职", frozenset(r for r, _ in both), tuple(s for _, s in both), both)
        assert not queries.entries_for(actor).exists()
        assert [entry.event_id for entry in queries.entries_for(cast.city)] == [rating.id]

    def test_a_difference_is_put_in_words(self, cast: Cast) -> None:
        rating = entered(cast.operator)
        with pytest.raises(Refused) as no:
            check_entry(rating.id, verdict=Verdict.DIFFERS, note=" ", actor=cast.supervisor, now=NOW)
        assert no.value.fields[0].field == "note"


class TestFinding:
    def test_by_case_and_name_or_the_last_four_digits(self, cast: Cast) -> None:
        for who in ("赵试样", "0001"):
            (found,) = queries.find(cast.operator, number="NJ2026060001", who=who, now=NOW)
            assert (found.item, found.standing) == ("食品经营许可（新办）", "open")
        for who in ("", "钱别人", "9999"):
            assert queries.find(cast.operator, number="NJ2026060001", who=who, now=NOW) == []

    def test_by_the_callers_telephone_those_that_can_be_rated_first(self, cast: Cast) -> None:
        admit_services([wire_service("NJ-2"), wire_service("NJ-3", mobile="13900000000")], source="test", now=NOW)
        entered(cast.operator)
        found = queries.find(cast.operator, number="138 0000 0001", who="", now=NOW)
        assert [each.standing for each in found] == ["open", "rated"]

    def test_a_case_whose_number_looks_like_a_telephone_is_found_too(self, cast: Cast) -> None:
        admit_services([wire_service("13912345678")], source="test", now=NOW)
        assert len(queries.find(cast.operator, number="13912345678", who="0001", now=NOW)) == 1

    def test_nothing_outside_ones_area_and_nothing_of_ones_own_organ(self, cast: Cast) -> None:
        for actor in (cast.foreign_city, cast.rectifier, cast.clerk):
            assert queries.find(actor, number="13800000001", who="", now=NOW) == []

    def test_places_by_every_word_within_ones_area(self, cast: Cast) -> None:
        assert [p.key for p in queries.places(cast.operator, "NJ A01")] == ["w:NJ-A01"]
        assert [p.key for p in queries.places(cast.operator, "苏州")][-1] == f"o:{SUZHOU}"
        assert queries.places(cast.city, "苏州") == []
        assert queries.place(cast.city, "w:SZ-A01") is None
        assert next(item.task_code for item, _ in queries.items("食品", NANJING)) == NANJING_ITEM
