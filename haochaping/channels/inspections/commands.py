"""监督查评: those who supervise rate what they went to see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.accounts.rules import Role
from haochaping.channels.desk.commands import record_entry, refused
from haochaping.channels.desk.rules import Way
from haochaping.channels.models import Inspection
from haochaping.evaluation import attachments
from haochaping.evaluation.models import ServiceEvent
from haochaping.evaluation.rules import Mode
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from haochaping.accounts.rules import Actor
    from haochaping.evaluation.records import Submission
    from haochaping.flow.admit import Outcome
    from haochaping.flow.visits import Visit

INSPECTS = (Role.SUPERVISOR, Role.CITY)
PHOTOS_MOST = 4
INSPECTORS_MOST = 200


@dataclass(frozen=True)
class Findings:
    """What an inspection's record says beside the rating."""

    inspected_on: date
    inspectors: str
    number: str  # of the written record
    photos: Sequence[tuple[str, bytes]] = ()  # file name and content


def record_inspection(
    submission: Submission, visit: Visit, findings: Findings, *, actor: Actor, now: datetime
) -> Outcome:
    """The rating of an inspection, kept apart from citizens' by its mode; bad ones open an order as any.

    Its words are the findings. Refused 403 for who does not supervise, 422 by field, or as `record_entry`.
    """
    if not actor.has(*INSPECTS):
        raise Refused("not_your_role", 403, "监督查评由督办或市级主管录入。")
    inspectors = findings.inspectors.strip()
    if not inspectors or len(inspectors) > INSPECTORS_MOST or "\x00" in inspectors:
        raise refused("inspectors", "required", f"请填写检查人员的姓名和单位，最多 {INSPECTORS_MOST} 字。")
    if not submission.words:
        raise refused("writingEvaluation", "required", "请写明检查发现了什么。")
    if findings.inspected_on > clock.day(now):
        raise refused("inspected_on", "in_the_future", "检查日期不能晚于今天。")
    if len(findings.photos) > PHOTOS_MOST:
        raise refused("photos", "too_many", f"照片最多 {PHOTOS_MOST} 张。")
    noon = datetime.combine(findings.inspected_on, time(12), clock.CHINA)
    this_second = now.replace(microsecond=0)  # as the wire counts: what is rated now was seen no later
    seen = replace(visit, at=min(noon, this_second), mode=Mode.INSPECTION)
    with transaction.atomic():
        outcome = record_entry(submission, way=Way.INSPECTION, proof=findings.number, actor=actor, now=now, visit=seen)
        event = ServiceEvent.objects.get(id=outcome.id)
        if not actor.over(area=event.area_path, organ=event.organ_path, window=event.window_code).has(*INSPECTS):
            raise Refused("not_your_role", 403, "监督查评由当地的督办或市级主管录入。")
        Inspection.objects.get_or_create(
            event_id=event.id,
            defaults={
                "inspected_on": findings.inspected_on,
                "inspectors": inspectors,
                "area_path": event.area_path,
                "organ_path": event.organ_path,
                "window_code": event.window_code,
                "person_id": actor.id,
                "person_name": actor.name,
                "made_at": now,
            },
        )
        for name, raw in findings.photos if outcome.status == "created" else ():
            attachments.keep(event.id, "inspection", name, raw, by=actor.id, now=now)
    return outcome
