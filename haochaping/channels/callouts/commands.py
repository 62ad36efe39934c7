"""满意度回访: drawing unrated services by lot, calling their applicants one by one, writing down what came of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q

from haochaping.accounts.commands import audit
from haochaping.channels.callouts import queries
from haochaping.channels.callouts.rules import (
    AGAIN_AFTER,
    HELD_FOR,
    LOOKS_BACK,
    CallResult,
    CallState,
    after_call,
    drawn_below,
    is_calling_hour,
)
from haochaping.channels.desk.commands import record_entry
from haochaping.channels.desk.rules import Way
from haochaping.channels.models import CallOut, CallTry
from haochaping.channels.rules import phone_of
from haochaping.evaluation.models import Applicant, Evaluation, ServiceEvent
from haochaping.evaluation.queries import applicant, applicant_of, is_rated
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging.commands import stop_calling
from haochaping.messaging.queries import may_call
from haochaping.policy.queries import policy_at, rules
from haochaping.rectification.queries import REVEAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.queries import Identity
    from haochaping.evaluation.records import Submission
    from haochaping.flow.admit import Outcome
    from haochaping.policy.pack import Callout

REST_HOURS = Refused("rest_hours", 409, "现在是休息时间，不能拨打，请在白天再拨。")
NOT_HELD = Refused("not_held", 409, "这个电话不在您手上：超过15分钟没有结果，或已由别人拨打。请回到名单取下一个。")
RATED_ELSEWHERE = Refused("already_rated", 409, "办件人已从其他渠道评价，不必再问。请致谢后取下一个。")
BATCH = 1_000
LOCK = 0x6843_6F75_7400  # one drawer at a time, or a citizen's quota could be overdrawn


def draw_callouts(*, now: datetime) -> int:
    """Put unrated services on the list, by lot and within each citizen's quota; how many were put there.

    A service is drawn from the day after it was given until its rating window closes. Whether it is drawn stands in its
    keyed id: repeating the draw changes nothing.
    """
    share = max((rule.policy.callout.share for rule in rules()), default=0.0)
    today, made, after = clock.day(now), 0, UUID(int=0)
    events = ServiceEvent.objects.filter(
        ~Exists(Evaluation.objects.filter(id=OuterRef("id"))),
        ~Exists(CallOut.objects.filter(event_id=OuterRef("id"))),
        Exists(Applicant.objects.filter(id=OuterRef("id"), phone_index__isnull=False)),
        id__lt=drawn_below(share),
        service_day__gte=today - timedelta(days=LOOKS_BACK),
        service_day__lt=today,
        closes_at__gt=now,
        is_probe=False,
    ).order_by("id")
    while share:
        with transaction.atomic():
            connection.cursor().execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            block = list(events.filter(id__gt=after)[:BATCH])
            made += _draw(block, now)
        if not block:
            break
        after = block[-1].id
    return made


def _draw(events: Sequence[ServiceEvent], now: datetime) -> int:
    people = Applicant.objects.in_bulk([event.id for event in events])
    asked = _asked({bytes(p.phone_index) for p in people.values() if p.phone_index is not None})
    drawn = []
    for event in events:
        callout, person = _rules(event), people[event.id]
        if callout is None or event.id >= drawn_below(callout.share):
            continue
        phone = bytes(person.phone_index or b"")
        since = now - callout.quota.within.term.length
        if sum(at > since for at in asked[phone]) >= callout.quota.n or not _may_call(applicant(person)):
            continue
        asked[phone].append(now)
        drawn.append(_callout(event, phone, now))
    CallOut.objects.bulk_create(drawn)
    return len(drawn)


def _callout(event: ServiceEvent, phone: bytes, now: datetime) -> CallOut:
    return CallOut(
        event_id=event.id,
        phone_index=phone,
        area_path=event.area_path,
        organ_path=event.organ_path,
        window_code=event.window_code,
        next_at=now,
        closes_at=event.closes_at,
        made_at=now,
    )


def _rules(event: ServiceEvent) -> Callout | None:
    """What the policy of its place and day says; None for a service older than every policy there."""
    try:
        return policy_at(event.area_path, event.service_day).callout
    except Refused:
        return None


def _may_call(who: Identity) -> bool:
    """Whether the applicant left a telephone number, and has not said that they are not to be called."""
    return phone_of(who.mobile) is not None and may_call(who.mobile)


def _asked(phones: set[bytes]) -> dict[bytes, list[datetime]]:
    """When each of these citizens was called, or was put on the list and waits: what uses up their quota."""
    counts = Q(tries__gt=0) | Q(state=CallState.WAITING)
    asked: dict[bytes, list[datetime]] = defaultdict(list)
    for phone, at in CallOut.objects.filter(counts, phone_index__in=phones).values_list("phone_index", "made_at"):
        asked[bytes(phone)].append(at)
    return asked


def settle_callouts(*, now: datetime) -> int:
    """End what need not be called any more: rated through another channel, or its window is over. How many."""
    waiting = CallOut.objects.filter(state=CallState.WAITING)
    rated = waiting.filter(Exists(Evaluation.objects.filter(id=OuterRef("event_id"))))
    ended = rated.update(state=CallState.ELSEWHERE, ended_at=now, holder_id="", held_until=None)
    return ended + waiting.filter(closes_at__lte=now).update(
        state=CallState.EXPIRED, ended_at=now, holder_id="", held_until=None
    )


def take_next(*, actor: Actor, now: datetime) -> CallOut | None:
    """The next to call within the operator's area, theirs alone for a quarter of an hour; None if there is none.

    What they hold already comes first. Two operators never get the same: the row is locked while it is taken. Who said
    meanwhile that they are not to be called is passed over for good.
    """
    with transaction.atomic():
        free = Q(held_until=None) | Q(held_until__lte=now)
        mine = Q(holder_id=actor.id, held_until__gt=now)
        due = queries.callable_by(actor, now).filter(mine | (free & Q(next_at__lte=now)))
        while True:
            found = (
                due.select_for_update(skip_locked=True, of=("self",))
                .order_by(queries.first_those_of(actor), "closes_at", "event_id")
                .first()
            )
            if found is None:
                return None
            who = applicant_of(found.event_id)
            if who is not None and _may_call(who):
                break
            _end(found, CallState.WITHDRAWN, actor=None, now=now)
        found.holder_id, found.holder_name, found.held_until = actor.id, actor.name, now + HELD_FOR
        found.save(update_fields=["holder_id", "holder_name", "held_until"])
    return found


def put_back(event_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Give a call back to the list without having made it."""
    with transaction.atomic():
        found = _held(event_id, actor, now)
        found.holder_id, found.holder_name, found.held_until = "", "", None
        found.save(update_fields=["holder_id", "holder_name", "held_until"])


