"""HTML laid on paper by WeasyPrint. What is printed loads nothing from anywhere."""

from __future__ import annotations

import logging

logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it warns of every property of SVG that is none of CSS


def lay(html: str) -> bytes:
    """The page as a PDF whose text can be selected; ValueError where it names anything outside itself."""
    import weasyprint

    made: bytes = weasyprint.HTML(string=html, url_fetcher=_nothing).write_pdf()
    return made


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"a paper loads nothing: {url}")
