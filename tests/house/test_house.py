"""The house guards itself: what review comments would say again and again is said here once."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.urls import URLPattern, URLResolver, get_resolver

from haochaping.kit.config import ROOT

PACKAGE = ROOT / "haochaping"
PYTHON = sorted(p for p in PACKAGE.rglob("*.py") if "migrations" not in p.parts)
FOR_ALL = {  # what everybody may open without a name: the evaluator's and the public's pages, and three probes
    "haochaping.channels.pages",
    "haochaping.channels.embed",
    "haochaping.channels.my.entry",  # the door of /my; behind it `my.access.for_citizens`
    "haochaping.channels.my.pages",
    "haochaping.channels.comments.pages",
    "haochaping.channels.questionnaires.pages",
    "haochaping.channels.windows.pages",
    "haochaping.channels.kiosk.pages",
    "haochaping.channels.device.pages",
    "haochaping.publication.pages",
    "haochaping.console.screens.walls",  # by a link's token; what anybody may see who passes by
    "haochaping.publication.files",
    "haochaping.project.health",
    "haochaping.messaging.pages",  # signed by the SMS gateway's key
}
LOGIN = {"haochaping.console.pages.entry", "haochaping.console.pages.identity", "django.contrib.auth.views"}


def routes(resolver: URLResolver, prefix: str = ""):
    for pattern in resolver.url_patterns:
        where = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, where)
        elif isinstance(pattern, URLPattern):
            yield where, pattern.callback


ROUTES = dict(routes(get_resolver()))


@pytest.mark.parametrize("where", ROUTES, ids=lambda w: w or "/")
def test_every_route_says_who_may_open_it(where):
    """Open to all by its module, signed by the API's own authentication, or marked with the roles it needs."""
    view = ROUTES[where]
    module = getattr(view, "view_class", view).__module__
    if where.startswith("api/"):
        from haochaping.project.api import api

        assert api.auth is not None
        return
    is_open = module in FOR_ALL or any(module.startswith(m) for m in LOGIN)
    assert is_open or hasattr(view, "needs"), f"{where} ({module}) has no `needs`"


def test_every_operation_of_the_machine_api_is_signed(db, client):
    """Beside the door (tests/channels/test_door.py) every documented operation answers 401 to whoever does not sign."""
    from haochaping.project.api import api

    operations = [(path, method) for path, verbs in api.get_openapi_schema()["paths"].items() for method in verbs]
    assert len(operations) > 5
    for path, method in operations:
        if path in {"/api/v1/services", "/api/v1/evaluations", "/api/v1/evaluations/batch"}:
            continue
        answer = client.generic(method.upper(), re.sub(r"{\w+}", "1", path), b"{}", "application/json")
        assert answer.status_code == 401, f"{method} {path}"


def test_lists_of_others_data_go_through_the_one_door():
    """Edges that read orders or ratings name `visible`, `orders_for` or a query that does; none filters by itself."""
    guarded = re.compile(r"\b(Order|Evaluation|ServiceEvent|Evaluator|Applicant|Words)\.objects\b")
    edges = [p for p in PYTHON if p.name in {"pages.py", "api.py", "forms.py"} or "pages" in p.parts]
    found = [f"{p.relative_to(ROOT)}" for p in edges if guarded.search(p.read_text(encoding="utf-8"))]
    assert not found, "edges read through queries"


def test_models_and_migrations_agree(db):
    call_command("makemigrations", check=True, dry_run=True, verbosity=0, skip_checks=True)


def test_every_job_is_found_and_periodic():
    from procrastinate.contrib.django import app

    tasks = {name for name in app.tasks if name.startswith("haochaping.")}
    defined = {
        f"haochaping.{p.parent.name}.jobs.{node.name}"
        for p in PACKAGE.glob("*/jobs.py")
        for node in ast.parse(p.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    assert tasks == defined
    periodic = {task.name for task in (p.task for p in app.periodic_registry.periodic_tasks.values())}
    assert periodic == defined


def test_append_only_tables_are_closed_to_the_application(db):
    from django.db import connection

    with connection.cursor() as cursor:
        for model in apps.get_models():
            if not getattr(model, "append_only", False):
                continue
            table = model._meta.db_table
            for right in ("UPDATE", "DELETE", "TRUNCATE"):
                cursor.execute("SELECT has_table_privilege(current_user, %s, %s)", [table, right])
                assert not cursor.fetchone()[0], f"{right} on {table}"


def test_the_application_role_is_neither_owner_nor_superuser(db):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False,)
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_is_short_enough_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, "split it by noun"


def test_no_room_has_a_vague_name():
    vague = {"utils.py", "helpers.py", "manager.py", "managers.py", "service.py", "misc.py", "common.py"}
    assert not [p for p in PYTHON if p.name in vague]


def test_rooms_have_their_ten_lines():
    rooms = [p for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()]
    assert not [r.name for r in rooms if not (r / "README.md").exists()]


def test_nothing_is_inline_on_a_page():
    """The content policy forbids inline style and script; so do the templates."""
    inline = re.compile(
        r"\sstyle=|\son[a-z]+=|<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|hx-on|javascript:", re.IGNORECASE
    )
    found = [
        f"{p.relative_to(ROOT)}:{n}"
        for p in PACKAGE.rglob("*.html")
        for n, line in enumerate(p.read_text(encoding="utf-8").splitlines(), 1)
        if inline.search(line)
    ]
    assert not found


def test_no_committed_file_names_a_registry_or_a_machine():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    hosts = re.compile(r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|npmmirror|\"resolved\"|--index-url")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".png", ".ico"} or not path.is_file() or path == Path(__file__):
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        assert not hosts.search(text), name
        assert str(ROOT.parent) + "/" not in text or ROOT.parent == Path("/"), name
        assert path.stat().st_size < 1_000_000, name


def test_the_environment_example_is_complete():
    used = set()
    for path in PYTHON:
        text = path.read_text(encoding="utf-8")
        used |= {f"HCP_{n}" for n in re.findall(r"config\.(?:text|integer)\(\s*\"([A-Z0-9_]+)\"", text)}
        used |= set(re.findall(r"\"(HCP_[A-Z0-9_]+)\"", text))
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert not sorted(name for name in used if name not in example)


def test_the_map_knows_every_room():
    text = (ROOT / "docs" / "map.md").read_text(encoding="utf-8")
    rooms = [p.name for p in PACKAGE.iterdir() if p.is_dir() and (p / "__init__.py").exists()]
    assert not [room for room in rooms if f"`{room}`" not in text]
