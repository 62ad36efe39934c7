"""Enrolling and stopping devices, and taking in what the tablets collected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from django.db.models import Q

from haochaping.accounts.commands import audit, use_nonces
from haochaping.accounts.rules import Actor
from haochaping.channels.device import access, queries, rules
from haochaping.channels.device.rules import Kind
from haochaping.channels.models import Silence, TapReceived
from haochaping.directory.models import Device
from haochaping.directory.queries import snapshot
from haochaping.evaluation.kept import Refusal, keep, wire_of
from haochaping.evaluation.models import ServiceEvent
from haochaping.evaluation.records import Submission
from haochaping.evaluation.rules import Channel
from haochaping.flow.admit import admit
from haochaping.flow.parking import ELSEWHERE, may_rate
from haochaping.flow.visits import Visit, open_visit
from haochaping.kit import clock, ids
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.channels.device.rules import Tap

CODE_UNKNOWN = Refused("code_unknown", 404, "注册码不正确、已用过或已过期。请核对后重输，或向系统管理员索取新码。")
NOT_YOURS = Refused("not_found", 404, "没有这台设备，或它不在您的管理范围内。")
VISIT_NAME = "窗口服务"


def issue_code(
    kind: Kind, *, actor: Actor, now: datetime, window: str = "", hall: str = "", name: str = "", replaces: str = ""
) -> tuple[Device, str]:
    """A place for a device, and the one-time code that whoever sets it up types in; the code is nowhere kept.

    A tablet stands at a window, a kiosk in a hall. An earlier code for the same place that nobody used is void. With
    `replaces` that device is stopped at the moment when the new one is enrolled; so is the tablet that a window has.
    """
    known = snapshot()
    at = known.windows.get(window)
    where = known.halls.get(at.hall if at else hall)
    if kind is Kind.TABLET and at is None:
        raise _field("window", f"没有编号为“{window}”的窗口，请核对。" if window else "请选择窗口。")
    if kind is Kind.KIOSK and where is None:
        raise _field("hall", f"没有编号为“{hall}”的大厅，请核对。" if hall else "请选择大厅。")
    organ = known.organs.get(at.organ) if at else None
    device = Device(
        id=rules.new_id(),
        kind=kind,
        name=(name.strip() or (at.name if at else f"{where.name if where else ''}自助终端"))[:100],
        hall=where.code if where else "",
        window=window if at else "",
        area_path=known.area_path(where.area) if where else "",
        organ_path=organ.path if organ else "",
        code_expires_at=now + rules.CODE_LIFE,
        made_by=actor.name,
        made_at=now,
        replaces=replaces,
    )
    if not queries.may_manage(actor, area=device.area_path, organ=device.organ_path, window=device.window):
        raise Refused("not_in_scope", 403, "这个窗口或大厅不在您的管理范围内。")
    code = rules.new_code()
    device.code_digest = ids.token_digest(code)
    with transaction.atomic():
        unused = Device.objects.filter(kind=kind, enrolled_at=None, window=device.window, hall=device.hall)
        if not device.window:  # a hall may have many terminals: only the code for this very one is void
            unused = unused.filter(Q(id=replaces) | Q(replaces=replaces)) if replaces else unused.none()
        unused.delete()
        device.save(force_insert=True)
        facts = {"kind": str(kind), "window": device.window, "hall": device.hall}
        audit(
            actor,
            "device_code",
            f"device:{device.id}",
            now=now,
            facts=facts | ({"replaces": replaces} if replaces else {}),
        )
    return device, code


def issue_codes(hall: str, *, actor: Actor, now: datetime) -> list[tuple[Device, str]]:
    """Codes for every window of a hall where no tablet works yet."""
    windows = sorted(w.code for w in snapshot().windows.values() if w.hall == hall and w.is_active)
    if not windows:
        raise _field("hall", "这个大厅没有启用的窗口，请核对大厅。")
    with transaction.atomic():
        return [
            issue_code(Kind.TABLET, window=window, actor=actor, now=now) for window in queries.windows_without(windows)
        ]


def enrol(code: str, public_key: bytes, *, app_version: str = "", now: datetime) -> tuple[Device, str]:
    """Make whoever holds the code the device: it keeps its key, we keep the public one. The device and its cookie.

    What the new one replaces is stopped in the same moment. Refused 404 for a code that is wrong, used or expired.
    """
    access.public_key(public_key)
    plain = rules.code_of(code)
    token = ids.new_token()
    with transaction.atomic():
        waiting = Device.objects.select_for_update().filter(enrolled_at=None, revoked_at=None, code_expires_at__gt=now)
        device = waiting.filter(code_digest=ids.token_digest(plain)).first() if plain else None
        if device is None:
            raise CODE_UNKNOWN
        older = Device.objects.filter(enrolled_at__isnull=False, revoked_at=None)
        older = (
            older.filter(kind=device.kind, window=device.window) if device.window else older.filter(id=device.replaces)
        )
        replaced = list(older.values_list("id", flat=True))
        older.filter(id__in=replaced).update(revoked_at=now, replaced_by=device.id)
        device.code_digest = None
        device.public_key = public_key
        device.cookie_digest = ids.token_digest(token)
        device.enrolled_at = device.last_seen_at = now
        device.app_version = app_version[:40]
        device.save()
        itself = Actor("device", device.id, device.name)
        audit(itself, "device_enrol", f"device:{device.id}", now=now)
        for id_ in replaced:
            audit(itself, "device_replaced", f"device:{id_}", now=now, facts={"by": device.id})
    return device, token


def revoke(device_id: str, *, actor: Actor, reason: str, now: datetime) -> None:
    """Stop a device at once: its next request is refused and its open stream ends."""
    device = queries.devices_for(actor).filter(id=device_id).first()
    if device is None:
        raise NOT_YOURS
    if not reason.strip():
        raise _field("reason", "请填写停用原因。")
    with transaction.atomic():
        if Device.objects.filter(id=device.id, revoked_at=None).update(revoked_at=now, code_digest=None):
            audit(actor, "device_revoke", f"device:{device.id}", now=now, facts={"reason": reason.strip()[:200]})


def forget_devices(area: str) -> int:
    """Drop the stopped devices of an area, with what they were: for the probe's own, which is set up anew each night."""
    return Device.objects.filter(area_path__startswith=area, revoked_at__isnull=False).delete()[0]


