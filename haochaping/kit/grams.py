"""Words of any script as grams: what a text must hold to be found. The embedded PostgreSQL has no other index for Chinese."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_RUN = re.compile(rf"[{_HAN}]+|[^\W_{_HAN}]+")
LONGEST = 40  # characters of a run of letters and digits that are kept whole
MOST = 4_000  # grams of one text: some ten thousand characters


def grams(*texts: str) -> list[str]:
    """Every character of Chinese by itself, every pair of neighbours, and words of letters and digits whole; each once, sorted."""
    found: set[str] = set()
    for run in _runs(texts):
        found |= _pairs(run)
        found |= set(run) if _is_han(run) else {run[:LONGEST]}
    return sorted(found)[:MOST]


def wanted(text: str) -> list[str]:
    """The grams that a text must all hold to be found by this one: pairs, and what stands alone by itself. [] finds nothing."""
    return sorted({gram for run in _runs([text]) for gram in (_pairs(run) or {run})})


def _runs(texts: Iterable[str]) -> Iterable[str]:
    return (run for text in texts for run in _RUN.findall(unicodedata.normalize("NFKC", text).casefold()))


def _pairs(run: str) -> set[str]:
    return {run[n : n + 2] for n in range(len(run) - 1)}


def _is_han(run: str) -> bool:
    return re.match(f"[{_HAN}]", run) is not None
