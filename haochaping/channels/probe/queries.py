"""What the probe found last, and whether somebody should look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from haochaping.channels.models import ProbeRun
from haochaping.channels.probe.rules import STALE_AFTER

if TYPE_CHECKING:
    from datetime import datetime

HISTORY = 30


class Standing(NamedTuple):
    """How the channels stand by the last run; `words` is empty where nobody need do anything."""

    last: ProbeRun | None
    words: str


def standing(now: datetime) -> Standing:
    """The last run, and what an operator is to be told of it."""
    last = ProbeRun.objects.order_by("-at", "-id").first()
    if last is None:
        return Standing(None, "还没有巡检过")
    if last.failed:
        return Standing(last, f"上次巡检有 {last.failed} 项评不了")
    if now - last.at > STALE_AFTER:
        return Standing(last, "已超过36小时没有巡检")
    return Standing(last, "")


def history() -> list[ProbeRun]:
    """The last runs, newest first."""
    return list(ProbeRun.objects.order_by("-at", "-id")[:HISTORY])


def one(pk: int) -> ProbeRun | None:
    return ProbeRun.objects.filter(pk=pk).first()
