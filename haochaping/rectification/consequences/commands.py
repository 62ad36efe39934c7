"""Every write about consequences."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import SYSTEM, area_prefix
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.rectification import sight
from haochaping.rectification.consequences import queries
from haochaping.rectification.consequences.models import Consequence, ConsequenceStep
from haochaping.rectification.consequences.rules import CONCERNS, Kind, State, Subject, read, step
from haochaping.rectification.models import Order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.consequences.rules import Step

CASES_MOST = 20


def propose(  # a person drafts one
    kind: Kind,
    subject_kind: Subject,
    subject: str,
    *,
    title: str,
    text: str,
    cases: Sequence[str] = (),
    actor: Actor,
    now: datetime,
) -> Consequence:
    """Draft a consequence for a clerk, window, organ or place within the actor's reach; `cases` are order numbers (notice).

    Refused 403 for who decides nothing, 404 for a subject or case out of reach, 422 with the field.
    """
    if not actor.has(*queries.DECIDE):
        raise queries.NOT_FOUND
    if kind is Kind.ADMONITION or subject_kind not in CONCERNS[kind]:
        raise wrong("subject_kind", "这一类不能用于这样的对象。")
    told = read(("title", "text"), {"title": title, "text": text}, today=clock.day(now))
    if len(told["title"]) > 100:
        raise wrong("title", "“标题”最多 100 字。")
    place = _place(subject_kind, subject.strip())
    if not actor.over(area=place["area_path"], organ=place["organ_path"], window="").has(*queries.DECIDE):
        raise wrong("subject", "没有这个对象，或它不在您的管辖范围内，请核对代码。")
    if queries.is_own(kind, place["organ_path"], actor):
        raise wrong("subject", "这是您自己的单位，请由其他督办人员提出。")
    found = [sight.by_number(actor, number) for number in dict.fromkeys(filter(None, (c.strip() for c in cases)))]
    if len(found) > CASES_MOST:
        raise wrong("cases", f"一次最多列入 {CASES_MOST} 件工单。")
    if found and kind is not Kind.NOTICE:
        raise wrong("cases", "只有通报可以列入工单。")
    with transaction.atomic():
        record = Consequence(
            kind=kind,
            subject_kind=subject_kind,
            cases=[order.pk for order in found],
            made_by=actor.name,
            made_at=now,
            **told,
            **place,
        )
        return _begin(record, actor, {"text": told["text"]}, now)


def admonish(order: Order, *, text: str, actor: Actor, now: datetime) -> Consequence:
    """Draft the admonition of the rater of this order; the supervisor delivers it by a step of its own.

    Refused 404 for the rated unit's own people, 403 where the actor does not supervise it, 409 `not_malicious` where it is not upheld, or not yet final.
    """
    open_to(order, actor)
    if not actor.over(area=order.area_path, organ=order.organ_path).has(*queries.DECIDE):
        raise Refused("not_your_part", 403, "劝诫由督办人员决定。")
    told = read(("text",), {"text": text}, today=clock.day(now))
    with transaction.atomic():
        if why := queries.why_not_admonish(order, now):
            raise Refused("not_malicious", 409, why)
        record = Consequence(
            kind=Kind.ADMONITION,
            subject_kind=Subject.RATER,
            area_path=order.area_path,
            organ_path=order.organ_path,
            order_id=order.pk,
            title=f"工单 {order.order_no}",
            made_by=actor.name,
            made_at=now,
            **told,
        )
        return _begin(record, actor, told, now)


def open_to(order: Order, actor: Actor) -> None:
    """Refused 404 where the order is out of sight, or the actor belongs to the unit that was rated."""
    sight.one_for(actor, order.pk)
    if queries.is_own(Kind.ADMONITION, order.organ_path, actor):
        raise queries.NOT_FOUND


def propose_by_rule(
    kind: Kind,
    subject_kind: Subject,
    subject: str,
    *,
    rule: str,
    title: str,
    text: str,
    grounds: Sequence[tuple[str, str]],
    now: datetime,
) -> bool:
    """A rule of the policy has come true: put it before those who supervise; once for each rule, subject and month."""
    if Consequence.objects.filter(rule=rule).exists():
        return False
    place = _place(subject_kind, subject)
    record = Consequence(
        kind=kind,
        subject_kind=subject_kind,
        rule=rule,
        grounds=[list(g) for g in grounds],
        title=title,
        text=text,
        made_by=SYSTEM.name,
        made_at=now,
        **place,
    )
    with transaction.atomic():
        _begin(record, SYSTEM, {}, now)
    return True


def act(pk: int, verb: str, given: Mapping[str, Any], *, actor: Actor, now: datetime) -> Consequence:
    """Go on with a record; Refused 404 out of sight, 403 not theirs, 409 not now, 422 with the fields."""
    with transaction.atomic():
        queries.one_for(actor, pk)
        record = Consequence.objects.select_for_update().get(pk=pk)
        if record.order_id:  # what it rests on stays until this is done
            Order.objects.select_for_update().get(pk=record.order_id)
        found = check(record, verb, given, actor=actor, now=now)
        facts = read(found.needs, given, today=clock.day(now))
        record.state = found.target
        if verb == "decide":
            record.text, record.due = facts["text"], date.fromisoformat(facts["due"])
            if record.subject_kind == Subject.CLERK and not record.account:
                record.account = queries.account_of(record.window_code, record.subject_name)
        if not found.target.is_open:
            record.ended_at = now
        _note(record, verb, actor, facts, now)
        record.save()
        audit(actor, f"consequence_{verb}", str(record.pk), now=now, facts={"kind": record.kind})
    return record


def check(record: Consequence, verb: str, given: Mapping[str, Any], *, actor: Actor, now: datetime) -> Step:
    """The step that `act` would take; Refused as it would be."""
    found = step(Kind(record.kind), State(record.state), verb, queries.parts_in(record, actor))
    if found not in queries.open_steps(record, actor):
        raise Refused("not_possible_now", 409, "意见只能陈述一次。")
    if verb == "deliver" and record.order_id:  # what may have come between the draft and now
        order = Order.objects.get(pk=record.order_id)
        if why := queries.why_not_admonish(order, now, drafted=record.pk):
            raise Refused("not_malicious", 409, why)
    read(found.needs, given, today=clock.day(now))
    return found


def _begin(record: Consequence, actor: Actor, facts: Mapping[str, str], now: datetime) -> Consequence:
    record.save(force_insert=True)
    _note(record, "propose", actor, facts, now)
    record.save(update_fields=["steps"])
    if not actor.is_system:
        audit(actor, "consequence_propose", str(record.pk), now=now, facts={"kind": record.kind})
    return record


def _note(record: Consequence, verb: str, actor: Actor, facts: Mapping[str, str], now: datetime) -> None:
    record.steps += 1
    ConsequenceStep.objects.create(
        consequence_id=record.pk,
        n=record.steps,
        verb=verb,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        facts=dict(facts),
        at=now,
    )


def _place(kind: Subject, code: str) -> dict[str, str]:
    """Name and place of a subject; Refused 422 where master data know none of that code."""
    known = snapshot()
    no = wrong("subject", f"没有代码为 {code[:40]} 的{'单位' if kind is Subject.ORGAN else '对象'}，请核对。")
    if kind is Subject.REGION:
        region = known.region(code) if code else None
        if region is None:
            raise no
        return {
            "subject": region.code,
            "subject_name": region.name,
            "area_path": region.path,
            "organ_path": "",
            "window_code": "",
        }
    if kind is Subject.ORGAN:
        organ = known.organs.get(code)
        if organ is None:
            raise no
        return _of_organ(organ.code) | {"subject": code, "subject_name": organ.name, "window_code": ""}
    window_code = code
    name = ""
    if kind is Subject.CLERK:
        clerk = known.clerks.get(code)
        if clerk is None:
            raise no
        window_code, name = clerk.window, clerk.name
        place = _of_organ(clerk.organ) | {"account": queries.account_of(window_code, name)}
    else:
        window = known.windows.get(code)
        if window is None:
            raise no
        name, place = window.name, _of_organ(window.organ)
    hall = known.hall_of(window_code)
    area = {"area_path": area_prefix(hall.area)} if hall else {}
    return place | area | {"subject": code, "subject_name": name, "window_code": window_code}


def _of_organ(code: str) -> dict[str, str]:
    organ = snapshot().organs.get(code)
    if organ is None:
        raise wrong("subject", "这个对象没有登记所属单位，请先补全基础信息。")
    return {"area_path": area_prefix(organ.area), "organ_path": organ.path}


def wrong(field: str, message: str) -> Refused:
    """A lawful no to one field of a draft."""
    return Refused("facts_refused", 422, message, (FieldError(field, "not_allowed", message),))
