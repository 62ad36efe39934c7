"""典型问题 and 优秀案例 through the console: every step by whom it belongs to, before and after by the one dictionary."""

from __future__ import annotations

import io
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook

from haochaping.accounts.models import Audit, Grant, Person
from haochaping.accounts.rules import Role, Scope
from haochaping.analytics.problems import commands, effects, finding, queries
from haochaping.analytics.problems.drafts import Draft
from haochaping.analytics.problems.models import ExcellentCase, Problem, ProblemMeasure
from haochaping.analytics.problems.rules import State
from haochaping.analytics.queries import figures
from haochaping.kit.clock import held_at
from tests.analytics.lake_rows import fill, service
from tests.cast import NANJING, NANJING_ITEM, NOW, PROVINCE_OFFICE, SUZHOU_ITEM, _person
from tests.console.stage import bad_order, form, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from tests.cast import Cast

    Browser = Callable[[str], Client]

pytestmark = pytest.mark.django_db
HOME = "/console/analysis/problems/"
TODAY = date(2026, 6, 10)
SINCE = TODAY - timedelta(days=20)  # the measure's day: twenty full days are over
TYPED = {"title": "上午排队久", "description": "上午只开一个窗口。", "items": NANJING_ITEM, "due": "2026-07-10"}
OTHER_ITEM = f"{NANJING}3320101002000"
WHERE = {"area_path": "320102", "organ_code": NANJING, "organ_path": f"/{PROVINCE_OFFICE}/{NANJING}/"}


def rated(days: range, bad: int, of: int, item: str = NANJING_ITEM, **more: Any) -> list[dict[str, Any]]:
    """So many ratings a day, that many days ago."""
    lines = []
    for back in days:
        on = f"{TODAY - timedelta(days=back):%m-%d}"
        lines += [service(on, 1 if n < bad else 5, item=item, **WHERE, **more) for n in range(of)]
    return lines


@pytest.fixture
def helped() -> None:
    """Ten ratings a day: three bad ones before the measure, one every day from it on at first none."""
    fill(rated(range(21, 60), 3, 10) + rated(range(20), 0, 10))


@pytest.fixture
def clock_held() -> Any:
    with held_at(NOW):
        yield


@pytest.fixture
def judge(cast: Cast) -> str:
    """A second person of the city's office."""
    _person("city2", "南京主管二", Role.CITY, Scope("3201"), NOW)
    return "city2"


def make(cast: Cast, **more: Any) -> Problem:
    draft = Draft(
        **{"title": "上午排队久", "description": "上午只开一个窗口。", "items": [NANJING_ITEM], "due": "2026-07-10"}
        | more
    )
    return commands.register(draft, actor=cast.city, now=NOW - timedelta(days=30))


def measured(cast: Cast, since: date = SINCE) -> Problem:
    problem = make(cast)
    given = {"text": "加开两个窗口", "in_force": f"{since}"}
    return commands.act(problem.pk, "measure", given, actor=cast.rectifier, now=NOW - timedelta(days=20))


def press(client: Client, pk: int, verb: str, where: str = HOME, **given: str) -> Any:
    return client.post(f"{where}{pk}/{verb}", given | {"confirmed": "1"})


@pytest.mark.usefixtures("helped", "clock_held")
def test_a_problem_goes_from_its_form_to_its_verdict_and_is_counted(as_: Browser, cast: Cast, judge: str) -> None:
    city, unit = as_("city"), as_("rectifier")
    answer = city.post(f"{HOME}new", TYPED | {"start": "2026-05-01", "end": "2026-05-20", "causes": "efficiency"})
    problem = Problem.objects.get()
    assert answer.url == f"{HOME}{problem.pk}/"
    assert (problem.year, problem.n, problem.state) == (2026, 1, "rectifying")
    assert [unit.organ_code for unit in queries.units_of([problem])[problem.pk]] == [NANJING]
    checked = unit.post(f"{HOME}{problem.pk}/measure", {"text": "加开窗口", "in_force": f"{SINCE}"}).content.decode()
    assert "请核对：登记措施" in checked
    assert not ProblemMeasure.objects.exists(), "nothing is done before it is confirmed"
    press(unit, problem.pk, "measure", text="加开窗口", in_force=f"{SINCE}")
    page = text(city.get(f"{HOME}{problem.pk}/").content.decode())
    assert "按数据建议认定： 已解决" in page
    press(as_(judge), problem.pk, "judge", verdict="effective", reason="差评已回落")
    problem.refresh_from_db()
    assert (problem.state, problem.verdict, problem.verdict_by) == ("solved", "effective", "南京主管二")
    assert problem.judged["before"] == [60, 200]
    listed = text(city.get(HOME).content.decode())
    assert "整改完成率 100% 1 ÷ 1 个" in listed
    assert "30.00% → 0%" in listed
    assert set(Audit.objects.values_list("action", flat=True)) >= {
        "problem_register",
        "problem_measure",
        "problem_judge",
    }


