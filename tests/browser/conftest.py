"""The real application under granian on a free port, with a database of its own; Debian's Chromium in front of it.

`live` points this process's Django at the same database, with real commits: a test sets its scene through the rooms' own
commands and looks at it through the browser. The stage is `tests.cast`, its services were given an hour ago.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.kit.process import dies_with_parent
from haochaping.project import assets
from tests import cast as stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_django import DjangoDbBlocker

    from tests.conftest import Cluster, Database

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == ROOT / "tests" / "browser":
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Live:
    """A running server."""

    url: str
    database: Database
    cast: stage.Cast

    def serve(self, project_no: str | None = None, **more: Any) -> Any:
        """A new service event, served an hour ago: its `ServiceEvent`."""
        from haochaping.evaluation.models import ServiceEvent
        from haochaping.flow.services import admit_services

        now = clock.now()
        at = clock.to_wire(now - timedelta(hours=1))
        wire = stage.wire_service(project_no or f"NJ-{uuid4()}", serviceTime=at, acceptDate=at, resultDate=at, **more)
        (outcome,) = admit_services([wire], source=self.cast.app_id, now=now)
        return ServiceEvent.objects.get(id=outcome.id)

    def link(self, event: Any) -> str:
        """The address of the page that rates it."""
        from haochaping.channels.commands import make_link

        return f"{self.url}/e/{make_link(event.id, 3, timedelta(days=15), 'test', clock.now())}"


@pytest.fixture(scope="session")
def _server(cluster: Cluster, django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Live]:
    assets.build()
    database = cluster.clone(f"{cluster.prefix}live_{uuid4().hex[:12]}")
    with django_db_blocker.unblock(), _pointed_at(database.name):
        cast = stage.settle(now=clock.now())
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    env = database.env | {"HCP_PUBLIC_URL": url, "HCP_CALL_HOURS": "00:00-23:59"}  # tests run at night too
    env["HCP_STAFF_OIDC_ISSUER"] = "https://sso.example.gov.cn"  # the door offers it; nobody goes there
    command = [sys.executable, "-m", "haochaping.project.cli", "web", "--port", str(port)]
    process = subprocess.Popen(command, env=env, cwd=ROOT, preexec_fn=dies_with_parent(signal.SIGTERM))  # noqa: PLW1509
    try:
        _wait_for(url + "/healthz", process)
        yield Live(url, database, cast)
    finally:
        process.terminate()
        process.wait(20)
        cluster.drop(database.name)


@pytest.fixture
def live(_server: Live, django_db_blocker: DjangoDbBlocker) -> Iterator[Live]:
    """The running server; what a test writes here is committed, and stays for the tests after it."""
    with django_db_blocker.unblock(), _pointed_at(_server.database.name):
        stage.forget()
        yield _server
    stage.forget()


@contextmanager
def _pointed_at(database: str) -> Iterator[None]:
    from django.db import connection

    usual = connection.settings_dict["NAME"]
    _point(database)
    try:
        yield
    finally:
        _point(usual)


def _point(name: str) -> None:
    from django.db import connections

    for connection in connections.all():
        connection.close()
        connection.settings_dict["NAME"] = connections.settings[connection.alias]["NAME"] = name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Until it answers; an end of the process ends the waiting too."""
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
    raise RuntimeError(f"the server did not come up at {url}")


@pytest.fixture(scope="module")
def _playwright() -> Iterator[Playwright]:
    # Playwright keeps an event loop in this thread, in which Django would refuse to ask the database and other tests
    # could not start a loop of their own: it goes with the module.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        yield playwright
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def browser(_playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium fonts-noto-cjk")
    arguments = ["--no-sandbox"] if os.getuid() == 0 else []
    browser = _playwright.chromium.launch(executable_path=chromium, args=arguments)
    yield browser
    browser.close()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """`visit(width=375, **context)`: a page of a new browser that remembers nothing. A page that breaks the content
    policy or whose script fails fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_one(width: int = 375, height: int = 812, **more: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", **more)
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: "Content Security Policy" in line.text and faults.append(line.text))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """`axe(page)`: what axe-core finds wrong, one line each. The page keeps its policy: axe is evaluated, not loaded."""
    script = AXE.read_text(encoding="utf-8")

    def check(page: Page) -> list[str]:
        page.evaluate(script)
        found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        return [
            f"{violation['id']}: {node['target']} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    return check


@pytest.fixture
def fits() -> Callable[[Page], bool]:
    """Whether nothing stands out over the right edge."""
    return lambda page: bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))
