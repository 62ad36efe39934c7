"""The forms of a print run as PDF: A4, one form a page, numbered, with the number as a QR code for a hand scanner."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import segno
from django.template.loader import render_to_string

from haochaping.channels.paper.rules import in_parts, number_of
from haochaping.directory.queries import snapshot
from haochaping.evaluation.rules import LEVEL_NAMES, Channel
from haochaping.policy import queries as policy

if TYPE_CHECKING:
    from datetime import date

    from haochaping.channels.models import PaperRun

STYLE = Path(__file__).parent.parent / "templates" / "channels" / "paper" / "form.css"
PART = 20  # forms of one file: so many take seconds and stay within a web process's memory
CELLS = {"case": range(26), "window": range(12), "name": range(8), "phone": range(11)}


def numbers(run: PaperRun) -> list[str]:
    return [number_of(run.year, serial) for serial in range(run.first, run.last + 1)]


def parts(run: PaperRun) -> int:
    """How many files the run is printed in."""
    return -(-(run.last - run.first + 1) // PART)


def html(run: PaperRun, part: int, day: date) -> str:
    """The forms of one part, counted from 1, as a document; the indicators are those in force there on `day`."""
    known = snapshot()
    hall, window = known.halls.get(run.hall_code), known.windows.get(run.window_code)
    norms = policy.indicators(run.area_path, day, "service", Channel.PAPER)
    levels = [
        {"level": int(level), "name": LEVEL_NAMES[level], "tags": [norm for norm in norms if norm.level == level]}
        for level in sorted(LEVEL_NAMES, reverse=True)
    ]
    context = {
        "forms": [
            {"parts": in_parts(number), "qr": _qr(number)} for number in numbers(run)[(part - 1) * PART : part * PART]
        ],
        "hall": hall.name if hall else run.hall_code,
        "window": f"{window.name}（{window.code}）" if window else "",
        "levels": levels,
        "cells": CELLS,
    }
    return render_to_string("channels/paper/form.html", context)


def pdf(run: PaperRun, part: int, day: date) -> bytes:
    """The same, ready to print."""
    from weasyprint import CSS, HTML

    written: bytes = HTML(string=html(run, part, day)).write_pdf(stylesheets=[CSS(filename=STYLE)])
    return written


def _qr(number: str) -> str:
    """The bare number: what a hand scanner types into the field is what a person would type."""
    return str(
        segno.make(number, error="h", micro=False).svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
    )
