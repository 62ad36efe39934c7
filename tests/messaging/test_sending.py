"""From the queue to the telephone, and everything that comes between; never twice."""

from __future__ import annotations

import logging
from datetime import time, timedelta
from time import monotonic

import pytest

from haochaping.kit import clock as kit_clock
from haochaping.kit.errors import Refused
from haochaping.messaging import commands, jobs, queries, sending
from haochaping.messaging.models import Gateway, Message, Receipt
from haochaping.messaging.rules import REASONS, TRIES
from tests.messaging.conftest import MOBILE

pytestmark = pytest.mark.django_db


def test_a_message_goes_from_queued_to_sent_with_our_own_id(stage):
    assert stage.queue()
    assert stage.states() == ["queued"]
    assert stage.send() == 1
    (taken,) = stage.gateway.messages.values()
    row = stage.one()
    assert (row.state, row.gateway_no, taken.id, taken.to) == ("sent", taken.no, row.id.hex, MOBILE)
    assert stage.gateway.refused == []
    assert stage.send() == 0


def test_the_same_key_is_sent_once(stage):
    assert [stage.queue(), stage.queue(text="【甲乙】别的"), stage.queue("two")] == [True] * 3
    while stage.send():
        pass
    assert stage.sms() == 2


def test_number_and_text_are_sealed_and_never_logged(stage, caplog):
    caplog.set_level(logging.DEBUG)
    stage.gateway.script.extend(["lost", "refuse"])
    stage.queue()
    stage.queue("two", text="【江苏政务服务】秘密的话")
    stage.send()
    for row in Message.objects.all():
        assert MOBILE.encode() not in bytes(row.blob) + bytes(row.key) + bytes(row.phone_index)
    assert MOBILE not in caplog.text
    assert "秘密" not in caplog.text
    assert queries.masked(Message.objects.first()) == "****0001"


@pytest.mark.parametrize("number", ["", "025-84567890", "12345678901", "1380000000", "138000000011", "١٣٨٠٠٠٠٠٠٠١"])
def test_what_is_no_mobile_number_is_refused(stage, number):
    with pytest.raises(Refused) as no:
        stage.queue(mobile=number)
    assert (no.value.status, no.value.fields[0].code) == (422, "mobile_malformed")


def test_a_number_is_the_same_however_it_is_written(stage):
    commands.stop_texting("+86 138-0000-0001", by="test", now=stage.clock.now)
    assert not stage.queue()
    assert stage.states() == []


@pytest.mark.parametrize("text", ["【江苏】", "【江 苏】好", "【江苏政务】" + "长" * 500, "【江苏政务】两\n行"])
def test_a_text_that_no_gateway_would_take_is_a_mistake_of_ours(stage, text):
    with pytest.raises(ValueError, match="signature"):
        stage.queue(text=text)


def test_a_text_without_a_signature_gets_the_installations(stage, monkeypatch):
    monkeypatch.setenv("HCP_SMS_SIGNATURE", "南京政务")
    stage.queue(text="您好")
    stage.send()
    assert next(iter(stage.gateway.messages.values())).text == "【南京政务】您好"


def test_a_number_that_is_refused_has_failed_at_once_and_says_why(stage):
    stage.gateway.script.append("refuse")
    stage.queue()
    stage.send()
    row = stage.one()
    assert (row.state, row.error) == ("failed", "number_refused")
    assert row.error in REASONS


