"""Who sends, and the made-up services and ratings as records of the machine API (contract §3). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from haochaping.kit.clock import to_wire

if TYPE_CHECKING:
    from haochaping.project.demo.plan import Visit


class Sender(msgspec.Struct, frozen=True):
    """A business system that sends: its own part of the province, and its secret."""

    name: str
    area: str  # prefix
    organ: str  # path prefix
    app_id: str
    secret: str

    def sends_for(self, area_path: str, organ_path: str) -> bool:
        return area_path.startswith(self.area) and organ_path.startswith(self.organ)


def service(visit: Visit) -> dict[str, Any]:
    """办件服务数据 as a business system sends it."""
    item, citizen = visit.item, visit.citizen
    record: dict[str, Any] = {
        "projectNo": visit.project_no,
        "serviceNumber": visit.number,
        "projectName": f"{citizen.name[:1]}**办理{item.name}" if citizen.prop == 1 else f"企业办理{item.name}",
        "taskCode": item.task_code,
        "orgcode": visit.organ.code,
        "areaCode": visit.area,
        "serviceTime": to_wire(visit.at),
        "serviceName": "出件" if visit.number > 1 else "申请受理" if visit.finished_at is None else "办结",
        "proStatus": 2 if visit.finished_at is None else 3,
        "acceptDate": to_wire(visit.accepted_at),
        "proChannel": 1 if visit.is_online else 2,
        "projectType": 2 if item.promise else 1,
        "promiseDay": item.promise,
        "promiseType": 1,
        "userProp": citizen.prop,
        "userName": citizen.name,
        "creditType": "111" if citizen.prop == 1 else "001",
        "creditNum": citizen.number,
        "mobile": citizen.mobile,
    }
    if item.handle_item:
        record["taskHandleItem"] = item.handle_item
    if visit.finished_at is not None:
        record["resultDate"] = to_wire(visit.finished_at)
    if visit.window is not None and visit.clerk is not None:
        record |= {"windowNo": visit.window.code, "clerkNo": visit.clerk.number}
    if visit.point:
        record["point"] = visit.point
    return record


def evaluation(visit: Visit) -> dict[str, Any]:
    """The rating of this visit as a device or platform sends it."""
    rating = visit.rating
    assert rating is not None
    record: dict[str, Any] = {
        "projectNo": visit.project_no,
        "serviceNumber": visit.number,
        "satisfaction": rating.level,
        "pf": rating.pf,
        "evalDetail": ",".join(rating.codes),
        "writingEvaluation": rating.words,
        "assessTime": to_wire(rating.at),
    }
    if rating.signs:
        record |= {"name": visit.citizen.name, "mobile": visit.citizen.mobile, "userProp": visit.citizen.prop}
        record["consent"] = list(rating.consent)
    elif rating.consent:
        record["consent"] = [c for c in rating.consent if c == "publish_text"]
    if rating.pf in {4, 5} and visit.window is not None:
        record["deviceId"] = f"D-{visit.window.code}"
    return record


def page_form(visit: Visit) -> dict[str, Any]:
    """The same as somebody fills it in on the citizen's page."""
    rating = visit.rating
    assert rating is not None
    form: dict[str, Any] = {
        "level": str(rating.level),
        f"tags-{rating.level}": list(rating.codes),
        "words": rating.words,
        "consent": [c for c in rating.consent if rating.signs or c == "publish_text"],
    }
    if rating.signs:
        form |= {"name": visit.citizen.name, "mobile": visit.citizen.mobile}
    return form
