"""A stage: our own rooms on one side, the running fake platform on the other, and one clock for both."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.evaluation.records import read_evaluation
from haochaping.exchange import commands, target
from haochaping.exchange.models import Delivery
from haochaping.exchange.rules import Phase
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import ids
from haochaping.outbox.commands import tell
from haochaping.rectification.models import Order
from tests.cast import BAD, NOW, Cast, settle, wire_rating, wire_service
from tests.fakes.national import NationalPlatform

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Stage:
    platform: NationalPlatform
    clock: Clock
    cast: Cast
    totals: list[commands.Run] = field(default_factory=list)

    def serve(self, *project_nos: str, **more: Any) -> None:
        records = [wire_service(no, **more) for no in project_nos or ("NJ2026060001",)]
        assert {o.status for o in admit_services(records, source="test", now=self.clock.now)} <= {"created", "updated"}

    def rate(self, *project_nos: str, **more: Any) -> None:
        wires = [wire_rating(no, **more) for no in project_nos or ("NJ2026060001",)]
        outcomes = admit([read_evaluation(w, source="test") for w in wires], now=self.clock.now)
        assert {o.status for o in outcomes} == {"created"}

    def rate_badly(self, *project_nos: str, **more: Any) -> None:
        self.rate(*project_nos, **(BAD | more))

    def answer(self, project_no: str = "NJ2026060001", **facts: Any) -> None:
        """The order's unit has answered; `facts` are columns of the order."""
        order = Order.objects.get(id=ids.event_id(project_no, 1))
        given = {
            "reply": "已增开窗口并批评教育",
            "answered_at": self.clock.now,
            "replied_at": self.clock.now,
            "answer_kind": "submitted",
        } | facts
        Order.objects.filter(id=order.id).update(**given)
        tell([(order.id, "order", order.dispatch_day)], now=self.clock.now)

    def send(self) -> commands.Run:
        """One pass of the job."""
        while commands.collect(self.clock.now):
            pass
        return commands.send_due(self.clock.now)

    def send_all(self) -> None:
        """Passes until nothing is due."""
        while self.send().claimed:
            pass

    def states(self, project_no: str = "NJ2026060001") -> dict[str, str]:
        """Phase → state of its newest version."""
        rows = Delivery.objects.filter(event_id=ids.event_id(project_no, 1)).order_by("phase", "version")
        return {Phase(row.phase).key: row.state for row in rows}

    def delivery(self, phase: Phase, project_no: str = "NJ2026060001") -> Delivery:
        return Delivery.objects.filter(event_id=ids.event_id(project_no, 1), phase=phase).latest("version")

    def counts(self) -> tuple[int, int, int]:
        """How many services, ratings and rectifications the platform holds."""
        ledger = self.platform.ledger.summary()
        return tuple(ledger[kind]["count"] for kind in ("projectService", "evaluate", "rectify"))

    def held(self, kind: str, project_no: str = "NJ2026060001") -> dict[str, str]:
        """The newest record the platform holds of one case."""
        return self.platform.ledger.records(kind, project_no, 1)[-1]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def platform(tmp_path: Path, clock: Clock) -> Iterator[NationalPlatform]:
    with NationalPlatform(tmp_path / "national", clock=clock) as running:
        yield running


def configure(monkeypatch: pytest.MonkeyPatch, platform: NationalPlatform) -> None:
    for name, value in platform.access().items():
        monkeypatch.setenv(f"HCP_NATIONAL_{name.upper()}", value)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A target that waits one second for an answer instead of fifteen."""
    shipped = Path(target.__file__).parent / "targets" / "national.toml"
    text = shipped.read_text(encoding="utf-8").replace("total_seconds = 15", "total_seconds = 1")
    (tmp_path / "impatient.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("HCP_NATIONAL_TARGET", str(tmp_path / "impatient.toml"))


@pytest.fixture
def stage(db: None, platform: NationalPlatform, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    configure(monkeypatch, platform)
    return Stage(platform, clock, settle())
