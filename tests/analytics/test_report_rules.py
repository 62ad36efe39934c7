"""Periods, what is due, sentences and the life of a report: pure."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from haochaping.analytics.metrics import METRICS
from haochaping.analytics.queries import Figure, Row
from haochaping.analytics.reports import sentences
from haochaping.analytics.reports.document import Document, Paragraph, Section, from_json, numeral, to_json, with_words
from haochaping.analytics.reports.kinds import (
    KINDS,
    PERIODIC,
    Kind,
    Period,
    before,
    covering,
    due,
    last_ended,
    numbered,
    year_before,
)
from haochaping.analytics.reports.rules import STEPS, By, State, read, step
from haochaping.analytics.reports.sentences import Beside
from haochaping.analytics.rules import Share, rank
from haochaping.kit.errors import Refused


def day(text: str) -> date:
    return date.fromisoformat(text)


def period(start: str, end: str) -> Period:
    return Period(day(start), day(end))


def figure(key: str, numerator: int, denominator: int | None = None) -> Figure:
    return Figure(METRICS[key], numerator, denominator, "")


@pytest.mark.parametrize(
    ("kind", "any_day", "start", "end", "words"),
    [
        (Kind.DAILY, "2026-11-27", "2026-11-27", "2026-11-27", "2026年11月27日"),
        (Kind.WEEKLY, "2026-11-22", "2026-11-16", "2026-11-22", "2026年11月16日至22日"),
        (Kind.WEEKLY, "2027-01-01", "2026-12-28", "2027-01-03", "2026年12月28日至2027年1月3日"),
        (Kind.ENTERPRISE, "2026-11-15", "2026-11-01", "2026-11-15", "2026年11月1日至15日"),
        (Kind.ENTERPRISE, "2028-02-16", "2028-02-16", "2028-02-29", "2028年2月16日至29日"),
        (Kind.MONTHLY, "2026-02-03", "2026-02-01", "2026-02-28", "2026年2月"),
        (Kind.APPRAISAL, "2026-12-31", "2026-12-01", "2026-12-31", "2026年12月"),
    ],
)
def test_a_kind_covers_the_period_that_holds_a_day(kind, any_day, start, end, words) -> None:
    assert covering(kind, day(any_day)) == period(start, end)
    assert covering(kind, day(any_day)).words == words


@pytest.mark.parametrize("kind", PERIODIC)
def test_periods_follow_each_other_without_gap_for_three_years(kind) -> None:
    at, end = day("2026-01-01"), day("2028-12-31")
    while at < end:
        found = covering(kind, at)
        assert found.start <= at <= found.end
        following = covering(kind, found.end + timedelta(days=1))
        assert following.start == found.end + timedelta(days=1)
        assert last_ended(kind, following.start) == found
        if kind is not Kind.DAILY:
            assert before(kind, following) == found
        at = following.start


def test_a_day_stands_beside_the_same_weekday_and_a_month_beside_the_same_month_of_last_year() -> None:
    assert before(Kind.DAILY, period("2026-11-27", "2026-11-27")) == period("2026-11-20", "2026-11-20")
    assert year_before(Kind.WEEKLY, period("2026-11-16", "2026-11-22")) == period("2025-11-17", "2025-11-23")
    assert year_before(Kind.MONTHLY, period("2028-02-01", "2028-02-29")) == period("2027-02-01", "2027-02-28")
    assert year_before(Kind.TOPIC, period("2028-02-29", "2028-03-02")) == period("2027-02-28", "2027-03-02")
    assert before(Kind.TOPIC, period("2026-11-11", "2026-11-20")) == period("2026-11-01", "2026-11-10")


def test_what_was_missed_is_due_together_and_never_without_end() -> None:
    assert due(Kind.WEEKLY, day("2026-11-10"), day("2026-11-22")) == [period("2026-11-09", "2026-11-15")]
    assert due(Kind.WEEKLY, day("2026-11-10"), day("2026-11-23")) == [
        period("2026-11-09", "2026-11-15"), period("2026-11-16", "2026-11-22"),
    ]  # fmt: skip
    assert due(Kind.MONTHLY, day("2026-10-01"), day("2026-11-01")) == [], "made two days after its end"
    assert due(Kind.MONTHLY, day("2026-10-01"), day("2026-11-02")) == [period("2026-10-01", "2026-10-31")]
    assert len(due(Kind.DAILY, day("2020-01-01"), day("2026-11-23"))) == KINDS[Kind.DAILY].back


def test_issues_are_counted_as_periodicals_and_notices_as_papers() -> None:
    assert numbered(Kind.WEEKLY, 2026, 46) == "2026年第46期"
    assert numbered(Kind.MONTHLY, 2026, 10) == "〔2026〕10号"
    assert [numeral(n) for n in (1, 10, 11, 20, 21)] == ["一", "十", "十一", "二十", "二十一"]


def test_a_change_is_told_only_on_enough_cases_and_says_whether_it_may_be_chance() -> None:
    good = figure("good_rate", 970, 1000)
    assert sentences.change(good, figure("good_rate", 960, 1000), "上周") == "较上周上升1.00个百分点（变化不显著）"
    assert sentences.change(good, figure("good_rate", 800, 1000), "上周") == "较上周上升17.00个百分点"
    assert sentences.change(good, good, "上周") == "与上周持平"
    assert sentences.change(good, figure("good_rate", 20, 29), "上周") == "", "29 cases are too few to compare with"
    assert sentences.change(good, None, "上年同期") == "", "the data does not reach so far"
    assert sentences.change(figure("ratings", 90), figure("ratings", 100), "上周") == "较上周减少10条（下降10.0%）"
    assert sentences.change(figure("ratings", 90), figure("ratings", 0), "上周") == ""


def test_every_share_in_a_sentence_has_its_parts_and_a_share_of_few_has_no_percent() -> None:
    assert sentences.amount(figure("good_rate", 1166, 1200), minimum=30) == "97.17%（1,166÷1,200）"
    assert sentences.amount(figure("on_time_rate", 3, 5), minimum=30) == "为3÷5"
    assert sentences.amount(figure("orders", 1200)) == "1,200件"


def test_default_ratings_and_excluded_ones_are_told_apart() -> None:
    both = {
        "good_rate_with_default": Beside(figure("good_rate_with_default", 990, 1000), None, None),
        "excluded": Beside(figure("excluded", 12), None, None),
    }
    (said,) = sentences.apart(both)
    assert "好评率（含默认）为99.00%（990÷1,000）。默认评价不是评价人的意见" in said
    assert "经裁定排除的评价12条，不计入各项指标。" in said


def test_first_and_last_are_named_only_where_their_intervals_are_clear_of_all_others() -> None:
    names = {"a": "甲市", "b": "乙市", "c": "丙市", "d": "丁市"}

    def said(*shares: Share) -> str:
        return sentences.extremes(rank(shares, minimum=30), names, metric="主动好评率", what="设区市")

    clear = said(Share("a", 990, 1000), Share("b", 950, 1000), Share("c", 948, 1000), Share("d", 800, 1000))
    assert clear.startswith(
        "主动好评率居首位的是甲市（99.00%，990÷1,000），主动好评率居末位的是丁市（80.00%，800÷1,000）"
    )
    wide = said(Share("a", 990, 1000), Share("b", 33, 33), Share("d", 800, 1000))
    assert "首位" not in wide, "of 33 good ones out of 33 nobody can say that they are worse than 99 %"
    assert "居末位的是丁市" in wide
    close = said(Share("a", 95, 100), Share("b", 94, 100))
    assert "首位" not in close.replace("首末位", "")
    assert "先后可能出于偶然" in close
    assert "不足两个" in said(Share("a", 95, 100), Share("b", 9, 9))
    lowest = sentences.extremes(
        rank([Share("a", 10, 1000), Share("b", 200, 1000)], minimum=30, higher_is_better=False),
        names, metric="差评率", what="设区市", higher=False,
    )  # fmt: skip
    assert lowest.startswith("差评率居首位的是甲市（1.00%")


def test_one_bad_rating_is_no_concentration() -> None:
    rows = [Row({}, {"bad_rate": figure("bad_rate", n, 10)}) for n in (3, 1)]
    assert sentences.worst(rows, ["甲局“事项一”", "乙局“事项二”"], what="事项", total=4) == (
        "收到差评4条，较多的事项是：甲局“事项一”（评价10条，其中差评3条）。"
    )
    assert "没有集中的情况" in sentences.worst(rows[1:], ["乙局“事项二”"], what="事项", total=1)
    assert sentences.worst([], [], what="事项", total=0) == "没有收到差评。"


def test_nothing_rated_and_nothing_dispatched_is_said_in_one_plain_sentence() -> None:
    none = {key: Beside(figure(key, 0), None, None) for key in ("services", "ratings", "orders")}
    assert sentences.overall(none, this="当日", place="", before="上周同日") == [
        "当日，可以评价的办件服务0件，没有收到主动评价。"
    ]
    assert sentences.rectification(none, this="当日", before="上周同日") == ["当日没有派出差评工单。"]


def test_the_second_person_approves_and_the_system_alone_files() -> None:
    author, second = frozenset({By.AUTHOR, By.OWNER}), frozenset({By.OWNER, By.APPROVER})
    assert step(State.DRAFT, "submit", author).target is State.SUBMITTED
    assert step(State.SUBMITTED, "approve", second).target is State.APPROVED
    for state, verb, parts, status in (
        (State.SUBMITTED, "approve", author, 403),
        (State.DRAFT, "approve", second, 409),
        (State.APPROVED, "file", second, 404),
        (State.ARCHIVED, "drop", author, 409),
        (State.DRAFT, "submit", frozenset(), 403),
    ):
        with pytest.raises(Refused) as no:
            step(state, verb, parts)
        assert no.value.status == status, (state, verb)
    assert not [one for one in STEPS if one.source in {State.WITHDRAWN, State.DROPPED}], "these are the end"


def test_what_a_person_writes_stands_before_and_after_and_is_kept_as_json() -> None:
    document = Document(
        head="甲省周报", title="甲省周报（一）", place="甲省", period="", issuer="甲省办", definitions=(), notes=(),
        sections=(Section(heading="总体情况", blocks=(Paragraph(words="数。"),)),),
    )  # fmt: skip
    told = with_words(document, title="", lead="请阅。", analysis="一\n\n二", suggestion="")
    assert [section.heading for section in told.sections] == ["总体情况", "原因分析"]
    assert len(told.sections[1].blocks) == 2
    assert from_json(to_json(told)) == told
    assert told.own_title == "（一）"
    with pytest.raises(Refused):
        read("lead", "编者按", "a\x01b")
