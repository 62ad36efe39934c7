"""What a rater takes back is gone from what was written by hand too: letters, paper forms, their scans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from haochaping.channels.models import Letter, PaperKeying, PaperSheet
from haochaping.evaluation import attachments
from haochaping.kit import blobs

if TYPE_CHECKING:
    from uuid import UUID


def forget_written(event_id: UUID, what: str) -> None:
    """Of the letter or form that became this rating: its words or its writer, as `what` says; the scan in either case.

    A picture cannot lose one of them singly, and what was keyed off a form stands in one sealed reading. Call it in the
    transaction of the erasure.
    """
    fields = {"words"} if what == "words" else {"name", "mobile"}
    scans = []
    for letter in Letter.objects.select_for_update().filter(event_id=event_id):
        kept = blobs.unseal(bytes(letter.blob), table=Letter._meta.db_table, row=letter.id) | dict.fromkeys(fields, "")
        Letter.objects.filter(pk=letter.pk).update(blob=blobs.seal(kept, table=Letter._meta.db_table, row=letter.id))
        scans.append(letter.scan)
    for sheet in PaperSheet.objects.filter(event_id=event_id):
        PaperKeying.objects.filter(number=sheet.number).update(blob=b"")
        scans.append(sheet.scan)
    attachments.forget(scan for scan in scans if scan is not None)
