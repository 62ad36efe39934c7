"""How one move is made: judged by the table, left on the order, written into its history, told to others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Max

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import clerks_at
from haochaping.accounts.rules import SYSTEM, Actor, area_prefix
from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.commands import rule
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.outbox.commands import TOPICS, tell
from haochaping.policy.rules import Step
from haochaping.rectification import notices, queries, relay, rules, search, texts, veil, workflow
from haochaping.rectification.callbacks import called
from haochaping.rectification.cautions import cautions_for
from haochaping.rectification.effects import (
    Happening,
    Rulebook,
    enter,
    extended_end,
    is_owed,
    leave,
    mark_late,
    plan_escalation,
    rulebook,
    set_clocks,
    share_reminder,
)
from haochaping.rectification.models import Move, OpenedTo, Order, OrderPart
from haochaping.rectification.needs import NEEDS
from haochaping.rectification.replies import to_json
from haochaping.rectification.rules import CHARGED_NAMES, Charged
from haochaping.rectification.standing import standing_of
from haochaping.rectification.workflow import Part, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from haochaping.directory.queries import OrganInfo


def move(
    order: Order, verb: str, actor: Actor, facts: Mapping[str, Any], *, now: datetime, since: datetime | None = None
) -> Order:
    """As `commands.perform`, for an order that the caller has locked. `since`: when the next clock starts, if not now."""
    rules_ = rulebook(order)
    keep_up(order, rules_, now)
    if not actor.is_system:
        mark_late(order, now, rules_)  # a limit that was missed stays missed, whether or not the worker had looked
    if verb == "sign" and order.step_due is not None and order.step_due <= now:
        since = rules.since_missed(order.step_due)  # nothing is gained by signing late (design §1.4)
    standing = standing_of(order, actor, rules_, now)
    line = workflow.line_for(State(order.state), verb)
    parts = queries.parts_in(order, actor)
    part = workflow.part_for(line, parts)
    target = workflow.step(line.source, verb, part, facts, standing)
    clean = workflow.read(line, facts, standing)
    stage = search.stage_of(order)
    history = _history(order, verb, part, actor, source=line.source, target=target, now=now)
    history.facts = {**clean, "warnings": to_json(cautions_for(order, clean))} if "reply" in clean else clean
    leave(order, verb, Happening(clean, now, target, by_operator=part is Part.OPERATOR))
    if write := _WRITES.get(verb):
        write(order, history, actor, rules_)
    anew = verb in {"confirm", "grant_extension", "restore"}
    enter(order, target, since=since or now, now=now, rules_=rules_, anew=anew)
    if verb in {"uphold", "dismiss"}:
        _rule(order, target, by=actor.name, reason=clean["ruling"], now=now)
    order.moves += 1
    history.facts = _for_ever(order, history)
    history.save(force_insert=True)
    order.save(force_update=True)
    search.note(order, clean, stage=stage)
    notices.tell(order, history)
    texts.tell_rater(order, history, rules_)
    is_same = target is line.source
    tell([(order.id, "order", order.dispatch_day)], now=now, topics=("lake",) if is_same else TOPICS)
    return order


def _for_ever(order: Order, move: Move) -> dict[str, Any]:
    """The facts as the history keeps them, which is never erased: whoever wrote them, the rater and the case do not stand in it."""
    of_staff = move.by not in {Part.CITIZEN, Part.OPERATOR}
    return {
        name: veil.masked(order, told, of_staff=of_staff) if _is_text(move.verb, name, told) else told
        for name, told in move.facts.items()
    }


def _is_text(verb: str, name: str, told: Any) -> bool:
    """Whether somebody wrote this freely: a code of an organ looks like a number of an identity card."""
    need = NEEDS.get(f"{verb}.{name}") or NEEDS.get(name)
    return isinstance(told, str) and need is not None and need.kind == "text"


def keep_up(order: Order, rules_: Rulebook, now: datetime, *, announced: bool = False) -> bool:
    """Where working days changed since the limits were set, set them anew, from the same beginnings; whether one is another.

    No limit moves in silence: the history says what it was and is, and others are told. `announced`: look whether days
    that were not known are known now, though no change was noted.
    """
    is_news = announced or order.calendar_seen < rules_.calendar_change
    if not is_news or not State(order.state).is_open:
        return False
    was_provisional, before = order.due_is_provisional, _limits(order)
    order.calendar_seen = rules_.calendar_change
    set_clocks(order, rules_, anew=True)
    if order.contact_due is not None and order.contacted_at is None and order.state == State.VERIFYING:
        term = rules_.policy.limit(Step.CONTACT)
        order.contact_due = rules.over(order.step_since, term, rules_.calendar).at
    moved = _move_shares(order, rules_, now)
    after = _limits(order)
    if before == after and not moved and order.due_is_provisional == was_provisional:
        plan_escalation(order, rules_)
        order.save(force_update=True)
        return False
    told = [rules.changed(name, before[name], after[name]) for name in before if before[name] or after[name]]
    move(order, "note", SYSTEM, {"text": f"工作日安排变更：{'，'.join([*told, *moved])}。"}, now=now)
    if before != after:
        tell([(order.id, "order", order.dispatch_day)], now=now, topics=("national",))
    return True


def _limits(order: Order) -> dict[str, datetime | None]:
    """What a note names: the answer's limit while it is owed, the step's where it is another, the contact's."""
    answer = order.answer_due if is_owed(order) else None
    contact = order.contact_due if order.state == State.VERIFYING and order.contacted_at is None else None
    return {"答复期限": answer, "本步期限": order.step_due, "联系期限": contact}


