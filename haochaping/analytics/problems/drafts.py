"""What somebody writes down of a problem, read and judged: nothing that lies outside their reach gets in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from haochaping.accounts.rules import Actor, area_prefix
from haochaping.analytics.problems import queries
from haochaping.analytics.problems.rules import (
    ITEMS_MOST,
    LABELS,
    ORDERS_MOST,
    TITLE_LONGEST,
    UNITS_MOST,
    refused,
    text_wrong,
)
from haochaping.directory.queries import snapshot
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy.queries import indicators
from haochaping.rectification.briefs.queries import as_
from haochaping.rectification.rules import CAUSE_NAMES
from haochaping.rectification.sight import by_number

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID


@dataclass(frozen=True)
class Draft:
    """What somebody writes down of a problem: codes of items, organs, causes and indicators, days and numbers as typed."""

    title: str = ""
    description: str = ""
    items: Sequence[str] = ()
    lead: str = ""  # "" : the organ to which most of the items belong
    co: Sequence[str] = ()
    due: str = ""
    indicators: Sequence[str] = ()
    causes: Sequence[str] = ()
    start: str = ""
    end: str = ""
    orders: Sequence[str] = field(default_factory=tuple)


def owners(items: Sequence[str]) -> list[tuple[str, bool]]:
    """The organs to which these items belong, the one with most of them in the lead."""
    known = snapshot()
    counted: dict[str, int] = {}
    for code in items:
        item = known.items.get(code)
        if item and item.organ in known.organs:
            counted[item.organ] = counted.get(item.organ, 0) + 1
    ordered = sorted(counted, key=lambda organ: (-counted[organ], organ))[:UNITS_MOST]
    return [(organ, n == 0) for n, organ in enumerate(ordered)]


@dataclass(frozen=True)
class Read:
    """The columns of a problem, and who answers for it: codes of organs, whether in the lead."""

    fields: dict[str, Any]
    units: list[tuple[str, bool]]


def read_draft(draft: Draft, actor: Actor, now: datetime, *, needs_due: bool, kept_due: date | None = None) -> Read:
    """A draft as it is kept; Refused 422 with every field that is missing, wrong, or out of the actor's reach."""
    errors: list[FieldError] = []

    def no(name: str, message: str) -> None:
        if message:
            errors.append(FieldError(name, "not_allowed", message))

    title = draft.title.strip()
    description = draft.description.replace("\r\n", "\n").strip()
    no("title", text_wrong(LABELS["title"], title, TITLE_LONGEST))
    no("description", text_wrong(LABELS["description"], description))
    items = list(dict.fromkeys(draft.items))
    no("items", _items_wrong(items, actor))
    units = _units(draft, items)
    no("lead", _units_wrong(units[:1], actor) if items or draft.lead else "")
    no("co", _units_wrong(units[1:], actor))
    days = {name: _day(name, getattr(draft, name), no) for name in ("due", "start", "end")}
    if needs_due and not draft.due:
        no("due", f"请填写“{LABELS['due']}”。")
    elif days["due"] and days["due"] != kept_due and days["due"] < clock.day(now):
        no("due", "“整改期限”不能早于今天。")
    if bool(draft.start) != bool(draft.end) or (days["start"] and days["end"] and days["start"] > days["end"]):
        no("end", "起止日期要么都填，要么都不填，且不能颠倒。")
    if set(draft.causes) - set(CAUSE_NAMES):
        no("causes", "请从列出的原因中选择。")
    known = {norm.code for norm in indicators(_area(actor), clock.day(now), retired=True)}
    if set(draft.indicators) - known:
        no("indicators", "请从列出的指标中选择。")
    orders, message = _orders(draft.orders, actor)
    no("orders", message)
    if errors:
        raise refused(errors)
    fields = {
        "title": title,
        "description": description,
        "items": items,
        "indicators": list(dict.fromkeys(draft.indicators)),
        "causes": list(dict.fromkeys(draft.causes)),
        "orders": orders,
        **days,
    }
    return Read(fields, units)


def _area(actor: Actor) -> str:
    scopes = as_(actor, *queries.KEEP).scopes
    return scopes[0].area if scopes else ""


def _items_wrong(items: Sequence[str], actor: Actor) -> str:
    if not items:
        return "请至少写一个事项。"
    if len(items) > ITEMS_MOST:
        return f"一个问题最多涉及 {ITEMS_MOST} 个事项，现有 {len(items)} 个。"
    known = snapshot()
    for code in items:
        item = known.items.get(code)
        if item is None or not _keeps_organ(actor, item.organ):
            return f"没有事项 {code[:40]}，或它不在您的管辖范围内，请核对。"
    return ""


def _units(draft: Draft, items: Sequence[str]) -> list[tuple[str, bool]]:
    found = owners(items)
    lead = draft.lead or (found[0][0] if found else "")
    if not lead:
        return []
    others = draft.co if draft.lead or draft.co else [code for code, _ in found]
    return [(lead, True), *((code, False) for code in dict.fromkeys(others) if code != lead)]


def _units_wrong(units: Sequence[tuple[str, bool]], actor: Actor) -> str:
    if len(units) > UNITS_MOST:
        return f"配合单位最多 {UNITS_MOST} 个。"
    for code, _ in units:
        if not _keeps_organ(actor, code):
            return f"没有单位 {code[:40]}，或它不在您的管辖范围内，请核对。"
    return ""


def _keeps_organ(actor: Actor, code: str) -> bool:
    organ = snapshot().organs.get(code)
    return organ is not None and actor.over(area=area_prefix(organ.area), organ=organ.path).has(*queries.KEEP)


def _day(name: str, text: str, no: Any) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        no(name, f"“{LABELS[name]}”应为日期，如 2026-10-09。")
        return None


def _orders(numbers: Sequence[str], actor: Actor) -> tuple[list[UUID], str]:
    wanted = list(dict.fromkeys(filter(None, (number.strip() for number in numbers))))
    if len(wanted) > ORDERS_MOST:
        return [], f"最多列入 {ORDERS_MOST} 件工单，更多的请用事项、指标和日期圈定。"
    found = []
    for number in wanted:
        try:
            found.append(by_number(actor, number).pk)
        except Refused:
            return [], f"没有编号为 {number[:40]} 的工单，或您看不到它，请核对。"
    return found, ""
