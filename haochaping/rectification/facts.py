"""What an actor may see of an order and of its history: the seal of design §1.3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.kit.masks import mask_name, mask_phone, mask_text
from haochaping.policy.rules import SEVERITY_NAMES, Severity
from haochaping.rectification import sight
from haochaping.rectification.models import Move, Order, OrderPart
from haochaping.rectification.needs import NEEDS, need_of
from haochaping.rectification.rules import CAUSE_NAMES, CHARGED_NAMES, STATE_NAMES, State, since_missed, who_is_charged
from haochaping.rectification.workflow import BY_SOURCE_AND_VERB, PART_NAMES, VERB_NAMES, Part

if TYPE_CHECKING:
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor

# Moves whose moment is the rater's own: those rated see the day, not the hour.
RATERS_OWN = frozenset({"open", "object", "respond", "satisfied", "unsatisfied", "reopen"})
# What an operator hears about those rated, or notes about the rater, is not for those rated.
NOT_FOR_THE_RATED = frozenset({"pressed", "note"})


def facts_for(order: Order, actor: Actor) -> dict[str, Any]:
    """What this actor may know of an order they can see, by name; what they may not is absent, never blank.

    Sealed: item, window, days and masked text, with what was found and answered. `project_no`, `service_number`,
    `service_time` and `assess_time` only for those whose work needs them, `rater` (masked name and telephone) only where
    it may be revealed too.
    """
    rating = evaluation.rating(order.pk)
    window = snapshot().windows.get(order.window_code)
    facts: dict[str, Any] = {
        **brief(order),
        "level_name": LEVEL_NAMES[Level(order.level)],
        "window_name": window.name if window else "",
        "indicators": list(rating.indicator_names) if rating else [],
        "words": mask_text(evaluation.words(order.pk)),
        "no_reason": order.no_reason,
        "severity_name": SEVERITY_NAMES[Severity(order.severity)],
        "cause_name": CAUSE_NAMES.get(order.cause, ""),
        "charged": CHARGED_NAMES[who_is_charged(order.cause)],
        "is_true": order.is_true,
        "is_reasonable": order.is_reasonable,
        "reply": order.reply,
        "co_units": [
            {"name": part.organ_name, "due": part.due, "done_at": part.done_at, "contribution": part.contribution}
            for part in OrderPart.objects.filter(order_id=order.pk).order_by("n")
        ],
        "is_sealed": not sight.is_opened(order),
    }
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


def timeline(order: Order, actor: Actor) -> list[Event]:
    """The order's history from the beginning; one query.

    Those rated see no moment that is the rater's own but its day, the rater's words masked, and nothing of what an
    operator was told in confidence.
    """
    is_rated = sight.is_rated_side(actor) and not sight.may_see_case(order, actor)
    events = []
    for move in Move.objects.filter(order_id=order.pk).order_by("n"):
        at = None if is_rated and move.verb in RATERS_OWN else move.at
        due = move.due if move.source and move.source != move.target else None
        events.append(
            Event(
                move.n,
                move.verb,
                VERB_NAMES[move.verb],
                _who(move),
                clock.day(move.at),
                at,
                move.source,
                move.target,
                tuple(_words(move, is_rated=is_rated)),
                due,
                due is not None and due <= move.at,
            )
        )
    return events


def _who(move: Move) -> str:
    part = PART_NAMES[Part(move.by)]
    return part if move.actor_kind in {"system", "citizen"} else f"{move.actor_name}（{part}）"


def _asked(move: Move) -> list[str]:
    line = BY_SOURCE_AND_VERB.get((State(move.source), move.verb)) if move.source else None
    names = [*line.needs, *line.may] if line else []
    return list(dict.fromkeys([*names, *(name for name in move.facts if name in NEEDS)]))


def _words(move: Move, *, is_rated: bool) -> list[tuple[str, str]]:
    said = []
    for name in _asked(move):  # as the form asked; the database keeps no order of keys
        value = move.facts.get(name)
        if value is None or (is_rated and name in NOT_FOR_THE_RATED):
            continue
        need = need_of(move.verb, name)
        if isinstance(value, bool):
            text = "是" if value else "否"
        elif isinstance(value, list):
            text = "、".join(_organ_name(code) for code in value)
        elif name == "organ":
            text = _organ_name(value)
        elif need.choices:
            text = need.choices.get(value, value)
        else:
            text = mask_text(str(value)) if is_rated else str(value)
        said.append((need.label, text))
    return said


def _organ_name(code: str) -> str:
    organ = snapshot().organs.get(code)
    return organ.name if organ else code


def last_day(due: datetime | None) -> date | None:
    """The last day on which a limit is still met: what is shown as 请于…前."""
    return None if due is None else clock.day(since_missed(due))
