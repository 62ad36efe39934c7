"""Service events come in: from business systems, from files, from parking (design §4)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import DataError, IntegrityError, transaction

from haochaping.accounts.commands import use_nonces
from haochaping.accounts.queries import sender
from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.models import Applicant, Parked, ServiceEvent, ServiceVersion
from haochaping.evaluation.records import ServiceRecord, read_service
from haochaping.evaluation.rules import Mode, canonical
from haochaping.flow.admit import NONCE_USED
from haochaping.flow.calls import is_just_served, ring
from haochaping.flow.invites import TOPIC, worth_asking
from haochaping.flow.parking import PLACE, keep_service, opened, service_place, unpark
from haochaping.flow.visits import CASE_OF_OURS
from haochaping.flow.writing import index
from haochaping.kit import blobs, clock, crypto, ids, keys
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.rows import insert_new
from haochaping.outbox.commands import tell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.queries import AppInfo
    from haochaping.directory.queries import Directory

PERSONAL = {"user_name", "credit_num", "mobile", "credit_type"}
RESUME_BATCH = 500
NOT_YOURS = FieldError("orgcode", "organ_not_yours", "该应用无权提交此单位的办件。")
NOT_STORABLE = FieldError("", "not_storable", "该记录含有无法保存的内容，请检查各字段的字符与长度。")


@dataclass(frozen=True)
class ServiceOutcome:
    """What became of one service record: created, updated, unchanged, parked or rejected."""

    project_no: str
    service_number: int | None
    status: str
    id: UUID | None = None
    errors: tuple[FieldError, ...] = field(default=())


def admit_services(
    wire: Sequence[Mapping[str, Any]],
    *,
    source: str,
    now: datetime,
    app: AppInfo | None = None,
    nonce: tuple[str, str] | None = None,
    is_probe: bool = False,
) -> list[ServiceOutcome]:
    """Take in service records of the wire form (domain §3.3), all in one transaction; one outcome each, in order.

    A known service event whose record says something else gets a new version; ratings stay as they were rated. What
    names an item or organ that we do not know yet is parked and resumed when that arrives. Ratings that waited for one
    of these service events are admitted in the same transaction.
    """
    with transaction.atomic():
        if nonce is not None and not use_nonces([nonce], now=now):
            raise NONCE_USED
        return _halve(list(enumerate(wire)), source, now, app, is_probe=is_probe)


def _halve(
    group: list[tuple[int, Mapping[str, Any]]], source: str, now: datetime, app: AppInfo | None, *, is_probe: bool
) -> list[ServiceOutcome]:
    try:
        with transaction.atomic():
            return _admit([record for _, record in group], source, now, app, is_probe=is_probe)
    except (DataError, IntegrityError):
        if len(group) == 1:
            return [ServiceOutcome(*_name(group[0][1]), "rejected", errors=(NOT_STORABLE,))]
    half = len(group) // 2
    return _halve(group[:half], source, now, app, is_probe=is_probe) + _halve(
        group[half:], source, now, app, is_probe=is_probe
    )


def _name(record: Mapping[str, Any]) -> tuple[str, int | None]:
    number = str(record.get("serviceNumber", ""))
    return str(record.get("projectNo", ""))[:100], int(number) if number.isascii() and number.isdigit() and len(
        number
    ) < 3 else None


def _admit(
    wire: list[Mapping[str, Any]], source: str, now: datetime, app: AppInfo | None, *, is_probe: bool
) -> list[ServiceOutcome]:
    directory = snapshot()
    outcomes: list[ServiceOutcome | None] = [None] * len(wire)
    read: dict[UUID, tuple[int, ServiceRecord, dict[str, Any]]] = {}
    parked: dict[UUID, tuple[int, ServiceRecord, str]] = {}
    for place, raw in enumerate(wire):
        try:
            record = read_service(raw)
            if app is not None:
                _refuse_what_is_ours(record)
            id_ = ids.event_id(record.project_no, record.service_number)
            missing = _missing(record, directory)
            if missing:
                _may_speak_for(app, record.area, directory.organs.get(record.organ_code))
                parked[id_] = (place, record, missing)
                read.pop(id_, None)
            else:
                row = _row(id_, record, directory, source, now, is_probe=is_probe)
                _may_speak_for(app, row["area"], directory.organs[record.organ_code])
                if id_ in read:  # twice in one group: the later one is what holds
                    outcomes[read[id_][0]] = ServiceOutcome(record.project_no, record.service_number, "unchanged", id_)
                parked.pop(id_, None)
                read[id_] = (place, record, row)
        except Refused as no:
            outcomes[place] = ServiceOutcome(
                *_name(raw), "rejected", errors=no.fields or (FieldError("", no.code, no.message),)
            )
    statuses = _write(read, now, app)
    for id_, (place, record, _) in read.items():
        outcomes[place] = (
            ServiceOutcome(record.project_no, record.service_number, statuses[id_], id_)
            if id_ in statuses
            else ServiceOutcome(record.project_no, record.service_number, "rejected", errors=(NOT_YOURS,))
        )
    _park(parked, source, now)
    for id_, (place, record, missing) in parked.items():
        name, _, code = missing.partition(":")
        what = FieldError(
            "taskCode" if name == "item" else "orgcode",
            f"{name}_unknown",
            f"{'事项' if name == 'item' else '单位'} {code} 尚未登记，已暂存，登记后自动入库。",
        )
        outcomes[place] = ServiceOutcome(record.project_no, record.service_number, "parked", id_, (what,))
    return [
        o if o is not None else ServiceOutcome(*_name(wire[place]), "unchanged") for place, o in enumerate(outcomes)
    ]


def _may_speak_for(app: AppInfo | None, area: str, organ: Any) -> None:
    """An app names services of its own organs only (API1)."""
    path = organ.path if organ else ""
    if app is not None and not (
        snapshot().area_path(area).startswith(app.area) and (path.startswith(app.organ) or not organ)
    ):
        raise Refused(NOT_YOURS.code, 403, NOT_YOURS.message, (NOT_YOURS,))


def _refuse_what_is_ours(record: ServiceRecord) -> None:
    """A business system reports cases. What looks like a visit, a comment or an inspection would leave the citizens' figures."""
    if record.mode not in {Mode.ON_SITE, Mode.ONLINE}:
        message = "mode 只能是 on_site 或 online：综合点评和监督查评由平台登记。"
        raise Refused("fields_refused", 422, message, (FieldError("mode", "not_yours_to_say", message),))
    if re.match(CASE_OF_OURS, record.project_no):
        message = "projectNo 不能采用平台自编号码的形式，请用办件编号。"
        raise Refused("fields_refused", 422, message, (FieldError("projectNo", "reserved", message),))


