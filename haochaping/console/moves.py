"""A move of an order as a form: what MOVES asks for, what somebody typed, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.console import naming
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification.commands import perform
from haochaping.rectification.needs import Field
from haochaping.rectification.queries import moves_open_to, orders_for, organs_of
from haochaping.rectification.rules import STATE_NAMES, State

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from django.http import QueryDict

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import Order
    from haochaping.rectification.queries import Offer

MANY = 12  # more choices than this are searched, not clicked
LISTED = 300  # names that a field for several offers while one types
NAMED = ("organ", "co_organs")  # facts that are codes of organs, and typed as names
FLAGS = {"true": "是", "false": "否"}


@dataclass(frozen=True)
class Input:
    """One field of a form as it is drawn."""

    field: Field
    value: str = ""
    error: str = ""

    @property
    def widget(self) -> str:
        """radio, checks, select, search, date, several or text."""
        kind = self.field.kind
        if kind in {"flag", "files"}:
            return "radio" if kind == "flag" else "checks"
        if kind == "choice":
            return "select" if 4 < len(self.choices) <= MANY else "radio" if 0 < len(self.choices) <= 4 else "search"
        return "date" if kind == "date" else "several" if self.field.name == "co_organs" else "text"

    @property
    def choices(self) -> Mapping[str, str]:
        return FLAGS if self.field.kind == "flag" else self.field.choices

    @property
    def listed(self) -> list[str]:
        """The names that are offered where several may be typed; none where they are too many to send."""
        return sorted(set(self.choices.values())) if len(self.choices) <= LISTED else []

    @property
    def chosen(self) -> list[str]:
        """The values of a field that takes several."""
        return self.value.split(",") if self.value else []

    @property
    def said(self) -> str:
        """The value as a person reads it."""
        if self.widget == "checks":
            return "、".join(self.choices.get(value, value) for value in self.chosen)
        if self.field.name in NAMED and self.value and self.value not in self.choices:
            try:
                return "、".join(self.choices.get(code, code) for code in naming.codes_of(self.value, self.choices))
            except ValueError:
                return self.value
        word = self.choices.get(self.value)
        return f"{word}（{self.value}）" if word and self.widget == "search" else word or self.value


def typed(sent: QueryDict, ours: Container[str]) -> dict[str, str]:
    """What somebody typed, by the fact's name; several values of one name joined by commas, as `needs` reads them."""
    return {name: ",".join(map(str, sent.getlist(name))) for name in sent if name not in ours}


@dataclass(frozen=True)
class Form:
    """A move that may be made now, with what was typed so far."""

    offer: Offer
    inputs: tuple[Input, ...]
    is_open: bool = False

    @property
    def verb(self) -> str:
        return self.offer.verb

    @property
    def outcome(self) -> str:
        """Where it leads, in words; empty where the order stays."""
        line = self.offer.line
        return "" if line.target is line.source else STATE_NAMES[line.target]

    @property
    def errors(self) -> list[Input]:
        return [each for each in self.inputs if each.error]


def forms(
    offers: Sequence[Offer], verb: str = "", typed: Mapping[str, str] | None = None, errors: Sequence[FieldError] = ()
) -> list[Form]:
    """The offers as forms, what leads on before what does not; the one of `verb` is open and keeps what was typed, each
    error beside its field. Without a verb the first is open, if it leads on.
    """
    wrong = {error.field: error.message for error in errors}
    typed = typed or {}
    found = []
    for n, offer in enumerate(sorted(offers, key=lambda offer: not leads_on(offer))):
        is_it = offer.verb == verb
        inputs = tuple(
            Input(field, typed.get(field.name, ""), wrong.get(field.name, "")) if is_it else Input(field)
            for field in offer.fields
        )
        found.append(Form(offer, inputs, is_open=is_it if verb else n == 0 and leads_on(offer)))
    return found


def leads_on(offer: Offer) -> bool:
    return offer.line.target is not offer.line.source


