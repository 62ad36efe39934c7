from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from haochaping.channels.device.lane import DeviceLane
from haochaping.project import assets
from tests.cast import settle

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def published() -> None:
    """Pages name the hashed files, so these must be there."""
    assets.build()


@pytest.fixture
def cast(db):
    return settle()


@pytest.fixture
def stage(committing_db):
    """The same, with real commits: the lane works on threads and connections of its own."""
    return settle()


@pytest.fixture
def lane(stage) -> Iterator[DeviceLane]:
    made = DeviceLane(None)
    yield made
    made.hub.close()
    made.close()
