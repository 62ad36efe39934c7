"""Drawing up a month's sheet, sending it back, publishing it. Published scores never change: see `objections` for what is put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from django.db import IntegrityError, transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import holders
from haochaping.accounts.rules import Role
from haochaping.analytics.appraisal import drafting, queries, rules
from haochaping.analytics.appraisal.models import Appraisal, Score
from haochaping.analytics.appraisal.rules import Kind
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging.notices import Told, notify
from haochaping.messaging.rules import NoticeKind
from haochaping.policy import approval
from haochaping.rectification.consequences.queries import account_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from haochaping.accounts.queries import Holder
    from haochaping.accounts.rules import Actor
    from haochaping.analytics.appraisal.drafting import Line


def submit(area: str, month: date, *, note: str = "", actor: Actor, now: datetime) -> Appraisal:
    """Draw up the sheet of a month that is over and hand it in: its figures are frozen from here on.

    Refused 403 for who does not run the place, 409 before the month has settled, where one is waiting or published, where entries
    wait for a second look, or where nobody has anything to be judged by.
    """
    if not queries.may_submit(actor, area):
        raise Refused("not_your_role", 403, "考核由管辖该地区的督办或市级主管提交。")
    if why := why_not_yet(area, month, now):
        raise Refused("not_possible_now", 409, why)
    basis = drafting.basis_of(area, month)
    lines = drafting.draft(area, month, basis, now=now)
    if not lines:
        raise Refused("not_possible_now", 409, "这个月没有可以考核的数据。")
    try:
        with transaction.atomic():
            made = Appraisal.objects.create(
                region=area,
                number=approval.next_number(Appraisal, area),
                month=month,
                state="submitted",
                pack=basis.pack[:60],
                scheme=msgspec.to_builtins(basis.scheme),
                best=basis.best,
                computed_at=now,
                note=note.replace("\x00", "").strip()[:200],
                authors=[actor.id],
                made_by=actor.name,
                made_at=now,
                submitted_by=actor.name,
                submitted_at=now,
            )
            Score.objects.bulk_create([_score(made, line) for line in lines])
            _audit(actor, "submit", made, now)
            text = f"{queries.area_name(area)}{month:%Y年%-m月}考核已提交，请核对后公布。"
            around = holders((Role.SUPERVISOR, Role.CITY, Role.LEADER), area=area, organ="")
            _tell({one.person_id for one in around} - {actor.id}, made, "submit", text=text, now=now)
    except IntegrityError:
        raise Refused("not_possible_now", 409, "这个月的考核已经提交或公布，请刷新页面再看。") from None
    return made


def why_not_yet(area: str, month: date, now: datetime) -> str:
    """Why the sheet of that month cannot be handed in now; "" if it can."""
    if area.ljust(12, "0") not in snapshot().regions:
        return "没有这个地区。"
    settled = rules.last_day(month) + rules.SETTLED
    if clock.day(now) <= settled:
        return f"{month:%-m月}的数据要到{settled:%-m月%-d日}之后才齐全（离线和批量的评价会晚到），届时再提交。"
    if queries.published(area, month) or queries.submitted(area, month):
        return "这个月的考核已经提交或公布。"
    waiting = [one for one in queries.entries(area, month) if one.state == "entered"]
    return f"还有 {len(waiting)} 项填报没有核对，请先由另一人核对或退回。" if waiting else ""


def take_back(pk: int, *, actor: Actor, now: datetime) -> None:
    """A submitted sheet is withdrawn by those who may draw one up; it stays to be read."""
    with transaction.atomic():
        row = approval.locked(_found(pk, actor), "submitted")
        if not queries.may_submit(actor, row.region):
            raise Refused("not_your_role", 403, "考核由管辖该地区的督办或市级主管撤回。")
        row.state = "dropped"
        row.save(update_fields=["state"])
        _audit(actor, "take_back", row, now)


def refuse(pk: int, *, reason: str, actor: Actor, now: datetime) -> None:
    """Not published, and why."""
    with transaction.atomic():
        row = _deciding(pk, actor)
        approval.decide(row, "refused", approval.reason_given(reason), actor, now)
        _audit(actor, "refuse", row, now)
        text = f"{queries.area_name(row.region)}{row.month:%Y年%-m月}考核被退回，请看理由。"
        _tell(set(row.authors), row, "refuse", text=text, now=now)


def publish(pk: int, *, actor: Actor, now: datetime) -> Appraisal:
    """The frozen sheet is published: every unit and clerk on it is told, and may appeal from now on."""
    with transaction.atomic():
        row = _deciding(pk, actor)
        approval.decide(row, "approved", "", actor, now)
        _audit(actor, "publish", row, now)
        told = f"{row.month:%Y年%-m月}考核结果已公布，可以查看；有异议请在期限内申诉。"
        for score in Score.objects.filter(appraisal=row):
            if score.kind == Kind.CLERK:
                people = {score.account} - {""}
            else:
                people = nearest(holders((Role.HANDLER,), area=score.area_path, organ=score.organ_path))
            _tell_of(score, people, told, now)
    return row


def _deciding(pk: int, actor: Actor) -> Appraisal:
    row = approval.locked(_found(pk, actor), "submitted")
    if not queries.may_decide(actor, row):
        raise Refused("not_your_role", 403, "考核由另一位督办、市级主管或领导核对公布，提交的人不能自己公布。")
    return row


def _found(pk: int, actor: Actor) -> Appraisal:
    row = Appraisal.objects.filter(pk=pk).first()
    if row is None or not queries.runs(actor, row.region):
        raise queries.NOT_FOUND
    return row


def _score(made: Appraisal, line: Line) -> Score:
    return Score(
        appraisal=made,
        kind=line.kind,
        subject=line.subject,
        name=line.name,
        organ_code=line.organ_code,
        organ_path=line.organ_path,
        area_path=line.area_path,
        window_code=line.window_code,
        account=account_of(line.window_code, line.name) if line.kind is Kind.CLERK else "",
        parts=msgspec.to_builtins(line.parts),
        total=msgspec.to_builtins(line.total),
        sample=line.sample,
        rank=line.place.rank,
        ranked=line.place.of,
    )


def nearest(around: Iterable[Holder]) -> set[str]:
    """Those whose scope lies closest about a place."""
    around = list(around)
    closest = max(((len(one.scope.organ), len(one.scope.area)) for one in around), default=None)
    return {one.person_id for one in around if (len(one.scope.organ), len(one.scope.area)) == closest}


def _tell_of(score: Score, people: Iterable[str], text: str, now: datetime) -> None:
    url, key = f"/console/analysis/appraisal/scores/{score.pk}/", f"score:{score.pk}:publish"
    notify([Told(who, key, NoticeKind.NEWS, text, url, score.area_path) for who in sorted(people)], now=now)


def _tell(people: Iterable[str], row: Appraisal, what: str, *, text: str, now: datetime) -> None:
    url, key = f"/console/analysis/appraisal/?area={row.region}&month={row.month:%Y-%m}", f"appraisal:{row.pk}:{what}"
    notify([Told(who, key, NoticeKind.TASK, text, url, row.region) for who in sorted(people)], now=now)


def _audit(actor: Actor, what: str, row: Appraisal, now: datetime) -> None:
    facts = {
        "地区": row.region,
        "月份": f"{row.month:%Y-%m}",
        "人数和单位数": Score.objects.filter(appraisal=row).count(),
    }
    audit(actor, f"appraisal_{what}", str(row.pk), now=now, facts=facts)
