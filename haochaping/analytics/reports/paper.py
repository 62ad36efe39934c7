"""A report as a PDF: HTML laid on A4 as GB/T 9704 has it, by WeasyPrint; all of its text can be selected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import mark_safe

from haochaping.analytics.reports.document import Heading, Paragraph, Table, numeral
from haochaping.kit.papers import lay

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from haochaping.analytics.reports.document import Block, Document

SHORT = 8  # rows of a table that is not torn apart
SIZES = ((14, "s30"), (17, "s26"), (20, "s22"))  # characters of the red head that fit on one line


def pdf(document: Document, drawings: Sequence[bytes], *, mark: str = "") -> bytes:
    """The report on paper; `drawings` are its charts as SVG, in order; `mark` stands across every page (草稿)."""
    context = {
        "document": document,
        "title": _breaking(document.title, whole="政务服务“好差评”"),
        "size": next((size for most, size in SIZES if len(document.head) <= most), "s18"),
        "sections": list(laid_out(document, drawings)),
        "mark": mark,
    }
    return lay(render_to_string("analytics/report.html", context))


def laid_out(document: Document, drawings: Sequence[bytes] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every section with the numbers that its headings, tables and charts have in this report."""
    tables = charts = 0
    for n, section in enumerate(document.sections, 1):
        blocks, headings = [], 0
        for block in section.blocks:
            found = _block(block)
            if isinstance(block, Heading):
                headings += 1
                found["number"] = numeral(headings)
            elif isinstance(block, Table):
                tables += 1
                found |= {"number": tables, "is_short": len(block.rows) <= SHORT}
                if block.chart is not None:
                    charts += 1
                    found |= {"chart_number": charts, "chart_title": block.chart.title, "chart": block.chart}
                    if charts <= len(drawings):
                        found["svg"] = mark_safe(drawings[charts - 1].decode())  # noqa: S308  our own drawing
            blocks.append(found)
        yield numeral(n), {"heading": section.heading, "blocks": blocks}


def _breaking(words: str, whole: str = "“好差评”") -> str:
    """The words with breaks allowed before a bracket, so that lines fill, and none within “好差评”: `whole`, in titles more."""
    html = escape(words).replace("（", "<wbr>（").replace(whole, f'<span class="whole">{whole}</span>')
    return mark_safe(html)  # noqa: S308  escaped above


def _block(block: Block) -> dict[str, Any]:
    if isinstance(block, Paragraph | Heading):
        return {
            "kind": "paragraph" if isinstance(block, Paragraph) else "heading",
            "words": block.words,
            "html": _breaking(block.words),
        }
    rows = [[(n >= block.texts, cell) for n, cell in enumerate(row)] for row in block.rows]
    return {
        "kind": "table",
        "title": block.title,
        "head": block.head,
        "rows": rows,
        "note": block.note,
        "texts": block.texts,
    }
