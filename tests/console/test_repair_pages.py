"""异常数据 and 批次 in the console: what they show, what they never show, who may do what."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.accounts.models import Audit
from haochaping.accounts.queries import app_info
from haochaping.channels.door import _admit_chunk
from haochaping.console import faults
from haochaping.evaluation import batches
from haochaping.evaluation.models import BatchMark, Evaluation, Parked, Rejected, Ruling
from haochaping.flow.services import admit_services
from haochaping.kit.clock import held_at
from tests.cast import BAD, NANJING_ITEM, NOW, wire_rating, wire_service
from tests.console.stage import Forms, form, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client

    from tests.cast import Cast

pytestmark = pytest.mark.django_db
PERSON = {"name": "钱密探", "certKey": "320102197703074419", "mobile": "13912345678"}
WORDS = "密语一句，骂了人"
LIST, BATCHES = "/console/repair/", "/console/batches/"


@pytest.fixture(autouse=True)
def later(cast: Cast) -> Iterator[None]:
    with held_at(NOW + timedelta(hours=1)):
        yield


@pytest.fixture
def batch(cast: Cast) -> str:
    """Nanjing's app pushed five: one good, one bad, one with a retired indicator, one that waits, one unreadable."""
    admit_services([wire_service(f"NJ-{n}") for n in range(3)], source=cast.app_id, now=NOW)
    app = app_info(cast.app_id)
    assert app is not None
    number = batches.open_batch(lane="batch", source=app.app_id, name=app.name, now=NOW, place=("3201", "", ""))
    lines: list[Any] = [
        wire_rating("NJ-0"),
        wire_rating("NJ-1", **BAD),
        wire_rating("NJ-2", satisfaction=5, evalDetail="501,510", writingEvaluation=WORDS, **PERSON),
        wire_rating("NJ-LATER"),
        "不是记录",
    ]
    _admit_chunk(lines, 0, number, app, NOW)
    return number


def retired() -> Rejected:
    return Rejected.objects.get(reason="indicator_retired")


def url(row: Rejected | Parked, verb: str = "") -> str:
    place = "kept" if isinstance(row, Rejected) else "waiting"
    return f"{LIST}{place}/{row.kind}/{row.id}/{verb}"


def test_the_list_says_why_whence_and_since_when(as_: Callable[[str], Client], batch: str) -> None:
    said = text(as_("city").get(LIST).content.decode())
    for words in (
        "被退回 2",
        "等待中 1",
        "勾选的指标已经停用",
        "南京一体化平台",
        "接口批量",
        "2026-06-10 10:00",
        "不到一天",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?tab=rejected&reason=indicator_retired", "1"), ("?tab=rejected&reason=nothing", "0"), ("?tab=waiting", "1"),
        ("?tab=rejected&lane=batch", "2"), ("?tab=rejected&lane=device", "0"), ("?tab=rejected&age=1", "0"),
        ("?tab=fixed", "0"), ("?tab=rejected&batch=PC20990101-0000000000", "0"), ("?tab=rejected&source=x%00y", "0"),
    ],
)  # fmt: skip
def test_it_is_narrowed_and_its_sheet_has_the_same_rows(
    as_: Callable[[str], Client], batch: str, query: str, count: str
) -> None:
    client = as_("supervisor")
    assert client.get(LIST + query).status_code == 200
    sheet = client.post(f"{LIST}export{query}")
    body = sheet.content.decode("utf-8-sig")
    assert (sheet["X-Row-Count"], len(body.splitlines()) - 1) == (count, int(count))
    assert not [secret for secret in (*PERSON.values(), WORDS, "NJ-2") if secret in body]
    assert Audit.objects.get().facts["rows"] == int(count)


def test_whoever_repairs_sees_no_person_no_level_and_no_words(as_: Callable[[str], Client], batch: str) -> None:
    page = as_("supervisor").get(url(retired())).content.decode()
    assert not [secret for secret in (*PERSON.values(), WORDS) if secret in page]
    said = text(page)
    for words in (
        "钱*探",
        "139****5678",
        "不显示：修复时不看好坏",
        "有文字，不显示",
        "NJ-2",
        "去掉第 1 项",
        "食品经营许可",
    ):
        assert words in said
    assert not [telling for telling in ("非常满意”", "501", "510") if telling in said], "an indicator tells the level"
    again = as_("supervisor").post(url(retired(), "retry"), follow=True).content.decode()
    assert "还不能入库" in again
    assert "501" not in text(again)
    assert {"satisfaction", "assessTime", "writingEvaluation"}.isdisjoint(form(page, "fix")["values"])


def test_dropping_the_retired_indicator_takes_the_rating_in(as_: Callable[[str], Client], batch: str) -> None:
    row = retired()
    answer = as_("city").post(url(row, "fix"), {"drop_evalDetail": "1"}, follow=True)
    assert "已入库" in text(answer.content.decode())
    assert Evaluation.objects.get(id=row.event_id).indicators == ["510"]
    assert Evaluation.objects.get(id=row.event_id).batch == batch


