"""The probe against a running system: everything given, what is broken found, nothing counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from django.test import Client

from haochaping.accounts.models import AppKey, Audit, Person
from haochaping.accounts.rules import SYSTEM, Role, Scope
from haochaping.analytics import commands as lake
from haochaping.analytics.metrics import METRICS
from haochaping.analytics.queries import figures
from haochaping.channels.callouts.commands import draw_callouts
from haochaping.channels.desk.queries import to_check
from haochaping.channels.exports import run as export
from haochaping.channels.invitations import commands as invitations
from haochaping.channels.models import CallOut, CitizenSession, Invitation, ProbeRun
from haochaping.channels.paper.queries import batches_for as paper_batches
from haochaping.channels.probe import commands, queries, region
from haochaping.channels.probe.rules import KIND, KINDS, Line
from haochaping.console import queries as console
from haochaping.console.filters import areas_of
from haochaping.directory.models import Device
from haochaping.directory.queries import dangling
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation.batches import batches_for
from haochaping.evaluation.kept import backlog
from haochaping.evaluation.models import Evaluation, ServiceEvent
from haochaping.evaluation.records import read_evaluation
from haochaping.exchange.models import Delivery
from haochaping.flow.admit import admit
from haochaping.flow.services import admit_services
from haochaping.flow.visits import Visit, open_visit
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.messaging.models import Message
from haochaping.project.cli import main
from haochaping.rectification.advance import advance
from haochaping.rectification.models import Move, Order
from haochaping.rectification.queries import orders_for
from tests.cast import NOW, Cast, settle, wire_rating, wire_service
from tests.channels.probe.between import Answer, Asked, gateway

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

    from tests.channels.probe.conftest import Running

ASKED = [(kind.key, asked) for kind in KINDS for asked in kind.asked]
PUBLIC = (
    "/public/",
    "/public/items/",
    "/public/organs/",
    "/comment?kind=hall",
    "/comment?kind=organ",
    "/comment?kind=item",
)


def seen(cast: Cast) -> dict[str, Any]:
    """What anybody sees or has to do: figures, rankings, public pages, queues, calls, lists, what goes to others."""
    now = clock.now()
    lake.refresh_lake(now=now)
    today = clock.day(now)
    told: dict[str, Any] = {}
    for key in METRICS:
        for by in ([], ["province"], ["city"], ["organ"], ["channel"], ["mode"]):
            try:
                told[f"{key} by {by}"] = repr(figures([key], by, today - timedelta(days=30), today, now=now).rows)
            except Refused as no:
                told[f"{key} by {by}"] = no.code
    for address in PUBLIC:
        page = Client().get(address)
        told[address] = (page.status_code, [line for line in page.content.decode().splitlines() if "csrf" not in line])
    draw_callouts(now=now)
    invitations.collect(now)
    nationwide = replace(
        cast.supervisor, scopes=(Scope(),), grants=((Role.SUPERVISOR, Scope()),), roles=frozenset({Role.SUPERVISOR})
    )
    people = {name: getattr(cast, name) for name in ("supervisor", "city", "operator", "rectifier", "reviewer")}
    for name, actor in (people | {"nationwide": nationwide}).items():
        told[name] = [
            batches_for(actor).count(),
            paper_batches(actor).count(),
            areas_of(actor),
            repr(console.desk(actor, now)),
            sorted(orders_for(actor).values_list("order_no", flat=True)),
            sorted(map(str, to_check(actor).values_list("pk", flat=True))),
        ]
    told["system"] = orders_for(SYSTEM).count()
    told["repair"] = repr(backlog(None, now))
    told["waiting"] = [model.objects.count() for model in (CallOut, Invitation, Message, Delivery, CitizenSession)]
    return told


@pytest.fixture
def busy(running: Running) -> Running:
    """Somebody works here: Nanjing has ratings, one of them bad."""
    now = clock.now()
    at = clock.to_wire(now - timedelta(hours=1))
    for n, level in enumerate((5, 4, 1), 1):
        case = f"NJ-{n}"
        admit_services([wire_service(case, serviceTime=at, acceptDate=at, resultDate=at)], source="test", now=now)
        rating = wire_rating(
            case, satisfaction=level, evalDetail={5: "510", 4: "", 1: "115"}[level], assessTime=clock.to_wire(now)
        )
        admit([read_evaluation(rating, source="test")], now=now)
    return running


def test_every_level_is_given_through_every_channel_and_nothing_of_it_is_ever_seen(
    busy: Running, settings: SettingsWrapper, tmp_path: Path
) -> None:
    settings.LAKE = tmp_path / "lake"
    rated, before = Evaluation.objects.count(), seen(busy.cast)
    assert "numerator=3" in before["ratings by ['city']"], "the figures are there, and not all refused"
    said: list[str] = []
    run = commands.run(busy.url, by="test", told=lambda line: said.append(line.told()))
    assert run.failed == 0, "\n".join(said)
    assert run.given == len(ASKED) == len(said)
    assert [(line.channel, line.asked) for line in (Line(*each) for each in run.lines)] == ASKED

    made = Evaluation.objects.filter(is_probe=True)
    assert Evaluation.objects.count() == rated + made.count()
    assert made.count() == len(ASKED), "one rating each"
    assert set(made.values_list("pf", flat=True)) == set(range(1, 10))
    assert all(is_probe_area(path) for path in made.values_list("area_path", flat=True))
    bad = Counter(made.values_list("level", flat=True))
    assert Order.objects.filter(is_probe=True).count() == bad[1] + bad[2] > 40

    after = seen(busy.cast)
    changed = [key for key in before if before[key] != after[key]]
    assert not changed, [(key, before[key], after[key]) for key in changed]
    assert export("evaluations", tmp_path / "all.csv", {}) == rated
    assert dangling() == []

    advance(clock.now() + timedelta(days=60))
    assert not Move.objects.filter(order_id__in=made.values("id"), verb__in=("auto_sign", "escalate")).exists()
    assert not Order.objects.filter(is_probe=True, overdue_since__isnull=False).exists()


def everything_is_void() -> bool:
    return not (
        Person.objects.filter(username__in=region.STAFF, is_active=True).exists()
        or AppKey.objects.filter(app__is_probe=True, revoked_at=None).exists()
        or Device.objects.filter(area_path__startswith="99", revoked_at=None).exists()
    )


def test_a_level_that_is_not_offered_and_one_that_is_swallowed_are_named(running: Running) -> None:
    """As in an app whose good ratings pass and whose bad ones are thanked for and thrown away."""
    thanks = "<main><h1>评价已收到，谢谢您</h1><a href='/r/HP00000000000000000000'>查看进度</a></main>"

    def swallows(asked: Asked) -> Answer | None:
        if asked.method == "POST" and asked.path.startswith("/e/") and b"level=2" in asked.body:
            return Answer(200, thanks.encode(), [("Content-Type", "text/html; charset=utf-8")])
        if asked.path == "/api/v1/evaluations" and b'"satisfaction": 1' in asked.body:
            return Answer(422, b'{"error": {"code": "too_bad", "message": "no"}}', [])
        return None

    def changes(asked: Asked, body: bytes) -> bytes:
        if asked.method == "GET" and asked.path.startswith("/e/"):
            return body.replace(b'name="level" id="lv1"', b'name="level" id="lv1" disabled')
        return body

    kinds = [KIND["api-9"], KIND["link-mobile"]]
    with gateway(running.url, swallows=swallows, changes=changes) as url:
        run = commands.run(url, by="test", kinds=kinds)
    faults = {(line.channel, line.level): line.fault for line in (Line(*each) for each in run.lines)}
    assert [key for key, fault in faults.items() if fault] == [
        ("api-9", 1),
        ("link-mobile", 2),
        ("link-mobile", 1),
    ]
    assert "422 too_bad" in faults["api-9", 1]
    assert "没有入库" in faults["link-mobile", 2]
    assert "页面没有提供这一项：level=1（只有 5、4、3、2）" in faults["link-mobile", 1]
    assert run.failed == 3
    standing = queries.standing(clock.now())
    assert standing.words == "上次巡检有 3 项评不了"
    told = httpx.get(f"{running.url}/metrics").text
    assert 'hcp_probe_faults{run="last"} 3' in told


def test_a_run_that_breaks_leaves_no_key_person_or_device_behind(running: Running) -> None:
    def interrupt(line: Line) -> None:
        if line.channel == "paper":
            assert not everything_is_void(), "it works with them until then"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commands.run(running.url, by="test", kinds=[KIND["tablet"], KIND["kiosk"], KIND["paper"]], told=interrupt)
    assert everything_is_void()
    assert not ProbeRun.objects.exists()
    commands.run(running.url, by="test", kinds=[KIND["tablet"]])
    assert everything_is_void()
    assert Device.objects.filter(area_path__startswith="99").count() == 0
    assert not Audit.objects.filter(action="enter_rating").exclude(actor_name="渠道探针").exists()


@pytest.mark.django_db
def test_the_command_names_what_cannot_be_given_and_ends_with_1(
    settings: SettingsWrapper, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody answers at that address."""
    settle()
    monkeypatch.setattr("haochaping.channels.probe.ground.KNOWN_WITHIN", 0.3)
    settings.PROBE_URL = "http://127.0.0.1:9"
    assert main(["probe"]) == 1
    said = capsys.readouterr().out
    assert "评不了的：" in said
    assert "ConnectError" in said
    assert main(["probe", "--url", "example"]) == 1
    assert "不是网址" in capsys.readouterr().err


@pytest.mark.django_db
def test_whatever_lies_in_the_test_region_is_a_probe_whoever_made_it() -> None:
    settle()
    region.settle(NOW)
    region.settle(NOW)  # repeatable
    place = {"taskCode": region.ITEM, "orgcode": region.ORGAN, "areaCode": region.COUNTY, "windowNo": region.WINDOW}
    (outcome,) = admit_services([wire_service("TZ-1", **place)], source="somebody", now=NOW)
    assert outcome.status == "created"
    assert ServiceEvent.objects.get(id=ids.event_id("TZ-1", 1)).is_probe
    admit([read_evaluation(wire_rating("TZ-1"), source="somebody")], now=NOW)
    assert Evaluation.objects.get().is_probe
    assert open_visit(Visit(at=NOW, window_code=region.WINDOW), source="somebody", now=NOW).is_probe
    assert not open_visit(Visit(at=NOW, window_code="NJ-A01"), source="somebody", now=NOW).is_probe
