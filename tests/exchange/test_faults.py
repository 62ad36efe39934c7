"""A far side that loses answers, breaks off, talks nonsense or says nothing: everything arrives, and once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haochaping.exchange import commands, queries
from haochaping.exchange.models import Attempt, Circuit, Delivery
from haochaping.exchange.rules import NO_ANSWER, Phase
from tests.fakes.national import MODES

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("mode", MODES)
def test_one_such_answer_delays_and_doubles_nothing(impatient, stage, mode):
    stage.serve("A", "B", "C")
    stage.platform.faults.set(script=(mode,))
    stage.send()
    if mode == "partial":
        assert sorted(Delivery.objects.values_list("state", flat=True)) == ["accepted", "waiting", "waiting"]
    else:
        waiting = Delivery.objects.filter(state="waiting", attempts=1)
        assert waiting.count() == 3
        assert all(row.error_code in NO_ANSWER and row.next_at > stage.clock.now for row in waiting)
    stage.rate("A", "B", "C")
    stage.clock.pass_(seconds=90)
    stage.send_all()
    assert stage.counts() == (3, 3, 0)
    assert {row.state for row in Delivery.objects.all()} == {"accepted"}
    was_taken_in = mode in {"lost", "timeout", "half", "drip", "partial"}
    assert (stage.platform.ledger.summary()["repeated"] > 0) is was_taken_in


def test_all_of_them_by_chance_for_days_and_every_record_is_held_once(impatient, stage):
    """security.md T16: three answers in ten lost, two calls in ten failing, one told by half."""
    names = [f"P{n:03}" for n in range(150)]
    stage.platform.faults.set({"lost": 0.3, "dropped": 0.1, "error": 0.05, "inner": 0.05, "partial": 0.1})
    stage.serve(*names)
    stage.rate(*names[:100])
    stage.rate_badly(*names[100:])
    for name in names[100:]:
        stage.answer(name)
    for _ in range(200):
        stage.send_all()
        if not Delivery.objects.exclude(state="accepted").exists():
            break
        stage.clock.pass_(minutes=20)
    assert stage.counts() == (150, 150, 50)
    assert {row.state for row in Delivery.objects.all()} == {"accepted"}
    held = stage.platform.ledger.summary()
    assert held["projectService"]["ids"] == [f"{name}#1" for name in names]
    assert not [r for r in held["refused"] if "没有对应" in r["message"]], "no phase overtook another"


def test_the_circuit_opens_after_five_failures_and_one_trial_closes_it(stage):
    stage.serve(*(f"P{n:03}" for n in range(700)))
    stage.platform.faults.set({"error": 1})
    while stage.send().claimed:
        pass
    assert stage.send().claimed == 0
    health = queries.health(stage.clock.now)
    assert (health.circuit, health.open_until > stage.clock.now) == ("open", True)
    assert health.last_error == "http_status HTTP 500"
    sent = Attempt.objects.count()
    stage.clock.pass_(seconds=30)
    stage.send_all()
    assert Attempt.objects.count() == sent, "nothing is sent while it is open"
    stage.clock.now = queries.health(stage.clock.now).open_until
    assert stage.send().claimed == 100, "one envelope as a trial"
    assert Attempt.objects.count() == sent + 1
    assert queries.health(stage.clock.now).circuit == "open"
    stage.platform.faults.set()
    stage.clock.now = queries.health(stage.clock.now).open_until
    stage.send_all()
    assert queries.health(stage.clock.now).circuit == "closed"
    assert stage.counts() == (700, 0, 0), "what had waited for an answer went on at once"


def test_the_pause_doubles_up_to_ten_minutes(stage):
    stage.serve("A")
    stage.platform.faults.set({"error": 1})
    pauses = []
    for _ in range(40):
        stage.send()
        circuit = Circuit.objects.first()
        if circuit and circuit.open_until and circuit.failures > len(pauses) + 4:
            pauses.append((circuit.open_until - stage.clock.now).total_seconds())
        stage.clock.now = max(Delivery.objects.get().next_at, circuit.open_until or stage.clock.now)
    assert pauses[:6] == [60, 120, 240, 480, 600, 600]


def test_after_three_days_a_record_is_shown_as_failed_and_goes_on_when_the_far_side_returns(stage):
    stage.serve("A")
    stage.platform.faults.set({"error": 1})
    begun = stage.clock.now
    commands.collect(begun)
    while stage.states("A") == {"service": "waiting"}:
        stage.send()
        row = stage.delivery(Phase.SERVICE, "A")
        assert row.state == "failed" or row.next_at <= stage.clock.now + timedelta(hours=6)
        stage.clock.now = max(row.next_at, queries.health(stage.clock.now).open_until or row.next_at)
    assert stage.states("A") == {"service": "failed"}
    assert stage.clock.now - begun >= timedelta(hours=72)
    assert queries.health(stage.clock.now).backlog["failed"] == 1
    stage.platform.faults.set()
    stage.serve("B")
    stage.send_all()
    assert stage.states("A") == stage.states("B") == {"service": "accepted"}


def test_a_record_that_spoils_its_envelope_ends_up_alone(stage, monkeypatch):
    from haochaping.exchange import envelope

    seal = envelope.sealed_form

    def spoil(access, body, now):
        form = seal(access, body, now)
        return form | {"params": "?"} if any("POISON" in str(record) for record in body) else form

    monkeypatch.setattr(envelope, "sealed_form", spoil)
    stage.serve(*(f"P{n}" for n in range(9)), "POISON")
    for _ in range(12):
        stage.send_all()
        stage.clock.pass_(minutes=30)
    assert stage.counts() == (9, 0, 0)
    assert stage.delivery(Phase.SERVICE, "POISON").error_text == "405 params 解密失败"


def test_a_sender_that_died_leaves_claims_that_end_by_themselves(stage):
    stage.serve("A")
    stage.send_all()
    Delivery.objects.update(state="sent", accepted_at=None, next_at=stage.clock.now + timedelta(seconds=45))
    assert stage.send().claimed == 0
    stage.clock.pass_(seconds=45)
    assert stage.send().accepted == 1
    assert stage.counts() == (1, 0, 0)


def test_an_acceptance_counts_even_if_another_sender_has_claimed_the_record_since(stage):
    from haochaping.exchange import deliveries
    from haochaping.exchange.rules import State
    from haochaping.exchange.target import national

    stage.serve("A")
    commands.collect(stage.clock.now)
    [early] = deliveries.claim(national(), stage.clock.now, 10)
    stage.clock.pass_(minutes=1)
    [late] = deliveries.claim(national(), stage.clock.now, 10)
    deliveries.settle([deliveries.Settled(early, State.WAITING, "timeout")], national(), stage.clock.now)
    assert stage.delivery(Phase.SERVICE, "A").state == "sent", "a failure of the old claim does not touch the new one"
    deliveries.settle([deliveries.Settled(early, State.ACCEPTED)], national(), stage.clock.now)
    deliveries.settle([deliveries.Settled(late, State.WAITING, "timeout")], national(), stage.clock.now)
    assert stage.delivery(Phase.SERVICE, "A").state == "accepted"


def test_nothing_of_a_person_stands_in_logs_or_books(stage, caplog):
    caplog.set_level(0)
    stage.platform.faults.set(script=("error", "garbage"))
    stage.serve("A", "B")
    stage.rate_badly("A", name="钱试样", certKey="320102190001010026", mobile="13800000002")
    for _ in range(4):
        stage.send_all()
        stage.clock.pass_(minutes=10)
    rows = [str(row.__dict__) for model in (Attempt, Delivery) for row in model.objects.all()]
    everything = caplog.text + str(rows)
    for canary in ("赵试样", "钱试样", "320102190001010018", "320102190001010026", "13800000001", "13800000002"):
        assert canary not in everything
