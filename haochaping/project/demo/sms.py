"""The fake SMS gateway beside the demo: `python -m haochaping.project.demo.sms`, until SIGTERM. Its inbox is a page."""

from __future__ import annotations

import signal
from threading import Event

from haochaping.kit import config
from haochaping.messaging.gateway import store_access


def main() -> None:
    """Serve on a free port of this machine, and write down where, for web and worker."""
    from tests.fakes.sms import SmsGateway

    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with SmsGateway(config.data_dir() / "sms", delivers_to=config.text("PUBLIC_URL")) as gateway:
        store_access(gateway.url, gateway.app_id, gateway.secret)
        print(f"模拟短信网关 fake SMS gateway, inbox 短信箱 {gateway.url}/", flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
