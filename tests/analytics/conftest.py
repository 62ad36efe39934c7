from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def lake_directory(settings: SettingsWrapper, tmp_path: Path) -> Path:
    settings.LAKE = tmp_path / "lake"
    return settings.LAKE


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def engine(request: pytest.FixtureRequest, settings: SettingsWrapper) -> str:
    """Once in this process; and, where pyspark is installed (`make check`), once on Spark over the same files."""
    if request.param == "spark":
        pytest.importorskip("pyspark", reason="needs requirements/spark.txt")
    settings.ENGINE = request.param
    return request.param
