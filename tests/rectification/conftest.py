"""A cast, a bad rating that came in by the front door, and a short way to walk its order along."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.accounts.rules import SYSTEM, Actor, citizen
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit.clock import CHINA
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Order
from haochaping.rectification.workflow import BY_SOURCE_AND_VERB, Part, State
from tests.cast import BAD, NOW, SUZHOU, Cast, forget, settle, wire_rating, wire_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

REAL_NAME = {"name": "钱真名", "certKey": "320102190001019999", "mobile": "13911112222"}
FACTS: dict[str, Any] = {
    "reason": "情况说明",
    "reason_code": "not_ours",
    "organ": SUZHOU,
    "way": "hotline",
    "is_true": "true",
    "is_reasonable": "true",
    "cause": "attitude",
    "severity": "general",
    "findings": "窗口排队两小时属实",
    "basis": "条例第三条",
    "kind": "untrue",
    "evidence": "监控录像",
    "ruling": "经复核认定",
    "measures": "增开窗口",
    "reply": "已增开两个窗口，向您致歉",
    "until": "2026-06-20",
    "result": "satisfied",
    "text": "请抓紧",
}


def at(text: str) -> datetime:
    """`06-10 10:00` of 2026 in China."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=CHINA)


@dataclass
class Stage:
    """One order and the people around it. `now` moves on a minute with every move."""

    cast: Cast
    order: Order
    now: datetime = NOW
    actors: dict[Part, Actor] = field(default_factory=dict)

    def walk(self, verbs: str, **more: Any) -> Order:
        """Make these moves, each by the first who may, with ordinary facts; `more` says otherwise for all of them."""
        for verb in verbs.split():
            by = BY_SOURCE_AND_VERB[State(self.order.state), verb].by[0]
            self.do(verb, self.actors[by], **more)
        return self.order

    def do(self, verb: str, actor: Actor, **more: Any) -> Order:
        self.now += timedelta(minutes=1)
        contact = {"result": "已沟通"} if verb == "contact" else {}
        facts = FACTS | contact | more
        self.order = perform(order_id=self.order.id, verb=verb, actor=actor, facts=facts, now=self.now)
        self.order.refresh_from_db()
        return self.order

    def fresh(self) -> Order:
        self.order.refresh_from_db()
        return self.order


def rate_badly(project_no: str = "NJ2026060001", now: datetime = NOW, **more: Any) -> Order:
    admit_services([wire_service(project_no)], source="test", now=now)
    wire = wire_rating(project_no, **(BAD | more))
    (outcome,) = admit([read_evaluation(wire, source="test")], now=now)
    assert outcome.status == "created", outcome.refused
    return Order.objects.get(id=outcome.id)


def stage_for(cast: Cast, order: Order, now: datetime = NOW) -> Stage:
    actors = {
        Part.HANDLER: cast.rectifier,
        Part.ARBITER: cast.supervisor,
        Part.SUPERVISOR: cast.city,
        Part.REVIEWER: cast.reviewer,
        Part.OPERATOR: cast.operator,
        Part.CITIZEN: citizen(order.id),
        Part.SYSTEM: SYSTEM,
    }
    return Stage(cast, order, now, actors)


@pytest.fixture
def cast(db: None, settings: SettingsWrapper) -> Iterator[Cast]:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    yield settle()
    forget()


@pytest.fixture
def stage(cast: Cast) -> Stage:
    """A real-name rating of level 1, sealed: its order waits to be signed."""
    return stage_for(cast, rate_badly(**REAL_NAME))


@pytest.fixture
def anonymous(cast: Cast) -> Stage:
    """An anonymous one that no lot drew for a callback."""
    order = rate_badly()
    Order.objects.filter(id=order.id).update(sampled=False)
    order.refresh_from_db()
    return stage_for(cast, order)
