"""Who is asked by SMS, when, how often, in which words; the gateway is the running fake."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from haochaping.channels import jobs
from haochaping.channels.invitations import commands as invitations
from haochaping.channels.invitations.rules import reminder_at, text
from haochaping.channels.models import Invitation, Link
from haochaping.evaluation.models import Evaluation
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.kit.workdays import Calendar
from haochaping.messaging import commands as messaging
from haochaping.messaging import sending
from haochaping.messaging.models import Message
from haochaping.outbox.models import Note
from haochaping.policy import commands as packs
from haochaping.policy import queries as policy
from haochaping.policy import rules
from tests.cast import NOW, settle, wire_rating, wire_service
from tests.fakes.sms import SmsGateway
from tests.messaging.conftest import MOBILE, configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.django_db


@dataclass
class Town:
    """Nanjing, its worker, and the telephones of those who were served."""

    gateway: SmsGateway
    now: datetime = NOW

    def serve(self, project_no: str = "NJ2026060001", number: int = 1, **more: Any) -> None:
        at = clock.to_wire(self.now - timedelta(minutes=30))
        wire = wire_service(project_no, number, serviceTime=at, acceptDate=at, resultDate=at, **more)
        (outcome,) = admit_services([wire], source="test", now=self.now)
        assert outcome.status in {"created", "updated", "unchanged"}

    def rate(self, project_no: str = "NJ2026060001") -> None:
        wire = wire_rating(project_no, assessTime=clock.to_wire(self.now))
        (outcome,) = admit([read_evaluation(wire, source="test")], now=self.now)
        assert outcome.status == "created"

    def work(self, **later: float) -> list[str]:
        """The worker's minute, so much later; the texts that left meanwhile."""
        self.now += timedelta(**later)
        before = len(self.gateway.messages)
        invitations.drop_rated(self.now)
        while invitations.collect(self.now) or invitations.ask_due(self.now):
            pass
        while sending.send_due(self.now):
            pass
        return [taken.text for taken in list(self.gateway.messages.values())[before:]]

    def at(self, wire: str) -> list[str]:
        return self.work(seconds=(clock.parse_wire(wire) - self.now).total_seconds())

    def outcome(self, project_no: str = "NJ2026060001") -> str:
        return Invitation.objects.get(event_id=ids.event_id(project_no, 1)).outcome


