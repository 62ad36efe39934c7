"""What those who work on a rating ask its rater through the platform, and what the rater answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from haochaping.messaging.models import Message
from haochaping.rectification.commands import perform
from haochaping.rectification.models import Move, RelayMessage
from tests.cast import NOW, Cast
from tests.my.stage import OTHER, logged_in, rated, served, text

if TYPE_CHECKING:
    from haochaping.evaluation.models import ServiceEvent

pytestmark = pytest.mark.django_db
ASKED, SAID = "请问是哪个窗口？", "是A01窗口，上午来的"


def asked(cast: Cast) -> ServiceEvent:
    event = served()
    rated(event)
    perform(order_id=event.id, verb="sign", actor=cast.rectifier, facts={}, now=NOW)
    perform(order_id=event.id, verb="relay", actor=cast.rectifier, facts={"text": ASKED}, now=NOW)
    return event


def at(event: ServiceEvent, act: str = "") -> str:
    return f"/my/services/{event.id}" + (f"/{act}" if act else "")


def test_i_read_a_message_answer_it_once_and_see_what_i_wrote(cast: Cast) -> None:
    event, client = asked(cast), logged_in()
    assert ASKED in text(client.get(at(event)))
    shown = text(client.get(at(event, "respond")))
    assert ASKED in shown
    assert "看不到您的姓名和电话" in shown
    assert client.post(at(event, "respond"), {"reason": " "}).status_code == 422
    assert client.post(at(event, "respond"), {"reason": SAID}).status_code == 303
    shown = text(client.get(at(event)))
    assert SAID in shown
    assert "回复留言" not in shown.partition("办理人员的留言")[2].partition("每一步")[0]
    assert client.post(at(event, "respond"), {"reason": "再说一句"}).status_code == 409
    move = Move.objects.get(order_id=event.id, verb="respond")
    assert (move.facts, move.by) == ({}, "citizen")


def test_a_stranger_reads_and_answers_nothing(cast: Cast) -> None:
    event = asked(cast)
    client = logged_in(OTHER)
    assert client.get(at(event)).status_code == 404
    assert client.post(at(event, "respond"), {"reason": SAID}).status_code == 404


def test_taking_my_words_back_erases_what_i_answered(cast: Cast) -> None:
    event = served()
    rated(event, writingEvaluation="")
    perform(order_id=event.id, verb="sign", actor=cast.rectifier, facts={}, now=NOW)
    perform(order_id=event.id, verb="relay", actor=cast.rectifier, facts={"text": ASKED}, now=NOW)
    client = logged_in()
    client.post(at(event, "respond"), {"reason": SAID})
    assert client.post(at(event, "withdraw-words")).status_code == 303
    assert list(RelayMessage.objects.order_by("n").values_list("text", flat=True)) == [ASKED, ""]
    assert "您已撤回这段话" in text(client.get(at(event)))


def test_taking_my_identity_back_stops_a_notice_that_has_not_gone(cast: Cast) -> None:
    event, client = asked(cast), logged_in()
    assert client.post(at(event, "withdraw-identity")).status_code == 303
    assert Message.objects.get(kind="notice").state == "suppressed"


def test_my_copy_has_the_exchange_and_my_deletion_erases_my_part_of_it(cast: Cast) -> None:
    event, client = asked(cast), logged_in()
    client.post(at(event, "respond"), {"reason": SAID})
    (case,) = json.loads(client.get("/my/data.json").content)["办件"]
    assert [(each["谁"], each["内容"]) for each in case["评价"]["差评工单"]["留言"]] == [
        ("承办单位", ASKED),
        ("您", SAID),
    ]
    assert client.get("/my/data.zip").status_code == 200
    assert client.post("/my/delete", {"understood": "1"}).status_code == 200
    assert not RelayMessage.objects.filter(text=SAID).exists()
