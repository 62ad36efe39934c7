"""Settings from the environment, keys from files of 0600, and the clock that is read once."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from haochaping.kit import clock, config, keys
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Settings


def test_a_setting_comes_from_the_environment_or_a_file_or_the_default(monkeypatch, tmp_path):
    monkeypatch.delenv("HCP_COLOUR", raising=False)
    assert config.text("COLOUR", "red") == "red"
    monkeypatch.setenv("HCP_COLOUR", "blue")
    assert config.text("COLOUR", "red") == "blue"
    (tmp_path / "colour").write_text("green\n", encoding="utf-8")
    monkeypatch.setenv("HCP_COLOUR_FILE", str(tmp_path / "colour"))
    assert config.text("COLOUR", "red") == "green"


def test_a_file_that_cannot_be_read_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("HCP_COLOUR_FILE", str(tmp_path / "absent"))
    with pytest.raises(config.Misconfigured, match="HCP_COLOUR_FILE"):
        config.text("COLOUR")


def test_a_number_that_is_none_is_refused_with_its_name(monkeypatch):
    monkeypatch.setenv("HCP_PORT", "eighty")
    with pytest.raises(config.Misconfigured, match="HCP_PORT='eighty'"):
        config.integer("PORT", 8000)
    monkeypatch.setenv("HCP_PORT", "80")
    assert config.integer("PORT", 8000) == 80
    monkeypatch.delenv("HCP_PORT")
    assert config.integer("PORT", 8000) == 8000


def test_an_installation_is_a_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("HCP_DATA", str(tmp_path / "a" / ".." / "b"))
    assert config.data_dir() == tmp_path / "b"
    monkeypatch.setenv("HCP_DATA", "")
    assert config.data_dir() == config.ROOT / "var"


def test_production_is_only_what_says_so(monkeypatch):
    monkeypatch.delenv("HCP_ENV", raising=False)
    assert not config.is_production()
    monkeypatch.setenv("HCP_ENV", "production")
    assert config.is_production()


# Keys


@pytest.fixture
def installation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("HCP_DATA", str(tmp_path))
    keys.key.cache_clear()
    yield tmp_path
    keys.key.cache_clear()


def test_a_key_is_made_on_first_use_and_stays(installation):
    made = keys.key("first")
    keys.key.cache_clear()
    assert keys.key("first") == made
    assert len(made) == 32
    assert keys.key("second") != made
    assert len(keys.key("short", 16)) == 16


def test_nobody_else_can_read_a_key(installation):
    keys.key("first")
    directory = installation / "secrets"
    assert directory.stat().st_mode & 0o777 == 0o700
    assert [path.name for path in directory.iterdir()] == ["first.key"]  # no draft is left behind
    assert (directory / "first.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_can_read_is_refused(installation, mode):
    keys.key("first")
    keys.key.cache_clear()
    (installation / "secrets/first.key").chmod(mode)
    with pytest.raises(config.Misconfigured, match="chmod 600"):
        keys.key("first")


def test_a_key_in_the_environment_is_taken_before_the_file(installation, monkeypatch):
    keys.key("blob-1")
    keys.key.cache_clear()
    monkeypatch.setenv("HCP_KEY_BLOB_1", "ab" * 32)
    assert keys.key("blob-1") == b"\xab" * 32


@pytest.mark.parametrize("value", ["ab", "zz" * 32, "ab" * 33])
def test_a_key_of_another_size_or_no_hex_is_refused(installation, monkeypatch, value):
    monkeypatch.setenv("HCP_KEY_FIRST", value)
    with pytest.raises(config.Misconfigured) as refusal:
        keys.key("first")
    assert value not in str(refusal.value)  # a secret, even a wrong one, is not shown


def test_a_damaged_key_file_is_never_replaced(installation):
    keys.key("first")
    keys.key.cache_clear()
    file = installation / "secrets/first.key"
    file.write_text("", encoding="ascii")
    with pytest.raises(config.Misconfigured, match="0 bytes"):
        keys.key("first")
    assert file.read_text(encoding="ascii") == ""
    for damage in (b"not a key", b"\xff\x00"):
        file.write_bytes(damage)
        with pytest.raises(config.Misconfigured, match="backup"):
            keys.key("first")
        assert file.read_bytes() == damage


def test_threads_that_ask_at_once_get_one_key(installation):
    everyone = threading.Barrier(16)

    def ask(_: int) -> bytes:
        everyone.wait()
        return keys.key.__wrapped__("contested")

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(ask, range(16)))) == 1
    assert len(list((installation / "secrets").iterdir())) == 1


def test_processes_that_ask_at_once_get_one_key(installation):
    program = "import sys; sys.stdin.read(); from haochaping.kit import keys; print(keys.key('contested').hex())"
    command = [sys.executable, "-c", program]
    env = {"HCP_DATA": str(installation)}
    waiting = [
        subprocess.Popen(command, env=env, cwd=config.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in waiting:
        process.stdin.close()
        process.stdin = None
    answers = {process.communicate(timeout=60)[0] for process in waiting}
    assert answers == {keys.key("contested").hex() + "\n"}


# The clock


def test_wire_time_is_china_and_goes_both_ways():
    moment = clock.parse_wire("2026-03-02 08:30:00")
    assert moment == datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
    assert moment.tzinfo is UTC
    assert clock.to_wire(moment) == "2026-03-02 08:30:00"
    assert clock.to_wire(moment.astimezone(timezone(timedelta(hours=-5)))) == "2026-03-02 08:30:00"


@pytest.mark.parametrize(
    "text", ["", "2026-03-02", "2026-02-30 00:00:00", "2026-03-02T08:30:00", "2026-03-02 08:30:00Z"]
)
def test_other_times_are_refused(text):
    with pytest.raises(ValueError):
        clock.parse_wire(text)


def test_the_day_is_the_day_in_china():
    assert clock.day(datetime(2026, 3, 2, 15, 59, tzinfo=UTC)) == date(2026, 3, 2)
    assert clock.day(datetime(2026, 3, 2, 16, 0, tzinfo=UTC)) == date(2026, 3, 3)


def test_the_clock_can_be_held_and_goes_on_afterwards():
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    with clock.held_at(moment):
        assert clock.now() == moment
        assert clock.today() == date(2026, 1, 1)
        with clock.held_at(moment + timedelta(days=1)):
            assert clock.today() == date(2026, 1, 2)
        assert clock.now() == moment
    assert clock.now() > moment
    assert clock.now().tzinfo is UTC


def test_a_held_clock_is_held_for_its_own_thread_only():
    with clock.held_at(datetime(2000, 1, 1, tzinfo=UTC)), ThreadPoolExecutor(1) as pool:
        assert pool.submit(clock.now).result().year > 2000


# The lawful no


def test_a_refusal_is_told_in_one_shape():
    field = FieldError("satisfaction", "required", "请选择满意度")
    refusal = Refused("invalid", 422, "提交的内容有误", (field,))
    assert str(refusal) == "提交的内容有误"
    assert refusal.as_json() == {
        "error": {
            "code": "invalid",
            "message": "提交的内容有误",
            "fields": [{"field": "satisfaction", "code": "required", "message": "请选择满意度"}],
        }
    }
    assert Refused("gone", 404, "没有").as_json()["error"]["fields"] == []
