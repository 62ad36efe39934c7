"""What follows for people and units, each by its own rules; and that none of it leads to a rater."""

from __future__ import annotations

from dataclasses import replace

import pytest

from haochaping.accounts.models import Grant, Person
from haochaping.accounts.rules import Actor, Role, Scope
from haochaping.kit.errors import Refused
from haochaping.rectification.consequences import commands, queries
from haochaping.rectification.consequences.models import Consequence, ConsequenceStep
from haochaping.rectification.consequences.rules import (
    CONCERNS,
    STEPS,
    By,
    Kind,
    State,
    Subject,
    may_admonish,
    read,
    step,
)
from haochaping.rectification.models import Order
from haochaping.rectification.progress import public_progress
from tests.cast import NANJING, NANJING_ITEM, SUZHOU
from tests.rectification.conftest import Stage, at

FACTS = {
    "text": "请于本月内完成",
    "due": "2026-06-30",
    "view": "当日系统故障",
    "done_on": "2026-06-10",
    "result": "已谈话",
    "reason": "提出有误",
}


def test_every_kind_has_a_way_to_its_end_and_every_step_a_maker() -> None:
    for kind in Kind:
        reached, grown = {State.PROPOSED}, True
        while grown:
            found = {one.target for one in STEPS if kind in one.kinds and one.source in reached}
            grown = not found <= reached
            reached |= found
        assert {State.DONE, State.DROPPED} <= reached
    assert {one.by for one in STEPS} == set(By)
    assert set(CONCERNS) == set(Kind)


@pytest.mark.parametrize("one", STEPS, ids=lambda one: f"{one.source}-{one.verb}-{min(one.kinds)}")
def test_nobody_else_may_and_nothing_may_be_left_blank(one) -> None:
    from datetime import date

    kind = min(one.kinds)
    for part in set(By) - {one.by}:
        with pytest.raises(Refused) as no:
            step(kind, one.source, one.verb, frozenset({part}))
        assert no.value.status == 403
    for name in one.needs:
        with pytest.raises(Refused) as no:
            read(one.needs, FACTS | {name: " "}, today=date(2026, 6, 10))
        assert [error.field for error in no.value.fields] == [name]


@pytest.mark.parametrize(
    ("so", "may"),
    [
        ({}, True),
        ({"upheld": False}, False),
        ({"appeal_kind": "untrue"}, False),
        ({"state": "closed"}, False),
        ({"is_final": False}, False),
        ({"is_admonished": True}, False),
    ],
    ids=str,
)
def test_only_malice_that_was_found_for_good_is_admonished_and_once(so: dict, may: bool) -> None:
    usual = {"state": "voided", "appeal_kind": "malicious", "upheld": True, "is_final": True, "is_admonished": False}
    assert (may_admonish(**(usual | so)) == "") is may


def of_the_rated_unit(stage: Stage, hat: str) -> Actor:
    """Somebody of the rated unit who supervises too: by a grant for the unit, or over the city with the unit as home."""
    person = Person.objects.get(username="rectifier")
    if hat == "grant":
        Grant.objects.create(person=person, role=Role.SUPERVISOR, organ=stage.order.organ_path)
    else:
        person = Person.objects.get(username="city")
        person.organ, person.organ_code = stage.order.organ_path, NANJING
        person.save()
        Grant.objects.create(person=person, role=Role.HANDLER, organ=stage.order.organ_path)
    return Person.objects.get(pk=person.pk).actor()


