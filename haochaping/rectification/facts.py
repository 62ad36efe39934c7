"""What an actor may see of an order and of its history: the seal of design §1.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.kit.masks import mask_name, mask_phone
from haochaping.policy.rules import SEVERITY_NAMES, Severity
from haochaping.rectification import evidence, relay, sight, veil
from haochaping.rectification.cautions import standing_cautions
from haochaping.rectification.models import Evidence, Move, Order, OrderPart
from haochaping.rectification.needs import NEEDS, need_of
from haochaping.rectification.replies import to_json
from haochaping.rectification.rules import CAUSE_NAMES, CHARGED_NAMES, STATE_NAMES, State, since_missed, who_is_charged
from haochaping.rectification.sight import View
from haochaping.rectification.workflow import BY_SOURCE_AND_VERB, PART_NAMES, VERB_NAMES, Part

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.models import Evaluation

# Moves whose moment is the rater's own: those rated see the day, not the hour.
RATERS_OWN = frozenset({"open", "object", "respond", "satisfied", "unsatisfied", "reopen"})
# What an operator hears about those rated, or notes about the rater (sight.may_read_confidence).
IN_CONFIDENCE = frozenset({"pressed", "note"})
NOT_FOR_ONLOOKERS = IN_CONFIDENCE | {"clerk", "files"}  # names of staff, and what is attached
# What a clerk is shown to whom an order was opened, and what those who only look on are: all else is absent.
FOR_CLERKS = frozenset({
    "order_no", "state", "state_name", "level", "level_name", "task_code", "item_name", "window_code", "window_name",
    "service_day", "rated_day", "indicators", "words", "no_reason", "is_sealed",
})  # fmt: skip
FOR_ONLOOKERS = FOR_CLERKS - {"is_sealed"} | {
    "organ_code", "organ_name", "area", "dispatch_day", "answer_due", "step_due", "is_provisional", "overdue_since",
    "was_late", "severity", "severity_name", "cause", "cause_name", "charged", "charged_name", "is_true",
    "is_reasonable", "verdict", "reply", "co_units", "route",
}  # fmt: skip
CLERKS_OWN = frozenset(
    {"statement", "open_to_clerk"}
)  # of these a clerk reads what they said and were asked themselves
TOLD_CLERKS = CLERKS_OWN | {"open", "appeal", "uphold", "dismiss", "object", "set_aside", "restore"}


def facts_for(order: Order, actor: Actor) -> dict[str, Any]:
    """What this actor may know of an order they can see, by name; what they may not is absent, never blank.

    Every text is masked for everybody. Sealed: item, window and days, with what was found and answered. `project_no`, `service_number`,
    `service_time` and `assess_time` only for those whose work needs them, `rater` (masked name and telephone) only where
    it may be revealed too. A clerk and those who only look on get the names of FOR_CLERKS and FOR_ONLOOKERS.
    """
    view, rating = sight.view_of(order, actor), evaluation.rating(order.pk)
    facts = _common(order, rating)
    if view is View.OPENED:
        return {name: value for name, value in facts.items() if name in FOR_CLERKS}
    if view is View.MASKED:
        units = [{**unit, "contribution": veil.masked(order, unit["contribution"])} for unit in facts["co_units"]]
        facts |= {"reply": veil.masked(order, order.reply), "co_units": units}
        return {name: value for name, value in facts.items() if name in FOR_ONLOOKERS}
    if rating is not None and sight.may_see_case(order, actor):
        event = evaluation.event(order.pk)
        assert event is not None
        facts |= {
            "project_no": event.project_no,
            "service_number": event.service_number,
            "service_time": event.service_time,
            "assess_time": rating.assess_time,
        }
    if sight.may_reveal(order, actor):
        who = evaluation.open_identity(order.pk)
        facts["rater"] = {"name": mask_name(who.name), "mobile": mask_phone(who.mobile)} if who else None
    return facts


def _common(order: Order, rating: Evaluation | None) -> dict[str, Any]:
    window = snapshot().windows.get(order.window_code)
    return {
        **brief(order),
        "level_name": LEVEL_NAMES[Level(order.level)],
        "window_name": window.name if window else "",
        "indicators": list(rating.indicator_names) if rating else [],
        "words": veil.masked(order, evaluation.words(order.pk)),
        "no_reason": order.no_reason,
        "severity_name": SEVERITY_NAMES[Severity(order.severity)],
        "cause_name": CAUSE_NAMES.get(order.cause, ""),
        "charged": CHARGED_NAMES[who_is_charged(order.cause)],
        "charged_name": order.charged_name,
        "route": order.route,
        "is_true": order.is_true,
        "is_reasonable": order.is_reasonable,
        "reply": veil.masked(order, order.reply, of_staff=True),
        "warnings": [
            {**each, "passage": veil.masked(order, each["passage"])} for each in to_json(standing_cautions(order))
        ],
        "co_units": [
            {
                "name": part.organ_name,
                "due": part.due,
                "done_at": part.done_at,
                "was_late": part.done_at is not None and part.due <= part.done_at,
                "contribution": veil.masked(order, part.contribution, of_staff=True),
            }
            for part in OrderPart.objects.filter(order_id=order.pk).order_by("n")
        ],
        "is_sealed": not sight.is_opened(order),
    }


def brief(order: Order) -> dict[str, Any]:
    """A line of a list: what everybody who sees the order may know, without a further query."""
    return {
        "order_no": order.order_no,
        "state": order.state,
        "state_name": STATE_NAMES[State(order.state)],
        "level": order.level,
        "task_code": order.task_code,
        "item_name": order.item_name,
        "organ_code": order.organ_code,
        "organ_name": order.organ_name,
        "area": order.area,
        "window_code": order.window_code,
        "service_day": order.service_day,
        "rated_day": order.rated_day,
        "dispatch_day": order.dispatch_day,
        "answer_due": order.answer_due,
        "step_due": order.step_due,
        "contact_due": order.contact_due if order.state == State.VERIFYING and order.contacted_at is None else None,
        "is_provisional": order.due_is_provisional,
        "overdue_since": order.overdue_since,
        "was_late": order.was_late,
        "real_name": order.real_name,
        "severity": order.severity,
        "cause": order.cause,
        "verdict": order.verdict,
        "answered_at": order.answered_at,
        "extension_asked": order.extension_asked,
        "moves": order.moves,
    }


WITHDRAWN = "（评价人已撤回）"


@dataclass(frozen=True)
class Event:
    """A line of an order's history, as one actor may see it."""

    n: int
    verb: str
    label: str
    who: str  # name and part
    day: date
    at: datetime | None  # None: only the day is for these eyes
    source: str
    target: str
    facts: tuple[tuple[str, str], ...]  # label and value, in words
    due: datetime | None
    is_late: bool
    files: tuple[Evidence, ...] = ()  # those that the move names


