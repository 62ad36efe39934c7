from __future__ import annotations

import os
import signal
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from haochaping.kit import cluster, lodging
from haochaping.kit.config import Misconfigured
from haochaping.kit.postgres import LOG_LIMIT, Embedded, NotStarted
from tests.kit.installations import as_root, ask, do, ends, pid, start_elsewhere, superuser


@pytest.fixture
def running(_veteran: Embedded) -> Embedded:
    """For the tests that only look."""
    _veteran.start(60)
    return _veteran


# ── what it promises while it runs ────────────────────────────────────────────────────────────────────────────────


def test_both_roles_reach_the_database_through_their_urls(running: Embedded) -> None:
    assert ask(running.app_url, "SELECT current_user || '@' || current_database()") == "hcp_app@haochaping"
    assert ask(running.owner_url, "SELECT current_user || '@' || current_database()") == "hcp_owner@haochaping"


def test_the_application_is_neither_owner_nor_superuser(running: Embedded) -> None:
    rights = (
        "SELECT bool_or(rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)::text FROM pg_roles"
    )
    assert ask(running.app_url, f"{rights} WHERE rolname = 'hcp_app'") == "false"
    assert (
        ask(
            running.app_url,
            "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member AND rolname = 'hcp_app'",
        )
        == 0
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        do(running.app_url, "CREATE TABLE mine (a int)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        do(running.app_url, "CREATE SCHEMA mine")


def test_the_owner_owns_database_and_schema_and_is_no_superuser(running: Embedded) -> None:
    assert (
        ask(running.owner_url, "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'haochaping'")
        == "hcp_owner"
    )
    assert (
        ask(
            running.owner_url,
            "SELECT pg_has_role('hcp_owner', nspowner, 'USAGE') FROM pg_namespace WHERE nspname = 'public'",
        )
        is True
    )
    assert ask(running.owner_url, "SELECT rolsuper FROM pg_roles WHERE rolname = 'hcp_owner'") is False


@pytest.mark.parametrize("role", [cluster.SUPERUSER, cluster.OWNER, cluster.APP])
def test_nobody_comes_in_without_the_password(running: Embedded, role: str) -> None:
    host = lodging.socket_directory(lodging.where(running.directory))
    for password in ("", "guess"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(host=str(host), user=role, dbname="haochaping", password=password, passfile=os.devnull)


def test_passwords_are_scram_and_nothing_else_is_accepted(running: Embedded) -> None:
    assert (
        ask(superuser(running), "SELECT bool_and(rolpassword LIKE 'SCRAM-SHA-256$%') FROM pg_authid WHERE rolcanlogin")
        is True
    )
    assert (
        ask(superuser(running), "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
        == "scram-sha-256"
    )


def test_it_listens_on_the_socket_alone(running: Embedded) -> None:
    assert ask(superuser(running), "SELECT current_setting('listen_addresses')") == ""


def test_only_we_can_read_the_secrets_and_enter_the_socket_directory(running: Embedded) -> None:
    for name in ("superuser", "owner", "app"):
        assert stat.S_IMODE((running.directory / f"{name}.password").stat().st_mode) == 0o600
    for name in ("data", "run"):
        assert stat.S_IMODE((lodging.where(running.directory) / name).stat().st_mode) == 0o700
    assert stat.S_IMODE(running.log_file.stat().st_mode) == 0o600


@as_root
def test_started_by_root_it_runs_without_any_right_of_root(running: Embedded) -> None:
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid(running)}/status").read_text().splitlines() if ":\t" in line
    )
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()
    assert "0" not in status["Groups"].split()
    assert int(status["CapEff"], 16) == 0


def test_the_log_holds_nothing_that_people_wrote(running: Embedded) -> None:
    do(running.owner_url, "CREATE TABLE IF NOT EXISTS people (phone text PRIMARY KEY CHECK (length(phone) = 11))")
    for _ in range(2):  # the second breaks the key, and its detail quotes it
        with suppress(psycopg.errors.UniqueViolation):
            do(running.owner_url, "INSERT INTO people VALUES ('13912345678')")
    with pytest.raises(psycopg.errors.CheckViolation):
        do(running.owner_url, "INSERT INTO people VALUES ('139123456780')")
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        do(running.owner_url, "SELECT 'born 13912345678'::int")
    assert "13912345678" not in running.log_file.read_text()


def test_the_log_is_rotated_while_the_server_writes_it(server: Embedded) -> None:
    server.start(60)
    with server.log_file.open("a") as file:
        file.write("x" * LOG_LIMIT)
    for _ in range(2):
        server.rotate_log()
    assert server.log_file.stat().st_size == 0
    server.stop()
    assert server.log_file.read_text().endswith("database system is shut down\n")
    assert server.log_file.with_suffix(".log.1").stat().st_size >= LOG_LIMIT


# ── starting and stopping ─────────────────────────────────────────────────────────────────────────────────────────


def test_starting_twice_is_starting_once_and_data_outlive_a_stop(server: Embedded) -> None:
    server.start(60)
    first = pid(server)
    server.start(60)
    assert pid(server) == first
    do(server.owner_url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1 AS one")
    assert server.stop()
    assert not server.is_alive()
    server.start(60)
    assert ask(server.owner_url, "SELECT one FROM kept") == 1


def test_before_the_first_start_the_urls_cannot_connect_and_nothing_is_made(place: Path) -> None:
    server = Embedded(place / "postgres")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.app_url)
    assert not server.is_alive()
    assert server.stop()
    assert list(place.iterdir()) == []


def test_the_last_user_turns_off_the_light(server: Embedded) -> None:
    server.start(60)
    guest = Embedded(server.directory)
    with guest.running():
        assert guest.is_alive()
    assert server.is_alive(), "the guest left it running"
    guest.start(60)
    assert not server.stop(), "the host leaves it to the guest"
    assert guest.is_alive()
    assert guest.stop()
    assert not server.is_alive()


def test_a_lost_password_of_a_role_is_replaced(server: Embedded) -> None:
    server.start(60)
    server.stop()
    (server.directory / "app.password").unlink()
    server.start(60)
    assert ask(server.app_url, "SELECT 1") == 1


def test_it_refuses_to_run_when_something_acknowledged_could_be_lost(new_server: Embedded) -> None:
    new_server.start(60)
    overrides = lodging.where(new_server.directory) / "data" / "postgresql.auto.conf"
    for sabotage in (
        "SYSTEM SET fsync = off",
        "SYSTEM SET full_page_writes = off",
        "ROLE hcp_app SET synchronous_commit = off",
    ):
        do(superuser(new_server), f"ALTER {sabotage}")
        new_server.stop()
        with pytest.raises(Misconfigured, match="could be lost"):
            new_server.start(60)
        assert not new_server.is_alive()
        overrides.write_text("")
        if "SYSTEM" in sabotage:
            new_server.start(60)


def test_a_password_file_that_others_can_read_is_refused(new_server: Embedded) -> None:
    new_server.settle()
    (new_server.directory / "app.password").chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        new_server.start(60)


def test_a_setting_of_the_operator_that_is_nonsense_is_told_and_ends_the_wait(server: Embedded) -> None:
    server.settle()
    (server.directory / "local.conf").write_text("shared_buffers = 'plenty'\n")
    with pytest.raises(NotStarted, match="shared_buffers"):
        server.start(60)
    (server.directory / "local.conf").write_text("shared_buffers = '64MB'\nfsync = off\n")
    server.start(60)
    assert ask(server.app_url, "SELECT current_setting('shared_buffers') || current_setting('fsync')") == "64MBon"
    (server.directory / "local.conf").unlink()


# ── crashes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_after_kill_9_of_the_postmaster_it_starts_again_with_everything_committed(server: Embedded) -> None:
    server.start(60)
    do(server.owner_url, "DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT 1 AS one")
    with psycopg.connect(server.owner_url) as busy:  # a backend that does not look whether its postmaster lives
        busy.execute("SELECT 1")
        with busy.cursor() as cursor:
            busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
            os.kill(pid(server), signal.SIGKILL)
            ends(pid(server))
            assert not server.is_alive()
            server.start(60)
        del cursor
        busy.close()
    assert ask(server.owner_url, "SELECT one FROM kept") == 1


def test_after_kill_9_of_a_backend_the_server_recovers_by_itself(server: Embedded) -> None:
    server.start(60)
    before = pid(server)
    with psycopg.connect(server.app_url) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        ends(victim.info.backend_pid)
        victim.close()
    server.start(60)
    assert pid(server) == before
    assert ask(server.app_url, "SELECT 1") == 1


def test_when_the_supervisor_is_killed_the_server_goes_on_and_the_next_one_adopts_it(server: Embedded) -> None:
    with start_elsewhere(server.directory) as former:
        assert former.stdout is not None
        postmaster = int(former.stdout.readline())
        former.kill()
        former.wait()
    assert server.is_alive()
    server.start(60)
    assert pid(server) == postmaster
    assert ask(server.app_url, "SELECT 1") == 1
    assert server.stop()
    ends(postmaster)


def test_two_that_start_at_once_share_one_server(new_server: Embedded) -> None:
    with start_elsewhere(new_server.directory) as one, start_elsewhere(new_server.directory) as two:
        assert one.stdout is not None
        assert two.stdout is not None
        assert one.stdout.readline() == two.stdout.readline() != ""
        one.communicate()
        assert new_server.is_alive()
        two.communicate()
    assert not new_server.is_alive()


def leave_pid_file(server: Embedded, number: int) -> None:
    """As if the machine had crashed and that pid belonged to somebody else now."""
    server.start(60)
    data = lodging.where(server.directory) / "data"
    written = (data / "postmaster.pid").read_text()
    lock = lodging.socket_directory(lodging.where(server.directory)) / ".s.PGSQL.5432.lock"
    owner = data.stat()
    server.stop()
    for path in (data / "postmaster.pid", lock):
        path.write_text(written.replace(written.splitlines()[0], str(number), 1))
        os.chown(path, owner.st_uid, owner.st_gid)


def test_a_stale_pid_file_does_not_hinder(server: Embedded) -> None:
    leave_pid_file(server, 2**22 - 1)
    assert not server.is_alive()
    server.start(60)
    assert ask(server.app_url, "SELECT 1") == 1


def test_a_pid_that_was_given_to_another_process_does_not_deceive(server: Embedded) -> None:
    server.settle()
    user = lodging.settle(server.directory)[1]
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, cwd="/", **lodging.identity(user)) as stranger:
        leave_pid_file(server, stranger.pid)
        assert not server.is_alive()
        server.start(60)
        assert ask(server.app_url, "SELECT 1") == 1
        assert stranger.poll() is None, "the stranger was left alone"
        stranger.communicate()


def test_a_postmaster_that_nobody_reaped_is_dead(server: Embedded) -> None:
    first = Embedded(server.directory)
    first.start(60)
    os.kill(pid(first), signal.SIGKILL)
    assert first.process is not None
    assert first.process.wait_unreaped(10)
    assert ") Z " in Path(f"/proc/{pid(first)}/stat").read_text()
    assert not server.is_alive()
    server.start(60)
    assert ask(server.app_url, "SELECT 1") == 1
    assert first.process.wait(1)
    assert not first.stop(), "there are two users"


def test_a_first_start_that_was_killed_halfway_leaves_nothing_half_made(new_server: Embedded) -> None:
    new_server.settle()
    home = lodging.where(new_server.directory)
    (home / "data.new").mkdir(mode=0o700)
    (home / "data.new" / "PG_VERSION").write_text("18\n")
    new_server.start(60)
    assert ask(new_server.app_url, "SELECT 1") == 1
    assert not (home / "data.new").exists()
