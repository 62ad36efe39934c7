"""The self-service terminal: what a card reader types, and how long somebody stands before it. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

SESSION = timedelta(minutes=2)  # from the last touch; the screen itself is cleared after 30 seconds
SESSION_MOST = timedelta(minutes=10)  # however often it is touched
LIST_MOST = 50
_NUMBER = re.compile(
    r"(?<![0-9])([1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X])(?![0-9X])"
)
_PLAIN = str.maketrans("０１２３４５６７８９Ｘｘx", "0123456789XXX")


def id_number(typed: str) -> str | None:
    """The identity number in what was typed by hand or by a card reader, which may put other fields around it.

    None where there is none. Its check digit is not judged: business systems hold numbers whose own is wrong, and a slip
    of the finger finds nothing.
    """
    found = _NUMBER.search(re.sub(r"[\s\-]", "", typed).translate(_PLAIN))
    return found[1] if found else None
