"""security.md R5: the sender is killed in mid-upload, again and again; both books are equal and nothing stands in them twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from threading import Event
from time import monotonic

from haochaping.exchange import commands, target
from haochaping.exchange.models import Delivery
from haochaping.kit import ids
from haochaping.kit.config import ROOT
from tests.cast import settle
from tests.exchange.conftest import Stage, configure
from tests.exchange.sender import at
from tests.fakes.national import NationalPlatform

SPEED = 60  # a lease of 45 s ends within a second


class Senders:
    """One sender at a time; the next starts when the last was killed."""

    def __init__(self, env: dict[str, str], base: float) -> None:
        self._command = [sys.executable, "-m", "tests.exchange.sender", str(base), str(SPEED)]
        self._env = env
        self.killed = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, env=self._env, cwd=ROOT, stdout=subprocess.PIPE)
        assert self._process.stdout.readline() == b"ready\n"

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self.killed += 1


def test_both_books_are_equal_after_any_number_of_kills(committing_db, tmp_path, monkeypatch):
    shipped = Path(target.__file__).parent / "targets" / "national.toml"
    quick = (
        shipped.read_text(encoding="utf-8")
        .replace("batch = 100 ", "batch = 10 ")
        .replace("parallel = 4 ", "parallel = 2 ")
    )
    (tmp_path / "quick.toml").write_text(quick, encoding="utf-8")
    monkeypatch.setenv("HCP_NATIONAL_TARGET", str(tmp_path / "quick.toml"))
    base = monotonic()
    clock = lambda: at(base, SPEED)  # noqa: E731
    with NationalPlatform(tmp_path / "national", clock=clock) as platform:
        configure(monkeypatch, platform)
        names = [f"P{n:03}" for n in range(160)]
        stage = Stage(platform, clock, settle())
        stage.clock = type("Then", (), {"now": at(base, 0)})()
        stage.serve(*names)
        stage.rate(*names[:120])
        stage.rate_badly(*names[120:])
        for name in names[120:]:
            stage.answer(name)
        _let_senders_die(platform, Senders(os.environ | committing_db.env, base))
        ledger = platform.ledger.summary()
        assert [ledger[kind]["count"] for kind in ("projectService", "evaluate", "rectify")] == [160, 160, 40]
        assert ledger["repeated"] > 0, "somebody was killed between sending and hearing"
        assert not [r for r in ledger["refused"] if "重复" not in r["message"]], "nothing was refused but repeats"
        ours = {(row.event_id, row.phase) for row in Delivery.objects.filter(state="accepted")}
        theirs = {
            (ids.event_id(*_key(entry)), phase)
            for phase, kind in enumerate(("projectService", "evaluate", "rectify"), 1)
            for entry in ledger[kind]["ids"]
        }
        assert ours == theirs
        assert Delivery.objects.count() == len(ours), "nothing stands in ours twice"
        balances = commands.reconcile(clock())
        assert [(b.ours, b.theirs, b.missing) for b in balances] == [(160, 160, 0), (160, 160, 0), (40, 40, 0)]


def _key(entry: str) -> tuple[str, int]:
    project_no, number = entry.rsplit("#", 1)
    return project_no, int(number)


def _let_senders_die(platform: NationalPlatform, senders: Senders) -> None:
    """Kill four between the platform's taking in and its answer, four at any moment; let the ninth finish."""
    take_in, taken, chance = platform._take_in, Event(), Random(5)
    armed = Event()

    def and_die(kind, body):
        lines = take_in(kind, body)
        if armed.is_set():
            armed.clear()
            senders.kill()
            taken.set()
        return lines

    platform._take_in = and_die
    for n in range(8):
        taken.clear()
        if n < 4:  # first, while there is certainly something left to send
            armed.set()
            senders.start()
            assert taken.wait(30), "an envelope came"
        else:
            senders.start()
            taken.wait(chance.uniform(0.02, 0.3))
            senders.kill()
    senders.start()
    quiet = Event()
    for _ in range(600):
        if not Delivery.objects.exclude(state="accepted").exists() and Delivery.objects.count() == 360:
            break
        quiet.wait(0.1)
    senders.kill()
    assert senders.killed == 9
