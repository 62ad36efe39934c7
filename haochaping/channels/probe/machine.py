"""The machine's channels: signed single ratings, a batch, links."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from haochaping.channels.commands import make_link
from haochaping.channels.probe.browser import COMPUTER, TELEPHONE
from haochaping.channels.probe.ground import fill, thanked
from haochaping.channels.probe.rules import CannotGive
from haochaping.evaluation.rules import Channel

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from haochaping.channels.probe.ground import Ground
    from haochaping.channels.probe.rules import Asked, Kind

LINK_LIVES = timedelta(hours=1)


def single(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:
    """`POST /api/v1/evaluations`."""

    def give(asked: Asked) -> UUID:
        service = ground.serve()
        body = json.dumps(ground.wire(service, kind.pf, asked)).encode()
        answer = ground.machine.send("POST", "/api/v1/evaluations", body)
        if answer.status_code != 201:
            raise CannotGive(ground.machine.told(answer))
        return service.id

    return give


def batch(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:
    """One batch that holds every level; each level's answer is its own line's."""
    services = {asked: ground.serve() for asked in kind.asked}
    lines = [ground.wire(service, kind.pf, asked) for asked, service in services.items()]
    answer = ground.machine.send("POST", "/api/v1/evaluations/batch", json.dumps(lines).encode())
    if answer.status_code != 200:
        raise CannotGive(ground.machine.told(answer))
    told: dict[Asked, Any] = dict(zip(services, answer.json()["results"], strict=True))

    def give(asked: Asked) -> UUID:
        if told[asked]["status"] != "created":
            raise CannotGive(f"{told[asked]['status']} {told[asked].get('errors', '')}")
        return services[asked].id

    return give


def link(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:
    """`POST /api/v1/links`, and the page that it leads to."""

    def give(asked: Asked) -> UUID:
        service = ground.serve()
        wanted = {"projectNo": service.project_no, "serviceNumber": 1, "channel": kind.pf}
        answer = ground.machine.send("POST", "/api/v1/links", json.dumps(wanted).encode())
        if answer.status_code != 200:
            raise CannotGive(ground.machine.told(answer))
        return _through(ground, urlsplit(answer.json()["url"]).path, kind, asked, service.id)

    return give


def short_link(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:
    """The short link of an SMS. The SMS itself is never sent."""

    def give(asked: Asked) -> UUID:
        service = ground.serve()
        token = make_link(service.id, kind.pf, LINK_LIVES, "probe", ground.now(), is_short=True)
        return _through(ground, f"/e/{token}", kind, asked, service.id)

    return give


def _through(ground: Ground, path: str, kind: Kind, asked: Asked, event_id: UUID) -> UUID:
    with ground.visitor(COMPUTER if kind.pf == Channel.PC else TELEPHONE) as visitor:
        thanked(fill(visitor, visitor.get(path), asked))
    return event_id
