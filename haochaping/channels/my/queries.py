"""What a citizen finds at `/my`: the services of their cases and what came of each, over all departments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.paginator import Paginator
from django.db.models import Q

from haochaping.accounts.rules import citizen
from haochaping.channels.models import CitizenSession, LoginCode
from haochaping.channels.my.rules import ANSWER, MOVES, Person, is_raters_own, what_a_follow_up_causes
from haochaping.channels.queries import window_name
from haochaping.channels.rules import by_when, latest
from haochaping.evaluation.models import (
    Applicant,
    Erasure,
    Evaluation,
    Evaluator,
    FollowUp,
    FollowUpWords,
    Ruling,
    ServiceEvent,
)
from haochaping.evaluation.queries import rulings, words
from haochaping.evaluation.rules import CHANNEL_NAMES, LEVEL_NAMES, Assurance, Channel, Level
from haochaping.kit import blobs, ids
from haochaping.kit.errors import Refused
from haochaping.rectification.models import Order
from haochaping.rectification.progress import PublicStep, public_progress, rater_may, reopens_by
from haochaping.rectification.queries import moves_open_to
from haochaping.rectification.relay import Said, said_to_rater
from haochaping.rectification.rules import STATE_NAMES, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from django.core.paginator import Page
    from django.db.models import QuerySet

NOT_YOURS = Refused("not_found", 404, "没有找到这次办件。它可能不是用这个身份办理的，请换一种方式登录再看。")
NOT_RATERS = Refused("not_your_rating", 403, "这条评价不是您提交的，不能操作。有疑问请拨打 12345。")


@dataclass(frozen=True)
class Citizen:
    """Somebody who proved who they are, as far as they proved it."""

    digest: bytes  # of the session's token
    way: str  # sms | oidc
    assurance: Assurance
    person: Person
    name: str = field(default="", repr=False)
    cert: str = field(default="", repr=False)
    mobile: str = field(default="", repr=False)

    @property
    def shown_as(self) -> str:
        """Enough to know oneself by, not enough for whoever looks over the shoulder."""
        if self.name:
            return blobs.mask_name(self.name)
        return blobs.mask_phone(self.mobile) if self.mobile else blobs.mask_id(self.cert)


def of_session(row: CitizenSession) -> Citizen:
    digest = bytes(row.digest)
    proved = blobs.unseal(bytes(row.blob), table=CitizenSession._meta.db_table, row=digest.hex())
    return Citizen(digest, row.way, Assurance(row.assurance), _person(row) or Person(), **proved)


def _person(row: Applicant | Evaluator | CitizenSession | None) -> Person | None:
    if row is None:
        return None
    return Person(*(None if index is None else bytes(index) for index in (row.phone_index, row.id_index)))


def is_known(phone: bytes) -> bool:
    """Whether a case or a rating names this number."""
    return any(table.objects.filter(phone_index=phone).exists() for table in (Applicant, Evaluator))


def code_sent_to(browser: str, now: datetime) -> str:
    """The number to which this browser's code went, masked; "" if there is no code to be entered."""
    row = LoginCode.objects.filter(browser=ids.token_digest(browser), blob__isnull=False, expires_at__gt=now).first()
    if row is None:
        return ""
    sealed = blobs.unseal(bytes(row.blob or b""), table=LoginCode._meta.db_table, row=bytes(row.browser).hex())
    return blobs.mask_phone(sealed["mobile"])


def mine(me: Citizen) -> QuerySet[ServiceEvent]:
    """The services of this citizen's cases, and those that they rated; newest first."""
    found = Applicant.objects.filter(_is(me)).values("id").union(Evaluator.objects.filter(_is(me)).values("id"))
    return ServiceEvent.objects.filter(id__in=found).order_by("-service_time", "-id")


@dataclass(frozen=True)
class Line:
    """One service as the list shows it."""

    event: ServiceEvent
    rating: Evaluation | None
    is_own: bool  # the rating is this citizen's to act on
    is_open: bool  # can be rated now
    order: Order | None

    @property
    def until(self) -> str:
        """The last day on which it can be rated."""
        return by_when(self.event.closes_at)

    @property
    def latest(self) -> str:
        return latest(self.event.closes_at)

    @property
    def level_name(self) -> str:
        return LEVEL_NAMES[Level(self.rating.level)] if self.rating else ""

    @property
    def order_state(self) -> str:
        return STATE_NAMES[State(self.order.state)] if self.order else ""

    @property
    def awaits_me(self) -> bool:
        """Whether the rectification waits for this citizen's word."""
        return self.is_own and self.order is not None and self.order.state == State.CALLBACK


