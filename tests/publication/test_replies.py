"""What raters and units said, on the public pages: only with consent, answered, let pass, masked, and gone when taken back."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.evaluation import commands as evaluation
from haochaping.evaluation.rules import Consent
from haochaping.kit.config import ROOT
from haochaping.policy.commands import load_pack
from haochaping.publication import keeping
from tests.cast import NANJING, NANJING_ITEM, NOW, SUZHOU, forget, settle
from tests.rectification.conftest import REAL_NAME, rate_badly, stage_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

    from tests.cast import Cast

AGREES = {"consent": [Consent.PUBLISH_TEXT]}
TOLD = "我叫钱真名，电话13911112222，办件NJ2026060001排队两小时"
WAY = "sign contact confirm submit approve record"


@pytest.fixture
def regions(db: None) -> None:
    """The cast brings its own."""


@pytest.fixture
def cast(stage: None, settings: SettingsWrapper) -> Iterator[Cast]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    yield settle()
    forget()


def pages() -> str:
    keeping.forget()
    paths = ("", "replies/", f"items/{NANJING_ITEM}/", f"organs/{NANJING}/")
    return "\n".join(Client().get(f"/public/{path}").content.decode() for path in paths)


def closed(cast: Cast, **more: Any) -> Any:
    stage = stage_for(cast, rate_badly(writingEvaluation=TOLD, **(REAL_NAME | more)))
    stage.walk(WAY, reply="钱真名您好，已增开两个窗口，13911112222 已回电。")
    return stage


def test_an_answered_rating_whose_rater_agreed_is_told_masked_and_only_by_its_month(cast: Cast) -> None:
    order = closed(cast, **AGREES).order
    told = pages()
    assert told.count("群众说：") == 3, "among the replies, of its item and of its organ"
    assert "排队两小时" in told
    assert "已增开两个窗口" in told
    assert "2026年6月" in told
    for secret in ("钱真名", "13911112222", "NJ2026060001", order.order_no, "6月10日", "NJ-0001", "NJ-A01"):
        assert secret not in told, secret
    assert SUZHOU not in told
    assert "群众说" not in Client().get(f"/public/organs/{SUZHOU}/").content.decode()


def test_without_consent_and_before_the_answer_was_let_pass_nothing_is_told(cast: Cast) -> None:
    closed(cast)
    waiting = stage_for(cast, rate_badly("NJ2026060002", writingEvaluation="等了很久", **AGREES))
    waiting.walk("sign confirm submit")
    assert "群众说" not in pages()


def test_words_that_were_taken_back_are_gone(cast: Cast) -> None:
    order = closed(cast, **AGREES).order
    assert "群众说" in pages()
    evaluation.erase_words(order.pk, by="rater", now=order.closed_at)
    assert "群众说" not in pages()


def test_where_the_policy_shows_no_words_there_are_none(cast: Cast) -> None:
    table = tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8"))
    table |= {"pack": "silent-test", "region": "3201"}
    table["disclosure"] = table["disclosure"] | {"texts": "never"}
    closed(cast, **AGREES)
    load_pack(table, "test", NOW)
    forget()
    assert "群众说" not in pages()
    assert re.search("评价文字不公布", Client().get("/public/method/").content.decode())
