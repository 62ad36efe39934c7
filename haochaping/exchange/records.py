"""What is told: built from the newest rows at the moment of sending, in the far side's names and codes (domain.md §3.3, §3.4).

Every value is text and what is not known is left out, never made up. Ratings that nobody gave, probes and what the far
side has no code for do not come this far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haochaping.directory.queries import snapshot
from haochaping.evaluation.models import Applicant, Evaluation, Evaluator, ServiceEvent, Words
from haochaping.evaluation.queries import secrets
from haochaping.exchange.rules import Phase
from haochaping.exchange.target import kind_of
from haochaping.kit import blobs, crypto
from haochaping.kit.clock import to_wire
from haochaping.kit.masks import mask_text
from haochaping.policy.queries import indicator_map
from haochaping.rectification import veil
from haochaping.rectification.models import Order

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from haochaping.directory.queries import ItemInfo
    from haochaping.exchange.target import Target

Record = dict[str, str]


@dataclass(frozen=True)
class Wanted:
    """What ought to be known over there: a phase of a service event, and a digest that changes with its content."""

    event_id: UUID
    phase: Phase
    digest: bytes


def wanted(ids: Collection[UUID], target: Target) -> list[Wanted]:
    """Which phases of these service events are to be told, in order.

    Nothing of probes, of self-made items, of what rests on no case or item; no lapse, ever; an order once its answer was
    approved and so told to the rater, or it was closed or voided.
    """
    events = {
        row.id: row
        for row in ServiceEvent.objects.filter(id__in=list(ids), is_probe=False, mode__in=target.modes)
        if row.task_code and target.self_made not in row.task_code
    }
    found = [Wanted(id_, Phase.SERVICE, bytes(row.digest)) for id_, row in events.items()]
    rated = Evaluation.objects.filter(id__in=list(events), is_probe=False).values_list("id", "digest")
    digests = {id_: bytes(digest) for id_, digest in rated}
    found += [Wanted(id_, Phase.EVALUATION, digest) for id_, digest in digests.items()]
    found += [
        Wanted(order.id, Phase.RECTIFICATION, _digest(rectification(events[order.id], order, 0, target)))
        for order in Order.objects.filter(id__in=list(digests), is_probe=False)
        if _is_told(order)
    ]
    return sorted(found, key=lambda w: (w.event_id, w.phase))


def _is_told(order: Order) -> bool:
    return order.replied_at is not None or order.state in {"closed", "voided"}


def _digest(record: Record) -> bytes:
    return crypto.sm3("\x00".join(f"{name}={value}" for name, value in sorted(record.items())).encode())


def build(phase: Phase, claims: Sequence[tuple[UUID, int]], target: Target) -> dict[UUID, Record]:
    """The records of these `(event, version)`, a fixed number of queries for all; one whose rows are gone is left out."""
    ids = [id_ for id_, _ in claims]
    events = ServiceEvent.objects.in_bulk(ids)
    if phase is Phase.SERVICE:
        directory = snapshot()
        people = Applicant.objects.in_bulk(ids)
        return {
            id_: service(
                event,
                _opened(people.get(id_)),
                directory.item(event.task_code, event.task_handle_item, event.service_day),
                target,
            )
            for id_, event in events.items()
        }
    if phase is Phase.EVALUATION:
        return _evaluations(events, target)
    orders, versions = Order.objects.in_bulk(ids), dict(claims)
    return {
        id_: rectification(events[id_], orders[id_], versions[id_], target) for id_ in events.keys() & orders.keys()
    }


def _evaluations(events: Mapping[UUID, ServiceEvent], target: Target) -> dict[UUID, Record]:
    ids = list(events)
    ratings, people = Evaluation.objects.in_bulk(ids), Evaluator.objects.in_bulk(ids)
    words = dict(Words.objects.filter(id__in=ids).values_list("id", "text"))
    national = indicator_map().keys()
    return {
        id_: evaluation(
            events[id_], rating, _opened(people.get(id_)), words.get(id_, ""), national=national, target=target
        )
        for id_, rating in ratings.items()
    }


def _opened(row: Applicant | Evaluator | None) -> dict[str, str]:
    return {} if row is None else blobs.unseal(bytes(row.blob), table=row._meta.db_table, row=row.id)


def _text(fields: Mapping[str, Any]) -> Record:
    """Only what is known, as text without blanks around it."""
    told = {name: str(value).strip() for name, value in fields.items() if value is not None}
    return {name: value for name, value in told.items() if value}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else to_wire(moment)


def _key(event: ServiceEvent, number: str, target: Target) -> dict[str, Any]:
    return {
        "projectNo": target.project_no_prefix + event.project_no,
        number: event.service_number,
        "dataSource": target.data_source_prefix + event.area[:2],
    }


def service(event: ServiceEvent, person: Mapping[str, str], item: ItemInfo | None, target: Target) -> Record:
    """办件服务数据 `projectService`."""
    return _text(
        {
            **_key(event, "serviceNumber", target),
            "taskCode": event.task_code,
            "taskHandleItem": event.task_handle_item,
            "taskName": event.item_name or (item.name if item else ""),
            "subMatter": item.theme if item else "",
            "taskType": kind_of(target, item.kind if item else "", event.task_code),
            "projectName": event.project_name or event.item_name or (item.name if item else ""),
            "proStatus": event.pro_status,
            "orgcode": event.organ_code,
            "orgName": event.organ_name,
            "deptCode": event.organ_code,
            "deptName": event.organ_name,
            "areaCode": event.area,
            "acceptDate": _time(event.accept_date),
            "resultDate": _time(event.result_date),
            "serviceTime": _time(event.service_time),
            "serviceName": event.service_name or target.service_name.get(str(event.pro_status)),
            "isService": 1,
            "userProp": event.user_prop,
            "userName": person.get("user_name"),
            target.identity_field: person.get("credit_num"),
            "creditType": person.get("credit_type") if person.get("credit_num") else None,
            "creditNum": person.get("credit_num") if person.get("credit_type") else None,
            "mobile": person.get("mobile"),
            "projectType": event.project_type,
            # One without the other says nothing.
            "promiseDay": event.promise_day if event.promise_type is not None else None,
            "promiseType": event.promise_type if event.promise_day is not None else None,
            "proChannel": event.pro_channel or (1 if event.mode == "online" else 2),
            "proManagerNo": event.clerk_no,
        }
    )


def evaluation(
    event: ServiceEvent,
    rating: Evaluation,
    person: Mapping[str, str],
    words: str,
    *,
    national: Collection[str],
    target: Target,
) -> Record:
    """评价数据. Local indicator codes stay at home; a bad rating they alone explained says their names as text."""
    codes = [code for code in rating.indicators if code in national]
    text = mask_text(words, secrets([rating.id])[rating.id]) if words and target.mask_words else words
    if rating.level <= 2 and not codes and not text.strip():
        names = "；".join(rating.indicator_names)
        text = target.local_reason_text.format(names) if names else target.no_reason_text
    return _text(
        {
            **_key(event, "assessNumber", target),
            "taskCode": rating.task_code,
            "areaCode": rating.area,
            "satisfaction": rating.level if target.best_is_five else 6 - rating.level,
            "pf": target.pf.get(str(rating.pf)),
            "evalDetail": ",".join(codes),
            "writingEvaluation": text.strip(),
            "assessTime": _time(rating.assess_time),
            "name": person.get("name"),
            "userProp": rating.user_prop,
            target.identity_field: person.get("cert"),
            "mobile": person.get("mobile"),
            "appStatus": 0,
            "isdefault": 0,
            "effectivEvalua": 1,
        }
    )


def rectification(event: ServiceEvent, order: Order, number: int, target: Target) -> Record:
    """差评整改, in the field names that the target's file gives to our facts: no national list of them is published."""
    facts = _facts(order, target)
    mapped = {name: facts[fact] for name, fact in target.rectification.fields.items()}
    return _text({**_key(event, "serviceNumber", target), "rectifyNumber": number, **mapped})