def test_a_lawful_no_stands_on_the_records_own_page_and_keeps_what_was_typed(
    as_: Callable[[str], Client], batch: str
) -> None:
    client, row = as_("city"), Parked.objects.get(kind="evaluation")
    answer = client.post(url(row, "fix"), {"projectNo": "NJ-NOWHERE", "serviceNumber": "1"})
    assert answer.status_code == 422
    assert "没有这个办件编号和服务次数的办件服务" in text(answer.content.decode())
    assert 'value="NJ-NOWHERE"' in answer.content.decode()
    assert (Parked.objects.count(), Rejected.objects.count()) == (1, 2), "it waits on as before"
    assert client.post(url(row, "retry")).status_code == 409


def test_a_waiting_rating_is_moved_to_the_right_case(as_: Callable[[str], Client], cast: Cast, batch: str) -> None:
    admit_services([wire_service("NJ-RIGHT")], source=cast.app_id, now=NOW)
    row = Parked.objects.get(kind="evaluation")
    answer = as_("city").post(url(row, "fix"), {"projectNo": "NJ-RIGHT", "serviceNumber": "1"}, follow=True)
    said = text(answer.content.decode())
    assert "已入库" in said
    assert "原来是：NJ-LATER" in said
    assert Evaluation.objects.filter(batch=batch).count() == 3


def test_a_waiting_service_with_a_wrong_item_is_mended(as_: Callable[[str], Client], cast: Cast) -> None:
    wrong = NANJING_ITEM[:-1] + "9"
    admit_services([wire_service("NJ-W", taskCode=wrong)], source=cast.app_id, now=NOW)
    client, row = as_("city"), Parked.objects.get()
    assert wrong in text(client.get(f"{LIST}?tab=waiting").content.decode())
    page = client.get(url(row)).content.decode()
    assert "13800000001" not in page
    filled = form(page, "fix")["values"] | {"taskCode": NANJING_ITEM}
    client.post(url(row, "fix"), {name: value or "" for name, value in filled.items()})
    assert (Parked.objects.count(), Rejected.objects.get().state) == (0, "fixed")


def test_discard_and_bring_back_want_a_reason(as_: Callable[[str], Client], batch: str) -> None:
    client, row = as_("city"), retired()
    assert client.post(url(row, "discard"), {"reason": ""}).status_code == 422
    client.post(url(row, "discard"), {"reason": "联调时的测试数据"})
    row.refresh_from_db()
    assert (row.state, row.settled_because) == ("discarded", "联调时的测试数据")
    page = client.get(url(row)).content.decode()
    assert [each["action"].rsplit("/", 1)[1] for each in Forms(page).found if "/repair/" in (each["action"] or "")] == [
        "bring_back"
    ]
    client.post(url(row, "bring_back"), {"reason": "弄错了一条"})
    row.refresh_from_db()
    assert row.state == "open"


def test_a_rating_that_came_late_is_accepted_only_by_a_supervisor_who_checked(
    as_: Callable[[str], Client], cast: Cast
) -> None:
    admit_services([wire_service("NJ-L")], source=cast.app_id, now=NOW)
    app, after = app_info(cast.app_id), NOW + timedelta(days=40)
    assert app is not None
    number = batches.open_batch(lane="batch", source=app.app_id, name="", now=after, place=("3201", "", ""))
    (told,) = _admit_chunk([wire_rating("NJ-L")], 0, number, app, after)
    assert told["status"] == "conflict", "to its sender the window is closed, as before"
    row = Rejected.objects.get()
    with held_at(after):
        city, supervisor = as_("city"), as_("supervisor")
        assert "裁定计入 督办" not in text(city.get(url(row)).content.decode())
        assert city.post(url(row, "accept"), {"reason": "离线日志可证", "checked": "1"}).status_code == 403
        assert "裁定计入 督办" in text(supervisor.get(url(row)).content.decode())
        assert supervisor.post(url(row, "accept"), {"reason": "离线日志可证"}).status_code == 422
        supervisor.post(url(row, "accept"), {"reason": "离线日志可证", "checked": "1"})
    assert (Evaluation.objects.count(), Ruling.objects.get().kind) == (1, "late")


