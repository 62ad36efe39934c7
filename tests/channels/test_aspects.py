"""The five aspects of the whole process 全过程, and the two collection points 受理/出件 as services of their own."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client

from haochaping.analytics.commands import rebuild_lake
from haochaping.analytics.queries import figures
from haochaping.channels.commands import make_link
from haochaping.directory.models import Window
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.invites import worth_asking
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.kit.clock import held_at
from haochaping.policy.commands import load_pack, read_pack
from haochaping.policy.models import Indicator
from haochaping.policy.rules import ASPECTS
from haochaping.rectification.models import Order
from tests.cast import BAD, NANJING, NANJING_ITEM, NOW, PROVINCE_OFFICE, Cast, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db
QUESTIONS = {
    "item": "您对这个事项的设置（条件、材料、流程）是否满意？",
    "platform": "您对这个网站或应用是否满意？",
    "service": "您对本次服务是否满意？",
    "licence": "您对少交证照、数据共享的情况是否满意？",
    "delivery": "您对办理结果的送达是否满意？",
}
CASE = "NJ2026060001"


@pytest.fixture(autouse=True)
def cast(settings: SettingsWrapper, tmp_path: Path) -> Cast:
    settings.LAKE = tmp_path / "lake"
    return settle()


def serve(number: int = 1, **more: Any) -> ServiceEvent:
    (outcome,) = admit_services([wire_service(CASE, number, **more)], source="test", now=NOW)
    return ServiceEvent.objects.get(id=outcome.id)


def rate(number: int = 1, **more: Any) -> Any:
    (outcome,) = admit([read_evaluation(wire_rating(CASE, number, **more), source="test", best_is_one=False)], now=NOW)
    return outcome


def address(event: ServiceEvent, pf: int = 3) -> str:
    return f"/e/{make_link(event.id, pf, timedelta(days=15), 'test', NOW)}"


def page_of(event: ServiceEvent, pf: int = 3) -> str:
    with held_at(NOW):
        return Client().get(address(event, pf)).content.decode()


def test_every_aspect_has_a_question() -> None:
    assert QUESTIONS.keys() == ASPECTS.keys()


@pytest.mark.parametrize("aspect", ASPECTS)
def test_each_aspect_is_taken_from_a_business_system_and_counted_as_itself(aspect: str) -> None:
    serve(aspect=aspect)
    assert rate(satisfaction=4, evalDetail="406").status == "created"
    rebuild_lake(now=NOW)
    day = clock.day(NOW)
    rows = figures(["services", "ratings"], ["aspect"], day, day, now=NOW).rows
    assert [(row.keys["aspect"], row["services"].value, row["ratings"].value) for row in rows] == [(aspect, 1, 1)]


@pytest.mark.parametrize("aspect", ASPECTS)
def test_each_aspect_is_rated_on_the_page_that_asks_about_it(aspect: str) -> None:
    event = serve(aspect=aspect)
    url = address(event)
    with held_at(NOW):
        page = Client().get(url).content.decode()
        assert QUESTIONS[aspect] in page
        assert [other for other in QUESTIONS if other != aspect and QUESTIONS[other] in page] == []
        assert Client().post(url, {"level": "5", "tags-5": ["510"]}).status_code == 303
    rating = Evaluation.objects.get(id=event.id)
    assert (rating.aspect, rating.level, rating.indicators) == (aspect, 5, ["510"])


def test_an_aspect_outside_the_coverage_of_the_place_is_not_asked_about_and_taken_all_the_same() -> None:
    pack = dict(read_pack("jiangsu"))
    pack["valid_from"] = clock.day(NOW)
    pack["coverage"] = {"aspects": ["service"], "points": ["acceptance"], "source": "founding-2"}
    load_pack(pack, "test", NOW)
    forget()
    services = [wire_service(CASE, 1), wire_service(CASE, 2, aspect="delivery"), wire_service(CASE, 3, point="issue")]
    admit_services(services, source="test", now=NOW)
    rows = [(True, row) for row in ServiceEvent.objects.order_by("service_number").values()]
    assert [id_ for id_, _, _ in worth_asking(rows, NOW)] == [rows[0][1]["id"]], "only the first is invited"
    for number in (2, 3):
        assert rate(number, satisfaction=4, evalDetail="406").status == "created"


def test_the_page_offers_what_belongs_to_its_aspect_and_channel_under_the_name_of_its_dimension() -> None:
    def local(code: str, name: str, **more: Any) -> None:
        row = {"level": 2, "is_core": False, "is_active": True, "region": "32", "valid_from": "2020-01-01"}
        Indicator.objects.create(code=code, name=name, set_name="t", **(row | more))

    local("P2001", "送达太慢", aspect="delivery")
    local("P2002", "叫号屏看不清", aspect="service", channels=[4, 5])
    local("P2003", "工作人员推诿", dimension="service")
    forget()
    service, delivery = serve(1), serve(2, aspect="delivery")
    for event, pf, offered in (
        (service, 3, {"工作人员推诿"}),
        (service, 4, {"工作人员推诿", "叫号屏看不清"}),
        (delivery, 4, {"工作人员推诿", "送达太慢"}),
    ):
        page = page_of(event, pf)
        assert {name for name in ("送达太慢", "叫号屏看不清", "工作人员推诿") if name in page} == offered
    bad = page_of(service).partition('<div class="tags t2">')[2].partition('<div class="tags t1">')[0]
    business, _, people = bad.partition("服务（态度、效率）")
    assert "业务（材料、流程、时限）" in business
    assert "没有提供材料样本" in business
    assert "服务态度生硬" in people
    assert "工作人员推诿" in people
    assert rate(satisfaction=2, evalDetail="P2001").status == "created", "the wire takes every active code of the level"


class TestPoints:
    """One case, two services: received at one window, handed out at another, by another organ."""

    @pytest.fixture
    def points(self) -> tuple[ServiceEvent, ServiceEvent]:
        Window.objects.filter(code="NJ-A02").update(organ=PROVINCE_OFFICE)
        forget()
        at = {"serviceTime": "2026-06-10 09:20:00"}
        elsewhere = {"windowNo": "NJ-A02", "clerkNo": "NJ-0002", "orgcode": PROVINCE_OFFICE, "taskCode": NANJING_ITEM}
        return serve(1, point="acceptance"), serve(2, point="issue", **at, **elsewhere)

    def test_each_page_names_its_point(self, points: tuple[ServiceEvent, ServiceEvent]) -> None:
        acceptance, issue = map(page_of, points)
        assert "请评价受理环节" in acceptance
        assert "请评价出件环节" in issue
        assert "受理环节" not in issue

    def test_a_bad_one_charges_its_own_window_clerk_and_organ_and_leaves_the_other_untouched(
        self, points: tuple[ServiceEvent, ServiceEvent]
    ) -> None:
        acceptance, issue = points
        outcome = rate(2, **(BAD | {"assessTime": "2026-06-10 09:30:00"}))
        order = Order.objects.get()
        assert order.id == issue.id == outcome.id
        assert (order.organ_code, order.window_code) == (PROVINCE_OFFICE, "NJ-A02")
        rated = Evaluation.objects.get(id=issue.id)
        assert (rated.organ_code, rated.window_code, rated.clerk_no) == (PROVINCE_OFFICE, "NJ-A02", "NJ-0002")
        assert not Evaluation.objects.filter(id=acceptance.id).exists()
        acceptance.refresh_from_db()
        assert (acceptance.organ_code, acceptance.window_code, acceptance.clerk_no) == (NANJING, "NJ-A01", "NJ-0001")
        assert "请评价受理环节" in page_of(acceptance), "it can still be rated"
        assert rate(1, satisfaction=5).status == "created"
        assert Order.objects.count() == 1

    def test_figures_tell_them_apart_by_point_window_and_organ(self, points: tuple[ServiceEvent, ServiceEvent]) -> None:
        rate(2, **(BAD | {"assessTime": "2026-06-10 09:30:00"}))
        rate(1, satisfaction=5)
        rebuild_lake(now=NOW)
        day = clock.day(NOW)

        def bad(by: str) -> dict[str, tuple[int, int | None]]:
            rows = figures(["bad_rate"], [by], day, day, now=NOW).rows
            return {row.keys[by]: (row["bad_rate"].numerator, row["bad_rate"].denominator) for row in rows}

        assert bad("point") == {"acceptance": (0, 1), "issue": (1, 1)}
        assert bad("window") == {"NJ-A01": (0, 1), "NJ-A02": (1, 1)}
        assert bad("organ") == {NANJING: (0, 1), PROVINCE_OFFICE: (1, 1)}

    def test_each_has_a_receipt_and_a_progress_of_its_own(self, points: tuple[ServiceEvent, ServiceEvent]) -> None:
        acceptance, issue = points
        rate(1, satisfaction=5)
        rate(2, **(BAD | {"assessTime": "2026-06-10 09:30:00"}))
        with held_at(NOW):
            good, bad = (Client().get(f"/r/{ids.receipt(event.id)}").content.decode() for event in (acceptance, issue))
        assert "评价已计入统计" in good
        assert Order.objects.get().order_no not in good
        assert Order.objects.get().order_no in bad
        assert ids.receipt(acceptance.id) != ids.receipt(issue.id)
