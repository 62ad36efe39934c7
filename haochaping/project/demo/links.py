"""Links to rate with, for whoever tries the demo: `python -m haochaping.project.demo.links` prints three, one a line."""

from __future__ import annotations

from datetime import timedelta

import django

LINKS = 3


def main() -> None:
    """Links to services of the last days that nobody has rated yet."""
    django.setup()
    from haochaping.channels.commands import make_link
    from haochaping.evaluation.models import Evaluation, ServiceEvent
    from haochaping.evaluation.rules import Channel
    from haochaping.kit import clock, config

    now = clock.now()
    unrated = ServiceEvent.objects.filter(closes_at__gt=now, service_time__lt=now, aspect="service").exclude(
        id__in=Evaluation.objects.filter(received_at__gt=now - timedelta(days=30)).values("id")
    )
    base = config.text("PUBLIC_URL").rstrip("/")
    for event in unrated.order_by("-service_time")[:LINKS]:
        print(f"{base}/e/{make_link(event.id, Channel.QR, timedelta(days=7), 'demo', now)}")


if __name__ == "__main__":
    main()
