"""The doorbell: a finished service rings at its window, all lines of a process hear it, a stopped device's line ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from time import monotonic

import pytest
from django.test import Client

from haochaping.accounts.rules import SYSTEM
from haochaping.channels.device import access, commands, stream
from haochaping.channels.models import Silence
from haochaping.directory.models import Device, Window
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.calls import CALL_LIFE, ring
from haochaping.flow.models import WindowCall
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from tests.cast import NANJING, NOW, forget, wire_rating, wire_service
from tests.channels.test_door import Integrator
from tests.device.tablet import enrolled, milliseconds, tap

JUST = clock.to_wire(NOW - timedelta(minutes=3))
CALL = {"windowNo": "NJ-A01", "projectNo": "C1", "serviceNumber": 1}


def state(tablet, after=0, now=NOW, **more):
    client = Client()
    client.cookies[access.COOKIE] = tablet.cookie
    with clock.held_at(now):
        return client.get(f"/device/{tablet.id}/state", {"after": after} | more).json()


def served(project_no="C1", **more):
    admit_services([wire_service(project_no, serviceTime=JUST, **more)], source="test", now=NOW)


class TestWhatRings:
    def test_a_record_of_a_service_that_was_just_finished_rings_by_itself(self, cast):
        tablet, other = enrolled(now=NOW), enrolled("NJ-A02", now=NOW)
        served()
        assert state(tablet)["call"] == {
            "seq": 1,
            "projectNo": "C1",
            "serviceNumber": 1,
            "item": "食品经营许可（新办）",
            "seconds": 300,
        }
        assert state(other)["call"] is None

    @pytest.mark.parametrize("quiet", [{"proStatus": 1}, {"serviceTime": "2026-06-10 09:00:00"}, {"windowNo": ""}])
    def test_what_is_not_finished_just_now_at_a_window_does_not(self, cast, quiet):
        tablet = enrolled(now=NOW)
        served(**quiet) if "serviceTime" not in quiet else admit_services(
            [wire_service("C1", **quiet)], source="test", now=NOW
        )
        assert state(tablet)["call"] is None

    def test_the_same_record_again_does_not_ring_twice(self, cast):
        tablet = enrolled(now=NOW)
        served(proStatus=2)
        served(proStatus=2)
        served(proStatus=3)
        assert state(tablet)["seq"] == 1

    def test_a_newer_one_replaces_it_and_numbers_only_grow(self, cast):
        tablet = enrolled(now=NOW)
        for n in range(1, 4):
            served(f"C{n}")
            found = state(tablet)
            assert (found["seq"], found["call"]["projectNo"]) == (n, f"C{n}")
        assert state(tablet, after=2)["call"]["projectNo"] == "C3"
        assert state(tablet, after=3)["call"] is None

    def test_it_expires(self, cast):
        tablet = enrolled(now=NOW)
        served()
        assert state(tablet, now=NOW + CALL_LIFE - timedelta(seconds=1))["call"]
        assert state(tablet, now=NOW + CALL_LIFE)["call"] is None

    def test_what_is_rated_on_the_phone_meanwhile_is_not_asked_again(self, cast):
        tablet = enrolled(now=NOW)
        served()
        rating = read_evaluation(wire_rating("C1", assessTime=clock.to_wire(NOW)), source="x")
        admit([rating], now=NOW)
        assert state(tablet)["call"] is None

    def test_what_was_left_unanswered_is_not_asked_again_by_another_tablet(self, cast):
        tablet = enrolled(now=NOW)
        served()
        device = Device.objects.get(id=tablet.id)
        silence = [tap(None, NOW, "C1")]
        commands.take_taps(device, silence, sent_ms=milliseconds(NOW), nonce="0" * 32, waiting=0, now=NOW)
        assert state(enrolled(now=NOW))["call"] is None

    def test_a_window_without_a_tablet_costs_no_row(self, cast):
        served()
        assert not WindowCall.objects.exists()

    def test_a_window_is_rung_once_for_many(self, cast):
        enrolled(now=NOW)
        assert ring([("NJ-A01", "A", 1), ("NJ-A01", "B", 1), ("SZ-A01", "C", 1)], source="t", now=NOW) == {"NJ-A01"}
        assert WindowCall.objects.get().project_no == "B"


class TestTheBusinessSystem:
    @pytest.fixture
    def system(self, stage):
        made = Integrator(stage)
        yield made
        made.door.close()

    def test_it_may_ring_before_its_record_arrives(self, system):
        tablet = enrolled(now=NOW)
        assert system.call("POST", "/api/v1/calls", CALL).json() == {"rings": True}
        assert state(tablet)["call"]["item"] == ""

    def test_it_is_told_where_nothing_rings(self, system):
        assert system.call("POST", "/api/v1/calls", CALL).json() == {"rings": False}

    @pytest.mark.parametrize("window", ["SZ-A01", "nowhere"])
    def test_it_rings_at_no_window_of_others(self, system, window):
        enrolled("SZ-A01", now=NOW)
        answer = system.call("POST", "/api/v1/calls", CALL | {"windowNo": window})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "window_not_yours")

    def test_it_does_not_ring_for_what_is_rated(self, system):
        enrolled(now=NOW)
        served()
        admit([read_evaluation(wire_rating("C1", assessTime=clock.to_wire(NOW)), source="x")], now=NOW)
        assert system.call("POST", "/api/v1/calls", CALL).json() == {"rings": False}

    def test_unsigned_it_is_nobody(self, system):
        answer = system.call("POST", "/api/v1/calls", CALL, headers={"X-Signature": "0" * 64})
        assert answer.status_code == 401


def test_the_state_notes_what_the_tablet_says_of_itself(cast):
    tablet = enrolled(now=NOW)
    state(tablet, waiting=12, version="abc", now=NOW + timedelta(minutes=9))
    row = Device.objects.get(id=tablet.id)
    assert (row.waiting, row.app_version, row.last_seen_at) == (12, "abc", NOW + timedelta(minutes=9))
    assert not Silence.objects.exists()


class Line:
    """A stream as a tablet holds it."""

    def __init__(self, lane, tablet, last=""):
        headers = [(b"cookie", f"hcp_device={tablet.cookie}".encode())]
        if last:
            headers.append((b"last-event-id", last.encode()))
        self.scope = {"type": "http", "method": "GET", "path": f"/device/{tablet.id}/events", "headers": headers}
        self.lane, self.heard, self.status = lane, "", 0
        self.news, self.left = asyncio.Condition(), asyncio.Event()

    async def __aenter__(self):
        self.task = asyncio.create_task(self.lane(self.scope, self._receive, self._send))
        return self

    async def __aexit__(self, *error):
        self.left.set()
        await asyncio.wait_for(self.task, 5)

    async def _receive(self):
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        async with self.news:
            self.status = message.get("status", self.status)
            self.heard += message.get("body", b"").decode()
            self.news.notify_all()

    async def until(self, text, seconds=10.0):
        async with self.news:
            await asyncio.wait_for(self.news.wait_for(lambda: text in self.heard), seconds)


@pytest.fixture
def now_cast(stage):
    """The lane reads the true clock in its own task."""
    return clock.now()


class TestTheLine:
    def test_two_hundred_tablets_of_one_process_each_hear_their_own_ring(self, lane, now_cast):
        for n in range(200):
            Window.objects.create(code=f"W{n:03}", name=f"窗口{n}", hall="NJ", organ=NANJING)
        forget()
        tablets = [enrolled(f"W{n:03}", now=now_cast) for n in range(200)]

        async def listen():
            lines = [Line(lane, tablet) for tablet in tablets]
            for line in lines:
                await line.__aenter__()
            await asyncio.gather(*(line.until("retry") for line in lines))
            assert len(lane.hub.streams) == 200
            looking = lane.hub.looking
            half = [(f"W{n:03}", f"C{n}", 1) for n in range(0, 200, 2)]
            start = monotonic()
            await asyncio.to_thread(ring_committed, half)
            await asyncio.gather(*(line.until("event: call\ndata: 1\n\n") for line in lines[::2]))
            took = monotonic() - start
            assert not any("event: call" in line.heard for line in lines[1::2])
            assert lane.hub.looking is looking, "one task for all"
            for line in lines:
                await line.__aexit__()
            assert not lane.hub.streams
            return took

        assert asyncio.run(listen()) < 2

    def test_a_stopped_devices_line_ends_within_two_seconds(self, lane, now_cast):
        tablet = enrolled(now=now_cast)

        async def listen():
            async with Line(lane, tablet) as line:
                await line.until("retry")
                start = monotonic()
                await asyncio.to_thread(revoked_committed, tablet)
                await line.until("event: revoked")
                await asyncio.wait_for(line.task, 2)
                return monotonic() - start

        assert asyncio.run(listen()) < 2

    def test_the_line_beats_while_nothing_happens(self, lane, now_cast, monkeypatch):
        monkeypatch.setattr(stream, "BEAT_SECONDS", 0.05)
        tablet = enrolled(now=now_cast)

        async def listen():
            async with Line(lane, tablet) as line:
                await line.until("event: beat")

        asyncio.run(listen())

    def test_what_was_heard_before_is_not_rung_again(self, lane, now_cast):
        tablet = enrolled(now=now_cast)
        ring_committed([("NJ-A01", "C1", 1)])

        async def listen(last):
            async with Line(lane, tablet, last) as line:
                await line.until("retry")
                await asyncio.to_thread(ring_committed, [("NJ-A01", "C2" if last else "C1", 1)])
                await line.until("event: call")
                return line.heard

        assert "data: 1\n" in asyncio.run(listen(""))
        assert "data: 1\n" not in asyncio.run(listen("1"))

    def test_a_stranger_gets_no_line(self, lane, now_cast):
        tablet = enrolled(now=now_cast)
        tablet.cookie = "0" * 22

        async def listen():
            async with Line(lane, tablet) as line:
                await line.until("device_unknown")
                return line.status

        assert asyncio.run(listen()) == 403

    def test_all_lines_end_when_the_process_is_to_stop(self, lane, now_cast):
        tablet = enrolled(now=now_cast)

        async def listen():
            async with Line(lane, tablet) as line:
                await line.until("retry")
                lane.hub.close()
                await asyncio.wait_for(line.task, 2)

        asyncio.run(listen())


def ring_committed(calls):
    from django.db import connections

    ring(calls, source="test", now=clock.now())
    connections.close_all()


def revoked_committed(tablet):
    from django.db import connections

    commands.revoke(tablet.id, actor=SYSTEM, reason="遗失", now=clock.now())
    connections.close_all()
