"""Reading service events and ratings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, Max, OuterRef, Q

from haochaping.accounts.queries import visible
from haochaping.evaluation.judge import IndicatorInfo
from haochaping.evaluation.models import (
    Applicant,
    Erasure,
    Evaluation,
    Evaluator,
    FollowUp,
    FollowUpWords,
    Receipt,
    Ruling,
    ServiceEvent,
    Words,
)
from haochaping.evaluation.rules import Consent
from haochaping.kit import blobs, ids
from haochaping.kit.crypto import equal
from haochaping.kit.errors import Refused
from haochaping.kit.rows import hexed
from haochaping.kit.workdays import deadline
from haochaping.policy.queries import calendar, indicators, policy_at, rules
from haochaping.policy.rules import APPEAL_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime, timedelta
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.kit.workdays import Deadline
    from haochaping.policy.rules import Policy


def event(id: UUID) -> ServiceEvent | None:  # noqa: A002  the house's one id
    return ServiceEvent.objects.filter(id=id).first()


def events(ids: Iterable[UUID]) -> dict[UUID, ServiceEvent]:
    """Those of these service events that there are."""
    return ServiceEvent.objects.in_bulk(list(ids))


def one_for(actor: Actor, id: UUID) -> ServiceEvent:  # noqa: A002
    """That service event, or Refused 404: what lies outside one's scopes is not there."""
    found = visible(ServiceEvent.objects.filter(id=id), actor).first()
    if found is None:
        raise Refused("service_not_found", 404, "没有这次服务，或它不属于贵单位。")
    return found


def case_seen_by(actor: Actor, project_no: str, most: int = 20) -> list[ServiceEvent]:
    """The services of one case in this actor's places, in order."""
    rows = ServiceEvent.objects.filter(project_no=project_no.replace("\x00", ""))
    return list(visible(rows, actor).order_by("service_number")[:most])


def rating(id: UUID) -> Evaluation | None:  # noqa: A002
    return Evaluation.objects.filter(id=id).first()


def event_id_of(receipt: str) -> UUID | None:
    """Of which service event somebody holds this receipt: its rating is stored, or parked until the service is known."""
    return Receipt.objects.filter(digest=ids.token_digest(receipt)).values_list("event_id", flat=True).first()


def is_rated(id: UUID) -> bool:  # noqa: A002
    return Evaluation.objects.filter(id=id).exists()


def is_open_for_rating(event: ServiceEvent, now: datetime) -> bool:
    """Whether somebody who rates this moment is in time."""
    return now < event.closes_at


def words(id: UUID) -> str:  # noqa: A002
    """The rater's own words, "" where there are none or they were erased. Mask them before showing."""
    return Words.objects.filter(id=id).values_list("text", flat=True).first() or ""


def said(ids: Iterable[UUID]) -> dict[UUID, tuple[str, tuple[str, ...]]]:
    """What the raters of these wrote, "" where nothing is left of it, and the names of what they ticked. Mask before showing."""
    wanted = list(ids)
    texts = dict(Words.objects.filter(id__in=wanted).values_list("id", "text"))
    ticked = Evaluation.objects.filter(id__in=wanted).values_list("id", "indicator_names")
    return {key: (texts.get(key, ""), tuple(names)) for key, names in ticked}


def published_words(ids: Iterable[UUID]) -> dict[UUID, str]:
    """The words of those raters among these who agree that they are published, and have not taken them back. Mask them."""
    agreed = Evaluation.objects.filter(id__in=list(ids), consent__contains=[Consent.PUBLISH_TEXT])
    said = Words.objects.filter(id__in=agreed.values("id")).exclude(text="")
    return dict(said.order_by("id").values_list("id", "text"))


def follow_up(id: UUID) -> FollowUp | None:  # noqa: A002
    return FollowUp.objects.filter(id=id).first()


def follow_up_words(id: UUID) -> str:  # noqa: A002
    """What was written with a follow-up, "" where there is nothing or it was erased. Mask it before showing."""
    return FollowUpWords.objects.filter(id=id).values_list("text", flat=True).first() or ""


@dataclass(frozen=True)
class Identity:
    """Who rated, opened. Only for a command that writes down why it was opened."""

    name: str
    cert: str
    mobile: str


def open_identity(id: UUID) -> Identity | None:  # noqa: A002
    """The rater's identity in clear; None if they gave none or withdrew it. The caller answers for the audit line."""
    row = Evaluator.objects.filter(id=id).first()
    if row is None:
        return None
    given = blobs.unseal(bytes(row.blob), table="evaluation_evaluator", row=id)
    return Identity(given.get("name", ""), given.get("cert", ""), given.get("mobile", ""))


