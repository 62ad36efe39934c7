"""`POST /api/v1/calls`: a business system says that a service was finished at a window, and its tablet opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ninja import Field, Router, Schema

from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.flow.calls import ring
from haochaping.kit import clock, ids
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.accounts.signing import SignedBy

router = Router(tags=["collection"])


class Call(Schema):
    window_no: str = Field(alias="windowNo", min_length=1, max_length=64)
    project_no: str = Field(alias="projectNo", min_length=1, max_length=100)
    service_number: int = Field(alias="serviceNumber", ge=1, le=99)


class CallTaken(Schema):
    rings: bool = Field(description="false: no tablet stands at this window, or the service is rated already")


@router.post("/calls", response=CallTaken, summary="Ask for a rating at a window's tablet")
def call(request: HttpRequest, asked: Call) -> dict[str, bool]:
    """Only at windows of the app's organs. A service record with `windowNo` that arrives within ten minutes rings by itself."""
    now = clock.now()
    signed: SignedBy = request.auth  # type: ignore[attr-defined]
    known = snapshot()
    window, hall = known.windows.get(asked.window_no), known.hall_of(asked.window_no)
    organ = known.organs.get(window.organ) if window else None
    area_path = known.area_path(hall.area) if hall else ""
    if window is None or not signed.app.reaches(area_path=area_path, organ_path=organ.path if organ else ""):
        message = f"没有窗口 {asked.window_no}，或它不属于贵单位。"
        raise Refused("window_not_yours", 404, message, (FieldError("windowNo", "unknown", message),))
    event = evaluation.event(ids.event_id(asked.project_no, asked.service_number))
    is_served_here = (
        event is None
        or event.window_code == window.code
        or signed.app.reaches(area_path=event.area_path, organ_path=event.organ_path)
    )
    if not is_served_here:  # whether somebody elsewhere has rated is not told
        raise Refused("service_not_found", 404, "没有这次服务，或它不属于贵单位。")
    if event is not None and evaluation.is_rated(event.id):
        return {"rings": False}
    rung = ring([(window.code, asked.project_no, asked.service_number)], source=signed.app.app_id, now=now)
    return {"rings": bool(rung)}
