"""A place for whole installations."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A directory that the database's own user can pass, which pytest's are not when we are root."""
    place = Path(tempfile.mkdtemp(prefix="hcp-story-"))
    place.chmod(0o711)
    yield place
    shutil.rmtree(place)
