"""填报: indices that come from elsewhere, each entered by one person and checked by another before it counts."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import area_prefix
from haochaping.analytics.appraisal import drafting, queries, rules
from haochaping.analytics.appraisal.models import Entry
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy.scheme import DEDUCTIONS
from haochaping.rectification.standing import belongs_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from haochaping.accounts.rules import Actor

ROWS_MOST = 2000
CASES_MOST = 9999
COLUMNS = {"month": "月份", "orgcode": "单位", "basis": "依据"}


class Asked(NamedTuple):
    """One thing that may be entered: an index of 0 … 100, or a number of cases."""

    key: str
    name: str
    is_count: bool


def asked_in(area: str, month: date) -> list[Asked]:
    """What the scheme of the place asks people to enter."""
    scheme = drafting.basis_of(area, month).scheme
    found = [Asked(one.key, one.name, is_count=False) for one in scheme.indices]
    if any(one.rule == rules.REFUSED for one in scheme.deductions):
        found.append(Asked(rules.REFUSED, f"{DEDUCTIONS[rules.REFUSED]}（件）", is_count=True))
    return found


def enter(  # one cell
    area: str, month: date, *, organ: str, key: str, value: str, basis: str, actor: Actor, now: datetime
) -> Entry:
    """Write one down; it waits for another person's look. What waited there before is replaced; what was checked holds meanwhile.

    Refused 403 for who does not run the place, 422 with the field.
    """
    _refuse_strangers(area, actor)
    with transaction.atomic():
        made = _keep(area, month, organ, key, value=value, basis=basis, actor=actor, now=now)
        _audit(actor, "enter", area, month, now, **{"单位": made.organ_name, made.key: str(made.value)})
    return made


def bring_in(area: str, rows: Iterable[tuple[int, Mapping[str, str] | str]], *, actor: Actor, now: datetime) -> int:
    """Every line of a sheet or none, so that nothing is half taken; the number of values taken.

    A line names month, organ (name or code), what it rests on, and any of the indices by name or key; an empty cell enters nothing.
    Instead of its cells a line may have the words why nobody can read it. Refused 422 with every line that is wrong, by number.
    """
    _refuse_strangers(area, actor)
    errors: list[FieldError] = []
    taken, months = 0, set[date]()
    names = {name: code for code, name in queries.organs_judged(area).items()}
    with transaction.atomic():
        for line, cells in rows:
            if line > ROWS_MOST + 1:
                raise Refused("too_many", 422, f"一次最多导入 {ROWS_MOST} 行，请拆成几个文件。")
            try:
                if isinstance(cells, str):
                    raise _wrong("line", cells)
                given = {_column(name): value.strip() for name, value in cells.items() if value.strip()}
                month, found = _read_line(area, given)
                organ = names.get(given.get("orgcode", ""), given.get("orgcode", ""))
                for key, value in found:
                    _keep(area, month, organ, key, value=value, basis=given.get("basis", ""), actor=actor, now=now)
                taken, months = taken + len(found), months | {month}
            except Refused as no:
                errors.append(FieldError(str(line), no.code, no.message))
        if errors:
            raise Refused(
                "fields_refused", 422, f"没有导入：{len(errors)} 行有误，更正后重新导入整个文件。", tuple(errors)
            )
        if not taken:
            raise Refused("empty", 422, "文件里没有可以导入的数值：请核对表头和内容。")
        for month in sorted(months):
            _audit(actor, "import", area, month, now, 数值个数=taken)
    return taken


def confirm(pks: Sequence[int], *, actor: Actor, now: datetime) -> int:
    """These were compared with what they rest on, by somebody who entered none of them: they count. All or none."""
    with transaction.atomic():
        rows = _waiting(pks, actor)
        if any(row.made_by_id == actor.id for row in rows):
            raise Refused("not_yourself", 403, "自己填报的要由另一人核对：请去掉自己填的几项。")
        if any(belongs_to(actor, row.organ_path) for row in rows):
            raise Refused("not_yourself", 403, "本单位的填报请由其他单位的人核对。")
        for row in rows:
            same = Entry.objects.filter(month=row.month, organ_code=row.organ_code, key=row.key)
            same.filter(state="confirmed").update(state="replaced")
            row.state, row.checked_by, row.checked_at = "confirmed", actor.name, now
            row.save(update_fields=["state", "checked_by", "checked_at"])
            _audit(actor, "check", row.area_path, row.month, now, 单位=row.organ_name, **{row.key: str(row.value)})
    return len(rows)


def send_back(pks: Sequence[int], *, reason: str, actor: Actor, now: datetime) -> int:
    """These are not right, and why; whoever entered them may take them back so too."""
    reason = reason.replace("\x00", "").strip()[:200]
    if not reason:
        raise _wrong("reason", "请写明退回的理由。")
    with transaction.atomic():
        rows = _waiting(pks, actor)
        for row in rows:
            row.state, row.checked_by, row.checked_at, row.reason = "returned", actor.name, now, reason
            row.save(update_fields=["state", "checked_by", "checked_at", "reason"])
            _audit(actor, "send_back", row.area_path, row.month, now, 单位=row.organ_name, 指标=row.key)
    return len(rows)


def _waiting(pks: Sequence[int], actor: Actor) -> list[Entry]:
    rows = list(Entry.objects.select_for_update().filter(pk__in=pks, state="entered").order_by("pk"))
    if not rows or len(rows) != len(set(pks)):
        raise Refused("moved_on", 409, "请选择待核对的填报；有的可能已由别人处理，请刷新页面。")
    for row in rows:
        if not actor.over(area=row.area_path, organ=row.organ_path).has(*queries.DECIDE):
            raise queries.NOT_FOUND
    return rows


def _keep(area: str, month: date, code: str, key: str, *, value: str, basis: str, actor: Actor, now: datetime) -> Entry:
    organ = snapshot().organs.get(code)
    if organ is None or code not in queries.organs_judged(area):
        raise _wrong("organ", f"没有名称或代码为“{code[:40]}”的单位，或它不在这份考核里。")
    asked = next((one for one in asked_in(area, month) if one.key == key), None)
    if asked is None:
        raise _wrong("key", "当地的考核方案没有这一项。")
    if month > clock.day(now):
        raise _wrong("month", "不能填报以后的月份。")
    basis = basis.replace("\x00", "").strip()
    if not basis or len(basis) > 200:
        raise _wrong("basis", "请写明依据（文号、通报或来源），最多 200 字。")
    row = Entry(
        month=month, organ_code=organ.code, organ_name=organ.name, organ_path=organ.path,
        area_path=snapshot().area_path(organ.area), key=key, value=_number(asked, value), basis=basis,
        made_by_id=actor.id, made_by=actor.name, made_at=now,
    )  # fmt: skip
    same = Entry.objects.select_for_update().filter(month=month, organ_code=organ.code, key=key, state="entered")
    same.update(state="replaced")
    row.save(force_insert=True)
    return row


def _number(asked: Asked, text: str) -> Decimal:
    try:
        value = (
            Decimal(text.strip().rstrip("分件")) if re.fullmatch(r"\d{1,5}(\.\d{1,2})?[分件]?", text.strip()) else None
        )
    except InvalidOperation:
        value = None
    if value is None:
        raise _wrong("value", f"“{asked.name}”应为数字，最多两位小数。")
    if asked.is_count and (value != value.to_integral_value() or value > CASES_MOST):
        raise _wrong("value", f"“{asked.name}”应为整数件数。")
    if not asked.is_count and value > rules.BEST_INDEX:
        raise _wrong("value", f"“{asked.name}”应为 0 至 {rules.BEST_INDEX} 的得分。")
    return value


def _read_line(area: str, given: Mapping[str, str]) -> tuple[date, list[tuple[str, str]]]:
    month = rules.read_month(given.get("month", "")[:7].replace("/", "-"))
    if month is None:
        raise _wrong("month", "“月份”应写作 2026-05。")
    names = {one.name: one.key for one in asked_in(area, month)} | {one.key: one.key for one in asked_in(area, month)}
    if unknown := [name for name in given if name not in COLUMNS and name not in names]:
        raise _wrong(
            "key", f"不认识的列“{unknown[0][:40]}”：可用 {'、'.join(one.name for one in asked_in(area, month))}。"
        )
    found = [(names[name], value) for name, value in given.items() if name in names]
    if not found:
        raise _wrong("value", "这一行没有填任何指标。")
    return month, found


def _column(name: str) -> str:
    """The wire name of a column; what it is called on the screen will do."""
    name = name.strip()
    return next((wire for wire, label in COLUMNS.items() if name == label), name)


def _refuse_strangers(area: str, actor: Actor) -> None:
    if not queries.may_submit(actor, area_prefix(area.ljust(12, "0"))):
        raise Refused("not_your_role", 403, "填报由管辖该地区的督办或市级主管办理。")


def _wrong(field: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, "not_allowed", message),))


def _audit(actor: Actor, what: str, area: str, month: date, now: datetime, **facts: object) -> None:
    audit(actor, f"index_{what}", f"{area} {month:%Y-%m}", now=now, facts=facts)