class TestAdmonition:
    def test_after_the_time_to_object_the_supervisor_delivers_it_and_only_the_rater_reads_it(
        self, stage: Stage
    ) -> None:
        stage.walk("sign")
        stage.do("appeal", stage.cast.rectifier, kind="malicious")
        stage.do("uphold", stage.cast.reviewer)
        with pytest.raises(Refused, match="异议"):
            commands.admonish(stage.order, text="请据实评价", actor=stage.cast.supervisor, now=stage.now)
        later = at("07-10 10:00")
        record = commands.admonish(stage.order, text="请据实评价", actor=stage.cast.supervisor, now=later)
        assert not any(step.text.startswith("主管部门就") for step in public_progress(stage.order.id))
        commands.act(record.pk, "deliver", {}, actor=stage.cast.supervisor, now=later)
        (told,) = [step for step in public_progress(stage.order.id) if step.text.startswith("主管部门就")]
        assert told.detail == "请据实评价"
        for actor in (
            stage.cast.rectifier,
            stage.cast.clerk,
            stage.cast.observer,
            stage.cast.operator,
            stage.cast.reviewer,
        ):
            assert not queries.consequences_for(actor).exists()
        with pytest.raises(Refused):
            commands.admonish(stage.order, text="再说一次", actor=stage.cast.supervisor, now=later)

    @pytest.mark.parametrize("hat", ["grant", "home"])
    def test_the_rated_units_own_people_neither_draft_nor_see_nor_deliver_it(self, stage: Stage, hat: str) -> None:
        stage.walk("sign")
        stage.do("appeal", stage.cast.rectifier, kind="malicious")
        stage.do("uphold", stage.cast.reviewer)
        own, later = of_the_rated_unit(stage, hat), at("07-10 10:00")
        with pytest.raises(Refused) as no:
            commands.admonish(stage.order, text="请据实评价", actor=own, now=later)
        assert no.value.status == 404
        record = commands.admonish(stage.order, text="请据实评价", actor=stage.cast.supervisor, now=later)
        assert not queries.consequences_for(own).exists()
        with pytest.raises(Refused) as no:
            commands.act(record.pk, "deliver", {}, actor=own, now=later)
        assert no.value.status == 404

    def test_what_was_drafted_is_not_delivered_once_the_order_is_no_longer_voided(self, stage: Stage) -> None:
        stage.walk("sign")
        stage.do("appeal", stage.cast.rectifier, kind="malicious")
        stage.do("uphold", stage.cast.reviewer)
        later = at("07-10 10:00")
        record = commands.admonish(stage.order, text="请据实评价", actor=stage.cast.supervisor, now=later)
        Order.objects.filter(pk=stage.order.pk).update(upheld=False)
        with pytest.raises(Refused, match="申诉成立") as no:
            commands.act(record.pk, "deliver", {}, actor=stage.cast.supervisor, now=later)
        assert no.value.status == 409
        dropped = commands.act(record.pk, "drop", FACTS, actor=stage.cast.supervisor, now=later)
        assert dropped.state == State.DROPPED

    @pytest.mark.parametrize("kind", ["mistaken", "untrue"])
    def test_no_other_upheld_appeal_allows_it(self, stage: Stage, kind: str) -> None:
        stage.walk("sign")
        stage.do("appeal", stage.cast.rectifier, kind=kind)
        stage.do("uphold", stage.cast.reviewer)
        with pytest.raises(Refused) as no:
            commands.admonish(stage.order, text="……", actor=stage.cast.supervisor, now=at("07-10 10:00"))
        assert no.value.code == "not_malicious"

    def test_nobody_but_who_supervises_the_place_may(self, stage: Stage) -> None:
        stage.walk("sign")
        stage.do("appeal", stage.cast.rectifier, kind="malicious")
        stage.do("uphold", stage.cast.reviewer)
        for actor, status in ((stage.cast.rectifier, 404), (stage.cast.reviewer, 403), (stage.cast.foreign_city, 404)):
            with pytest.raises(Refused) as no:
                commands.admonish(stage.order, text="……", actor=actor, now=at("07-10 10:00"))
            assert no.value.status == status


