"""Changes of the working calendar by people: a year as announced, a region's own days (days off by two people); each with its line in the audit trail."""

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
from haochaping.policy.models import CalendarDay, CalendarRequest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from haochaping.accounts.rules import Actor

LONGEST = 31  # days at once: more is a slip of the pen
SOURCE_LEAST = 6  # characters that name what a change rests on
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


def source_given(source: str) -> str:
    """What a local change rests on, in so many words that one can look it up; Refused 422."""
    if len(source.strip()) < SOURCE_LEAST:
        raise refused("source", f"请写明依据，如停工通知的文号，至少 {SOURCE_LEAST} 个字。")
    return source.strip()[:200]


@transaction.atomic
def change_local(
    region: str, days: Iterable[Day], *, source: str, actor: Actor, now: datetime
) -> CalendarRequest | None:
    """Put a region's own days beside the nation's: more days of work at once, days off once a second person agrees.

    Nobody alone puts off a limit on the day on which it ends. The request that waits, None where it holds already.
    """
    _may_change_local(actor, region)
    given, found = source_given(source), list(days)
    if any(day.day < clock.day(now) for day in found):
        raise refused("first", "已经过去的日子不能改。")
    if any(not day.is_workday for day in found):
        return _ask(region, [(day.day, day.is_workday, day.name) for day in found], given, actor, now)
    load_local_days(region, found, given)
    said = {str(day.day): _said(works=day.is_workday) for day in found}
    audit(actor, "calendar_days", region, now=now, facts={"days": said, "source": given})
    return None


@transaction.atomic
def undo_local(region: str, day: date, *, actor: Actor, now: datetime) -> CalendarRequest | None:
    """A day of a region's own is as the nation's again, a day of work that becomes one off once a second person agrees.

    Refused 409 once it has passed. The request that waits, None where it holds already.
    """
    _may_change_local(actor, region)
    if day < clock.day(now):
        raise Refused("too_late", 409, "这一天已经过去，不能再取消。")
    row = CalendarDay.objects.filter(region=region, day=day).first()
    if row is None:
        raise Refused("no_such_day", 404, "当地日历里没有这一天的调整。")
    if undoing_waits(region, day):
        return _ask(region, [(day, None, f"取消“{row.name}”")], row.source, actor, now)
    drop_local_days(region, [day])
    audit(actor, "calendar_undo", region, now=now, facts={"day": str(day)})
    return None


def undoing_waits(region: str, day: date) -> bool:
    """Whether taking this day out again makes it one off, so that limits end later."""
    after = queries.calendar_if(region, region, {day: None}, frozenset())
    return queries.calendar(region).is_workday(day) and not after.is_workday(day)


def waiting_for(actor: Actor) -> list[CalendarRequest]:
    """The requests that wait in places whose days this person may change, their own among them."""
    return [
        one for one in CalendarRequest.objects.filter(state="waiting").order_by("pk") if may_change(actor, one.region)
    ]


def waiting_one(actor: Actor, pk: int) -> CalendarRequest:
    """That request, or Refused 404."""
    found = next((one for one in waiting_for(actor) if one.pk == pk), None)
    if found is None:
        raise Refused("no_such_request", 404, "没有这条待同意的调整，可能已经办过，请返回工作日历查看。")
    return found


def changes_of(request: CalendarRequest) -> dict[date, bool | None]:
    """What a request would do to the region's days; None: a day is taken out again."""
    return {date.fromisoformat(day): works for day, works, _ in request.days}


@transaction.atomic
def agree(pk: int, *, actor: Actor, now: datetime) -> None:
    """A second person agrees, on the same day too; Refused 403 to who asked, 409 once one of its days has passed."""
    found = _locked(actor, pk)
    if found.made_by_id == actor.id:
        raise Refused("needs_another", 403, "请由另一位督办人员或市级主管同意，提出人自己不能同意。")
    changes = changes_of(found)
    if min(changes) < clock.day(now):
        raise Refused("too_late", 409, "其中有日子已经过去，不能再同意。请退回，由提出人改日期后重新提交。")
    names = {day: name for day, _, name in found.days}
    added = [Day(day, works, names[str(day)]) for day, works in changes.items() if works is not None]
    load_local_days(found.region, added, found.source)
    if gone := [day for day, works in changes.items() if works is None]:
        drop_local_days(found.region, gone)
    said = {str(day): "取消" if works is None else _said(works=works) for day, works in changes.items()}
    _decide(found, "agreed", actor, now)
    facts = {"days": said, "source": found.source, "asked_by": found.made_by}
    audit(actor, "calendar_days", found.region, now=now, facts=facts)


@transaction.atomic
def refuse(pk: int, *, actor: Actor, now: datetime) -> None:
    """It does not come to be: a second person sends it back, or who asked takes it back."""
    found = _locked(actor, pk)
    _decide(found, "refused", actor, now)
    audit(actor, "calendar_refuse", found.region, now=now, facts={"asked_by": found.made_by})


def _ask(
    region: str, days: list[tuple[date, bool | None, str]], source: str, actor: Actor, now: datetime
) -> CalendarRequest:
    asked = {str(day) for day, _, _ in days}
    if any(
        asked & {day for day, _, _ in one.days}
        for one in CalendarRequest.objects.filter(region=region, state="waiting")
    ):
        raise refused("first", "这些日子已经有一条调整在等另一人同意，请先办完那一条。")
    lines = [[str(day), works, name] for day, works, name in days]
    made = CalendarRequest.objects.create(
        region=region, days=lines, source=source, made_by_id=actor.id, made_by=actor.name, made_at=now
    )
    said = {str(day): "取消" if works is None else _said(works=works) for day, works, _ in days}
    audit(actor, "calendar_ask", region, now=now, facts={"days": said, "source": source})
    return made


def _locked(actor: Actor, pk: int) -> CalendarRequest:
    CalendarRequest.objects.select_for_update().filter(pk=pk).first()  # whoever comes second finds it decided
    return waiting_one(actor, pk)


def _decide(request: CalendarRequest, state: str, actor: Actor, now: datetime) -> None:
    request.state, request.decided_by, request.decided_at = state, actor.name, now
    request.save(update_fields=["state", "decided_by", "decided_at"])


def _may_change_local(actor: Actor, region: str) -> None:
    if not region or not may_change(actor, region):
        raise Refused("not_your_role", 403, "只有管辖该地区的督办或市级主管可以调整当地日历。")


def _said(*, works: bool) -> str:
    return "上班" if works else "放假"


def refused(field: str, message: str) -> Refused:
    return Refused("fields_refused", 422, message, (FieldError(field, "not_allowed", message),))
