"""Reply templates of the made-up province: the office's own for everybody, and one of the home organ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.project.demo import sentences
from haochaping.rectification import reply_templates
from haochaping.rectification.models import ReplyTemplate

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.project.demo.people import Cast


def make(cast: Cast, now: datetime) -> None:
    """Write those that are not there yet."""
    for n, (cause, title, text) in enumerate(sentences.REPLY_TEMPLATES):
        writer: Actor = cast.actors["rectifier" if n == 1 else "supervisor"]
        if not ReplyTemplate.objects.filter(title=title).exists():
            owner = reply_templates.owners_for(writer)[0].key
            typed = {"cause": cause, "title": title, "text": text, "owner": owner}
            reply_templates.keep(typed, actor=writer, now=now)
