"""A region's own indicators: what a version may hold, who decides, and when it comes into force."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from haochaping.accounts.models import Audit
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy import drafts, queries, sets
from haochaping.policy.models import Indicator, IndicatorSet
from haochaping.policy.pack import Coverage
from haochaping.policy.rules import ASPECTS, CHANNELS, LEVELS
from haochaping.policy.sets import Line
from tests.cast import NOW, Cast, forget, settle

JULY = date(2026, 7, 1)
QUEUE = Line("", "叫号屏看不清", 2)


def lines(level: int, n: int, **more: Any) -> list[Line]:
    return [Line(f"{level}{k:02}", f"第{level}级之{k}", level, **more) for k in range(n)]


def national(n: int = 3) -> list[Line]:
    return [line for level in LEVELS for line in lines(level, n)]


class TestRules:
    def test_a_page_has_enough_reasons_for_a_bad_rating_and_not_too_many_of_any(self) -> None:
        assert sets.problems([], national()) == []
        assert sets.problems([], national(2)) == [
            "不满意在“事项设立、电脑端”只有 2 项，至少应有 3 项。",
            "非常不满意在“事项设立、电脑端”只有 2 项，至少应有 3 项。",
        ]
        assert sets.problems([replace(line, code="P" + line.code, name="又" + line.name) for line in lines(4, 10)], national()) == [
            "满意在“事项设立、电脑端”有 13 项，最多 12 项，请停用或限定环节、渠道。"
        ]  # fmt: skip

    def test_what_is_offered_elsewhere_or_no_more_counts_for_nothing(self) -> None:
        few = [line for line in national() if line.level != 1]
        mine = [replace(line, aspect="delivery") for line in lines(1, 3)]
        assert "“事项设立、电脑端”只有 0 项" in sets.problems(mine, few)[0]
        mine = [replace(line, channels=(6,)) for line in lines(1, 3)]
        assert "只有 0 项" in sets.problems(mine, few)[0]
        assert sets.problems([replace(line, is_active=False) for line in lines(1, 20)], national()) == []

    def test_one_name_stands_once_at_a_level(self) -> None:
        twin = Line("P2001", "第2级之0", 2)
        assert sets.problems([twin], national()) == ["“第2级之0”在不满意中出现了 2 次，请改名或停用其一。"]
        assert sets.problems([replace(twin, level=3, code="P3001")], national()) == []

    def test_the_difference_is_told_in_words(self) -> None:
        old = [Line("P2001", "叫号屏看不清", 2), Line("P2002", "没有座位", 2), Line("P1001", "收费不合理", 1)]
        new = [
            Line("P2001", "叫号屏太小", 2, channels=(4, 5)),
            Line("P2002", "没有座位", 2, "service", "delivery", is_active=False),
            Line("P1001", "收费不合理", 1),
            Line("P5001", "主动上门", 5, "service"),
        ]
        assert sets.differences(old, new) == [
            "新增 P5001“主动上门”（非常满意，服务，全部环节，全部渠道）。",
            "P2001“叫号屏看不清”改名为“叫号屏太小”，渠道由全部渠道改为大厅评价器、自助终端。",
            "P2002“没有座位”停用，维度由业务改为服务，环节由全部环节改为结果送达。",
        ]
        assert sets.differences(new, new) == []

    def test_each_depth_of_region_has_codes_of_its_own_that_are_never_used_again(self) -> None:
        assert sets.next_code("32", 2, ["P2001", "P2007", "P1009", "201"]) == "P2008"
        assert sets.next_code("3201", 1, []) == "C1001"
        assert len(set(sets.LETTERS.values())) == len(sets.LETTERS)
        with pytest.raises(Refused, match="已用完"):
            sets.next_code("32", 2, ["P2999"])

    def test_a_line_of_a_sheet_reads_back_as_it_was_written(self) -> None:
        line = Line("P2001", "叫号屏看不清", 2, "service", "delivery", (4, 5), is_active=False)
        assert sets.from_row(dict(zip(sets.HEADER, sets.as_row(line, "本地"), strict=True))) == line
        assert sets.from_row({"名称": " 叫号屏  看不清 ", "等级": "2"}) == Line("", "叫号屏 看不清", 2)
        for cells in (
            {"名称": "叫号", "等级": "差"},
            {"名称": "叫", "等级": "2"},
            {"名称": "叫号", "等级": "2", "渠道": "电报"},
        ):
            with pytest.raises(Refused):
                sets.from_row(cells)

    def test_all_nine_channels_are_the_same_as_none_named(self) -> None:
        assert sets.checked(replace(QUEUE, channels=tuple(CHANNELS))).channels == ()


@pytest.fixture
def cast(db: None) -> Cast:
    return settle()


def drafted(cast: Cast, *own: Line, region: str = "32") -> IndicatorSet:
    version = drafts.new_draft(region, actor=cast.supervisor, now=NOW)
    for line in own:
        drafts.save_line(version, line, actor=cast.supervisor, now=NOW)
    return version


def submitted(cast: Cast, *own: Line, day: date = JULY) -> IndicatorSet:
    version = drafted(cast, *own)
    drafts.submit(version, valid_from=day, note="夏季修订", actor=cast.supervisor, now=NOW)
    return version


def in_force(cast: Cast, *own: Line, day: date = JULY) -> IndicatorSet:
    version = submitted(cast, *own, day=day)
    drafts.approve(version, actor=cast.leader, now=NOW)
    return version


def names(area: str, day: date, *where: Any) -> set[str]:
    return {norm.name for norm in queries.indicators(area, day, *where) if norm.region}


def test_an_approved_version_holds_from_its_day_and_not_before(cast: Cast) -> None:
    in_force(cast, QUEUE, replace(QUEUE, name="送达太慢", aspect="delivery", channels=(3, 7)))
    assert names("320102", JULY - timedelta(days=1)) == set()
    assert names("320102", JULY) == {"叫号屏看不清", "送达太慢"}
    assert names("310101", JULY) == set(), "another province does not see them"
    assert names("320102", JULY, "service") == {"叫号屏看不清"}
    assert names("320102", JULY, "delivery", 3) == {"叫号屏看不清", "送达太慢"}
    assert names("320102", JULY, "delivery", 6) == {"叫号屏看不清"}
    assert {"P2001", "P2002"} <= queries.indicator_map("320102").keys()
    assert not {"P2001", "P2002"} & queries.indicator_map().keys(), "never sent to the nation"


def test_the_next_version_begins_with_the_lines_of_the_newest_and_ends_it(cast: Cast) -> None:
    in_force(cast, QUEUE)
    version = drafted(cast)
    drafts.save_line(version, Line("P2001", "叫号屏太小", 2, is_active=False), actor=cast.supervisor, now=NOW)
    drafts.save_line(version, Line("", "没有座位", 2), actor=cast.supervisor, now=NOW)
    august = date(2026, 8, 1)
    drafts.submit(version, valid_from=august, note="", actor=cast.supervisor, now=NOW)
    drafts.approve(version, actor=cast.leader, now=NOW)
    assert names("32", JULY) == {"叫号屏看不清"}
    assert names("32", august) == {"没有座位"}
    retired = {norm.code: norm for norm in queries.indicators("32", august, retired=True) if norm.region}
    assert not retired["P2001"].is_active, "ratings of before still find its text"
    assert retired["P2002"].name == "没有座位"


@pytest.mark.parametrize("who", ["supervisor", "city", "rectifier", "operator", "clerk", "admin"])
def test_nobody_decides_about_what_they_wrote_nor_without_the_office(cast: Cast, who: str) -> None:
    version = submitted(cast, QUEUE)
    with pytest.raises(Refused, match="另一位督办人员或领导"):
        drafts.approve(version, actor=getattr(cast, who), now=NOW)
    with pytest.raises(Refused, match="另一位督办人员或领导"):
        drafts.refuse(version, reason="不行", actor=getattr(cast, who), now=NOW)
    assert not Indicator.objects.exclude(region="").exists()


@pytest.mark.parametrize("who", ["leader", "city", "rectifier", "clerk", "operator", "admin"])
def test_only_a_supervisor_of_the_region_drafts(cast: Cast, who: str) -> None:
    with pytest.raises(Refused) as no:
        drafts.new_draft("32", actor=getattr(cast, who), now=NOW)
    assert no.value.status == 403
    for region in ("", "31"):
        with pytest.raises(Refused):
            drafts.new_draft(region, actor=cast.supervisor, now=NOW)


def test_whoever_changed_a_line_of_anothers_draft_does_not_decide_either(cast: Cast) -> None:
    second = replace(cast.supervisor, id="second", name="另一位督办")
    version = drafted(cast, QUEUE)
    drafts.save_line(version, Line("", "没有座位", 2), actor=second, now=NOW)
    drafts.submit(version, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    assert not drafts.may_decide(second, IndicatorSet.objects.get())
    assert drafts.may_decide(replace(second, id="third"), IndicatorSet.objects.get())


def test_national_indicators_can_be_neither_changed_nor_dropped_nor_imitated(cast: Cast) -> None:
    version = drafted(cast, QUEUE)
    with pytest.raises(Refused, match="本地没有编码 201"):
        drafts.save_line(version, Line("201", "别的意思", 2), actor=cast.supervisor, now=NOW)
    rows = [{"编码": "207", "名称": "没有提供材料样本", "等级": "不满意", "在用": "否"}]
    with pytest.raises(Refused, match="第 2 行：207 由上级管理"):
        drafts.import_lines(version, rows, actor=cast.supervisor, now=NOW)
    drafts.save_line(version, Line("", "没有提供材料样本", 2), actor=cast.supervisor, now=NOW)
    with pytest.raises(Refused, match="出现了 2 次"):
        drafts.submit(version, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    assert len(queries.indicators("", JULY, retired=True)) == 72


@pytest.mark.parametrize("day", [None, NOW.date(), NOW.date() - timedelta(days=1)])
def test_only_a_day_to_come_is_taken(cast: Cast, day: date | None) -> None:
    version = drafted(cast, QUEUE)
    with pytest.raises(Refused, match="晚于今天"):
        drafts.submit(version, valid_from=day, note="", actor=cast.supervisor, now=NOW)


def test_what_was_submitted_in_time_and_decided_too_late_is_not_approved(cast: Cast) -> None:
    version = submitted(cast, QUEUE)
    late = NOW + (JULY - clock.day(NOW))
    with pytest.raises(Refused, match="生效日期已到"):
        drafts.approve(version, actor=cast.leader, now=late)
    drafts.refuse(version, reason="过期了，请改日期", actor=cast.leader, now=late)
    again = drafts.new_draft("32", actor=cast.supervisor, now=late, like=IndicatorSet.objects.get())
    assert [line["name"] for line in again.lines] == ["叫号屏看不清"]
    assert again.base == []


def test_a_version_that_changes_nothing_or_starts_before_the_last_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="没有可以提交的修订"):
        drafts.submit(drafted(cast), valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    drafts.drop(IndicatorSet.objects.get(), actor=cast.supervisor, now=NOW)
    in_force(cast, QUEUE)
    version = drafted(cast, Line("", "没有座位", 2))
    with pytest.raises(Refused, match="已有版本自 2026-07-01 起生效"):
        drafts.submit(version, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)


def test_a_page_of_a_city_below_must_hold_too(cast: Cast) -> None:
    province = replace(cast.supervisor, id="other")
    city = drafts.new_draft("3201", actor=cast.supervisor, now=NOW)
    for n in range(4):
        drafts.save_line(city, Line("", f"南京之{n}", 2), actor=cast.supervisor, now=NOW)
    drafts.submit(city, valid_from=JULY, note="", actor=cast.supervisor, now=NOW)
    drafts.approve(city, actor=province, now=NOW)
    version = drafted(cast, Line("", "全省之一", 2))
    with pytest.raises(Refused, match=r"下级地区 3201：不满意.*有 13 项"):
        drafts.submit(version, valid_from=date(2026, 8, 1), note="", actor=cast.supervisor, now=NOW)


def test_a_region_has_one_open_version_at_a_time(cast: Cast) -> None:
    drafted(cast, QUEUE)
    with pytest.raises(Refused, match="已有一个起草中或待审批的版本"):
        drafted(cast)


def test_what_is_submitted_is_not_edited_until_it_is_taken_back(cast: Cast) -> None:
    version = submitted(cast, QUEUE)
    with pytest.raises(Refused, match="状态已经变了"):
        drafts.save_line(version, Line("", "没有座位", 2), actor=cast.supervisor, now=NOW)
    drafts.take_back(version, actor=cast.supervisor, now=NOW)
    drafts.save_line(version, Line("", "没有座位", 2), actor=cast.supervisor, now=NOW)
    drafts.remove_line(version, "P2002", actor=cast.supervisor, now=NOW)
    assert [line["code"] for line in IndicatorSet.objects.get().lines] == ["P2001"]


def test_what_was_in_force_is_retired_and_not_removed_and_keeps_its_level(cast: Cast) -> None:
    in_force(cast, QUEUE)
    version = drafted(cast)
    with pytest.raises(Refused, match="只能停用"):
        drafts.remove_line(version, "P2001", actor=cast.supervisor, now=NOW)
    with pytest.raises(Refused, match="等级不能改"):
        drafts.save_line(version, Line("P2001", "叫号屏看不清", 1), actor=cast.supervisor, now=NOW)


def test_a_sheet_is_taken_whole_or_not_at_all(cast: Cast) -> None:
    version = drafted(cast)
    good = {"名称": "没有座位", "等级": "不满意", "维度": "服务", "渠道": "大厅评价器、自助终端"}
    with pytest.raises(Refused, match="第 3 行：等级“差”不认识"):
        drafts.import_lines(version, [good, {"名称": "没有水", "等级": "差"}], actor=cast.supervisor, now=NOW)
    assert IndicatorSet.objects.get().lines == []
    assert drafts.import_lines(version, [good], actor=cast.supervisor, now=NOW) == 1
    assert Line.of(IndicatorSet.objects.get().lines[0]) == Line("P2001", "没有座位", 2, "service", "", (4, 5))


def test_every_step_leaves_its_trace(cast: Cast) -> None:
    in_force(cast, QUEUE)
    trail = Audit.objects.filter(subject="32 第1版").order_by("id").values_list("action", "actor_name")
    assert list(trail) == [
        ("indicators_draft", "省督办"),
        ("indicators_edit", "省督办"),
        ("indicators_submit", "省督办"),
        ("indicators_approved", "领导"),
    ]


def test_the_preview_shows_the_page_of_that_day_before_it_is_approved(cast: Cast) -> None:
    version = submitted(cast, QUEUE, replace(QUEUE, name="送达太慢", aspect="delivery"))
    version.refresh_from_db()
    assert "叫号屏看不清" in {norm.name for norm in queries.preview(version, JULY, "service", 3)}
    assert "送达太慢" not in {norm.name for norm in queries.preview(version, JULY, "service", 3)}
    drafts.approve(version, actor=cast.leader, now=NOW)
    forget()
    for aspect in ASPECTS:
        then = [(norm.code, norm.name) for norm in queries.indicators("32", JULY, aspect, 3)]
        assert sorted(then) == sorted((n.code, n.name) for n in queries.preview(version, JULY, aspect, 3))


def test_coverage_says_what_pages_ask_about(cast: Cast) -> None:
    day = clock.day(NOW)
    assert queries.asks_about("320102", day, "delivery")
    assert queries.asks_about("320102", day, "service", "issue"), "a pack that names no points leaves none out"
    assert not Coverage(aspects=("service",), points=("issue",)).asks_about("service", "acceptance")
    assert not Coverage(aspects=("service", "item")).asks_about("delivery", "")
    assert queries.asks_about("99", day, "service")
    assert not queries.asks_about("99", day, "item"), "no pack, no more than the service"
