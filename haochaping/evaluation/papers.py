"""Papers as they are handed in: pictures, and PDFs whose pages are drawn as pictures, so that nothing active is ever kept.

A PDF is a program from a stranger. It is read by a process of its own, `paper_pages.py`, that has bounds on time, memory and
output and hands over pictures; these are taken for as strange as the PDF and drawn anew here.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Lock

from haochaping.evaluation import attachments
from haochaping.evaluation.paper_pages import OUT_MOST, PAGES_MOST, Exit
from haochaping.kit.errors import FieldError, Refused

ACCEPT = f"{attachments.ACCEPT},application/pdf"  # for the page's file field
PDF_MOST = 10 * 1024 * 1024  # bytes
SECONDS = 30  # for a PDF; its own process gives itself less of the processor
WAIT = 45  # seconds for whoever hands one in at the same time
_DRAWER = Path(__file__).with_name("paper_pages.py")
_one_at_a_time = Lock()  # a page takes some 30 MB while it is drawn, of a machine that all share
TRY_AGAIN = Refused("busy", 503, "正在处理别人的 PDF，请过一分钟再上传。")


def pictures_of(raw: bytes) -> list[bytes]:
    """The file's pictures, one of an image, one a page of a PDF, each a JPEG of ours. Refused 422 `attachment_*`, 503."""
    if raw[:5] != b"%PDF-":
        return [attachments.redraw(raw)]
    if len(raw) > PDF_MOST:
        raise _refused("attachment_too_large", f"PDF 最大 {PDF_MOST // 1024 // 1024} MB，请拆分或压缩后再上传。")
    if not _one_at_a_time.acquire(timeout=WAIT):
        raise TRY_AGAIN
    try:
        return [attachments.redraw(page) for page in _pages(raw)]
    finally:
        _one_at_a_time.release()


def _pages(raw: bytes) -> list[bytes]:
    with tempfile.TemporaryFile() as out:  # a file, for its size can be bounded where a pipe's cannot
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(_DRAWER)],
                input=raw,
                stdout=out,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _refused("attachment_too_slow", TOO_HARD) from None
        if done.returncode:
            raise _refused(*REFUSALS.get(done.returncode, ("attachment_too_slow", TOO_HARD)))
        out.seek(0)
        told = out.read(OUT_MOST)
    pages: list[bytes] = []
    while told and len(pages) < PAGES_MOST:
        size = int.from_bytes(told[:4])
        pages.append(told[4 : 4 + size])
        told = told[4 + size :]
    return pages


TOO_HARD = "这个 PDF 太复杂，处理不了，请把需要的页打印后扫描，或用手机拍照上传。"
REFUSALS: dict[int, tuple[str, str]] = {
    Exit.LOCKED: ("attachment_locked", "PDF 设了打开密码，请去掉密码后再上传。"),
    Exit.TOO_MANY: ("attachment_too_many_pages", f"PDF 最多 {PAGES_MOST} 页，请只保留有关的页。"),
    Exit.DAMAGED: ("attachment_damaged", "PDF 已损坏或没有页面，打不开，请重新生成，或拍照上传。"),
}


def _refused(code: str, message: str) -> Refused:
    return Refused(code, 422, message, (FieldError("file", code, message),))
