"""What somebody reads in an answer of ours, whatever form it has: a page, a sheet, a workbook, an archive, a paper."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pypdfium2

if TYPE_CHECKING:
    from django.http import HttpResponse


def content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def read(answer: HttpResponse) -> str:
    """Everything that this answer says, its headers included."""
    headers = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
    return unquote(headers) + " " + words_in(content(answer))


def words_in(raw: bytes) -> str:
    if raw.startswith(b"%PDF-"):
        document = pypdfium2.PdfDocument(raw)
        try:
            told = "".join(page.get_textpage().get_text_range() for page in document)
        finally:
            document.close()
        return re.sub(r"\s+", "", told)  # a line of a paper may break inside a word
    if raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return " ".join(f"{name} {words_in(archive.read(name))}" for name in archive.namelist())
    return raw.decode(errors="replace")
