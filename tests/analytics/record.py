"""Rows of PostgreSQL as admission leaves them, reduced to what figures ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from haochaping.evaluation.models import Evaluation, Lapse, Ruling, ServiceEvent
from haochaping.outbox.commands import tell
from haochaping.rectification.models import Move, Order
from tests.analytics.lake_rows import day, noon

if TYPE_CHECKING:
    from datetime import date, datetime

AS_SERVED = {
    "task_code": "11320102000000000A4000105001000",
    "item_name": "不动产转移登记",
    "organ_code": "11320102000000000A",
    "organ_name": "玄武区自然资源局",
    "organ_path": "/11320000000000000A/11320102000000000A/",
    "area": "320102000000",
    "area_path": "320102",
    "hall_code": "H1",
    "window_code": "W1",
    "clerk_no": "320100-0817",
}


def event(number: int, on: str = "11-02", **more: Any) -> UUID:
    """The n-th service event, of noon that day ("11-02"); told to the lake."""
    id_ = uuid5(UUID(int=0), str(number))
    served = AS_SERVED | more
    ServiceEvent.objects.create(
        id=id_,
        project_no=f"CANARY-CASE-{number}",
        service_number=1,
        service_time=noon(on),
        service_day=day(on),
        pro_status=3,
        source="test",
        digest=b"",
        received_at=noon(on),
        closes_at=noon(on) + timedelta(days=7),
        **served,
    )
    hear(id_, "service", day(on), noon(on))
    return id_


def rating(id_: UUID, level: int, on: str = "11-02", *, assurance: str = "anonymous", **more: Any) -> None:
    Evaluation.objects.create(
        id=id_,
        level=level,
        pf=4,
        assess_time=noon(on),
        rated_day=day(on),
        assurance=assurance,
        device_id="CANARY-DEVICE",
        source="test",
        digest=b"",
        received_at=noon(on),
        row_sm3=b"",
        **(AS_SERVED | more),
    )
    hear(id_, "evaluation", ServiceEvent.objects.get(id=id_).service_day, noon(on))


def lapse(id_: UUID, level: int, on: str) -> None:
    Lapse.objects.create(id=id_, level=level, lapsed_at=noon(on), lapse_day=day(on), **AS_SERVED)
    hear(id_, "lapse", ServiceEvent.objects.get(id=id_).service_day, noon(on))


def ruling(id_: UUID, n: int, *, excludes: bool) -> None:
    Ruling.objects.create(event_id=id_, n=n, excludes=excludes, kind="untrue", reason="…", by="…", at=noon("11-10"))
    hear(id_, "ruling", ServiceEvent.objects.get(id=id_).service_day, noon("11-10"))


def order(id_: UUID, on: str, due: str, *moves: tuple[str, str, dict[str, Any]], **more: Any) -> None:
    """An order with its moves (verb, target, facts)."""
    rated = Evaluation.objects.get(id=id_)
    Order.objects.create(
        id=id_,
        order_no=f"CP-{id_.hex[:12]}",
        level=rated.level,
        service_day=rated.rated_day,
        rated_day=rated.rated_day,
        opened_at=noon(on),
        dispatched_at=noon(on),
        step_since=noon(on),
        dispatch_day=day(on),
        answer_due=noon(due),
        **{name: AS_SERVED[name] for name in AS_SERVED if name not in {"hall_code", "clerk_no"}},
        **{"state": "dispatched", **more},
    )
    for n, (verb, target, facts) in enumerate(moves, 1):
        Move.objects.create(
            order_id=id_, n=n, verb=verb, source="", target=target, by="", actor_kind="person", actor_id="1",
            actor_name="CANARY-NAME", facts=facts, at=noon(on),
        )  # fmt: skip
    hear(id_, "order", day(on), noon(on))


def hear(id_: UUID, kind: str, on: date, at: datetime) -> None:
    tell([(id_, kind, on)], now=at, topics=("lake",))
