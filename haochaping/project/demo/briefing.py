"""信息专报 of the made-up province: one that the leader has instructed on, one that waits for the leader, one being written."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from haochaping.project.demo import sentences
from haochaping.rectification.briefs import commands, queries
from haochaping.rectification.briefs.models import Brief

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.project.demo.people import Cast

ABOUT = 60  # orders at most that a brief is about


def make(cast: Cast, now: datetime) -> None:
    """Write them if there are none yet."""
    author, leader = cast.actors["supervisor"], cast.actors["leader"]
    if Brief.objects.exists():
        return
    for n, (title, cause, *texts) in enumerate(sentences.BRIEFS):
        picked = queries.candidates(author, now, cause=cause)
        cases = list(picked.values_list("pk", flat=True)[:ABOUT])
        if not cases:
            continue
        at = now - timedelta(days=len(sentences.BRIEFS) - n)
        asked = [("原因", sentences.CAUSES_ASKED[cause])]
        brief = commands.draft(title, cases, asked=asked, office="政务服务管理办公室", actor=author, now=at)
        told = dict(zip(("situation", "analysis", "suggestion"), texts, strict=True)) | {"title": title}
        quotes = [str(quote.id) for quote in queries.quotes_of(cases)[:2]]
        commands.write(brief.pk, told, quotes, seen="1", actor=author)
        if n < 2:
            commands.act(brief.pk, "submit", "", actor=author, now=at + timedelta(hours=2))
        if n < 1:
            commands.act(brief.pk, "approve", sentences.INSTRUCTED_BRIEF, actor=leader, now=at + timedelta(hours=20))
