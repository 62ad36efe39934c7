"""The probe: gives every level through every channel of a running system, and reads back what was stored."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from haochaping.accounts.commands import audit
from haochaping.channels.models import ProbeRun
from haochaping.channels.probe import citizen, desk, hall, machine, region
from haochaping.channels.probe.ground import Ground
from haochaping.channels.probe.rules import KINDS, CannotGive, Line, excerpt
from haochaping.channels.queries import order_told
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.accounts.rules import Actor
    from haochaping.channels.probe.rules import Asked, Kind

    Give = Callable[[Asked], UUID]
    Begin = Callable[[Ground, Kind], Give]

BEGIN: dict[str, Begin] = {
    "batch": machine.batch,
    "link-pc": machine.link,
    "link-mobile": machine.link,
    "link-qr": machine.link,
    "sms": machine.short_link,
    "window-name": citizen.by_name,
    "window-tail": citizen.by_tail,
    "visit": citizen.visit,
    "tablet": hall.tablet,
    "kiosk": hall.kiosk,
    "my": citizen.rate,
    "follow-up": citizen.follow_up,
    "telephone": desk.telephone,
    "paper": desk.paper,
    "comment": citizen.comment,
}
JOB = "haochaping.channels.jobs.probe"
RUNNING = Refused("probe_running", 409, "巡检正在进行，请等它结束后再试。")
_LOCK = "SELECT pg_try_advisory_lock(hashtext('channels.probe'))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('channels.probe'))"


def run(
    url: str,
    *,
    by: str,
    kinds: Sequence[Kind] = KINDS,
    told: Callable[[Line], None] | None = None,
    now: Callable[[], datetime] = clock.now,
) -> ProbeRun:
    """Give everything once, and keep what came of it. `told` hears each line at once.

    The system at `url` must be the one whose database this process uses. Refused 409 while another run is under way,
    422 for what is no address. Nothing that it made counts; its people, key and devices are void when it ends.
    """
    address = url.rstrip("/")
    if urlsplit(address).scheme not in {"http", "https"}:
        message = f"“{url[:100]}”不是网址，应写成 https://hcp.example.gov.cn。"
        raise Refused("fields_refused", 422, message, (FieldError("url", "malformed", message),))
    started, at = monotonic(), now()
    with connection.cursor() as cursor:
        cursor.execute(_LOCK)
        if not cursor.fetchone()[0]:
            raise RUNNING
    try:
        lines = []
        for line in _lines(address, kinds, now):
            lines.append(line)
            if told is not None:
                told(line)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_UNLOCK)
    failed = sum(bool(line.fault) for line in lines)
    return ProbeRun.objects.create(
        at=at,
        url=address[:200],
        given=len(lines) - failed,
        failed=failed,
        took_ms=int((monotonic() - started) * 1000),
        lines=lines,
        by=by,
    )


def run_soon(actor: Actor, *, now: datetime) -> bool:
    """Have the worker run the probe now; False if it is about to anyway."""
    job = app.configure_task(JOB, queue="probe", queueing_lock="channels.probe")
    try:
        with transaction.atomic():
            job.defer(timestamp=0, by=actor.name)
            audit(actor, "probe_now", "channels", now=now)
    except AlreadyEnqueued:
        return False
    return True


def _lines(url: str, kinds: Sequence[Kind], now: Callable[[], datetime]) -> Iterator[Line]:
    region.settle(now())
    with region.hands(now()) as hands, (ground := Ground(url, hands, now)).closing:
        fault = _tried(ground.wait_until_known)
        for kind in kinds:
            if fault:
                yield from (Line(kind.key, int(asked.level), asked.is_bare, fault, 0) for asked in kind.asked)
            else:
                yield from _channel(ground, kind)


def _channel(ground: Ground, kind: Kind) -> Iterator[Line]:
    began: list[Give] = []
    begin = BEGIN.get(kind.key, machine.single)
    fault = _tried(lambda: began.append(begin(ground, kind)))
    for asked in kind.asked:
        started = monotonic()
        said = fault or _tried(lambda asked=asked: _check(kind, asked, began[0](asked)))  # type: ignore[misc]
        yield Line(kind.key, int(asked.level), asked.is_bare, said, int((monotonic() - started) * 1000))


def _tried(work: Callable[[], object]) -> str:
    """What went wrong, "" for nothing. One broken channel stops no other."""
    try:
        work()
    except CannotGive as error:
        return str(error)
    except Refused as no:
        return f"{no.status} {no.code}：{no.message}"
    except httpx.HTTPError as error:
        return f"连接出错：{type(error).__name__} {excerpt(str(error))}"
    except Exception as error:  # noqa: BLE001  an answer of a shape nobody expected is what the probe is to find
        return f"回答读不懂：{type(error).__name__} {excerpt(str(error))}"
    return ""


def _check(kind: Kind, asked: Asked, event_id: UUID) -> None:
    """`CannotGive` unless it is stored as it was given, marked as a probe's, and a bad one has its order."""
    rating = evaluation.rating(event_id)
    if rating is None:
        raise CannotGive("页面和接口都说收下了，但评价没有入库")
    if not rating.is_probe:
        raise CannotGive("评价入库了，但没有标为探针，会计入统计")
    if kind.key == "follow-up":
        after = evaluation.follow_up(event_id)
        if after is None or after.level != asked.level:
            raise CannotGive("追评没有入库" if after is None else f"追评存成了“{LEVEL_NAMES[Level(after.level)]}”")
        return
    if rating.level != asked.level:
        raise CannotGive(f"存成了“{LEVEL_NAMES[Level(rating.level)]}”")
    if rating.pf != kind.pf:
        raise CannotGive(f"渠道存成了 pf={rating.pf}，应为 {kind.pf}")
    has_order = order_told(event_id) is not None
    if has_order != asked.level.is_bad:
        raise CannotGive("差评没有生成工单" if asked.level.is_bad else "不是差评，却生成了工单")
