"""三员分立: who may do what with people, and which roles exclude each other. Pure."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations

import pytest

from haochaping.accounts.rules import (
    ADMINISTRATORS,
    BELONGS_TO,
    NOT_TO_ONESELF,
    SYSTEM,
    Act,
    Actor,
    Role,
    Scope,
    check_act,
    check_last,
    check_mix,
    has_expired,
    kinds_of,
)
from haochaping.kit.errors import Refused
from tests.cast import NOW

BUSINESS = frozenset(Role) - ADMINISTRATORS


def actor(*roles: Role, id_: str = "1") -> Actor:
    return Actor("person", id_, "某", frozenset(roles), (Scope(),))


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_each_act_belongs_to_one_administrator_and_to_nobody_else(role, act):
    if BELONGS_TO[act] is role:
        check_act(actor(role), act, person_id="2")
        return
    with pytest.raises(Refused, match=BELONGS_TO[act].name_zh):
        check_act(actor(role), act, person_id="2")


def test_whoever_makes_people_gives_no_rights_and_the_other_way_round():
    assert {act for act, role in BELONGS_TO.items() if role is Role.ADMIN} == {
        Act.CREATE, Act.CHANGE, Act.SWITCH, Act.RESET,
    }  # fmt: skip
    assert {act for act, role in BELONGS_TO.items() if role is Role.SECURITY} >= {Act.GRANT, Act.UNLOCK, Act.END}
    assert Role.AUDITOR not in BELONGS_TO.values()


@pytest.mark.parametrize("act", sorted(NOT_TO_ONESELF))
def test_nobody_grants_resets_unlocks_or_switches_off_themselves(act):
    with pytest.raises(Refused) as no:
        check_act(actor(BELONGS_TO[act], id_="7"), act, person_id="7")
    assert no.value.code == "not_yourself"


@pytest.mark.parametrize("held", [Role.SECURITY, Role.AUDITOR])
def test_the_system_administrator_cannot_become_the_other_two_by_resetting_their_password(held):
    with pytest.raises(Refused) as no:
        check_act(actor(Role.ADMIN), Act.RESET, person_id="2", held=frozenset({held}))
    assert no.value.code == "not_this_password"
    check_act(actor(Role.ADMIN), Act.RESET, person_id="2", held=frozenset({Role.ADMIN}))


def test_the_system_itself_may_do_all():
    for act in Act:
        check_act(SYSTEM, act)


@pytest.mark.parametrize(("one", "other"), list(combinations(Role, 2)))
def test_one_of_the_three_goes_with_no_other_role_and_business_roles_go_together(one, other):
    for held, given in ((one, other), (other, one)):
        if {held, given} & ADMINISTRATORS:
            with pytest.raises(Refused) as no:
                check_mix(frozenset({held}), given)
            assert (no.value.code, no.value.status) == ("roles_exclude_each_other", 409)
        else:
            check_mix(frozenset({held}), given)


@pytest.mark.parametrize("role", Role)
def test_the_same_role_may_be_held_in_a_second_scope(role):
    check_mix(frozenset({role}), role)


@pytest.mark.parametrize("role", Role)
def test_the_last_of_each_of_the_three_stays(role):
    check_last(frozenset({role}), {role: 1})
    if role in BUSINESS:
        check_last(frozenset({role}), {})
        return
    with pytest.raises(Refused) as no:
        check_last(frozenset({role}), {role: 0})
    assert no.value.code == "last_administrator"


@pytest.mark.parametrize(
    ("own", "other", "holds"),
    [
        (Scope(), Scope("3201"), True),
        (Scope("3201"), Scope(), False),
        (Scope("3201"), Scope("320102"), True),
        (Scope("320102"), Scope("3201"), False),
        (Scope("32", "/a/"), Scope("3201", "/a/b/"), True),
        (Scope("32", "/a/b/"), Scope("3201", "/a/"), False),
        (Scope("32"), Scope("32", "", "W1"), True),
        (Scope("32", "", "W1"), Scope("32"), False),
    ],
)
def test_a_scope_holds_what_lies_wholly_in_it(own, other, holds):
    assert own.holds(other) is holds


@pytest.mark.parametrize(
    ("password", "kinds"),
    [("abcdefghij", 1), ("abcdef1234", 2), ("abc-def123", 3), ("Abc-def123", 4), ("全是汉字的密码", 1), ("ABC123", 2)],
)
def test_kinds_of_characters_are_counted(password, kinds):
    assert kinds_of(password) == kinds


def test_a_password_grows_too_old_after_so_many_days_and_never_if_none_are_set():
    assert not has_expired(NOW, NOW + timedelta(days=90, seconds=-1), 90)
    assert has_expired(NOW, NOW + timedelta(days=90), 90)
    assert not has_expired(NOW, NOW + timedelta(days=9999), 0)
