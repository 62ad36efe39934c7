"""The one module that writes across rooms: service events and ratings come in here, whatever their channel (design §4)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from django.db import DataError, IntegrityError, transaction

from haochaping.accounts.commands import use_nonces
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.judge import judge_against, judge_alone
from haochaping.evaluation.kept import Refusal, keep, place_of, wire_of
from haochaping.evaluation.models import Applicant, Evaluation, Evaluator, Parked, ServiceEvent
from haochaping.evaluation.records import Submission, content
from haochaping.evaluation.rules import Assurance, Consent, Level, assurance_of, canonical
from haochaping.kit import blobs, clock, crypto, ids, keys
from haochaping.kit.errors import Refused
from haochaping.kit.rows import insert_new
from haochaping.outbox.commands import tell
from haochaping.rectification.commands import open_orders
from haochaping.rectification.rules import RatedBad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.queries import AppInfo
    from haochaping.evaluation.judge import IndicatorInfo
    from haochaping.rectification.models import Order

T = TypeVar("T")
R = TypeVar("R")
ALREADY_RATED = Refused("already_rated", 409, "本次服务已评价，一次服务只评价一次。")
NONCE_USED = Refused("nonce_used", 401, "X-Nonce 已使用过，请每次换新。")
NOT_YOURS = Refused("service_not_yours", 404, "没有这次服务，或它不属于贵单位。")
NOT_STORABLE = Refused("not_storable", 422, "该记录含有无法保存的内容，请检查各字段的字符与长度。")

# What `ServiceEvent` hands down to the rating as it was served.
AS_SERVED = (
    "task_code", "task_handle_item", "item_name", "organ_code", "organ_name", "organ_path", "area", "area_path",
    "hall_code", "window_code", "clerk_no", "aspect", "point", "is_probe",
)  # fmt: skip


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
        o if isinstance(o, Outcome) else Outcome("rejected", _id(s), refused=o)
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


def _id(s: Submission) -> UUID:
    return ids.event_id(s.project_no, s.service_number)


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
    events = ServiceEvent.objects.in_bulk({_id(s) for s, _, _ in group})
    # A rating that was acknowledged while its service was not known is the first, if it is not taken up yet.
    held = _parked_digests(events)
    phones = {
        row.id: bytes(row.phone_index)
        for row in Applicant.objects.filter(id__in=[_id(s) for s, _, _ in group if s.mobile])
        if row.phone_index is not None
    }
    catalogue = cache(evaluation.catalogue)  # for this group: most of it is of one area and day
    outcomes: list[Outcome | None] = [None] * len(group)
    winners: dict[UUID, tuple[int, Submission, dict[str, Any]]] = {}
    parked: dict[UUID, tuple[int, Submission, AppInfo | None]] = {}
    again: list[int] = []  # the same service event twice in one group: compared once the first is written
    for place, (s, nonce, app) in enumerate(group):
        id_ = _id(s)
        event = events.get(id_)
        try:
            if nonce is not None and nonce not in fresh:
                raise NONCE_USED
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
        if id_ in held and held[id_] != _digest(s):
            outcomes[place] = Outcome("conflict", id_, refused=ALREADY_RATED)
            continue
        if id_ in winners or id_ in parked:
            again.append(place)
        elif event is None:
            parked[id_] = (place, s, app)
        else:
            winners[id_] = (place, s, _row(s, event, known, phones.get(id_), now))
    created = _write({id_: (s, row) for id_, (_, s, row) in winners.items()}, events, now)
    digests = _digests(i for i in winners if i not in created)
    for id_, (place, _, row) in winners.items():
        if id_ in created:
            order = created[id_]
            outcomes[place] = Outcome(
                "created", id_, ids.receipt(id_), order.order_no if order else "", order.answer_due if order else None
            )
            digests[id_] = row["digest"]
        else:
            outcomes[place] = _repeat(id_, row["digest"], digests.get(id_), late=row["late"])
    _park(parked, now, outcomes, digests)
    for place in again:
        s = group[place][0]
        first = next(o for o in outcomes if o is not None and o.id == _id(s))
        outcomes[place] = (
            replace(first, status="parked")
            if first.status == "parked" and _digest(s) == digests.get(first.id)
            else _repeat(first.id, _digest(s), digests.get(first.id))
        )
    return [o for o in outcomes if o is not None]


def _repeat(id_: UUID, digest: bytes, stored: bytes | None, late: Refused | None = None) -> Outcome:
    """The same content again gets its old receipt, other content is a conflict; what was refused in time stays refused."""
    if stored == digest:
        return Outcome("duplicate", id_, ids.receipt(id_))
    if stored is None and late is not None:
        return Outcome("conflict" if late.status == 409 else "rejected", id_, refused=late)
    return Outcome("conflict", id_, refused=ALREADY_RATED)


def _digest(s: Submission) -> bytes:
    return crypto.hmac_sm3(keys.key("content"), canonical(content(s)))


def _row(
    s: Submission,
    event: ServiceEvent,
    known: Mapping[str, IndicatorInfo],
    applicants_phone: bytes | None,
    now: datetime,
) -> dict[str, Any]:
    """The rating's row, and beside it under `late` the refusal that its time has earned, if any."""
    late = None
    try:
        judge_against(
            s,
            service_time=event.service_time,
            closes_at=event.closes_at,
            grace=evaluation.grace(event.area_path, event.service_day),
            now=now,
        )
    except Refused as no:
        late = no
    is_applicants = applicants_phone is not None and applicants_phone == index("phone", s.mobile)
    row: dict[str, Any] = {
        "id": event.id,
        "level": s.level,
        "pf": s.pf,
        "indicators": list(s.indicators),
        "indicator_names": [known[code].name for code in s.indicators],
        "words_digest": None,
        "no_reason": Level(s.level).is_bad and not s.indicators and not s.words,
        "assess_time": s.assess_time,
        "rated_day": clock.day(s.assess_time),
        "assurance": str(assurance_of(name=s.name, cert=s.cert, mobile=s.mobile, is_applicants_mobile=is_applicants)),
        "consent": sorted(s.consent),
        "user_prop": s.user_prop if s.user_prop is not None else event.user_prop,
        "device_id": s.device_id,
        "source": s.source,
        "batch": s.batch,
        "digest": _digest(s),
        "received_at": s.arrived or now,
        **{name: getattr(event, name) for name in AS_SERVED},
    }
    return {**row, "late": late}


