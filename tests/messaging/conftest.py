"""A stage: the queue on one side, the running fake gateway on the other, and one clock for both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.messaging import commands, sending
from haochaping.messaging.models import Message
from tests.cast import NOW
from tests.fakes.sms import SmsGateway

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOBILE = "13800000001"


@dataclass
class Clock:
    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Stage:
    gateway: SmsGateway
    clock: Clock

    def queue(self, key: str = "one", mobile: str = MOBILE, kind: str = "invitation", **more: Any) -> bool:
        text = more.pop("text", "【江苏政务服务】请对本次服务如实评价。")
        return commands.send(kind=kind, mobile=mobile, text=text, key=key, now=self.clock.now, **more)

    def send(self) -> int:
        """One pass of the job."""
        return sending.send_due(self.clock.now)

    def states(self) -> list[str]:
        return list(Message.objects.order_by("created_at", "id").values_list("state", flat=True))

    def one(self) -> Message:
        return Message.objects.get()

    def sms(self) -> int:
        """How many SMS left the gateway."""
        return sum(self.gateway.sent_ids.values())


def configure(monkeypatch: pytest.MonkeyPatch, fake: SmsGateway) -> None:
    for name, value in fake.access().items():
        monkeypatch.setenv(f"HCP_SMS_{name.upper()}", value)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fake(tmp_path: Path, clock: Clock) -> Iterator[SmsGateway]:
    with SmsGateway(tmp_path / "sms", clock=clock) as running:
        yield running


@pytest.fixture
def stage(db: None, fake: SmsGateway, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Stage:
    configure(monkeypatch, fake)
    return Stage(fake, clock)
