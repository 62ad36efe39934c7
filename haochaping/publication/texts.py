"""What raters and units said, as far as it may be read by everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.models import Evaluation, Words
from haochaping.evaluation.rules import LEVEL_NAMES, Consent, Level
from haochaping.publication.limits import at
from haochaping.rectification import veil
from haochaping.rectification.models import Order
from haochaping.rectification.rules import State

if TYPE_CHECKING:
    from datetime import date

    from haochaping.publication.limits import Disclosure

READ = 3  # as many orders are read for each that is shown: some are set aside, or lie where nothing is published


@dataclass(frozen=True)
class Reply:
    """A bad rating whose rater agreed that it is published, and what was answered: masked, without its day or number."""

    month: date
    level: str
    item: str
    item_name: str
    organ: str
    organ_name: str
    words: str
    ticked: tuple[str, ...]
    reply: str


def replies(day: date, *, item: str = "", organ: str = "", area: str = "", most: int = 10) -> list[Reply]:
    """The newest of those that are over and whose answer somebody who supervises has read and let pass.

    Only while the rater's words stand and their consent to publish them; nothing where the policy shows no words.
    """
    agreed = Evaluation.objects.filter(id=OuterRef("id"), consent__contains=[Consent.PUBLISH_TEXT])
    said = Words.objects.filter(id=OuterRef("id")).exclude(text="")
    wanted = {"task_code": item, "organ_code": organ, "area_path__startswith": area}
    found = Order.objects.filter(
        Exists(agreed),
        Exists(said),
        state=State.CLOSED,
        is_probe=False,
        replied_at__isnull=False,
        closed_at__isnull=False,
        **{name: value for name, value in wanted.items() if value},
    ).exclude(reply="")
    orders = list(found.order_by("-closed_at", "-order_no")[: most * READ])
    rules = {order.area_path: at(order.area_path, day) for order in orders}
    gone = evaluation.excluded(order.pk for order in orders)
    open_ = [order for order in orders if order.pk not in gone and _is_open(rules[order.area_path])][:most]
    words = evaluation.published_words(order.pk for order in open_)
    ticked = evaluation.said(order.pk for order in open_)
    veil.lift(open_)
    return [
        Reply(
            order.rated_day.replace(day=1),
            LEVEL_NAMES[Level(order.level)],
            order.task_code,
            order.item_name,
            order.organ_code,
            order.organ_name,
            veil.masked(order, words[order.pk]),
            ticked[order.pk][1],
            veil.masked(order, order.reply),
        )
        for order in open_
        if order.pk in words
    ]


def _is_open(rule: Disclosure) -> bool:
    return rule.is_public and rule.shows_words
