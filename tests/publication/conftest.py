"""A lake of Nanjing, Suzhou and Wuxi; the day is the 20th of December 2026, so November is due to be final."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from haochaping.directory import queries as directory
from haochaping.directory.models import Region
from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.policy import queries as policy
from haochaping.project import assets
from haochaping.publication import keeping, queries

sys.path.append(str(ROOT / "tests" / "analytics"))
from tests.analytics.lake_rows import noon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

NOW = noon("12-20")
REGIONS = {
    "32": "江苏省", "3201": "南京市", "3205": "=苏州市", "3202": "无锡市", "320102": "玄武区", "320106": "鼓楼区",
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def published_assets() -> None:
    assets.build()


@pytest.fixture
def regions(db: None) -> None:
    for path, name in REGIONS.items():
        level = {2: 1, 4: 2, 6: 3}[len(path)]
        parent = path[:-2].ljust(12, "0") if level > 1 else ""
        Region.objects.create(code=path.ljust(12, "0"), name=name, level=level, parent=parent, path=path)


@pytest.fixture(autouse=True)
def stage(regions: None, settings: SettingsWrapper, tmp_path: Path) -> Iterator[None]:
    settings.LAKE = tmp_path / "lake"
    settings.OPEN_DATA = tmp_path / "open-data"
    forget()
    with clock.held_at(NOW):
        yield
    forget()


def forget() -> None:
    directory.forget()
    policy.forget()
    queries.forget()
    keeping.forget()