@dataclass(frozen=True)
class Outcome:
    """What a move did, or would do: the order before and after; `is_done` tells which."""

    before: Order
    after: Order
    is_done: bool


class Moved(Exception):  # noqa: N818  not an error: somebody was quicker
    """The order has moved since the form was drawn; nothing was done."""


def make(
    *, order_id: UUID, seen: str, verb: str, actor: Actor, facts: Mapping[str, str], now: datetime, is_final: bool
) -> Outcome:
    """Make the move on the order as it was `seen` (its count of moves), or say what it would do.

    Without `is_final` it is made and taken back in one transaction: what the confirmation page says is what will be.
    `Moved` if the order is no longer as seen, Refused as `perform`.
    """
    with transaction.atomic():
        before = orders_for(actor).select_for_update(of=("self",)).filter(pk=order_id).first()
        if before is None:
            raise Refused("not_found", 404, "没有这个工单。")
        if str(before.moves) != seen:
            raise Moved
        told = _with_codes(before, verb, facts, actor, now)
        after = perform(order_id=order_id, verb=verb, actor=actor, facts=told, now=now)
        if not is_final:
            transaction.set_rollback(True)
    return Outcome(before, after, is_final)


def _with_codes(order: Order, verb: str, facts: Mapping[str, str], actor: Actor, now: datetime) -> Mapping[str, str]:
    """The facts with organs' names as codes. Refused 422 where a name fits none or several, if the move is open at all."""
    typed = [name for name in NAMED if facts.get(name, "").strip()]
    names, told, errors = organs_of(actor) if typed else {}, dict(facts), []
    for name in typed:
        try:
            told[name] = ",".join(naming.codes_of(facts[name], names))
        except ValueError as error:
            errors.append(FieldError(name, "unknown", str(error)))
    if errors and any(offer.verb == verb for offer in moves_open_to(order, actor, now)):
        raise Refused("facts_refused", 422, "".join(error.message for error in errors), tuple(errors))
    return told


def stands_at(order: Order) -> str:
    return STATE_NAMES[State(order.state)]


STILL_BAD = {"unsatisfied": "仍不满意"}


def _with_still_bad(choices: Mapping[str, str]) -> dict[str, str]:
    """What was heard first, from good to bad; that nobody answered last."""
    heard = {value: word for value, word in choices.items() if value != "unreachable"}
    return {**heard, **STILL_BAD, **{value: word for value, word in choices.items() if value not in heard}}


@dataclass(frozen=True)
class Calling:
    """The operator's one form: what was answered, whether somebody pressed, and what is still wrong if it is."""

    result: Input
    others: tuple[Input, ...]
    reason: Input

    @property
    def errors(self) -> list[Input]:
        return [each for each in (self.result, *self.others, self.reason) if each.error]


def calling_form(
    found: Sequence[Form], typed: Mapping[str, str] | None, errors: Sequence[FieldError]
) -> Calling | None:
    """`record` and `unsatisfied` as one form; None where they are not open."""
    by_verb = {form.verb: form for form in found}
    if not {"record", "unsatisfied"} <= set(by_verb):
        return None
    wrong = {error.field: error.message for error in errors}
    typed = typed or {}
    fields = {each.field.name: each.field for verb in ("unsatisfied", "record") for each in by_verb[verb].inputs}

    def drawn(field: Field) -> Input:
        return Input(field, typed.get(field.name, ""), wrong.get(field.name, ""))

    asked, why = fields["result"], fields["reason"]
    result = Field(asked.name, asked.label, asked.kind, _with_still_bad(asked.choices), asked.hint, asked.is_required)
    reason = Field(why.name, "哪里还不满意（选“仍不满意”时填写）", why.kind, {}, why.hint, is_required=False)
    return Calling(
        drawn(result), tuple(drawn(fields[name]) for name in ("pressed", "note") if name in fields), drawn(reason)
    )
