"""Citizens before the door of `/my`, and what they find behind it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.test import Client

from haochaping.evaluation.models import ServiceEvent
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import blobs, clock
from haochaping.messaging.models import Message
from haochaping.rectification.commands import perform
from tests.cast import BAD, NOW, SUZHOU, SUZHOU_ITEM, Cast, wire_rating, wire_service

if TYPE_CHECKING:
    from django.http import HttpResponse

MINE, OTHER = "13800000001", "13800000002"
NAME, CARD = "赵试样", "320102190001010018"
FOUND = {"is_true": True, "is_reasonable": True, "cause": "attitude", "severity": "general", "findings": "属实"}
ANSWER = {"measures": "加开窗口", "reply": "已加开两个窗口。"}


def served(project_no: str = "NJ2026060001", number: int = 1, **more: Any) -> ServiceEvent:
    """A case of the citizen with the number MINE, unless it is said otherwise."""
    (outcome,) = admit_services([wire_service(project_no, number, **more)], source="test", now=NOW)
    return ServiceEvent.objects.get(id=outcome.id)


def served_in_suzhou(project_no: str = "SZ-0001", **more: Any) -> ServiceEvent:
    place = {"taskCode": SUZHOU_ITEM, "orgcode": SUZHOU, "areaCode": "320500000000", "windowNo": "SZ-A01"}
    return served(project_no, **(place | {"clerkNo": ""} | more))


def rated(event: ServiceEvent, **more: Any) -> None:
    """A bad rating of it, by somebody who left the number MINE, unless it is said otherwise."""
    wire = wire_rating(event.project_no, event.service_number, **(BAD | {"mobile": MINE} | more))
    (outcome,) = admit([read_evaluation(wire, source="page")], now=NOW)
    assert outcome.status == "created", outcome


def answered(event: ServiceEvent, cast: Cast, now: Any = NOW) -> None:
    """Its order went all the way to the callback."""
    perform(order_id=event.id, verb="sign", actor=cast.rectifier, facts={}, now=now)
    perform(order_id=event.id, verb="confirm", actor=cast.rectifier, facts=FOUND, now=now)
    perform(order_id=event.id, verb="submit", actor=cast.rectifier, facts=ANSWER, now=now)
    perform(order_id=event.id, verb="approve", actor=cast.supervisor, facts={}, now=now)


def sms() -> list[tuple[str, str]]:
    """Number and text of every message, oldest first."""
    rows = Message.objects.exclude(blob=b"").order_by("created_at", "id")
    opened = [blobs.unseal(bytes(row.blob), table="messaging_message", row=row.id) for row in rows]
    return [(each["mobile"], each["text"]) for each in opened]


def last_code(mobile: str = "") -> str:
    said = [words for number, words in sms() if number == (mobile or number) and "验证码" in words]
    found = re.search(r"验证码(\d{6})", said[-1])
    assert found
    return found[1]


def ask_for_code(client: Client, mobile: str = MINE) -> HttpResponse:
    return client.post("/my/login", {"mobile": mobile})


def logged_in(mobile: str = MINE, **more: Any) -> Client:
    """A browser in which the owner of that number has entered the code."""
    client = Client(**more)
    assert ask_for_code(client, mobile).status_code == 303
    answer = client.post("/my/code", {"code": last_code(mobile)})
    assert answer.status_code == 303, text(answer)
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def later(**more: Any) -> Any:
    """`with later(minutes=6):` the clock stands so much after ten."""
    return clock.held_at(NOW + timedelta(**more))
