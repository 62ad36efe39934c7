"""Who sees which consequence, and what may be done with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from haochaping.accounts.queries import clerks_at, visible
from haochaping.accounts.rules import Role, area_prefix
from haochaping.directory.queries import snapshot
from haochaping.evaluation.queries import clerks_of
from haochaping.kit.errors import Refused
from haochaping.rectification.consequences.models import Consequence, ConsequenceStep
from haochaping.rectification.consequences.rules import (
    LABELS,
    VERB_NAMES,
    By,
    Kind,
    State,
    Step,
    Subject,
    may_admonish,
    steps_open_to,
)
from haochaping.rectification.effects import rulebook
from haochaping.rectification.models import Order
from haochaping.rectification.rules import CHARGED, Charged, over
from haochaping.rectification.rules import State as OrderState
from haochaping.rectification.sight import orders_for
from haochaping.rectification.standing import belongs_to

if TYPE_CHECKING:
    from datetime import date, datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from haochaping.accounts.rules import Actor

NOT_FOUND = Refused("not_found", 404, "没有这条记录。")
DECIDE = (Role.SUPERVISOR, Role.CITY)
READ = (*DECIDE, Role.LEADER)
SERVICE_CAUSES = tuple(cause for cause, charged in CHARGED.items() if charged is Charged.WINDOW)
PUT_RIGHT = frozenset({"satisfied", "accepted", "confirmed"})  # verdicts
OTHERS_DECIDE = (Kind.TALK, Kind.TRAINING)  # nobody decides these about their own unit


def subjects_for(actor: Actor, kind: Subject) -> dict[str, str]:
    """Whom this actor may draft something for, by code: organs by name, windows with their hall, clerks with their number,
    regions from the province down.
    """
    known = snapshot()
    found: list[tuple[str, str, str, str]] = []  # code, name, area, organ's path
    if kind is Subject.REGION:
        places = [region for region in known.regions.values() if not region.merged_into]
        found = [(each.code, "".join(known.region_names(each.code)), each.path, "") for each in places]
    elif kind is Subject.ORGAN:
        found = [(o.code, o.name, area_prefix(o.area), o.path) for o in known.organs.values() if o.is_active]
    elif kind in {Subject.WINDOW, Subject.CLERK}:
        at: list[tuple[str, str, str, str]] = []  # code, name, organ, window
        if kind is Subject.WINDOW:
            at = [(w.code, w.name, w.organ, w.code) for w in known.windows.values() if w.is_active]
        else:
            at = [(c.number, f"{c.name} {c.number}", c.organ, c.window) for c in known.clerks.values() if c.is_active]
        for code, name, organ_code, window in at:
            organ, hall = known.organs.get(organ_code), known.hall_of(window)
            label = f"{hall.name} {name}" if hall and kind is Subject.WINDOW else name
            if organ is not None:
                found.append((code, label, area_prefix(hall.area if hall else organ.area), organ.path))
    return {code: name for code, name, area, organ in found if actor.over(area=area, organ=organ).has(*DECIDE)}


def consequences_for(actor: Actor) -> QuerySet[Consequence]:
    """Those who supervise a place see all of it; a unit what was decided about it; a clerk what was decided about them.

    What a rule only proposes, and whatever concerns a rater, is for those who supervise alone: whoever belongs to the unit
    that was rated sees of it what a unit sees, whatever else they are.
    """
    if actor.is_system:
        return Consequence.objects.all()
    if actor.kind != "person":
        return Consequence.objects.none()
    seen = Consequence.objects.none()
    if actor.has(*READ):
        aside = Q(kind=Kind.ADMONITION) | Q(kind__in=OTHERS_DECIDE, state__in=(State.PROPOSED, State.DROPPED))
        seen |= visible(Consequence.objects.all(), _as(actor, *READ)).exclude(aside & _of_own_organs(actor))
    decided = Consequence.objects.filter(state__in=(State.ORDERED, State.DONE)).exclude(kind=Kind.ADMONITION)
    if actor.has(Role.HANDLER):
        handler = _as(actor, Role.HANDLER)
        own = visible(decided.exclude(subject_kind=Subject.REGION), handler)
        seen |= own | decided.filter(_reaches(handler), subject_kind=Subject.REGION)
    if actor.has(Role.CLERK):
        windows = [scope.window for role, scope in actor.grants if role is Role.CLERK and scope.window]
        theirs = Q(subject_kind=Subject.CLERK, account=actor.id)
        seen |= decided.filter(theirs | Q(subject_kind=Subject.WINDOW, window_code__in=windows))
    return seen.distinct()


def _as(actor: Actor, *roles: Role) -> Actor:
    """The actor with the scopes of these roles alone."""
    scopes = tuple(scope for role, scope in actor.grants if role in roles and not scope.window)
    return replace(actor, roles=actor.roles & set(roles), scopes=scopes)


def _of_own_organs(actor: Actor) -> Q:
    """Records of organs to which the actor belongs, as `belongs_to` has it."""
    found = Q(pk__in=())
    for path in {actor.organ, *(scope.organ for scope in actor.scopes)} - {""}:
        parts = path.strip("/").split("/")
        found |= Q(organ_path__in=["/" + "/".join(parts[:n]) + "/" for n in range(1, len(parts) + 1)])
    return found


def is_own(kind: Kind, organ_path: str, actor: Actor) -> bool:
    """Whether this is about the actor's own unit, and of a kind that nobody decides about their own."""
    return (kind is Kind.ADMONITION or kind in OTHERS_DECIDE) and belongs_to(actor, organ_path)