def _facts(order: Order, target: Target) -> dict[str, Any]:
    is_set_aside = order.state == "voided"
    is_explained = order.answer_kind == "explained"
    is_rectified = order.verdict in {"satisfied", "accepted", "confirmed"} and not is_set_aside and not is_explained
    if is_set_aside:
        result = "set_aside"
    elif is_explained:
        result = "explained"
    elif is_rectified:
        result = "rectified"
    else:
        result = "unsatisfied" if order.verdict == "unsatisfied" else "pending"
    called = order.was_called or order.verdict in {"satisfied", "accepted", "unsatisfied"}
    return {
        "order_no": order.order_no,
        "reply": veil.masked(order, order.reply) if target.mask_words else order.reply,
        "answered_at": _time(order.replied_at),
        "is_answered": _flag(order.replied_at is not None),
        "is_rectified": _flag(is_rectified),
        "calls_for_rectification": _flag(not is_explained and not is_set_aside),
        "is_called_back": _flag(called),
        "callback_result": target.rectification.callback.get(order.verdict),
        "rectification_result": target.rectification.result.get(result),
        "is_true": None if order.is_true is None else _flag(order.is_true),
        "is_reasonable": None if order.is_reasonable is None else _flag(order.is_reasonable),
        "was_overdue": _flag(order.was_late),
        "is_set_aside": _flag(is_set_aside),
    }


def _flag(value: bool) -> str:
    return "1" if value else "0"
