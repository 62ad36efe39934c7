"""What every channel of the probe stands on: the running system's address, hands to act with, services to rate."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from haochaping.channels.models import Link
from haochaping.channels.probe import region
from haochaping.channels.probe.browser import COMPUTER, Browser, Machine
from haochaping.channels.probe.rules import Asked, CannotGive
from haochaping.kit import clock, ids

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from datetime import datetime
    from uuid import UUID

    from haochaping.channels.probe.browser import Page
    from haochaping.channels.probe.region import Hands

KNOWN_WITHIN = 15  # seconds: other processes look at master data and keys every two
PAUSE = 0.3
PERSON = {"userName": "探针测试", "creditType": "111", "creditNum": "990101190001010010", "mobile": "19900000099"}
SAID = "渠道巡检：这是一条探针评价。"

T = TypeVar("T")


class Service(NamedTuple):
    """One service to be rated."""

    project_no: str
    id: UUID


@dataclass
class Ground:
    """One run. What it opens is closed with it."""

    url: str
    hands: Hands
    now: Callable[[], datetime] = clock.now
    closing: ExitStack = field(default_factory=ExitStack)
    made: int = 0

    def __post_init__(self) -> None:
        self.stamp = f"{self.now():%Y%m%d%H%M%S%f}"
        self.machine = self.open(Machine(self.url, self.hands.app_id, self.hands.secret, self.now))
        self.tags: dict[int, list[str]] = {}

    def open(self, what: AbstractContextManager[T]) -> T:
        return self.closing.enter_context(what)

    def visitor(self, agent: str = COMPUTER) -> Browser:
        """Somebody whose browser nobody knows yet."""
        return Browser(self.url, agent)

    def wait_until_known(self) -> None:
        """The web process has read the region, the key and the rules; `CannotGive` if it does not within seconds."""
        pause, what = Event(), ""
        for _ in range(int(KNOWN_WITHIN / PAUSE)):
            answer = self.machine.send("GET", "/api/v1/indicators")
            if answer.status_code == 200:
                for norm in answer.json():
                    if norm["usingStatus"]:
                        self.tags.setdefault(norm["starLevel"], []).append(norm["normCode"])
                what = self._serve("ready")[1]
                if not what:
                    return
                self.tags.clear()
            else:
                what = self.machine.told(answer)
            pause.wait(PAUSE)
        raise CannotGive(f"运行中的系统 {self.url} 没有认出测试区：{what}")

    def serve(self, **more: Any) -> Service:
        """A new service of the test region, finished a minute ago and pushed by the business system."""
        self.made += 1
        service, fault = self._serve(f"{self.made:04d}", **more)
        if fault:
            raise CannotGive(f"办件推送没有入库：{fault}")
        return service

    def _serve(self, name: str, **more: Any) -> tuple[Service, str]:
        at = clock.to_wire(self.now() - timedelta(minutes=1))
        project_no = f"TZ{self.stamp}-{name}"
        record = {
            "projectNo": project_no,
            "serviceNumber": 1,
            "taskCode": region.ITEM,
            "orgcode": region.ORGAN,
            "areaCode": region.COUNTY,
            "serviceTime": at,
            "acceptDate": at,
            "resultDate": at,
            "proStatus": 3,
            "proChannel": 2,
            "userProp": 1,
            "windowNo": region.WINDOW,
        }
        answer = self.machine.send("POST", "/api/v1/services", json.dumps(record | more).encode())
        service = Service(project_no, ids.event_id(project_no, 1))
        if answer.status_code != 200:
            return service, self.machine.told(answer)
        (result,) = answer.json()["results"]
        if result["status"] in {"created", "unchanged"}:
            return service, ""
        return service, f"{result['status']} {result['errors']}"

    def wire(self, service: Service, pf: int, asked: Asked) -> dict[str, Any]:
        """The rating as a business system sends it."""
        return {
            "projectNo": service.project_no,
            "serviceNumber": 1,
            "satisfaction": int(asked.level),
            "pf": pf,
            "evalDetail": "" if asked.is_bare else self.tag(asked),
            "assessTime": clock.to_wire(self.now()),
        }

    def tag(self, asked: Asked) -> str:
        """The code of an indicator of that level."""
        found = self.tags.get(int(asked.level))
        if not found:
            raise CannotGive(f"指标目录里没有“{asked.level.name_zh}”的可用指标")
        return found[0]


def fill(visitor: Browser, page: Page, asked: Asked, **more: str) -> Page:
    """Choose the level and, unless nothing is to be said, the first reason that the page offers for it; press the button.

    What the page then says: `CannotGive` where it is a refusal, or asks again.
    """
    form = page.form("level")
    typed = {"level": str(int(asked.level))} | more
    if not asked.is_bare:
        tags = form.choices.get(f"tags-{int(asked.level)}", [])
        if tags:
            typed[f"tags-{int(asked.level)}"] = tags[0]
        elif form.has("words"):
            typed["words"] = SAID
    answer = visitor.submit(page, form, typed)
    if answer.status >= 400 or any(again.has("level") for again in answer.forms):
        raise CannotGive(f"提交后没有收下（{answer.told}）")
    return answer


def event_behind(page: Page) -> UUID:
    """The service event whose page `/e/{token}` this is: of a visit or a comment, which had none before."""
    token = page.url.partition("/e/")[2].partition("?")[0]
    found = Link.objects.filter(digest=ids.token_digest(token)).values_list("event_id", flat=True).first()
    if not token or found is None:
        raise CannotGive(f"提交后没有到回执页（{page.told}）")
    return found


def thanked(page: Page) -> None:
    """`CannotGive` unless the page shows the receipt."""
    if "/r/HP" not in " ".join(page.links):
        raise CannotGive(f"提交后没有给回执（{page.told}）")