@pytest.mark.usefixtures("helped", "clock_held")
def test_before_and_after_are_what_the_dictionary_says(cast: Cast) -> None:
    problem = measured(cast)
    found = effects.effect(effects.around(problem), now=NOW)
    together = effects.effects([effects.around(problem), None], now=NOW)[0]
    assert found.windows is not None
    assert found.before is not None
    assert found.after is not None
    assert found.windows.days == 20
    for one, many, days in (
        (found.before, together.before, found.windows.before),
        (found.after, together.after, found.windows.after),
    ):
        told = figures(("bad_rate",), (), *days, {"item": [NANJING_ITEM]}, now=NOW).total["bad_rate"]
        assert one == told
        assert many is not None
        assert (many.numerator, many.denominator, many.text) == (told.numerator, told.denominator, told.text)


@pytest.mark.usefixtures("helped", "clock_held")
def test_who_answers_for_it_or_reported_a_measure_does_not_judge(as_: Browser, cast: Cast, judge: str) -> None:
    problem = make(cast)
    press(as_("city"), problem.pk, "measure", text="代单位登记", in_force=f"{SINCE}")
    answer = press(as_("city"), problem.pk, "judge", verdict="effective", reason="好了")
    assert (answer.status_code, "请换一位同事办理" in answer.content.decode()) == (403, True)
    Grant.objects.create(
        person=Person.objects.get(username=judge), role=Role.HANDLER, organ=f"/{PROVINCE_OFFICE}/{NANJING}/"
    )
    assert press(as_(judge), problem.pk, "judge", verdict="effective", reason="好了").status_code == 403
    assert press(as_("rectifier"), problem.pk, "judge", verdict="effective", reason="好了").status_code == 403
    assert press(as_("supervisor"), problem.pk, "judge", verdict="none", reason="看工单仍有反映").status_code == 302
    problem.refresh_from_db()
    assert (problem.state, problem.verdict, problem.solved_at) == ("rectifying", "none", None)


@pytest.mark.usefixtures("helped", "clock_held")
def test_nothing_is_judged_before_a_fortnight_is_over(as_: Browser, cast: Cast, judge: str) -> None:
    problem = measured(cast, TODAY - timedelta(days=13))
    answer = press(as_(judge), problem.pk, "judge", verdict="effective", reason="好了")
    assert (answer.status_code, "满 14 天后" in answer.content.decode()) == (409, True)


@pytest.mark.usefixtures("clock_held")
def test_what_was_typed_stays_beside_what_is_wrong_with_it(as_: Browser, cast: Cast) -> None:
    city = as_("city")
    wrong = TYPED | {"title": "", "items": "没有的事项", "due": "2026-01-01", "orders": "CP-NONE"}
    answer = city.post(f"{HOME}new", wrong)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "您的管辖范围内没有名称含“没有的事项”的事项" in page
    answer = city.post(f"{HOME}new", wrong | {"items": SUZHOU_ITEM})
    assert "没有名称含" in answer.content.decode(), "another city's item is none"
    page = city.post(f"{HOME}new", wrong | {"items": NANJING_ITEM}).content.decode()
    for message in ("请填写“问题名称”", "不能早于今天", "没有编号为 CP-NONE 的工单"):
        assert message in page
    assert (
        form(page, "")["values"]["description"] == TYPED["description"]
        if 'action=""' in page
        else TYPED["description"] in page
    )
    assert not Problem.objects.exists()
    problem = make(cast)
    page = press(as_("rectifier"), problem.pk, "measure", text="加开窗口", in_force="2020-01-01").content.decode()
    assert "应在一年以内" in page
    assert "加开窗口</textarea>" in page


@pytest.mark.usefixtures("clock_held")
def test_a_name_stands_for_every_item_that_bears_it_and_its_owner_leads(as_: Browser, cast: Cast) -> None:
    as_("supervisor").post(f"{HOME}new", TYPED | {"items": "食品经营许可（新办）"})
    problem = Problem.objects.get()
    assert set(problem.items) == {NANJING_ITEM, SUZHOU_ITEM}
    assert [unit.is_lead for unit in queries.units_of([problem])[problem.pk]] == [True, False]


