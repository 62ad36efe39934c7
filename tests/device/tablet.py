"""A tablet in Python: its key, its signature, its batches, straight to the ASGI lane."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from haochaping.accounts.rules import SYSTEM
from haochaping.channels.device import access, commands
from haochaping.channels.device.rules import Kind
from haochaping.kit import clock

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.channels.device.lane import DeviceLane


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


@dataclass
class Tablet:
    """An enrolled tablet at a window."""

    id: str
    cookie: str
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def sign(self, body: bytes, now: datetime, *, path: str = "") -> dict[str, str]:
        return access.sign(self.key, path or f"/device/{self.id}/ratings", body, now)

    def send(self, lane: DeviceLane, ratings: Any, now: datetime, **headers: str) -> httpx.Response:
        body = ratings if isinstance(ratings, bytes) else json.dumps({"waiting": 0, "ratings": ratings}).encode()
        with clock.held_at(now):
            return post(lane, f"/device/{self.id}/ratings", body, self.sign(body, now) | headers)

    def outcomes(self, lane: DeviceLane, ratings: Any, now: datetime) -> list[str]:
        answer = self.send(lane, ratings, now)
        assert answer.status_code == 200, answer.text
        return [result["outcome"] for result in answer.json()["results"]]


def post(lane: DeviceLane, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=lane), base_url="http://testserver") as client:
            return await client.post(path, content=body, headers=headers)

    return asyncio.run(ask())


def enrolled(window: str = "NJ-A01", *, now: datetime, kind: Kind = Kind.TABLET, hall: str = "") -> Tablet:
    _, code = commands.issue_code(kind, window=window, hall=hall, actor=SYSTEM, now=now)
    key = ec.generate_private_key(ec.SECP256R1())
    device, token = commands.enrol(code, public_of(key), now=now)
    return Tablet(device.id, token, key)


def public_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def tap(level: int | None, at: datetime, project_no: str = "", **more: Any) -> dict[str, Any]:
    return {
        "uuid": str(uuid4()),
        "tappedAt": milliseconds(at),
        "level": level,
        "tags": [],
        "projectNo": project_no,
        "serviceNumber": 1,
    } | more
