"""工作日历: the days worked and off of a year, a region's own days, and the import of an announced year."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Role
from haochaping.console import dayeffects
from haochaping.console import queries as console
from haochaping.console.access import needs
from haochaping.console.pages.policies import region_of, regions_of
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.policy import calendars, queries

if TYPE_CHECKING:
    from haochaping.accounts.rules import Actor
    from haochaping.policy.models import CalendarRequest

WRITERS = (Role.SUPERVISOR, Role.CITY)
FILE_MOST = 64 * 1024
FIRST_YEAR = 2019  # 好差评 began
YEARS_AHEAD = 2
ASKED = "已提交。放假会推后期限，要等另一位督办人员或市级主管在本页同意后才生效。"
DECISIONS = {"agree": calendars.agree, "refuse": calendars.refuse}


@needs(*MAY_OPEN["calendar"])
@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """A year's working days in a region, and whether it is announced; forms for those who may change it."""
    return _show(request)


@needs(*WRITERS)
@require_POST
def local(request: HttpRequest) -> HttpResponse:
    """Days that differ in one region: shown with what they move, then confirmed; days off wait for a second person."""
    actor, now, posted = actor_of(request), clock.now(), request.POST
    region, works = posted.get("region", ""), posted.get("works") == "1"
    if not region or not calendars.may_change(actor, region):
        raise Refused("not_your_role", 403, "只有管辖该地区的督办或市级主管可以调整当地日历。")
    source = posted.get("source", "")
    try:
        first, last = (_day(posted.get(name, "")) for name in ("first", "last"))
        days = calendars.local_days(region, first, last, posted.get("name", ""), works=works, now=now)
        calendars.source_given(source)
        if "confirmed" in posted:
            waits = calendars.change_local(region, days, source=source, actor=actor, now=now)
            done = f"已调整{console.area_name(region)}的日历 {len(days)} 天。"
            messages.success(request, ASKED if waits else done)
            return _to(region, days[0].day.year)
    except Refused as no:
        if no.status != 422:
            raise
        return _show(request, no, at="local")
    changes: dict[date, bool | None] = {day.day: day.is_workday for day in days}
    context = {
        "region": region,
        "where": console.area_name(region),
        "title": f"调整{console.area_name(region)}的日历？",
        "days": [(dayeffects.day_words(day.day), day.is_workday, day.name) for day in days],
        "moved": dayeffects.moved(region, changes, actor),
        "year": days[0].day.year,
        "hidden": [(name, posted.get(name, "")) for name in ("region", "first", "last", "works", "name", "source")],
        "source": source,
        "action": reverse("console:calendar_local"),
        "waits": not works,
        "button": "确认调整" if works else "提交，等另一人同意",
    }
    return render(request, "console/calendar_confirm.html", context)


@needs(*WRITERS)
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: HttpRequest, region: str, day: str) -> HttpResponse:
    """Take a region's own day out again, once it was confirmed."""
    actor, found = actor_of(request), _day(day)
    row = next((row for row in queries.own_days(region, found.year) if row.day == found), None) if found else None
    if row is None or not calendars.may_change(actor, region):
        raise Refused("no_such_day", 404, "当地日历里没有这一天的调整。")
    if request.method == "POST":
        try:
            waits = calendars.undo_local(region, row.day, actor=actor, now=clock.now())
        except Refused as no:
            if no.status not in {409, 422}:
                raise
            messages.warning(request, no.message)
        else:
            done = f"已取消，{dayeffects.day_words(row.day)}和全国一样。"
            messages.success(request, ASKED if waits else done)
        return _to(region, row.day.year)
    waiting = calendars.undoing_waits(region, row.day)
    context = {
        "region": region,
        "where": console.area_name(region),
        "title": f"取消{console.area_name(region)}这一天的调整？",
        "days": [(dayeffects.day_words(row.day), not row.is_workday, f"取消“{row.name}”")],
        "moved": dayeffects.moved(region, {row.day: None}, actor),
        "year": row.day.year,
        "source": row.source,
        "action": request.path,
        "waits": waiting,
        "button": "提交，等另一人同意" if waiting else "确认取消调整",
    }
    return render(request, "console/calendar_confirm.html", context)


@needs(*WRITERS)
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, pk: int, verb: str) -> HttpResponse:
    """A second person agrees to a change that waits, or it is sent back; each is confirmed on a page of its own."""
    actor = actor_of(request)
    if verb not in DECISIONS:
        raise Refused("unknown_verb", 404, "没有这一操作。")
    found = calendars.waiting_one(actor, pk)
    is_own = found.made_by_id == actor.id
    changes, where = calendars.changes_of(found), console.area_name(found.region)
    year = min(changes).year
    if request.method == "POST":
        try:
            DECISIONS[verb](pk, actor=actor, now=clock.now())
        except Refused as no:
            if no.status != 409:
                raise
            messages.warning(request, no.message)
        else:
            done = {
                "agree": f"已同意，{where}的日历已经调整。",
                "refuse": "已撤回。" if is_own else "已退回，日历没有变。",
            }
            messages.success(request, done[verb])
        return _to(found.region, year)
    title = f"同意调整{where}的日历？" if verb == "agree" else f"{'撤回' if is_own else '退回'}{where}日历的调整？"
    context = {
        "region": found.region,
        "where": where,
        "title": title,
        "days": [
            (dayeffects.day_words(date.fromisoformat(day)), works is True, name) for day, works, name in found.days
        ],
        "moved": dayeffects.moved(found.region, changes, actor) if verb == "agree" else None,
        "asked": found,
        "year": year,
        "source": found.source,
        "action": request.path,
        "button": "同意" if verb == "agree" else "撤回" if is_own else "退回",
    }
    return render(request, "console/calendar_confirm.html", context)


