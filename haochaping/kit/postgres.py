"""The embedded PostgreSQL 18: its binaries come from a wheel, everything else about its life is decided here.

It listens on a Unix socket in a 0700 directory only, asks everybody for a password (SCRAM), never runs as root, and is
refused when a setting could lose what it acknowledged. The server outlives a supervisor that is killed: the next
`start` recognises it by pid, start, executable and data directory and goes on with it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from haochaping.kit import lodging
from haochaping.kit.config import Misconfigured
from haochaping.kit.process import Process, dies_with_parent, links, named

if TYPE_CHECKING:
    from collections.abc import Iterator

DATABASE = "haochaping"
OWNER = "hcp_owner"  # migrates
APP = "hcp_app"  # everything else: neither owner nor superuser
SUPERUSER = "hcp_superuser"  # only this module
MAJOR = "18"
ATTEMPTS = 6
LOG_LIMIT = 10 * 2**20
LOG_GENERATIONS = 5
log = logging.getLogger(__name__)

SETTINGS = f"""\
# Written at every start; your own settings go into local.conf beside this file (what follows here is not negotiable).
listen_addresses = ''
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 120
shared_buffers = '256MB'
work_mem = '8MB'
maintenance_work_mem = '64MB'
effective_cache_size = '1GB'
random_page_cost = 1.1
# Two cores are shared with web and worker; wide questions go to DuckDB. Parallel workers would also fill a container's /dev/shm.
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
wal_compression = 'on'
min_wal_size = '128MB'
max_wal_size = '1GB'
checkpoint_timeout = '15min'
timezone = 'UTC'
log_timezone = 'UTC'
idle_in_transaction_session_timeout = '5min'
# Nothing personal in the log: an error's text, detail and statement quote values, and the client is told them anyway.
log_min_messages = 'log'
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
log_statement = 'none'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_line_prefix = '%m [%p] '
logging_collector = off
fsync = on
full_page_writes = on
synchronous_commit = on
# PostgreSQL {MAJOR}
"""


class NotStarted(Exception):  # noqa: N818
    """The server did not get ready; the message carries the end of its log."""


class Embedded:
    """The PostgreSQL of the installation whose database lives under `directory`.

    Making one touches nothing. Any number of processes may `start` the same one; `stop` by the last of them ends it.
    With `dies_with_us` the server is shut down when the thread that started it ends, even by kill -9 (tests).
    """

    def __init__(self, directory: Path, *, dies_with_us: bool = False) -> None:
        self.directory = Path(os.path.abspath(directory))  # noqa: PTH100  resolve() needs the right to look everywhere
        self.dies_with_us = dies_with_us
        self._home = self.directory
        self._account: lodging.Account | None = None
        self._process: Process | None = None
        self._in_use: int | None = None

    @property
    def owner_url(self) -> str:
        """`postgresql://` URL of the role that migrates; before the first start, one that cannot connect."""
        return self._url(OWNER)

    @property
    def app_url(self) -> str:
        """`postgresql://` URL of the application's role; before the first start, one that cannot connect."""
        return self._url(APP)

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
            self._settle()

    def start(self, timeout: float = 300) -> None:
        """Return when the server answers `SELECT 1` and its roles, database and safety are as promised.

        Makes a new cluster if there is none, goes on with a running one, clears what a crash left. Raises `NotStarted`
        after `timeout` seconds and `Misconfigured` for what waiting does not mend.
        """
        deadline = time.monotonic() + timeout
        for attempt in range(ATTEMPTS):
            process = self.launch()
            if self._answers(process, deadline):
                break
            if attempt == ATTEMPTS - 1 or time.monotonic() >= deadline:
                raise NotStarted(f"PostgreSQL did not get ready; {self.log_file} ends:\n{self._log_end()}")
            # It ended: most likely the backends of a killed postmaster still hold its shared memory.
            self._end_orphans()
            threading.Event().wait(0.1 * 2**attempt)
        try:
            self._establish()
        except Misconfigured:
            self.stop()
            raise

    def launch(self) -> Process:
        """The running postmaster, or a new one that is not ready yet; quick, but for the first time (initdb)."""
        with self._alone():
            self._settle()
            self._join()
            if (running := self._running()) is not None:
                self._process = running
                return running
            if not (self._home / "data").exists():
                self._initialise()
            self._process = self._spawn()
            return self._process

    def stop(self, timeout: float = 60) -> bool:
        """Fast shutdown (clients are cut off, all is written), unless another process still uses the server.

        False if it was left running for others. After `timeout` an immediate shutdown, which the next start recovers from.
        """
        if self._in_use is None:
            self._join()
        assert self._in_use is not None
        try:
            fcntl.flock(self._in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._leave()
            return False
        try:
            self._home = lodging.where(self.directory)
            self._account = lodging.account(self._home / "data")
            if (process := self._running()) is not None:
                process.send(signal.SIGINT)
                if not process.wait(timeout):
                    log.warning("PostgreSQL did not shut down in %s s; ending it at once", timeout)
                    process.send(signal.SIGQUIT)
                    if not process.wait(10):
                        process.send(signal.SIGKILL)
                        process.wait(10)
            if self._process is not None:
                self._process.wait(0)
                self._process = self._process.close()
        finally:
            self._leave()
        return True

    def is_alive(self) -> bool:
        """Whether the postmaster of this data directory runs, whoever started it."""
        if self._process is not None and self._process.is_running():
            return True
        self._home = lodging.where(self.directory)
        if not (self._home / "data").exists():
            return False
        self._account = lodging.account(self._home / "data")
        if (process := self._running()) is None:
            return False
        process.close()
        return True

    @contextmanager
    def running(self) -> Iterator[None]:
        """Within the block the server runs; afterwards it is stopped unless somebody else uses it."""
        self.start()
        try:
            yield
        finally:
            self.stop()

    def answers(self) -> bool:
        """One real `SELECT 1`, within 5 seconds."""
        try:
            with self._connect("postgres") as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def rotate_log(self) -> None:
        """Keep `postgres.log` below 10 MB and five old ones beside it; call now and then while the server runs."""
        with suppress(FileNotFoundError):
            if self.log_file.stat().st_size < LOG_LIMIT:
                return
            for n in range(LOG_GENERATIONS - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self.log_file.with_suffix(f".log.{n}").rename(self.log_file.with_suffix(f".log.{n + 1}"))
            # The server keeps its descriptor, so the file is copied and emptied, not renamed (it writes with O_APPEND).
            shutil.copy2(self.log_file, self.log_file.with_suffix(".log.1"))
            os.truncate(self.log_file, 0)

    # ── the postmaster ────────────────────────────────────────────────────────────────────────────────────────────

    def _running(self) -> Process | None:
        """The postmaster of our data directory, known by pid, executable and directory; waits for one that is stopping."""
        data = self._home / "data"
        try:
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            pid = int(lines[0])
        except (FileNotFoundError, NotADirectoryError, ValueError, IndexError):
            return None
        if self._process is not None and self._process.pid == pid and self._process.is_running():
            process = self._process
        elif (process := self._stranger(pid, data)) is None:  # type: ignore[assignment]
            return None
        if len(lines) > 7 and lines[7].strip() == "stopping" and process.wait(60):
            return None
        return process

    def _stranger(self, pid: int, data: Path) -> Process | None:
        """The process with that pid if it is a postmaster in `data`; the pidfd is taken first, so it stays the same one."""
        if (process := Process.find(pid)) is None:
            return None
        exe, cwd = links(pid, self._account.uid if self._account else None)
        is_ours = Path(exe.removesuffix(" (deleted)")).name == "postgres" and cwd == str(data.resolve())
        return process if is_ours and process.is_running() else process.close()

    def _spawn(self) -> Process:
        data = self._home / "data"
        version = (data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR:
            raise Misconfigured(f"{data} was written by PostgreSQL {version}, this is {MAJOR}: restore it from a dump")
        # Nobody runs there (just looked), but PostgreSQL would be kept back by any process that has the old pid now.
        (data / "postmaster.pid").unlink(missing_ok=True)
        run = lodging.socket_directory(self._home, make_for=self._account, make=True)
        settings = self._home / "postgresql.conf"
        own = "include = 'local.conf'\n" if (self._home / "local.conf").exists() else ""
        settings.write_text(own + SETTINGS, encoding="utf-8")
        settings.chmod(0o644)
        self.rotate_log()
        command = [lodging.binaries(self._account) / "postgres", "-D", data, "-c", f"config_file={settings}"]
        command += ["-c", f"hba_file={data / 'pg_hba.conf'}", "-c", f"unix_socket_directories={run}"]
        with open(self.log_file, "ab", opener=_private) as output:  # noqa: PTH123  an opener sets the mode
            self._give_to_owner(self.log_file)
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                umask=0o077,
                start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor
                preexec_fn=dies_with_parent(signal.SIGINT) if self.dies_with_us else None,  # noqa: PLW1509
                **(self._account.identity() if self._account else {}),
            )
        return Process.of(child)

    def _end_orphans(self) -> None:
        """End the backends that a killed postmaster left in our data directory, as it would have done itself."""
        uid = self._account.uid if self._account else os.geteuid()
        data = str((self._home / "data").resolve())
        for number in (signal.SIGQUIT, signal.SIGKILL):
            left = [p for pid in named("postgres", uid) if (p := Process.find(pid)) and links(pid, uid)[1] == data]
            for process in left:
                process.send(number)
            for process in left:
                process.wait(2)
                process.close()

    def _answers(self, process: Process, deadline: float) -> bool:
        """Wait until it answers; False if it ended or the deadline passed."""
        while not self.answers():
            if process.wait(min(0.05, max(0.0, deadline - time.monotonic()))) or time.monotonic() >= deadline:
                return False
        return True

    # ── the cluster ───────────────────────────────────────────────────────────────────────────────────────────────

    def _settle(self) -> None:
        self._home, self._account = lodging.settle(self.directory)
        for role in (SUPERUSER, OWNER, APP):
            self._make_password(role)

    def _initialise(self) -> None:
        """A new cluster, complete and on disk before it bears its name: a killed initdb leaves nothing half made."""
        draft = self._home / "data.new"
        if draft.exists():
            shutil.rmtree(draft)
        lodging.owned_directory(draft, self._account)
        password = self._home / "initdb.password"
        with open(password, "w", opener=_private, encoding="ascii") as file:  # noqa: PTH123
            file.write(self._password(SUPERUSER))
        if self._account:
            os.chown(password, self._account.uid, self._account.gid)
        command = [lodging.binaries(self._account) / "initdb", "-D", draft, f"--username={SUPERUSER}"]
        command += [f"--pwfile={password}", "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        try:
            done = subprocess.run(
                command,
                check=False,
                capture_output=True,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                umask=0o077,
                **(self._account.identity() if self._account else {}),
            )
        finally:
            password.unlink()
        if done.returncode:
            raise NotStarted(f"initdb failed: {done.stderr.decode(errors='replace').strip()[-2000:]}")
        draft.rename(self._home / "data")
        _sync(self._home)

    def _establish(self) -> None:
        """Roles, database and rights as promised, and proof that nothing acknowledged can be lost."""
        with self._connect("postgres") as connection:
            verify_durable(connection)
            for role, rights in ((OWNER, sql.SQL("CREATEDB")), (APP, sql.SQL("NOCREATEDB"))):
                name = sql.Identifier(role)
                if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE {}").format(name, rights))
                if not self._may_log_in(role):
                    secret = sql.Literal(self._password(role))
                    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, secret))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                names = sql.Identifier(DATABASE), sql.Identifier(OWNER)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
            # So that a migration may end a session that blocks it, and `DROP DATABASE … WITH (FORCE)` works.
            connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(sql.Identifier(OWNER)))
            connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
            connection.execute(
                sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(APP)
                )
            )

    def _may_log_in(self, role: str) -> bool:
        try:
            self._connect("postgres", role).close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, database: str, role: str = SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self._url(role, database), autocommit=True, connect_timeout=5)

    # ── files ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _url(self, role: str, database: str = DATABASE) -> str:
        self._home = lodging.where(self.directory)
        host = quote(str(lodging.socket_directory(self._home)), safe="")
        return f"postgresql://{role}:{self._password(role)}@/{database}?host={host}"

    def _password_file(self, role: str) -> Path:
        return self.directory / f"{role.removeprefix('hcp_')}.password"

    def _password(self, role: str) -> str:
        try:
            return self._password_file(role).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return ""

    def _make_password(self, role: str) -> None:
        path = self._password_file(role)
        if path.exists():
            if path.stat().st_mode & 0o077:
                raise Misconfigured(f"{path} can be read by others: chmod 600 it")
            return
        if role == SUPERUSER and (self._home / "data").exists():
            raise Misconfigured(f"{path} is missing: without it the database in {self._home} cannot be administered")
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with open(draft, "x", opener=_private, encoding="ascii") as file:  # noqa: PTH123
            file.write(secrets.token_hex(24))
            file.flush()
            os.fsync(file.fileno())
        self._give_to_owner(draft)
        draft.rename(path)
        _sync(self.directory)

    def _give_to_owner(self, path: Path) -> None:
        """What root makes in somebody's installation belongs to that somebody."""
        if os.geteuid() == 0:
            owner = self.directory.stat()
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def _log_end(self) -> str:
        with suppress(FileNotFoundError):
            return "\n".join(self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        return ""

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time decides about the server's life."""
        lodging.settle(self.directory)
        with open(self.directory / "start.lock", "ab", opener=_private) as file:  # noqa: PTH123
            self._give_to_owner(Path(file.name))
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _join(self) -> None:
        """Count ourselves among the server's users, until `stop` or the end of this process."""
        if self._in_use is None:
            path = self.directory / "users.lock"
            self._in_use = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._give_to_owner(path)
            fcntl.flock(self._in_use, fcntl.LOCK_SH)

    def _leave(self) -> None:
        if self._in_use is not None:
            os.close(self._in_use)
            self._in_use = None


def verify_durable(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Raise `Misconfigured` if this server, or one of its roles or databases, may lose what it acknowledged."""
    wanted = ("fsync", "full_page_writes", "synchronous_commit", "data_checksums")
    rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(wanted)]).fetchall()
    wrong = [f"{name}={value}" for name, value in rows if value in {"off", "local"}]
    for (settings,) in connection.execute("SELECT setconfig FROM pg_db_role_setting").fetchall():
        assert isinstance(settings, list)
        wrong += [s for s in settings if s.startswith("synchronous_commit=") and s.endswith(("off", "local"))]
    if wrong:
        raise Misconfigured(
            f"PostgreSQL runs with {', '.join(wrong)}: an acknowledged rating could be lost; switch it on"
        )


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