def test_all_of_a_list_are_tried_with_progress(
    as_: Callable[[str], Client], batch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from haochaping.flow import repair

    monkeypatch.setattr(repair, "RETRY_MOST", 1)
    client = as_("supervisor")
    first = client.post(f"{LIST}retry?tab=rejected")
    assert "已重试 1 / 2 条，其中 0 条入库" in text(first.content.decode())
    onward = form(first.content.decode(), "retry?tab=rejected")["values"]
    done = client.post(f"{LIST}retry?tab=rejected", onward, follow=True)
    assert "已全部重试：0 条入库，2 条仍需处理" in text(done.content.decode())
    assert not Rejected.objects.filter(tried_at=None).exists()


def test_the_system_administrator_sees_numbers_only(as_: Callable[[str], Client], batch: str) -> None:
    client = as_("admin")
    said = text(client.get(LIST).content.decode())
    assert "勾选的指标已经停用 1" in said
    assert "南京一体化平台" not in said
    assert client.get(url(retired())).status_code == 403
    assert client.post(f"{LIST}export").status_code == 403
    assert "异常数据待处理" in text(client.get("/console/").content.decode())


@pytest.mark.parametrize("username", ["foreign_city"])
def test_another_citys_are_not_there(as_: Callable[[str], Client], batch: str, username: str) -> None:
    client, row = as_(username), retired()
    assert "没有待处理的数据" in text(client.get(LIST + "?tab=rejected").content.decode())
    assert client.post(f"{LIST}export?tab=rejected")["X-Row-Count"] == "0"
    for verb in ("", "fix", "retry", "discard", "accept"):
        answer = client.post(url(row, verb), {"reason": "随便看看吧"}) if verb else client.get(url(row))
        assert answer.status_code == 404
    assert batch not in client.get(BATCHES).content.decode()
    assert client.get(f"{BATCHES}{batch}/").status_code == 404
    assert client.post(f"{BATCHES}{batch}/mark", {"voids": "1", "reason": "随便看看吧"}).status_code == 404


def test_the_workbench_counts_what_is_open_and_how_old(as_: Callable[[str], Client], batch: str) -> None:
    with held_at(NOW + timedelta(days=4)):
        said = text(as_("supervisor").get("/console/").content.decode())
    assert "2 异常数据待处理 2条超过3天" in said
    assert "1 评价等待办件信息 1条超过3天" in said


class TestBatches:
    def test_the_list_and_each_line_say_what_came_of_it(self, as_: Callable[[str], Client], batch: str) -> None:
        client = as_("city")
        assert "入库 2 等待 1 退回 2" in text(client.get(BATCHES).content.decode()).replace("\u3000", " ")
        said = text(client.get(f"{BATCHES}{batch}/").content.decode())
        for words in ("南京一体化平台", "勾选的指标已经停用", "仍在等待", "NJ-0 第1次"):
            assert words in said
        only = text(client.get(f"{BATCHES}{batch}/?status=parked").content.decode())
        assert "仍在等待" in only
        assert "NJ-0 第1次" not in only

    def test_a_city_office_looks_and_does_not_mark(self, as_: Callable[[str], Client], batch: str) -> None:
        client = as_("city")
        assert "标记整批无效" not in text(client.get(f"{BATCHES}{batch}/").content.decode())
        answer = client.post(f"{BATCHES}{batch}/mark", {"voids": "1", "reason": "联调数据误推", "confirmed": "1"})
        assert (answer.status_code, BatchMark.objects.count()) == (403, 0)

    def test_a_supervisor_is_asked_twice_then_it_is_void_then_back(
        self, as_: Callable[[str], Client], batch: str
    ) -> None:
        client, address = as_("supervisor"), f"{BATCHES}{batch}/mark"
        assert client.post(address, {"voids": "1", "reason": ""}).status_code == 422
        asked = client.post(address, {"voids": "1", "reason": "联调数据误推到正式环境"})
        assert "最多 3 条评价不再计入任何统计" in text(asked.content.decode())
        assert not BatchMark.objects.exists()
        sent = form(asked.content.decode(), "mark")["values"] | {"confirmed": "1"}
        said = text(client.post(address, sent, follow=True).content.decode())
        assert "2 条评价已不计入统计" in said
        assert said.count("不计入统计") > 2
        assert client.post(address, sent).status_code == 409
        back = client.post(address, {"voids": "0", "reason": "核实后数据有效", "confirmed": "1"}, follow=True)
        assert "2 条评价已恢复计入统计" in text(back.content.decode())
        assert Ruling.objects.count() == 4

    def test_a_mark_that_is_under_way_shows_how_far_and_goes_on(
        self, as_: Callable[[str], Client], cast: Cast, batch: str
    ) -> None:
        client = as_("supervisor")
        batches.mark(batch, voids=True, reason="联调数据误推", actor=cast.supervisor, now=NOW)
        assert "已处理 0 / 5 条" in text(client.get(f"{BATCHES}{batch}/").content.decode())
        client.post(f"{BATCHES}{batch}/continue")
        assert BatchMark.objects.get().finished_at is not None


def test_nobody_who_works_here_reads_the_names_of_the_wire():
    assert faults.in_words("assessTime 晚于当前时间，请核对设备时钟。") == "评价时间 晚于当前时间，请核对设备时钟。"
    assert faults.in_words("satisfaction 应为 1 至 5 的整数。") == "评价等级 应为 1 至 5 的整数。"
