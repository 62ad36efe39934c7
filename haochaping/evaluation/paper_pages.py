"""Draws the pages of a PDF from standard input as JPEGs to standard output, each after its length in four bytes.

A program of its own, run by `papers` for one file and ended with it. It bounds itself before it reads a byte. Forms are drawn
as they are filled in; scripts, actions and embedded files are not looked at, and could do nothing here.
"""

from __future__ import annotations

import io
import resource
import sys
from enum import IntEnum

PAGES_MOST = 20
SIDE_MOST = 2000  # pixels: A4 at some 170 dpi
DPI = 150
OUT_MOST = 64 * 1024 * 1024  # bytes of all pages
MEMORY = 1024 * 1024 * 1024
SECONDS = 25  # of the processor


class Exit(IntEnum):
    """What was wrong; anything else is a limit that was met."""

    LOCKED = 3
    TOO_MANY = 4
    DAMAGED = 5


def bound() -> None:
    """No more memory, processor, files and processes than these, for good."""
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, OUT_MOST),
        (resource.RLIMIT_NOFILE, 32),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (most, most))


def draw(raw: bytes) -> Exit | None:
    """Every page to standard output; what is wrong with the file if nothing can be drawn."""
    import pypdfium2
    from pypdfium2 import raw as pdfium

    try:
        pdf = pypdfium2.PdfDocument(raw)
    except pypdfium2.PdfiumError:
        is_locked = pdfium.FPDF_GetLastError() in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}
        return Exit.LOCKED if is_locked else Exit.DAMAGED
    if len(pdf) > PAGES_MOST:
        return Exit.TOO_MANY
    pdf.init_forms()
    try:
        for number in range(len(pdf)):
            page = pdf[number]
            longer = max(*page.get_size(), 1.0)
            picture = page.render(scale=min(DPI / 72, SIDE_MOST / longer)).to_pil().convert("RGB")
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=90)
            sys.stdout.buffer.write(len(out.getvalue()).to_bytes(4) + out.getvalue())
    except (pypdfium2.PdfiumError, ValueError, OverflowError):
        return Exit.DAMAGED
    sys.stdout.buffer.flush()
    return None


if __name__ == "__main__":
    bound()
    sys.exit(draw(sys.stdin.buffer.read()) or 0)
