"""What comes through a sign: scans, and ratings by whichever page they were given on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from django.db import connection

from haochaping.kit import clock

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.channels.models import Link

SLOTS = 8  # rows a sign and day over which its counts are spread, so that none is hot
WINDOW = "window"


def tally(serial: str, day: date, *, scans: int = 0, ratings: int = 0) -> None:
    """Count scans of a sign or ratings through it, in one of that day's slots."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO channels_signtally AS t (serial, day, slot, scans, ratings) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (serial, day, slot) DO UPDATE SET scans = t.scans + excluded.scans,"
            " ratings = t.ratings + excluded.ratings",
            [serial, day, secrets.randbelow(SLOTS), scans, ratings],
        )


def maker(serial: str) -> str:
    """What stands on a link as its maker: the sign that was scanned, or a window's address without one."""
    return f"sign:{serial}" if serial else WINDOW


def is_of_window(link: Link) -> bool:
    """Whether somebody got this link at a window's page, by naming the case with its applicant."""
    return link.made_by == WINDOW or link.made_by.startswith("sign:")


def count_rating(link: Link, now: datetime) -> None:
    """A rating came through this link: where a sign led to it, the sign has one more."""
    kind, _, serial = link.made_by.partition(":")
    if kind == "sign" and serial:
        tally(serial, clock.day(now), ratings=1)
