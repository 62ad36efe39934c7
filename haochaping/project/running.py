"""Starting things: the web process, the worker, all of it on one machine, the demo."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING

from haochaping.kit import config, crypto

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence
    from typing import IO

    from haochaping.kit.postgres import Embedded
    from haochaping.kit.supervise import Program

HCP = (sys.executable, "-m", "haochaping.project.cli")
GRACE = 10  # seconds that open streams get after SIGTERM


def web(given: argparse.Namespace) -> None:
    """The door and Django under granian, one port."""
    crypto.self_test()
    os.environ.setdefault("HCP_DB_POOL", "16")
    os.environ.setdefault("HCP_DB_SECONDS", "30")
    from granian import Granian
    from granian.constants import Interfaces, RuntimeModes

    Granian(
        "haochaping.project.asgi:application",
        address=given.host,
        port=given.port,
        interface=Interfaces.ASGI,
        runtime_mode=RuntimeModes.st,  # one thread less that waits for the interpreter's lock
        workers=1,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
        log_access=False,
        backlog=4096,
    ).serve()


def worker(given: argparse.Namespace) -> None:  # noqa: ARG001
    """Periodic work. Ends when the database restarts; whoever runs it must start it again, always (security §0.4)."""
    crypto.self_test()
    from haochaping.project import work

    work.run()


def up(given: argparse.Namespace) -> None:
    """Database (embedded unless HCP_DATABASE_URL), web and worker under one supervisor that restarts always."""
    with _prepared(given):
        _run([], given, lambda: print(f"READY http://{given.host}:{given.port}/", flush=True))


def demo(given: argparse.Namespace) -> None:
    """The made-up province: loads it at the first start, then runs it with a fake national platform and a fake SMS gateway beside."""
    if config.is_production():
        raise config.Misconfigured("HCP_ENV=production: the demo's accounts and data do not belong there")
    from haochaping.kit.supervise import Command
    from haochaping.project.demo import load, oidc

    with _prepared(given):
        _must([sys.executable, "-m", "haochaping.project.demo.load", given.profile, given.scale])
        argv, env = load.national_command(config.data_dir())
        url = f"http://{given.host}:{given.port}/"

        os.environ["HCP_DEMO"] = "1"
        os.environ.setdefault("HCP_PASSWORD_DAYS", "0")  # its accounts are shared by whoever looks at it

        def ready() -> None:
            print(f"READY {url}", flush=True)
            print(load.accounts_text(config.data_dir(), url), flush=True)
            links = [sys.executable, "-m", "haochaping.project.demo.links"]
            told = subprocess.run(
                links, env=_environment(given), check=False, capture_output=True, text=True, cwd=config.ROOT
            )
            print(told.stdout.rstrip(), flush=True)

        os.environ.update(oidc.settings())
        sms = [sys.executable, "-m", "haochaping.project.demo.sms"]
        beside: list[Program] = [
            Command("national", argv, env=os.environ | env),
            Command("sms", sms, env=_environment(given) | env),
            Command("oidc", [sys.executable, "-m", "haochaping.project.demo.oidc"], env=_environment(given) | env),
        ]
        _run(beside, given, ready)


@contextmanager
def _prepared(given: argparse.Namespace) -> Iterator[None]:
    """The installation locked, its port free, its database up to date; whatever happens, the database does not run on."""
    with _alone():
        _refuse_taken_port(given.host, given.port)
        embedded = _embedded()
        try:
            if embedded is not None:
                embedded.start()
            _must([*HCP, "migrate"])
            yield
        finally:
            if embedded is not None:
                embedded.stop()


def _refuse_taken_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise config.Misconfigured(
            f"{host}:{port}: {os.strerror(error.errno) if error.errno else error}. Choose another: --port 8100, or make demo PORT=8100"
        ) from None


def _must(argv: Sequence[str]) -> None:
    """Run a step that has to succeed; one that failed has said why, and its status becomes ours."""
    done = subprocess.run(argv, check=False, cwd=config.ROOT)
    if done.returncode:
        raise SystemExit(done.returncode if done.returncode > 0 else 128 - done.returncode)


def _alone() -> IO[str]:
    """One supervisor per installation: a second one would fight over port and worker."""
    config.data_dir().mkdir(mode=0o755, parents=True, exist_ok=True)
    lock = (config.data_dir() / "up.lock").open("w", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise config.Misconfigured(
            f"{config.data_dir()} is in use by another `hcp up` or `hcp demo`: stop it (Ctrl-C) or choose another HCP_DATA"
        ) from None
    return lock


@cache
def _embedded() -> Embedded | None:
    """The installation's own PostgreSQL unless it uses another. One object: a second would count as one who still uses it."""
    if config.text("DATABASE_URL"):
        return None
    from haochaping.kit.postgres import Embedded

    return Embedded(config.data_dir() / "postgres")


def _run(more: list[Program], given: argparse.Namespace, on_ready: Callable[[], None]) -> None:
    from haochaping.kit.supervise import Command, Database, Supervisor

    address = ["--host", given.host, "--port", str(given.port)]
    environment = _environment(given)
    programs: list[Program] = []
    if (embedded := _embedded()) is not None:
        programs.append(Database(embedded))
    programs += more
    alive = partial(_answers, f"http://{given.host}:{given.port}/healthz")
    programs += [
        Command("web", [*HCP, "web", *address], env=environment, ready=alive),
        Command("worker", [*HCP, "worker"], env=environment),
    ]
    Supervisor(programs, grace=GRACE + 2, on_ready=on_ready).run()


def _environment(given: argparse.Namespace) -> dict[str, str]:
    return os.environ | {"HCP_PUBLIC_URL": config.text("PUBLIC_URL", f"http://{given.host}:{given.port}")}


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
