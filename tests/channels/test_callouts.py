"""满意度回访: who is drawn, who is never called, one operator a call, and what comes of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import time, timedelta

import pytest
from django.db import connections

from haochaping.accounts.models import Audit
from haochaping.channels.callouts import queries
from haochaping.channels.callouts.commands import (
    dial,
    draw_callouts,
    end_call,
    put_back,
    rate_in_call,
    settle_callouts,
    take_next,
)
from haochaping.channels.callouts.rules import (
    AGAIN_AFTER,
    HELD_FOR,
    CallResult,
    CallState,
    after_call,
    drawn_below,
    is_calling_hour,
)
from haochaping.channels.models import CallOut, CallTry, Entry
from haochaping.evaluation.models import Evaluation
from haochaping.evaluation.records import read_evaluation
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.kit import clock, ids
from haochaping.kit.config import ROOT
from haochaping.kit.errors import Refused
from haochaping.messaging.commands import stop_calling
from haochaping.messaging.queries import may_call
from haochaping.rectification.models import Order
from haochaping.rectification.progress import public_progress
from tests.cast import NOW, SUZHOU, SUZHOU_ITEM, Cast, settle, wire_rating, wire_service

TOMORROW = NOW + timedelta(days=1)  # Thursday, 10:00 in China
PROOF = "REC-20260611-0001"


@pytest.fixture
def cast(db: None, tmp_path) -> Cast:
    return stage(tmp_path)


def stage(tmp_path, share: float = 1.0, quota: int = 1, tries: int = 2) -> Cast:
    """Every unrated service is drawn, one citizen is called once in ninety days."""
    text = (ROOT / "policies" / "jiangsu.toml").read_text(encoding="utf-8")
    head, callout, rest = text.partition("[callout]")
    body, section, rest = rest.partition("\n[")
    body = body.replace("share = 0.05", f"share = {share}").replace("quota = { n = 1", f"quota = {{ n = {quota}")
    body = body.replace("tries = 2", f"tries = {tries}")
    pack = tmp_path / "jiangsu.toml"
    pack.write_text(head + callout + body + section + rest, encoding="utf-8")
    return settle(str(pack.with_suffix("")))


def serve(n: int = 1, **more: str) -> None:
    wires = [wire_service(f"NJ-{i}", mobile=f"138{i:08d}") | more for i in range(1, n + 1)]
    admit_services(wires, source="test", now=NOW)


def rated(level: int = 5, project_no: str = "NJ-1") -> object:
    wire = wire_rating(project_no, satisfaction=level, pf=6, evalDetail="", assessTime=clock.to_wire(TOMORROW))
    return read_evaluation(wire, source="test")


class TestRules:
    def test_how_a_call_out_goes_on(self) -> None:
        assert after_call(CallResult.NO_ANSWER, tries=1, most=2) is CallState.WAITING
        assert after_call(CallResult.NO_ANSWER, tries=2, most=2) is CallState.UNREACHED
        for result in (CallResult.REFUSED, CallResult.RATED, CallResult.DO_NOT_CALL, CallResult.WRONG_NUMBER):
            assert after_call(result, tries=1, most=2) == result.value

    def test_the_lot_has_the_share_of_the_policy_and_nobody_chooses(self) -> None:
        bound = drawn_below(0.05)
        drawn = [n for n in range(20_000) if ids.event_id(f"C{n}", 1) < bound]
        assert 850 < len(drawn) < 1150
        thirds = [sum(n % 3 == rest for n in drawn) / len(drawn) for rest in range(3)]
        assert all(0.28 < part < 0.39 for part in thirds), "no kind of case number is drawn more often"
        assert drawn_below(1).int == 2**128 - 1

    def test_nobody_is_called_at_night(self) -> None:
        hours = (time(8, 30), time(20, 30))
        assert is_calling_hour(NOW, hours)
        assert not is_calling_hour(NOW.replace(hour=13), hours)  # 21:00 in China
        assert not is_calling_hour(NOW.replace(hour=0), hours)  # 8:00


class TestDraw:
    def test_unrated_services_of_the_days_before_and_each_once(self, cast: Cast) -> None:
        serve(3)
        admit([rated(project_no="NJ-2")], now=TOMORROW)
        assert draw_callouts(now=NOW) == 0, "on the day itself people rate by themselves"
        assert draw_callouts(now=TOMORROW) == 2
        assert draw_callouts(now=TOMORROW) == 0
        assert ids.event_id("NJ-2", 1) not in CallOut.objects.values_list("event_id", flat=True)

    def test_nobody_is_drawn_whose_window_is_over_who_left_no_number_or_said_no(self, cast: Cast) -> None:
        serve(1, mobile="")
        serve(1, projectNo="NJ-N", mobile="没有电话")
        serve(1, projectNo="NJ-S", mobile="13800000099")
        stop_calling("138-0000-0099", by="test", now=NOW)
        assert draw_callouts(now=TOMORROW) == 0
        serve(1, projectNo="NJ-L", mobile="13800000077")
        assert draw_callouts(now=NOW + timedelta(days=60)) == 0

    def test_a_citizen_is_called_once_within_the_quotas_term_however_many_services(self, cast: Cast) -> None:
        for n in range(5):
            serve(1, projectNo=f"NJ-Q{n}", mobile="13812340000" if n % 2 else "+86 138 1234 0000")
        assert draw_callouts(now=TOMORROW) == 1
        CallOut.objects.update(state=CallState.UNREACHED, tries=2, made_at=TOMORROW - timedelta(days=89))
        assert draw_callouts(now=TOMORROW) == 0
        CallOut.objects.update(made_at=TOMORROW - timedelta(days=91))
        assert draw_callouts(now=TOMORROW) == 1

    def test_who_rated_elsewhere_before_a_call_was_not_bothered(self, cast: Cast) -> None:
        serve(1)
        serve(1, projectNo="NJ-X", mobile="13800000001")
        draw_callouts(now=TOMORROW)
        CallOut.objects.update(state=CallState.ELSEWHERE)
        assert draw_callouts(now=TOMORROW) == 1

    def test_the_share_of_the_policy_is_drawn(self, db: None, tmp_path) -> None:
        stage(tmp_path, share=0.3)
        serve(200)
        n = draw_callouts(now=TOMORROW)
        assert 30 < n < 95
        assert set(CallOut.objects.values_list("event_id", flat=True)) == {
            id_ for i in range(1, 201) if (id_ := ids.event_id(f"NJ-{i}", 1)) < drawn_below(0.3)
        }

    def test_what_time_has_ended_leaves_the_list(self, cast: Cast) -> None:
        serve(2)
        draw_callouts(now=TOMORROW)
        admit([rated()], now=TOMORROW)
        assert settle_callouts(now=TOMORROW) == 1
        assert settle_callouts(now=NOW + timedelta(days=60)) == 1
        assert {c.state for c in CallOut.objects.all()} == {"elsewhere", "expired"}


class TestCalling:
    @pytest.fixture
    def called(self, cast: Cast) -> Cast:
        serve(2)
        draw_callouts(now=TOMORROW)
        return cast

    def test_a_call_is_one_operators_for_a_quarter_of_an_hour(self, called: Cast) -> None:
        other = replace(called.operator, id="999", name="另一位")
        mine = take_next(actor=called.operator, now=TOMORROW)
        assert take_next(actor=called.operator, now=TOMORROW) == mine, "what I hold comes first"
        theirs = take_next(actor=other, now=TOMORROW)
        assert mine
        assert theirs
        assert mine.event_id != theirs.event_id
        assert take_next(actor=replace(other, id="998"), now=TOMORROW) is None
        late = TOMORROW + HELD_FOR + timedelta(seconds=1)
        with pytest.raises(Refused, match="不在您手上"):
            dial(mine.event_id, actor=called.operator, now=late)
        assert take_next(actor=replace(other, id="998"), now=late) is not None

    def test_only_operators_and_only_in_their_area(self, called: Cast) -> None:
        for actor in (called.supervisor, called.city, called.clerk, called.rectifier, called.leader):
            assert take_next(actor=actor, now=TOMORROW) is None
        away = replace(called.operator, scopes=called.foreign_city.scopes, grants=())
        assert take_next(actor=away, now=TOMORROW) is None
        assert queries.progress(called.foreign_city, TOMORROW)["drawn"] == 0
        assert queries.progress(called.city, TOMORROW)["drawn"] == 2

    def test_nobody_is_rung_up_at_night(self, called: Cast) -> None:
        night = TOMORROW.replace(hour=13)  # 21:00 in China
        found = take_next(actor=called.operator, now=night)
        assert found
        with pytest.raises(Refused) as no:
            dial(found.event_id, actor=called.operator, now=night)
        assert no.value.code == "rest_hours"
        assert not Audit.objects.filter(action="reveal_identity").exists()

    def test_dialling_shows_the_number_and_is_written_down(self, called: Cast) -> None:
        mine = take_next(actor=called.operator, now=TOMORROW)
        assert mine
        masked = queries.masked(mine)
        assert (masked.name, masked.mobile[:3], masked.mobile[3:7]) == ("赵*样", "138", "****")
        shown = dial(mine.event_id, actor=called.operator, now=TOMORROW)
        assert shown.mobile.startswith("138")
        line = Audit.objects.get(action="reveal_identity")
        assert (line.subject, line.facts) == (str(mine.event_id), {"reason": "满意度回访", "part": "operator"})
        with pytest.raises(Refused):
            dial(mine.event_id, actor=replace(called.operator, id="999"), now=TOMORROW)

    def test_a_rating_in_the_call_goes_through_the_one_door(self, called: Cast) -> None:
        mine = take_next(actor=called.operator, now=TOMORROW)
        project = "NJ-1" if mine.event_id == ids.event_id("NJ-1", 1) else "NJ-2"
        dial(mine.event_id, actor=called.operator, now=TOMORROW)
        outcome = rate_in_call(mine.event_id, rated(1, project), proof=PROOF, actor=called.operator, now=TOMORROW)
        assert outcome.order_no
        assert Evaluation.objects.get(id=mine.event_id).pf == 6
        (seen,) = [step for step in public_progress(mine.event_id) if step.kind == "reveal"]
        assert (seen.text, seen.detail) == ("12345话务员查看了您的身份信息", "满意度回访"), (
            "the rater learns who looked"
        )
        assert Order.objects.get(id=mine.event_id).no_reason
        assert Entry.objects.get(event_id=mine.event_id).way == "callout"
        mine.refresh_from_db()
        assert (mine.state, mine.tries, mine.ended_by) == ("rated", 1, "话务员")
        figures = queries.progress(called.operator, TOMORROW)
        assert (figures["drawn"], figures["called"], figures["rated"], figures["due"]) == (2, 1, 1, 1)

    def test_without_a_recording_neither_the_rating_nor_the_call_is_written(self, called: Cast) -> None:
        mine = take_next(actor=called.operator, now=TOMORROW)
        with pytest.raises(Refused):
            rate_in_call(mine.event_id, rated(), proof="", actor=called.operator, now=TOMORROW)
        mine.refresh_from_db()
        assert (mine.state, mine.tries) == ("waiting", 0)
        assert not Evaluation.objects.exists()

    def test_who_does_not_answer_is_called_again_later_and_not_for_ever(self, called: Cast) -> None:
        mine = take_next(actor=called.operator, now=TOMORROW)
        end_call(mine.event_id, CallResult.NO_ANSWER, actor=called.operator, now=TOMORROW)
        following = take_next(actor=called.operator, now=TOMORROW)
        assert following.event_id != mine.event_id
        put_back(following.event_id, actor=called.operator, now=TOMORROW)
        CallOut.objects.filter(event_id=following.event_id).delete()
        later = TOMORROW + AGAIN_AFTER
        again = take_next(actor=called.operator, now=later)
        assert again.event_id == mine.event_id
        ended = end_call(mine.event_id, CallResult.NO_ANSWER, actor=called.operator, now=later)
        assert ended.state == "unreached"
        assert list(CallTry.objects.order_by("n").values_list("n", "result")) == [(1, "no_answer"), (2, "no_answer")]
        assert take_next(actor=called.operator, now=later + AGAIN_AFTER) is None

    def test_who_wants_no_more_calls_gets_none(self, called: Cast) -> None:
        serve(1, projectNo="NJ-M", mobile="13800000001")
        mine = CallOut.objects.get(event_id=ids.event_id("NJ-1", 1))
        CallOut.objects.exclude(pk=mine.pk).delete()
        take_next(actor=called.operator, now=TOMORROW)
        end_call(mine.event_id, CallResult.DO_NOT_CALL, actor=called.operator, now=TOMORROW)
        assert not may_call("13800000001")
        CallOut.objects.all().delete()
        assert draw_callouts(now=TOMORROW) == 1, "the other citizen"

    def test_who_said_no_after_they_were_drawn_is_passed_over(self, called: Cast) -> None:
        for n in (1, 2):
            stop_calling(f"138{n:08d}", by="短信", now=TOMORROW)
        assert take_next(actor=called.operator, now=TOMORROW) is None
        assert {c.state for c in CallOut.objects.all()} == {"withdrawn"}

    def test_who_rated_in_the_meantime_is_thanked_and_not_asked(self, called: Cast) -> None:
        mine = take_next(actor=called.operator, now=TOMORROW)
        project = "NJ-1" if mine.event_id == ids.event_id("NJ-1", 1) else "NJ-2"
        admit([rated(2, project)], now=TOMORROW)
        with pytest.raises(Refused) as no:
            rate_in_call(mine.event_id, rated(5, project), proof=PROOF, actor=called.operator, now=TOMORROW)
        assert no.value.code == "already_rated"
        assert Evaluation.objects.get(id=mine.event_id).level == 2


def test_two_operators_at_once_never_get_the_same_call(committing_db, tmp_path) -> None:
    cast = stage(tmp_path)
    serve(6)
    assert draw_callouts(now=TOMORROW) == 6

    def take(n: int) -> object:
        try:
            found = take_next(actor=replace(cast.operator, id=str(1000 + n)), now=TOMORROW)
            return found.event_id if found else None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(take, range(8)))
    got = [each for each in taken if each]
    assert len(got) == len(set(got))
    assert len(got) >= 5, "who is quicker does not keep others waiting"


def test_two_draws_at_once_keep_the_quota(committing_db, tmp_path) -> None:
    stage(tmp_path)
    for n in range(6):
        serve(1, projectNo=f"NJ-Q{n}", mobile="13812340000")

    def draw(_: int) -> int:
        try:
            return draw_callouts(now=TOMORROW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(draw, range(4))) == 1


def test_services_of_other_cities_follow_their_own_policy(cast: Cast) -> None:
    served = wire_service(
        "SZ-1", taskCode=SUZHOU_ITEM, orgcode=SUZHOU, areaCode="320500000000", windowNo="SZ-A01", clerkNo=""
    )
    admit_services([served], source="test", now=NOW)
    assert draw_callouts(now=TOMORROW) == 1
    assert queries.callouts_for(cast.foreign_city).count() == 1
    assert queries.callouts_for(cast.city).count() == 0