def timeline(order: Order, actor: Actor) -> list[Event]:
    """The order's history from the beginning, masked for everybody.

    Those rated see no moment that is the rater's own but its day, and nobody but those who call and supervise what an
    operator was told in confidence. Those who only look on, and a clerk, see days and parts, no moments and no names;
    a clerk besides only what passed between the unit and them, and how an appeal ended.
    """
    view = sight.view_of(order, actor)
    hidden = frozenset[str]() if sight.may_read_confidence(order, actor) else IN_CONFIDENCE
    is_sealed = sight.is_rated_side_of(order, actor) and not sight.may_see_case(order, actor)
    if view is not View.WHOLE:
        hidden, is_sealed = NOT_FOR_ONLOOKERS, True
    said = relay.reasons_of([order.pk])
    files = {str(each.id): each for each in evidence.seen_by(order, actor)}
    events = []
    for move in Move.objects.filter(order_id=order.pk).order_by("n"):
        if view is View.OPENED and not _is_told(move, actor):
            continue
        at = None if view is not View.WHOLE or (is_sealed and move.verb in RATERS_OWN) else move.at
        due = move.due if move.source and move.source != move.target else None
        events.append(
            Event(
                move.n,
                move.verb,
                VERB_NAMES[move.verb],
                _who(move, is_named=view is View.WHOLE),
                clock.day(move.at),
                at,
                move.source,
                move.target,
                tuple(_words(order, move, hidden, said.get((order.pk, move.n), ""), is_sealed=is_sealed)),
                due,
                due is not None and due <= move.at,
                tuple(files[id_] for id_ in move.facts.get("files", ()) if id_ in files),
            )
        )
    return events


def _who(move: Move, *, is_named: bool) -> str:
    part = PART_NAMES[Part(move.by)]
    return f"{move.actor_name}（{part}）" if is_named and move.actor_kind not in {"system", "citizen"} else part


def _is_told(move: Move, actor: Actor) -> bool:
    """Whether a clerk to whom the order was opened reads this line of its history."""
    if move.verb == "open_to_clerk":
        return bool(move.facts.get("clerk_id") == actor.id)
    return move.verb in TOLD_CLERKS and (move.verb != "statement" or move.actor_id == actor.id)


def _asked(move: Move) -> list[str]:
    line = BY_SOURCE_AND_VERB.get((State(move.source), move.verb)) if move.source else None
    names = [*line.needs, *line.may] if line else []
    return list(dict.fromkeys([*names, *(name for name in move.facts if name in NEEDS)]))


def _words(order: Order, move: Move, hidden: frozenset[str], reason: str, *, is_sealed: bool) -> list[tuple[str, str]]:
    """What was told with a move, masked. `reason`: what the rater said with it, which is kept apart."""
    said = []
    is_works = not is_sealed and move.by not in {Part.CITIZEN, Part.OPERATOR}
    for name in _asked(move):  # as the form asked; the database keeps no order of keys
        value = move.facts.get(name)
        if value is None or name == "files" or name in hidden:
            continue
        need = need_of(move.verb, name)
        if name == "reason" and value is True:
            text = veil.masked(order, reason) or WITHDRAWN
        elif isinstance(value, bool):
            text = "是" if value else "否"
        elif isinstance(value, list):
            text = "、".join(_organ_name(code) for code in value)
        elif name == "organ":
            text = _organ_name(value)
        elif need.choices:
            text = need.choices.get(value, value)
        else:
            text = veil.masked(order, str(value), of_staff=is_works)
        said.append((need.label, text))
    return said


def _organ_name(code: str) -> str:
    organ = snapshot().organs.get(code)
    return organ.name if organ else code


def last_day(due: datetime | None) -> date | None:
    """The last day on which a limit is still met: what is shown as 请于…前."""
    return None if due is None else clock.day(since_missed(due))
