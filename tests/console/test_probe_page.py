"""渠道巡检: what cannot be rated stands first, everybody in charge hears of it, a run is asked for once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from haochaping.accounts.models import Audit
from haochaping.channels import jobs
from haochaping.channels.models import ProbeRun
from haochaping.channels.probe import commands
from haochaping.kit import clock
from haochaping.kit.clock import held_at
from tests.cast import NOW
from tests.console.stage import text

pytestmark = pytest.mark.django_db
PAGE = "/console/probe/"
GOOD = [["sms", 5, False, "", 12], ["sms", 1, False, "", 15]]
BAD = [["sms", 5, False, "", 12], ["sms", 1, False, "页面没有提供这一项：level=1", 9], ["tablet", 2, True, "", 7]]


def ran(lines, at=NOW):
    failed = sum(bool(line[3]) for line in lines)
    return ProbeRun.objects.create(
        at=at, url="http://x", given=len(lines) - failed, failed=failed, took_ms=8400, lines=lines, by="每夜巡检"
    )


def page(client, address=PAGE):
    with held_at(NOW):
        answer = client.get(address)
    assert answer.status_code == 200
    return text(answer.content.decode())


def test_before_the_first_night_it_says_what_will_come(as_):
    said = page(as_("admin"))
    assert "还没有巡检过" in said
    assert "立即巡检" in said


def test_what_cannot_be_rated_stands_first_with_what_happened(as_):
    ran(BAD)
    said = page(as_("supervisor"))
    assert "上次巡检有 1 项评不了" in said
    assert said.index("评不了的") < said.index("各渠道、各等级")
    assert "短信短链接 非常不满意 页面没有提供这一项：level=1" in said
    assert "8 秒" in said


def test_an_earlier_run_can_be_looked_at(as_):
    first = ran(BAD, NOW - timedelta(days=1))
    ran(GOOD)
    client = as_("admin")
    assert "评不了的" not in page(client)
    assert "页面没有提供这一项" in page(client, f"{PAGE}{first.pk}/")
    with held_at(NOW):
        assert client.get(f"{PAGE}999999/").status_code == 404


@pytest.mark.parametrize(("username", "hears"), [("admin", True), ("supervisor", True), ("city", False)])
@pytest.mark.parametrize("lines", [BAD, GOOD])
def test_the_workbench_tells_who_is_in_charge(as_, username, hears, lines):
    """Of a fault, and of a night that was missed."""
    ran(lines, NOW - timedelta(hours=37))
    words = "上次巡检有 1 项评不了" if lines is BAD else "已超过36小时没有巡检"
    assert (words in page(as_(username), "/console/")) is hears


def test_a_run_is_asked_for_once_and_written_down(as_):
    client = as_("admin")
    for wanted in ("巡检已开始", "巡检已在排队"):
        with held_at(NOW):
            assert wanted in text(client.post(PAGE + "now", follow=True).content.decode())
    (job,) = ProcrastinateJob.objects.filter(task_name=commands.JOB)
    assert job.args["by"] == "管理员"
    assert Audit.objects.get(action="probe_now").actor_name == "管理员"
    with held_at(NOW):
        assert client.get(PAGE + "now").status_code == 405


@pytest.mark.parametrize("username", ["city", "operator", "rectifier", "leader", "observer", "clerk", "audit"])
def test_nobody_else_opens_it(as_, username):
    assert as_(username).get(PAGE).status_code == 403
    assert as_(username).post(PAGE + "now").status_code == 403


def test_the_nightly_job_keeps_its_run_and_a_second_one_at_the_same_time_gives_way(cast, monkeypatch):
    asked = []
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)  # this test's own is an old one
    monkeypatch.setattr(jobs.probing, "run", lambda url, *, by: asked.append((url, by)) or ran(BAD, clock.now()))
    jobs.probe.func(0)
    assert asked[0][1] == "每夜巡检"

    def busy(url, *, by):
        raise commands.RUNNING

    monkeypatch.setattr(jobs.probing, "run", busy)
    jobs.probe.func(0)
    assert ProbeRun.objects.count() == 1
