"""Whatever somebody hands in as a paper, what is kept are pictures of ours, and a clear no for the rest."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import Image

from haochaping.evaluation import attachments, papers
from haochaping.kit.errors import Refused
from tests.evaluation.test_attachments import picture
from tests.papers import CUT, EMPTY, HOSTILE, LOCKED, LONG, pdf


def opened(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(raw))


def test_every_page_of_a_pdf_becomes_a_picture():
    pages = [opened(page) for page in papers.pictures_of(pdf(3))]
    assert [page.format for page in pages] == ["JPEG"] * 3
    assert all(page.size == (1240, 1755) for page in pages)
    assert all(min(page.convert("L").getextrema()) < 60 for page in pages), "something is written on it"


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_active_of_a_pdf_is_left(name):
    assert b"canary" in HOSTILE[name].lower()
    (page,) = papers.pictures_of(HOSTILE[name])
    assert page[:3] == b"\xff\xd8\xff"
    assert b"canary" not in page.lower()
    assert b"%PDF" not in page


@pytest.mark.parametrize(
    ("raw", "code", "words"),
    [
        (LOCKED, "attachment_locked", "密码"),
        (LONG, "attachment_too_many_pages", "最多 20 页"),
        (pdf(21), "attachment_too_many_pages", "最多 20 页"),
        (EMPTY, "attachment_damaged", "没有页面"),
        (CUT, "attachment_damaged", "已损坏"),
        (b"%PDF-1.7\n", "attachment_damaged", "已损坏"),
        (b"%PDF-1.7\n" + bytes(11 * 1024 * 1024), "attachment_too_large", "最大 10 MB"),
        (b"PK\x03\x04" + bytes(100), "attachment_not_an_image", "只接受"),
    ],
    ids=["locked", "ten thousand pages", "21 pages", "no page", "cut", "head only", "too large", "zip"],
)
def test_what_cannot_be_drawn_is_refused_with_what_to_do(raw, code, words):
    with pytest.raises(Refused) as no:
        papers.pictures_of(raw)
    assert (no.value.code, no.value.status) == (code, 422)
    assert words in no.value.message
    assert "请" in no.value.message or "只接受" in no.value.message


def test_a_picture_named_pdf_is_the_picture_that_it_is():
    assert papers.pictures_of(picture("PNG")) == [attachments.redraw(picture("PNG"))]


def test_a_picture_that_is_a_pdf_too_leaves_the_picture_and_a_pdf_that_is_an_archive_too_its_page():
    (page,) = papers.pictures_of(picture() + HOSTILE["script"])
    assert b"canary" not in page
    (page,) = papers.pictures_of(pdf() + b"PK\x03\x04canary.exe")
    assert b"canary" not in page


def test_a_page_as_wide_as_a_street_is_drawn_no_larger_than_the_others():
    (page,) = papers.pictures_of(pdf().replace(b"[0 0 595 842]", b"[0 0 14400 9000]".ljust(13)))
    assert max(opened(page).size) <= 2000


def test_a_pdf_that_swells_when_it_is_read_harms_its_own_process_only():
    swollen = zlib.compress(b"\x81\x00" * 12_000_000)  # 24 kB that say 1.5 GB
    raw = pdf(
        more=(
            b"<< /Length %d /Filter [/FlateDecode /RunLengthDecode] >>\nstream\n%s\nendstream"
            % (len(swollen), swollen),
        )
    )
    assert outcome(raw.replace(b"/Contents 5 0 R", b"/Contents 6 0 R")) in {"drawn", "attachment_too_slow"}


def test_a_pdf_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(papers, "SECONDS", 0.01)
    assert outcome(pdf()) == "attachment_too_slow"


def outcome(raw: bytes) -> str:
    try:
        papers.pictures_of(raw)
    except Refused as no:
        return no.code
    return "drawn"
