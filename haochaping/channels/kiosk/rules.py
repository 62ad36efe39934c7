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
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def id_number(typed: str) -> str | None:
    """The identity number in what was typed by hand or by a card reader, which may put other fields around it.

    None where there is none or its check digit (GB 11643) is wrong: a slip of the finger finds nobody else's services.
    """
    found = _NUMBER.search(re.sub(r"[\s\-]", "", typed).translate(_PLAIN))
    if found is None:
        return None
    total = sum(int(digit) * weight for digit, weight in zip(found[1][:17], _WEIGHTS, strict=True))
    return found[1] if "10X98765432"[total % 11] == found[1][17] else None
