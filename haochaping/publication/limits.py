"""What the policies of the places let be published."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from haochaping.directory.rules import is_probe_area
from haochaping.kit.errors import Refused
from haochaping.policy.queries import policy_at, rules

if TYPE_CHECKING:
    from datetime import date


class Disclosure(NamedTuple):
    """What the policy of a place lets be published; without a policy, the house's own caution (design §1.3)."""

    is_public: bool = True
    minimum: int = 30  # of ratings, to be ranked
    k: int = 5  # of cases, to be shown
    final_after_days: int = 10  # after the end of a month
    shows_words: bool = True  # of raters who agreed


def at(area: str, day: date) -> Disclosure:
    """By the pack in force there that day."""
    try:
        told = policy_at(area, day).disclosure
    except Refused:
        return Disclosure()
    return Disclosure(
        told.public_ratings, told.min_sample, told.k_anonymity, told.final_after_days, told.texts == "consent"
    )


def strictest(day: date) -> Disclosure:
    """What holds for what is published together: of all places whose packs publish anything, the most cautious."""
    regions = {rule.region for rule in rules() if rule.holds_on(day) and not is_probe_area(rule.region)}
    found = [one for one in (at(region, day) for region in sorted(regions)) if one.is_public] or [Disclosure()]
    return Disclosure(
        minimum=max(one.minimum for one in found),
        k=max(one.k for one in found),
        final_after_days=max(one.final_after_days for one in found),
        shows_words=all(one.shows_words for one in found),
    )