CASE_LEAST = 5  # characters of a case number that can be told from any other number in a sentence


def secrets(ids: Iterable[UUID]) -> dict[UUID, tuple[str, ...]]:
    """What nobody may read in a text about each of these services: names, numbers and case number that are stored of it.

    In clear, for `kit.masks.mask_text` and for nothing else: no caller shows, keeps or logs it. Three queries.
    """
    wanted = list(ids)
    found: dict[UUID, set[str]] = {id_: set() for id_ in wanted}
    for row in Evaluator.objects.filter(id__in=wanted):
        found[row.id].update(blobs.unseal(bytes(row.blob), table="evaluation_evaluator", row=row.id).values())
    for person in Applicant.objects.filter(id__in=wanted):
        who = applicant(person)
        found[person.id] |= {who.name, who.cert, who.mobile}
    for id_, number in ServiceEvent.objects.filter(id__in=wanted).values_list("id", "project_no"):
        found[id_] |= {number} if len(number) >= CASE_LEAST else set()
    return {id_: tuple(sorted(each for each in told if each)) for id_, told in found.items()}


def has_telephone(id: UUID) -> bool:  # noqa: A002
    """Whether whoever rated can be called: they or the person of the case left a number, and nobody took it back."""
    left = {"id": id, "phone_index__isnull": False}
    is_there = Evaluator.objects.filter(**left).exists() or Applicant.objects.filter(**left).exists()
    return is_there and bool(number_of_rater(id))


def number_of_rater(id: UUID) -> str:  # noqa: A002
    """Where whoever rated is written to: the number they left, else that of the person of the case, unless somebody else
    rated. "" where there is none, or they took back who they are. The caller shows it to nobody.
    """
    rater, person = Evaluator.objects.filter(id=id).first(), Applicant.objects.filter(id=id).first()
    if is_withdrawn(id):
        return ""
    if rater is not None and rater.phone_index is not None:
        given: str = blobs.unseal(bytes(rater.blob), table="evaluation_evaluator", row=id).get("mobile", "")
        return given
    is_anothers = (
        rater is not None and rater.id_index is not None and (person is None or person.id_index != rater.id_index)
    )
    return "" if person is None or is_anothers else applicant(person).mobile


def rated_by_same(id: UUID, most: int = 200) -> list[UUID]:  # noqa: A002
    """What else the rater of this service rated, by the blind indexes of telephone and card; nobody's identity is opened."""
    who = Evaluator.objects.filter(id=id).first()
    if who is None:
        return []
    same = Q(pk__in=[])
    for name in ("phone_index", "id_index"):
        if getattr(who, name) is not None:
            same |= Q(**{name: getattr(who, name)})
    return list(Evaluator.objects.filter(same).exclude(id=id).values_list("id", flat=True)[:most])


def is_withdrawn(id: UUID) -> bool:  # noqa: A002
    """Whether the rater took back who they are, and with it every consent to be known."""
    return Erasure.objects.filter(event_id=id, what="identity").exists()


def services_of_case(project_no: str, *, name: str = "", phone_tail: str = "") -> list[ServiceEvent]:
    """The services of a case for whoever names its applicant, or the last four digits of the telephone left with it.

    Empty for a case that there is not, for another name and for a case without an applicant alike.
    """
    wanted = blobs.blind("name", name) if blobs.normal(name) else None
    found = list(ServiceEvent.objects.filter(project_no=project_no).order_by("service_number"))
    people = Applicant.objects.in_bulk([event.id for event in found])
    return [event for event in found if event.id in people and _is_named(people[event.id], wanted, phone_tail)]


def _is_named(person: Applicant, name: bytes | None, phone_tail: str) -> bool:
    if name is not None:
        return person.name_index is not None and equal(bytes(person.name_index), name)
    mobile = applicant(person).mobile
    return len(phone_tail) == 4 and len(mobile) >= 7 and equal(blobs.normal(mobile)[-4:].encode(), phone_tail.encode())


def applicant(person: Applicant) -> Identity:
    """Whom the business system names, in clear. Only for the applicant's own act; the caller answers for it."""
    given = blobs.unseal(bytes(person.blob), table="evaluation_applicant", row=person.id)
    return Identity(given.get("user_name", ""), given.get("credit_num", ""), given.get("mobile", ""))


