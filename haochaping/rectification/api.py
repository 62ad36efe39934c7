"""Work orders for a department's own system: all that its people can do, no more (contract §3)."""

from __future__ import annotations

from base64 import b64decode
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID  # noqa: TC003  the route's own type

from django.http import HttpResponse
from ninja import Body, Field, Query, Router, Schema

from haochaping.accounts.signing import Signed
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification import evidence, queries, relay
from haochaping.rectification.commands import contribute, perform
from haochaping.rectification.facts import brief, facts_for, last_day, timeline
from haochaping.rectification.rules import State
from haochaping.rectification.workflow import BY_SOURCE_AND_VERB

if TYPE_CHECKING:
    from django.http import HttpRequest

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import Order

router = Router(tags=["orders"])
# Limits are given as the last day that is in time; names as integrators of the national platform know them.
WIRE = {
    "order_no": "orderNo", "state": "state", "state_name": "stateName", "level": "satisfaction", "task_code": "taskCode",
    "item_name": "taskName", "organ_code": "deptCode", "organ_name": "deptName", "area": "areaCode",
    "window_code": "windowNo", "service_day": "serviceDay", "rated_day": "ratedDay", "dispatch_day": "dispatchDay",
    "is_provisional": "isProvisional", "was_late": "wasLate", "real_name": "isRealName", "severity": "severity",
    "cause": "cause", "verdict": "verdict", "answered_at": "answeredAt", "moves": "moves", "indicators": "indicators",
    "words": "writingEvaluation", "reply": "reply", "warnings": "warnings", "is_true": "isTrue", "is_reasonable": "isReasonable",
    "charged": "charged", "is_sealed": "isSealed", "project_no": "projectNo", "service_number": "serviceNumber",
    "service_time": "serviceTime", "assess_time": "assessTime",
}  # fmt: skip


FILE_BODY_MOST = 14 * 1024 * 1024  # bytes: a PDF of 10 MB in Base64


class FileGiven(Schema):
    name: str = Field(max_length=200, description="the file's name")
    content: str = Field(description="the file in Base64: a picture of up to 5 MB, a PDF of up to 10 MB and 20 pages")


class Asked(Schema):
    state: str = Field("", description="one of the states, or `open`")
    overdue: bool = False
    start: date | None = Field(None, alias="from", description="first dispatch day")
    end: date | None = Field(None, alias="to", description="last dispatch day")
    text: str = Field("", description="words that it must hold all, or the beginning of its number")
    level: int | None = Field(None, alias="satisfaction", description="1 or 2")
    area: str = Field("", alias="areaCode", description="an area's code, or its prefix")
    organ: str = Field("", alias="deptCode", description="an organ's code: its orders and those of all below it")
    item: str = Field("", alias="taskCode")
    cause: str = ""
    severity: str = ""
    verdict: str = ""
    route: str = Field("", description="`direct` or `hotline`")
    real_name: bool | None = Field(None, alias="isRealName")
    reopened: bool = Field(False, description="only those that were opened again")
    appealed: bool = Field(False, description="only those with an appeal")
    extension: bool = Field(False, description="only those whose extension waits for an answer")
    was_late: bool = Field(False, alias="wasLate", description="only those that ever missed a limit")
    after: str = Field("", description="`next` of the page before")
    size: int = Field(100, ge=1, le=1000)


@router.get("/orders", summary="The orders of the app's organs, oldest first")
def list_orders(request: HttpRequest, asked: Query[Asked]) -> dict[str, Any]:
    """Paged by order number: following `next` until it is null gives every order once, however many come in meanwhile."""
    if asked.state and asked.state != "open" and asked.state not in tuple(State):
        message = f"没有“{asked.state}”这个状态。"
        raise Refused("fields_refused", 422, message, (FieldError("state", "unknown", message),))
    now = clock.now()
    found = queries.orders_for(_actor(request))
    flags = [name for name in queries.FLAGS if getattr(asked, name)]
    given: dict[str, Any] = {
        name: value.replace("\x00", "") if isinstance(value, str) else value for name, value in asked
    }
    given = {name: value for name, value in given.items() if name not in {"after", "size", *queries.FLAGS}}
    found = queries.narrow(found, now=now, flags=flags, **given)
    size = asked.size
    page = list(found.filter(order_no__gt=asked.after.replace("\x00", "")).order_by("order_no")[: size + 1])
    more = len(page) > size
    return {
        "total": found.count(),
        "results": [_wire(order, brief(order)) for order in page[:size]],
        "next": page[size - 1].order_no if more else None,
    }


@router.get("/orders/{order_no}", summary="One order, its history, and what may be done with it now")
def one_order(request: HttpRequest, order_no: str) -> dict[str, Any]:
    actor = _actor(request)
    return _whole(queries.by_number(actor, order_no), actor)