def _reaches(actor: Actor) -> Q:
    """Notices to all units of a place that holds one of the actor's organs or areas."""
    known = snapshot()
    areas = {scope.area for scope in actor.scopes if scope.area}
    for scope in actor.scopes:
        if organ := known.organs.get(scope.organ.strip("/").rpartition("/")[2]):
            areas.add(known.area_path(organ.area))
    prefixes = {area[:length] for area in areas for length in range(len(area) + 1)}
    return Q(area_path__in=prefixes)


def one_for(actor: Actor, pk: int) -> Consequence:
    """That record, or Refused 404: what one may not see is not there."""
    found = consequences_for(actor).filter(pk=pk).first()
    if found is None:
        raise NOT_FOUND
    return found


def parts_in(record: Consequence, actor: Actor) -> frozenset[By]:
    """What somebody is to this record."""
    if actor.is_system:
        return frozenset(By)
    here = actor.over(area=record.area_path, organ=record.organ_path, window=record.window_code)
    is_own_unit = is_own(Kind(record.kind), record.organ_path, actor)
    parts = {By.SUPERVISOR} if here.has(*DECIDE) and not is_own_unit else set()
    if here.has(Role.HANDLER):
        parts |= {By.UNIT, By.CONCERNED}
    is_about_them = record.account == actor.id if record.subject_kind == Subject.CLERK else _stands_at(record, actor)
    if actor.has(Role.CLERK) and is_about_them:
        parts.add(By.CONCERNED)
    return frozenset(parts)


def _stands_at(record: Consequence, actor: Actor) -> bool:
    windows = {scope.window for role, scope in actor.grants if role is Role.CLERK and scope.window}
    return record.subject_kind == Subject.WINDOW and record.window_code in windows


def account_of(window: str, name: str) -> str:
    """Whose account a clerk's is: the only one of that name at the window where one clerk has that name; "" if it is not clear."""
    accounts = [person for person, held in clerks_at(window).items() if held == name]
    namesakes = [clerk for clerk in snapshot().clerks.values() if (clerk.window, clerk.name) == (window, name)]
    return accounts[0] if len(accounts) == len(namesakes) == 1 else ""


@dataclass(frozen=True)
class Told:
    """A line of a record's history in words."""

    label: str
    who: str
    at: datetime
    facts: tuple[tuple[str, str], ...]


