"""The gateway calls us: only with its key, each nonce once; receipts and stop words."""

from __future__ import annotations

import json

import pytest

from haochaping.kit.clock import held_at
from haochaping.messaging import queries
from haochaping.messaging.models import Message, Receipt, Stop
from haochaping.messaging.rules import is_stop
from tests.messaging.conftest import MOBILE

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls(stage, client):
    """`calls(path, said)`: the answer to a call of the gateway; `nonce` and `secret` bend it."""

    def call(path, said, *, raw=None, **headers):
        body, signed = stage.gateway.signed(path, said, headers.pop("secret", ""))
        given = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (signed | headers).items()}
        given.pop("HTTP_CONTENT_TYPE")
        with held_at(stage.clock.now):
            return client.post(path, raw or body, content_type="application/json", **given)

    return call


def sent(stage):
    stage.queue()
    stage.send()
    return stage.one().id.hex


def test_a_receipt_makes_it_delivered_once_and_for_all(stage, calls):
    id_ = sent(stage)
    for status, state in (("delivered", "delivered"), ("delivered", "delivered"), ("failed", "delivered")):
        answer = calls("/sms/receipts", {"receipts": [{"id": id_, "status": status}]})
        assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
        assert stage.states() == [state]
    assert Receipt.objects.count() == 2


def test_a_receipt_may_say_that_it_failed_and_one_that_overtook_stands(stage, calls):
    id_ = sent(stage)
    calls("/sms/receipts", {"receipts": [{"id": id_, "status": "failed", "reason": "undelivered"}]})
    assert (stage.one().state, stage.one().error) == ("failed", "undelivered")
    calls("/sms/receipts", {"receipts": [{"id": id_, "status": "delivered"}]})
    assert stage.states() == ["delivered"], "a later delivery counts"


def test_receipts_of_messages_that_are_not_ours_are_not_counted(stage, calls):
    answer = calls("/sms/receipts", {"receipts": [{"id": "0" * 32, "status": "delivered"}, {"id": "x", "status": "y"}]})
    assert answer.json() == {"accepted": 0}


@pytest.mark.parametrize("bend", [
    {"secret": "wrong"}, {"X-App-Id": "another"}, {"X-Nonce": "short"}, {"X-Timestamp": "1"}, {"X-Timestamp": "²"},
    {"X-Signature": "é"}, {"X-Signature": ""}, {"raw": b'{"receipts": []} '},
])  # fmt: skip
def test_whoever_does_not_sign_is_not_heard(stage, calls, bend):
    id_ = sent(stage)
    answer = calls("/sms/receipts", {"receipts": [{"id": id_, "status": "delivered"}]}, **bend)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "signature_invalid"
    assert stage.states() == ["sent"]


def test_the_same_call_again_is_refused(stage, calls):
    once = {"X-Nonce": "ab" * 16}
    body, headers = stage.gateway.signed("/sms/inbound", {"messages": []})
    assert once
    given = {f"HTTP_{n.upper().replace('-', '_')}": v for n, v in headers.items() if n != "Content-Type"}
    from django.test import Client

    with held_at(stage.clock.now):
        answers = [
            Client().post("/sms/inbound", body, content_type="application/json", **given).status_code for _ in range(2)
        ]
    assert answers == [200, 401]


def test_without_a_gateway_nobody_may_call(stage, calls, monkeypatch):
    for name in ("URL", "APP_ID", "SECRET"):
        monkeypatch.delenv(f"HCP_SMS_{name}")
    assert calls("/sms/inbound", {"messages": []}).status_code == 401


@pytest.mark.parametrize("said", [[], {"receipts": 1}, {"receipts": [{"id": 1}]}, {"other": []}])
def test_what_is_not_the_agreed_body_is_refused_with_422(stage, calls, said):
    assert calls("/sms/receipts", said).status_code == 422


@pytest.mark.parametrize("body", [b"\xff\xfe", b"{", json.dumps({"messages": [{"from": "x"}]}).encode()])
def test_nonsense_is_refused_too(stage, calls, body, client):
    from haochaping.kit import signatures

    headers = signatures.sign(stage.gateway.app_id, stage.gateway.secret, "POST", "/sms/inbound", body, stage.clock.now)
    given = {f"HTTP_{n.upper().replace('-', '_')}": v for n, v in headers.items()}
    with held_at(stage.clock.now):
        assert client.post("/sms/inbound", body, content_type="application/json", **given).status_code == 422


def test_a_stop_word_ends_invitations_and_not_codes(stage, calls):
    answer = calls("/sms/inbound", {"messages": [{"from": f"+86{MOBILE}", "text": " td。"}]})
    assert answer.json() == {"accepted": 1}
    assert not queries.may_text(MOBILE)
    assert queries.may_call(MOBILE), "whoever wants no texts may still be called"
    assert Stop.objects.get().by == "短信回复"
    assert not stage.queue()
    assert stage.queue("code", kind="code")
    assert Message.objects.count() == 1


@pytest.mark.parametrize(("text", "stops"), [
    ("TD", True), ("td", True), ("ＴＤ", True), ("T", True), ("退订", True), ("退订！谢谢", True), ("TD退订", True), ("N", True),
    ("拒收", True), ("不要再发了", True), ("", False), ("谢谢", False), ("5", False), ("非常满意", False), ("Today fine", False),
    ("退订了以后还能评价吗", False), ("TD" * 40, False),
])  # fmt: skip
def test_what_counts_as_a_stop_and_what_does_not(text, stops):
    assert is_stop(text) is stops


def test_other_replies_are_not_kept(stage, calls):
    assert calls("/sms/inbound", {"messages": [{"from": MOBILE, "text": "窗口态度很好"}]}).json() == {"accepted": 0}
    assert not Stop.objects.exists()
