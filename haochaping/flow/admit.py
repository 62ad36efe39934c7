"""The one module that writes across rooms: service events and ratings come in here, whatever their channel (design §4)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, TypeVar

import msgspec
from django.db import DataError, IntegrityError, transaction

from haochaping.accounts.commands import use_nonces
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.judge import judge_against, judge_alone
from haochaping.evaluation.kept import Refusal, keep, place_of, wire_of
from haochaping.evaluation.models import Evaluation, Parked, ServiceEvent
from haochaping.evaluation.served import served
from haochaping.flow.writing import Wanted, digest_of, event_id, receipts, write
from haochaping.kit import blobs, clock, ids
from haochaping.kit.errors import Refused
from haochaping.kit.rows import insert_new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from haochaping.accounts.queries import AppInfo
    from haochaping.evaluation.records import Submission
    from haochaping.evaluation.served import Served

T = TypeVar("T")
R = TypeVar("R")
ALREADY_RATED = Refused("already_rated", 409, "本次服务已评价，一次服务只评价一次。")
NONCE_USED = Refused("nonce_used", 401, "X-Nonce 已使用过，请每次换新。")
NOT_YOURS = Refused("service_not_yours", 404, "没有这次服务，或它不属于贵单位。")
NOT_STORABLE = Refused("not_storable", 422, "该记录含有无法保存的内容，请检查各字段的字符与长度。")


@dataclass(frozen=True)
class Outcome:
    """What became of one submission: created, duplicate, parked, conflict, rejected or kept (these three carry `refused`)."""

    status: str
    id: UUID
    receipt: str = ""
    order_no: str = ""
    answer_by: datetime | None = None
    refused: Refused | None = None


def admit(
    submissions: Sequence[Submission],
    *,
    now: datetime,
    nonces: Sequence[tuple[str, str] | None] = (),
    apps: Sequence[AppInfo | None] = (),
    keeps_refused: bool = False,
    lane: str = "",
) -> list[Outcome]:
    """Take in ratings, all in one transaction; one outcome each, in order.

    `nonces` are the signed requests' own, used up in the same transaction; `apps` are who submitted them, and bound
    which organs' services they may rate. When this returns, what was created is on disk: service events stay, each
    has at most one rating, each bad one its order. A database error in one of them does not touch the others.

    With `keeps_refused` what is refused is on disk too, for repair: its outcome is `kept`, that of a rating whose service
    has another one `conflict` (kept as superseded). `lane` says how they came: device, batch, import or desk.
    """
    nonces = nonces or [None] * len(submissions)
    apps = apps or [None] * len(submissions)
    found = _bisect(_admit, list(zip(submissions, nonces, apps, strict=True)), now)
    outcomes = [
        o if isinstance(o, Outcome) else Outcome("rejected", event_id(s), refused=o)
        for o, s in zip(found, submissions, strict=True)
    ]
    return _keep_refused(submissions, outcomes, apps, lane, now) if keeps_refused else outcomes


def _keep_refused(
    submissions: Sequence[Submission],
    outcomes: list[Outcome],
    apps: Sequence[AppInfo | None],
    lane: str,
    now: datetime,
) -> list[Outcome]:
    refused = [(s, o, app) for s, o, app in zip(submissions, outcomes, apps, strict=True) if o.refused is not None]
    if not refused:
        return outcomes
    events = ServiceEvent.objects.in_bulk({o.id for _, o, _ in refused})
    keep(
        [
            Refusal(
                wire_of(s),
                o.refused,
                s.source,
                lane or ("device" if s.device_id else "desk"),
                batch=s.batch,
                event_id=o.id,
                place=place_of(None if o.refused is NOT_YOURS else events.get(o.id), app),
                arrived=s.arrived,
                is_superseded=o.refused is ALREADY_RATED,
            )
            for s, o, app in refused
            if o.refused is not None
        ],
        now=now,
    )
    return [
        replace(o, status="kept") if o.refused is not None and o.refused is not ALREADY_RATED else o for o in outcomes
    ]


def _bisect(work: Callable[[list[T], datetime], list[R]], group: list[T], now: datetime) -> list[R | Refused]:
    """`work` on the group in one transaction; if its data make the database refuse, on each half, down to the one at fault."""
    if not group:
        return []
    try:
        with transaction.atomic():
            return list(work(group, now))
    except (DataError, IntegrityError, Refused) as no:
        if len(group) == 1:
            return [no if isinstance(no, Refused) else NOT_STORABLE]
    half = len(group) // 2
    return _bisect(work, group[:half], now) + _bisect(work, group[half:], now)


def _admit(group: list[tuple[Submission, tuple[str, str] | None, AppInfo | None]], now: datetime) -> list[Outcome]:
    keys_used = [nonce for _, nonce, _ in group if nonce]
    fresh = use_nonces(keys_used, now=now) if keys_used else set()
    named = [event_id(s) for s, _, _ in group]
    events = served(set(named))
    catalogue, grace = cache(evaluation.catalogue), cache(evaluation.grace)  # most of a group is of one area and day
    outcomes: list[Outcome | None] = [None] * len(group)
    wanted: dict[UUID, Wanted] = {}
    parked: dict[UUID, tuple[int, Submission, AppInfo | None]] = {}
    again: list[int] = []  # the same service event twice in one group: compared once the first is written
    for place, ((s, nonce, app), id_) in enumerate(zip(group, named, strict=True)):
        event = events.get(id_)
        try:
            if nonce is not None:
                if nonce not in fresh:
                    raise NONCE_USED
                fresh.remove(nonce)  # the same request may have come twice within one group
            if (
                event is not None
                and app is not None
                and not app.reaches(area_path=event.area_path, organ_path=event.organ_path)
            ):
                raise NOT_YOURS
            known = catalogue(event.area_path if event else "", clock.day(s.assess_time))
            judge_alone(s, known, now, is_place_known=event is not None)
        except Refused as no:
            outcomes[place] = Outcome("rejected", id_, refused=no)
            continue
        digest = digest_of(s)
        # A rating that was acknowledged while its service was not known is the first, if it is not taken up yet.
        if event is not None and event.held not in {None, digest}:
            outcomes[place] = Outcome("conflict", id_, refused=ALREADY_RATED)
        elif id_ in wanted or id_ in parked:
            again.append(place)
        elif event is None:
            parked[id_] = (place, s, app)
        else:
            late = _lateness(s, event, grace(event.area_path, event.service_day), now)
            wanted[id_] = Wanted(place, s, event, known, digest, late)
    written = write([w for w in wanted.values() if w.late is None], now=now)
    digests = _digests(i for i in wanted if i not in written)
    for id_, w in wanted.items():
        if id_ in written:
            receipt, order = written[id_]
            outcomes[w.place] = Outcome(
                "created", id_, receipt, order.order_no if order else "", order.answer_due if order else None
            )
            digests[id_] = w.digest
        else:
            outcomes[w.place] = _repeat(id_, w.digest, digests.get(id_), late=w.late)
    if parked:
        _park(parked, now, outcomes, digests)
    for place in again:
        s = group[place][0]
        first = next(o for o in outcomes if o is not None and o.id == named[place])
        outcomes[place] = (
            replace(first, status="parked")
            if first.status == "parked" and digest_of(s) == digests.get(first.id)
            else _repeat(first.id, digest_of(s), digests.get(first.id))
        )
    return [o for o in outcomes if o is not None]


def _lateness(s: Submission, event: Served, grace: timedelta, now: datetime) -> Refused | None:
    """The refusal that the rating's time has earned, if any: of a repeat it says nothing."""
    try:
        judge_against(s, service_time=event.service_time, closes_at=event.closes_at, grace=grace, now=now)
    except Refused as no:
        return no
    return None


