"""Every write but the sending itself: put into the queue, stop, withdraw, try again, take what the gateway tells."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import msgspec
from django.db import IntegrityError, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from haochaping.kit import blobs, config, crypto, keys, signatures
from haochaping.kit.errors import Refused
from haochaping.messaging import queries
from haochaping.messaging.models import CallNonce, Message, Receipt, Stop
from haochaping.messaging.rules import (
    CODE_LIVES,
    OPEN_STATES,
    Kind,
    State,
    awake,
    is_stop,
    mobile_of,
    reason_code,
    sendable,
    with_signature,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, time

    from django.db.models import QuerySet

TABLE = "messaging_message"
KEPT, CODES_KEPT = timedelta(days=90), timedelta(days=1)  # number and text, after the end
UNREADABLE = Refused("body_malformed", 422, "请求体不是约定的 JSON。")


def send(
    *,
    kind: str,
    mobile: str,
    text: str,
    key: str,
    now: datetime,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    quiet: tuple[time, time] | None = None,
    event_id: UUID | None = None,
    area: str = "",
) -> bool:
    """Put one SMS into the queue, in the caller's transaction; False if the number said stop and it is no code.

    The same `key` is sent once, whatever it says the second time. A text without 【】 gets the installation's signature. It goes not
    before, not after, and not in the night given by `quiet`; codes go at once and live five minutes. Refused 422 for
    what is no mobile number. Without a gateway it waits.
    """
    kind, mobile = Kind(kind), mobile_of(mobile)
    text = with_signature(text, config.text("SMS_SIGNATURE", "政务服务好差评"))
    if kind is not Kind.CODE and not queries.may_text(mobile):
        return False
    if kind is Kind.CODE:
        not_after = not_after or now + CODE_LIVES
    quiet_from, quiet_to = quiet or (None, None)
    id_ = uuid4()
    row = Message(
        id=id_,
        key=_digest(key),
        kind=kind,
        blob=blobs.seal({"mobile": mobile, "text": text}, table=TABLE, row=id_),
        phone_index=blobs.blind("phone", mobile),
        event_id=event_id,
        area_path=area,
        next_at=awake(max(now, not_before or now), quiet_from, quiet_to),
        not_after=not_after,
        quiet_from=quiet_from,
        quiet_to=quiet_to,
        created_at=now,
    )
    Message.objects.bulk_create([row], ignore_conflicts=True)
    if kind is Kind.CODE:
        wake()
    return True


def sent_before(asked: Iterable[str]) -> set[str]:
    """Those of these keys with which something was put into the queue already, whatever became of it."""
    digests = {_digest(key): key for key in asked}
    found = Message.objects.filter(key__in=list(digests)).values_list("key", flat=True)
    return {digests[bytes(digest)] for digest in found}


def _digest(key: str) -> bytes:
    return crypto.hmac_sm3(keys.key("content"), b"message\x00" + key.encode())[:16]


def wake(later: timedelta = timedelta()) -> None:
    """Have the worker look at the queue now, or so much later; it commits, or vanishes, with the row that caused it."""
    job = app.configure_task(
        "haochaping.messaging.jobs.deliver",
        queue="sms",
        queueing_lock="messaging.later" if later else "messaging.deliver",
        schedule_in={"seconds": int(later.total_seconds())} if later else None,
    )
    try:
        with transaction.atomic():
            job.defer(timestamp=0)
    except AlreadyEnqueued:
        pass  # whoever is about to look will find it


def stop_texting(mobile: str, *, by: str, now: datetime) -> None:
    """No more invitations, reminders and notices to this number; codes that its owner asks for still come."""
    _stop(mobile, "text", by, now)


def stop_calling(mobile: str, *, by: str, now: datetime) -> None:
    """Nobody calls this number to ask how satisfied it was."""
    _stop(mobile, "call", by, now)


def allow_texting(mobile: str) -> None:
    """The owner wants messages again."""
    Stop.objects.filter(phone_index=blobs.blind("phone", mobile), way="text").delete()


def allow_calling(mobile: str) -> None:
    Stop.objects.filter(phone_index=blobs.blind("phone", mobile), way="call").delete()


def _stop(mobile: str, way: str, by: str, now: datetime) -> None:
    row = Stop(phone_index=blobs.blind("phone", mobile), way=way, since=now, by=by[:64])
    Stop.objects.bulk_create([row], ignore_conflicts=True)


def withdraw(event_ids: Iterable[UUID], *, now: datetime, kinds: Iterable[Kind] = tuple(Kind)) -> int:
    """What of these kinds still waits about these service events is not wanted any more; how many. What may have gone is
    only asked for.
    """
    waiting = Message.objects.filter(event_id__in=list(event_ids), state__in=OPEN_STATES, kind__in=list(kinds))
    done = waiting.filter(state=State.QUEUED).update(
        state=State.SUPPRESSED, error="withdrawn", next_at=None, ended_at=now
    )
    return done + waiting.exclude(state=State.QUEUED).update(not_after=now)


def drop_outdated(*, now: datetime) -> int:
    """What nobody tried to send before its time was over is not sent any more; how many."""
    late = Message.objects.filter(state=State.QUEUED, not_after__lte=now)
    return late.update(state=State.SUPPRESSED, error="too_late", next_at=None, ended_at=now)


def retry(rows: QuerySet[Message], *, now: datetime) -> int:
    """Try these again from the first attempt where they failed and are still readable; how many.

    The gateway is asked first whether it has them, so nothing goes twice. What it took in and could not deliver is over.
    """
    failed = rows.filter(state=State.FAILED).exclude(kind=Kind.CODE).exclude(blob=b"")
    failed = failed.exclude(id__in=Receipt.objects.values("message_id"))
    return failed.update(state=State.UNKNOWN, attempts=0, first_tried_at=None, ended_at=None, next_at=now)


class _ToldReceipt(msgspec.Struct, frozen=True):
    id: str
    status: str
    reason: str = ""


class _Receipts(msgspec.Struct, frozen=True):
    receipts: list[_ToldReceipt]


class _ToldReply(msgspec.Struct, frozen=True):
    sender: str = msgspec.field(name="from")
    text: str


class _Replies(msgspec.Struct, frozen=True):
    messages: list[_ToldReply]


def take_receipts(body: bytes, nonce: str, *, now: datetime) -> int:
    """Write down what the gateway tells of messages; how many it knew rightly. Refused 401 for a nonce that was used."""
    try:
        told = msgspec.json.decode(body, type=_Receipts).receipts
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UNREADABLE from None
    with transaction.atomic():
        _use(nonce, now)
        found = [(id_, r) for r in told if (id_ := _uuid(r.id)) and r.status in {"delivered", "failed"}]
        known = set(Message.objects.filter(id__in=[id_ for id_, _ in found]).values_list("id", flat=True))
        ours = [(id_, r) for id_, r in found if id_ in known]
        for id_, receipt in ours:
            code = "" if receipt.status == "delivered" else reason_code(receipt.reason or "undelivered")
            note_receipt(id_, receipt.status, code, "callback", now=now)
    return len(ours)


def note_receipt(id_: UUID, status: str, code: str, way: str, *, now: datetime) -> None:
    """What became of a message, from whichever side we hear it; delivered stands against whatever comes later."""
    if Receipt.objects.filter(message_id=id_, status=status, reason=code).exists():
        return  # told again
    Receipt.objects.create(message_id=id_, status=status, reason=code, way=way, at=now)
    row = Message.objects.filter(id=id_).exclude(state=State.DELIVERED)
    if status == "delivered":
        row.update(state=State.DELIVERED, error="", next_at=None, ended_at=now)
    else:
        row.update(state=State.FAILED, error=code, next_at=None, ended_at=now)
    Message.objects.filter(id=id_, sent_at=None).update(sent_at=now)


def take_replies(body: bytes, nonce: str, *, now: datetime) -> int:
    """Whoever replied 退订 gets no more invitations; how many did. Other replies are not kept: nobody was asked for words."""
    try:
        told = msgspec.json.decode(body, type=_Replies).messages
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UNREADABLE from None
    stops = [mobile for reply in told if is_stop(reply.text) and (mobile := sendable(reply.sender))]
    with transaction.atomic():
        _use(nonce, now)
        for mobile in stops:
            stop_texting(mobile, by="短信回复", now=now)
    return len(stops)


def _use(nonce: str, now: datetime) -> None:
    try:
        with transaction.atomic():
            CallNonce(nonce=nonce, used_at=now).save(force_insert=True)
    except IntegrityError:
        raise Refused("nonce_used", 401, "X-Nonce 已使用过，请每次换新。") from None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def forget_number(mobile: str, *, now: datetime) -> int:
    """Drop number and text of everything that was sent to this number, at its owner's wish, and send nothing that still
    waits; how many messages. Counts stay.
    """
    rows = Message.objects.filter(phone_index=blobs.blind("phone", mobile))
    rows.filter(state=State.QUEUED).update(state=State.SUPPRESSED, error="withdrawn", next_at=None, ended_at=now)
    return rows.exclude(state__in=OPEN_STATES).exclude(blob=b"").update(blob=b"")


def forget(*, now: datetime) -> int:
    """Drop numbers and texts of what ended long ago, and nonces whose calls have expired; how many messages. Counts stay."""
    CallNonce.objects.filter(used_at__lt=now - timedelta(milliseconds=2 * signatures.WINDOW_MS)).delete()
    rows: Sequence[QuerySet[Message]] = (
        Message.objects.filter(created_at__lt=now - KEPT),
        Message.objects.filter(kind=Kind.CODE, created_at__lt=now - CODES_KEPT),
    )
    return sum(row.exclude(state__in=OPEN_STATES).exclude(blob=b"").update(blob=b"") for row in rows)
