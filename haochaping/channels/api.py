"""Machine calls beside the door: links, the catalogue, looking at one rating (contract §3)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from ninja import Field, Router, Schema

from haochaping.accounts.queries import returns_to
from haochaping.channels import commands, queries
from haochaping.channels.pages import qr_svg
from haochaping.channels.rules import LINK_DAYS_DEFAULT, LINK_DAYS_MOST
from haochaping.evaluation import batches
from haochaping.evaluation import queries as evaluation
from haochaping.kit import clock, ids
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy import queries as policy
from haochaping.rectification.progress import public_progress

if TYPE_CHECKING:
    from uuid import UUID

    from django.http import HttpRequest

    from haochaping.accounts.signing import SignedBy
    from haochaping.evaluation.models import ServiceEvent

router = Router(tags=["collection"])
LINES_TOLD = 1_000  # of a batch in one answer


class LinkAsked(Schema):
    project_no: str = Field(alias="projectNo", min_length=1, max_length=100)
    service_number: int = Field(alias="serviceNumber", ge=1, le=99)
    channel: int = Field(
        ge=1, le=9, description="pf: 1 PC, 2 mobile, 3 QR, 4 tablet, 5 terminal, 6 telephone, 7 SMS, 8 paper, 9 other"
    )
    ttl_days: int = Field(LINK_DAYS_DEFAULT, alias="ttlDays", ge=1, le=LINK_DAYS_MOST)
    return_url: str = Field(
        "", alias="returnUrl", max_length=500, description="where a button leads after the thanks; an origin of the app"
    )


class LinkMade(Schema):
    url: str
    qrSvg: str  # noqa: N815  the wire's name
    expiresAt: str  # noqa: N815


class IndicatorTold(Schema):
    normCode: str  # noqa: N815
    normName: str  # noqa: N815
    starLevel: int  # noqa: N815
    usingStatus: bool  # noqa: N815
    expandNorm: bool  # noqa: N815


@router.post("/links", response=LinkMade, summary="A link to the page that rates one service")
def make_link(request: HttpRequest, asked: LinkAsked) -> dict[str, str]:
    """Only for services of the app's organs; 409 where the service is rated or its window is over."""
    now, signed = clock.now(), _signed(request)
    event = _event(signed, asked.project_no, asked.service_number)
    if evaluation.is_rated(event.id):
        raise Refused("already_rated", 409, "本次服务已评价，无需再生成链接。")
    if not evaluation.is_open_for_rating(event, now):
        raise Refused("rating_window_closed", 409, "评价期限已过，不能再生成链接。")
    if asked.return_url and not returns_to(signed.app.app_id, asked.return_url):
        message = "returnUrl 的网站不在本应用的返回地址名单内，请系统管理员在“接入应用”中添加。"
        raise Refused("fields_refused", 422, message, (FieldError("returnUrl", "origin_not_allowed", message),))
    expires_at = min(now + timedelta(days=asked.ttl_days), event.closes_at)
    token = commands.make_link(
        event.id, asked.channel, expires_at - now, signed.app.app_id, now, return_url=asked.return_url
    )
    url = f"{settings.PUBLIC_URL}/e/{token}"
    return {"url": url, "qrSvg": qr_svg(url), "expiresAt": clock.to_wire(expires_at)}


@router.get("/indicators", response=list[IndicatorTold], summary="The catalogue in force")
def indicators(request: HttpRequest, *, retired: bool = False) -> list[dict[str, Any]]:
    """The indicators of the app's area today, best level first; with `retired=true` also those of the past."""
    norms = policy.indicators(_signed(request).app.area, clock.today(), retired=retired)
    return [
        {
            "normCode": norm.code,
            "normName": norm.name,
            "starLevel": norm.level,
            "usingStatus": norm.is_active,
            "expandNorm": not norm.is_core,
        }
        for norm in norms
    ]


@router.get("/evaluations/{path:project_no}/{int:service_number}", summary="One rating, as far as the app may see it")
def one(request: HttpRequest, project_no: str, service_number: int) -> dict[str, Any]:
    """The rating with its order's public progress if this app submitted it or the rater consented, else only whether it is rated."""
    signed = _signed(request)
    event = _event(signed, project_no, service_number)
    rating = evaluation.rating(event.id)
    if rating is None:
        return {"rated": False}
    if not queries.may_see(rating, signed.app.app_id):
        return {"rated": True}
    return {
        "rated": True,
        "projectNo": event.project_no,
        "serviceNumber": event.service_number,
        "satisfaction": rating.level,
        "pf": rating.pf,
        "evalDetail": ",".join(rating.indicators),
        "writingEvaluation": queries.words_for(rating, signed.app.app_id),
        "assessTime": clock.to_wire(rating.assess_time),
    } | _order(event.id)


class LineTold(Schema):
    index: int
    status: str
    id: str | None = None
    code: str | None = Field(None, description="why it was refused")


class BatchTold(Schema):
    batch: str
    receivedAt: str  # noqa: N815
    counts: dict[str, int]
    void: bool = Field(description="整批无效: its ratings do not count")
    reason: str | None = None
    results: list[LineTold]
    next: int | None = Field(None, description="`start` of the next page; absent after the last line")


@router.get("/batches/{batch}", response=BatchTold, exclude_none=True, summary="What came of a batch, line by line")
def batch(request: HttpRequest, batch: str, start: int = 0, status: str = "") -> dict[str, Any]:
    """Of a batch that this app sent: counts, and up to 1,000 lines from `start` on; 404 for any other."""
    found = batches.of_source(batch, _signed(request).app.app_id)
    lines = batches.lines_of(found.id, start=max(0, start), most=LINES_TOLD + 1, status=status)
    mark = batches.last_mark(found.id)
    return {
        "batch": found.id,
        "receivedAt": clock.to_wire(found.received_at),
        "counts": batches.counts([found.id])[found.id],
        "void": mark is not None and mark.voids,
        "reason": mark.reason if mark is not None and mark.voids else None,
        "results": [
            {
                "index": index,
                "status": line.status,
                "id": str(line.event_id) if line.event_id and not line.code else None,
                "code": line.code or None,
            }
            for index, line in lines[:LINES_TOLD]
        ],
        "next": lines[LINES_TOLD][0] if len(lines) > LINES_TOLD else None,
    }


def _order(event_id: UUID) -> dict[str, Any]:
    """The order's public progress, as the rater sees it; nothing where the rating opened none."""
    order = queries.order_told(event_id)
    if order is None:
        return {}
    steps = [
        {
            "kind": step.kind,
            "day": step.day and step.day.isoformat(),
            "text": step.text,
            "detail": step.detail,
            "who": step.who,
            "by": step.by and step.by.isoformat(),
            "isProvisional": step.is_provisional,
            "isLate": step.is_late,
        }
        for step in public_progress(event_id)
    ]
    return {"order": {"orderNo": order.order_no, "answerBy": clock.to_wire(order.answer_by), "progress": steps}}


def _signed(request: HttpRequest) -> SignedBy:
    signed: SignedBy = request.auth  # type: ignore[attr-defined]
    return signed


def _event(signed: SignedBy, project_no: str, service_number: int) -> ServiceEvent:
    return evaluation.one_for(signed.actor, ids.event_id(project_no, service_number))
