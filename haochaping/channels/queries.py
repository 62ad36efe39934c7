"""Finding what a link or a receipt leads to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count

from haochaping.accounts.rules import citizen
from haochaping.channels.forms import Subject
from haochaping.channels.models import Link
from haochaping.channels.rules import Standing, latest, standing
from haochaping.directory import queries as directory
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.kept import DISCARDED, settled_receipt
from haochaping.evaluation.rules import Consent
from haochaping.kit import ids
from haochaping.kit.crypto import equal
from haochaping.kit.masks import mask_text
from haochaping.policy import queries as policy
from haochaping.rectification.models import Order
from haochaping.rectification.progress import PublicStep, public_progress, rater_may
from haochaping.rectification.queries import moves_open_to

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from uuid import UUID

    from haochaping.evaluation.models import Evaluation, Rejected, Ruling, ServiceEvent
    from haochaping.policy.rules import Norm


@dataclass(frozen=True)
class Found:
    """A link with its service event, and what this browser may do with it."""

    link: Link
    event: ServiceEvent
    standing: Standing


def find_link(token: str, now: datetime, visit: str = "") -> Found | None:
    """What the token leads to, expired or not; None, after the same work, for any text that is no token of ours.

    `visit` is the browser's own cookie; it tells the rater from whoever opens the link later.
    """
    link = Link.objects.filter(digest=ids.token_digest(ids.plain_token(token))).first()
    event = evaluation.event(link.event_id) if link else None
    if link is None or event is None:
        return None
    return Found(
        link,
        event,
        standing(
            now=now,
            expires_at=link.expires_at,
            is_rated=evaluation.is_rated(event.id),
            rated_at=link.rated_at,
            is_raters_browser=is_raters_browser(link, visit),
            is_open=evaluation.is_open_for_rating(event, now),
        ),
    )


def links_made(app_id: str, since: datetime) -> dict[int, int]:
    """How many links an app had made since, by channel."""
    made = Link.objects.filter(made_by=app_id, made_at__gte=since).order_by()
    return dict(made.values_list("pf").annotate(n=Count("digest")))


def is_raters_browser(link: Link, visit: str) -> bool:
    return bool(visit) and link.rated_by is not None and equal(bytes(link.rated_by), ids.token_digest(visit))


def window_name(event: ServiceEvent) -> str:
    """The window's name as people know it, "" where the service had none or it is gone."""
    window = directory.snapshot().windows.get(event.window_code)
    return window.name if window else ""


def subject(event: ServiceEvent) -> Subject:
    """What the form of this service event says at its head."""
    return Subject(
        event.item_name or event.service_name,
        event.organ_name,
        window_name(event),
        event.service_day,
        event.aspect,
        event.point,
    )


def offered(event: ServiceEvent, pf: int, day: date) -> list[Norm]:
    """The indicators that a page offers for this service through this channel."""
    return policy.indicators(event.area_path, day, event.aspect, pf)


@dataclass(frozen=True)
class OrderTold:
    """What the rater is told of the order that their bad rating opened."""

    order_no: str
    answer_by: datetime
    is_provisional: bool
    is_answered: bool
    awaits_rater: bool = False  # a message to them waits for their answer; what it says stands at `/my` only

    @property
    def latest(self) -> str:
        return latest(self.answer_by)


def order_told(event_id: UUID) -> OrderTold | None:
    order = Order.objects.filter(id=event_id).first()
    if order is None:
        return None
    return OrderTold(
        order.order_no,
        order.answer_due,
        order.due_is_provisional,
        order.answered_at is not None,
        order.unanswered_since is not None and order.closed_at is None,
    )


@dataclass(frozen=True)
class Told:
    """What came of one rating, for whoever holds its receipt: nothing that says who they are or which case it was."""

    rating: Evaluation | None  # None: received, but the business system has not named the service yet
    steps: Sequence[PublicStep]
    order: OrderTold | None
    ruling: Ruling | None  # the last one, if it keeps the rating out of the figures
    kept: Rejected | None = None  # refused when its service came: under repair, or settled with a reason

    @property
    def settled_because(self) -> str:
        """Why the rating does not count, "" unless somebody decided so."""
        return mask_text(self.kept.settled_because) if self.kept and self.kept.state == DISCARDED else ""

    @property
    def reason(self) -> str:
        return mask_text(self.ruling.reason) if self.ruling else ""


def progress(receipt: str, now: datetime) -> Told | None:
    """What a receipt leads to; None for any text that is no receipt of ours."""
    event_id = evaluation.event_id_of(receipt)
    if event_id is None:
        return None
    rating = evaluation.rating(event_id)
    kept = settled_receipt(event_id) if rating is None else None
    if kept is not None and kept.became is not None:  # its case number was mended: it stands under the right one
        event_id, rating = kept.became, evaluation.rating(kept.became)
    if rating is None:
        return Told(None, (), None, None, kept)
    rulings = evaluation.rulings(event_id)
    excluding = rulings[-1] if rulings and rulings[-1].excludes else None
    steps = [*public_progress(event_id), *_open_to_rater(event_id, now)]
    return Told(rating, steps, order_told(event_id), excluding)


def _open_to_rater(event_id: UUID, now: datetime) -> list[PublicStep]:
    order = Order.objects.filter(id=event_id).first()
    if order is None:
        return []
    return rater_may(order, {offer.verb for offer in moves_open_to(order, citizen(event_id), now)})


def may_see(rating: Evaluation, app_id: str) -> bool:
    """Whether an app may see a rating: it submitted it, or the rater lets the department know, still (contract §3)."""
    return rating.source == app_id or (
        Consent.CONTACT_DEPARTMENT in rating.consent and not evaluation.is_withdrawn(rating.id)
    )


def words_for(rating: Evaluation, app_id: str) -> str:
    """The rater's words: as they were submitted for the app that did, masked for every other."""
    words = evaluation.words(rating.id)
    return words if rating.source == app_id else mask_text(words, evaluation.secrets([rating.id])[rating.id])
