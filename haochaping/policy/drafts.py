"""Every write to indicator sets 指标集: draft, lines, submission, decision. What is approved becomes `Indicator` rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy import approval, queries, sets
from haochaping.policy.commands import forget
from haochaping.policy.models import Indicator, IndicatorSet
from haochaping.policy.sets import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from haochaping.accounts.rules import Actor

IMPORT_MOST = 500  # lines of one file


def may_draft(actor: Actor, region: str) -> bool:
    """A supervisor whose scope is this region or one above, for any region but the nation."""
    return len(region) in sets.LETTERS and actor.over(area=region, organ="").has(Role.SUPERVISOR)


def may_decide(actor: Actor, version: IndicatorSet) -> bool:
    """Another supervisor or a leader of the region: never one who worked on it."""
    over = actor.over(area=version.region, organ="")
    return over.has(Role.SUPERVISOR, Role.LEADER) and actor.id not in version.authors


def new_draft(region: str, *, actor: Actor, now: datetime, like: IndicatorSet | None = None) -> IndicatorSet:
    """A draft with the lines of the newest version, or of `like` (one that was refused); Refused 409 if one is open."""
    if not may_draft(actor, region):
        raise Refused("not_your_role", 403, "只有管辖该地区的督办人员可以起草指标集。")
    base = [line.as_json() for line in queries.own_lines(region)]
    try:
        with transaction.atomic():
            made = IndicatorSet.objects.create(
                region=region,
                number=approval.next_number(IndicatorSet, region),
                lines=like.lines if like else base,
                base=base,
                authors=[actor.id],
                made_by=actor.name,
                made_at=now,
            )
    except IntegrityError:
        raise Refused("set_open", 409, "该地区已有一个起草中或待审批的版本，请先完成或作废它。") from None
    _audit(actor, "draft", made, now)
    return made


@transaction.atomic
def save_line(version: IndicatorSet, line: Line, *, actor: Actor, now: datetime) -> str:
    """Put a line into a draft, new (no code yet) or changed; its code. Refused 422, or 409 where the code's level differs."""
    draft = _draft(version, actor)
    return _keep(draft, [line], actor, now)[0]


@transaction.atomic
def remove_line(version: IndicatorSet, code: str, *, actor: Actor, now: datetime) -> None:
    """Take a line that never was in force out of a draft; one that was can only be retired: ratings carry it."""
    draft = _draft(version, actor)
    if any(line["code"] == code for line in draft.base):
        raise Refused("in_use", 409, "已经用过的指标不能删除，只能停用：以前的评价还要用它的文字。")
    draft.lines = [line for line in draft.lines if line["code"] != code]
    approval.touch(draft, actor)
    _audit(actor, "edit", draft, now, code=code)


@transaction.atomic
def import_lines(version: IndicatorSet, rows: Iterable[Mapping[str, str]], *, actor: Actor, now: datetime) -> int:
    """Every line of a sheet into a draft, or none; the number taken. National lines may stand there, unchanged."""
    draft = _draft(version, actor)
    above = {line.code: line for line in queries.upper_lines(draft.region, clock.day(now), retired=True)}
    found: list[Line] = []
    errors: list[FieldError] = []
    for n, cells in enumerate(rows, 2):
        try:
            line = sets.from_row(cells)
            if line.code not in above:
                found.append(line)
            elif above[line.code] != line:
                errors.append(FieldError(str(n), "not_yours", f"第 {n} 行：{line.code} 由上级管理，本地不能改。"))
        except Refused as no:
            errors.append(FieldError(str(n), no.code, f"第 {n} 行：{no.message}"))
        if n > IMPORT_MOST + 1:
            raise Refused("too_many", 422, f"一次最多导入 {IMPORT_MOST} 行。")
    if errors:
        said = "".join(error.message for error in errors[:8])
        raise Refused("fields_refused", 422, f"没有导入，请先更正：{said}", tuple(errors))
    if found:
        _keep(draft, found, actor, now)
    return len(found)


@transaction.atomic
def submit(version: IndicatorSet, *, valid_from: date | None, note: str, actor: Actor, now: datetime) -> None:
    """Hand a draft in for approval, from a day to come; Refused where it changes nothing, or a page would not hold."""
    draft = _draft(version, actor)
    draft.valid_from, draft.note = approval.day_to_come(valid_from, now), note.strip()[:200]
    _refuse_unsound(draft)
    approval.hand_in(draft, actor, now)
    _audit(actor, "submit", draft, now, valid_from=str(valid_from))


@transaction.atomic
def take_back(version: IndicatorSet, *, actor: Actor, now: datetime) -> None:
    """A submitted version becomes a draft again, by whoever may draft."""
    row = approval.locked(version, "submitted")
    _refuse_strangers(row, actor)
    row.state = "draft"
    row.save(update_fields=["state"])
    _audit(actor, "take_back", row, now)


