"""Where a line of a theme or a ranking leads: its slice one step further down, and the ratings or orders behind its figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haochaping.analytics import slices
from haochaping.console.analysis import links
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.looks import Look


class Leading:
    """The ways out of one table: its lines by a dimension, narrowed by its filters. No way where the actor may not go."""

    def __init__(
        self, look: Look, actor: Actor, by: str, metrics: Sequence[str], filters: Mapping[str, Any] | None = None
    ) -> None:
        self.actor = actor
        words = {"from": f"{look.start}", "to": f"{look.end}", "by": by, "metrics": ",".join(metrics)}
        for name, value in (look.place | dict(filters or {})).items():
            words[name] = _word(value)
        try:
            self.question: slices.Slice | None = slices.read(words, actor, today=clock.day(look.now))
        except Refused:  # not open to this actor as a slice
            self.question = None

    def down(self, key: Any) -> str:
        """The slice of a line, one dimension further down; of an item its cases."""
        return links.drilled(self.question, key, self.actor) if self.question else ""

    def cases(self, key: Any, metric: str) -> str:
        """The list of ratings or orders that a figure of a line counts."""
        if self.question is None or not (words := links.narrowed(self.question, self.question.by, key)):
            return ""
        return links.cases(metric, words, self.question.period, self.actor)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
