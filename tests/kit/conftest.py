from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from haochaping.kit.postgres import Embedded

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that others may pass, as pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="hcp-place-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def new_server(place: Path) -> Iterator[Embedded]:
    """An installation that was never started."""
    embedded = Embedded(place / "postgres", dies_with_us=True)
    yield embedded
    embedded.stop()


@pytest.fixture(scope="module")
def _veteran() -> Iterator[Embedded]:
    path = Path(tempfile.mkdtemp(prefix="hcp-place-"))
    path.chmod(0o711)
    yield Embedded(path / "postgres", dies_with_us=True)
    shutil.rmtree(path)


@pytest.fixture
def server(_veteran: Embedded) -> Iterator[Embedded]:
    """An installation that stands still; other tests may have used it before."""
    yield _veteran
    assert _veteran.stop()
