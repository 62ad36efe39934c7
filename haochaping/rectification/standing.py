"""How an order stands towards the conditions of the table, for one actor at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from haochaping.accounts.queries import clerks_at
from haochaping.accounts.rules import Role
from haochaping.directory.queries import snapshot
from haochaping.evaluation.queries import has_telephone
from haochaping.kit import clock
from haochaping.policy.rules import APPEAL_KINDS
from haochaping.rectification import evidence, relay, rules
from haochaping.rectification.effects import is_owed
from haochaping.rectification.models import Move, OrderPart
from haochaping.rectification.sight import is_opened
from haochaping.rectification.workflow import Standing, State

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.effects import Rulebook
    from haochaping.rectification.models import Order


def standing_of(order: Order, actor: Actor, rules_: Rulebook, now: datetime) -> Standing:
    """What `workflow.step` asks of this order; a handful of queries."""
    policy, calendar, state = rules_.policy, rules_.calendar, State(order.state)
    dispatched_at, barred = dispatch_and_barred(order)
    hands = hands_of(order)
    appeal_by = rules.over(dispatched_at, policy.appeal.within.term, calendar).at
    object_by = None
    if order.closed_at is not None:
        object_by = rules.over(order.closed_at, policy.appeal.objection_within.term, calendar).at
    to_extend = order.answer_due if is_owed(order) or order.step_due is None else order.step_due
    return Standing(
        limit_passed=order.step_due is not None and order.step_due <= now,
        returns_left=policy.returns.times - order.returns,
        appeal_in_time=now < appeal_by,
        appeal_kind=order.appeal_kind,
        objections_left=policy.appeal.objections - order.objections,
        objection_in_time=object_by is None or now < object_by,
        extensions_left=policy.extension.times - order.extensions,
        extension_asked=order.extension_asked is not None,
        latest_extension=rules.latest_extension(to_extend, policy, calendar),
        today=clock.day(now),
        needs_callback=order.real_name or order.sampled,
        tries_left=policy.callback.tries - 1 - order.calls,
        has_telephone=state is not State.CALLBACK or has_telephone(order.pk),
        is_reachable=state not in relay.STATES or relay.reaches(order.pk),
        unsatisfied=order.unsatisfied,
        reopens_left=policy.reopen.times - order.reopened,
        opens_identity=is_opened(order),
        actor_id=actor.id,
        barred=barred,
        is_of_rated_organ=is_concerned(order, actor),
        hands=hands,
        has_cause=bool(order.cause),
        has_lead=bool(order.organ_code),
        convened=order.convened_at is not None,
        unanswered=order.unanswered_since is not None,
        archive_is_due=order.archived_at is None and order.archive_due is not None and order.archive_due <= now,
        is_archived=order.archived_at is not None,
        was_set_aside=order.set_aside,
        offered={
            "clerk": clerks_at(order.window_code) if state.is_open else {},
            "files": evidence.names(order, actor) if state.is_open else {},
            "reason_code": policy.return_reasons,
            "kind": {kind: APPEAL_KINDS[kind] for kind in policy.appeal.kinds},
        },
    )


def is_of_organ(actor: Actor, organ_path: str) -> bool:
    """Whether somebody belongs to that organ, to one above it that they work for, or to one below it."""
    paths = {actor.organ, *(scope.organ for scope in actor.scopes)} - {""}
    return any(organ_path.startswith(path) or path.startswith(organ_path) for path in paths if organ_path)


def belongs_to(actor: Actor, organ_path: str) -> bool:
    """Whether somebody belongs to that organ or to one below it: those above supervise it."""
    paths = {actor.organ, *(scope.organ for scope in actor.scopes)} - {""}
    return bool(organ_path) and any(path.startswith(organ_path) for path in paths)


def reviewable_by(actor: Actor) -> Q:
    """The orders that this actor may rule on, for lists: `barred` and `is_of_organ` as said of one; `is_concerned` knows more."""
    later = Move.objects.filter(order_id=OuterRef("order_id"), verb="appeal", n__gt=OuterRef("n"))
    own = Move.objects.filter(~Exists(later), order_id=OuterRef("pk"), verb__in=("appeal", "uphold"), actor_id=actor.id)
    found = ~Q(Exists(own))
    for path in {actor.organ, *(scope.organ for scope in actor.scopes)} - {""}:
        above = [path[: at + 1] for at, char in enumerate(path) if char == "/"]
        found &= ~Q(organ_path__startswith=path) & ~Q(organ_path__in=["", *above])
    return found


def is_concerned(order: Order, actor: Actor) -> bool:
    """Whether an appeal is somebody's own affair: they belong to the organ that answers, to the window's, to a co-unit's or to
    the appellant's, or rectify or serve there.
    """
    if actor.over(area=order.area_path, organ=order.organ_path, window=order.window_code).has(Role.HANDLER, Role.CLERK):
        return True
    if order.window_code and any(scope.window == order.window_code for scope in actor.scopes):
        return True
    window = snapshot().windows.get(order.window_code)
    organ = snapshot().organs.get(window.organ) if window else None
    paths = {order.organ_path, organ.path if organ else ""}
    paths |= set(OrderPart.objects.filter(order_id=order.pk).values_list("organ_path", flat=True))
    return any(is_of_organ(actor, path) for path in paths)


def hands_of(order: Order) -> frozenset[str]:
    """The people whose work is judged by those who approve, grant and call back."""
    own = Move.objects.filter(
        order_id=order.pk, verb__in=("submit", "explain", "request_extension"), actor_kind="person"
    )
    return frozenset(own.values_list("actor_id", flat=True))


def dispatch_and_barred(order: Order) -> tuple[datetime, frozenset[str]]:
    """When the organ that has it now was given it, and who may not review: whoever appealed last, and who ruled since."""
    dispatched_at, barred = order.dispatched_at, set[str]()
    verbs = ("open", "assign", "appeal", "uphold")
    for verb, target, at, actor_id in (
        Move.objects.filter(order_id=order.pk, verb__in=verbs)
        .order_by("n")
        .values_list("verb", "target", "at", "actor_id")
    ):
        if target == State.DISPATCHED:
            dispatched_at = at
        if verb == "appeal":
            barred = {actor_id}
        elif verb == "uphold":
            barred.add(actor_id)
    return dispatched_at, frozenset(barred)
