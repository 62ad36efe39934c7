"""Every way an order may go, told as stories; who may take it; what may not be left blank."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from haochaping.accounts.rules import SYSTEM, Actor, Role, citizen
from haochaping.kit.errors import Refused
from haochaping.rectification.needs import NEEDS, need_of
from haochaping.rectification.workflow import (
    BY_SOURCE_AND_VERB,
    CONDITIONS,
    MOVES,
    VERB_NAMES,
    VERBS,
    Line,
    Part,
    Standing,
    State,
    lines_open_to,
    parts_of,
    read,
    step,
)

FACTS = {
    "reason_code": "not_ours",
    "organ": "11320100014000000A",
    "way": "relay",
    "is_true": "true",
    "is_reasonable": False,
    "cause": "attitude",
    "severity": "general",
    "kind": "untrue",
    "until": "2026-10-15",
    "result": "satisfied",
    "to": "leader",
    "clerk": "7",
}
FACTS |= {name: "……" for line in MOVES for name in line.needs if name not in FACTS}
ORDINARY = Standing(today=date(2026, 10, 9), offered={"clerk": {"7": "李窗口"}, "files": {"f1": "现场照片.jpg"}})

# a verb alone, or "verb:condition" when the order stands so that this condition holds
STORIES = {
    "rectified and the citizen is content": ("sign contact confirm submit approve satisfied", State.CLOSED),
    "12345 calls back": ("sign confirm submit approve record", State.CLOSED),
    "nobody answers the first call": ("sign confirm submit approve record:tries_are_left record", State.CLOSED),
    "anonymous and not drawn for a callback": ("sign confirm submit approve skip", State.CLOSED),
    "nobody signed in time": ("auto_sign confirm submit approve record", State.CLOSED),
    "not content, second round": ("sign confirm submit approve unsatisfied submit approve record", State.CLOSED),
    "not content twice": (
        "sign confirm submit approve unsatisfied submit approve unsatisfied:second_time",
        State.CLOSED,
    ),
    "no legal basis, explained": ("sign explain approve record", State.CLOSED),
    "an explanation that does not hold": ("sign explain send_back submit approve record", State.CLOSED),
    "returned, and sent to the right organ": ("return assign sign confirm submit approve record", State.CLOSED),
    "appeal upheld, rating set aside": ("sign appeal uphold", State.VOIDED),
    "appeal upheld, the citizen objects in vain": ("sign appeal uphold object uphold", State.VOIDED),
    "appeal upheld, the citizen objects": (
        "sign appeal uphold object dismiss submit approve record",
        State.CLOSED,
    ),
    "appeal dismissed, rectify after all": ("sign appeal dismiss submit send_back submit approve record", State.CLOSED),
    "not ours, another organ takes over": (
        "sign appeal uphold:not_ours assign sign confirm submit approve record",
        State.CLOSED,
    ),
    "more time is granted": (
        "sign confirm request_extension grant_extension submit approve record",
        State.CLOSED,
    ),
    "more time is refused": ("sign confirm request_extension refuse_extension submit approve record", State.CLOSED),
    "supervised all the way": ("urge sign instruct confirm note escalate submit approve record", State.CLOSED),
    "several units at one table": ("sign join convene conclude confirm submit approve record", State.CLOSED),
    "a word with the rater, and with the clerk": (
        "sign relay respond open_to_clerk statement confirm submit approve record",
        State.CLOSED,
    ),
    "the rating itself was void, and then it was not": (
        "sign set_aside restore sign confirm submit approve record archive",
        State.CLOSED,
    ),
    "void before anybody knew whose it was, and back before the arbiter": (
        "set_aside restore:has_no_lead assign sign confirm submit approve record",
        State.CLOSED,
    ),
    "a bad supplement opens it again": (
        "sign confirm submit approve record reopen submit approve record",
        State.CLOSED,
    ),
}
SO_THAT = {
    "tries_are_left": (replace(ORDINARY, tries_left=2), {"result": "unreachable"}),
    "second_time": (replace(ORDINARY, unsatisfied=1), {}),
    "not_ours": (replace(ORDINARY, appeal_kind="not_ours"), {}),
    "has_no_lead": (replace(ORDINARY, has_lead=False), {}),
}


@pytest.mark.parametrize(("verbs", "end"), STORIES.values(), ids=STORIES)
def test_story(verbs: str, end: State) -> None:
    state = State.DISPATCHED
    for told in verbs.split():
        verb, _, so_that = told.partition(":")
        standing, facts = SO_THAT[so_that] if so_that else (ORDINARY, {})
        state = step(state, verb, BY_SOURCE_AND_VERB[state, verb].by[0], FACTS | facts, standing)
    assert state is end


def test_the_table_is_a_sound_map() -> None:
    told = [word.partition(":") for verbs, _ in STORIES.values() for word in verbs.split()]
    assert len(BY_SOURCE_AND_VERB) == len(MOVES), "one verb, one outcome"
    targets = {line.target for line in MOVES} | {line.unless[1] for line in MOVES if line.unless}
    assert targets == set(State), "no state is a stray"
    assert {line.source for line in MOVES} == set(State), "even an ended order can be taken up again, once"
    assert {verb for verb, _, _ in told} == set(VERBS), "every move is told"
    assert {so for _, _, so in told if so} == {line.unless[0] for line in MOVES if line.unless}, "and every fork"
    assert {n for line in MOVES for n in (*line.needs, *line.may)} <= set(NEEDS), "every need can be asked for"
    named = {name for line in MOVES for name in (*line.only_if, *(line.unless or ())[:1])}
    assert named == set(CONDITIONS), "every condition is there, none is idle"
    assert set(VERBS) | {"open"} == set(VERB_NAMES), "every verb has its word"


def test_supervision_changes_no_state_and_ends_with_the_order() -> None:
    for verb in (
        "urge",
        "instruct",
        "note",
        "escalate",
        "join",
        "convene",
        "conclude",
        "respond",
        "statement",
    ):
        lines = [line for line in MOVES if line.verb == verb]
        assert {line.source for line in lines} == {state for state in State if state.is_open}
        assert all(line.target is line.source for line in lines)


each_line = pytest.mark.parametrize("line", MOVES, ids=lambda line: f"{line.source}-{line.verb}")


@each_line
def test_nobody_else_may(line: Line) -> None:
    for part in set(Part) - set(line.by):
        with pytest.raises(Refused) as no:
            step(line.source, line.verb, part, FACTS, ORDINARY)
        assert (no.value.code, no.value.status) == ("not_your_part", 403)
        assert all(by.name_zh in no.value.message for by in line.by)


@each_line
def test_nothing_may_be_left_blank(line: Line) -> None:
    for name in line.needs:
        for blank in ({name: ""}, {name: "  "}, {name: None}):
            with pytest.raises(Refused) as no:
                step(line.source, line.verb, line.by[0], FACTS | blank, ORDINARY)
            assert (no.value.code, no.value.status) == ("facts_refused", 422)
            assert [(e.field, e.code) for e in no.value.fields] == [(name, "required")]
            assert need_of(line.verb, name).label in no.value.message


@each_line
def test_from_anywhere_else_it_is_not_possible(line: Line) -> None:
    sources = {other.source for other in MOVES if other.verb == line.verb}
    for state in set(State) - sources:
        with pytest.raises(Refused) as no:
            step(state, line.verb, line.by[0], FACTS, ORDINARY)
        assert (no.value.code, no.value.status) == ("not_possible_now", 409)
        assert state.name_zh in no.value.message


@each_line
def test_buttons_are_the_moves_one_may_make(line: Line) -> None:
    for part in Part:
        open_to = lines_open_to(
            line.source, frozenset({part}), replace(ORDINARY, extension_asked=None, convened=None, unanswered=None)
        )
        assert (line in open_to) is (part in line.by)


def test_a_verb_nobody_knows_is_not_found() -> None:
    with pytest.raises(Refused) as no:
        step(State.DISPATCHED, "delete", Part.HANDLER, {})
    assert no.value.status == 404


HINDERED = {
    "the sign limit has not passed": ("auto_sign", State.DISPATCHED, {"limit_passed": False}, {}),
    "Shanghai knows no return": ("return", State.DISPATCHED, {"returns_left": 0}, {}),
    "no direct call while sealed": ("contact", State.VERIFYING, {"opens_identity": False}, {"way": "phone"}),
    "too late to appeal": ("appeal", State.VERIFYING, {"appeal_in_time": False}, {}),
    "who ruled may not rule again": ("uphold", State.APPEALING, {"actor_id": "7", "barred": frozenset("7")}, {}),
    "nor dismiss": ("dismiss", State.APPEALING, {"actor_id": "7", "barred": frozenset("7")}, {}),
    "one objection": ("object", State.VOIDED, {"objections_left": 0}, {}),
    "an objection in time": ("object", State.VOIDED, {"objection_in_time": False}, {}),
    "one extension": ("request_extension", State.RECTIFYING, {"extensions_left": 0}, {}),
    "one request at a time": ("request_extension", State.RECTIFYING, {"extension_asked": True}, {}),
    "not into the past": ("request_extension", State.RECTIFYING, {}, {"until": "2026-10-09"}),
    "not for ever": (
        "request_extension",
        State.RECTIFYING,
        {"latest_extension": date(2026, 10, 20)},
        {"until": "2026-10-21"},
    ),
    "nothing asked, nothing granted": ("grant_extension", State.RECTIFYING, {"extension_asked": False}, {}),
    "nothing asked, nothing refused": ("refuse_extension", State.RECTIFYING, {"extension_asked": False}, {}),
    "a real-name rater is called": ("skip", State.CALLBACK, {"needs_callback": True}, {}),
    "nobody is skipped before the limit": ("skip", State.CALLBACK, {"limit_passed": False}, {}),
    "nobody was called who left no telephone": (
        "record",
        State.CALLBACK,
        {"has_telephone": False},
        {"result": "accepted"},
    ),
    "nor somebody of the organ that was rated": ("dismiss", State.APPEALING, {"is_of_rated_organ": True}, {}),
    "nobody passes their own answer": ("approve", State.REVIEWING, {"actor_id": "7", "hands": frozenset("7")}, {}),
    "nor sends it back to gain time": ("send_back", State.REVIEWING, {"actor_id": "7", "hands": frozenset("7")}, {}),
    "nor grants themselves more time": (
        "grant_extension",
        State.RECTIFYING,
        {"actor_id": "7", "hands": frozenset("7")},
        {},
    ),
    "nor calls about it": ("record", State.CALLBACK, {"actor_id": "7", "hands": frozenset("7")}, {}),
    "a cause before it is answered": ("submit", State.RECTIFYING, {"has_cause": False}, {"cause": ""}),
    "what is archived stays closed": ("reopen", State.CLOSED, {"is_archived": True}, {}),
    "not archived before its time": ("archive", State.CLOSED, {"archive_is_due": False}, {}),
    "only what was set aside comes back": ("restore", State.VOIDED, {"was_set_aside": False}, {}),
    "no joint handling without a lead": ("join", State.VERIFYING, {"has_lead": False}, {}),
    "once on the table": ("convene", State.VERIFYING, {"convened": True}, {}),
    "no conclusion without a meeting": ("conclude", State.VERIFYING, {"convened": False}, {}),
    "nobody to write to": ("relay", State.VERIFYING, {"is_reachable": False}, {}),
    "one message at a time": ("relay", State.VERIFYING, {"unanswered": True}, {}),
    "nothing to answer": ("respond", State.VERIFYING, {"unanswered": False}, {}),
    "a window without clerks": ("open_to_clerk", State.VERIFYING, {"offered": {"clerk": {}}}, {}),
    "reopened once": ("reopen", State.CLOSED, {"reopens_left": 0}, {}),
}


@pytest.mark.parametrize(("verb", "state", "standing", "facts"), HINDERED.values(), ids=HINDERED)
def test_hindered(verb: str, state: State, standing: dict[str, object], facts: dict[str, str]) -> None:
    by = BY_SOURCE_AND_VERB[state, verb].by[0]
    step(state, verb, by, FACTS, ORDINARY)
    with pytest.raises(Refused) as no:
        step(state, verb, by, FACTS | facts, replace(ORDINARY, **standing))
    assert no.value.status == (422 if facts else 409)
    assert [error.field for error in no.value.fields] == list(facts)


def test_every_condition_that_must_hold_has_its_counter_example() -> None:
    told = {name for verb, state, _, _ in HINDERED.values() for name in BY_SOURCE_AND_VERB[state, verb].only_if}
    assert told == {name for line in MOVES for name in line.only_if}


def test_answers_are_read_as_plain_values() -> None:
    confirm = BY_SOURCE_AND_VERB[State.VERIFYING, "confirm"]
    facts = FACTS | {"is_true": "否", "is_reasonable": "1", "findings": " 排队两小时 ", "colour": "red"}
    assert read(confirm, facts, ORDINARY) == {
        "is_true": False,
        "is_reasonable": True,
        "cause": "attitude",
        "severity": "general",
        "findings": "排队两小时",
    }
    assign = BY_SOURCE_AND_VERB[State.ARBITRATING, "assign"]
    assert read(assign, FACTS | {"co_organs": "A1， B2,A1"}, ORDINARY)["co_organs"] == ["A1", "B2"]
    assert read(assign, FACTS | {"co_organs": ["A1", "B2"]}, ORDINARY)["co_organs"] == ["A1", "B2"]
    ask = BY_SOURCE_AND_VERB[State.RECTIFYING, "request_extension"]
    assert read(ask, FACTS | {"until": date(2026, 10, 12)}, ORDINARY)["until"] == "2026-10-12"


WRONG = {
    "a choice that is not offered": ("confirm", State.VERIFYING, {"cause": "weather"}),
    "neither yes nor no": ("confirm", State.VERIFYING, {"is_true": "maybe"}),
    "a day that is none": ("request_extension", State.RECTIFYING, {"until": "2026-02-30"}),
    "too long": ("submit", State.RECTIFYING, {"reply": "长" * 2001}),
    "what PostgreSQL cannot keep": ("submit", State.RECTIFYING, {"reply": "a\x00b"}),
    "half a character": ("submit", State.RECTIFYING, {"reply": "\ud83d"}),
    "not a text": ("submit", State.RECTIFYING, {"measures": {"a": 1}}),
    "a list of something else": ("assign", State.ARBITRATING, {"co_organs": [1]}),
    "two at once": ("confirm", State.VERIFYING, {"cause": "weather", "severity": "huge"}),
}


@pytest.mark.parametrize(("verb", "state", "facts"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_named(verb: str, state: State, facts: dict[str, object]) -> None:
    with pytest.raises(Refused) as no:
        step(state, verb, BY_SOURCE_AND_VERB[state, verb].by[0], FACTS | facts, ORDINARY)
    assert no.value.status == 422
    assert [(error.field, error.code) for error in no.value.fields] == [(name, "not_allowed") for name in facts]


def test_reasons_for_a_return_are_those_of_the_policy() -> None:
    offered = replace(ORDINARY, offered={"reason_code": {"out_of_area": "属地不符"}})
    with pytest.raises(Refused):
        step(State.DISPATCHED, "return", Part.HANDLER, FACTS, offered)
    step(State.DISPATCHED, "return", Part.HANDLER, FACTS | {"reason_code": "out_of_area"}, offered)


PLAYERS = {
    "supervisor": (Actor("person", "1", "", frozenset({Role.SUPERVISOR})), {Part.SUPERVISOR, Part.ARBITER}),
    "city": (Actor("person", "1", "", frozenset({Role.CITY})), {Part.SUPERVISOR, Part.ARBITER}),
    "handler": (Actor("person", "1", "", frozenset({Role.HANDLER})), {Part.HANDLER}),
    "reviewer": (Actor("person", "1", "", frozenset({Role.REVIEWER})), {Part.REVIEWER}),
    "operator": (Actor("person", "1", "", frozenset({Role.OPERATOR})), {Part.OPERATOR}),
    "app": (Actor("app", "a", "", frozenset({Role.SUPERVISOR})), {Part.HANDLER}),
    "clerk": (Actor("person", "1", "", frozenset({Role.CLERK})), {Part.CLERK}),
    "citizen": (citizen("x"), {Part.CITIZEN}),
    "system": (SYSTEM, {Part.SYSTEM}),
    "those who look on": (
        Actor("person", "1", "", frozenset(Role) - {Role.SUPERVISOR, Role.CITY, Role.HANDLER, Role.REVIEWER, Role.OPERATOR, Role.CLERK}),
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("actor", "parts"), PLAYERS.values(), ids=PLAYERS)
def test_who_plays_which_part(actor: Actor, parts: set[Part]) -> None:
    assert parts_of(actor) == parts