def _missing(record: ServiceRecord, directory: Directory) -> str:
    """What the directory lacks for this record, as `organ:<code>` or `item:<code>`; "" if nothing."""
    if record.organ_code not in directory.organs:
        return f"organ:{record.organ_code}"
    if directory.item(record.task_code, record.task_handle_item) is None:
        return f"item:{record.task_code}"
    return ""


def _row(
    id_: UUID, record: ServiceRecord, directory: Directory, source: str, now: datetime, *, is_probe: bool
) -> dict[str, Any]:
    day = clock.day(record.service_time)
    organ, item = directory.organs[record.organ_code], directory.item(record.task_code, record.task_handle_item, day)
    assert item is not None  # `_missing` looked
    window = directory.windows.get(record.window_code)
    region = directory.region(record.area)
    area = region.code if region else record.area
    area_path = directory.area_path(area)
    closing = evaluation.closing(area_path, record.service_time, day)
    return {
        "id": id_,
        "project_no": record.project_no,
        "service_number": record.service_number,
        "project_name": record.project_name,
        "service_name": record.service_name,
        "service_time": record.service_time,
        "service_day": day,
        "pro_status": record.pro_status,
        "pro_channel": record.pro_channel,
        "project_type": record.project_type,
        "promise_day": record.promise_day,
        "promise_type": record.promise_type,
        "accept_date": record.accept_date,
        "result_date": record.result_date,
        "user_prop": record.user_prop,
        "mode": record.mode,
        "task_code": item.task_code,
        "task_handle_item": record.task_handle_item or item.handle_item,
        "item_name": item.name,
        "organ_code": organ.code,
        "organ_name": organ.name,
        "organ_path": organ.path,
        "area": area,
        "area_path": area_path,
        "hall_code": window.hall if window else "",
        "window_code": record.window_code,
        "clerk_no": record.clerk_no,
        "aspect": record.aspect,
        "point": record.point,
        "is_probe": is_probe or is_probe_area(area_path),
        "source": source,
        "version": 1,
        "digest": _digest(record),
        "received_at": now,
        "closes_at": closing.at,
        "closes_is_provisional": closing.provisional,
    }


