"""The four shipped packs say what their sources say, and admit where none says anything."""

from __future__ import annotations

import pytest

from haochaping.policy import commands, rules
from haochaping.policy.rules import CHANNELS, Policy, Severity

NAMES = ("jiangsu", "shenzhen", "qufu", "shanghai")
SIMPLE, GENERAL, COMPLEX = Severity


def pack(name: str) -> Policy:
    return rules.parse(commands.read_pack(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_pack_is_sound_and_covers_every_channel(name: str) -> None:
    policy = pack(name)
    assert policy.pack == name
    assert set(policy.channel_names) == set(CHANNELS), "every level can be given in every channel"
    assert policy.supplement.within.term.unit == "workday"
    assert (policy.supplement.within.n, policy.supplement.late_arrival.n) == (5, 7)
    assert policy.disclosure.k_anonymity >= 5
    assert not policy.default.reported
    assert len(rules.summary(policy)) > 10


def test_no_pack_is_forgotten() -> None:
    assert {path.stem for path in commands.PACKS.glob("*.toml")} == set(NAMES)


# region, scores 1…5 and whether stated, route, returns, default level
FIGURES = {
    "jiangsu": ("32", (1, 2, 3, 4, 5), False, "hotline", True, None),
    "shenzhen": ("4403", (0, 3, 6, 8, 10), True, "hotline", True, None),
    "qufu": ("370881", (0, 3, 6, 8, 10), True, "direct", True, 5),
    "shanghai": ("31", (1, 2, 3, 4, 5), False, "hotline", False, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_are_those_of_the_sources(name: str) -> None:
    p = pack(name)
    scores = tuple(p.score_of(level) for level in (1, 2, 3, 4, 5))
    default = p.default.level if p.default.enabled else None
    assert (p.region, scores, p.levels.stated, p.dispatch.route, p.returns.allowed, default) == FIGURES[name]


def test_jiangsu_signs_in_one_and_answers_in_three_or_five_working_days() -> None:
    p = pack("jiangsu")
    assert (p.limits.sign.n, p.limits.answer.simple.n, p.limits.answer.general.n) == (1, 3, 5)
    assert all(limit.stated for limit in (p.limits.sign, p.limits.answer.simple, p.limits.answer.general))
    assert set(p.coverage.aspects) == set(rules.ASPECTS)


def test_qufu_has_three_or_five_working_days_and_calls_five_silent_ones_very_good() -> None:
    p = pack("qufu")
    assert [str(p.limit("rectify", severity)) for severity in (GENERAL, COMPLEX)] == ["3个工作日", "5个工作日"]
    assert p.default.after is not None
    assert str(p.default.after) == "5个工作日"
    assert p.level_name(p.default.level or 0) == "非常满意"
    assert p.dispatch.joint_lead == "市政府办公室"


def test_shanghai_is_one_five_fifteen_without_returns() -> None:
    p = pack("shanghai")
    assert (p.limit("contact").n, p.answer_limit(SIMPLE).n, p.answer_limit(COMPLEX).n) == (1, 5, 15)
    assert p.returns.times == 0


def test_shenzhen_separates_acceptance_and_issue_and_admits_that_its_limits_are_ours() -> None:
    p = pack("shenzhen")
    assert p.separates_points
    assert p.coverage.points == ("acceptance", "issue")
    limits = [key for key in rules.unstated(p) if key.startswith("limits.")]
    assert len(limits) == 7 + 2 * 3, "every one of them"
    assert not pack("jiangsu").separates_points


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_asked_at_night_and_only_reminded_once(name: str) -> None:
    ask = pack(name).invitation
    assert ask.enabled
    assert set(ask.after) == set(rules.POINTS)
    assert (ask.quiet_from, ask.quiet_to) == ("21:00", "08:00")
    assert ask.reminder is not None
    assert ask.reminder.term.unit == "workday"
    assert not ask.delay.stated, "no source says how soon"


def test_shenzhen_and_qufu_state_that_they_invite_by_sms() -> None:
    assert [pack(name).invitation.stated for name in NAMES] == [False, True, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_the_share_called_the_quota_and_the_days_at_the_kiosk_are_neutral_values_of_ours(name: str) -> None:
    p = pack(name)
    assert {"callout", "callout.quota", "callout.quota.within", "kiosk"} <= set(rules.unstated(p))
    assert 0 < p.callout.share < 1
