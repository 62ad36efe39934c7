"""What a database cluster of ours is made of: settings, roles with their passwords, one database, proof of durability."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg import sql

from haochaping.kit import lodging
from haochaping.kit.config import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

DATABASE = "haochaping"
OWNER = "hcp_owner"  # migrates
APP = "hcp_app"  # everything else: neither owner nor superuser
SUPERUSER = "hcp_superuser"  # only the supervisor
MAJOR = "18"
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}

SETTINGS = """\
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
"""
FIXED = """\
# Nothing personal in the log: an error's text, detail and statement quote values, and the client is told them anyway.
log_min_messages = 'log'
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
log_statement = 'none'
log_min_duration_statement = -1
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_line_prefix = '%m [%p] '
logging_collector = off
fsync = on
full_page_writes = on
synchronous_commit = on
"""


class NotStarted(Exception):  # noqa: N818
    """The server did not get ready; the message carries what PostgreSQL said."""


class Credentials:
    """The passwords of the three roles, 0600 files of the installation, and the URLs that carry them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def url(self, role: str, home: Path, database: str = DATABASE) -> str:
        """`postgresql://` through the socket; without a password where none was made yet."""
        host = quote(str(lodging.socket_directory(home)), safe="")
        try:
            password = self._file(role).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            password = ""
        return f"postgresql://{role}:{password}@/{database}?host={host}"

    def password(self, role: str) -> str:
        return self._file(role).read_text(encoding="ascii").strip()

    def make(self, home: Path) -> None:
        """Each role has a password, on disk before the cluster is; `Misconfigured` if others may read one."""
        for role in (SUPERUSER, OWNER, APP):
            path = self._file(role)
            if path.exists():
                if path.stat().st_mode & 0o077:
                    raise Misconfigured(f"{path} can be read by others: chmod 600 it")
                continue
            if role == SUPERUSER and (home / "data").exists():
                raise Misconfigured(f"{path} is missing: without it the database in {home} cannot be administered")
            draft = path.with_suffix(".new")
            draft.unlink(missing_ok=True)
            with open(draft, "x", opener=private, encoding="ascii") as file:
                file.write(secrets.token_hex(24))
                file.flush()
                os.fsync(file.fileno())
            lodging.give_to_owner(draft)
            draft.rename(path)
        sync(self.directory)

    def _file(self, role: str) -> Path:
        return self.directory / f"{role.removeprefix('hcp_')}.password"


def write_settings(home: Path) -> Path:
    """`postgresql.conf`: ours, then the operator's `local.conf` if there is one, then what nobody may change."""
    settings = home / "postgresql.conf"
    local = "include = 'local.conf'\n" if (home / "local.conf").exists() else ""
    settings.write_text(SETTINGS + local + FIXED, encoding="utf-8")
    settings.chmod(0o644)
    return settings


def initialise(home: Path, user: lodging.Account | None, password: str) -> None:
    """A new cluster in `home/data`, whole and on disk before it bears that name: a killed initdb leaves nothing half made."""
    draft = home / "data.new"
    if draft.exists():
        shutil.rmtree(draft)
    lodging.owned_directory(draft, user)
    password_file = home / "initdb.password"
    password_file.unlink(missing_ok=True)
    with open(password_file, "x", opener=private, encoding="ascii") as file:
        file.write(password)
    if user:
        os.chown(password_file, user.uid, user.gid)
    command = [str(lodging.binaries(user) / "initdb"), "-D", str(draft), f"--username={SUPERUSER}", "--encoding=UTF8"]
    command += [f"--pwfile={password_file}", "--auth=scram-sha-256", "--data-checksums", "--no-instructions"]
    command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    identity = lodging.identity(user)
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd="/", env=ENVIRONMENT, umask=0o077, **identity
        )
    finally:
        password_file.unlink()
    if done.returncode:
        raise NotStarted(f"initdb failed: {done.stderr.strip()[-2000:]}")
    draft.rename(home / "data")
    sync(home)


def establish(credentials: Credentials, home: Path) -> None:
    """Roles, database and rights as promised, and `verify_durable`; repeatable, mends a password that was replaced."""
    with connect(credentials.url(SUPERUSER, home, "postgres")) as connection:
        verify_durable(connection)
        connection.execute("SELECT pg_advisory_lock(1)")  # two that start at once; nobody else works in this database
        for role, rights in ((OWNER, "CREATEDB"), (APP, "NOCREATEDB")):
            secret, name = sql.Literal(credentials.password(role)), sql.Identifier(role)
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                create = "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE " + rights + " PASSWORD {}"
                connection.execute(sql.SQL(create).format(name, secret))
            elif not _may_log_in(credentials.url(role, home, "postgres")):
                connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, secret))
        database, owner, app = sql.Identifier(DATABASE), sql.Identifier(OWNER), sql.Identifier(APP)
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        # So that a migration may end a session that blocks it, and `DROP DATABASE … WITH (FORCE)` works.
        connection.execute(sql.SQL("GRANT pg_signal_backend TO {}").format(owner))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
        connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {} TO {}").format(database, app))


def verify_durable(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Raise `Misconfigured` if this server, or one of its roles or databases, may lose what it acknowledged."""
    wanted = ["fsync", "full_page_writes", "synchronous_commit", "data_checksums"]
    rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [wanted]).fetchall()
    wrong = [f"{name}={value}" for name, value in rows if value == "off"]
    overrides = connection.execute("SELECT unnest(setconfig) FROM pg_db_role_setting").fetchall()
    wrong += [str(setting) for (setting,) in overrides if str(setting).lower() in _UNSAFE]
    if wrong:
        raise Misconfigured(
            f"PostgreSQL runs with {', '.join(wrong)}: an acknowledged rating could be lost; switch it on"
        )


_UNSAFE = {f"synchronous_commit={value}" for value in ("off", "false", "no", "0")}


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True, connect_timeout=5)


def _may_log_in(url: str) -> bool:
    try:
        connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def private(path: str, flags: int) -> int:
    """An `opener` for files that only we may read."""
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


def sync(directory: Path) -> None:
    """Names in `directory` are on disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