def _digest(record: ServiceRecord) -> bytes:
    return crypto.hmac_sm3(
        keys.key("content"), canonical({name: getattr(record, name) for name in record.__dataclass_fields__})
    )


def _write(
    read: dict[UUID, tuple[int, ServiceRecord, dict[str, Any]]], now: datetime, app: AppInfo | None
) -> dict[UUID, str]:
    """What became of each; a service event that is another organ's stays as it is, and is not in the answer."""
    # First of all, in the order in which `resume` locks: what waits is older than what came now.
    older = Parked.objects.select_for_update().filter(kind="service", id__in=list(read)).order_by("id")
    overtaken = list(older.values_list("id", flat=True))
    rows = [row for _, (_, _, row) in sorted(read.items())]
    new = insert_new("evaluation_serviceevent", rows)
    statuses = dict.fromkeys(new, "created")
    stored = {
        e.id: e
        for e in ServiceEvent.objects.select_for_update()
        .filter(id__in=[i for i in sorted(read) if i not in new])
        .order_by("id")
    }
    changed: list[ServiceEvent] = []
    versions: list[ServiceVersion] = []
    for id_, event in stored.items():
        _, _, row = read[id_]
        is_theirs = app is None or app.reaches(area_path=event.area_path, organ_path=event.organ_path)
        if not is_theirs or event.is_probe != row["is_probe"]:  # moved to the test region it would leave the figures
            continue
        if bytes(event.digest) == row["digest"]:
            statuses[id_] = "unchanged"
            continue
        statuses[id_] = "updated"
        body = {
            f.attname: getattr(event, f.attname) for f in ServiceEvent._meta.concrete_fields if f.attname != "digest"
        }
        versions.append(
            ServiceVersion(
                event_id=id_,
                n=event.version,
                body=msgspec.to_builtins(body),
                source=event.source,
                received_at=event.received_at,
            )
        )
        changed.append(ServiceEvent(**{**row, "version": event.version + 1}))
    if changed:
        ServiceVersion.objects.bulk_create(versions)
        ServiceEvent.objects.bulk_update(changed, [name for name in rows[0] if name != "id"])
    _keep_applicants(read, {i for i, status in statuses.items() if status != "unchanged"})
    # A moved service day dirties the day it came from as well.
    days = {(id_, "service", read[id_][2]["service_day"]) for id_, status in statuses.items() if status != "unchanged"}
    days |= {
        (event.id, "service", event.service_day) for event in stored.values() if statuses.get(event.id) == "updated"
    }
    tell(sorted(days), now=now)
    fresh = ((bool(read[id_][1].mobile), read[id_][2]) for id_, status in statuses.items() if status != "unchanged")
    tell(worth_asking(fresh, now), now=now, topics=(TOPIC,))
    told = (read[id_][1] for id_, status in statuses.items() if status != "unchanged")
    just = [
        r
        for r in told
        if r.window_code and is_just_served(pro_status=r.pro_status, service_time=r.service_time, now=now)
    ]
    if just:
        calls = ((r.window_code, r.project_no, r.service_number) for r in sorted(just, key=lambda r: r.service_time))
        ring(calls, source=app.app_id if app else "", now=now)
    waiting = list(Parked.objects.filter(kind="evaluation", waits_for="event", id__in=list(new)))
    if waiting:
        unpark(waiting, now=now)
    if overtaken:
        Parked.objects.filter(kind="service", id__in=[id_ for id_ in overtaken if id_ in statuses]).delete()
    return statuses


