"""A sender of its own process, for tests that kill it: `python -m tests.messaging.sender BASE SPEED`; see tests.exchange.sender."""

from __future__ import annotations

import os
import sys
from threading import Event

from tests.exchange.sender import at


def main(base: float, speed: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "haochaping.project.settings")
    import django

    django.setup()
    from haochaping.messaging import sending

    pause = Event()
    print("ready", flush=True)
    while True:
        if not sending.send_due(at(base, speed), limit=3):
            pause.wait(0.05)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
