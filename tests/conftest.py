"""One real PostgreSQL per test run, one migrated template, one database per process and one more for whoever asks.

The pytest process that you start (with xdist: the controller) owns an embedded server in a temporary directory and ends
it; `HCP_TEST_DATABASE_OWNER_URL` with `HCP_TEST_DATABASE_URL` (both roles on one server) use that server instead. Without
xdist nothing is started until a test asks for a database.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from haochaping.kit.config import ROOT
from haochaping.kit.postgres import Embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoDbBlocker

TEMPLATE = "HCP_TEST_TEMPLATE"  # how xdist's workers hear of it


def with_name(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


@dataclass(frozen=True)
class Database:
    """One database with the whole schema; `env` is what a process needs to use it."""

    name: str
    app_url: str
    owner_url: str

    @property
    def env(self) -> dict[str, str]:
        return os.environ | {"HCP_DATABASE_URL": self.app_url, "HCP_DATABASE_OWNER_URL": self.owner_url}


class Cluster:
    """The server of this run. Made by the controller; workers find it by their environment."""

    def __init__(self) -> None:
        self._embedded: Embedded | None = None
        self._scratch: Path | None = None
        self.is_controller = "PYTEST_XDIST_WORKER" not in os.environ
        if self.is_controller:
            self._settle()
        self.app_url = os.environ["HCP_DATABASE_URL"]
        self.owner_url = os.environ["HCP_DATABASE_OWNER_URL"]
        self.prefix = os.environ["HCP_TEST_PREFIX"]

    def _settle(self) -> None:
        """Everything settings want to know is in the environment before they are imported."""
        self._scratch = Path(tempfile.mkdtemp(prefix="hcp-test-"))
        atexit.register(self.down)  # also when pytest does not get as far as its own hooks
        self._scratch.chmod(0o711)  # the server's own user must be able to pass when we are root
        os.environ["HCP_DATA"] = str(self._scratch)
        os.environ["HCP_PASSWORD_DAYS"] = "0"  # the cast has worked here since June; a test that wants a limit sets it
        os.environ.pop(TEMPLATE, None)
        if owner_url := os.environ.get("HCP_TEST_DATABASE_OWNER_URL"):
            if "HCP_TEST_DATABASE_URL" not in os.environ:
                raise pytest.UsageError(
                    "HCP_TEST_DATABASE_OWNER_URL needs HCP_TEST_DATABASE_URL (the application's role) too"
                )
            app_url = os.environ["HCP_TEST_DATABASE_URL"]
            os.environ["HCP_TEST_PREFIX"] = f"hcp_test_{uuid4().hex[:8]}_"
        else:
            self._embedded = Embedded(self._scratch / "postgres", dies_with_us=True)
            self._embedded.settle()
            app_url, owner_url = self._embedded.app_url, self._embedded.owner_url
            os.environ["HCP_TEST_PREFIX"] = "hcp_"
        os.environ |= {"HCP_DATABASE_URL": app_url, "HCP_DATABASE_OWNER_URL": owner_url}

    def up(self) -> None:
        """Server and migrated template are there; the first call does the work."""
        if TEMPLATE in os.environ:
            return
        if self._embedded is not None:
            self._embedded.start(60)
        template = self.prefix + "template"
        self._execute("CREATE DATABASE {}", template)
        if find_spec("haochaping.project.cli"):
            command = [sys.executable, "-m", "haochaping.project.cli", "migrate"]
            env = self.database(template).env
            done = subprocess.run(command, env=env, cwd=ROOT, check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"`hcp migrate` failed:\n{done.stdout}\n{done.stderr}")
        os.environ[TEMPLATE] = template

    def down(self) -> None:
        if not self.is_controller or self._scratch is None:
            return
        if self._embedded is not None:
            if self._embedded.is_alive():
                self._embedded.stop()
        elif TEMPLATE in os.environ:
            self.drop(self.prefix + "template")
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch = None

    def database(self, name: str) -> Database:
        return Database(name, with_name(self.app_url, name), with_name(self.owner_url, name))

    def clone(self, name: str) -> Database:
        """A database of its own with the whole schema."""
        self.up()
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, os.environ[TEMPLATE])
        return self.database(name)

    def drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(with_name(self.owner_url, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


_cluster = Cluster()  # before any settings are imported
if find_spec("haochaping.project.settings"):
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")
    import django

    django.setup()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """With xdist the server must be up before the workers come."""
    config = session.config
    if _cluster.is_controller and config.getoption("dist", "no") != "no" and not config.option.collectonly:
        _cluster.up()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Also after a Ctrl-C."""
    _cluster.down()


@pytest.fixture(scope="session")
def cluster() -> Cluster:
    _cluster.up()
    return _cluster


def _point_django_at(database: str) -> None:
    from django.db import connections

    for connection in connections.all():
        connection.close()
        connection.settings_dict["NAME"] = connections.settings[connection.alias]["NAME"] = database


@pytest.fixture(scope="session")
def django_db_setup(cluster: Cluster, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """This process's own clone of the template, for both aliases; `db` rolls back in it as usual."""
    database = cluster.clone(cluster.prefix + os.environ.get("PYTEST_XDIST_WORKER", "main"))
    with django_db_blocker.unblock():
        _point_django_at(database.name)
    yield
    with django_db_blocker.unblock():
        _point_django_at(database.name)  # closes them
    cluster.drop(database.name)


@pytest.fixture
def fresh_database(cluster: Cluster) -> Iterator[Database]:
    """A brand new database for processes of one's own: `subprocess.Popen(…, env=fresh_database.env)`."""
    database = cluster.clone(f"{cluster.prefix}fresh_{uuid4().hex[:12]}")
    yield database
    cluster.drop(database.name)


@pytest.fixture
def committing_db(
    django_db_setup: None, fresh_database: Database, django_db_blocker: DjangoDbBlocker
) -> Iterator[Database]:
    """In this process too the new database, with real commits. Instead of `transactional_db`, whose TRUNCATE the
    application's role may not do."""
    from django.db import connection

    usual = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        _point_django_at(fresh_database.name)
        yield fresh_database
        _point_django_at(usual)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The directory of real data; tests that want it are skipped where it is absent."""
    path = Path(os.environ.get("HCP_SHARED_DATA") or ROOT.parent / "shared" / "data")
    if not path.is_dir():
        pytest.skip("needs HCP_SHARED_DATA")
    return path


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory for a whole installation: the database's own user can pass it, which pytest's are not when we are root."""
    place = Path(tempfile.mkdtemp(prefix="hcp-story-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)
