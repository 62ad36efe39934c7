"""Making links, and rating through one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.channels.models import Link
from haochaping.channels.signs import count_rating, is_of_window
from haochaping.flow.admit import admit
from haochaping.kit import ids

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from uuid import UUID

    from haochaping.evaluation.records import Submission


def make_link(
    event_id: UUID,
    pf: int,
    ttl: timedelta,
    by: str,
    now: datetime,
    *,
    is_short: bool = False,
    return_url: str = "",
) -> str:
    """The token of a new link to rate this service event through channel `pf`; it is nowhere kept but in the answer.

    A short one (SMS, paper) has 65 bits and may be typed in any case; misses are limited. `return_url` is shown after the
    thanks as long as the maker's app allows its origin.
    """
    token = ids.new_short_token() if is_short else ids.new_token()
    Link.objects.create(
        digest=ids.token_digest(token),
        event_id=event_id,
        pf=pf,
        expires_at=now + ttl,
        made_by=by,
        made_at=now,
        return_url=return_url,
    )
    return token


def rate(link: Link, submission: Submission, visit: str, now: datetime) -> None:
    """Admit the rating, and remember which browser gave it: one transaction.

    Where the service is rated already nothing changes: whoever pressed twice finds their receipt, anybody else that it
    is rated. Refused as `flow.admit` says.
    """
    with transaction.atomic():
        locked = Link.objects.select_for_update().get(digest=link.digest)
        (outcome,) = admit([replace(submission, knows_case=is_of_window(locked))], now=now)
        if outcome.status in {"created", "parked"}:
            locked.rated_by, locked.rated_at = ids.token_digest(visit), now
            locked.save(update_fields=["rated_by", "rated_at"])
            count_rating(locked, now)
        elif outcome.refused is not None and outcome.refused.code != "already_rated":
            raise outcome.refused


def hide_receipt(link: Link) -> None:
    """Show the receipt no more, not even to the browser that rated."""
    Link.objects.filter(digest=link.digest).update(rated_by=None)