class TestTalkAndTraining:
    def talk(self, stage: Stage) -> Consequence:
        record = commands.propose(
            Kind.TALK, Subject.ORGAN, NANJING, title="约谈", text="差评较多", actor=stage.cast.city, now=stage.now
        )
        return commands.act(record.pk, "decide", FACTS, actor=stage.cast.city, now=stage.now)

    def test_what_is_only_proposed_the_unit_does_not_see(self, stage: Stage) -> None:
        record = commands.propose(
            Kind.TALK, Subject.ORGAN, NANJING, title="约谈", text="差评较多", actor=stage.cast.city, now=stage.now
        )
        assert not queries.consequences_for(stage.cast.rectifier).exists()
        commands.act(record.pk, "decide", FACTS, actor=stage.cast.city, now=stage.now)
        assert queries.consequences_for(stage.cast.rectifier).get() == record
        assert not queries.consequences_for(stage.cast.foreign_rectifier).exists()
        assert not queries.consequences_for(stage.cast.foreign_city).exists()

    def test_the_unit_states_its_view_once_and_the_supervisor_records_the_talk(self, stage: Stage) -> None:
        record = self.talk(stage)
        commands.act(record.pk, "state", FACTS, actor=stage.cast.rectifier, now=stage.now)
        with pytest.raises(Refused, match="一次"):
            commands.act(record.pk, "state", FACTS, actor=stage.cast.rectifier, now=stage.now)
        with pytest.raises(Refused) as no:
            commands.act(record.pk, "record", FACTS, actor=stage.cast.rectifier, now=stage.now)
        assert no.value.status == 403
        done = commands.act(record.pk, "record", FACTS, actor=stage.cast.supervisor, now=stage.now)
        assert (done.state, done.ended_at) == (State.DONE, stage.now)
        verbs = ConsequenceStep.objects.filter(consequence_id=record.pk).order_by("n").values_list("verb", flat=True)
        assert list(verbs) == ["propose", "decide", "state", "record"]

    def test_a_clerk_sees_their_own_training_and_not_a_colleagues(self, stage: Stage) -> None:
        record = commands.propose(
            Kind.TRAINING, Subject.CLERK, "NJ-0001", title="培训", text="业务不熟", actor=stage.cast.city, now=stage.now
        )
        assert record.account == "", "the account at that window is of another name"
        Person.objects.filter(pk=stage.cast.clerk.id).update(name="李窗口")
        record = commands.act(record.pk, "decide", FACTS, actor=stage.cast.city, now=stage.now)
        assert queries.consequences_for(stage.cast.clerk).get() == record
        commands.act(record.pk, "state", FACTS, actor=stage.cast.clerk, now=stage.now)
        namesake = replace(stage.cast.clerk, id="0")
        assert not queries.consequences_for(namesake).exists(), "who has her name and window later is not her"
        done = commands.act(record.pk, "record", FACTS, actor=stage.cast.rectifier, now=stage.now)
        assert done.state == State.DONE, "the unit trains its people and says so"

    def test_where_two_accounts_have_the_clerks_name_neither_sees_it(self, stage: Stage) -> None:
        Person.objects.filter(pk=stage.cast.clerk.id).update(name="李窗口")
        other = Person.objects.create(username="other", name="李窗口", created_at=stage.now)
        Grant.objects.create(person=other, role=Role.CLERK, window="NJ-A01")
        record = commands.propose(
            Kind.TRAINING, Subject.CLERK, "NJ-0001", title="培训", text="业务不熟", actor=stage.cast.city, now=stage.now
        )
        commands.act(record.pk, "decide", FACTS, actor=stage.cast.city, now=stage.now)
        for actor in (stage.cast.clerk, other.actor()):
            assert not queries.consequences_for(replace(actor, name="李窗口")).exists()

    @pytest.mark.parametrize("hat", ["grant", "home"])
    def test_nobody_proposes_decides_or_records_it_for_their_own_unit(self, stage: Stage, hat: str) -> None:
        own = of_the_rated_unit(stage, hat)
        with pytest.raises(Refused, match="自己的单位"):
            commands.propose(Kind.TALK, Subject.ORGAN, NANJING, title="约谈", text="……", actor=own, now=stage.now)
        record = commands.propose(
            Kind.TALK, Subject.ORGAN, NANJING, title="约谈", text="差评较多", actor=stage.cast.city, now=stage.now
        )
        for verb in ("decide", "drop"):
            with pytest.raises(Refused) as no:
                commands.act(record.pk, verb, FACTS, actor=own, now=stage.now)
            assert no.value.status == 404
        commands.act(record.pk, "decide", FACTS, actor=stage.cast.city, now=stage.now)
        assert queries.consequences_for(own).get() == record
        for verb in ("record", "drop"):
            with pytest.raises(Refused) as no:
                commands.act(record.pk, verb, FACTS, actor=own, now=stage.now)
            assert no.value.status == 403

    def test_a_subject_out_of_reach_is_refused_as_if_it_were_not_there(self, stage: Stage) -> None:
        for subject in (SUZHOU, "11320500000000000A"):
            with pytest.raises(Refused) as no:
                commands.propose(
                    Kind.TALK, Subject.ORGAN, subject, title="约谈", text="……", actor=stage.cast.city, now=stage.now
                )
            assert [error.field for error in no.value.fields] == ["subject"]


