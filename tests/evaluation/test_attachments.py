"""Pictures come in from anybody: what is kept is a picture of ours and nothing else."""

from __future__ import annotations

import io
import struct
import zlib
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from PIL import Image, PngImagePlugin

from haochaping.evaluation import attachments
from haochaping.evaluation.models import AttachmentBytes
from haochaping.kit.crypto import Tampered
from haochaping.kit.errors import Refused
from tests.cast import NOW

SCRIPT = b"<script>alert(1)</script>"


def picture(kind: str = "JPEG", size: tuple[int, int] = (60, 40), mode: str = "RGB", **more) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red" if mode != "RGBA" else (255, 0, 0, 0)).save(out, kind, **more)
    return out.getvalue()


def reopened(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(attachments.redraw(raw)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_kept_as_a_jpeg_of_ours(kind):
    image = reopened(picture(kind))
    assert (image.format, image.size) == ("JPEG", (60, 40))


def test_where_and_by_whom_it_was_taken_is_gone():
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "钱密探的身份证", "13912345678"
    raw = picture(exif=exif.tobytes(), comment=SCRIPT)
    assert SCRIPT in raw
    clean = attachments.redraw(raw)
    assert SCRIPT not in clean
    assert b"13912345678" not in clean
    assert not Image.open(io.BytesIO(clean)).getexif()


def test_a_picture_taken_sideways_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert reopened(picture(exif=exif.tobytes())).size == (40, 60)


def test_what_was_transparent_becomes_white_paper():
    assert min(reopened(picture("PNG", mode="RGBA")).getpixel((5, 5))) > 250


def test_a_file_that_is_picture_and_page_at_once_leaves_only_the_picture():
    notes = PngImagePlugin.PngInfo()
    notes.add_text("x", SCRIPT.decode())
    for raw in (picture() + SCRIPT, picture("PNG", pnginfo=notes) + b"%PDF-1.7" + SCRIPT):
        assert SCRIPT not in attachments.redraw(raw)


def test_a_large_scan_is_brought_down_to_four_thousand():
    assert max(reopened(picture("PNG", (5000, 2500))).size) == 4000


def bomb() -> bytes:
    """A PNG of a few hundred bytes that claims 30,000 x 30,000."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(90_000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "attachment_empty"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "attachment_not_an_image"),
        (b"<!doctype html><title>x</title>" + SCRIPT, "attachment_not_an_image"),
        (b"%PDF-1.7\n%" + SCRIPT, "attachment_not_an_image"),
        (b"GIF89a" + bytes(40), "attachment_not_an_image"),
        (bomb(), "attachment_too_large"),
        (picture("PNG", (7000, 6000)), "attachment_too_large"),
        (b"\xff\xd8\xff" + bytes(5 * 1024 * 1024), "attachment_too_large"),
        (picture("PNG", (300, 300))[:80], "attachment_damaged"),
    ],
    ids=["empty", "svg", "html", "pdf", "gif", "bomb", "pixels", "bytes", "cut"],
)
def test_anything_else_is_refused_with_what_to_do(raw, code):
    with pytest.raises(Refused) as no:
        attachments.redraw(raw)
    assert (no.value.code, no.value.status) == (code, 422)
    assert "请" in no.value.message


def test_it_is_sealed_and_opens_as_it_was_kept(db):
    event = uuid4()
    kept = attachments.keep(event, "paper", "C:\\scan\\张三 13912345678.png", picture(), by="1", now=NOW)
    assert attachments.open_(kept) == attachments.redraw(picture())
    assert b"JFIF" not in bytes(AttachmentBytes.objects.get(id=kept.id).blob)
    assert "13912345678" not in kept.name
    assert kept.name.endswith(".jpg")
    assert [a.id for a in attachments.kept(event)] == [kept.id]
    AttachmentBytes.objects.create(id=(other := uuid4()), blob=AttachmentBytes.objects.get(id=kept.id).blob)
    attachments.forget([kept.id])
    with pytest.raises(Refused, match="已撤回"):
        attachments.open_(kept)
    kept.id = other
    with pytest.raises(Tampered):
        attachments.open_(kept)


def test_nobody_changes_or_removes_it(db):
    kept = attachments.keep(uuid4(), "paper", "a.png", picture(), by="1", now=NOW)
    for statement in ("UPDATE evaluation_attachment SET name = 'x'", "DELETE FROM evaluation_attachment"):
        with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    assert kept.size > 0