def note_seen(device_ids: Iterable[str], *, now: datetime) -> None:
    """These devices have their line to us open."""
    Device.objects.filter(id__in=list(device_ids), revoked_at=None).update(last_seen_at=now)


def note_state(device: Device, *, waiting: int | None, app_version: str = "", now: datetime) -> None:
    """What a device says of itself: how much it still holds, which edition of the page it runs."""
    told: dict[str, Any] = {"last_seen_at": now}
    if waiting is not None:
        told["waiting"] = waiting
    if app_version:
        told["app_version"] = app_version[:40]
    Device.objects.filter(id=device.id).update(**told)


def take_taps(
    device: Device, records: Sequence[Any], *, sent_ms: int, nonce: str, waiting: int | None, now: datetime
) -> list[dict[str, Any]]:
    """Take in a signed batch in one transaction; `{uuid, outcome}` for each, in order. Nothing is dropped, however old.

    `stored`: a rating of its service or visit, or a silence. `repeat`: had its answer before. `parked`: kept, until its
    service is known, or for somebody to repair: its time was over, it is malformed, another channel was first, or the
    device had been stopped. No receipt goes out: with it a clerk could look up what the citizen tapped.
    """
    with transaction.atomic():
        if not use_nonces([(f"device:{device.id}", nonce)], now=now):
            raise access.BAD_SIGNATURE
        connection.cursor().execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"taps {device.id}"])
        named = [uuid for record in records if (uuid := rules.uuid_of(record)) is not None]
        known = TapReceived.objects.filter(uuid__in=named).values_list("uuid", flat=True)
        batch = _Batch(device, sent_ms, now, set(known))
        for record in records:
            batch.take(record)
        batch.settle()
        note_state(device, waiting=waiting, now=now)
    return batch.answers