def _repeat(id_: UUID, digest: bytes, stored: bytes | None, late: Refused | None = None) -> Outcome:
    """The same content again gets its old receipt, other content is a conflict; what was refused in time stays refused."""
    if stored == digest:
        return Outcome("duplicate", id_, ids.receipt(id_))
    if stored is None and late is not None:
        return Outcome("conflict" if late.status == 409 else "rejected", id_, refused=late)
    return Outcome("conflict", id_, refused=ALREADY_RATED)


def _park(
    parked: dict[UUID, tuple[int, Submission, AppInfo | None]],
    now: datetime,
    outcomes: list[Outcome | None],
    digests: dict[UUID, bytes],
) -> None:
    """Keep what rests on a service event that is not known yet; the same again is parked still, other content conflicts."""
    rows = []
    for id_, (_, s, app) in sorted(parked.items(), key=itemgetter(0)):
        area_path, organ_path, window_code = place_of(None, app)
        body = msgspec.json.encode(replace(s, arrived=s.arrived or now)).decode()
        rows.append(
            {
                "id": id_,
                "kind": "evaluation",
                "blob": blobs.seal({"submission": body}, table="evaluation_parked", row=id_),
                "digest": digest_of(s),
                "waits_for": "event",
                "reason": "service_unknown",
                "source": s.source,
                "received_at": s.arrived or now,
                "area_path": area_path,
                "organ_path": organ_path,
                "window_code": window_code,
            }
        )
    insert_new("evaluation_receipt", receipts(insert_new("evaluation_parked", rows)), key="digest")
    stored = _parked_digests(parked)
    taken_up = _digests(i for i in parked if i not in stored)  # by its service event, which came this moment
    digests.update(stored | taken_up)
    for id_, (place, s, _) in parked.items():
        if digests.get(id_) == digest_of(s):
            outcomes[place] = Outcome("duplicate" if id_ in taken_up else "parked", id_, ids.receipt(id_))
        else:
            outcomes[place] = Outcome("conflict", id_, refused=ALREADY_RATED)


def _digests(ids_: Iterable[UUID]) -> dict[UUID, bytes]:
    """What is rated already: the digest of each of these ratings."""
    wanted = list(ids_)
    if not wanted:
        return {}
    rows = Evaluation.objects.filter(id__in=wanted).values_list("id", "digest")
    return {id_: bytes(digest) for id_, digest in rows}


def _parked_digests(ids_: Iterable[UUID]) -> dict[UUID, bytes]:
    """Of these, the ratings that wait for their service event."""
    waiting = Parked.objects.filter(id__in=list(ids_), kind="evaluation", waits_for="event")
    return {id_: bytes(digest) for id_, digest in waiting.values_list("id", "digest")}