@pytest.mark.parametrize(("fault", "state", "reason"), [
    ("busy", "queued", "busy"), ("unauthorized", "queued", "unauthorized"), ("error", "unknown", "no_answer"),
    ("lost", "unknown", "no_answer"), ("dropped", "unknown", "no_answer"), ("garbage", "unknown", "unreadable"),
])  # fmt: skip
def test_whatever_goes_wrong_is_tried_again_after_300_seconds_and_one_sms_goes_out(stage, fault, state, reason):
    stage.gateway.script.append(fault)
    stage.queue()
    stage.send()
    row = stage.one()
    assert (row.state, row.error, row.next_at) == (state, reason, stage.clock.now + timedelta(seconds=300))
    stage.clock.pass_(seconds=299)
    assert stage.send() == 0
    stage.clock.pass_(seconds=1)
    assert stage.send() == 1
    assert stage.states() == ["sent"]
    assert stage.sms() == 1
    assert bool(stage.gateway.asked) is (state == "unknown"), "asked before it is sent again where it may have gone"
    assert all(taken.times == 1 for taken in stage.gateway.messages.values()), "and never sent twice"


def test_a_slow_gateway_is_waited_for(stage):
    stage.gateway.script.append("slow")
    stage.queue()
    stage.send()
    assert stage.states() == ["sent"]


def test_a_gateway_that_takes_in_and_never_answers_holds_nobody_longer_than_its_time(stage, monkeypatch):
    monkeypatch.setattr(sending.gateway, "TIMEOUT", 0.3)
    stage.gateway.script.append("silent")
    stage.queue()
    started = monotonic()
    stage.send()
    assert monotonic() - started < 5
    assert (stage.one().state, stage.one().error) == ("unknown", "no_answer")


def test_four_hours_of_timeouts_are_48_tries_then_failed_and_shown_and_one_sms(stage, monkeypatch):
    """The gateway takes the first in and never answers anything again; from the second on a tenth of a second stands for ten."""
    stage.gateway.script.append("lost")
    stage.gateway.mode, stage.gateway.answers_questions = "silent", False
    stage.queue()
    start, tries = stage.clock.now, stage.send()
    stage.clock.pass_(seconds=300)
    monkeypatch.setattr(sending.gateway, "TIMEOUT", 0.1)
    while stage.clock.now - start < timedelta(hours=4):
        tries += stage.send()
        stage.clock.pass_(seconds=300)
    assert tries == TRIES == 48
    row = stage.one()
    assert (row.state, row.error) == ("failed", "no_answer")
    assert stage.sms() == 1
    assert queries.counts(Message.objects.all(), stage.clock.now)["invitation"]["failed"] == 1
    stage.clock.pass_(hours=1)
    assert stage.send() == 0, "it is over"


def test_what_failed_can_be_tried_again_by_hand_and_is_asked_for_first(stage):
    stage.gateway.mode, stage.gateway.answers_questions = "lost", False
    stage.queue()
    stage.send()
    Message.objects.update(state="failed", error="no_answer")
    stage.gateway.mode, stage.gateway.answers_questions = "accept", True
    stage.clock.pass_(minutes=6)
    assert commands.retry(Message.objects.all(), now=stage.clock.now) == 1
    stage.send()
    assert stage.states() == ["sent"]
    assert stage.sms() == 1


def test_what_the_carrier_could_not_deliver_is_over(stage):
    stage.queue()
    stage.send()
    commands.note_receipt(stage.one().id, "failed", "undelivered", "callback", now=stage.clock.now)
    assert commands.retry(Message.objects.all(), now=stage.clock.now) == 0


