"""Letters as far as somebody may see them, and what became of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from haochaping.accounts.queries import visible
from haochaping.channels.models import Letter, LetterNote
from haochaping.kit import blobs
from haochaping.kit.errors import Refused
from haochaping.kit.masks import mask_name, mask_phone, mask_text

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor


def letters_for(actor: Actor) -> QuerySet[Letter]:
    """The letters of the actor's area, the newest first."""
    return visible(Letter.objects.all(), actor).order_by("-at", "id")


def letter_for(actor: Actor, id_: UUID) -> Letter:
    found = letters_for(actor).filter(pk=id_).first()
    if found is None:
        raise Refused("not_found", 404, "没有这封信，或它不在您的工作范围内。")
    return found


@dataclass(frozen=True)
class Content:
    """What stands in a letter, masked."""

    words: str
    name: str
    mobile: str


def content(letter: Letter) -> Content:
    kept = blobs.unseal(bytes(letter.blob), table=Letter._meta.db_table, row=letter.id)
    return Content(mask_text(kept["words"]), mask_name(kept["name"]), mask_phone(kept["mobile"]))


def notes(letter: Letter) -> list[LetterNote]:
    return list(LetterNote.objects.filter(letter=letter).order_by("at", "pk"))
