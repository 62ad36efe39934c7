from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from haochaping.kit.config import ROOT, Misconfigured
from haochaping.kit.process import Process
from haochaping.kit.supervise import Command, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from haochaping.kit.supervise import Command, Database, Supervisor
from haochaping.kit.postgres import Embedded

def command(name, code, **how):
    return Command(name, [sys.executable, "-c", code], **how)
"""
# A child that says its name and pid, then waits to be stopped.
WAITER = "import os, signal; print({name!r}, os.getpid(), flush=True); signal.pause()"


class Running(subprocess.Popen[str]):
    """A supervisor of its own, whose children say `name pid` on its standard output."""

    def __init__(self, body: str, *arguments: str) -> None:
        argv = [sys.executable, "-c", SCRIPT + body, *arguments]
        # Unbuffered children would write a line in pieces, and the pieces of two would mix.
        env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        super().__init__(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=env, start_new_session=True)
        self._passed_over: list[str] = []

    def hear(self, word: str) -> int:
        """The number on the next line that begins with `word`; other lines are kept for whoever asks for them."""
        assert self.stdout is not None
        for line in self._passed_over:
            if line.split()[0] == word:
                self._passed_over.remove(line)
                return int(line.split()[1])
        while line := self.stdout.readline():
            if line.split()[0] == word:
                return int(line.split()[1])
            self._passed_over.append(line)
        raise AssertionError(f"it ended without saying {word}")


@contextmanager
def supervise(body: str, *arguments: str) -> Iterator[Running]:
    """Killed if the test fails."""
    with Running(body, *arguments) as running:
        try:
            yield running
        except BaseException:
            running.kill()
            raise


def has_ended(pid: int) -> bool:
    process = Process.find(pid)
    return process is None or process.wait(10)


TWO = f"Supervisor([command('a', {WAITER.format(name='a')!r}), command('b', {WAITER.format(name='b')!r})]).run()"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_and_ends_normally(number: signal.Signals) -> None:
    with supervise(TWO) as running:
        pids = [running.hear("a"), running.hear("b")]
        running.send_signal(number)
        assert running.wait(20) == 0
        assert all(has_ended(pid) for pid in pids)


def test_programs_stop_in_reverse_order() -> None:
    code = (
        "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [15]); print({name!r}, 1, flush=True);"
        "signal.sigwait([15]); print({name!r} + '-ends', flush=True)"
    )
    a, b = (code.format(name=name) for name in ("a", "b"))
    with supervise(f"Supervisor([command('a', {a!r}), command('b', {b!r})]).run()") as running:
        running.hear("a")
        running.hear("b")
        running.terminate()
        assert running.stdout is not None
        assert running.stdout.read().split() == ["b-ends", "a-ends"]


def test_whoever_ends_is_started_again_even_with_code_0() -> None:
    with supervise(
        "Supervisor([command('a', \"import os; print('a', os.getpid(), flush=True)\")], delay=0.01).run()"
    ) as running:
        pids = {running.hear("a") for _ in range(3)}
        assert len(pids) == 3
        running.terminate()


def test_after_kill_9_it_is_started_again_and_its_children_are_gone() -> None:
    code = (
        "import os, subprocess, signal; child = subprocess.Popen(['sleep', '1000']);"
        "print('child', child.pid, flush=True); print('a', os.getpid(), flush=True); signal.pause()"
    )
    with supervise(f"Supervisor([command('a', {code!r})], delay=0.01).run()") as running:
        child, first = running.hear("child"), running.hear("a")
        os.kill(first, signal.SIGKILL)
        assert has_ended(child)
        assert running.hear("a") != first
        running.terminate()


def test_who_does_not_stop_is_killed() -> None:
    code = "import os, signal; signal.signal(15, signal.SIG_IGN); print('a', os.getpid(), flush=True)\nwhile True: signal.pause()"
    with supervise(f"Supervisor([command('a', {code!r})], grace=0.1).run()") as running:
        pid = running.hear("a")
        running.terminate()
        assert running.wait(20) == 0
        assert has_ended(pid)


def test_when_the_supervisor_is_killed_its_commands_end_too() -> None:
    with supervise(TWO) as running:
        pids = [running.hear("a"), running.hear("b")]
        running.kill()
        assert all(has_ended(pid) for pid in pids)


def test_a_command_whose_watchdog_barks_is_started_again(tmp_path: Path) -> None:
    body = (
        f"Supervisor([command('a', {WAITER.format(name='a')!r}, watchdog=lambda: not Path(sys.argv[1]).exists())],"
        " delay=0.01, watch_every=0.05).run()"
    )
    flag = tmp_path / "stuck"
    with supervise(body, str(flag)) as running:
        first = running.hear("a")
        flag.touch()
        assert has_ended(first)
        flag.unlink()
        assert running.hear("a") != first
        running.terminate()


def test_later_programs_wait_until_the_earlier_is_ready(tmp_path: Path) -> None:
    looks = (
        "import pathlib, signal, sys; print('b', int(pathlib.Path(sys.argv[1]).exists()), flush=True); signal.pause()"
    )
    body = (
        f"first = command('a', {WAITER.format(name='a')!r}, ready=lambda: Path(sys.argv[1]).exists())\n"
        f"then = Command('b', [sys.executable, '-c', {looks!r}, sys.argv[1]])\n"
        "Supervisor([first, then]).run()"
    )
    with supervise(body, str(tmp_path / "ready")) as running:
        running.hear("a")
        (tmp_path / "ready").touch()
        assert running.hear("b") == 1
        running.terminate()


def test_what_cannot_be_mended_by_waiting_stops_all_and_is_raised() -> None:
    stopped: list[str] = []

    class Hopeless:
        name = "hopeless"

        def launch(self) -> Process:
            raise Misconfigured("no such luck")

        def is_ready(self) -> bool:
            return True

        def is_well(self) -> bool:
            return True

        def stop(self, process: Process, seconds: float) -> None:
            stopped.append(self.name)

    waiter = Command("waiter", ["sleep", "1000"])
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Misconfigured):
        Supervisor([waiter, Hopeless()]).run()
    assert stopped == []
    assert signal.getsignal(signal.SIGINT) is before


def test_a_command_that_does_not_exist_is_tried_again_until_it_does(tmp_path: Path) -> None:
    program = tmp_path / "program"
    body = "Supervisor([Command('a', [sys.argv[1]])], delay=0.01, longest=0.05).run()"
    with supervise(body, str(program)) as running:
        draft = tmp_path / "draft"
        draft.write_text("#!/bin/sh\necho a $$\nexec sleep 1000\n")
        draft.chmod(0o755)
        draft.rename(program)
        assert running.hear("a")
        running.terminate()


def test_it_says_once_when_all_are_ready() -> None:
    body = f"said = lambda: print('ready', 1, flush=True)\nSupervisor([command('a', {WAITER.format(name='a')!r})], on_ready=said).run()"
    with supervise(body) as running:
        assert running.hear("ready") == 1
        running.hear("a")
        running.terminate()
        assert running.stdout is not None
        assert "ready" not in running.stdout.read()


def test_the_database_is_started_again_and_stopped(place: Path) -> None:
    body = (
        "embedded, seen = Embedded(Path(sys.argv[1])), set()\n"
        "def watch():\n"
        "    pid = embedded.process.pid\n"
        "    if pid not in seen and embedded.answers():\n"
        "        seen.add(pid); print('postmaster', pid, flush=True)\n"
        "    return True\n"
        f"Supervisor([Database(embedded), command('a', {WAITER.format(name='a')!r}, watchdog=watch)],"
        " delay=0.01, watch_every=0.05).run()"
    )
    with supervise(body, str(place / "postgres")) as running:
        first = running.hear("postmaster")
        os.kill(first, signal.SIGKILL)
        second = running.hear("postmaster")
        assert second != first
        running.terminate()
        assert running.wait(60) == 0
        assert has_ended(second)
    assert "database system is shut down" in (place / "postgres" / "postgres.log").read_text().splitlines()[-1]
