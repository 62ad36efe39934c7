"""The periodic work is registered, and one run empties what is there."""

from __future__ import annotations

import pytest

from haochaping.exchange import jobs
from haochaping.exchange.models import Attempt, Balance
from haochaping.kit.clock import held_at

pytestmark = pytest.mark.django_db


def test_one_run_of_the_job_sends_all_phases(stage, monkeypatch):
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)  # the test's connection is open
    stage.serve()
    stage.rate_badly()
    stage.answer()
    with held_at(stage.clock.now):
        jobs.upload(0)
        jobs.reconcile(0)
    assert stage.counts() == (1, 1, 1)
    assert Balance.objects.count() == 3


def test_both_are_periodic():
    from procrastinate.contrib.django import app

    tasks = {periodic.task.name for periodic in app.periodic_registry.periodic_tasks.values()}
    assert {"haochaping.exchange.jobs.upload", "haochaping.exchange.jobs.reconcile"} <= tasks


def test_a_far_side_that_does_not_answer_fails_no_job_and_old_attempts_go(stage, monkeypatch):
    monkeypatch.setattr(jobs, "close_old_connections", lambda: None)
    stage.serve()
    stage.send_all()
    stage.platform.faults.set({"error": 1})
    stage.clock.pass_(days=91)
    with held_at(stage.clock.now):
        jobs.reconcile(0)
    assert not Attempt.objects.exists()
    assert not Balance.objects.exists()