@pytest.mark.usefixtures("clock_held")
def test_who_sees_which_problem(as_: Browser, cast: Cast) -> None:
    ours = make(cast)
    proposed = Problem.objects.create(
        area_path="3201", title="待立项", description="…", state=State.PROPOSED, made_by="系统", made_at=NOW
    )
    for username, pk, status in (
        ("supervisor", ours.pk, 200), ("leader", ours.pk, 200), ("analyst", ours.pk, 200), ("observer", ours.pk, 200),
        ("rectifier", ours.pk, 200), ("foreign_city", ours.pk, 404), ("foreign_rectifier", ours.pk, 404),
        ("clerk", ours.pk, 403), ("operator", ours.pk, 403), ("city", proposed.pk, 200), ("leader", proposed.pk, 404),
        ("rectifier", proposed.pk, 404), ("observer", proposed.pk, 404),
    ):  # fmt: skip
        assert as_(username).get(f"{HOME}{pk}/").status_code == status, username
    for username in ("leader", "analyst", "observer"):
        page = as_(username).get(f"{HOME}{ours.pk}/").content.decode()
        assert "下一步：核对" not in page, "they only read"
        assert press(as_(username), ours.pk, "measure", text="…", in_force=f"{SINCE}").status_code == 403


@pytest.mark.usefixtures("clock_held")
def test_a_problem_that_somebody_else_changed_is_not_overwritten(as_: Browser, cast: Cast) -> None:
    problem, city = make(cast), as_("city")
    page = city.get(f"{HOME}{problem.pk}/edit").content.decode()
    seen = f'name="seen" value="{problem.revision}"'
    assert seen in page
    assert (
        city.post(f"{HOME}{problem.pk}/edit", TYPED | {"title": "排队很久", "seen": problem.revision}).status_code
        == 302
    )
    late = city.post(f"{HOME}{problem.pk}/edit", TYPED | {"title": "别的", "seen": problem.revision})
    assert (late.status_code, "刚刚由别人改过" in late.content.decode()) == (409, True)
    problem.refresh_from_db()
    assert problem.title == "排队很久"
    assert "修改了 问题名称" in text(city.get(f"{HOME}{problem.pk}/").content.decode())


@pytest.mark.usefixtures("clock_held")
def test_the_orders_behind_a_problem_are_shown_as_far_as_one_sees_them(as_: Browser, cast: Cast) -> None:
    order = bad_order(day="2026-06-09", evalDetail="115")
    other = bad_order("NJ-OTHER", day="2026-06-09", evalDetail="114")
    days = {"start": "2026-06-01", "end": "2026-06-10"}
    sliced, named = make(cast, indicators=["115"], **days), make(cast, orders=[other.order_no])
    page = as_("rectifier").get(f"{HOME}{sliced.pk}/").content.decode()
    assert (order.order_no in page, other.order_no in page) == (True, False)
    page = as_("rectifier").get(f"{HOME}{named.pk}/").content.decode()
    assert (order.order_no in page, other.order_no in page) == (False, True)


@pytest.mark.usefixtures("helped", "clock_held")
def test_the_public_reads_what_was_released_and_no_figure_of_few(as_: Browser, cast: Cast) -> None:
    problem, city = measured(cast), as_("city")
    assert queries.published_problems(now=NOW, k=5) == []
    told = {"public_title": "排队久", "public_text": "上午排队久。", "public_reply": "已加开窗口。"}
    answer = press(city, problem.pk, "publish", **told | {"public_reply": "请打 13812345678 找王科长"})
    assert (answer.status_code, "公开前请删去" in answer.content.decode()) == (422, True)
    checked = city.post(f"{HOME}{problem.pk}/publish", told).content.decode()
    assert "任何人都能在公众页看到" in checked
    assert queries.published_problems(now=NOW, k=5) == []
    press(city, problem.pk, "publish", **told)
    (public,) = queries.published_problems("3201", now=NOW, k=5)
    assert (public.title, public.reply, public.verdict, public.measures_since) == (
        "排队久",
        "已加开窗口。",
        "整改中",
        (SINCE,),
    )
    assert public.items == ((NANJING_ITEM, "食品经营许可（新办）"),)
    assert public.before is not None
    assert public.before.text == "30.00%"
    (few,) = queries.published_problems("3201", now=NOW, k=100)
    assert few.before is not None
    assert (few.before.text, few.words) == ("少于100", "")
    press(city, problem.pk, "withdraw", reason="更正")
    assert queries.published_problems(now=NOW, k=5) == []
    assert queries.published_problems("3205", now=NOW, k=5) == []


