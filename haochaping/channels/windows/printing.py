"""What is put on paper: A4 signs of windows and the snippets of tickets and receipts, as SVG and PDF.

One drawing serves both: the SVG is made here, and WeasyPrint lays it on pages, so that what is previewed is what is
printed, and its text stays text.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import segno
from django.conf import settings
from django.template.loader import render_to_string

from haochaping.channels.windows.rules import POINT_WORDS, wrapped
from haochaping.kit import clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from haochaping.channels.models import Sign
    from haochaping.channels.windows.queries import Place
    from haochaping.evaluation.models import ServiceEvent

QUIET = 4  # modules of white around a QR code (ISO/IEC 18004)
A4 = (210.0, 297.0)  # mm
LEGEND = 202.0  # mm from the top: above it the code, below it how to use it
STEPS = ("用手机扫一扫", "选满意程度，说说原因", "提交，记下回执号")


class Drawing(NamedTuple):
    """One page: its file name without ending, its size in mm, its SVG."""

    name: str
    width: float
    height: float
    svg: str


class Code(NamedTuple):
    """A QR code as a path of unit squares, with its quiet zone."""

    path: str
    modules: int


def code(url: str, error: str = "m") -> Code:
    """The URL as a QR code; `error` is its correction level (l m q h)."""
    matrix = segno.make(url, error=error, micro=False, boost_error=False).matrix
    runs = []
    for y, row in enumerate(matrix):
        x = 0
        while x < len(row):
            start = x
            while x < len(row) and row[x]:
                x += 1
            if x > start:
                runs.append(f"M{start + QUIET} {y + QUIET}h{x - start}v1h-{x - start}z")
            x += 1
    return Code("".join(runs), len(matrix) + 2 * QUIET)


def sign_url(sign: Sign) -> str:
    """What a sign's QR code says."""
    return f"{settings.PUBLIC_URL}/w/{quote(sign.window_code, safe='')}?q={sign.serial}"


def sign_drawing(place: Place, sign: Sign) -> Drawing:
    """The A4 sign of a window: hall, window, the code, three steps, 12345, serial."""
    hall, name = wrapped(place.hall_name, 22)[:2], wrapped(place.window.name, 12)[:2]
    first = 37.0 + 9 * len(hall) + 10  # the window's name begins below the hall's lines
    top = first + 16 * (len(name) - 1) + 8
    size = LEGEND - top - 3
    qr = code(sign_url(sign), "q")
    context = {
        "hall": [(line, 37 + 9 * n) for n, line in enumerate(hall)],
        "name": [(line, first + 16 * n) for n, line in enumerate(name)],
        "qr": qr,
        "scale": f"{size / qr.modules:.5f}",
        "x": f"{(A4[0] - size) / 2:.3f}",
        "y": f"{top:.3f}",
        "box": f"{size:.3f}",
        "steps": [(n, text, 18 + 60 * (n - 1), 45 + 60 * (n - 1)) for n, text in enumerate(STEPS, 1)],
        "serial": sign.serial,
        "window_code": sign.window_code,
        "day": clock.day(sign.made_at),
    }
    svg = render_to_string("channels/windows/sign.svg", context)
    return Drawing(_file(f"{place.window.code}_{place.window.name}_{sign.serial}"), *A4, svg)


def ticket_drawing(event: ServiceEvent, window: str, url: str, *, expires_at: datetime, width: int) -> Drawing:
    """The snippet of a queue ticket or an acceptance receipt, 58 or 80 mm wide: one case, one code, until a day."""
    inner = width - 10.0  # what the printer's head reaches
    qr = code(url)
    size = 36.0 if width < 70 else 44.0
    ems = inner / 3.4
    item = wrapped(event.item_name or event.service_name, ems)[:3]
    point = POINT_WORDS.get(event.point, "")
    lines = [*item, " ".join(filter(None, (window, point)))]
    lines = [line for line in lines if line]
    height = 14 + size + 4 + 4.6 * len(lines) + 14
    context = {
        "width": width,
        "height": f"{height:.1f}",
        "middle": width / 2,
        "qr": qr,
        "scale": f"{size / qr.modules:.5f}",
        "x": f"{(width - size) / 2:.3f}",
        "lines": [(line, f"{18 + size + 4.6 * n:.1f}") for n, line in enumerate(lines)],
        "foot": f"{20 + size + 4.6 * len(lines):.1f}",
        "foot_2": f"{25 + size + 4.6 * len(lines):.1f}",
        "until": clock.day(expires_at),
    }
    svg = render_to_string("channels/windows/ticket.svg", context)
    return Drawing(_file(f"评价码_{event.project_no}_{event.service_number}_{width}mm"), width, height, svg)


def pdf(drawings: Sequence[Drawing]) -> bytes:
    """One file, one page for each drawing, of its own size; all text can be selected."""
    import weasyprint

    sizes = list(dict.fromkeys((d.width, d.height) for d in drawings))
    pages = [(sizes.index((d.width, d.height)), d.svg) for d in drawings]
    html = render_to_string("channels/windows/print.html", {"sizes": list(enumerate(sizes)), "pages": pages})
    made: bytes = weasyprint.HTML(string=html, url_fetcher=_nothing_else).write_pdf()
    return made


def svgs(drawings: Iterable[Drawing]) -> bytes:
    """A ZIP of SVG files, one for each drawing, for a printer's own layout."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for drawing in drawings:
            archive.writestr(f"{drawing.name}.svg", drawing.svg)
    return out.getvalue()


def _nothing_else(url: str) -> dict[str, object]:
    raise ValueError(f"a printed page loads nothing: {url}")


def _file(name: str) -> str:
    """A name that every file system takes."""
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:120]