def _move_shares(order: Order, rules_: Rulebook, now: datetime) -> list[str]:
    """The co-units' open shares likewise, each from when it was given; what changed, in words."""
    moved, extended = [], extended_end(order, rules_)
    for part in OrderPart.objects.filter(order_id=order.id, done_at=None).order_by("n"):
        due = _share_due(order, part.since, part.severity, rules_)
        if extended is not None and order.extended_until is not None and part.due >= order.extended_until:
            due = max(due, extended)  # it was put off with its lead
        if due != part.due:
            moved.append(rules.changed(f"{part.organ_name}协办期限", part.due, due))
            part.due, part.reported_at = due, part.reported_at if due <= now else None
            part.remind_at = share_reminder(due, rules_)
            part.save(force_update=True, update_fields=["due", "reported_at", "remind_at"])
    return moved


def _share_due(order: Order, since: datetime, severity: str, rules_: Rulebook) -> datetime:
    due = rules.over(since, rules_.policy.limit(Step.RECTIFY, severity), rules_.calendar).at
    return min(due, order.answer_due) if since < order.answer_due else due


def _history(order: Order, verb: str, part: Part, actor: Actor, *, source: str, target: str, now: datetime) -> Move:
    """The next line of the order's history, still without its facts."""
    return Move(
        order_id=order.id,
        n=order.moves + 1,
        verb=verb,
        source=source,
        target=target,
        by=part,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        organ_path=order.organ_path,
        facts={},
        due=order.step_due,
        at=now,
    )


def _assign(order: Order, move: Move, actor: Actor, rules_: Rulebook) -> None:
    """Hand the order to its lead, and their shares to the co-units that the arbiter names, each with its own clock."""
    lead = _organ("organ", move.facts["organ"], actor)
    others = [_organ("co_organs", code, actor) for code in move.facts.get("co_organs", ()) if code != lead.code]
    order.organ_code, order.organ_name, order.organ_path = lead.code, lead.name, lead.path
    order.area, order.area_path = lead.area, area_prefix(lead.area)
    OrderPart.objects.filter(order_id=order.id, done_at=None).delete()
    OpenedTo.objects.filter(order_id=order.id).delete()  # another organ's clerks have no business here any more
    _share_out(order, others, rules_, move.at)


def _join(order: Order, move: Move, actor: Actor, rules_: Rulebook) -> None:
    """联合办理: further units get their shares; who leads, leads on. 422 where none of those named is new."""
    owing = set(OrderPart.objects.filter(order_id=order.id, done_at=None).values_list("organ_code", flat=True))
    named = [_organ("co_organs", code, actor) for code in move.facts["co_organs"]]
    others = [organ for organ in named if organ.code not in owing | {order.organ_code}]
    if not others:
        message = "这些单位已经在办这件工单，请填写其他单位。"
        raise Refused("facts_refused", 422, message, (FieldError("co_organs", "known", message),))
    _share_out(order, others, rules_, move.at)


def _share_out(order: Order, others: list[OrganInfo], rules_: Rulebook, now: datetime) -> None:
    last = OrderPart.objects.filter(order_id=order.id).aggregate(last=Max("n"))["last"] or 0
    due = _share_due(order, now, order.severity, rules_)
    OrderPart.objects.bulk_create(
        OrderPart(
            order_id=order.id,
            n=last + n,
            organ_code=organ.code,
            organ_name=organ.name,
            organ_path=organ.path,
            area_path=area_prefix(organ.area),
            since=now,
            severity=order.severity,
            due=due,
            remind_at=share_reminder(due, rules_),
        )
        for n, organ in enumerate(others, 1)
    )


def _grant_extension(order: Order, move: Move, actor: Actor, rules_: Rulebook) -> None:
    """Co-units have as long as their lead: what they still owe is due with it, and the trail says what moved."""
    assert order.extended_until is not None
    owed = OrderPart.objects.filter(order_id=order.id, done_at=None, due__lt=order.extended_until)
    names = list(owed.order_by("n").values_list("organ_name", flat=True))
    if names:
        remind_at = share_reminder(order.extended_until, rules_)
        owed.update(due=order.extended_until, reported_at=None, remind_at=remind_at)
        until = rules.since_missed(order.extended_until)
        told = {"order_no": order.order_no, "organs": names, "until": clock.day(until).isoformat()}
        audit(actor, "extend_parts", str(order.pk), now=move.at, facts=told)


