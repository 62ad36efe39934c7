"""The envelope as the far side opens it, and a hostile far side's answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haochaping.exchange import envelope
from haochaping.exchange.envelope import NoAnswer, Result, read_list, read_results
from haochaping.exchange.rules import clean
from haochaping.exchange.target import Access
from haochaping.kit import crypto

NOW = datetime(2026, 6, 10, 2, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("backend", ["libcrypto", "gmalg"])
def test_either_sm2_seals_what_the_far_side_can_open(backend, monkeypatch):
    monkeypatch.setenv("HCP_SM2_BACKEND", backend)
    private, public = crypto.sm2_generate()
    form = envelope.sealed_form(Access("http://far", "MARK", "word", public), [{"evaluate": {"pf": "1"}}], NOW)
    assert set(form) == {"appMark", "sign", "params", "time"}
    assert form["time"] == "20260610100005", "Asia/Shanghai"
    assert crypto.sm2_decrypt(private, bytes.fromhex(form["sign"])) == b"20260610100005MARKword"
    sealed = json.loads(form["params"])
    assert list(sealed) == ["data"]
    assert sealed["data"].startswith("04"), "C1 as 04‖x‖y"
    assert json.loads(crypto.sm2_decrypt(private, bytes.fromhex(sealed["data"]))) == [{"evaluate": {"pf": "1"}}]


def answer(**inner) -> bytes:
    return json.dumps({"success": True, "code": 200, "data": {"success": True, **inner}}).encode()


def line(no="P", number="1", **more):
    return {"projectNo": no, "serviceNumber": number, "success": True, **more}


def test_success_outside_and_failure_inside_is_a_failure():
    with pytest.raises(NoAnswer) as no:
        read_results(200, answer(success=False, message="系统错误"))
    assert (no.value.code, no.value.text) == ("envelope_refused", "系统错误")


def test_each_record_has_its_own_outcome():
    body = answer(success=False, serviceList=[line("A"), line("B", 2, success="false", code=1004, errorMessage="错")])
    assert read_results(200, body) == {("A", 1): Result(True, "", ""), ("B", 2): Result(False, "1004", "错")}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, answer(serviceList=[line()]), "http_status"),
        (302, b"", "http_status"),
        (200, b"", "unreadable"),
        (200, b"<html>", "unreadable"),
        (200, b"[]", "unreadable"),
        (200, b'{"success": 1}', "unreadable"),
        (200, b'{"success": true}', "unreadable"),
        (200, b'{"success": true, "data": "ok"}', "unreadable"),
        (200, b'{"success": "false", "code": -1, "errorMessage": "\xe7\xb3\xbb"}', "envelope_refused"),
        (200, b"[" * 100_000, "unreadable"),
        (200, b'{"success": true, "x": ' + b"[" * 100_000, "unreadable"),
        (200, answer(serviceList=[line(number="1" * 50)]), "unreadable"),
        (200, b'{"success": true, "data": {"success": true, "message": "\\ud800"}}', "unreadable"),
    ],
)
def test_what_is_no_answer_is_called_so(status, body, code):
    with pytest.raises(NoAnswer) as no:
        read_results(status, body)
    assert no.value.code == code


def test_a_record_with_two_outcomes_has_none():
    body = answer(serviceList=[line("A"), line("A", success=False), line("B"), line("B")])
    assert read_results(200, body) == {("B", 1): Result(True, "", "")}


def test_what_is_unreadable_in_a_line_concerns_no_record():
    body = answer(serviceList=[line("A", "0"), line("A", "x"), {"projectNo": "A", "serviceNumber": 1}])
    assert read_results(200, body) == {}


def test_a_list_needs_its_total():
    with pytest.raises(NoAnswer):
        read_list(200, answer(serviceList=[]))
    assert read_list(200, answer(total=1, serviceList=[{"projectNo": "A", "serviceNumber": "3"}])) == (1, [("A", 3)])


@given(st.text(max_size=3000))
def test_what_a_stranger_wrote_is_short_and_printable(text):
    cleaned = clean(text)
    assert len(cleaned) <= 300
    assert "\x00" not in cleaned
    cleaned.encode()


def test_what_a_stranger_wrote_names_nobody():
    assert "13912345678" not in clean("手机号13912345678不正确")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    ["success", "code", "errorMessage", "data", "message", "serviceList", "projectNo", "serviceNumber"]
)
NEARLY = st.recursive(
    JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=6) | st.lists(inner, max_size=3), max_leaves=20
)


@settings(max_examples=1500, deadline=None)
@given(
    st.sampled_from([200, 200, 200, 500, 302]), st.binary(max_size=300) | NEARLY.map(lambda v: json.dumps(v).encode())
)
def test_whatever_comes_back_is_either_an_answer_or_none(status, body):
    results = {}
    silence = None
    try:
        results = read_results(status, body)
    except NoAnswer as no:
        silence = no
    assert silence is None or silence.code in {"http_status", "unreadable", "envelope_refused"}
    assert silence is None or silence.text.encode() is not None
    assert all(isinstance(result.success, bool) for result in results.values())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_spoilt_answer_never_becomes_another_records_success(data):
    """security.md T19: bytes of a true answer are changed at random; a record that was refused is never accepted."""
    body = bytearray(answer(success=False, serviceList=[line("REFUSED", success=False, code=1004, errorMessage="错")]))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        results = read_results(200, bytes(body))
    except NoAnswer:
        return
    assert not any(result.success for key, result in results.items() if key == ("REFUSED", 1))
