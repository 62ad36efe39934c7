"""How often the worker brings the lake up to date."""

from __future__ import annotations

from procrastinate.contrib.django import app


def test_the_lake_is_refreshed_every_ten_seconds_of_every_minute():
    [periodic] = [p for p in app.periodic_registry.periodic_tasks.values() if p.task.name.endswith("refresh_lake")]
    at, waits = 1_795_479_663.0, []
    for _ in range(100):
        later = periodic.croniter.get_next(float, start_time=at)
        waits.append(later - at)
        at = later
    assert max(waits) == 10
    assert min(waits[1:]) == 10
