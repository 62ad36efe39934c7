"""The rating form of those who enter for others: its scale, its script, what is wrong; shared by all their screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.channels.desk.forms import Typed, wrongs
from haochaping.channels.forms import choices
from haochaping.evaluation.rules import Channel
from haochaping.kit import clock
from haochaping.policy import queries as policy

if TYPE_CHECKING:
    from haochaping.kit.errors import Refused

ALL_AREAS = ""  # until it is known where somebody was served, the national indicators


def rating_form(
    typed: Typed,
    refused: Refused | None = None,
    *,
    area: str = ALL_AREAS,
    aspect: str = "service",
    pf: int = Channel.TELEPHONE,
) -> dict[str, Any]:
    """What `console/rating.html` wants."""
    norms = policy.indicators(area, clock.today(), aspect, pf)
    found = wrongs(refused, typed, norms)
    return {
        "scale": choices(typed.draft, norms),
        "typed": typed,
        "draft": typed.draft,
        "problems": found,
        "wrong": {problem.field: problem.message for problem in found},
    }