def test_a_sender_that_died_after_sending_leaves_a_claim_that_is_asked_for(stage, monkeypatch):
    """kill -9 between the gateway's taking in and our writing down."""
    stage.queue()
    settle = sending._settle
    monkeypatch.setattr(sending, "_settle", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        stage.send()
    assert (stage.states(), stage.sms()) == (["sending"], 1)
    monkeypatch.setattr(sending, "_settle", settle)
    assert stage.send() == 0, "the claim still holds"
    stage.clock.pass_(seconds=61)
    assert stage.send() == 1
    assert (stage.states(), stage.sms(), len(stage.gateway.asked)) == (["sent"], 1, 1)
    assert next(iter(stage.gateway.messages.values())).times == 1


def test_a_sender_that_died_before_sending_is_found_out_too(stage, monkeypatch):
    stage.queue()
    run = sending.gateway.run_errands
    monkeypatch.setattr(sending.gateway, "run_errands", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        stage.send()
    monkeypatch.setattr(sending.gateway, "run_errands", run)
    stage.clock.pass_(seconds=61)
    stage.send()
    assert (stage.states(), stage.sms(), len(stage.gateway.asked)) == (["sent"], 1, 1)


def test_after_three_silent_runs_there_is_a_pause_then_one_trial(stage):
    stage.gateway.mode = "dropped"
    for n in range(30):
        stage.queue(f"k{n}")
    sent = []
    for _ in range(3):
        sent.append(stage.send())
        stage.clock.pass_(seconds=1)
    assert sent == [16, 14, 0]
    stage.clock.pass_(seconds=300)
    assert stage.send() == 16
    assert stage.send() == 0, "three silent runs: a pause"
    assert queries.health(stage.clock.now).circuit == "open"
    stage.gateway.mode = "accept"
    stage.clock.pass_(seconds=61)
    assert stage.send() == 1, "one as a trial"
    assert Gateway.objects.get().open_until is None
    while stage.send():
        pass
    stage.clock.pass_(seconds=300)
    while stage.send():
        pass
    assert set(stage.states()) == {"sent"}
    assert stage.sms() == 30


def test_codes_go_first_and_are_given_up_after_five_minutes(stage):
    for n in range(20):
        stage.queue(f"k{n}")
    stage.queue("code", kind="code", text="【江苏政务服务】验证码 123456")
    stage.send()
    assert any(taken.kind == "code" for taken in stage.gateway.messages.values())
    stage.queue("late", kind="code", text="【江苏政务服务】验证码 654321")
    stage.clock.pass_(minutes=5)
    stage.send()
    assert list(Message.objects.filter(state="suppressed").values_list("error", flat=True)) == ["too_late"]


def test_a_code_wakes_the_worker_in_the_same_transaction(stage):
    from procrastinate.contrib.django.models import ProcrastinateJob

    stage.queue("a", kind="code", text="【江苏政务服务】验证码 123456")
    stage.queue("b", kind="code", text="【江苏政务服务】验证码 123457")
    jobs = ProcrastinateJob.objects.filter(task_name="haochaping.messaging.jobs.deliver", status="todo")
    assert jobs.count() == 1, "one look at the queue finds both"


def test_a_code_that_found_the_gateway_busy_is_tried_again_ten_seconds_later(stage, monkeypatch):
    from procrastinate.contrib.django.models import ProcrastinateJob

    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)
    stage.gateway.script.append("busy")
    stage.queue("a", kind="code", text="【江苏政务服务】验证码 123456")
    with kit_clock.held_at(stage.clock.now):
        jobs.deliver(0)
    again = ProcrastinateJob.objects.get(queueing_lock="messaging.later", status="todo")
    assert again.scheduled_at is not None
    stage.clock.pass_(seconds=10)
    with kit_clock.held_at(stage.clock.now):
        jobs.deliver(0)
    assert stage.states() == ["sent"]
    assert ProcrastinateJob.objects.filter(queueing_lock="messaging.later").count() == 1


def test_a_pause_with_nothing_to_send_does_not_spend_its_trial(stage):
    Gateway.objects.create(name="sms", failures=3, open_until=stage.clock.now)
    assert stage.send() == 0
    stage.queue("a", kind="code", text="【江苏政务服务】验证码 123456")
    assert stage.send() == 1
    assert Gateway.objects.get().open_until is None


NIGHT = (time(21), time(8))


def test_nothing_goes_at_night_whenever_it_was_queued_or_failed(stage):
    stage.clock.now = kit_clock.parse_wire("2026-06-10 21:00:00")
    stage.queue(quiet=NIGHT)
    assert stage.one().next_at == kit_clock.parse_wire("2026-06-11 08:00:00")
    stage.clock.now = kit_clock.parse_wire("2026-06-10 20:58:00")
    stage.queue("two", quiet=NIGHT)
    stage.gateway.script.append("busy")
    stage.send()
    stage.clock.now = kit_clock.parse_wire("2026-06-11 03:00:00")
    assert (stage.send(), stage.sms()) == (0, 0)
    stage.clock.now = kit_clock.parse_wire("2026-06-11 08:00:00")
    stage.send()
    assert stage.sms() == 2


def test_a_code_is_sent_at_night(stage):
    stage.clock.now = kit_clock.parse_wire("2026-06-10 23:30:00")
    stage.queue(kind="code")
    stage.send()
    assert stage.sms() == 1


def test_nothing_goes_after_its_time_and_what_may_have_gone_is_only_asked_for(stage):
    over = stage.clock.now + timedelta(minutes=2)
    stage.gateway.script.append("dropped")
    stage.queue(not_after=over)
    stage.queue("two", not_after=over, not_before=over)
    stage.send()
    stage.clock.pass_(minutes=6)
    stage.send()
    assert stage.states() == ["suppressed"] * 2
    assert stage.sms() == 0
    assert len(stage.gateway.asked) == 1


def test_a_stop_between_queueing_and_sending_holds(stage):
    stage.queue()
    stage.queue("code", kind="code")
    commands.stop_texting(MOBILE, by="test", now=stage.clock.now)
    stage.send()
    assert sorted(Message.objects.values_list("kind", "state", "error")) == [
        ("code", "sent", ""),
        ("invitation", "suppressed", "stopped"),
    ]


def test_what_was_withdrawn_does_not_go(stage, cast_event_id):
    stage.queue(event_id=cast_event_id)
    assert commands.withdraw([cast_event_id], now=stage.clock.now) == 1
    assert stage.send() == 0
    assert stage.states() == ["suppressed"]


@pytest.fixture
def cast_event_id():
    from haochaping.kit import ids

    return ids.event_id("NJ2026060001", 1)


def test_receipts_that_never_came_are_asked_for_three_times(stage):
    stage.queue()
    stage.send()
    asked = 0
    for hours in (0.1, 0.2, 2, 24, 48, 96):
        stage.clock.pass_(hours=hours)
        asked += sending.poll_receipts(stage.clock.now)
    assert asked == 3
    assert stage.states() == ["sent"]


def test_an_asked_for_receipt_is_written_down(stage):
    stage.queue()
    stage.send()
    for taken in stage.gateway.messages.values():
        taken.status = "delivered"
    stage.clock.pass_(minutes=11)
    sending.poll_receipts(stage.clock.now)
    assert stage.states() == ["delivered"]
    assert Receipt.objects.get().way == "query"


def test_without_a_gateway_messages_wait_and_nobody_is_promised_a_code(stage, monkeypatch):
    for name in ("URL", "APP_ID", "SECRET"):
        monkeypatch.delenv(f"HCP_SMS_{name}")
    stage.queue()
    assert stage.send() == 0
    assert stage.states() == ["queued"]
    assert not queries.is_available()
    found = queries.health(stage.clock.now)
    assert (found.is_configured, found.waiting) == (False, 1)


def test_half_a_configuration_is_named(stage, monkeypatch):
    monkeypatch.delenv("HCP_SMS_SECRET")
    assert "HCP_SMS_SECRET" in queries.health(stage.clock.now).wrong
    assert not queries.is_available()


def test_numbers_and_texts_are_forgotten_and_the_counts_stay(stage):
    stage.queue()
    stage.queue("code", kind="code")
    stage.send()
    stage.clock.pass_(days=2)
    assert commands.forget(now=stage.clock.now) == 1
    stage.clock.pass_(days=90)
    assert commands.forget(now=stage.clock.now) == 1
    assert {bytes(row.blob) for row in Message.objects.all()} == {b""}
    assert queries.masked(stage_row := Message.objects.first()) == "", stage_row.state
