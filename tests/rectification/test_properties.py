"""Whatever people do with an order, in whatever sequence: it is not lost, its clock runs, and who was rated learns nothing."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haochaping.accounts.rules import SYSTEM, Actor, citizen
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.errors import Refused
from haochaping.rectification.advance import advance
from haochaping.rectification.commands import perform
from haochaping.rectification.facts import facts_for, timeline
from haochaping.rectification.models import Move, OpenedTo, Order
from haochaping.rectification.progress import public_progress
from haochaping.rectification.queries import moves_open_to
from haochaping.rectification.rules import State
from haochaping.rectification.sight import is_rated_side, may_see_case, orders_for
from haochaping.rectification.workflow import VERBS
from tests.cast import BAD, NOW, SUZHOU, Cast, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.rectification.queries import Offer

pytestmark = pytest.mark.django_db
FURTHER = int(os.environ.get("HCP_FURTHER", "1"))  # times as many walks, for whoever changed the way of an order
CASE, NAME, PHONE, CARD = "NJ-CANARY-5519", "孙密探", "13955512345", "320102197703075519"
CANARIES = (CASE, NAME, PHONE, CARD)
# What may put off the answer: its severity was found, more time was granted, or the rating came back into the figures.
PUTS_OFF = {"confirm", "grant_extension", "restore", "note"}
steps = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 30), st.integers(0, 97)), min_size=8, max_size=24
)  # who, hours later, which of what is open


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


def open_one(consents: bool) -> Order:
    admit_services([wire_service(CASE, userName=NAME, creditNum=CARD, mobile=PHONE)], source="test", now=NOW)
    words = {"writingEvaluation": f"我叫{NAME}，电话{PHONE}，窗口排队两小时。办件{CASE}，{NAME}留言"}
    consent = {"consent": ["contact_department"]} if consents else {}
    wire = wire_rating(CASE, **(BAD | words | consent), name=NAME, certKey=CARD, mobile=PHONE)
    (outcome,) = admit([read_evaluation(wire, source="test", best_is_one=False)], now=NOW)
    return Order.objects.get(pk=outcome.id)


def people(cast: Cast, order: Order) -> tuple[Actor, ...]:
    found = (
        cast.rectifier,
        cast.supervisor,
        cast.city,
        cast.reviewer,
        cast.operator,
        cast.clerk,
        cast.foreign_rectifier,
    )
    return (*found, citizen(order.pk), SYSTEM, cast.leader)


def some_facts(offer: Offer, choice: int, today: Any) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for field in offer.fields:
        if not field.is_required:
            continue
        options = sorted(field.choices)
        if field.kind == "flag":
            told[field.name] = choice % 2 == 0
        elif field.name in {"organ", "co_organs"}:
            told[field.name] = SUZHOU
        elif options:
            told[field.name] = options[choice % len(options)]
        elif field.kind == "date":
            told[field.name] = (today + timedelta(days=1 + choice % 9)).isoformat()
        else:
            told[field.name] = "情况说明，已核对。"
    return told


def attempt(order: Order, offer: Offer, actor: Actor, choice: int, now: datetime) -> None:
    """What was offered may still be refused for its facts or for somebody who was quicker, never for who asks."""
    facts = some_facts(offer, choice, now.date())
    try:
        perform(order_id=order.pk, verb=offer.verb, actor=actor, facts=facts, now=now)
    except Refused as no:
        if no.status not in {409, 422}:
            raise


def onward(order: Order, actors: tuple[Actor, ...], now: datetime) -> list[tuple[Actor, Offer]]:
    """Who may move it to another state now, and how."""
    return [
        (actor, offer)
        for actor in actors
        for offer in moves_open_to(order, actor, now)
        if not actor.is_system and offer.line.target is not offer.line.source
    ]


def shown_to(actor: Actor, order: Order) -> str:
    return json.dumps(
        [facts_for(order, actor), [vars(e) for e in timeline(order, actor)]], default=str, ensure_ascii=False
    )


def check(before: Order, order: Order, verb: str, now: datetime, cast: Cast) -> None:
    history = list(Move.objects.filter(order_id=order.pk).order_by("n"))
    assert [move.n for move in history] == list(range(1, order.moves + 1)), "the history has no gap"
    assert history[-1].target == order.state, "and ends where the order stands"
    assert orders_for(cast.supervisor).filter(pk=order.pk).exists(), "the province never loses sight of it"
    assert order.dispatched_at == before.dispatched_at, "the clock began at dispatch"
    state = State(order.state)
    assert (order.step_due is not None) is state.is_open, "in every open state a limit runs, in no other"
    if order.answer_due > before.answer_due:
        assert verb in PUTS_OFF, f"{verb} put the answer off"
    if state.is_open and order.overdue_since is None:
        binding = [order.step_due] + ([order.answer_due] if order.answered_at is None else [])
        assert all(limit > now for limit in binding if limit), "late is marked as late"
    for actor in (cast.leader, cast.reviewer, cast.supervisor, cast.city, cast.operator):
        shown = shown_to(actor, order)
        assert not [word for word in (NAME, PHONE, CARD) if word in shown], "only a reveal shows who rated"
    for actor in (cast.rectifier, cast.clerk, cast.foreign_rectifier):
        assert is_rated_side(actor)
        sees = orders_for(actor).filter(pk=order.pk).exists()
        if actor is cast.clerk:
            assert sees is OpenedTo.objects.filter(order_id=order.pk, person_id=actor.id).exists()
        if not may_see_case(order, actor):
            shown = shown_to(actor, order)
            assert not [word for word in CANARIES if word in shown], "who was rated learned who rated"
    told = " ".join(step.text + step.detail for step in public_progress(order.pk))
    assert not [word for word in CANARIES if word in told]


@settings(max_examples=12 * FURTHER, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=steps, consents=st.booleans())
def test_no_sequence_of_moves_loses_an_order_stops_its_clock_or_shows_the_rater(
    cast: Cast, walk: list[tuple[int, int, int]], consents: bool
) -> None:
    with transaction.atomic():
        order, now = open_one(consents), NOW
        for who, hours, choice in walk:
            now += timedelta(hours=hours, minutes=1)
            before, verb = Order.objects.get(pk=order.pk), ""
            actor = people(cast, order)[who]
            if choice % 4 and (leading := onward(before, people(cast, order), now)):  # mostly the order gets on
                actor, offer = leading[(who + choice) % len(leading)]
                verb = offer.verb
                attempt(order, offer, actor, choice, now)
            elif actor.is_system:
                advance(now)
            elif offers := moves_open_to(before, actor, now):
                offer = offers[choice % len(offers)]
                verb = offer.verb
                attempt(order, offer, actor, choice, now)
            else:
                with pytest.raises(Refused):
                    perform(order_id=order.pk, verb=VERBS[choice % len(VERBS)], actor=actor, facts={}, now=now)
            advance(now)
            verbs = set(Move.objects.filter(order_id=order.pk, n__gt=before.moves).values_list("verb", flat=True))
            after = Order.objects.get(pk=order.pk)
            check(before, after, next(iter(verbs & PUTS_OFF), verb), now, cast)
        transaction.set_rollback(True)


@settings(max_examples=10 * FURTHER, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(walk=steps)
def test_left_alone_from_anywhere_it_is_escalated_and_never_forgotten(
    cast: Cast, walk: list[tuple[int, int, int]]
) -> None:
    """After any beginning nobody does anything any more: the system marks it late and tells supervisor and leader."""
    with transaction.atomic():
        order, now = open_one(consents=False), NOW
        for who, hours, choice in walk[:8]:
            now += timedelta(hours=hours)
            actor = people(cast, order)[who]
            if not actor.is_system and (offers := moves_open_to(Order.objects.get(pk=order.pk), actor, now)):
                offer = offers[choice % len(offers)]
                attempt(order, offer, actor, choice, now)
        for _ in range(40):
            now += timedelta(days=1)
            advance(now)
        left = Order.objects.get(pk=order.pk)
        if State(left.state).is_open:
            assert left.overdue_since is not None
            said = Move.objects.filter(order_id=order.pk, verb="escalate").order_by("n").values_list("facts", flat=True)
            assert {facts["to"] for facts in said} == {"supervisor", "leader"}
        transaction.set_rollback(True)
