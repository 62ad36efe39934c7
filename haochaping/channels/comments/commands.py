"""Taking in a comment: its service event, rating, and the browser's mark, all or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.channels.commands import make_link, rate
from haochaping.channels.comments.rules import LINK_LIVES, Kind, Target
from haochaping.channels.models import CommentMark, Link
from haochaping.evaluation.rules import Mode
from haochaping.flow.visits import Visit, open_visit
from haochaping.kit import clock, crypto, ids, keys
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.channels.forms import Draft

SOURCE = "comment"


def comment(target: Target, draft: Draft, *, browser: str, pf: int, now: datetime) -> str:
    """Take in the comment; the token under which this browser sees the receipt.

    A browser comments on the same thing once a day: 409 `already_commented`. Refused 422 as the form says.
    """
    at = now.replace(microsecond=0)  # the rating's time is told to the second, and is not before the service
    with transaction.atomic():
        day = clock.day(now)
        CommentMark.objects.filter(day__lt=day - timedelta(days=1)).delete()
        _, is_new = CommentMark.objects.get_or_create(digest=_mark(browser, target, day), defaults={"day": day})
        if not is_new:
            raise Refused("already_commented", 409, "您今天已经点评过这个对象，明天可以再来；也可以点评别的对象。")
        visit = Visit(
            at=at,
            hall_code=target.hall_code,
            organ_code=target.organ_code,
            area=target.area,
            task_code=target.task_code,
            name=f"{target.where}{target.name}" if target.kind is Kind.PLATFORM else target.name,
            mode=Mode.COMMENT,
            aspect=target.aspect,
        )
        event = open_visit(visit, source=SOURCE, now=now)
        submission = draft.submission(project_no=event.project_no, service_number=1, pf=pf, now=now)
        token = make_link(event.id, pf, LINK_LIVES, SOURCE, now)
        rate(Link.objects.get(digest=ids.token_digest(token)), submission, browser, now)
    return token


def _mark(browser: str, target: Target, day: date) -> bytes:
    return crypto.hmac_sm3(keys.key("content"), f"comment\x00{day}\x00{target.key}\x00{browser}".encode())