class _Batch:
    """One batch on its way in: what each line became."""

    def __init__(self, device: Device, sent_ms: int, now: datetime, known: set[UUID]) -> None:
        self.device, self.sent_ms, self.now, self.known = device, sent_ms, now, known
        self.source = f"device:{device.id}"
        self.answers: list[dict[str, Any]] = []
        self.seen: dict[UUID, tuple[str, datetime | None]] = {}
        self.refusals: list[Refusal] = []
        self.silences: list[Tap] = []
        self.rated: list[tuple[int, Tap]] = []

    def take(self, record: Any) -> None:
        """Sort one line; ratings wait for `settle`."""
        place = len(self.answers)
        uuid = rules.uuid_of(record)
        self.answers.append({"uuid": str(uuid) if uuid else None, "outcome": "parked"})
        if uuid is not None and (uuid in self.seen or uuid in self.known):
            self.answers[place]["outcome"] = "repeat"
            return
        try:
            tap = rules.read_tap(record, self.sent_ms, self.now)
            if self.device.revoked_at is not None and tap.level is None:
                raise access.REVOKED
        except Refused as no:
            self.keep(record, no)
            if uuid is not None:
                self.seen[uuid] = ("parked", None)
            return
        self.seen[tap.uuid] = ("stored", tap.at)
        self.answers[place]["outcome"] = "stored"
        if tap.level is None:
            self.silences.append(tap)
        else:
            self.rated.append((place, tap))

    def keep(self, record: Any, no: Refused, event_id: UUID | None = None) -> None:
        place = (self.device.area_path, self.device.organ_path, self.device.window)
        self.refusals.append(Refusal(record, no, self.source, "device", event_id=event_id, place=place))

    def settle(self) -> None:
        """Admit the ratings, write silences and refusals down, and remember what each uuid became."""
        cases = {ids.event_id(t.project_no, t.service_number) for _, t in self.rated if t.project_no}
        cases |= {ids.event_id(t.project_no, t.service_number) for t in self.silences if t.project_no}
        events = ServiceEvent.objects.in_bulk(cases)
        wanted: list[tuple[int, Tap, Submission]] = []
        for place, tap in self.rated:
            try:
                s = self._submission(tap, events)
            except Refused as no:
                self.keep(_record(tap), no)
                self._park(place, tap)
                continue
            if self.device.revoked_at is None:
                wanted.append((place, tap, s))
            else:  # in full, so that somebody who knows why it was stopped may let it count
                self.keep(wire_of(s), access.REVOKED, ids.event_id(s.project_no, s.service_number))
                self._park(place, tap)
        for (place, tap, _), outcome in zip(
            wanted, admit([s for _, _, s in wanted], now=self.now, keeps_refused=True, lane="device"), strict=True
        ):
            if outcome.status == "duplicate":
                self.answers[place]["outcome"] = "repeat"
            elif outcome.status != "created":
                self._park(place, tap)
        keep(self.refusals, now=self.now)
        Silence.objects.bulk_create(self._silence(tap, events) for tap in self.silences)
        TapReceived.objects.bulk_create(
            TapReceived(uuid=uuid, device=self.device.id, outcome=outcome, tapped_at=at, received_at=self.now)
            for uuid, (outcome, at) in self.seen.items()
        )

    def _park(self, place: int, tap: Tap) -> None:
        self.answers[place]["outcome"] = "parked"
        self.seen[tap.uuid] = ("parked", tap.at)

    def _submission(self, tap: Tap, events: dict[UUID, ServiceEvent]) -> Submission:
        assert tap.level is not None  # silences go another way
        at, project_no, number = tap.at, tap.project_no, tap.service_number
        if project_no:
            event = events.get(ids.event_id(project_no, number))
            if event is not None:
                if not may_rate(self.device, event):
                    raise ELSEWHERE
                if event.service_time - rules.CLOSE_TO_SERVICE <= at < event.service_time:
                    at = event.service_time
        else:
            visit = Visit(at=at, window_code=self._window(tap), name=VISIT_NAME, key=str(tap.uuid))
            event = open_visit(visit, source=self.source, now=self.now, is_probe=self.device.is_probe)
            project_no, number = event.project_no, event.service_number
        return Submission(
            project_no, number, tap.level, Channel.TABLET, at, self.source, tap.tags, device_id=self.device.id
        )

    def _window(self, tap: Tap) -> str:
        """Where it was tapped: a tablet that moved since is enrolled anew, and still hands in what it held."""
        if tap.device in {"", self.device.id}:
            return self.device.window
        found = Device.objects.filter(id=tap.device, hall=self.device.hall).values_list("window", flat=True).first()
        return found or self.device.window

    def _silence(self, tap: Tap, events: dict[UUID, ServiceEvent]) -> Silence:
        id_ = ids.event_id(tap.project_no, tap.service_number) if tap.project_no else None
        return Silence(
            uuid=tap.uuid,
            device=self.device.id,
            window=self._window(tap),
            event_id=id_ if id_ in events else None,
            at=tap.at,
            received_at=self.now,
        )


def _record(tap: Tap) -> dict[str, Any]:
    """A tap that could not become a rating, in the words of the wire, for whoever repairs it."""
    return {
        "projectNo": tap.project_no,
        "serviceNumber": tap.service_number,
        "satisfaction": tap.level,
        "pf": int(Channel.TABLET),
        "evalDetail": ",".join(tap.tags),
        "assessTime": clock.to_wire(tap.at),
    }


def _field(name: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(name, "required", message),))