def page_of(me: Citizen, number: str, per_page: int, now: datetime) -> tuple[Page[ServiceEvent], list[Line]]:
    page = Paginator(mine(me), per_page).get_page(number)
    return page, lines(me, list(page), now)


def lines(me: Citizen, events: Sequence[ServiceEvent], now: datetime) -> list[Line]:
    """These services with what stands beside them; five queries, however many they are."""
    wanted = [event.id for event in events]
    ratings, orders = Evaluation.objects.in_bulk(wanted), Order.objects.in_bulk(wanted)
    own = own_ratings(me, ratings)
    return [
        Line(
            event,
            ratings.get(event.id),
            event.id in own,
            event.id not in ratings and now < event.closes_at,
            orders.get(event.id),
        )
        for event in events
    ]


def own_ratings(me: Citizen, rated: Collection[UUID]) -> set[UUID]:
    """Of these rated services, those whose rating is this citizen's own."""
    applicants: Mapping[UUID, Applicant] = Applicant.objects.in_bulk(list(rated))
    raters: Mapping[UUID, Evaluator] = Evaluator.objects.in_bulk(list(rated))
    withdrawn = dict(Erasure.objects.filter(event_id__in=rated, what="identity").values_list("event_id", "by"))
    return {
        id_
        for id_ in rated
        if is_raters_own(
            me.person,
            applicant=_person(applicants.get(id_)),
            rater=_person(raters.get(id_)),
            withdrawn_by=withdrawn.get(id_, ""),
        )
    }


def is_applicant(me: Citizen, id_: UUID) -> bool:
    return me.person.is_same(_person(Applicant.objects.filter(id=id_).first()))


@dataclass(frozen=True)
class Service:
    """One service with all that its rater may see of it."""

    line: Line
    window: str
    words: str
    words_are_withdrawn: bool
    has_identity: bool  # something that says who rated is still kept with the rating
    identity_is_withdrawn: bool
    follow_up: FollowUp | None
    follow_up_words: str
    steps: list[PublicStep]
    ruling: Ruling | None  # the last one, if it keeps the rating out of the figures
    verbs: tuple[str, ...]  # moves of the order that are open to the rater
    yours: list[PublicStep] = field(default_factory=list)  # what the rater may do now, in words
    said: list[Said] = field(default_factory=list)  # through the platform, between the rater and those who work on it

    @property
    def event(self) -> ServiceEvent:
        return self.line.event

    @property
    def rating(self) -> Evaluation | None:
        return self.line.rating if self.line.is_own else None

    @property
    def channel(self) -> str:
        return CHANNEL_NAMES[Channel(self.rating.pf)] if self.rating else ""

    @property
    def has_words(self) -> bool:
        return bool(self.words or self.follow_up_words or any(each.is_raters and each.text for each in self.said))

    @property
    def acts(self) -> tuple[str, ...]:
        """What is open to the rater now, of `rules.ACTS`."""
        withdrawals = {"withdraw-identity": self.has_identity, "withdraw-words": self.has_words}
        return (*self.verbs, *(name for name, is_open in withdrawals.items() if is_open))

    @property
    def may_respond(self) -> bool:
        return ANSWER in self.verbs

    @property
    def may_follow_up(self) -> bool:
        return self.rating is not None and self.follow_up is None

    @property
    def follow_up_causes(self) -> str:
        """What a bad 追评 would do; "" where no order stands behind the rating."""
        order = self.line.order
        if order is None:
            return ""
        return what_a_follow_up_causes(is_open=order.closed_at is None, reopens_by=reopens_by(order))

    @property
    def follow_up_level_name(self) -> str:
        return LEVEL_NAMES[Level(self.follow_up.level)] if self.follow_up else ""

    @property
    def assurance_name(self) -> str:
        return ASSURANCE_NAMES[Assurance(self.rating.assurance)] if self.rating else ""

    @property
    def views(self) -> list[PublicStep]:
        """Who looked at the rater's identity, when and why."""
        return [step for step in self.steps if step.kind == "reveal"]