@pytest.fixture
def town(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    settle()
    holder: list[Town] = []
    with SmsGateway(tmp_path / "sms", clock=lambda: holder[0].now) as gateway:
        configure(monkeypatch, gateway)
        holder.append(Town(gateway))
        yield holder[0]


def repack(monkeypatch, **more):
    """The pack of Jiangsu with these lines of [invitation]."""
    table = packs.read_pack("jiangsu")
    table["invitation"] = table["invitation"] | more
    policy_now = rules.parse(table)
    monkeypatch.setattr("haochaping.channels.invitations.commands.policy_at", lambda *_: policy_now)
    monkeypatch.setattr("haochaping.flow.invites.policy_at", lambda *_: policy_now)


def test_somebody_who_was_served_is_asked_an_hour_later_and_not_before(town):
    town.serve()
    assert town.work() == town.work(minutes=59) == []
    (text_,) = town.work(minutes=1)
    assert text_.startswith("【江苏政务服务】您6月10日办理“食品经营许可（新办）”已办结")
    assert text_.endswith("（6月17日24点前有效）。不想再收到请回复TD")
    assert len(text_) <= 140
    assert next(iter(town.gateway.messages.values())).to == MOBILE


def test_the_words_are_neutral(town):
    town.serve()
    (text_,) = town.work(hours=1)
    assert not re.search("好评|满分|五星|支持|非常满意|奖", text_)


def test_one_reminder_two_working_days_later_at_the_same_hour_and_then_nothing(town):
    town.serve()
    assert len(town.work(hours=1)) == 1
    assert town.at("2026-06-12 10:59:00") == []
    (text_,) = town.at("2026-06-12 11:00:00")
    assert "提醒：" in text_
    assert [town.work(days=1) for _ in range(10)] == [[]] * 10
    assert town.outcome() == "asked"
    assert sum(town.gateway.sent_ids.values()) == 2


def test_the_reminder_counts_working_days(town):
    ask = policy.policy_at("3201", NOW.date()).invitation
    friday = clock.parse_wire("2026-06-12 11:00:00")
    then = reminder_at(friday, ask.reminder.term, ask, Calendar())
    assert clock.to_wire(then) == "2026-06-16 11:00:00"


def test_who_has_rated_is_neither_asked_nor_reminded(town):
    town.serve("A")
    town.serve("B")
    town.rate("A")
    assert len(town.work(hours=1)) == 1
    town.rate("B")
    assert town.work(days=3) == []
    assert (town.outcome("A"), town.outcome("B")) == ("rated", "rated")


def test_a_rating_that_comes_while_the_message_waits_takes_it_back(town):
    town.gateway.mode = "busy"
    town.serve()
    assert town.work(hours=1) == []
    town.rate()
    town.gateway.mode = "accept"
    assert town.work(minutes=10) == []
    assert Message.objects.get().state == "suppressed"


def test_nobody_is_asked_at_night(town):
    town.now = clock.parse_wire("2026-06-10 20:30:00")
    town.serve()
    assert town.at("2026-06-10 21:30:00") == []
    assert town.at("2026-06-11 07:59:00") == []
    assert len(town.at("2026-06-11 08:00:00")) == 1


def test_what_became_due_in_the_day_but_was_not_sent_before_the_night_waits_too(town):
    town.serve()
    town.gateway.mode = "busy"
    town.at("2026-06-10 20:58:00")
    town.gateway.mode = "accept"
    assert town.at("2026-06-10 23:00:00") == []
    assert len(town.at("2026-06-11 08:00:00")) == 1


def test_nobody_is_asked_once_the_window_has_closed(town):
    town.serve()
    town.work()
    assert town.at("2026-06-18 09:00:00") == []
    assert town.outcome() == "closed"


def test_a_record_that_lay_about_for_days_asks_nobody(town):
    town.serve()
    assert town.at("2026-06-15 09:00:00") == []
    assert not Invitation.objects.exists()


def test_the_window_counts_working_days_over_a_holiday(town):
    """2026-06-19 is 端午: five working days after the 16th end on the 24th."""
    town.now = clock.parse_wire("2026-06-16 10:00:00")
    town.serve()
    (text_,) = town.work(hours=1)
    assert "6月24日24点前有效" in text_


def test_a_number_that_said_stop_is_left_alone_between_invitation_and_reminder_too(town):
    town.serve("A")
    town.work(hours=1)
    messaging.stop_texting(MOBILE, by="短信回复", now=town.now)
    town.serve("B")
    assert town.work(days=3) == []
    assert (town.outcome("A"), town.outcome("B")) == ("stopped", "stopped")


def test_three_messages_a_day_to_one_number_the_fourth_the_next_morning(town):
    for name in "ABCD":
        town.serve(name)
    assert len(town.work(hours=1)) == 3
    assert town.at("2026-06-10 20:00:00") == []
    assert len(town.at("2026-06-11 08:00:00")) == 1


def test_acceptance_and_issue_are_asked_about_apart_each_with_its_own_link(town):
    town.serve(number=1, point="acceptance", proStatus=2)
    town.serve(number=2, point="issue", proStatus=3)
    texts = town.work(hours=1)
    assert ["已受理" in t for t in texts].count(True) == 1
    assert ["已办结" in t for t in texts].count(True) == 1
    assert Link.objects.values("event_id").distinct().count() == 2


def test_a_service_event_is_never_asked_about_twice_whatever_its_record_says_later(town):
    town.serve(proStatus=2)
    town.work(hours=1)
    town.serve(proStatus=3, serviceName="补正")
    assert town.work(hours=2) == []
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("more", [
    {"mobile": ""}, {"mobile": "025-84567890"}, {"proStatus": 1},
])  # fmt: skip
def test_who_has_no_mobile_number_or_was_not_served_yet_is_not_asked(town, more):
    town.serve(**more)
    assert town.work(hours=2) == []


def test_a_probe_and_history_leave_no_note(town):
    admit_services([wire_service("P")], source="probe", now=town.now, is_probe=True)
    admit_services([wire_service("OLD", serviceTime="2026-05-01 09:00:00", acceptDate="2026-05-01 09:00:00",
                                 resultDate="2026-05-01 09:00:00")], source="test", now=town.now)  # fmt: skip
    assert not Note.objects.filter(topic="invite").exists()


@pytest.mark.parametrize("more", [{"enabled": False}, {"after": ["acceptance"]}])
def test_where_the_policy_does_not_invite_nothing_is_noted(town, monkeypatch, more):
    repack(monkeypatch, **more)
    town.serve()
    assert not Note.objects.filter(topic="invite").exists()
    assert town.work(hours=2) == []


def test_a_policy_without_a_reminder_sends_none(town, monkeypatch):
    repack(monkeypatch, reminder=None)
    town.serve()
    assert len(town.work(hours=1)) == 1
    assert town.work(days=4) == []
    assert town.outcome() == "asked"


def test_one_statement_notes_a_whole_batch(town, django_assert_max_num_queries):
    records = [wire_service(f"S{n}") for n in range(200)]
    with django_assert_max_num_queries(25):
        admit_services(records, source="test", now=town.now)
    assert Note.objects.filter(topic="invite").count() == 200


def test_a_short_link_has_thirteen_characters_opens_in_any_case_and_counts_as_sms(town, client):
    town.serve()
    (text_,) = town.work(hours=1)
    (token,) = re.findall(r"/e/(\w+) ", text_)
    assert re.fullmatch(f"[{ids.CROCKFORD}]{{13}}", token)
    typed = token.lower().replace("0", "o").replace("1", "l")
    with clock.held_at(town.now):
        page = client.get(f"/e/{typed}")
        assert page.status_code == 200
        answer = client.post(f"/e/{typed}", {"level": "5"})
    assert answer.status_code == 303
    assert Evaluation.objects.get().pf == 7


def test_thousands_of_short_tokens_are_all_different():
    made = {ids.new_short_token() for _ in range(5000)}
    assert len(made) == 5000
    assert {c for token in made for c in token} == set(ids.CROCKFORD)


def test_whoever_guesses_short_links_is_stopped_before_anything_is_looked_up(town, client, monkeypatch):
    from haochaping.channels import pages
    from haochaping.channels.rules import Misses

    monkeypatch.setattr(pages, "misses", Misses())
    with clock.held_at(town.now):
        codes = [client.get(f"/e/{ids.new_short_token()}", REMOTE_ADDR="192.0.2.7").status_code for _ in range(40)]
    assert codes[:30] == [404] * 30
    assert set(codes[30:]) == {429}


def test_the_gateway_away_leaves_the_intake_alone_and_the_messages_waiting(town):
    town.gateway.mode = "dropped"
    for name in "ABC":
        town.serve(name)
    assert town.work(hours=1) == []
    town.serve("D")
    town.rate("D")
    assert {m.state for m in Message.objects.all()} == {"unknown"}
    town.gateway.mode = "accept"
    assert len(town.work(minutes=10)) == 3


def test_the_link_ends_with_the_window(town):
    town.serve()
    town.work(hours=1)
    link = Link.objects.get()
    assert clock.to_wire(link.expires_at) == "2026-06-18 00:00:00"


def test_a_long_name_is_cut():
    ask = rules.parse(packs.read_pack("shenzhen")).invitation
    words = text(ask, day=NOW, item="很长的事项名称" * 20, is_issue=False, closes=NOW + timedelta(days=5), url="https://hcp.example.cn/e/0123456789ABC", again=True)  # fmt: skip
    assert len(words) <= 140
    assert "…" in words


def test_the_job_does_all_of_it(town, monkeypatch):
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)
    town.serve()
    for hours in (0, 1):
        with clock.held_at(town.now + timedelta(hours=hours)):
            jobs.invite(0)
    assert Message.objects.get().kind == "invitation"
