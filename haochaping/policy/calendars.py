"""Changes of the working calendar by people: a year as announced, a region's own days; each with its line in the audit trail."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from haochaping.accounts.commands import audit
from haochaping.accounts.rules import Role
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused
from haochaping.policy import queries, sets
from haochaping.policy.commands import LAST_WEEK, Day, drop_local_days, load_calendar_year, load_local_days

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from haochaping.accounts.rules import Actor

LONGEST = 31  # days at once: more is a slip of the pen
PROVINCE = 2  # digits of a province's prefix
COLUMNS = "第一行应为表头 date,is_workday,name；下面每行一天，如 2027-01-01,0,元旦（0 放假，1 上班）"


def may_change(actor: Actor, region: str) -> bool:
    """The nation's days: a supervisor of the province. A region's own: its supervisor or city's office."""
    if not region:
        return any(
            len(scope.area) <= PROVINCE and actor.over(area=scope.area, organ="").has(Role.SUPERVISOR)
            for scope in actor.scopes
            if not scope.organ
        )
    return len(region) in sets.LETTERS and actor.over(area=region, organ="").has(Role.SUPERVISOR, Role.CITY)


def read_days(lines: Iterable[str]) -> list[Day]:
    """The announced days of a year from a CSV (date, is_workday 0 or 1, name); Refused 422 names the line."""
    found, line = [], 1
    try:
        for line, row in enumerate(csv.DictReader(lines), 2):  # noqa: B007  the refusal names it
            works = {"0": False, "1": True}[row["is_workday"].strip()]
            found.append(Day(date.fromisoformat(row["date"].strip()), works, (row.get("name") or "").strip()[:40]))
    except (KeyError, ValueError, AttributeError, csv.Error):
        message = f"第 {line} 行读不懂：{COLUMNS}。"
        raise Refused("calendar_refused", 422, message, (FieldError("file", "wrong_type", message),)) from None
    if not found:
        message = f"文件里没有读到日期：{COLUMNS}。"
        raise Refused("calendar_refused", 422, message, (FieldError("file", "required", message),))
    return found


def year_of(days: Iterable[Day]) -> int:
    """The year that an announcement is about: that of its last day."""
    return max(day.day.year for day in days)


def year_changes(days: Iterable[Day]) -> dict[date, bool | None]:
    """What a year's announcement would do to the national rows: days that it sets, and (None) rows that it takes away."""
    found = list(days)
    year = year_of(found)
    kept = {row.day for row in queries.own_days("", year) if row.day < date(year, 12, LAST_WEEK)}
    return dict.fromkeys(kept, None) | {day.day: day.is_workday for day in found}


@transaction.atomic
def announce_year(days: Iterable[Day], *, source: str, actor: Actor, now: datetime) -> int:
    """Load a year's announced days; deadlines that rest on it are no longer provisional."""
    if not may_change(actor, ""):
        raise Refused("not_your_role", 403, "全国的工作日安排由省级督办人员导入。")
    if not source.strip():
        raise refused("source", "请写明依据的文件。")
    found = list(days)
    year = year_of(found)
    count = load_calendar_year(year, found, source.strip()[:200], now)
    audit(actor, "calendar_year", str(year), now=now, facts={"days": count, "source": source.strip()[:200]})
    return count


def local_days(
    region: str, first: date | None, last: date | None, name: str, *, works: bool, now: datetime
) -> list[Day]:
    """The days from first to last that are worked otherwise than now; Refused 422 by field if that is none, or past."""
    if first is None:
        raise refused("first", "请填写日期。")
    last = last or first
    if first < clock.day(now):
        raise refused("first", "已经过去的日子不能改。")
    if not first <= last < first + timedelta(days=LONGEST):
        raise refused("last", f"止日应不早于起日，一次最多 {LONGEST} 天。")
    if not name.strip():
        raise refused("name", "请填写名称，如“台风停工”。")
    held = queries.calendar(region)
    span = (first + timedelta(days=n) for n in range((last - first).days + 1))
    found = [Day(day, works, name.strip()[:40]) for day in span if held.is_workday(day) != works]
    if not found:
        raise refused("first", f"这些日子本来就是{'上班' if works else '休息'}，不用调整。")
    return found


@transaction.atomic
def change_local(region: str, days: Iterable[Day], *, source: str, actor: Actor, now: datetime) -> int:
    """Put a region's own days beside the nation's."""
    if not may_change(actor, region) or not region:
        raise Refused("not_your_role", 403, "只有管辖该地区的督办或市级主管可以调整当地日历。")
    if not source.strip():
        raise refused("source", "请写明依据，如停工通知的文号。")
    found = list(days)
    if any(day.day < clock.day(now) for day in found):
        raise refused("first", "已经过去的日子不能改。")
    count = load_local_days(region, found, source.strip()[:200])
    said = {str(day.day): "上班" if day.is_workday else "放假" for day in found}
    audit(actor, "calendar_days", region, now=now, facts={"days": said, "source": source.strip()[:200]})
    return count


@transaction.atomic
def undo_local(region: str, day: date, *, actor: Actor, now: datetime) -> None:
    """A day of a region's own is as the nation's again; Refused 409 once it has passed."""
    if not may_change(actor, region) or not region:
        raise Refused("not_your_role", 403, "只有管辖该地区的督办或市级主管可以调整当地日历。")
    if day < clock.day(now):
        raise Refused("too_late", 409, "这一天已经过去，不能再取消。")
    if not drop_local_days(region, [day]):
        raise Refused("no_such_day", 404, "当地日历里没有这一天的调整。")
    audit(actor, "calendar_undo", region, now=now, facts={"day": str(day)})


def refused(field: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, "not_allowed", message),))
