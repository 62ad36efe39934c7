"""Made-up evidence: a page as from a queueing machine's log, with bars where a real one has lines. Pure."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

if TYPE_CHECKING:
    from random import Random

NAMES = ("叫号记录截图", "窗口排班表", "大厅监控截图", "办件台账")


def scan(random: Random) -> tuple[str, bytes]:
    """A file name, and a PNG of a sheet of rows that say nothing."""
    page = Image.new("RGB", (620, 440), "white")
    pen = ImageDraw.Draw(page)
    pen.rectangle((40, 30, 580, 64), fill="#1550b5")
    for row in range(9):
        top = 90 + row * 36
        pen.line((40, top + 26, 580, top + 26), fill="#cccccc")
        for left in (40, 180, 320, 460):
            pen.rectangle((left, top, left + random.randrange(40, 110), top + 12), fill="#888888")
    out = io.BytesIO()
    page.save(out, "PNG")
    return f"{random.choice(NAMES)}.png", out.getvalue()
