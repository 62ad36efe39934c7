"""What a pack may say, and which one holds. No database."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.kit.errors import Refused
from haochaping.kit.workdays import Term
from haochaping.policy import rules
from haochaping.policy.rules import PolicyBook, Rule, Severity, Step

if TYPE_CHECKING:
    from collections.abc import Callable

BENT: dict[str, tuple[Callable[[Any], object], str, str]] = {
    "a key is missing": (lambda t: t["limits"].pop("sign"), "limits.sign", "补上"),
    "a key is misspelt": (lambda t: t["appeal"].update(objection=1), "appeal.objection", "拼写"),
    "a number is a word": (lambda t: t["limits"]["sign"].update(n="一"), "limits.sign.n", "改正"),
    "a unit does not exist": (lambda t: t["limits"]["sign"].update(unit="week"), "limits.sign.unit", "改正"),
    "a limit is nothing": (lambda t: t["limits"]["sign"].update(n=0), "limits.sign.n", "1 至"),
    "a limit is forever": (lambda t: t["limits"]["sign"].update(n=9_999), "limits.sign.n", "1 至"),
    "the region has its zeros": (lambda t: t.update(region="320000000000"), "region", "前缀"),
    "the region is a word": (lambda t: t.update(region="江苏"), "region", "前缀"),
    "a score falls": (lambda t: t["levels"].update(scores=[10, 8, 6, 3, 0]), "levels.scores", "递增"),
    "two levels share a name": (lambda t: t["levels"].update(names=["差"] * 5), "levels.names", "不同"),
    "an aspect is unknown": (lambda t: t["coverage"].update(aspects=["service", "mood"]), "coverage.aspects", "取自"),
    "a channel comes twice": (lambda t: t["channels"].append(t["channels"][0]), "channels", "不重复"),
    "a default has no level": (lambda t: t["default"].update(enabled=True), "default", "level"),
    "the hotline has no name": (lambda t: t["dispatch"].update(hotline=""), "dispatch.hotline", "名称"),
    "returns are allowed no times": (lambda t: t["returns"].update(times=0), "returns.times", "至少 1 次"),
    "an appeal kind is unknown": (lambda t: t["appeal"].update(kinds=["bored"]), "appeal.kinds", "取自"),
    "real names are not all called back": (lambda t: t["callback"].update(real_name=0.9), "callback.real_name", "1.0"),
    "a share is above all": (lambda t: t["callback"].update(others=1.5), "callback.others", "0 与 1"),
    "three people would be shown": (lambda t: t["disclosure"].update(k_anonymity=3), "disclosure.k_anonymity", "5"),
    "words go out unasked": (lambda t: t["disclosure"].update(texts="all"), "disclosure.texts", "改正"),
    "complex is shorter than simple": (
        lambda t: t["limits"]["rectify"]["complex"].update(n=1),
        "limits.rectify",
        "依次不减",
    ),
    "rectification outlasts the answer": (
        lambda t: t["limits"]["rectify"]["complex"].update(n=9),
        "limits.rectify.complex",
        "答复总时限",
    ),
    "halves outlast the answer in days": (
        lambda t: t["limits"]["rectify"]["complex"].update(n=11, unit="halfday"),
        "limits.rectify.complex",
        "答复总时限",
    ),
    "the night is turned about": (
        lambda t: t["invitation"].update(quiet_from="08:00", quiet_to="21:00"),
        "invitation.quiet_from",
        "免打扰",
    ),
    "an hour is none": (lambda t: t["invitation"].update(quiet_to="8点"), "invitation.quiet_to", "08:00"),
    "nobody is invited after anything": (lambda t: t["invitation"].update(after=[]), "invitation.after", "至少"),
    "links live for ever": (lambda t: t["invitation"].update(link_days=365), "invitation.link_days", "30"),
    "a number gets a hundred a day": (lambda t: t["invitation"].update(daily_most=100), "invitation.daily_most", "20"),
    "the signature has its brackets": (
        lambda t: t["invitation"].update(signature="【江苏】"),
        "invitation.signature",
        "括号",
    ),
    "nobody would know the stop word": (
        lambda t: t["invitation"].update(stop_word="停"),
        "invitation.stop_word",
        "TD",
    ),
    "more than all are called": (lambda t: t["callout"].update(share=2.0), "callout.share", "0 与 1"),
    "nobody may be called": (lambda t: t["callout"]["quota"].update(n=0), "callout.quota.n", "至少"),
    "the day's work has no hours": (lambda t: t["hours"].update(morning="上午"), "hours.morning", "08:30-12:00"),
    "the afternoon begins in the morning": (lambda t: t["hours"].update(afternoon="11:00-17:30"), "hours", "不重叠"),
    "the kiosk looks back no day": (lambda t: t["kiosk"].update(days=0), "kiosk.days", "1 至"),
    "a source is not listed": (lambda t: t["limits"]["sign"].update(source="rumour"), "limits.sign.source", "rumour"),
    "a stated figure names no source": (lambda t: t["levels"].update(stated=True), "levels.source", "出处"),
}


@pytest.mark.parametrize(("bend", "key", "remedy"), BENT.values(), ids=BENT)
def test_a_wrong_pack_is_refused_by_key_and_remedy(
    jiangsu: dict[str, Any], bend: Callable[[Any], object], key: str, remedy: str
) -> None:
    bend(jiangsu)
    with pytest.raises(Refused) as refused:
        rules.parse(jiangsu)
    assert refused.value.code == "policy_refused"
    assert refused.value.status == 422
    assert {error.field: error.message for error in refused.value.fields}.get(key, "nothing").count(remedy)


def test_all_wrong_keys_are_named_at_once(jiangsu: dict[str, Any]) -> None:
    jiangsu["callback"]["tries"] = 0
    jiangsu["reopen"]["times"] = -1
    with pytest.raises(Refused) as refused:
        rules.parse(jiangsu)
    assert [error.field for error in refused.value.fields] == ["reopen.times", "callback.tries"]


def test_parsing_leaves_the_table_as_it_was_and_a_kept_body_gives_the_same_policy(jiangsu: dict[str, Any]) -> None:
    before = deepcopy(jiangsu)
    policy = rules.parse(jiangsu)
    assert jiangsu == before
    assert rules.restore(jiangsu | {"valid_from": "2019-09-09"}) == policy


def test_every_step_has_a_term_and_an_unconfirmed_severity_counts_as_general(jiangsu: dict[str, Any]) -> None:
    policy = rules.parse(jiangsu)
    assert all(policy.limit(step, severity).n > 0 for step in Step for severity in Severity)
    assert policy.limit("sign") == Term(1, "workday")
    assert policy.limit(Step.ANSWER) == policy.answer_limit() == policy.answer_limit(Severity.GENERAL)
    with pytest.raises(KeyError):
        policy.limit("sleep")


def test_a_pack_may_count_in_half_working_days(jiangsu: dict[str, Any]) -> None:
    jiangsu["limits"]["sign"].update(n=1, unit="halfday")
    jiangsu["limits"]["rectify"]["complex"].update(n=10, unit="halfday")
    policy = rules.parse(jiangsu)
    assert (policy.limit(Step.SIGN), str(policy.limits.sign)) == (Term(1, "halfday"), "半个工作日")
    assert any(line.startswith("签收：半个工作日") for line in rules.summary(policy))


def test_a_pack_without_scores_has_none(jiangsu: dict[str, Any]) -> None:
    del jiangsu["levels"]["scores"]
    policy = rules.parse(jiangsu)
    assert policy.score_of(5) is None
    assert "自 2019-09-09" in rules.summary(policy)[0]


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("320000000000", "32"),
        ("320000", "32"),
        ("32", "32"),
        ("440300000000", "4403"),
        ("3200", "32"),
        ("370881000000", "370881"),
        ("320102001000", "320102001"),
        ("320102001002", "320102001002"),
        ("000000000000", ""),
        ("", ""),
    ],
)
def test_an_area_code_becomes_the_prefix_of_all_within(code: str, prefix: str) -> None:
    assert rules.region_prefix(code) == prefix


@pytest.mark.parametrize("code", ["3", "32010", "江苏", "3201020010020"])
def test_what_is_no_area_code_has_no_prefix(code: str) -> None:
    with pytest.raises(ValueError):
        rules.region_prefix(code)


def test_the_nearest_region_that_has_a_rule_on_the_day_wins(jiangsu: dict[str, Any]) -> None:
    def rule(region: str, start: int, end: int | None = None) -> Rule:
        policy = rules.parse(
            jiangsu | {"region": region, "valid_from": date(start, 1, 1), "pack": f"p{region}-{start}"}
        )
        return Rule(region, date(start, 1, 1), date(end, 1, 1) if end else None, policy)

    book = PolicyBook((rule("32", 2019), rule("320102", 2023, 2024), rule("3201", 2021), rule("", 2010)))
    found = {
        (area, day): book.at(area, date.fromisoformat(day)).pack
        for area in ("320102000000", "320104000000", "320500000000", "440300000000")
        for day in ("2018-06-01", "2019-01-01", "2020-12-31", "2021-01-01", "2023-12-31", "2024-01-01")
    }
    assert found == {
        ("320102000000", "2018-06-01"): "p-2010",
        ("320102000000", "2019-01-01"): "p32-2019",
        ("320102000000", "2020-12-31"): "p32-2019",
        ("320102000000", "2021-01-01"): "p3201-2021",
        ("320102000000", "2023-12-31"): "p320102-2023",
        ("320102000000", "2024-01-01"): "p3201-2021",
        ("320104000000", "2018-06-01"): "p-2010",
        ("320104000000", "2019-01-01"): "p32-2019",
        ("320104000000", "2020-12-31"): "p32-2019",
        ("320104000000", "2021-01-01"): "p3201-2021",
        ("320104000000", "2023-12-31"): "p3201-2021",
        ("320104000000", "2024-01-01"): "p3201-2021",
        **{
            ("320500000000", f"{day}"): "p32-2019"
            for day in ("2019-01-01", "2020-12-31", "2021-01-01", "2023-12-31", "2024-01-01")
        },
        ("320500000000", "2018-06-01"): "p-2010",
        **{
            ("440300000000", day): "p-2010"
            for day in ("2018-06-01", "2019-01-01", "2020-12-31", "2021-01-01", "2023-12-31", "2024-01-01")
        },
    }


def test_an_area_without_any_rule_is_a_lawful_no_with_its_remedy(jiangsu: dict[str, Any]) -> None:
    book = PolicyBook((Rule("32", date(2019, 9, 9), None, rules.parse(jiangsu)),))
    for area, day in (("310000000000", date(2024, 1, 1)), ("320000000000", date(2019, 9, 8))):
        with pytest.raises(Refused, match="hcp policy load") as refused:
            book.at(area, day)
        assert (refused.value.code, refused.value.status) == ("no_policy", 409)
