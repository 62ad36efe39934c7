"""Addresses for whoever tries the demo: `python -m haochaping.project.demo.links` prints them, one a line.

Links to rate with, a window's code, the questionnaire, one-time codes that make a browser a tablet or a terminal, and where
the fakes of what is outside our walls are. Made anew at each start: codes and links are nowhere kept.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

LINKS = 3


def main() -> None:
    """Print them."""
    django.setup()
    from haochaping.kit import clock, config

    for line in lines(config.text("PUBLIC_URL").rstrip("/"), clock.now()):
        print(line)


def lines(base: str, now: datetime) -> Iterator[str]:
    """What there is to try, each with its address."""
    from haochaping.channels.models import Questionnaire, Sign
    from haochaping.kit import config
    from haochaping.messaging.gateway import access

    yield "评价链接 links to rate with"
    yield from (f"  {link}" for link in _unrated(base, now))
    sign = Sign.objects.filter(replaced_at=None).order_by("window_code").first()
    if sign is not None:
        yield f"窗口二维码 a window's code  {base}/w/{sign.window_code}"
        yield from _codes(base, sign.window_code, now)
    yield f"综合点评 comments  {base}/comment"
    asked = Questionnaire.objects.filter(state="approved").order_by("made_at").first()
    if asked is not None:
        yield f"主动征询 questionnaire  {base}/q/{asked.code}"
    gateway = access()
    if gateway is not None:
        yield f"模拟短信箱 fake SMS inbox  {gateway.url}/"
    if issuer := config.text("OIDC_ISSUER"):
        yield f"模拟统一身份认证 fake identity service  {issuer}"


def _unrated(base: str, now: datetime) -> Iterator[str]:
    """Links to services of the last days that nobody has rated yet."""
    from haochaping.channels.commands import make_link
    from haochaping.evaluation.models import Evaluation, ServiceEvent
    from haochaping.evaluation.rules import Channel

    unrated = ServiceEvent.objects.filter(
        closes_at__gt=now, service_time__lt=now, aspect="service", is_probe=False
    ).exclude(id__in=Evaluation.objects.filter(received_at__gt=now - timedelta(days=30)).values("id"))
    for event in unrated.order_by("-service_time")[:LINKS]:
        yield f"{base}/e/{make_link(event.id, Channel.QR, timedelta(days=7), 'demo', now)}"


def _codes(base: str, window: str, now: datetime) -> Iterator[str]:
    """A code for the window's tablet and one for a terminal of its hall, good for a day and once."""
    from haochaping.accounts.rules import SYSTEM
    from haochaping.channels.device.commands import issue_code
    from haochaping.channels.device.rules import Kind, in_halves
    from haochaping.directory.models import Device
    from haochaping.directory.queries import snapshot

    _, tablet = issue_code(Kind.TABLET, window=window, actor=SYSTEM, now=now)
    hall = snapshot().windows[window].hall
    unused = Device.objects.filter(kind=Kind.KIOSK, hall=hall, enrolled_at=None).values_list("id", flat=True).first()
    _, terminal = issue_code(Kind.KIOSK, hall=hall, actor=SYSTEM, now=now, replaces=unused or "")
    yield f"窗口评价器 window tablet  {base}/device/  注册码 code {in_halves(tablet)}"
    yield f"自助终端 terminal  {base}/device/  注册码 code {in_halves(terminal)}，注册后打开 then open {base}/kiosk"


if __name__ == "__main__":
    main()
