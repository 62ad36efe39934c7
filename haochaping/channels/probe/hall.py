"""The hall's devices: the window tablet with its doorbell, the self-service terminal."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from haochaping.channels.device import access
from haochaping.channels.device.commands import issue_code
from haochaping.channels.device.rules import Kind as DeviceKind
from haochaping.channels.probe import region
from haochaping.channels.probe.ground import PERSON, fill
from haochaping.channels.probe.rules import CannotGive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from uuid import UUID

    from haochaping.channels.probe.browser import Browser
    from haochaping.channels.probe.ground import Ground
    from haochaping.channels.probe.rules import Asked, Kind

BELL = httpx.Timeout(20, read=10)
_TOLD = re.compile(r'<script id="told"[^>]*>(.*?)</script>', re.DOTALL)


def tablet(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """The service is finished at the window, the doorbell rings, the state names the case, a face is tapped."""
    key = ec.generate_private_key(ec.SECP256R1())
    visitor, id_ = _enrolled(ground, DeviceKind.TABLET, key)
    screen = visitor.get(f"/device/{id_}")
    faces = set(re.findall(r'data-level="(\d)"', screen.text))
    told = _TOLD.search(screen.text)
    tags: dict[str, Any] = json.loads(told[1])["tags"] if told else {}
    bell = _bell(ground, visitor, id_)
    seen = 0

    def give(asked: Asked) -> UUID:
        nonlocal seen
        level = str(int(asked.level))
        if level not in faces:
            raise CannotGive(f"评价器上没有“{asked.level.name_zh}”这个按钮（{screen.told}）")
        service = ground.serve(windowNo=region.TABLET_WINDOW)
        _rung(bell)
        state = visitor.http.get(f"/device/{id_}/state", params={"after": seen}).json()
        seen = state.get("seq", seen)
        if not state.get("call") or state["call"]["projectNo"] != service.project_no:
            raise CannotGive(f"评价器没有为刚办结的办件打开：{state.get('call')}")
        offered = tags.get(level, [])
        if asked.level.is_bad and not asked.is_bare and not offered:
            raise CannotGive(f"评价器上“{asked.level.name_zh}”没有原因可选")
        chosen = [] if asked.is_bare or not offered else [offered[0]["code"]]
        tap = {
            "uuid": str(uuid4()),
            "tappedAt": int(ground.now().timestamp() * 1000),
            "level": int(asked.level),
            "tags": chosen,
            "projectNo": service.project_no,
            "serviceNumber": 1,
        }
        _hand_in(ground, visitor, id_, key, tap)
        return service.id

    return give


def _hand_in(ground: Ground, visitor: Browser, id_: str, key: ec.EllipticCurvePrivateKey, tap: dict[str, Any]) -> None:
    path, body = f"/device/{id_}/ratings", json.dumps({"waiting": 0, "ratings": [tap]}).encode()
    answer = visitor.http.post(path, content=body, headers=access.sign(key, path, body, ground.now()))
    if answer.status_code != 200:
        raise CannotGive(ground.machine.told(answer))
    (result,) = answer.json()["results"]
    if result["outcome"] != "stored":
        raise CannotGive(f"评价器的评价没有入库：{result['outcome']}")


def _enrolled(ground: Ground, kind: DeviceKind, key: ec.EllipticCurvePrivateKey) -> tuple[Browser, str]:
    place = {"window": region.TABLET_WINDOW} if kind is DeviceKind.TABLET else {"hall": region.HALL}
    _, code = issue_code(kind, actor=region.ITSELF, now=ground.now(), **place)
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    visitor = ground.open(ground.visitor())
    csrf = visitor.get("/device/").form("csrfmiddlewaretoken").filled({})["csrfmiddlewaretoken"][0]
    given = {"code": code, "publicKey": base64.b64encode(public).decode(), "version": "probe"}
    headers = {"X-CSRFToken": csrf, "Referer": f"{ground.url}/device/"}
    answer = visitor.http.post("/device/", json=given, headers=headers)
    if answer.status_code != 200:
        raise CannotGive(f"设备注册不上：{ground.machine.told(answer)}")
    return visitor, answer.json()["id"]


def _bell(ground: Ground, visitor: Browser, id_: str) -> Iterator[str]:
    """The lines of the doorbell's stream, open from now on."""
    stream = ground.open(visitor.http.stream("GET", f"/device/{id_}/events", timeout=BELL))
    if stream.status_code != 200:
        raise CannotGive(f"评价器的门铃接不上：状态 {stream.status_code}")
    return stream.iter_lines()


def _rung(bell: Iterator[str]) -> None:
    try:
        for line in bell:
            if line == "event: call":
                return
    except httpx.HTTPError:
        pass
    raise CannotGive("办结了，评价器的门铃没有响")


def kiosk(ground: Ground, kind: Kind) -> Callable[[Asked], UUID]:  # noqa: ARG001
    """The card's number is typed, the service stands in the list, and is rated."""
    visitor, _ = _enrolled(ground, DeviceKind.KIOSK, ec.generate_private_key(ec.SECP256R1()))

    def give(asked: Asked) -> UUID:
        service = ground.serve(**{name: PERSON[name] for name in ("userName", "creditType", "creditNum")})
        page = visitor.get("/kiosk")
        listed = visitor.submit(page, page.form("number"), {"number": PERSON["creditNum"]})
        done = fill(visitor, visitor.get(listed.link(str(service.id))), asked)
        if "评价已收到" not in done.said:
            raise CannotGive(f"提交后没有给回执（{done.told}）")
        return service.id

    return give
