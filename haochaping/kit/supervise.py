"""All processes of one machine under one roof: started in order, always started again, stopped in reverse order.

If this process itself is killed, its commands are sent SIGTERM by the kernel; the embedded PostgreSQL is not, it goes on
with what it has, and the next supervisor adopts it (`kit.postgres`).
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from haochaping.kit.cluster import NotStarted
from haochaping.kit.process import Process, dies_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from haochaping.kit.postgres import Embedded

STEADY = 30.0  # seconds of life after which an end counts as the first again
READY_EVERY = 0.05
log = logging.getLogger(__name__)


class Program(Protocol):
    """Something that is kept running."""

    @property
    def name(self) -> str: ...

    def launch(self) -> Process:
        """Start it, quickly; `NotStarted` or `OSError` are tried again later, everything else ends the supervisor."""
        ...

    def is_ready(self) -> bool:
        """Asked every 50 ms after each launch; later programs wait for the first time it is."""
        ...

    def is_well(self) -> bool:
        """Asked every few seconds while it is ready; False means stop it and start it again."""
        ...

    def stop(self, process: Process, seconds: float) -> None:
        """It has ended, politely within `seconds` or by force, and left no children; also called after it died."""
        ...


def _yes() -> bool:
    return True


@dataclass(frozen=True)
class Command:
    """A command in a process group of its own; it ends on SIGTERM, and gets that too when this process is killed.

    `ready` and `watchdog` must answer quickly; they run in the supervisor's loop.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    ready: Callable[[], bool] = _yes
    watchdog: Callable[[], bool] = _yes

    def launch(self) -> Process:
        return Process.of(
            subprocess.Popen(
                list(self.argv),
                env=None if self.env is None else dict(self.env),
                stdin=subprocess.DEVNULL,
                process_group=0,  # a Ctrl-C in the terminal is for the supervisor
                preexec_fn=dies_with_parent(signal.SIGTERM),  # noqa: PLW1509  the supervisor has no threads
            )
        )

    def is_ready(self) -> bool:
        return self.ready()

    def is_well(self) -> bool:
        return self.watchdog()

    def stop(self, process: Process, seconds: float) -> None:
        process.send(signal.SIGTERM)
        is_reaped_late = not process.wait_unreaped(seconds)
        with suppress(ProcessLookupError):  # the group keeps its number while the leader is not reaped
            os.killpg(process.pid, signal.SIGKILL)
        if is_reaped_late:
            log.warning("%s did not stop within %g s and was killed", self.name, seconds)
        process.wait(10)


@dataclass(frozen=True)
class Database:
    """The embedded PostgreSQL as a program; a running one is adopted, others may go on using it after `stop`."""

    embedded: Embedded
    name: str = "postgres"

    def launch(self) -> Process:
        return self.embedded.launch()

    def is_ready(self) -> bool:
        if not self.embedded.answers():
            return False
        self.embedded.establish()
        return True

    def is_well(self) -> bool:
        """Always: if it does not answer it is recovering or full, and a restart would only lengthen that."""
        self.embedded.rotate_log()
        return True

    def stop(self, process: Process, seconds: float) -> None:
        if process.is_running():
            self.embedded.stop(max(seconds, 30))


@dataclass
class _Kept:
    program: Program
    process: Process | None = None
    launched: float = 0.0
    is_ready: bool = False
    was_ready: bool = False
    failures: int = 0
    due: float = 0.0
    look: float = field(default=0.0)  # when to ask it next


class Supervisor:
    """Keeps `programs` running until SIGTERM or SIGINT.

    A program that ends, with whatever code (a procrastinate worker exits with 0 when the database restarts), is started
    again after `delay` seconds, doubling up to `longest` while it does not live for 30 s. `on_ready` is called once, when
    all have been ready. Stopping takes `grace` seconds at most for each; a second signal makes it immediate.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        grace: float = 10,
        delay: float = 0.1,
        longest: float = 30,
        watch_every: float = 5,
        on_ready: Callable[[], None] | None = None,
    ) -> None:
        self._kept = [_Kept(program) for program in programs]
        self._grace, self._delay, self._longest, self._watch_every = grace, delay, longest, watch_every
        self._on_ready = on_ready
        self._signals = 0

    def run(self) -> None:
        """Blocks; only in the main thread. What a program raises besides `NotStarted` and `OSError` stops all and is raised."""
        with self._woken_by_signals() as wakeup:
            try:
                while not self._signals:
                    now = time.monotonic()
                    for kept in self._kept:
                        self._tend(kept, now)
                        if not kept.was_ready:
                            break  # the later ones wait for it
                    if self._on_ready and all(kept.was_ready for kept in self._kept):
                        self._on_ready()
                        self._on_ready = None
                    self._wait(wakeup)
            finally:
                self._stop_all()

    def _tend(self, kept: _Kept, now: float) -> None:
        program = kept.program
        if kept.process is not None and not kept.process.is_running():
            self._bury(kept, now)
        if kept.process is None:
            if now < kept.due:
                return
            try:
                kept.process = program.launch()
            except (NotStarted, OSError) as error:
                log.error("%s cannot be started: %s", program.name, error)  # noqa: TRY400  the message says all
                self._put_off(kept, now)
                return
            kept.launched, kept.look, kept.is_ready = now, now, False
            log.info("%s runs as process %d", program.name, kept.process.pid)
        if now < kept.look:
            return
        if not kept.is_ready:
            kept.is_ready = program.is_ready()
            kept.was_ready |= kept.is_ready
            kept.look = now + (self._watch_every if kept.is_ready else READY_EVERY)
        elif program.is_well():
            kept.look = now + self._watch_every
        else:
            log.error("%s does not do its work any more; it is started again", program.name)
            program.stop(kept.process, self._grace)

    def _bury(self, kept: _Kept, now: float) -> None:
        assert kept.process is not None
        kept.program.stop(kept.process, 0)  # its children, if it left any
        if now - kept.launched > STEADY:
            kept.failures = 0
        log.warning("%s ended with code %s", kept.program.name, kept.process.exit_code)
        kept.process.close()
        kept.process, kept.is_ready = None, False
        self._put_off(kept, now)

    def _put_off(self, kept: _Kept, now: float) -> None:
        kept.due = now + min(self._longest, self._delay * 2.0**kept.failures)
        kept.failures = min(kept.failures + 1, 30)

    def _wait(self, wakeup: int) -> None:
        """Until a signal comes, a process ends, or something is due."""
        now = time.monotonic()
        due = now + self._watch_every
        with selectors.DefaultSelector() as selector:
            selector.register(wakeup, selectors.EVENT_READ)
            for kept in self._kept:
                if kept.process is not None:
                    selector.register(kept.process.descriptor, selectors.EVENT_READ)
                    due = min(due, kept.look)
                else:
                    due = min(due, kept.due)
                if not kept.was_ready:
                    break
            for key, _ in selector.select(max(0.0, due - now)):
                if key.fd == wakeup:
                    os.read(wakeup, 512)

    def _stop_all(self) -> None:
        for kept in reversed(self._kept):
            if kept.process is not None:
                kept.program.stop(kept.process, 0 if self._signals > 1 else self._grace)
                kept.process.close()
                kept.process = None

    @contextmanager
    def _woken_by_signals(self) -> Iterator[int]:
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

        def count(_number: int, _frame: object) -> None:
            self._signals += 1

        before = {number: signal.signal(number, count) for number in (signal.SIGTERM, signal.SIGINT)}
        former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(former)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)
