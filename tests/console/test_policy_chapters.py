"""The policy page says who is asked to rate, when, and what no source states."""

from __future__ import annotations

import pytest

from haochaping.console import packs
from haochaping.policy import commands, rules


def lines(name, **more):
    table = commands.read_pack(name)
    table["invitation"] = table["invitation"] | more
    (chapter,) = [c for c in packs.chapters(rules.parse(table)) if c.title == "邀请评价"]
    return {said.label: said for said in chapter.lines}


@pytest.mark.parametrize("name", ["jiangsu", "shenzhen", "qufu", "shanghai"])
def test_who_is_asked_by_sms_and_how_they_are_left_alone(name):
    said = lines(name)
    assert said["短信邀评"].words == "受理、出件后邀请一次，已评价的不再发"
    assert "21:00至次日08:00不发" in said["发送时间"].words
    assert said["提醒"].words == "2个工作日仍未评价的提醒一次，只一次"
    assert "回复TD即不再发送" in said["短信限度"].words
    assert said["短信签名"].words.startswith("【")
    assert not said["未评回访"].is_stated
    assert {"回访打扰限度", "自助终端"} <= set(said)


def test_a_policy_that_reminds_nobody_or_asks_nobody_says_so():
    assert lines("jiangsu", reminder=None)["提醒"].words == "不提醒"
    assert lines("jiangsu", enabled=False)["短信邀评"].words == "不发短信邀请"
