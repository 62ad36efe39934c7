"""The signature of machine requests: whatever is in the headers, the answer is the same no."""

from __future__ import annotations

import pytest

from haochaping.accounts.rules import text_to_sign
from haochaping.accounts.signing import BadSignature, check, sign
from tests.cast import NOW, Cast, forget, settle

TARGET = "/api/v1/orders?b=2&a=1"


@pytest.fixture
def cast(db: None) -> Cast:
    forget()
    return settle()


def headers(app_id: str, secret: str, **changed: str) -> dict[str, str]:
    signed = sign(app_id, secret, "GET", TARGET, b"", NOW)
    return {name.lower(): value for name, value in (signed | changed).items()}


def test_what_was_signed_holds(cast: Cast) -> None:
    assert check("GET", TARGET, headers(cast.app_id, cast.secret), b"", NOW).app.app_id == cast.app_id


@pytest.mark.parametrize("name", ["X-Signature", "X-Content-SM3"])
def test_a_header_that_is_not_ascii_is_a_wrong_signature_for_apps_there_are_and_are_not(cast: Cast, name: str) -> None:
    for app_id in (cast.app_id, "app_0000000000000000"):
        with pytest.raises(BadSignature) as no:
            check("GET", TARGET, headers(app_id, cast.secret, **{name: "é" * 64}), b"", NOW)
        assert no.value.code == "signature_invalid"


def test_every_part_of_the_query_is_signed() -> None:
    _, path, query, *_ = text_to_sign("get", "/a?b=2&a=1#c=3&&", "1", "n", "s").decode().split("\n")
    assert (path, query) == ("/a", "a=1#c=3&b=2")
