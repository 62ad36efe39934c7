"""The fake national platform beside the demo: `python -m haochaping.project.demo.national`, until SIGTERM."""

from __future__ import annotations

import signal
from threading import Event

from haochaping.exchange.target import store_access
from haochaping.kit import config


def main() -> None:
    """Serve on a free port of this machine, and write down where, for the worker."""
    from tests.fakes.national import NationalPlatform

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with NationalPlatform(config.data_dir() / "national") as platform:
        store_access(platform.url, platform.app_mark, platform.app_word, platform.public_key)
        print(f"模拟国家平台 fake national platform {platform.url}", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
