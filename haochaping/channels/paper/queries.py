"""Batches of paper forms as far as somebody may see them, how far they are, and what was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q

from haochaping.accounts.queries import visible
from haochaping.channels.models import PaperBatch, PaperKeying, PaperRun, PaperSheet
from haochaping.channels.paper.rules import Reading, State, serial_of
from haochaping.directory.probes import without_probes
from haochaping.kit import blobs
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor


def batches_for(actor: Actor) -> QuerySet[PaperBatch]:
    """The batches of halls in the actor's areas, newest first. A scope of one organ or window reaches none."""
    rows = visible(PaperBatch.objects.all(), actor, organ="area_path", window="area_path")
    return without_probes(rows, actor).order_by("-at", "-id")


def batch_for(actor: Actor, id_: int) -> PaperBatch:
    found = batches_for(actor).filter(pk=id_).first()
    if found is None:
        raise Refused("not_found", 404, "没有这一批，或它不在您的工作范围内。")
    return found


def sheet_for(actor: Actor, number: str) -> PaperSheet:
    found = PaperSheet.objects.select_related("batch").filter(number=number, batch__in=batches_for(actor)).first()
    if found is None:
        raise Refused("not_found", 404, "没有这张评价表，或它不在您的工作范围内。")
    return found


def runs_for(actor: Actor) -> QuerySet[PaperRun]:
    rows = visible(PaperRun.objects.all(), actor, organ="area_path", window="area_path")
    return without_probes(rows, actor).order_by("-at", "-id")


def run_for(actor: Actor, id_: int) -> PaperRun:
    found = runs_for(actor).filter(pk=id_).first()
    if found is None:
        raise Refused("not_found", 404, "没有这次印制，或它不在您的工作范围内。")
    return found


@dataclass(frozen=True)
class Progress:
    """How far a batch is."""

    forms: int
    waiting: int  # a scan is there, or nothing yet
    once: int
    to_decide: int
    admitted: int
    void: int

    @property
    def settled(self) -> int:
        return self.admitted + self.void

    @property
    def is_done(self) -> bool:
        return self.settled >= self.forms


def progress(batches: Iterable[PaperBatch]) -> dict[int, Progress]:
    """How far each batch is: one query however many there are."""
    wanted = {batch.pk: batch.forms for batch in batches}
    counts: dict[int, dict[str, int]] = {pk: {} for pk in wanted}
    rows = PaperSheet.objects.filter(batch__in=list(wanted)).values_list("batch", "state").annotate(n=Count("number"))
    for batch, state, n in rows:
        counts[batch][state] = n
    return {pk: _progress(forms, counts[pk]) for pk, forms in wanted.items()}


def _progress(forms: int, n: dict[str, int]) -> Progress:
    to_decide = n.get(State.DIFFERS, 0) + n.get(State.REFUSED, 0)
    begun = n.get(State.ONCE, 0) + to_decide + n.get(State.ADMITTED, 0) + n.get(State.VOID, 0)
    return Progress(
        forms, forms - begun, n.get(State.ONCE, 0), to_decide, n.get(State.ADMITTED, 0), n.get(State.VOID, 0)
    )


def sheets(batch: PaperBatch) -> QuerySet[PaperSheet]:
    return PaperSheet.objects.filter(batch=batch).order_by("number")


def next_to_key(batch: PaperBatch, actor: Actor) -> PaperSheet | None:
    """The next form with a scan that this person can key: nobody's first reading, or somebody else's."""
    mine = PaperKeying.objects.filter(number=OuterRef("number"), person_id=actor.id)
    open_ = sheets(batch).filter(Q(state=State.WAITING) | Q(state=State.ONCE), ~Exists(mine), scan__isnull=False)
    return open_.first()


def keyings(number: str) -> list[PaperKeying]:
    return list(PaperKeying.objects.filter(number=number).order_by("n"))


def reading_of(keyed: PaperKeying) -> Reading:
    kept = blobs.unseal(bytes(keyed.blob), table=PaperKeying._meta.db_table, row=f"{keyed.number}/{keyed.n}")
    return Reading.restore(kept)


def hall_of(number: str) -> str | None:
    """The hall for which the form was printed, None if it never was."""
    run = _run_of(number)
    return run.hall_code if run else None


def window_of(number: str) -> str:
    """The window for which the form was printed, "" if for a whole hall."""
    run = _run_of(number)
    return run.window_code if run else ""


def _run_of(number: str) -> PaperRun | None:
    year, serial = serial_of(number)
    return PaperRun.objects.filter(year=year, first__lte=serial, last__gte=serial).first()
