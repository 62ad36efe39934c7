"""What every template may know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from django.http import HttpRequest


def installation(request: HttpRequest) -> dict[str, object]:  # noqa: ARG001
    """`is_demo`: the pages say that nothing on them is true of the organs they name."""
    return {"is_demo": settings.IS_DEMO}
