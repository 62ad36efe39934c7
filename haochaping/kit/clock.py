"""The wall clock, read once at an edge and then passed on as `now`."""

from __future__ import annotations

import re
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

CHINA = ZoneInfo("Asia/Shanghai")
WIRE_FORMAT = "%Y-%m-%d %H:%M:%S"  # the national interface's time, always Asia/Shanghai

_WIRE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")

_held: ContextVar[datetime | None] = ContextVar("held_clock", default=None)


def now() -> datetime:
    """The present moment, aware, in UTC. Only edges (pages, API, jobs, commands) call this."""
    return _held.get() or datetime.now(UTC)


def today() -> date:
    """The present day in China."""
    return day(now())


def day(moment: datetime) -> date:
    """The calendar day in China on which `moment` falls."""
    return moment.astimezone(CHINA).date()


@lru_cache(maxsize=4096)
def parse_wire(text: str) -> datetime:
    """`yyyy-MM-dd HH:mm:ss` in Asia/Shanghai as an aware UTC moment; ValueError if it is anything else.

    Or if its year is none that a service can have: at the ends of the calendar no deadline could be counted.
    """
    if not _WIRE.fullmatch(text):
        raise ValueError(f"not {WIRE_FORMAT}: {text}")
    moment = datetime.fromisoformat(text).replace(tzinfo=CHINA)
    if not 1900 <= moment.year < 2200:
        raise ValueError(f"no such year here: {moment.year}")
    return moment.astimezone(UTC)


def to_wire(moment: datetime) -> str:
    """An aware moment as `yyyy-MM-dd HH:mm:ss` in Asia/Shanghai."""
    return moment.astimezone(CHINA).isoformat(" ", "seconds")[:19]


@contextmanager
def held_at(moment: datetime) -> Iterator[None]:
    """Within the block this context's `now` is `moment`: how the demo lives through sixty days in a minute."""
    token = _held.set(moment)
    try:
        yield
    finally:
        _held.reset(token)
