from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from haochaping.policy import commands, queries

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    queries.forget()
    yield
    queries.forget()


@pytest.fixture
def jiangsu() -> dict[str, Any]:
    """A fresh table of the shipped pack, to be bent."""
    return dict(commands.read_pack("jiangsu"))
