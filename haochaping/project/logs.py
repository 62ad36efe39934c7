"""Keeps persons out of the logs, whatever a library writes."""

from __future__ import annotations

import logging
import re

from haochaping.kit.blobs import mask_text

_SECRET_PATHS = re.compile(
    r"/(e|r)/[^\s?\"']+"
)  # whoever has the rest of such a path may rate, or see a rating's progress
_ROWS = re.compile(r"DETAIL:.*(?:\n(?=\S).*)*")
_AS_USUAL = logging.Formatter()


class WithoutPersons(logging.Filter):
    """Masks telephone and identity numbers, link tokens and receipts in every line before it is written.

    In tracebacks too: what an error says of itself may hold what somebody typed. The rows that PostgreSQL quotes go whole.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _without(record.getMessage()), ()
        if record.exc_info and record.exc_info[0] and not record.exc_text:
            record.exc_text = _without(_AS_USUAL.formatException(record.exc_info))
        return True


def _without(text: str) -> str:
    return _SECRET_PATHS.sub(r"/\1/…", mask_text(_ROWS.sub("DETAIL: …", text)))
