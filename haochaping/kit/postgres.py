"""The embedded PostgreSQL 18: its binaries come from a wheel, everything else about its life is decided here.

It listens on a Unix socket in a 0700 directory only, asks everybody for a password (SCRAM), never runs as root, and is
refused when a setting could lose what it acknowledged. The server outlives a supervisor that is killed: it keeps what
it was given, and the next `start` recognises it and goes on with it.

Two things tell who runs, and no pid is ever trusted by itself. The postmaster and all its children hold a lock on
`postmaster.lock` that they inherited, so when it is free nobody uses the data, whatever `postmaster.pid` says. And a
running postmaster is recognised by executable and data directory while a pidfd holds it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from haochaping.kit import cluster, lodging
from haochaping.kit.cluster import APP, MAJOR, OWNER, SUPERUSER, NotStarted
from haochaping.kit.config import Misconfigured
from haochaping.kit.process import Process, dies_with_parent, links, named

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Embedded", "NotStarted"]
ATTEMPTS = 3
LOG_LIMIT = 10 * 2**20
LOG_GENERATIONS = 5
log = logging.getLogger(__name__)


class Embedded:
    """The PostgreSQL of the installation whose database lives under `directory`.

    Making one touches nothing. Any number of processes may `start` the same one; `stop` by the last of them ends it.
    With `dies_with_us` the server is shut down when the thread that started it ends, even by kill -9 (tests).
    """

    def __init__(self, directory: Path, *, dies_with_us: bool = False) -> None:
        self.directory = Path(os.path.abspath(directory))  # noqa: PTH100  resolve() needs the right to look everywhere
        self.dies_with_us = dies_with_us
        self._credentials = cluster.Credentials(self.directory)
        self._home = self.directory
        self._account: lodging.Account | None = None
        self._process: Process | None = None
        self._in_use: int | None = None

    @property
    def owner_url(self) -> str:
        """`postgresql://` URL of the role that migrates; before `settle` or the first start, one that cannot connect."""
        return self._credentials.url(OWNER, lodging.where(self.directory))

    @property
    def app_url(self) -> str:
        """`postgresql://` URL of the application's role; before `settle` or the first start, one that cannot connect."""
        return self._credentials.url(APP, lodging.where(self.directory))

    @property
    def log_file(self) -> Path:
        return self.directory / "postgres.log"

    @property
    def process(self) -> Process | None:
        """The postmaster as last seen by `start` or `launch`."""
        return self._process

    def settle(self) -> None:
        """Make the directory and the passwords, so that both URLs are final; no server is started."""
        with self._alone():
            pass

    def start(self, timeout: float = 300) -> None:
        """Return when the server answers `SELECT 1` and its roles, database and safety are as promised.

        Makes a new cluster if there is none, goes on with a running one, clears what a crash left. Raises `NotStarted`
        after `timeout` seconds or when it ends again, and `Misconfigured` for what waiting does not mend.
        """
        deadline = time.monotonic() + timeout
        for _ in range(ATTEMPTS):  # more than once, because one that we found running may just have been told to stop
            process = self.launch()
            if self._answers_before(deadline, process):
                break
            if time.monotonic() >= deadline:
                raise NotStarted(f"PostgreSQL was not ready after {timeout:g} s; {self._log_end()}")
        else:
            raise NotStarted(f"PostgreSQL ended while it was starting; {self._log_end()}")
        self.establish()

    def establish(self) -> None:
        """What `start` does once the server answers: roles, database, proof of durability, else stop and `Misconfigured`."""
        try:
            cluster.establish(self._credentials, self._home)
        except Misconfigured:
            self.stop()
            raise

    def launch(self) -> Process:
        """The running postmaster, or a new one that is not ready yet; quick, but for the first time (initdb)."""
        with self._alone():
            self._join()
            process = self._running()
            if process is None:
                if not (self._home / "data").exists():
                    cluster.initialise(self._home, self._account, self._credentials.password(SUPERUSER))
                process = self._spawn()
            if self._process is not None and self._process is not process:
                self._process.wait(0)  # reaps it
                self._process.close()
            self._process = process
            return process

    def stop(self, timeout: float = 60) -> bool:
        """Fast shutdown (clients are cut off, all is written), unless another process still uses the server.

        False if it was left running for others. After `timeout` an immediate shutdown, which the next start recovers from.
        """
        if not self._locate():
            return True
        self._join()
        assert self._in_use is not None
        try:
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (process := self._running()) is not None:
                for number, seconds in ((signal.SIGINT, timeout), (signal.SIGQUIT, 10), (signal.SIGKILL, 10)):
                    process.send(number)
                    if process.wait(seconds):
                        break
                    log.warning("PostgreSQL still runs %g s after %s", seconds, number.name)
                process.close()
        except BlockingIOError:
            return False
        finally:
            os.close(self._in_use)
            self._in_use = None
        if self._process is not None:
            self._process.wait(0)  # reaps it
            self._process.close()
            self._process = None
        return True

    def is_alive(self) -> bool:
        """Whether the postmaster of this data directory runs, whoever started it."""
        if self._process is not None and self._process.is_running():
            return True
        if not self._locate() or (process := self._running()) is None:
            return False
        process.close()
        return True

    def answers(self) -> bool:
        """One real `SELECT 1`, within 5 seconds."""
        try:
            with cluster.connect(
                self._credentials.url(SUPERUSER, lodging.where(self.directory), "postgres")
            ) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within the block the server runs; afterwards it is stopped unless somebody else uses it."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def rotate_log(self) -> None:
        """Keep `postgres.log` below 10 MB and five old ones beside it; call now and then while the server runs."""
        if not self.log_file.exists() or self.log_file.stat().st_size < LOG_LIMIT:
            return
        generations = [self.log_file.with_suffix(f".log.{n}") for n in range(1, LOG_GENERATIONS + 1)]
        for newer, older in reversed(list(pairwise(generations))):
            with suppress(FileNotFoundError):
                newer.rename(older)
        # The server keeps its descriptor, so the file is copied and emptied, not renamed (it writes with O_APPEND).
        shutil.copy2(self.log_file, generations[0])
        os.truncate(self.log_file, 0)

    # ── one postmaster ────────────────────────────────────────────────────────────────────────────────────────────

    def _locate(self) -> bool:
        """Whether there is a cluster; learns where it is and as whom it runs."""
        self._home = lodging.where(self.directory)
        if not (self._home / "data").exists():
            return False
        self._account = lodging.account(self._home / "data")
        return True

    def _running(self) -> Process | None:
        """The postmaster of our data directory, or None; waits for one that is stopping."""
        data = self._home / "data"
        try:
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None
        if self._process is not None and self._process.pid == pid and self._process.is_running():
            process = self._process
        else:
            found = Process.find(pid)
            if found is None:
                return None
            exe, cwd = links(pid, self._account)
            is_ours = Path(exe.removesuffix(" (deleted)")).name == "postgres" and cwd == str(data.resolve())
            if not is_ours or not found.is_running():
                found.close()
                return None
            process = found
        is_stopping = len(lines) > 7 and lines[7].strip() == "stopping"
        return None if is_stopping and process.wait(60) else process

    def _spawn(self) -> Process:
        data = self._home / "data"
        version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR:
            raise Misconfigured(f"{data} was written by PostgreSQL {version}, this is {MAJOR}: restore it from a dump")
        run = lodging.socket_directory(self._home, make_for=self._account, make=True)
        settings = cluster.write_settings(self._home)
        self.rotate_log()
        command = [str(lodging.binaries(self._account) / "postgres"), "-D", str(data), "-c", f"config_file={settings}"]
        command += ["-c", f"hba_file={data / 'pg_hba.conf'}", "-c", f"unix_socket_directories={run}"]
        with (
            open(self.directory / "postmaster.lock", "ab", opener=cluster.private) as lock,
            open(self.log_file, "ab", opener=cluster.private) as output,
        ):
            for path in (lock.name, output.name):
                lodging.give_to_owner(Path(path))
            self._claim(lock.fileno())
            # Nobody runs there; but PostgreSQL would be kept back by a zombie, or whoever of its user has the old pid now.
            for stale in (data / "postmaster.pid", run / ".s.PGSQL.5432.lock"):
                stale.unlink(missing_ok=True)
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[lock.fileno()],
                cwd="/",
                env=cluster.ENVIRONMENT,
                umask=0o077,
                start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor
                preexec_fn=dies_with_parent(signal.SIGINT) if self.dies_with_us else None,  # noqa: PLW1509
                **lodging.identity(self._account),
            )
        return Process.of(child)

    def _claim(self, lock: int) -> None:
        """Lock the data for a new postmaster; ends the backends that a killed one left, as it would have done itself."""
        uid = self._account.uid if self._account else os.geteuid()
        data = str((self._home / "data").resolve())
        for number in (signal.SIGQUIT, signal.SIGKILL, None):
            with suppress(BlockingIOError):
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if number is None:
                break
            left = [
                p for pid in named("postgres", uid) if (p := Process.find(pid)) and links(pid, self._account)[1] == data
            ]
            for process in left:
                process.send(number)
            for process in left:
                process.wait(5)
                process.close()
        raise NotStarted(f"{data} is in use by a PostgreSQL that cannot be reached from here (another container?)")

    def _answers_before(self, deadline: float, process: Process) -> bool:
        """Wait until it answers; False if it ended or the deadline passed."""
        while not self.answers():
            if process.wait(min(0.05, max(0.0, deadline - time.monotonic()))) or time.monotonic() >= deadline:
                return False
        return True

    def _log_end(self) -> str:
        lines: list[str] = []
        with suppress(FileNotFoundError):
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        return "\n".join([f"{self.log_file} ends:", *lines])

    # ── several processes ─────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time decides about the server's life, in a directory that is settled."""
        lodging.make(self.directory)
        with open(self.directory / "start.lock", "ab", opener=cluster.private) as file:
            lodging.give_to_owner(Path(file.name))
            fcntl.flock(file, fcntl.LOCK_EX)
            self._home, self._account = lodging.settle(self.directory)
            self._credentials.make(self._home)
            yield

    def _join(self) -> None:
        """Count ourselves among the server's users, until `stop` or the end of this process."""
        if self._in_use is None:
            path = self.directory / "users.lock"
            self._in_use = cluster.private(str(path), os.O_RDWR | os.O_CREAT)
            lodging.give_to_owner(path)
            fcntl.flock(self._in_use, fcntl.LOCK_SH)
