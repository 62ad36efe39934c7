"""Long sheets, sent as they are read: never all of one in memory."""

from __future__ import annotations

import csv
import io
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse

from haochaping.kit.cells import guarded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

BLOCK = 500  # rows that go out together


class Sheet(StreamingHttpResponse):
    """Rows as a CSV file, safe to open in a spreadsheet; a server that runs an event loop reads them in a thread."""

    def __init__(self, head: Sequence[str], rows: Iterable[Sequence[str]], name: str) -> None:
        super().__init__(_blocks(head, rows), content_type="text/csv; charset=utf-8")
        self["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"

    async def __aiter__(self) -> AsyncIterator[bytes]:
        blocks: Any = self.streaming_content
        read: Any = sync_to_async(next)
        while (block := await read(blocks, None)) is not None:
            yield block


def _blocks(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    yield "\ufeff".encode() + _lines([head])  # the mark is how a spreadsheet knows UTF-8
    rest = iter(rows)
    while block := list(islice(rest, BLOCK)):
        yield _lines(block)


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([guarded(text) for text in row] for row in rows)
    return out.getvalue().encode()
