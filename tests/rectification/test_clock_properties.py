"""Whatever happens to an order, in whatever order: only what the rules name moves the answer's limit, and never in silence."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy.commands import Day, load_local_days
from haochaping.rectification.commands import advance
from haochaping.rectification.effects import extended_end, rulebook
from haochaping.rectification.models import Move, Order
from haochaping.rectification.rules import State
from haochaping.rectification.rules import answer_due as answer_of
from haochaping.rectification.workflow import MOVES, Part
from tests.cast import NOW, Cast, forget
from tests.rectification.conftest import REAL_NAME, Stage, rate_badly, stage_for

if TYPE_CHECKING:
    from collections.abc import Callable

ACTED = set(Part) - {Part.SYSTEM, Part.CLERK}
MAY_MOVE_THE_ANSWER = {"confirm", "grant_extension", "restore", "note"}
HANDS = {
    state: [(line.verb, by) for line in MOVES for by in line.by if line.source is state and by in ACTED]
    for state in State
}
SEVERITIES = st.sampled_from(["simple", "general", "complex"])
PAUSES = st.sampled_from([timedelta(minutes=1), timedelta(hours=5), timedelta(days=1), timedelta(days=4)])
STEPS = st.lists(st.tuples(st.integers(0, 99), SEVERITIES, PAUSES, st.booleans()), min_size=5, max_size=16)


def rolled_back(act: Callable[[], None]) -> None:
    """Every example begins with the same order."""
    with transaction.atomic():
        act()
        transaction.set_rollback(True)
    forget()


def walk(stage: Stage, steps: list[Any], look: Callable[[datetime, Order], None]) -> None:
    """Try each move, by whoever may; let the system do what is due where the step says so; look after each."""
    for choice, severity, pause, runs in steps:
        stage.now += pause
        if runs:
            advance(stage.now)
            look(stage.now, stage.fresh())
        hands = HANDS[State(stage.fresh().state)]
        verb, by = hands[choice % len(hands)]
        until = clock.day(stage.fresh().answer_due + timedelta(days=1)).isoformat()
        kind = "not_ours" if severity == "simple" else "untrue"
        try:
            stage.do(verb, stage.actors[by], severity=severity, until=until, kind=kind)
        except Refused:
            continue
        look(stage.now, stage.fresh())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_move_but_an_approved_extension_gives_the_answer_more_time(cast: Cast, steps: list[Any]) -> None:
    def example() -> None:
        stage = stage_for(cast, rate_badly(**REAL_NAME))
        seen = [stage.order.answer_due, 1]  # the limit, and how many moves there were

        def look(_: datetime, order: Order) -> None:
            latest = list(Move.objects.filter(order_id=order.id, n__gt=seen[1]).order_by("n"))
            assert order.moves == Move.objects.filter(order_id=order.id).count()
            if order.answer_due != seen[0]:
                assert MAY_MOVE_THE_ANSWER & {move.verb for move in latest}, [move.verb for move in latest]
                rules_ = rulebook(order)
                by_rule = answer_of(order.severity, order.dispatched_at, rules_.policy, rules_.calendar).at
                extended = extended_end(order, rules_)
                assert order.answer_due in {by_rule, extended}, "from dispatch by its severity, or as was approved"
                assert extended is None or order.answer_due >= extended
            seen[:] = [order.answer_due, order.moves]

        walk(stage, steps, look)

    rolled_back(example)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_a_limit_runs_wherever_an_order_is_open_and_nobody_stops_it_by_doing_nothing(
    cast: Cast, steps: list[Any]
) -> None:
    def example() -> None:
        stage = stage_for(cast, rate_badly(**REAL_NAME))

        def look(now: datetime, order: Order) -> None:
            assert (order.step_due is not None) == State(order.state).is_open
            if order.answered_at is None and order.answer_due <= now and order.closed_at is None:
                assert order.overdue_since is not None or order.was_late or advance(now)

        walk(stage, steps, look)
        if stage.order.closed_at is None:
            advance(stage.now + timedelta(days=200))
            order = stage.fresh()
            assert order.closed_at is not None or order.overdue_since is not None, "sooner or later it is late"

    rolled_back(example)


DAYS = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, changes=DAYS)
def test_after_any_change_of_working_days_every_limit_is_as_if_they_had_always_been_so(
    cast: Cast, steps: list[Any], changes: list[tuple[int, bool]]
) -> None:
    """And a limit that moved has its line in the history."""

    def example() -> None:
        stage = stage_for(cast, rate_badly(**REAL_NAME))
        walk(stage, steps[:4], lambda _now, _order: None)
        stage.now += timedelta(minutes=1)
        advance(stage.now)  # nothing is left to do but what the change asks for
        order = stage.fresh()
        before, moves = (order.answer_due, order.step_due), order.moves
        for day, works in changes:
            load_local_days("3201", [Day(clock.day(NOW) + timedelta(days=day), works, "调整")], "通知")
        advance(stage.now)
        order = stage.fresh()
        if order.closed_at is not None:
            assert (order.answer_due, order.step_due, order.moves) == (*before, moves)
            return
        notes = [m.facts["text"] for m in Move.objects.filter(order_id=order.id, n__gt=moves, verb="note")]
        assert ((order.answer_due, order.step_due) != before) <= (len(notes) == 1)
        rules_ = rulebook(order)
        by_rule = answer_of(order.severity, order.dispatched_at, rules_.policy, rules_.calendar).at
        extended = extended_end(order, rules_)
        if order.answered_at is None:
            assert order.answer_due == max(by_rule, extended or by_rule)

    rolled_back(example)
