"""A sender of its own process, for tests that kill it: `python -m tests.exchange.sender BASE SPEED`.

Its clock starts at the stage's NOW when the machine's monotonic clock showed BASE, and runs SPEED times as fast.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from threading import Event
from time import monotonic

START = datetime.fromisoformat("2026-06-10T02:00:00+00:00")  # tests.cast.NOW, which only Django's own may import


def at(base: float, speed: float) -> datetime:
    return START + timedelta(seconds=(monotonic() - base) * speed)


def main(base: float, speed: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")
    import django

    django.setup()
    from haochaping.exchange import commands

    pause = Event()
    print("ready", flush=True)
    while True:
        now = at(base, speed)
        if not commands.collect(now, limit=100) and not commands.send_due(now).claimed:
            pause.wait(0.05)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
