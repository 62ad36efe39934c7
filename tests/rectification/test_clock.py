"""The working days change while orders are open: a typhoon, a festival, and a notice that is taken back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from haochaping.outbox.models import Note
from haochaping.policy.commands import Day, drop_local_days, load_local_days
from haochaping.rectification.commands import advance
from haochaping.rectification.models import Move, Order, OrderPart
from tests.cast import PROVINCE_OFFICE, SUZHOU, Cast
from tests.rectification.conftest import REAL_NAME, Stage, at, rate_badly, stage_for

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_django import DjangoAssertNumQueries

THURSDAY = date(2026, 6, 11)  # the day after the orders are opened


def typhoon(*days: date, region: str = "32", works: bool = False) -> None:
    load_local_days(region, [Day(day, is_workday=works, name="台风") for day in days or (THURSDAY,)], "省防指通知")


def limits(order: Order) -> tuple[datetime | None, ...]:
    order.refresh_from_db()
    return order.answer_due, order.step_due, order.contact_due


def notes(order: Order) -> list[str]:
    return [note.facts["text"] for note in Move.objects.filter(order_id=order.id, verb="note").order_by("n")]


def test_a_typhoon_tomorrow_moves_every_open_limit_by_a_day_and_leaves_ended_ones_alone(cast: Cast) -> None:
    waiting, signed, ended = (stage_for(cast, rate_badly(f"NJ{n}", **REAL_NAME)) for n in range(3))
    signed.walk("sign")
    ended.walk("sign appeal uphold")
    before = limits(ended.order), ended.order.archive_due
    assert limits(waiting.order) == (at("06-18 00:00"), at("06-12 00:00"), None)
    assert limits(signed.order) == (at("06-18 00:00"), at("06-13 00:00"), at("06-12 00:00"))
    Note.objects.all().delete()
    typhoon()
    assert advance(at("06-10 15:00"))["reckon"] == 2
    assert limits(waiting.order) == (at("06-19 00:00"), at("06-13 00:00"), None)
    assert limits(signed.order) == (at("06-19 00:00"), at("06-16 00:00"), at("06-13 00:00"))
    assert (limits(ended.order), ended.order.archive_due) == before
    assert notes(waiting.order) == [
        "工作日安排变更：答复期限由2026-06-17改为2026-06-18，本步期限由2026-06-11改为2026-06-12。"
    ]
    assert notes(signed.order)[0].endswith("联系期限由2026-06-11改为2026-06-12。")
    assert notes(ended.order) == []
    told = set(Note.objects.values_list("key", "topic"))
    assert told == {(stage.order.id, topic) for stage in (waiting, signed) for topic in ("lake", "national")}
    assert set(advance(at("06-10 15:01")).values()) == {0}, "twice does nothing"


def test_a_typhoon_that_passes_by_puts_the_limits_back_with_another_line(stage: Stage) -> None:
    before = limits(stage.order)
    typhoon()
    advance(at("06-10 15:00"))
    drop_local_days("32", [THURSDAY])
    advance(at("06-10 19:00"))
    assert limits(stage.order) == before
    assert notes(stage.order)[1].startswith("工作日安排变更：答复期限由2026-06-18改为2026-06-17")


def test_another_places_typhoon_concerns_nobody_here_and_costs_no_look_at_each(
    stage: Stage, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    before = limits(stage.order)
    typhoon(region="3205")
    with django_assert_max_num_queries(16):
        assert set(advance(at("06-10 15:00")).values()) == {0}
    assert (limits(stage.order), notes(stage.order)) == (before, [])
    with django_assert_max_num_queries(13):
        advance(at("06-10 15:01"))


def test_a_day_after_every_limit_moves_none(stage: Stage) -> None:
    before = limits(stage.order)
    typhoon(date(2026, 6, 25))
    assert advance(at("06-10 15:00"))["reckon"] == 0
    assert (limits(stage.order), notes(stage.order)) == (before, [])


def test_who_takes_the_order_over_has_the_days_of_the_place_that_was_rated(stage: Stage) -> None:
    stage.walk("sign appeal", kind="not_ours")
    stage.walk("uphold")
    stage.do("assign", stage.cast.supervisor)
    before = limits(stage.order)
    assert stage.order.area_path == "3205"
    typhoon(region="3205")
    assert advance(at("06-10 15:00"))["reckon"] == 0
    typhoon(region="3201")
    assert advance(at("06-10 15:01"))["reckon"] == 1
    assert limits(stage.order)[0] == at("06-19 00:00") != before[0]


def test_an_approved_extension_keeps_its_working_days_and_never_loses_its_day(stage: Stage) -> None:
    stage.walk("sign confirm request_extension grant_extension", until="2026-06-19")
    assert limits(stage.order)[:2] == (at("06-20 00:00"), at("06-20 00:00"))
    typhoon()
    advance(at("06-10 15:00"))
    assert limits(stage.order)[:2] == (at("06-23 00:00"), at("06-23 00:00")), "端午 and a weekend stand between"
    typhoon(date(2026, 6, 13), works=True)  # a Saturday that is worked for it
    typhoon(works=True)
    advance(at("06-10 16:00"))
    assert limits(stage.order)[:2] == (at("06-20 00:00"), at("06-20 00:00")), "what was approved holds"


def test_co_units_have_their_day_more_too_and_the_line_says_so(stage: Stage) -> None:
    stage.do("join", stage.cast.supervisor, co_organs=[SUZHOU])
    (part,) = OrderPart.objects.filter(order_id=stage.order.id)
    assert part.due == at("06-18 00:00")
    typhoon()
    advance(at("06-10 15:00"))
    part.refresh_from_db()
    assert part.due == at("06-19 00:00")
    assert "苏州市市场监督管理局协办期限由2026-06-17改为2026-06-18" in notes(stage.order)[0]


def test_a_share_that_was_put_off_with_its_lead_keeps_those_working_days(stage: Stage) -> None:
    stage.walk("sign confirm")
    stage.do("join", stage.cast.supervisor, co_organs=[SUZHOU])
    stage.walk("request_extension grant_extension", until="2026-06-19")
    assert OrderPart.objects.get().due == at("06-20 00:00")
    typhoon()
    advance(at("06-10 15:00"))
    assert OrderPart.objects.get().due == at("06-23 00:00")


def test_a_share_that_is_handed_in_stays_as_it_was(stage: Stage) -> None:
    stage.do("join", stage.cast.supervisor, co_organs=[SUZHOU])
    OrderPart.objects.update(done_at=stage.now, organ_path=f"/{PROVINCE_OFFICE}/{SUZHOU}/")
    typhoon()
    advance(at("06-10 15:00"))
    assert OrderPart.objects.get().due == at("06-18 00:00")


def test_who_was_late_only_by_a_day_off_is_late_no_more_and_goes_up_later(stage: Stage) -> None:
    stage.walk("sign contact")
    advance(at("06-13 00:00"))
    assert stage.fresh().overdue_since == at("06-13 00:00")
    typhoon(date(2026, 6, 12))
    advance(at("06-13 09:00"))
    assert (stage.fresh().overdue_since, stage.order.next_escalation) == (None, None)
    advance(at("06-16 00:00"))
    assert (stage.fresh().overdue_since, stage.order.next_escalation) == (at("06-16 00:00"), at("06-17 00:00"))
    typhoon(date(2026, 6, 16))
    advance(at("06-16 09:00"))
    assert stage.fresh().next_escalation == at("06-18 00:00")


@pytest.mark.parametrize("moves", [1, 2])
def test_many_changes_before_the_worker_runs_again_leave_one_line(stage: Stage, moves: int) -> None:
    for n in range(moves):
        typhoon(date(2026, 6, 11 + n))
    advance(at("06-10 15:00"))
    assert len(notes(stage.order)) == 1
    assert stage.order.calendar_seen < Order.objects.get(pk=stage.order.pk).calendar_seen