@router.post(
    "/orders/{order_no}/files", auth=Signed(FILE_BODY_MOST), summary="Bring a file to an order: JPEG, PNG, WebP or PDF"
)
def bring_file(request: HttpRequest, order_no: str, given: FileGiven) -> dict[str, Any]:
    """Kept as pictures, one a page. Its `id` goes into `files` of a move. Limits as in the console (docs/api.md)."""
    actor = _actor(request)
    order = queries.by_number(actor, order_no)
    try:
        raw = b64decode(given.content, validate=True)
    except ValueError:
        message = "content 应为文件内容的 Base64。"
        raise Refused("fields_refused", 422, message, (FieldError("content", "malformed", message),)) from None
    row = evidence.bring(order_id=order.pk, actor=actor, name=given.name, raw=raw, now=clock.now())
    return next(file for file in _files(order, actor) if file["id"] == str(row.id))


@router.get("/orders/{order_no}/files/{file_id}", summary="One page of a file, as a JPEG")
def one_file(request: HttpRequest, order_no: str, file_id: UUID) -> HttpResponse:
    """By the id of a page. That it was looked at is written down."""
    actor = _actor(request)
    _, picture = evidence.page(queries.by_number(actor, order_no), file_id, actor=actor, now=clock.now())
    return HttpResponse(picture, content_type="image/jpeg", headers={"X-Content-Type-Options": "nosniff"})


@router.delete("/orders/{order_no}/files/{file_id}", summary="Take back a file that one brought and no move names")
def drop_file(request: HttpRequest, order_no: str, file_id: UUID) -> dict[str, Any]:
    actor = _actor(request)
    order = queries.by_number(actor, order_no)
    evidence.drop(order_id=order.pk, file_id=file_id, actor=actor, now=clock.now())
    return {"files": _files(order, actor)}


@router.post("/orders/{order_no}/{verb}", summary="Move an order")
def move_order(
    request: HttpRequest, order_no: str, verb: str, facts: Annotated[dict[str, Any] | None, Body()] = None
) -> dict[str, Any]:
    """The facts of the move as a JSON object; `contribute` hands in a co-unit's share (`text`). Answers the order as it is then."""
    actor, now, given = _actor(request), clock.now(), facts or {}
    order = queries.by_number(actor, order_no)
    if verb == "contribute":
        contribute(order_id=order.pk, actor=actor, text=str(given.get("text", "")), now=now)
        return _whole(order, actor)
    line = BY_SOURCE_AND_VERB.get((State(order.state), verb))
    if line is not None and (unknown := sorted(given.keys() - {*line.needs, *line.may})):
        errors = tuple(FieldError(name, "unknown", f"没有 {name} 这一项，请删去或改正拼写。") for name in unknown)
        raise Refused("facts_refused", 422, "".join(error.message for error in errors), errors)
    return _whole(perform(order_id=order.pk, verb=verb, actor=actor, facts=given, now=now), actor)


def _whole(order: Order, actor: Actor) -> dict[str, Any]:
    facts = facts_for(order, actor)
    return {
        **_wire(order, facts),
        "coUnits": [
            {
                "deptName": unit["name"],
                "dueBy": _text(last_day(unit["due"])),
                "doneAt": _text(unit["done_at"]),
                "contribution": unit["contribution"],
            }
            for unit in facts["co_units"]
        ],
        "history": [
            {
                "n": event.n,
                "verb": event.verb,
                "label": event.label,
                "by": event.who,
                "day": _text(event.day),
                "at": _text(event.at),
                "from": event.source,
                "to": event.target,
                "facts": [{"label": label, "value": value} for label, value in event.facts],
                "files": [str(file.id) for file in event.files],
                "isLate": event.is_late,
            }
            for event in timeline(order, actor)
        ],
        "files": _files(order, actor),
        "messages": [
            {"by": each.by, "text": each.text, "day": _text(each.day), "at": _text(each.at)}
            for each in relay.said(order, actor)
        ],
        "verbs": [
            {
                "verb": offer.verb,
                "label": offer.label,
                "facts": [
                    {
                        "name": field.name,
                        "label": field.label,
                        "kind": field.kind,
                        "choices": dict(field.choices),
                        "isRequired": field.is_required,
                    }
                    for field in offer.fields
                ],
            }
            for offer in queries.moves_open_to(order, actor, clock.now())
        ],
    }


def _files(order: Order, actor: Actor) -> list[dict[str, Any]]:
    return [
        {
            "id": str(file.id),
            "name": file.name,
            "size": file.size,
            "pages": [str(page) for page in file.pages],
            "by": file.who,
            "deptName": file.organ,
            "at": _text(file.at),
            "isNamed": file.is_named,
            "isMine": file.is_mine,
        }
        for file in evidence.files(order, actor)
    ]


def _wire(order: Order, facts: dict[str, Any]) -> dict[str, Any]:
    told = {WIRE[name]: _text(value) for name, value in facts.items() if name in WIRE}
    return told | {
        "answerBy": _text(last_day(order.answer_due)),
        "stepBy": _text(last_day(order.step_due)),
        "isOverdue": order.overdue_since is not None,
    }


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.to_wire(value)
    return value.isoformat() if isinstance(value, date) else value


def _actor(request: HttpRequest) -> Actor:
    signed = request.auth  # type: ignore[attr-defined]
    actor: Actor = signed.actor
    return actor
