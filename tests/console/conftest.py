from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from haochaping.project import assets
from tests.cast import Cast, logged_in, settle

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(scope="session", autouse=True)
def published() -> None:
    """Pages name the hashed files, so these must be there."""
    assets.build()


@pytest.fixture(autouse=True)
def lake_directory(settings: SettingsWrapper, tmp_path: Path) -> None:
    settings.LAKE = tmp_path / "lake"


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


@pytest.fixture
def as_(cast: Cast) -> Callable[[str], Client]:
    """A browser in which that person is logged in."""
    from haochaping.accounts.models import Person

    def enter(username: str) -> Client:
        return logged_in(Person.objects.get(username=username))

    return enter