def test_a_notice_reaches_every_unit_of_its_place_once_it_is_published(stage: Stage) -> None:
    record = commands.propose(
        Kind.NOTICE, Subject.REGION, "320100000000", title="典型问题通报", text="三起让群众多跑路的问题",
        cases=[stage.order.order_no], actor=stage.cast.city, now=stage.now,
    )  # fmt: skip
    assert not queries.consequences_for(stage.cast.rectifier).exists()
    commands.act(record.pk, "publish", {}, actor=stage.cast.city, now=stage.now)
    assert queries.consequences_for(stage.cast.rectifier).get() == record
    assert not queries.consequences_for(stage.cast.foreign_rectifier).exists()
    assert queries.cases_of(record, stage.cast.rectifier) == [stage.order]
    for kind, subject in ((Kind.ADMONITION, Subject.RATER), (Kind.NOTICE, Subject.CLERK)):
        with pytest.raises(Refused):
            commands.propose(kind, subject, "x", title="t", text="t", actor=stage.cast.city, now=stage.now)


def test_verified_faults_are_charged_to_whom_the_cause_names(stage: Stage) -> None:
    from datetime import date

    june = (date(2026, 6, 1), date(2026, 6, 30))
    assert queries.verified_faults(Subject.CLERK, "3201", *june) == {}, "nothing is verified yet"
    stage.walk("sign confirm", cause="attitude")
    assert queries.verified_faults(Subject.CLERK, "3201", *june) == {"NJ-0001": 1}
    assert queries.verified_faults(Subject.WINDOW, "3201", *june) == {"NJ-A01": 1}
    assert queries.verified_faults(Subject.ORGAN, "3201", *june) == {NANJING: 1}
    assert queries.verified_faults(Subject.CLERK, "3205", *june) == {}


def test_a_policy_is_nobodys_bad_service(stage: Stage) -> None:
    from datetime import date

    stage.walk("sign confirm", cause="policy")
    assert queries.verified_faults(Subject.CLERK, "3201", date(2026, 6, 1), date(2026, 6, 30)) == {}
    assert stage.fresh().charged_code == NANJING
    assert stage.order.task_code == NANJING_ITEM


def test_a_supervisor_who_also_works_for_a_unit_sees_both_and_decides_only_where_they_supervise(stage: Stage) -> None:
    grants = ((Role.CITY, Scope("3205")), (Role.HANDLER, stage.cast.rectifier.scopes[0]))
    both = replace(
        stage.cast.city, roles=frozenset({Role.CITY, Role.HANDLER}), scopes=tuple(s for _, s in grants), grants=grants
    )
    record = commands.propose(
        Kind.TALK, Subject.ORGAN, NANJING, title="约谈", text="……", actor=stage.cast.city, now=stage.now
    )
    with pytest.raises(Refused) as no:
        commands.act(record.pk, "decide", FACTS, actor=both, now=stage.now)
    assert no.value.status == 404
