"""The target's file and the installation's secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from haochaping.exchange import target
from haochaping.exchange.records import _facts
from haochaping.exchange.target import access, kind_of, national, store_access
from haochaping.kit import crypto
from haochaping.kit.config import Misconfigured
from haochaping.rectification.models import Order

PUBLIC = crypto.sm2_generate()[1]


@pytest.fixture(autouse=True)
def own_data(tmp_path, monkeypatch):
    monkeypatch.setenv("HCP_DATA", str(tmp_path))
    for name in ("URL", "APP_MARK", "APP_WORD", "PUBLIC_KEY", "TARGET"):
        monkeypatch.delenv(f"HCP_NATIONAL_{name}", raising=False)


def changed(tmp_path, monkeypatch, before, after):
    text = (Path(target.__file__).parent / "targets" / "national.toml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "own.toml").write_text(text.replace(before, after), encoding="utf-8")
    monkeypatch.setenv("HCP_NATIONAL_TARGET", str(tmp_path / "own.toml"))


def test_the_shipped_file_maps_every_channel_of_ours_and_only_known_facts():
    shipped = national()
    assert set(shipped.pf) == {str(n) for n in range(1, 10)}
    assert set(shipped.pf.values()) <= set("1234567")
    order = Order(order_no="CP", state="closed")
    assert set(shipped.rectification.fields.values()) <= _facts(order, shipped).keys()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("batch = 100", "batch = 0", "batch"),
        ("total_seconds = 15", "total_seconds = 16", "total_seconds"),
        ("lease_seconds = 45", "lease_seconds = 15", "lease_seconds must exceed"),
        ("best_is_five = true", "best_is_fife = true", "best_is_fi"),
        ("[words]", "[words", "own.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, monkeypatch, before, after, says):
    changed(tmp_path, monkeypatch, before, after)
    with pytest.raises(Misconfigured, match=says):
        national()


def test_a_missing_file_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("HCP_NATIONAL_TARGET", "/nowhere/national.toml")
    with pytest.raises(Misconfigured, match=r"/nowhere/national\.toml"):
        national()


def test_nobody_has_said_where_it_is():
    assert access() is None


def test_the_demo_stores_the_way_and_the_environment_wins(tmp_path, monkeypatch):
    store_access("http://127.0.0.1:1/", "MARK", "word", PUBLIC)
    stored = tmp_path / "exchange" / "national.json"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert access() == target.Access("http://127.0.0.1:1", "MARK", "word", PUBLIC)
    store_access("http://127.0.0.1:2/", "MARK", "word", PUBLIC)
    assert access().url == "http://127.0.0.1:2"
    assert "word" not in repr(access())
    for name, value in {"URL": "https://far/x", "APP_MARK": "M", "APP_WORD": "w", "PUBLIC_KEY": PUBLIC.hex()}.items():
        monkeypatch.setenv(f"HCP_NATIONAL_{name}", value)
    assert access().url == "https://far/x"


def test_a_file_that_others_can_read_is_refused(tmp_path):
    store_access("http://127.0.0.1:1/", "MARK", "word", PUBLIC)
    (tmp_path / "exchange" / "national.json").chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        access()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"URL": "https://far"}, "HCP_NATIONAL_APP_MARK, HCP_NATIONAL_APP_WORD, HCP_NATIONAL_PUBLIC_KEY missing"),
        ({"URL": "https://far", "APP_MARK": "M", "APP_WORD": "w", "PUBLIC_KEY": "04ff"}, "130 hexadecimal"),
        ({"URL": "ftp://far", "APP_MARK": "M", "APP_WORD": "w", "PUBLIC_KEY": PUBLIC.hex()}, "HCP_NATIONAL_URL"),
    ],
)
def test_half_a_way_is_none(monkeypatch, given, says):
    for name, value in given.items():
        monkeypatch.setenv(f"HCP_NATIONAL_{name}", value)
    with pytest.raises(Misconfigured, match=says):
        access()


def test_the_item_type_is_the_directorys_else_the_codes_own():
    task = "11440300MB2D0722464440127028001"
    assert kind_of(national(), "", task) == "01" if task[21:23] == "01" else "99"
    assert kind_of(national(), "1", task) == "01", "without its leading zero, as real files have it"
    assert kind_of(national(), "11", task) == "20"
    assert kind_of(national(), "02", task) == "99"


def test_a_far_side_that_counts_one_as_best_gets_it_so(tmp_path, monkeypatch):
    from datetime import UTC, datetime

    from haochaping.evaluation.models import Evaluation, ServiceEvent
    from haochaping.exchange.records import evaluation

    event = ServiceEvent(project_no="A", service_number=1, area="320100000000")
    rating = Evaluation(
        level=5, pf=1, indicators=["510"], task_code="T", area="320100000000", assess_time=datetime.now(UTC)
    )
    told = evaluation(event, rating, {}, "", national={"510"}, target=national())
    assert told["satisfaction"] == "5"
    changed(tmp_path, monkeypatch, "best_is_five = true", "best_is_five = false")
    assert evaluation(event, rating, {}, "", national={"510"}, target=national())["satisfaction"] == "1"