def history(record: Consequence) -> list[Told]:
    lines = ConsequenceStep.objects.filter(consequence_id=record.pk).order_by("n")
    return [
        Told(
            VERB_NAMES[line.verb],
            line.actor_name,
            line.at,
            tuple((LABELS[name], str(value)) for name, value in line.facts.items() if name in LABELS),
        )
        for line in lines
    ]


def open_steps(record: Consequence, actor: Actor) -> list[Step]:
    """What this person may do with it now; a view is stated once."""
    found = steps_open_to(Kind(record.kind), State(record.state), parts_in(record, actor))
    stated = ConsequenceStep.objects.filter(consequence_id=record.pk, verb="state").exists()
    return [one for one in found if not (one.verb == "state" and stated)]


def why_not_admonish(order: Order, now: datetime, *, drafted: int = 0) -> str:
    """Why the rater of this order may not be admonished now; "" if they may. `drafted`: the record that would do it."""
    book = rulebook(order)
    is_final = order.objections >= book.policy.appeal.objections
    if not is_final and order.closed_at is not None:
        is_final = over(order.closed_at, book.policy.appeal.objection_within.term, book.calendar).at <= now
    told = (
        Consequence.objects.filter(order_id=order.pk, kind=Kind.ADMONITION)
        .exclude(state=State.DROPPED)
        .exclude(pk=drafted)
    )
    return may_admonish(
        state=order.state,
        appeal_kind=order.appeal_kind,
        upheld=order.upheld,
        is_final=is_final,
        is_admonished=told.exists(),
    )


def verified_faults(subject: Subject, area: str, start: date, end: date) -> dict[str, int]:
    """How many orders dispatched in these days were found true and reasonable, by whom they are charged to.

    For clerks and windows only what is charged to the window; for organs whatever is charged to them.
    """
    found = _verified(area, start, end)
    if subject is Subject.ORGAN:
        rows = found.exclude(charged_code="").values_list("charged_code").annotate(n=Count("pk"))
        return dict(rows.order_by())
    found = found.filter(cause__in=SERVICE_CAUSES)
    if subject is Subject.WINDOW:
        return dict(found.exclude(window_code="").order_by().values_list("window_code").annotate(n=Count("pk")))
    return Counter(code for code in clerks_of(found.values_list("pk", flat=True)).values() if code)


def _verified(area: str, start: date, end: date) -> QuerySet[Order]:
    """Orders dispatched in these days that were found true and reasonable, and stand."""
    return Order.objects.filter(
        area_path__startswith=area,
        dispatch_day__gte=start,
        dispatch_day__lte=end,
        is_true=True,
        is_reasonable=True,
        is_probe=False,
    ).exclude(state=OrderState.VOIDED)


def service_fault_orders(area: str, start: date, end: date) -> dict[str, list[UUID]]:
    """By clerk: the orders with a verified fault that is charged to the window."""
    found: dict[str, list[UUID]] = {}
    cases = _verified(area, start, end).filter(cause__in=SERVICE_CAUSES).values_list("pk", flat=True)
    for pk, clerk in clerks_of(cases).items():
        if clerk:
            found.setdefault(clerk, []).append(pk)
    return found


def service_faults(area: str, start: date, end: date) -> dict[str, tuple[int, int]]:
    """By clerk: how many such orders, and how many of them were put right and verified to be."""
    by_clerk = service_fault_orders(area, start, end)
    cases = [pk for found in by_clerk.values() for pk in found]
    right = set(Order.objects.filter(pk__in=cases, verdict__in=PUT_RIGHT).values_list("pk", flat=True))
    return {clerk: (len(found), len(right.intersection(found))) for clerk, found in by_clerk.items()}


def cases_of(record: Consequence, actor: Actor) -> list[Order]:
    """The orders a notice tells of, as far as this person may see them."""
    return list(orders_for(actor).filter(pk__in=record.cases).order_by("order_no")) if record.cases else []


def admonition_of(order_id: UUID) -> Consequence | None:
    """What the rater of an order was told, once it was delivered."""
    return Consequence.objects.filter(order_id=order_id, kind=Kind.ADMONITION, state=State.DONE).first()
