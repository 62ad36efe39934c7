"""What is typed at a window's page, how often somebody may guess or rate there, what stands on a sign. Pure."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from haochaping.channels.rules import Misses
from haochaping.kit.ids import CROCKFORD

if TYPE_CHECKING:
    from datetime import datetime

AGAIN_AFTER = timedelta(minutes=10)  # one visit without a case a browser and window
FOUND_FOR = timedelta(minutes=30)  # how long the link lives that somebody found by case and name
TICKET_WIDTHS = (58, 80)  # mm, the paper of receipt printers
TICKET_DAYS = 15
BULK_MOST = 200  # signs in one file: a large hall; more would take minutes and a web process's memory
POINT_WORDS = {"acceptance": "受理环节", "issue": "出件环节"}
REASONS = ("破损褪色", "窗口调整", "被覆盖或被调换", "域名变更", "其他")
_TAIL = re.compile(r"[0-9]{4}")
_WIDE = "０１２３４５６７８９"


def new_serial() -> str:
    """What is printed small at the foot of a sign: nothing secret, but no two alike."""
    return "".join(secrets.choice(CROCKFORD) for _ in range(10))


def name_or_tail(typed: str) -> tuple[str, str]:
    """What somebody typed as proof: an applicant's name, or the last four digits of their telephone."""
    plain = typed.strip()
    digits = plain.translate(str.maketrans(_WIDE, "0123456789"))
    return ("", digits) if _TAIL.fullmatch(digits) else (plain, "")


@dataclass
class Guesses:
    """How often cases and names may be guessed: by browser, by window, by case number, never by address.

    Forty windows behind one address are forty windows (rule 13). The limit by case number is what keeps four digits safe:
    whoever knows a case number has five tries at its telephone, then one every two minutes, from however many browsers.
    """

    browsers: Misses = field(default_factory=lambda: Misses(size=10, every=timedelta(seconds=20)))
    windows: Misses = field(default_factory=lambda: Misses(size=60, every=timedelta(seconds=5)))
    cases: Misses = field(default_factory=lambda: Misses(size=5, every=timedelta(minutes=2)))

    def wait(self, browser: str, window: str, case: str, now: datetime) -> int:
        """Seconds until the next try; 0 if it may be now."""
        return max(self.browsers.wait(browser, now), self.windows.wait(window, now), self.cases.wait(case, now))

    def miss(self, browser: str, window: str, case: str, now: datetime) -> None:
        self.browsers.miss(browser, now)
        self.windows.miss(window, now)
        self.cases.miss(case, now)


def visits() -> Misses:
    """How many visits without a case one window may take at once, and then again: more than any window can serve.

    Of all windows together as many as come: a province's peak is no storm.
    """
    return Misses(size=40, every=timedelta(seconds=15), all_size=1_000_000, all_every=timedelta(milliseconds=1))


def wrapped(text: str, most: float) -> list[str]:
    """Lines of at most `most` ems: a Chinese character is one, a Latin letter or digit about half of one."""
    lines, line, width = [], "", 0.0
    for character in text:
        em = 1.0 if ord(character) > 0x2E7F else 0.58
        if line and width + em > most:
            lines.append(line)
            line, width = "", 0.0
        line, width = line + character, width + em
    return [*lines, line] if line else lines
