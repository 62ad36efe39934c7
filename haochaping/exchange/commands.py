"""Every write of the room: collect what others must hear of, send it, set right what went wrong, compare the ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from django.db import connection, transaction

from haochaping.exchange import deliveries, envelope, quality, records
from haochaping.exchange.deliveries import Settled
from haochaping.exchange.envelope import NoAnswer
from haochaping.exchange.models import Attempt, Balance, Delivery
from haochaping.exchange.rules import ALONE_AFTER, NO_ANSWER, Phase, State, Verdict, clean, judge
from haochaping.exchange.target import NATIONAL, access, national
from haochaping.exchange.wire import Wire
from haochaping.kit import ids
from haochaping.kit.clock import to_wire
from haochaping.outbox.commands import take

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from haochaping.exchange.deliveries import Claim
    from haochaping.exchange.target import Access, Target
    from haochaping.exchange.wire import Reply

LIMIT = 400  # records a run: what `parallel` envelopes of `batch` carry within one lease
PAGE = 1000  # keys a page of the far side's list
ATTEMPTS_KEPT = timedelta(days=90)
LATEST_ANSWER = timedelta(
    days=4
)  # how much later than the far side we may learn of an acceptance: give_up_hours and a day


def collect(now: datetime, limit: int = 2000) -> int:
    """Turn outbox notes into deliveries, in one transaction; how many notes were taken.

    One collector at a time: a second returns 0 at once. What a note is about is looked up, so notes may be doubled or late.
    """
    target = national()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('exchange.collect'))")
            if not cursor.fetchone()[0]:
                return 0
        notes = take(NATIONAL, limit)
        deliveries.put_up(records.wanted({note.key for note in notes}, target), target, now)
    return len(notes)


@dataclass(frozen=True)
class Run:
    """What one `send_due` did: of the claimed records so many accepted, to be tried again, refused for a field."""

    claimed: int = 0
    accepted: int = 0
    again: int = 0
    quarantined: int = 0


@dataclass(frozen=True)
class Parcel:
    """The records of one envelope."""

    phase: Phase
    claims: dict[envelope.Key, Claim]
    records: list[records.Record]


def send_due(now: datetime, limit: int = LIMIT) -> Run:
    """Send what is due, at most `limit` records and for less than a lease; nothing if the target is not configured.

    Records are claimed and committed, then sent with no transaction open, then settled: a sender that dies in between
    leaves claims that end by themselves, and the far side knows a repeated record by its id.
    """
    target, way = national(), access()
    allowed = deliveries.admitted(target, now, limit) if way else 0
    if way is None or not allowed:
        return Run()
    with transaction.atomic(durable=True):
        claims = deliveries.claim(target, now, allowed)
    settled: list[Settled] = []
    parcels: list[Parcel] = []
    for phase in Phase:
        ready, refused = _inspect(phase, [c for c in claims if c.phase is phase], target, now)
        parcels += ready
        settled += refused
    deliveries.settle(settled, target, now)
    if parcels:
        settled += _send(parcels, target, way, now)
    count = [s.state for s in settled].count
    return Run(len(claims), count(State.ACCEPTED), count(State.WAITING), count(State.QUARANTINED))


def _inspect(phase: Phase, claims: list[Claim], target: Target, now: datetime) -> tuple[list[Parcel], list[Settled]]:
    """Build and check the records: those that may go, in parcels, and those that are kept in quarantine."""
    built = records.build(phase, [(c.event_id, c.version) for c in claims], target) if claims else {}
    number = "assessNumber" if phase is Phase.EVALUATION else "serviceNumber"
    parcels: list[Parcel] = []
    refused: list[Settled] = []
    common = None
    for claim in claims:
        if (record := built.get(claim.event_id)) is None:
            refused.append(Settled(claim, State.QUARANTINED, "gone", "原始记录已不存在，无需上报"))
            continue
        if errors := quality.check(phase, record, now):
            said = "；".join(f"{error.field}：{error.message}" for error in errors)
            refused.append(Settled(claim, State.QUARANTINED, errors[0].field, said))
            continue
        is_alone = claim.attempts > ALONE_AFTER and claim.last_error in NO_ANSWER
        if is_alone or common is None or len(common.records) == target.sending.batch:
            parcel = Parcel(phase, {}, [])
            parcels.append(parcel)
            if not is_alone:
                common = parcel
        else:
            parcel = common
        parcel.claims[record["projectNo"], int(record[number])] = claim
        parcel.records.append(record)
    return parcels, refused


def _send(parcels: list[Parcel], target: Target, way: Access, now: datetime) -> list[Settled]:
    """Send parcels, several at once; stop and give back the rest when nobody answers or the lease would run out."""
    settled: list[Settled] = []
    until = monotonic() + target.sending.lease_seconds - target.sending.total_seconds
    with Wire(way, target.sending) as wire:
        while parcels:
            group, parcels = parcels[: target.sending.parallel], parcels[target.sending.parallel :]
            calls = []
            for parcel in group:
                body = envelope.wrapped(getattr(target.wrappers, parcel.phase.key), parcel.records)
                calls.append((getattr(target.endpoints, parcel.phase.key), envelope.sealed_form(way, body, now)))
            answers = [_settle(p, r, target, now) for p, r in zip(group, wire.post_all(calls), strict=True)]
            settled += [s for answer in answers for s in answer]
            is_silent = all(s.code in NO_ANSWER for answer in answers for s in answer)
            if parcels and (is_silent or monotonic() > until):
                deliveries.release([c for parcel in parcels for c in parcel.claims.values()], target, now)
                break
    return settled


def _settle(parcel: Parcel, reply: Reply | NoAnswer, target: Target, now: datetime) -> list[Settled]:
    """Write down what one answer means for each record of its envelope."""
    silence: NoAnswer | None = None
    results: dict[envelope.Key, envelope.Result] = {}
    try:
        if isinstance(reply, NoAnswer):
            raise reply
        results = envelope.read_results(reply.status, reply.body)
        if not results.keys() & parcel.claims.keys():
            raise NoAnswer("not_mentioned", "应答没有提及任何一条上报的记录")
    except NoAnswer as no:
        silence = no
    settled: list[Settled] = []
    formers: list[tuple[UUID, Phase]] = []
    for key, claim in parcel.claims.items():
        if silence is not None:
            settled.append(Settled(claim, State.WAITING, silence.code, silence.text))
        elif (result := results.get(key)) is None:
            settled.append(Settled(claim, State.WAITING, "not_mentioned", "应答没有提及这条记录"))
        else:
            verdict = judge(result.success, result.code, result.message, target)
            settled.append(_as_judged(claim, verdict, result))
            if verdict is Verdict.NEEDS_SERVICE:
                formers.append((claim.event_id, Phase.SERVICE))
            elif verdict is Verdict.NEEDS_EVALUATION:
                formers.append((claim.event_id, Phase.EVALUATION))
    with transaction.atomic():
        deliveries.settle(settled, target, now)
        deliveries.set_waiting(formers, target, now, [State.ACCEPTED])
        if silence is None:
            deliveries.note_answer(target, now)
        else:
            deliveries.note_silence(target, now)
        Attempt.objects.create(
            target=target.name,
            phase=parcel.phase,
            at=now,
            records=len(parcel.records),
            accepted=sum(s.state is State.ACCEPTED for s in settled),
            code=silence.code if silence else "",
            text=silence.text if silence else "",
            took_ms=0 if isinstance(reply, NoAnswer) else reply.took_ms,
        )
    return settled


def _as_judged(claim: Claim, verdict: Verdict, result: envelope.Result) -> Settled:
    if verdict.is_success:
        return Settled(claim, State.ACCEPTED, "duplicate" if verdict is Verdict.DUPLICATE else "")
    text = clean(result.message) or "对方未说明原因"
    if verdict is Verdict.REFUSED:
        text = f"国家平台不接收：{text}；请按提示更正后点“重新上报”"
        return Settled(claim, State.QUARANTINED, result.code or "refused", text)
    return Settled(claim, State.WAITING, str(verdict), text)


def retry(now: datetime, event_ids: Iterable[UUID] | None = None) -> int:
    """Send what failed or stood in quarantine, of these service events or of all, from the first attempt; how many."""
    target = national()
    stuck = Delivery.objects.filter(target=target.name, state__in=[State.FAILED, State.QUARANTINED])
    if event_ids is not None:
        stuck = stuck.filter(event_id__in=list(event_ids))
    rows = [(event_id, Phase(phase)) for event_id, phase in stuck.values_list("event_id", "phase")]
    return deliveries.set_waiting(rows, target, now, [State.FAILED, State.QUARANTINED])


def reconcile(now: datetime, since: datetime | None = None) -> list[Balance]:
    """对账: compare what we hold as accepted since the last time with the far side's own list; one balance a phase.

    What it lacks is sent again (which is harmless). What it has and we do not hold as accepted is counted: unconfirmed if
    we are still sending it, foreign if we know nothing of it. Empty where the target offers no list; raises `NoAnswer`
    if it cannot be had now.
    """
    target, way = national(), access()
    if way is None or not target.endpoints.list:
        return []
    last = Balance.objects.filter(target=target.name).order_by("-at").values_list("at", flat=True).first()
    since = since or last or datetime(2019, 1, 1, tzinfo=UTC)
    with Wire(way, target.sending) as wire:
        book = _Book(wire, way, target, now)
        theirs = {phase: book.keys(phase, since) for phase in Phase}
    balances = []
    for phase, (total, keys) in theirs.items():
        event_ids = [ids.event_id(project_no, number) for project_no, number in keys]
        ours = _accepted_ids(target, phase, since)
        missing = ours - set(event_ids)
        deliveries.set_waiting([(id_, phase) for id_ in missing], target, now, [State.ACCEPTED])
        known = _states(target, phase, set(event_ids))
        balances.append(
            Balance(
                target=target.name,
                phase=phase,
                at=now,
                since=since,
                ours=len(ours),
                theirs=total,
                missing=len(missing),
                unconfirmed=sum(State.ACCEPTED not in states for states in known.values()),
                foreign=len(set(event_ids) - known.keys()),
                doubled=len(event_ids) - len(set(event_ids)),
            )
        )
    return Balance.objects.bulk_create(balances)


def _accepted_ids(target: Target, phase: Phase, since: datetime) -> set[UUID]:
    rows = Delivery.objects.filter(target=target.name, phase=phase, state=State.ACCEPTED, accepted_at__gte=since)
    return set(rows.values_list("event_id", flat=True))


def _states(target: Target, phase: Phase, event_ids: set[UUID]) -> dict[UUID, set[str]]:
    known: dict[UUID, set[str]] = {}
    rows = Delivery.objects.filter(target=target.name, phase=phase, event_id__in=event_ids)
    for event_id, state in rows.values_list("event_id", "state"):
        known.setdefault(event_id, set()).add(state)
    return known


def forget_attempts(now: datetime) -> int:
    """Drop the log of envelopes older than ninety days; deliveries and balances stay. How many lines."""
    return Attempt.objects.filter(at__lt=now - ATTEMPTS_KEPT).delete()[0]


@dataclass(frozen=True)
class _Book:
    """The far side's own list of what it received."""

    wire: Wire
    way: Access
    target: Target
    now: datetime

    def keys(self, phase: Phase, since: datetime) -> tuple[int, list[envelope.Key]]:
        """How many it received since then, and the keys of those and of the days before (answers may come late)."""
        total, _ = self._page(phase, since, 1, 1)
        keys: list[envelope.Key] = []
        while True:
            expected, found = self._page(phase, since - LATEST_ANSWER, len(keys) // PAGE + 1, PAGE)
            keys += found
            if len(found) < PAGE or len(keys) >= expected:
                prefix = self.target.project_no_prefix
                return total, [(project_no.removeprefix(prefix), number) for project_no, number in keys]

    def _page(self, phase: Phase, since: datetime, number: int, size: int) -> tuple[int, list[envelope.Key]]:
        asked = {
            "type": getattr(self.target.wrappers, phase.key),
            "from": to_wire(since),
            "to": to_wire(self.now + timedelta(days=1)),  # its clock is not ours
            "page": str(number),
            "size": str(size),
        }
        reply = self.wire.post(self.target.endpoints.list, envelope.sealed_form(self.way, [asked], self.now))
        return envelope.read_list(reply.status, reply.body)
