"""Scans and photographs: decoded, drawn anew and sealed, so that nothing but a picture is kept.

What is kept is always a JPEG of ours: scripts, metadata, places and thumbnails of the file that came in are gone with it.
"""

from __future__ import annotations

import io
import re
import unicodedata
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from django.db import transaction
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from haochaping.evaluation.models import Attachment, AttachmentBytes, Erasure
from haochaping.kit import blobs, crypto
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.masks import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

FORMATS = ("JPEG", "PNG", "WEBP")
ACCEPT = "image/jpeg,image/png,image/webp"  # for the page's file field
BYTES_MOST = 5 * 1024 * 1024
PIXELS_MOST = {"JPEG": 50_000_000}  # what a telephone takes: a JPEG is decoded no larger than it is kept
PIXELS_MOST_ELSE = 16_000_000  # A4 at 300 dpi has nine; more is refused before it is decoded
SIDE_MOST = 4000
QUALITY = 85
MIME = "image/jpeg"
_TABLE = "evaluation_attachment"
_one_at_a_time = Lock()  # sixteen million pixels take some 150 MB while they are drawn, of a web process that all share
TAKEN_BACK = Refused("taken_back", 404, "评价人已撤回身份或文字，原件不再显示。")
_UNSAFE = re.compile(r"[^\w.()（）一-鿿-]+")


def keep(event_id: UUID, kind: str, name: str, raw: bytes, *, by: str, now: datetime) -> Attachment:
    """Keep a picture for good. Refused 422 `attachment_*` for what is no JPEG, PNG or WebP, too large, or damaged."""
    return keep_drawn(event_id, kind, tidy(name), redraw(raw), by=by, now=now)


def keep_drawn(event_id: UUID, kind: str, name: str, picture: bytes, *, by: str, now: datetime) -> Attachment:
    """Keep what `redraw` drew, under a name that `tidy` made."""
    id_ = uuid4()
    with transaction.atomic():
        AttachmentBytes.objects.create(id=id_, blob=blobs.seal_bytes(picture, table=_TABLE, row=id_))
        return Attachment.objects.create(
            id=id_,
            event_id=event_id,
            kind=kind,
            name=name,
            mime=MIME,
            size=len(picture),
            sm3=crypto.sm3(picture),
            by=by,
            at=now,
        )


def open_(attachment: Attachment) -> bytes:
    """The picture; `kit.crypto.Tampered` if the row was changed, Refused 404 once it was erased. Who may see it the caller
    has asked before.
    """
    kept = AttachmentBytes.objects.filter(id=attachment.id).first()
    if kept is None:
        raise TAKEN_BACK
    picture = blobs.unseal_bytes(bytes(kept.blob), table=_TABLE, row=attachment.id)
    if crypto.sm3(picture) != bytes(attachment.sm3):
        raise crypto.Tampered("not the picture that was kept")
    return picture


def open_for(event_id: UUID | None, attachment: Attachment) -> bytes:
    """The original of a rating; Refused 404 once its rater took back identity or words: a picture cannot lose them singly."""
    if event_id is not None and Erasure.objects.filter(event_id=event_id).exists():
        raise TAKEN_BACK
    return open_(attachment)


def forget(ids: Iterable[UUID]) -> None:
    """Erase the bytes of these pictures at the wish of whom they show; that they were there stays."""
    AttachmentBytes.objects.filter(id__in=list(ids)).delete()


def kept(event_id: UUID) -> Iterable[Attachment]:
    """What is attached, oldest first."""
    return Attachment.objects.filter(event_id=event_id).order_by("at", "id")


def kept_of(event_ids: Iterable[UUID], *kinds: str) -> dict[UUID, list[Attachment]]:
    """What of these kinds is attached to each of many, in one query."""
    rows = Attachment.objects.filter(event_id__in=list(event_ids), kind__in=kinds)
    found: dict[UUID, list[Attachment]] = {}
    for row in rows.order_by("at", "id"):
        found.setdefault(row.event_id, []).append(row)
    return found


def one(id_: UUID, *kinds: str) -> Attachment | None:
    """That attachment if it is of one of these kinds. Who may see it the caller asks."""
    return Attachment.objects.filter(id=id_, kind__in=kinds).first()


def redraw(raw: bytes) -> bytes:
    """The picture drawn anew as JPEG: upright, on white, at most `SIDE_MOST` wide and high, nothing else in the file."""
    if not raw:
        raise _refused("attachment_empty", "文件是空的，请重新选择。")
    if len(raw) > BYTES_MOST:
        raise _refused("attachment_too_large", f"图片最大 {BYTES_MOST // 1024 // 1024} MB，请缩小后再上传。")
    if raw[:5] == b"%PDF-":
        raise _refused("attachment_not_an_image", "暂不接受 PDF，请在扫描仪上选择 JPG 或 PNG，或用手机拍照后上传。")
    try:
        with _one_at_a_time, Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > PIXELS_MOST.get(image.format or "", PIXELS_MOST_ELSE):
                raise _refused("attachment_too_large", "图片像素太大，请用较低的分辨率（300 dpi 足够）重新扫描。")
            return _jpeg(image)
    except UnidentifiedImageError:
        raise _refused("attachment_not_an_image", "只接受 JPG、PNG 或 WebP 图片，请重新选择。") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _refused("attachment_too_large", "图片像素太大，请用较低的分辨率（300 dpi 足够）重新扫描。") from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError):  # what Pillow raises for a broken file
        raise _refused("attachment_damaged", "图片已损坏，打不开，请重新扫描或拍照。") from None


def _jpeg(image: Image.Image) -> bytes:
    ImageFile.LOAD_TRUNCATED_IMAGES = (
        False  # WeasyPrint says otherwise, for the whole process, once it has been imported
    )
    image.draft("RGB", (SIDE_MOST, SIDE_MOST))  # a JPEG is decoded smaller where it may be
    image.load()
    is_glass = image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info
    wanted = "RGBA" if is_glass else "RGB"
    small = image if image.mode in {wanted, "L"} else image.convert(wanted)
    small.thumbnail((SIDE_MOST, SIDE_MOST))  # before it is copied: each copy of sixteen million pixels takes 64 MB
    flat = ImageOps.exif_transpose(small)
    if is_glass:
        layer = flat.convert("RGBA")
        flat = Image.new("RGB", layer.size, "white")
        flat.paste(layer, mask=layer.getchannel("A"))
    elif flat.mode != "RGB":
        flat = flat.convert("RGB")
    clean = Image.new("RGB", flat.size)
    clean.paste(flat)  # pixels only: `info` of the old image stays behind
    out = io.BytesIO()
    clean.save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue()


def tidy(name: str, secrets: Iterable[str] = ()) -> str:
    """A file name fit to be shown and sent: no path, no control characters, nobody's numbers, none of `secrets`, ending `.jpg`."""
    stem = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or name
    stem = _UNSAFE.sub("_", mask_text(stem, secrets)).strip("._")[:70]
    return f"{stem or 'image'}.jpg"


def _refused(code: str, message: str) -> Refused:
    return Refused(code, 422, message, (FieldError("file", code, message),))