ASSURANCE_NAMES = {Assurance.ANONYMOUS: "匿名", Assurance.WEAK: "留了姓名或电话（未核验）", Assurance.REAL_NAME: "实名"}


def one(me: Citizen, id_: UUID, now: datetime) -> Service:
    """That service, or Refused 404: what is not this citizen's is not there."""
    event = mine(me).filter(id=id_).first()
    if event is None:
        raise NOT_YOURS
    return _whole(lines(me, [event], now)[0], now)


def _whole(line: Line, now: datetime) -> Service:
    id_ = line.event.id
    if not line.is_own:
        return Service(line, window_name(line.event), "", False, False, False, None, "", [], None, ())
    erased = set(Erasure.objects.filter(event_id=id_).values_list("what", flat=True))
    told = rulings(id_)
    offers = moves_open_to(line.order, citizen(id_), now) if line.order else []
    return Service(
        line,
        window_name(line.event),
        words(id_),
        "words" in erased,
        Evaluator.objects.filter(id=id_).exists(),
        "identity" in erased,
        FollowUp.objects.filter(id=id_).first(),
        FollowUpWords.objects.filter(id=id_).values_list("text", flat=True).first() or "",
        public_progress(id_),
        told[-1] if told and told[-1].excludes else None,
        tuple(offer.verb for offer in offers if offer.verb in MOVES),
        rater_may(line.order, {offer.verb for offer in offers}) if line.order else [],
        said_to_rater(id_) if line.order else [],
    )


def rated_by(me: Citizen, id_: UUID, now: datetime) -> Service:
    """That service with this citizen's own rating; Refused 404 if it is not theirs, 403 if somebody else rated it."""
    found = one(me, id_, now)
    if found.rating is None:
        raise NOT_RATERS if found.line.rating else Refused("not_rated", 409, "这次服务还没有评价，请先评价。")
    return found


def everything(me: Citizen, now: datetime) -> list[Service]:
    """Every service of theirs, newest first, whole: for their copy."""
    return [_whole(line, now) for line in lines(me, list(mine(me)), now)]


def applicants_data(me: Citizen, ids_: Collection[UUID]) -> dict[UUID, dict[str, str]]:
    """Who the business systems say the applicant of these cases is. In clear only where this citizen proved that very
    certificate or name; a telephone alone, which may be somebody else's by now, shows the rest masked.
    """
    shown = {}
    for row in Applicant.objects.filter(id__in=ids_):
        whole = blobs.unseal(bytes(row.blob), table=Applicant._meta.db_table, row=row.id)
        name, cert, mobile = (whole.get(key, "") for key in ("user_name", "credit_num", "mobile"))
        if me.person.id is None or row.id_index is None or bytes(row.id_index) != me.person.id:
            is_mine = row.phone_index is not None and bytes(row.phone_index) == me.person.phone
            name, cert = blobs.mask_name(name), blobs.mask_id(cert) if cert else ""
            mobile = mobile if is_mine else blobs.mask_phone(mobile)
        shown[row.id] = {"name": name, "cert": cert, "mobile": mobile}
    return shown


def cases_of(me: Citizen) -> set[UUID]:
    """The cases whose applicant this citizen is."""
    return set(Applicant.objects.filter(_is(me)).values_list("id", flat=True))


def _is(me: Citizen) -> Q:
    is_me = Q(pk__in=[])
    if me.person.phone is not None:
        is_me |= Q(phone_index=me.person.phone)
    if me.person.id is not None:
        is_me |= Q(id_index=me.person.id)
    return is_me


def still_needed(me: Citizen, now: datetime) -> set[UUID]:
    """The services whose applicant cannot be forgotten yet: they may still be rated, or their order is not ended."""
    found = [(event.id, event.closes_at) for event in mine(me)]
    rated = set(Evaluation.objects.filter(id__in=[id_ for id_, _ in found]).values_list("id", flat=True))
    working = set(Order.objects.filter(id__in=[id_ for id_, _ in found], closed_at=None).values_list("id", flat=True))
    return {id_ for id_, closes_at in found if id_ in working or (id_ not in rated and now < closes_at)}