@needs(Role.SUPERVISOR)
@require_POST
def year(request: HttpRequest) -> HttpResponse:
    """The announced days of a year from a CSV: shown with what they move, then confirmed."""
    actor, posted = actor_of(request), request.POST
    if not calendars.may_change(actor, ""):
        raise Refused("not_your_role", 403, "全国的工作日安排由省级督办人员导入。")
    source = posted.get("source", "")
    try:
        text = posted.get("text", "") if "confirmed" in posted else _file(request)
        days = calendars.read_days(text.splitlines())
        if "confirmed" in posted or not source.strip():
            count = calendars.announce_year(days, source=source, actor=actor, now=clock.now())
            messages.success(request, f"已导入{calendars.year_of(days)}年的工作日安排，共 {count} 天。")
            return _to("", calendars.year_of(days))
    except Refused as no:
        if no.status != 422:
            raise
        return _show(request, no, at="year")
    announced = calendars.year_of(days)
    lines = [f"{day.day},{int(day.is_workday)},{day.name.replace(',', '，')}" for day in days]
    context = {
        "region": "",
        "where": "全国",
        "title": f"导入{announced}年的工作日安排？",
        "days": [(dayeffects.day_words(day.day), day.is_workday, day.name) for day in days],
        "moved": dayeffects.moved("", calendars.year_changes(days), actor, announced=frozenset({announced})),
        "year": announced,
        "hidden": [("source", source), ("text", "\n".join(["date,is_workday,name", *lines]))],
        "source": source,
        "action": reverse("console:calendar_year"),
        "button": "确认导入",
        "was": queries.announcement(announced),
    }
    return render(request, "console/calendar_confirm.html", context)


def _show(request: HttpRequest, refused: Refused | None = None, at: str = "") -> HttpResponse:
    actor, today = actor_of(request), clock.today()
    region = region_of(request, actor)
    asked = request.GET.get("year", "")
    chosen = int(asked) if asked.isdigit() and FIRST_YEAR <= int(asked[:4]) <= today.year + YEARS_AHEAD else today.year
    days = queries.calendar(region)
    months = dayeffects.workdays_by_month(region, chosen)
    context: dict[str, Any] = {
        "region": region,
        "where": console.area_name(region),
        "regions": [(key, console.area_name(key)) for key in regions_of(actor)],
        "year": chosen,
        "years": [(n, days.knows(n)) for n in range(today.year - 1, today.year + YEARS_AHEAD)],
        "is_known": days.knows(chosen),
        "announcement": queries.announcement(chosen),
        "spans": dayeffects.spans(region, chosen),
        "months": list(enumerate(months, 1)),
        "total": sum(months),
        "own": [_row(row, actor, today) for row in queries.days_for(region, chosen) if row.region],
        "waiting": [_waits(one, actor) for one in calendars.waiting_for(actor)],
        "may_change": calendars.may_change(actor, region),
        "may_announce": calendars.may_change(actor, ""),
        "today": today,
        "typed": request.POST,
        "wrong": {error.field: error.message for error in refused.fields} if refused else {},
        "refused": refused,
        "at": at,
    }
    return render(request, "console/calendar.html", context, status=refused.status if refused else 200)


def _row(row: Any, actor: Actor, today: date) -> dict[str, Any]:
    return {
        "row": row,
        "said": dayeffects.day_words(row.day),
        "where": console.area_name(row.region),
        "may_undo": row.day >= today and calendars.may_change(actor, row.region),
    }


def _waits(one: CalendarRequest, actor: Actor) -> dict[str, Any]:
    days = [(dayeffects.day_words(date.fromisoformat(day)), works is True, name) for day, works, name in one.days]
    return {"one": one, "where": console.area_name(one.region), "days": days, "is_own": one.made_by_id == actor.id}


def _file(request: HttpRequest) -> str:
    file = request.FILES.get("file")
    if file is None or file.size is None or file.size > FILE_MOST:
        raise calendars.refused("file", f"请选择一个不超过 {FILE_MOST // 1024} KB 的 CSV 文件。")
    body = file.read()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return str(body.decode(encoding))
        except UnicodeDecodeError:
            continue
    raise calendars.refused("file", "文件的编码读不懂，请另存为 UTF-8 的 CSV。")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _to(region: str, year: int) -> HttpResponse:
    asked = f"&region={region}" if region else ""
    return HttpResponseRedirect(f"{reverse('console:calendar')}?year={year}{asked}")
