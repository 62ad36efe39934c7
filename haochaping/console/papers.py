"""Papers 公文 of those who supervise: an HTML template laid on A4 by WeasyPrint, so that all of its text can be selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.http import HttpResponse
from django.template.loader import render_to_string

from haochaping.kit.papers import lay

if TYPE_CHECKING:
    from collections.abc import Mapping


def pdf(template: str, context: Mapping[str, Any]) -> bytes:
    """The paper that this template draws; it extends `console/papers/paper.html` and loads nothing from anywhere."""
    return lay(render_to_string(template, dict(context)))


def answer(content: bytes, name: str) -> HttpResponse:
    """A PDF that opens in the browser, to be read, printed or kept under this name."""
    found = HttpResponse(content, content_type="application/pdf")
    found["Content-Disposition"] = f"inline; filename*=UTF-8''{quote(name)}.pdf"
    return found


def download(content: bytes, name: str, mime: str) -> HttpResponse:
    """A file to be kept under this name."""
    found = HttpResponse(content, content_type=mime)
    found["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return found
