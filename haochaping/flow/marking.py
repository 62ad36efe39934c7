"""A whole batch is void, or counts again: its rulings part by part, and a note on each open order (issue 3, item 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.accounts.rules import SYSTEM
from haochaping.evaluation import batches
from haochaping.rectification.commands import perform
from haochaping.rectification.queries import orders_for

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.evaluation.models import BatchMark


def carry_out(mark: BatchMark, *, now: datetime, parts: int | None = None) -> BatchMark:
    """Rule on the next parts of a marked batch (all that are left, if not told how many), each in its own transaction.

    The mark as it stands afterwards. Whoever comes while another is at it leaves the work to them.
    """
    left = parts
    while mark.finished_at is None and (left is None or left > 0):
        before = mark.lines_done
        with transaction.atomic():
            ruled = batches.continue_mark(mark, now=now)
            words = "所属批次已标记为整批无效" if mark.voids else "所属批次已恢复有效"
            for order_id in orders_for(SYSTEM).filter(id__in=ruled, closed_at=None).values_list("id", flat=True):
                text = f"本工单的评价{words}（批次 {mark.batch}）。理由：{mark.reason}"
                perform(order_id=order_id, verb="note", actor=SYSTEM, facts={"text": text[:2000]}, now=now)
        mark.refresh_from_db()
        if mark.lines_done == before:
            break
        left = left and left - 1
    return mark


def finish_marks(*, now: datetime) -> int:
    """What a page began and nobody finished; how many marks are finished now."""
    return sum(carry_out(mark, now=now).finished_at is not None for mark in batches.unfinished())