def _charge(order: Order, _move: Move, _actor: Actor, _rules: Rulebook) -> None:
    """Whose fault it is by its cause: the window's organ, the item's owner, the platform's builder, or who answers."""
    known, charged = snapshot(), rules.who_is_charged(order.cause)
    window, item = known.windows.get(order.window_code), known.item(order.task_code)
    codes = {
        Charged.WINDOW: window.organ if window else "",
        Charged.ITEM: item.organ if item else "",
        Charged.PLATFORM: _rules.policy.dispatch.platform_organ,
        Charged.HALL: "",  # no organ stands behind a hall in the master data
    }
    organ = known.organs.get(codes.get(charged, "") or order.organ_code)
    order.charged_code, order.charged_name = (organ.code, organ.name) if organ else ("", "")
    if charged is Charged.HALL:
        order.charged_code, order.charged_name = "", CHARGED_NAMES[charged]


def _relay(order: Order, move: Move, _actor: Actor, rules_: Rulebook) -> None:
    relay.pass_on(order, move, rules_.policy)


def _object(order: Order, move: Move, _actor: Actor, _rules: Rulebook) -> None:
    relay.keep_apart(order, move)


def _unsatisfied(order: Order, move: Move, actor: Actor, rules_: Rulebook) -> None:
    relay.keep_apart(order, move)
    _called_again(order, move, actor, rules_)


def _open_to_clerk(order: Order, move: Move, _actor: Actor, _rules: Rulebook) -> None:
    person = move.facts["clerk"]
    name = clerks_at(order.window_code).get(person, "")
    OpenedTo.objects.get_or_create(order_id=order.id, person_id=person, defaults={"name": name, "at": move.at})
    move.facts |= {"clerk": name, "clerk_id": person}


def _called(order: Order, move: Move, _actor: Actor, _rules: Rulebook) -> None:
    called(order, move)


def _called_again(order: Order, move: Move, actor: Actor, rules_: Rulebook) -> None:
    called(order, move)
    _renew_shares(order, move, actor, rules_)


def _renew_shares(order: Order, move: Move, _actor: Actor, rules_: Rulebook) -> None:
    """While the order was ended or with the rater nobody could hand in a share: what is owed has its whole time again."""
    due = rules.over(move.at, rules_.policy.limit(Step.RECTIFY, order.severity), rules_.calendar).at
    owed = OrderPart.objects.filter(order_id=order.id, done_at=None)
    owed.update(since=move.at, due=due, reported_at=None, remind_at=share_reminder(due, rules_))


_WRITES: dict[str, Callable[[Order, Move, Actor, Rulebook], None]] = {
    "assign": _assign,
    "join": _join,
    "grant_extension": _grant_extension,
    "confirm": _charge,
    "submit": _charge,
    "relay": _relay,
    "respond": _relay,
    "open_to_clerk": _open_to_clerk,
    "record": _called,
    "unsatisfied": _unsatisfied,
    "object": _object,
    "reopen": _renew_shares,
    "restore": _renew_shares,
}


def _organ(field: str, code: str, actor: Actor) -> OrganInfo:
    organ = snapshot().organs.get(code)
    if organ is None or not organ.is_active:
        message = f"没有代码为 {code} 的单位，或它已停用，请核对。"
        raise Refused("facts_refused", 422, message, (FieldError(field, "unknown", message),))
    area = area_prefix(organ.area)
    if not any(area.startswith(scope.area) and organ.path.startswith(scope.organ) for scope in actor.scopes):
        message = f"{organ.name}不在您的管辖范围内，请报上级裁定。"
        raise Refused("facts_refused", 422, message, (FieldError(field, "out_of_scope", message),))
    return organ


def _rule(order: Order, target: State, *, by: str, reason: str, now: datetime) -> None:
    """The reviewer's decision about the rating itself: set aside, kept, or taken back in when an objection holds."""
    is_out = bool(evaluation.excluded([order.id]))
    asked = (
        Move.objects.filter(order_id=order.id, verb__in=("appeal", "object"))
        .order_by("-n")
        .values_list("verb", flat=True)
    )
    if target is State.VOIDED and not is_out:
        rule(order.id, excludes=True, kind=order.appeal_kind, reason=reason, by=by, now=now)
    elif target is State.RECTIFYING and is_out and asked.first() == "object":  # else a batch or a check took it out
        rule(order.id, excludes=False, kind="objection", reason=reason, by=by, now=now)
