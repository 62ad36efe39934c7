"""Running processes, held by a pidfd, so that a pid that the system gives away again is never mistaken for the old one."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from haochaping.kit.lodging import identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from haochaping.kit.lodging import Account

PROC = Path("/proc")
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Process:
    """One living process, ours or not; `pid` alone is never trusted after this was made."""

    def __init__(self, pid: int, descriptor: int) -> None:
        self.pid = pid
        self.descriptor = descriptor
        self.exit_code: int | None = None
        """Of a child of ours that has ended and was waited for; negative for a signal, else None."""

    @classmethod
    def find(cls, pid: int) -> Process | None:
        """The running process with that pid; None if there is none or only a zombie."""
        try:
            process = cls(pid, os.pidfd_open(pid))
        except (OSError, OverflowError, ValueError):
            return None
        if process.is_running():
            return process
        process.close()
        return None

    @classmethod
    def of(cls, child: subprocess.Popen[bytes]) -> Process:
        """Our own child. It is ours to reap from now on; its Popen is done with and may be forgotten."""
        process = cls(child.pid, os.pidfd_open(child.pid))
        child.returncode = 0
        return process

    def is_running(self) -> bool:
        """False for a zombie as well: what has ended does not run, whether or not somebody reaped it."""
        return not self.wait_unreaped(0)

    def wait(self, seconds: float) -> bool:
        """Whether it has ended within `seconds`; returns as soon as it does, and reaps a child of ours."""
        ended = self.wait_unreaped(seconds)
        if ended and self.descriptor >= 0:
            with suppress(ChildProcessError):  # not ours, or reaped before
                told = os.waitid(os.P_PIDFD, self.descriptor, os.WEXITED | os.WNOHANG)
                if told is not None:
                    self.exit_code = told.si_status if told.si_code == os.CLD_EXITED else -told.si_status
        return ended

    def wait_unreaped(self, seconds: float) -> bool:
        """As `wait`, but a child stays a zombie, so that the number of its process group is not given away yet."""
        if self.descriptor < 0:
            return True
        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(max(0, int(seconds * 1000))))

    def send(self, number: signal.Signals) -> None:
        """Signal exactly this process; nothing happens if it has ended."""
        if self.descriptor >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.descriptor, number)

    def close(self) -> None:
        """Let go of the descriptor; the process itself is left alone."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def dies_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For `preexec_fn`: the child is sent `number` when the thread that started it ends, even by kill -9."""
    parent = os.getpid()

    def arrange() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it was killed before we could say so
            os.kill(os.getpid(), number)

    return arrange


def links(pid: int, user: Account | None) -> tuple[str, str]:
    """The executable and the working directory of a process of `user` (None: ours), or two empty strings.

    They are looked at as that user: root in a container without CAP_SYS_PTRACE may not, but the user itself may.
    """
    paths = [str(PROC / str(pid) / name) for name in ("exe", "cwd")]
    try:
        told = subprocess.run(["readlink", *paths], capture_output=True, check=True, cwd="/", **identity(user)).stdout
        exe, cwd = os.fsdecode(told).splitlines()
    except (OSError, ValueError, subprocess.CalledProcessError):
        return "", ""
    return exe, cwd


def named(name: str, uid: int) -> Iterator[int]:
    """The pids of processes of user `uid` whose short name is `name`, zombies included."""
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if entry.stat().st_uid == uid and (entry / "comm").read_text(encoding="utf-8").strip() == name:
                    yield int(entry.name)