@transaction.atomic
def drop(version: IndicatorSet, *, actor: Actor, now: datetime) -> None:
    """Give a draft up; it stays to be read."""
    draft = _draft(version, actor)
    draft.state = "dropped"
    draft.save(update_fields=["state"])
    _audit(actor, "drop", draft, now)


@transaction.atomic
def refuse(version: IndicatorSet, *, reason: str, actor: Actor, now: datetime) -> None:
    """Not approved, and why; the lines can be taken over into a new draft."""
    row = _deciding(version, actor)
    approval.decide(row, "refused", approval.reason_given(reason), actor, now)
    _audit(actor, "refused", row, now)


@transaction.atomic
def approve(version: IndicatorSet, *, reason: str = "", actor: Actor, now: datetime) -> None:
    """The lines come into force on their day and end the older ones; nothing of a day past changes.

    Refused 409 if the day has come meanwhile, or another version starts that day or later.
    """
    row = _deciding(version, actor)
    day = approval.day_in_time(row, now)
    _refuse_unsound(row)
    Indicator.objects.filter(region=row.region, valid_to=None).update(valid_to=day)
    Indicator.objects.bulk_create(
        Indicator(
            code=line.code,
            name=line.name,
            level=line.level,
            is_core=False,
            is_active=line.is_active,
            region=row.region,
            valid_from=day,
            set_name=f"{row.region}-{row.number}",
            dimension=line.dimension,
            aspect=line.aspect,
            channels=list(line.channels),
        )
        for line in map(Line.of, row.lines)
    )
    approval.decide(row, "approved", reason, actor, now)
    _audit(actor, "approved", row, now)
    forget()


def _keep(draft: IndicatorSet, lines: Iterable[Line], actor: Actor, now: datetime) -> list[str]:
    kept = {line["code"]: Line.of(line) for line in draft.lines}
    taken = {*kept, *queries.codes_of(draft.region)}
    codes = []
    for given in lines:
        line = sets.checked(given)
        if not line.code:
            line = replace(line, code=sets.next_code(draft.region, line.level, taken))
            taken.add(line.code)
        elif line.code not in kept:
            message = f"本地没有编码 {line.code}：新增的请把编码留空，由系统编号；国家和上级的指标不能在本地改。"
            raise Refused("fields_refused", 422, message, (FieldError("code", "unknown", message),))
        elif kept[line.code].level != line.level:
            message = f"{line.code} 的等级不能改：请停用它，另增一项。"
            raise Refused("fields_refused", 422, message, (FieldError("level", "fixed", message),))
        kept[line.code] = line
        codes.append(line.code)
    draft.lines = [line.as_json() for line in sets.in_order(kept.values())]
    approval.touch(draft, actor)
    _audit(actor, "edit", draft, now, codes=codes)
    return codes


def _refuse_unsound(version: IndicatorSet) -> None:
    lines, base = ([Line.of(line) for line in kept] for kept in (version.lines, version.base))
    if not sets.differences(base, lines):
        raise Refused("no_change", 422, "和现行版本一样，没有可以提交的修订。")
    day = version.valid_from
    if day is None:
        return
    starts = Indicator.objects.filter(region=version.region, valid_to=None).order_by("-valid_from")
    if (last := starts.values_list("valid_from", flat=True).first()) and last >= day:
        message = f"已有版本自 {last} 起生效，请把生效日期定在它之后。"
        raise Refused("set_day_taken", 409, message, (FieldError("valid_from", "not_allowed", message),))
    if wrong := queries.page_problems(version, day):
        raise Refused("set_unsound", 422, "".join(wrong), tuple(FieldError("", "set_unsound", text) for text in wrong))


def _draft(version: IndicatorSet, actor: Actor) -> IndicatorSet:
    row = approval.locked(version, "draft")
    _refuse_strangers(row, actor)
    return row


def _refuse_strangers(version: IndicatorSet, actor: Actor) -> None:
    if not may_draft(actor, version.region):
        raise Refused("not_your_role", 403, "只有管辖该地区的督办人员可以修改指标集。")


def _deciding(version: IndicatorSet, actor: Actor) -> IndicatorSet:
    row = approval.locked(version, "submitted")
    if not may_decide(actor, row):
        raise Refused("not_your_role", 403, "指标集由另一位督办人员或领导审批，起草、修改过它的人不能审批。")
    return row


def _audit(actor: Actor, what: str, row: IndicatorSet, now: datetime, **facts: object) -> None:
    audit(actor, f"indicators_{what}", str(row), now=now, facts=facts)
