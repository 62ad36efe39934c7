"""`/embed.js`: the one line with which a department's own site shows a button to rate (docs/embed.md)."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

from haochaping.kit import crypto
from haochaping.kit.config import ROOT

KEPT = 7 * 86_400  # seconds; its name never changes, so not for ever


@cache
def _source() -> bytes:
    return (ROOT / "haochaping" / "project" / "static" / "hcp" / "embed.js").read_bytes()


def _etag(_request: HttpRequest) -> str:
    return f'"{crypto.sm3(_source()).hex()[:32]}"'


@require_safe
@condition(etag_func=_etag)
def script(_request: HttpRequest) -> HttpResponse:
    """The script, for whatever site asks: it reads nothing, keeps nothing, sends nothing."""
    answer = HttpResponse(_source(), "text/javascript; charset=utf-8")
    answer["Cache-Control"] = f"public, max-age={KEPT}"
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Cross-Origin-Resource-Policy"] = "cross-origin"
    return answer