@pytest.mark.usefixtures("clock_held")
def test_what_the_data_find_is_proposed_once_and_taken_up_merged_or_dismissed(as_: Browser, cast: Cast) -> None:
    fill(
        rated(range(1, 20), 1, 4, indicators=["115"])
        + rated(range(1, 20), 0, 30, item=OTHER_ITEM)
        + rated(range(1, 20), 1, 4, item=SUZHOU_ITEM, indicators=["115"])  # stands in Nanjing's lake: a second item
    )
    assert finding.propose_problems(now=NOW) == 1
    assert finding.propose_problems(now=NOW) == 0, "not twice"
    found = Problem.objects.get()
    assert (found.state, found.rule, found.area_path, found.indicators) == ("proposed", "3201:115", "3201", ["115"])
    assert set(found.items) == {NANJING_ITEM, SUZHOU_ITEM}
    city = as_("city")
    page = text(city.get(f"{HOME}?state=proposed").content.decode())
    assert "不少于5条差评点了同一指标" in page
    assert "涉及事项 0 项" in page, "what is only proposed is not counted"
    assert press(city, found.pk, "accept", due="2026-07-10").status_code == 302
    found.refresh_from_db()
    assert (found.state, found.n) == ("rectifying", 1)
    twin = Problem.objects.create(
        area_path="3201",
        title="同一问题",
        description="…",
        items=[OTHER_ITEM],
        state=State.PROPOSED,
        made_by="系统",
        made_at=NOW,
    )
    assert press(city, twin.pk, "merge", into=str(twin.pk), reason="同一问题").status_code == 422, "not into itself"
    assert press(city, twin.pk, "merge", into=str(found.pk), reason="同一问题").status_code == 302
    twin.refresh_from_db(), found.refresh_from_db()
    assert (twin.state, twin.merged_into, OTHER_ITEM in found.items) == ("merged", found.pk, True)
    third = Problem.objects.create(
        area_path="3201", title="偶发", description="…", state=State.PROPOSED, made_by="系统", made_at=NOW
    )
    assert press(city, third.pk, "dismiss").status_code == 422, "not without a reason"
    press(city, third.pk, "dismiss", reason="系统升级当天的偶发问题")
    third.refresh_from_db()
    assert third.state == "dismissed"


@pytest.mark.usefixtures("helped", "clock_held")
def test_a_solved_problem_that_is_bad_again_is_reopened(as_: Browser, cast: Cast, judge: str) -> None:
    problem = measured(cast)
    press(as_(judge), problem.pk, "judge", verdict="effective", reason="差评已回落")
    later = NOW + timedelta(days=40)
    assert finding.watch_solved(now=NOW + timedelta(days=10)) == 0, "its days would be judged twice"
    assert finding.watch_solved(now=later) == 0, "nobody rated: nothing to say"
    fill(rated(range(21, 60), 3, 10) + rated(range(20), 0, 10) + rated(range(-40, -9), 3, 10))
    assert finding.watch_solved(now=later) == 1
    problem.refresh_from_db()
    assert (problem.state, problem.reopened, problem.due, problem.first_in_force) == ("rectifying", 1, None, None)
    page = text(as_("city").get(f"{HOME}{problem.pk}/").content.decode())
    assert "成效反弹，重新整改" in page
    assert "还没有登记措施" in page


@pytest.mark.usefixtures("helped", "clock_held")
def test_the_ledger_leaves_as_a_sheet_with_every_line_of_it(as_: Browser, cast: Cast) -> None:
    problem = measured(cast)
    make(cast, title="=cmd()")
    answer = as_("city").post(f"{HOME}export")
    assert answer["X-Row-Count"] == "2"
    rows = list(load_workbook(io.BytesIO(answer.content)).active.iter_rows(values_only=True))
    line = dict(zip(rows[0], rows[1], strict=True))
    assert (line["问题名称"], line["措施前差评率"], line["措施前差评"]) == (problem.title, "30.00%", "60")
    assert rows[2][1] == "'=cmd()"
    assert Audit.objects.filter(action="export", subject="problems").exists()
    assert as_("foreign_city").post(f"{HOME}export")["X-Row-Count"] == "0"