def applicant_of(id: UUID) -> Identity | None:  # noqa: A002
    """`applicant` of that service event; None where the business system named nobody."""
    person = Applicant.objects.filter(id=id).first()
    return applicant(person) if person else None


def services_of_cert(id_index: bytes, *, since: date) -> list[ServiceEvent]:
    """What the holder of the document with this blind index was served since that day, newest first."""
    theirs = Applicant.objects.filter(id_index=id_index).values("id")
    return list(ServiceEvent.objects.filter(id__in=theirs, service_day__gte=since).order_by("-service_time", "id"))


def services_of_phone(phone_index: bytes, *, since: date) -> list[ServiceEvent]:
    """What the holder of the telephone with this blind index was served since that day, newest first."""
    theirs = Applicant.objects.filter(phone_index=phone_index).values("id")
    return list(ServiceEvent.objects.filter(id__in=theirs, service_day__gte=since).order_by("-service_time", "id"))


def rated_among(ids: Iterable[UUID]) -> set[UUID]:
    """Of these, those that are rated."""
    return set(Evaluation.objects.filter(id__in=list(ids)).values_list("id", flat=True))


def rulings(id: UUID) -> list[Ruling]:  # noqa: A002
    return list(Ruling.objects.filter(event_id=id).order_by("n"))


def excluded(ids: Iterable[UUID]) -> set[UUID]:
    """Of these, those whose latest ruling takes them out of the figures."""
    latest = dict(Ruling.objects.filter(event_id__in=list(ids)).values_list("event_id").annotate(last=Max("n")))
    rows = Ruling.objects.filter(event_id__in=list(latest)).values_list("event_id", "n", "excludes")
    return {event_id for event_id, n, excludes in rows if excludes and latest[event_id] == n}


def clerks_of(ids: Iterable[UUID]) -> dict[UUID, str]:
    """Who served, by number, in each of these rated services; "" where the record named nobody."""
    return dict(Evaluation.objects.filter(id__in=ids).values_list("id", "clerk_no"))


def is_set_aside() -> Exists:
    """For a row whose key is a service event's: whether its latest ruling takes the rating out of the figures."""
    later = Ruling.objects.filter(event_id=OuterRef("event_id"), n__gt=OuterRef("n"))
    return Exists(Ruling.objects.filter(event_id=OuterRef("pk"), excludes=True).exclude(Exists(later)))


def set_aside_otherwise() -> Exists:
    """For a row whose key is a service event's: whether its latest ruling excludes the rating, and no appeal did it."""
    later = Ruling.objects.filter(event_id=OuterRef("event_id"), n__gt=OuterRef("n"))
    excluding = Ruling.objects.filter(event_id=OuterRef("pk"), excludes=True).exclude(kind__in=APPEAL_KINDS)
    return Exists(excluding.exclude(Exists(later)))


def services_seen_by(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, ServiceEvent]:
    """Of these service events, those in this actor's places, by id."""
    return visible(ServiceEvent.objects.filter(id__in=list(ids)), actor).in_bulk()


def closing(area: str, service_time: datetime, day: date) -> Deadline:
    """When the window to rate a service of that moment is over, by the policy of its own day."""
    return deadline(service_time, _policy(area, day).supplement.within.term, calendar(area))


def grace(area: str, day: date) -> timedelta:
    """How much later than its window a rating that was given in time may still arrive."""
    return _policy(area, day).supplement.late_arrival.term.length


def _policy(area: str, day: date) -> Policy:
    """The policy of that day; for a service older than every pack of its area, the first there was (imported history)."""
    try:
        return policy_at(area, day)
    except Refused:
        first = min((r.valid_from for r in rules() if area.startswith(r.region)), default=None)
        if first is None or day >= first:
            raise
        return policy_at(area, first)


def catalogue(area: str, day: date) -> Mapping[str, IndicatorInfo]:
    """Every indicator by code, retired ones marked, as in force in that area on that day."""
    return {
        n.code: IndicatorInfo(n.name, n.level, n.is_active, n.dimension) for n in indicators(area, day, retired=True)
    }


def evaluation_row(row: Evaluation) -> dict[str, Any]:
    """The columns under the row's SM3: all but the hash itself and the transaction that wrote it; bytes in hex."""
    columns = {
        field.attname: getattr(row, field.attname)
        for field in Evaluation._meta.concrete_fields
        if field.attname not in {"row_sm3", "xid"}
    }
    return {name: hexed(bytes(v)) if isinstance(v, (bytes, memoryview)) else v for name, v in columns.items()}
