"""What a tablet hands in, by the real protocol: each tap gets an outcome, none is lost, none counts twice."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from uuid import uuid4

import pytest

from haochaping.accounts.rules import SYSTEM
from haochaping.channels.device import commands
from haochaping.channels.device import lane as lanes
from haochaping.channels.models import Silence, TapReceived
from haochaping.directory.models import Hall, Region, Window
from haochaping.evaluation.models import Evaluation, Lapse, Parked, Rejected, ServiceEvent
from haochaping.flow import repair
from haochaping.flow.services import admit_services
from haochaping.kit import clock
from haochaping.kit.config import ROOT
from haochaping.policy.commands import load_pack
from haochaping.rectification.models import Order
from tests.cast import NANJING, NOW, forget, wire_rating, wire_service
from tests.channels.test_door import Integrator
from tests.device.tablet import enrolled, milliseconds, post, tap

CASE = "NJ2026060001"


@pytest.fixture
def served(lane):
    admit_services([wire_service(CASE)], source="test", now=NOW)
    return lane


def test_every_level_of_a_case_and_of_a_visit_is_stored_as_tapped(served):
    tablet = enrolled(now=NOW)
    admit_services([wire_service(f"C{n}") for n in range(5)], source="test", now=NOW)
    taps = [tap(level, NOW - timedelta(minutes=2), f"C{level - 1}") for level in range(1, 6)]
    taps += [tap(level, NOW - timedelta(minutes=1)) for level in range(1, 6)]
    assert tablet.outcomes(served, taps, NOW) == ["stored"] * 10
    rated = Evaluation.objects.all()
    assert sorted(rated.values_list("level", flat=True)) == sorted([1, 2, 3, 4, 5] * 2)
    assert {(r.pf, r.device_id, r.source) for r in rated} == {(4, tablet.id, f"device:{tablet.id}")}
    assert Order.objects.count() == 4, "the bad ones opened their orders, without a reason too"
    assert Evaluation.objects.filter(no_reason=True).count() == 4
    visits = ServiceEvent.objects.filter(project_no__startswith="HCP")
    assert set(visits.values_list("window_code", flat=True)) == {"NJ-A01"}


def test_the_answer_says_nothing_by_which_a_clerk_could_look_the_rating_up(served):
    answer = enrolled(now=NOW).send(served, [tap(1, NOW, CASE)], NOW)
    assert set(answer.json()) == {"results", "serverTime"}
    assert set(answer.json()["results"][0]) == {"uuid", "outcome"}


def test_reasons_go_with_a_bad_rating(served):
    assert enrolled(now=NOW).outcomes(served, [tap(1, NOW, CASE, tags=["115", "111"])], NOW) == ["stored"]
    assert set(Evaluation.objects.get().indicators) == {"115", "111"}


def test_the_same_batch_again_is_a_repeat_and_changes_nothing(served):
    tablet = enrolled(now=NOW)
    batch = [tap(5, NOW, CASE), tap(2, NOW), tap(None, NOW, CASE), tap(9, NOW)]
    assert tablet.outcomes(served, batch, NOW) == ["stored", "stored", "stored", "parked"]
    later = NOW + timedelta(hours=3)
    assert tablet.outcomes(served, batch, later) == ["repeat"] * 4
    assert tablet.outcomes(served, [batch[0], batch[0]], later) == ["repeat"] * 2
    assert (Evaluation.objects.count(), Silence.objects.count(), Rejected.objects.count()) == (2, 1, 1)


def test_nobody_tapped_is_written_down_as_that_and_never_as_a_level(served):
    assert enrolled(now=NOW).outcomes(served, [tap(None, NOW, CASE)], NOW) == ["stored"]
    silence = Silence.objects.get()
    assert (silence.window, silence.event_id) == ("NJ-A01", ServiceEvent.objects.get().id)
    assert not Evaluation.objects.exists()
    assert not Lapse.objects.exists()
    assert not hasattr(silence, "level")
    assert enrolled(now=NOW).outcomes(served, [tap(5, NOW, CASE)], NOW) == ["stored"], "it may still be rated"


def test_five_hundred_of_a_day_without_network_come_in_at_once(lane):
    tablet = enrolled(now=NOW)
    admit_services([wire_service(f"C{n}") for n in range(250)], source="test", now=NOW)
    taps = [tap(1 + n % 5, NOW - timedelta(minutes=n % 50), f"C{n}") for n in range(250)]
    taps += [tap(1 + n % 5, NOW - timedelta(hours=24) + timedelta(minutes=n)) for n in range(250)]
    assert tablet.outcomes(lane, taps, NOW) == ["stored"] * 500
    assert Evaluation.objects.count() == TapReceived.objects.count() == 500
    oldest = Evaluation.objects.order_by("assess_time").first()
    assert oldest.assess_time == NOW - timedelta(hours=24), "the signed batch may be back-dated"
    assert tablet.send(lane, [*taps, tap(5, NOW)], NOW).json()["error"]["code"] == "too_many"


def test_what_is_too_old_to_be_rated_is_kept_for_repair(served):
    tablet, late = enrolled(now=NOW), NOW + timedelta(days=60)
    assert tablet.outcomes(served, [tap(5, NOW + timedelta(days=59), CASE)], late) == ["parked"]
    kept = Rejected.objects.get()
    assert (kept.reason, kept.lane, kept.state) == ("rating_window_closed", "device", "open")
    assert tablet.outcomes(served, [tap(4, NOW - timedelta(days=400))], late) == ["parked"]
    assert not Evaluation.objects.exists()


def test_a_service_that_is_not_known_yet_parks_its_rating_until_it_comes(lane):
    tablet = enrolled(now=NOW)
    assert tablet.outcomes(lane, [tap(2, NOW, CASE)], NOW) == ["parked"]
    assert Parked.objects.count() == 1
    admit_services([wire_service(CASE)], source="test", now=NOW)
    assert Evaluation.objects.get().level == 2


def test_a_service_that_was_rated_on_the_phone_keeps_that_rating_and_the_tap_for_repair(served):
    tablet = enrolled(now=NOW)
    assert tablet.outcomes(served, [tap(5, NOW, CASE)], NOW) == ["stored"]
    assert tablet.outcomes(served, [tap(1, NOW, CASE)], NOW) == ["parked"]
    assert Evaluation.objects.get().level == 5
    assert Rejected.objects.get().reason == "already_rated"


GARBAGE = [
    None,
    7,
    "x",
    [],
    {},
    {"uuid": "no"},
    {"uuid": str(uuid4())},
    tap(9, NOW),
    tap(True, NOW),
    tap(5, NOW, "x\x00y"),
    tap(5, NOW, serviceNumber=0),
    tap(5, NOW, tags="115"),
    tap(5, NOW, tags=["999"]),
    tap(5, NOW, tags=["115"]),
    tap(5, NOW) | {"tappedAt": 10**30},
    tap(5, NOW) | {"tappedAt": "soon"},
]


def test_garbage_is_kept_for_repair_line_by_line_and_sinks_nobody(served):
    good = tap(5, NOW, CASE)
    assert enrolled(now=NOW).outcomes(served, [*GARBAGE, good], NOW) == ["parked"] * len(GARBAGE) + ["stored"]
    assert sum(Rejected.objects.values_list("times", flat=True)) == len(GARBAGE)
    assert Evaluation.objects.count() == 1


@pytest.mark.parametrize("days", [-2, -0.1, 0.1, 2])
def test_a_tablet_whose_clock_is_off_is_taken_at_its_intervals(served, days):
    tablet = enrolled(now=NOW)
    there = NOW + timedelta(days=days)
    body = json.dumps({"waiting": 0, "ratings": [tap(5, there - timedelta(minutes=10), CASE)]}).encode()
    with clock.held_at(NOW):
        answer = post(served, f"/device/{tablet.id}/ratings", body, tablet.sign(body, there))
    assert answer.json()["results"][0]["outcome"] == "stored"
    assert Evaluation.objects.get().assess_time == NOW - timedelta(minutes=10)


def test_a_business_system_a_little_ahead_of_us_does_not_cost_a_rating(lane):
    admit_services([wire_service(CASE, serviceTime="2026-06-10 10:02:00")], source="test", now=NOW)
    assert enrolled(now=NOW).outcomes(lane, [tap(5, NOW, CASE)], NOW) == ["stored"]


def test_a_service_of_another_hall_is_not_rated_here(lane):
    admit_services([wire_service(CASE)], source="test", now=NOW)
    assert enrolled("SZ-A01", now=NOW).outcomes(lane, [tap(5, NOW, CASE)], NOW) == ["parked"]
    assert Rejected.objects.get().reason == "service_elsewhere"


def test_nor_is_it_where_its_record_came_after_the_tap(lane):
    assert enrolled("SZ-A01", now=NOW).outcomes(lane, [tap(5, NOW, CASE)], NOW) == ["parked"]
    admit_services([wire_service(CASE)], source="test", now=NOW)
    assert not Evaluation.objects.exists()
    assert (Rejected.objects.get().reason, Parked.objects.exists()) == ("service_elsewhere", False)


class TestTheSignature:
    def test_nobody_but_the_key_hands_in(self, served):
        tablet, other = enrolled(now=NOW), enrolled("NJ-A02", now=NOW)
        body = json.dumps({"ratings": [tap(5, NOW, CASE)]}).encode()
        good, path = tablet.sign(body, NOW), f"/device/{tablet.id}/ratings"
        wrong = {
            "another device's key": other.sign(body, NOW, path=path),
            "another path": tablet.sign(body, NOW, path="/device/X/ratings"),
            "another body": tablet.sign(body + b" ", NOW),
            "no signature": good | {"X-Signature": ""},
            "not hex": good | {"X-Signature": "z" * 128},
            "zeros": good | {"X-Signature": "0" * 128},
            "another time": good | {"X-Timestamp": str(milliseconds(NOW) + 1)},
            "another nonce": good | {"X-Nonce": "0" * 32},
            "the cookie instead": {"Cookie": f"hcp_device={tablet.cookie}"},
        }
        with clock.held_at(NOW):
            assert {
                why: post(served, path, body, headers).status_code for why, headers in wrong.items()
            } == dict.fromkeys(wrong, 401)
            assert post(served, "/device/DNOBODY/ratings", body, good).status_code == 403
            assert post(served, path, body, good).status_code == 200
            assert post(served, path, body, good).status_code == 401, "heard and sent again by somebody else"
        assert Evaluation.objects.count() == 1

    def test_a_body_that_is_no_batch_is_refused_in_one_line(self, served):
        tablet = enrolled(now=NOW)
        assert tablet.send(served, b"nothing", NOW).json()["error"]["code"] == "malformed"
        assert tablet.send(served, b"{}", NOW).json()["error"]["code"] == "malformed"
        assert tablet.send(served, b" " * (lanes.BODY_MOST + 1), NOW).status_code == 413


class TestTheLane:
    def test_a_hall_of_forty_windows_behind_one_address_is_never_refused(self, served):
        for n in range(40):
            Window.objects.create(code=f"H{n}", name=f"窗口{n}", hall="NJ", organ=NANJING)
        forget()
        tablets = [enrolled(f"H{n}", now=NOW) for n in range(40)]
        for _ in range(5):
            assert {tablet.outcomes(served, [tap(5, NOW)], NOW)[0] for tablet in tablets} == {"stored"}
        assert Evaluation.objects.count() == 200

    def test_one_device_alone_that_floods_is_told_to_wait_and_others_are_not(self, served):
        tablet, other = enrolled(now=NOW), enrolled("NJ-A02", now=NOW)
        statuses = {tablet.send(served, [], NOW).status_code for _ in range(lanes.BURST + 1)}
        assert statuses == {200, 429}
        assert other.outcomes(served, [tap(5, NOW)], NOW) == ["stored"]
        assert tablet.outcomes(served, [tap(5, NOW)], NOW + timedelta(seconds=5)) == ["stored"]

    def test_a_database_that_is_away_costs_nothing(self, stage):
        from django.db import connections

        tablet, batch, entry = enrolled(now=NOW), [tap(5, NOW)], connections.settings["default"]
        there, lane = entry["NAME"], lanes.DeviceLane(None)
        entry["NAME"] = "nowhere"
        try:
            answer = tablet.send(lane, batch, NOW)
        finally:
            entry["NAME"] = there
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        lane.close()
        lane = lanes.DeviceLane(None)
        assert tablet.outcomes(lane, batch, NOW) == ["stored"]
        lane.close()


def test_a_stopped_device_has_what_it_held_kept_for_repair_and_none_of_it_counts(served):
    tablet = enrolled(now=NOW)
    commands.revoke(tablet.id, actor=SYSTEM, reason="遗失", now=NOW)
    assert tablet.outcomes(served, [tap(5, NOW, CASE), tap(None, NOW)], NOW) == ["parked", "parked"]
    assert not Evaluation.objects.exists()
    assert set(Rejected.objects.values_list("reason", flat=True)) == {"device_revoked"}


def test_what_a_replaced_tablet_still_held_can_be_let_in_one_by_one(stage, served):
    """Its window got a new one while it was offline; citizens had rated on it."""
    boss = stage.supervisor
    tablet = enrolled(now=NOW)
    enrolled(now=NOW + timedelta(hours=1))
    later = NOW + timedelta(hours=2)
    assert tablet.outcomes(served, [tap(1, NOW, CASE, tags=["115"]), tap(4, NOW)], later) == ["parked"] * 2
    held = list(Rejected.objects.values_list("id", flat=True))
    assert repair.retry_some(held, actor=boss, now=later) == 0, "not by the hundred: it might have been stolen"
    assert [repair.retry(id_, actor=boss, now=later).no for id_ in held] == [None, None]
    told = {(r.level, r.window_code, r.assess_time, r.device_id) for r in Evaluation.objects.all()}
    assert told == {(1, "NJ-A01", NOW, tablet.id), (4, "NJ-A01", NOW, tablet.id)}


def test_a_tablet_that_moved_still_hands_in_where_it_was_tapped(served):
    before = enrolled(now=NOW)
    after = enrolled("NJ-A02", now=NOW)
    assert after.outcomes(served, [tap(5, NOW, device=before.id)], NOW) == ["stored"]
    assert Evaluation.objects.get().window_code == "NJ-A01"


def test_nothing_that_the_clerks_system_can_ask_says_what_was_tapped(stage, lane):
    """The business system learns that it is rated, and no more (contract §3)."""
    system = Integrator(stage)
    system.call("POST", "/api/v1/services", wire_service(CASE))
    assert enrolled(now=NOW).outcomes(lane, [tap(1, NOW, CASE, tags=["115"])], NOW) == ["stored"]
    assert system.call("GET", f"/api/v1/evaluations/{CASE}/1").json() == {"rated": True}
    again = system.call("POST", "/api/v1/evaluations", wire_rating(CASE))
    assert again.json()["error"]["code"] == "already_rated"
    system.door.close()


def test_what_a_probe_device_hands_in_never_counts(stage, lane):
    Region.objects.create(code="990000000000", name="探针区", level=1, parent="", path="99")
    Hall.objects.create(code="PB", name="探针大厅", area="990000000000")
    Window.objects.create(code="PB-1", name="探针窗口", hall="PB", organ=NANJING)
    load_pack(
        tomllib.loads((ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8")) | {"region": "99"}, "test", NOW
    )
    forget()
    assert enrolled("PB-1", now=NOW).outcomes(lane, [tap(1, NOW)], NOW) == ["stored"]
    assert Evaluation.objects.get().is_probe
    admit_services([wire_service(CASE)], source="test", now=NOW)
    assert enrolled("PB-1", now=NOW).outcomes(lane, [tap(1, NOW, CASE)], NOW) == ["parked"], "no real service either"
