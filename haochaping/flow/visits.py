"""A rating without a case (static window QR, consultation, hotline, box, inspection): its service event is made here (design §3)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.directory.queries import snapshot
from haochaping.directory.rules import is_probe_area
from haochaping.evaluation import queries as evaluation
from haochaping.evaluation.models import ServiceEvent
from haochaping.evaluation.rules import Aspect, Mode, Point, canonical
from haochaping.kit import clock, crypto, ids, keys
from haochaping.kit.errors import FieldError, Refused
from haochaping.kit.rows import insert_new
from haochaping.outbox.commands import tell

if TYPE_CHECKING:
    from datetime import datetime

PREFIX = "HCP"  # a case number of ours; business systems' begin with their own letters
CASE_OF_OURS = f"^{PREFIX}[0-9]{{8}}[0-9A-F]{{20}}$"  # PostgreSQL and Python read it alike


@dataclass(frozen=True)
class Visit:
    """What somebody rates who has no case: a window, else a hall, an organ, or only a place; the item if they know it."""

    at: datetime  # when they were served, aware
    window_code: str = ""
    organ_code: str = ""
    hall_code: str = ""  # where no window is known
    area: str = ""  # twelve digits; wanted only where neither window, hall nor organ says it
    task_code: str = ""
    clerk_no: str = ""
    name: str = ""  # what was served, in a few words (consultation, platform, box)
    mode: str = Mode.ON_SITE
    aspect: str = Aspect.SERVICE
    point: str = Point.NONE
    key: str = ""  # what makes the same visit the same when it is sent again; empty: every call is a new one


def open_visit(visit: Visit, *, source: str, now: datetime, is_probe: bool = False) -> ServiceEvent:
    """The service event of a visit, made or, for the same `key` of the same source again, the one that is there.

    Its case number is the platform's own. Who answers is the window's organ, else the organ named, else nobody yet:
    a bad rating of it waits for the arbiter. Refused 422 for a window, hall, organ, item or place that is not known.
    """
    row = _row(visit, source, now, is_probe=is_probe)
    with transaction.atomic():
        if insert_new("evaluation_serviceevent", [row]):
            tell([(row["id"], "service", row["service_day"])], now=now)
        return ServiceEvent.objects.get(id=row["id"])


def _row(visit: Visit, source: str, now: datetime, *, is_probe: bool) -> dict[str, Any]:
    directory, day = snapshot(), clock.day(visit.at)
    window = directory.windows.get(visit.window_code) if visit.window_code else None
    if visit.window_code and window is None:
        raise _unknown("windowNo", f"窗口 {visit.window_code} 未登记。")
    organ_code = visit.organ_code or (window.organ if window else "")
    organ = directory.organs.get(organ_code) if organ_code else None
    if visit.organ_code and organ is None:
        raise _unknown("orgcode", f"单位 {visit.organ_code} 未登记。")
    item = directory.item(visit.task_code, "", day) if visit.task_code else None
    if visit.task_code and item is None:
        raise _unknown("taskCode", f"事项 {visit.task_code} 未登记。")
    hall = directory.halls.get(window.hall if window else visit.hall_code)
    if visit.hall_code and hall is None:
        raise _unknown("hallCode", f"大厅 {visit.hall_code} 未登记。")
    region = directory.region(visit.area or (hall.area if hall else organ.area if organ else ""))
    if region is None:
        raise _unknown("areaCode", "请选择所在地区。")
    secret = f"{source}\x00{visit.key}" if visit.key else secrets.token_hex(16)
    project_no = (
        f"{PREFIX}{day:%Y%m%d}{crypto.hmac_sm3(keys.key('ids'), b'visit' + secret.encode()).hex()[:20].upper()}"
    )
    area_path = directory.area_path(region.code)
    closing = evaluation.closing(area_path, visit.at, day)
    return {
        "id": ids.event_id(project_no, 1),
        "project_no": project_no,
        "service_number": 1,
        "service_name": visit.name[:100],
        "service_time": visit.at.replace(
            microsecond=0
        ),  # as the wire counts: what is rated at once was served no later
        "service_day": day,
        "pro_status": 3,
        "mode": visit.mode,
        "task_code": item.task_code if item else "",
        "task_handle_item": item.handle_item if item else "",
        "item_name": item.name if item else visit.name[:500],
        "organ_code": organ_code if organ else "",
        "organ_name": organ.name if organ else "",
        "organ_path": organ.path if organ else "",
        "area": region.code,
        "area_path": area_path,
        "hall_code": window.hall if window else visit.hall_code,
        "window_code": visit.window_code,
        "clerk_no": visit.clerk_no,
        "aspect": visit.aspect,
        "point": visit.point,
        "is_probe": is_probe or is_probe_area(area_path),
        "project_name": "",
        "source": source,
        "version": 1,
        "digest": crypto.hmac_sm3(keys.key("content"), canonical({"project_no": project_no})),
        "received_at": now,
        "closes_at": closing.at,
        "closes_is_provisional": closing.provisional,
    }


def _unknown(field: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, "unknown", message),))