def _write(
    wanted: dict[UUID, tuple[Submission, dict[str, Any]]], events: dict[UUID, ServiceEvent], now: datetime
) -> dict[UUID, Order | None]:
    """One INSERT a table, sorted by id; which ratings were new, each with the order it opened, if it is a bad one."""
    salts = {id_: secrets.token_bytes(16) for id_, (s, _) in wanted.items() if s.words}
    rows = []
    for id_ in sorted(wanted):
        s, row = wanted[id_]
        if row["late"] is not None:
            continue
        row = {name: value for name, value in row.items() if name != "late"}
        if s.words:
            row["words_digest"] = crypto.sm3(salts[id_] + s.words.encode())
        row["row_sm3"] = crypto.sm3(canonical(row))
        rows.append(row)
    new = insert_new("evaluation_evaluation", rows)
    insert_new("evaluation_receipt", _receipts(new), key="digest")
    named = [(id_, s) for id_, (s, _) in sorted(wanted.items()) if id_ in new and (s.name or s.cert or s.mobile)]
    insert_new("evaluation_evaluator", [_sealed(id_, s) for id_, s in named])
    insert_new(
        "evaluation_words",
        [{"id": id_, "salt": salts[id_], "text": wanted[id_][0].words} for id_ in sorted(salts) if id_ in new],
    )
    bad = [_bad(row, events[row["id"]]) for row in rows if row["id"] in new and Level(row["level"]).is_bad]
    orders = {order.id: order for order in open_orders(bad, now=now)} if bad else {}
    tell([(id_, "evaluation", events[id_].service_day) for id_ in sorted(new)], now=now)
    return {id_: orders.get(id_) for id_ in new}


def _receipts(of: Iterable[UUID]) -> list[dict[str, Any]]:
    rows = [{"digest": ids.token_digest(ids.receipt(id_)), "event_id": id_} for id_ in of]
    return sorted(rows, key=itemgetter("digest"))


def _sealed(id_: UUID, s: Submission) -> dict[str, Any]:
    person = {"name": s.name, "cert": s.cert, "mobile": s.mobile}
    return {
        "id": id_,
        "blob": blobs.seal(person, table=Evaluator._meta.db_table, row=id_),
        "phone_index": index("phone", s.mobile),
        "id_index": index("cert", s.cert),
    }


def index(column: str, value: str) -> bytes | None:
    """The blind index of what a person gave; None where nothing that could be found again is left of it."""
    return blobs.blind(column, value) if blobs.normal(value) else None


def _bad(row: dict[str, Any], event: ServiceEvent) -> RatedBad:
    return RatedBad(
        id=row["id"],
        level=row["level"],
        organ_code=row["organ_code"],
        organ_name=row["organ_name"],
        organ_path=row["organ_path"],
        area=row["area"],
        area_path=row["area_path"],
        window_code=row["window_code"],
        task_code=row["task_code"],
        item_name=row["item_name"],
        service_day=event.service_day,
        rated_day=row["rated_day"],
        real_name=row["assurance"] == Assurance.REAL_NAME,
        opens_identity=Consent.CONTACT_DEPARTMENT in row["consent"],
        no_reason=row["no_reason"],
        is_probe=row["is_probe"],
    )


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
                "digest": _digest(s),
                "waits_for": "event",
                "reason": "service_unknown",
                "source": s.source,
                "received_at": s.arrived or now,
                "area_path": area_path,
                "organ_path": organ_path,
                "window_code": window_code,
            }
        )
    insert_new("evaluation_receipt", _receipts(insert_new("evaluation_parked", rows)), key="digest")
    stored = _parked_digests(parked)
    taken_up = _digests(i for i in parked if i not in stored)  # by its service event, which came this moment
    digests.update(stored | taken_up)
    for id_, (place, s, _) in parked.items():
        if digests.get(id_) == _digest(s):
            outcomes[place] = Outcome("duplicate" if id_ in taken_up else "parked", id_, ids.receipt(id_))
        else:
            outcomes[place] = Outcome("conflict", id_, refused=ALREADY_RATED)


def _digests(ids_: Iterable[UUID]) -> dict[UUID, bytes]:
    """What is rated already: the digest of each of these ratings."""
    wanted = list(ids_)
    rows = Evaluation.objects.filter(id__in=wanted).values_list("id", "digest") if wanted else ()
    return {id_: bytes(digest) for id_, digest in rows}


def _parked_digests(ids_: Iterable[UUID]) -> dict[UUID, bytes]:
    """Of these, the ratings that wait for their service event."""
    wanted = list(ids_)
    waiting = Parked.objects.filter(id__in=wanted, kind="evaluation", waits_for="event")
    rows = waiting.values_list("id", "digest") if wanted else ()
    return {id_: bytes(digest) for id_, digest in rows}
