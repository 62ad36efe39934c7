"""Names that nobody outside can compute."""

from __future__ import annotations

import re
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haochaping.kit import ids, keys

DAY = date(2026, 3, 2)
CASES = st.tuples(st.text(max_size=30), st.integers(1, 99))


@pytest.fixture(autouse=True, scope="module")
def fixed_key():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCP_KEY_IDS", "07" * 32)
        keys.key.cache_clear()
        yield
    keys.key.cache_clear()


def test_the_same_service_always_has_the_same_id():
    first = ids.event_id("370000202603020001", 1)
    assert first == ids.event_id("370000202603020001", 1)
    assert first != ids.event_id("370000202603020001", 2)


def test_a_name_once_given_never_changes():
    """These stand in databases and on paper: if this test fails, every installation loses its ids."""
    event = ids.event_id("370000202603020001", 1)
    assert event == UUID("b0bbad7f-627f-2a99-e376-5f87406eed48")
    assert ids.receipt(event) == "HPSDMGR1HGNAKWXJSJJCD1"
    assert ids.order_no(event, DAY) == "CP20260302-HKHAQP6J"


@settings(deadline=None)
@given(one=CASES, other=CASES)
def test_two_services_never_share_an_id(one, other):
    assert (ids.event_id(*one) == ids.event_id(*other)) is (one == other)


@pytest.mark.parametrize(("one", "other"), [(("A1", 11), ("A11", 1)), (("1\x00A", 1), ("A", 1)), (("", 11), ("1", 1))])
def test_number_and_case_do_not_run_into_each_other(one, other):
    assert ids.event_id(*one) != ids.event_id(*other)


def test_another_key_gives_other_names(monkeypatch):
    event = ids.event_id("A1", 1)
    receipt = ids.receipt(event)
    monkeypatch.setenv("HCP_KEY_IDS", "08" * 32)
    keys.key.cache_clear()
    assert ids.event_id("A1", 1) != event
    assert ids.receipt(event) != receipt
    monkeypatch.undo()
    keys.key.cache_clear()


def test_receipts_and_order_numbers_can_be_read_out():
    for n in range(1, 60):
        event = ids.event_id("A1", n)
        assert re.fullmatch(r"HP[0-9A-HJKMNP-TV-Z]{20}", ids.receipt(event))
        assert re.fullmatch(r"CP20260302-[0-9A-HJKMNP-TV-Z]{8}", ids.order_no(event, DAY))


def test_an_order_number_tells_nothing_of_the_receipt_or_the_id():
    event = ids.event_id("A1", 1)
    secret = ids.order_no(event, DAY)[-8:]
    assert secret not in ids.receipt(event)
    assert ids._crockford(event.bytes, 20) != ids.receipt(event)[2:]


def test_receipts_use_all_their_hundred_bits():
    receipts = [ids.receipt(ids.event_id("A1", n)) for n in range(2_000)]
    assert len(set(receipts)) == len(receipts)
    for place in range(2, 22):
        assert len({receipt[place] for receipt in receipts}) == 32


def test_tokens_are_new_each_time_and_found_by_their_digest_only():
    tokens = {ids.new_token() for _ in range(1_000)}
    assert len(tokens) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)
    token = tokens.pop()
    assert len(ids.token_digest(token)) == 32
    assert ids.token_digest(token) == ids.token_digest(token)
    assert ids.token_digest(token) != ids.token_digest(tokens.pop())