@dataclass(frozen=True)
class Dialled:
    """Whom to call, in clear: for one pair of eyes, never to be stored."""

    name: str
    mobile: str


def dial(event_id: UUID, *, actor: Actor, now: datetime) -> Dialled:
    """Show the number to whoever holds the call; written down, and shown to the applicant once they rate.

    Refused 409 `rest_hours` while people rest (HCP_CALL_HOURS).
    """
    if not is_calling_hour(now, settings.CALL_HOURS):
        raise REST_HOURS
    with transaction.atomic():
        _held(event_id, actor, now)
        who = applicant_of(event_id)
        if who is None or not who.mobile:
            raise Refused("no_identity", 404, "这次服务没有留下电话，请放回名单。")
        audit(actor, REVEAL, str(event_id), now=now, facts={"reason": "满意度回访", "part": "operator"})
    return Dialled(who.name, who.mobile)


def end_call(event_id: UUID, result: CallResult, *, actor: Actor, now: datetime) -> CallOut:
    """Write down a call that gave no rating. No answer: later again, as often as the policy says. 409 `not_held`."""
    if result is CallResult.RATED:
        raise Refused("rating_wanted", 409, "请登记评价。")
    with transaction.atomic():
        found = _held(event_id, actor, now)
        if result is CallResult.DO_NOT_CALL and (who := applicant_of(event_id)) is not None:
            stop_calling(who.mobile, by=actor.name, now=now)
        _called(found, result, actor, now)
    return found


def rate_in_call(event_id: UUID, submission: Submission, *, proof: str, actor: Actor, now: datetime) -> Outcome:
    """The rating that was given in the call: an entry like any other, and the end of the call-out, in one transaction.

    Refused as `record_entry`; if they rated elsewhere meanwhile, the call-out ends as that.
    """
    with transaction.atomic():
        found = _held(event_id, actor, now)
        outcome = record_entry(submission, way=Way.CALLOUT, proof=proof, actor=actor, now=now)
        _called(found, CallResult.RATED, actor, now)
    return outcome


def _held(event_id: UUID, actor: Actor, now: datetime) -> CallOut:
    found = queries.of_operator(actor).select_for_update(of=("self",)).filter(event_id=event_id).first()
    if found is None or not queries.is_held_by(found, actor, now):
        raise NOT_HELD
    if is_rated(event_id):
        raise RATED_ELSEWHERE
    return found


def _called(found: CallOut, result: CallResult, actor: Actor, now: datetime) -> None:
    callout = _rules(ServiceEvent.objects.get(id=found.event_id))
    most = callout.tries if callout else 1
    CallOut.objects.filter(event_id=found.event_id).update(tries=F("tries") + 1)
    found.refresh_from_db(fields=["tries"])
    CallTry.objects.create(
        event_id=found.event_id, n=found.tries, result=result, person_id=actor.id, person_name=actor.name, at=now
    )
    state = after_call(result, tries=found.tries, most=most)
    if state is CallState.WAITING:
        found.next_at = now + AGAIN_AFTER
        found.holder_id, found.holder_name, found.held_until = "", "", None
        found.save(update_fields=["next_at", "holder_id", "holder_name", "held_until"])
    else:
        _end(found, state, actor=actor, now=now)


def _end(found: CallOut, state: CallState, *, actor: Actor | None, now: datetime) -> None:
    found.state, found.ended_at, found.ended_by = state, now, actor.name if actor else ""
    found.holder_id, found.holder_name, found.held_until = "", "", None
    found.save(update_fields=["state", "ended_at", "ended_by", "holder_id", "holder_name", "held_until"])