def _keep_applicants(read: dict[UUID, tuple[int, ServiceRecord, dict[str, Any]]], ids_: set[UUID]) -> None:
    people = []
    for id_ in sorted(ids_):
        r = read[id_][1]
        person = {name: value for name in PERSONAL if (value := getattr(r, name))}
        if person:
            people.append(
                Applicant(
                    id=id_,
                    blob=blobs.seal(person, table="evaluation_applicant", row=id_),
                    phone_index=index("phone", r.mobile),
                    id_index=index("cert", r.credit_num),
                    name_index=index("name", r.user_name),
                )
            )
    Applicant.objects.bulk_create(
        people,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["blob", "phone_index", "id_index", "name_index"],
    )


def _park(parked: dict[UUID, tuple[int, ServiceRecord, str]], source: str, now: datetime) -> None:
    """The newest record of a service event is the one that is kept waiting."""
    rows = []
    for id_, (_, record, missing) in sorted(parked.items()):
        body = msgspec.json.encode(record).decode()
        rows.append(
            Parked(
                id=id_,
                kind="service",
                blob=blobs.seal({"record": body}, table="evaluation_parked", row=id_),
                digest=_digest(record),
                waits_for=missing,
                reason=f"{missing.partition(':')[0]}_unknown",
                source=source,
                received_at=now,
                **dict(zip(PLACE, service_place(record), strict=True)),
            )
        )
    Parked.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["id", "kind"],
        update_fields=["blob", "digest", "waits_for", "reason", "source", *PLACE],
    )


def resume(*, now: datetime) -> int:
    """Take up what waits for an item or organ that the directory has got since, and ratings whose event slipped in beside them.

    The job's net under the same work at arrival; how many left the park. What is refused now stays, with the reason.
    """
    directory = snapshot()
    waits = set(Parked.objects.filter(kind="service").values_list("waits_for", flat=True).distinct())
    known = [
        w for w in waits
        if (w.startswith("item:") and w[5:] in directory.items) or (w.startswith("organ:") and w[6:] in directory.organs)
    ]  # fmt: skip
    done = 0
    waiting = Parked.objects.select_for_update(skip_locked=True).filter(kind="service", waits_for__in=known)
    while known:
        with transaction.atomic():
            rows = list(waiting.order_by("received_at")[:RESUME_BATCH])
            done += sum(_take_up(row, directory, now) for row in rows)
        if not rows:
            break
    late = Parked.objects.filter(kind="evaluation", waits_for="event", id__in=ServiceEvent.objects.values("id"))
    while rows := list(late[:RESUME_BATCH]):
        left = unpark(rows, now=now)
        done += left
        if not left:
            break
    return done


def _take_up(row: Parked, directory: Directory, now: datetime) -> bool:
    """Store a parked record whose master data are there, as its sender may; whether it left the park."""
    mine = Parked.objects.filter(id=row.id, kind="service")
    record = msgspec.json.decode(opened(row)["record"], type=ServiceRecord)
    if missing := _missing(record, directory):
        mine.update(waits_for=missing)
        return False
    app = sender(row.source)
    try:
        with transaction.atomic():
            is_probe = app is not None and app.is_probe
            fields = _row(row.id, record, directory, row.source, now, is_probe=is_probe)
            _may_speak_for(app, fields["area"], directory.organs[record.organ_code])
            if not _write({row.id: (0, record, fields)}, now, app):
                raise Refused(NOT_YOURS.code, 403, NOT_YOURS.message, (NOT_YOURS,))
    except (DataError, IntegrityError, Refused) as error:
        no = error if isinstance(error, Refused) else Refused(NOT_STORABLE.code, 422, NOT_STORABLE.message)
        keep_service(row, record, no, now)
        mine.delete()
        return False
    return True
