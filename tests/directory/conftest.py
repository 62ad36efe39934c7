from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from haochaping.directory import queries

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    queries.forget()
    yield
    queries.forget()