@pytest.mark.usefixtures("helped", "clock_held")
def test_every_measure_is_listed_with_what_it_did_and_an_item_has_its_curve(as_: Browser, cast: Cast) -> None:
    measured(cast)
    page = as_("leader").get("/console/analysis/effects/").content.decode()
    assert "30.00%" in page
    assert "明显好转" in page
    page = as_("leader").get(f"/console/analysis/effects/?item={NANJING_ITEM}&unit=month").content.decode()
    assert f'data-mark="措施1（{SINCE:%m-%d}）"' in page
    row = figures(("bad_rate",), ("month",), date(2026, 5, 1), TODAY, {"item": [NANJING_ITEM]}, now=NOW).rows[0]
    assert row["bad_rate"].text in page
    assert "没有名叫" in as_("foreign_city").get(f"/console/analysis/effects/?item={NANJING_ITEM}").content.decode()


CASE = {
    "organ": NANJING,
    "title": "上午不再排队",
    "background": "上午排队久。",
    "practice": "加开窗口。",
    "effect": "差评降了。",
}


@pytest.mark.usefixtures("clock_held")
def test_a_case_is_nominated_returned_rewritten_accepted_published_and_withdrawn(as_: Browser, cast: Cast) -> None:
    where = "/console/analysis/cases/"
    unit, city = as_("rectifier"), as_("city")
    wrong = unit.post(f"{where}new", CASE | {"practice": "请找王科长 13812345678"})
    assert (wrong.status_code, "公开前请删去" in wrong.content.decode()) == (422, True)
    unit.post(f"{where}new", CASE)
    case = ExcellentCase.objects.get()
    assert press(unit, case.pk, "accept", where, reason="好").status_code == 403
    assert press(city, case.pk, "return", where).status_code == 422, "not without a reason"
    press(city, case.pk, "return", where, reason="请补充数据")
    assert (
        unit.post(f"{where}{case.pk}/edit", CASE | {"effect": "差评率由 30% 降到 0。", "seen": "3"}).status_code == 302
    )
    press(unit, case.pk, "resubmit", where)
    press(city, case.pk, "accept", where, reason="可推广")
    assert queries.published_cases() == []
    assert "任何人都能在公众页看到" in city.post(f"{where}{case.pk}/publish").content.decode()
    press(city, case.pk, "publish", where)
    (public,) = queries.published_cases("3201")
    assert (public.title, public.effect, public.organ) == (
        "上午不再排队",
        "差评率由 30% 降到 0。",
        "南京市市场监督管理局",
    )
    assert as_("foreign_city").get(f"{where}{case.pk}/").status_code == 200, "what is published is for everybody"
    assert press(as_("foreign_city"), case.pk, "withdraw", where, reason="…").status_code == 403
    press(city, case.pk, "withdraw", where, reason="更正")
    assert queries.published_cases() == []
    assert as_("foreign_city").get(f"{where}{case.pk}/").status_code == 404


@pytest.mark.usefixtures("helped", "clock_held")
def test_a_case_takes_up_what_a_solved_problem_says_and_only_a_solved_one(as_: Browser, cast: Cast, judge: str) -> None:
    problem, unit = measured(cast), as_("rectifier")
    given = CASE | {"problem": str(problem.pk)}
    assert "只能选您看得到的、已解决的典型问题" in unit.post("/console/analysis/cases/new", given).content.decode()
    press(as_(judge), problem.pk, "judge", verdict="effective", reason="差评已回落")
    page = unit.get(f"/console/analysis/cases/new?problem={problem.pk}").content.decode()
    assert "加开两个窗口" in page
    assert unit.post("/console/analysis/cases/new", given).status_code == 302
    assert ExcellentCase.objects.get().problem_id == problem.pk
    reviewer = as_("city")  # of the office that keeps the ledger, and not of the unit
    case = ExcellentCase.objects.get()
    assert press(reviewer, case.pk, "accept", "/console/analysis/cases/", reason="好").status_code == 302


@pytest.mark.usefixtures("clock_held")
def test_nobody_reviews_what_they_nominated_themselves(as_: Browser, cast: Cast) -> None:
    city = as_("city")
    city.post("/console/analysis/cases/new", CASE)
    case = ExcellentCase.objects.get()
    assert press(city, case.pk, "accept", "/console/analysis/cases/", reason="好").status_code == 403
    assert press(as_("supervisor"), case.pk, "accept", "/console/analysis/cases/", reason="好").status_code == 302
