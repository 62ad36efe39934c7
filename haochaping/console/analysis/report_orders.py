"""要报告: one report now, of a chosen place and period, or a kind of report for good 订阅."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import Scope
from haochaping.analytics import asked, slices
from haochaping.analytics.dimensions import DIMENSIONS, PREFIXES
from haochaping.analytics.labels import label
from haochaping.analytics.reports import commands, queries
from haochaping.analytics.reports.kinds import KINDS, PERIODIC, Kind, Period, covering, last_ended
from haochaping.analytics.reports.rules import wrong
from haochaping.console.access import needs
from haochaping.console.pages.briefs import office_of
from haochaping.kit import clock
from haochaping.kit.errors import FieldError, Refused

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.analytics.reports.models import Report, ReportPlan

BY_MOST = 3  # dimensions of a brief
NOT_BY = frozenset({"day", "week", "month", "quarter", "year", "province", "has_case"})  # time has its own table


class Wanted(forms.Form):
    """A report by hand: of the period that holds `day`."""

    kind = forms.ChoiceField(label="报告", choices=[(kind, KINDS[kind].name) for kind in PERIODIC])
    place = forms.CharField(label="地区或单位", max_length=400)
    day = forms.DateField(label="哪一期", required=False)
    issuer = forms.CharField(label="发文单位", max_length=100)
    public = forms.BooleanField(label="可以公开", required=False)


@needs(*queries.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Ask for one report; the worker draws it."""
    actor, now = actor_of(request), clock.now()
    places = queries.places_for(actor)
    form = Wanted(_plain(request.POST) if request.method == "POST" else _offered(actor, places))
    no: Refused | None = None
    if request.method == "POST":
        try:
            given = _read(form)
            kind, scope = Kind(given["kind"]), _scope(given["place"], places)
            today = clock.day(now)
            made = commands.ask(
                kind,
                _ended(covering(kind, given["day"] or last_ended(kind, today).start), today),
                scope,
                issuer=given["issuer"],
                for_public=given["public"],
                actor=actor,
                now=now,
            )
        except Refused as refused:
            if refused.status not in {404, 422}:
                raise
            no = refused
        else:
            return redirect("console:report", made.pk)
    context = {
        "form": form,
        "kinds": [(kind, spec.name, last_ended(kind, clock.day(now)).words) for kind, spec in _specs()],
        "places": places,
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
    }
    return render(request, "console/analysis/report_new.html", context, status=no.status if no else 200)


def _specs() -> list[tuple[Kind, Any]]:
    return [(kind, KINDS[kind]) for kind in PERIODIC]


def _offered(actor: Actor, places: list[queries.Place]) -> dict[str, Any]:
    """No day: a day of the last week would make of a monthly notice one of a month that runs."""
    return {"kind": Kind.WEEKLY, "place": places[0].key if places else "", "issuer": office_of(actor)}


def _ended(period: Period, today: date) -> Period:
    """Refused 422 while it runs: its number would stand beside a whole period before it, and never be mended."""
    if period.start <= today <= period.end:
        raise wrong(
            "day",
            f"这一期到{period.end.month}月{period.end.day}日才结束，请结束后再生成。要写到今天为止的情况，请用“起草专报”。",
        )
    return period


def _plain(given: Any) -> dict[str, str]:
    return {name: str(value).replace("\x00", "") for name, value in given.items()}


def _read(form: forms.Form) -> dict[str, Any]:
    """The answers; Refused 422 with every field that is wrong."""
    if form.is_valid():
        return form.cleaned_data
    errors = tuple(
        FieldError(name, "not_allowed", f"请填好“{form.fields[name].label}”。")
        for name in form.errors
        if name in form.fields
    )
    raise Refused("fields_refused", 422, "".join(error.message for error in errors), errors)


def _scope(key: str, places: list[queries.Place]) -> Scope:
    """The place of that key among those one may write about."""
    found = next((place for place in places if place.key == key), None)
    if found is None:
        message = "请从列表中选择地区或单位。"
        raise Refused("fields_refused", 422, message, (FieldError("place", "not_allowed", message),))
    return Scope(found.area, found.organ)


class Topic(forms.Form):
    """A brief about any slice: its period is its own."""

    title = forms.CharField(label="标题", max_length=100)
    place = forms.CharField(label="地区或单位", max_length=400)
    issuer = forms.CharField(label="发文单位", max_length=100)
    since = forms.DateField(label="开始日")
    until = forms.DateField(label="结束日")


@needs(*queries.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def topic(request: HttpRequest) -> HttpResponse:
    """Begin a brief 专报 about the slice in the address, as 自助分析 has it, or about a whole place."""
    actor, now, no = actor_of(request), clock.now(), None
    told = request.POST if request.method == "POST" else request.GET
    given, places = _plain(told), queries.places_for(actor)
    by = [name for each in told.getlist("by") for name in each.split(",") if name in DIMENSIONS]
    filters: dict[str, list[Any]] = {}
    form = Topic(given if request.method == "POST" else _offered_topic(actor, places, now))
    try:
        if request.method == "POST":
            filters = asked.read(_narrowed(given), today=clock.day(now)).filters
            return redirect("console:report", _begun(form, by, filters, actor, now).pk)
        if given:
            question = slices.read(
                {name: text for name, text in given.items() if name in _ASKED}, actor, today=clock.day(now)
            )
            places = _with_place_of(question, actor, places)
            form = Topic(_of_slice(question, form.data, places))
            filters = {name: values for name, values in question.filters.items() if name in DIMENSIONS}
            by = [name for name in (question.by, question.across) if name and name not in NOT_BY]
    except Refused as refused:
        if refused.status not in {404, 422}:
            raise
        no = refused
    context = {
        "form": form,
        "places": places,
        "dimensions": [(name, dimension.name) for name, dimension in DIMENSIONS.items() if name not in NOT_BY],
        "chosen": by,
        "most": BY_MOST,
        "limits": [
            f"{DIMENSIONS[n].name}：{'、'.join(label(n, value) for value in values)}" for n, values in filters.items()
        ],
        "carried": [(name, given[name]) for name in filters],
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
    }
    return render(request, "console/analysis/report_topic.html", context, status=no.status if no else 200)


_ASKED = {*slices.WORDS, *PREFIXES, *DIMENSIONS} - {"metrics", "show", "sort", "compare"}


def _begun(form: Topic, by: list[str], filters: dict[str, list[Any]], actor: Actor, now: datetime) -> Report:
    answers = _read(form)
    if len(by) > BY_MOST:
        raise wrong("by", f"分项最多选 {BY_MOST} 项。")
    area, _, organ = answers["place"].partition("|")
    return commands.ask(
        Kind.TOPIC, Period(answers["since"], answers["until"]), Scope(area, organ), issuer=answers["issuer"],
        filters=filters, by=by, title=answers["title"], actor=actor, now=now,
    )  # fmt: skip


def _narrowed(given: dict[str, str]) -> dict[str, str]:
    """What the slice is narrowed by, apart from place and time. "-" is the value of what has none."""
    names = [name for name in given if name in DIMENSIONS and name not in NOT_BY and name != "by"]
    return {name: "" if given[name] == slices.EMPTY else given[name] for name in names}


def _offered_topic(actor: Actor, places: list[queries.Place], now: datetime) -> dict[str, str]:
    today = clock.day(now)
    first = places[0].key if places else ""
    return {"title": "", "place": first, "issuer": office_of(actor), "since": f"{today:%Y-%m}-01", "until": f"{today}"}


def _with_place_of(question: slices.Slice, actor: Actor, places: list[queries.Place]) -> list[queries.Place]:
    """The places, and the slice's own where it is one alone and the actor's. Refused 422 for a slice of several."""
    found = [question.filters.get(name, [""]) for name in ("area", "organ_path")]
    if any(len(values) > 1 for values in found):
        raise wrong("place", "专报只写一个地区或单位，这个切片选了几个，请先缩小。")
    scope = Scope(*(str(values[0]) for values in found))
    if scope == Scope() or any(place.key == f"{scope.area}|{scope.organ}" for place in places):
        return places
    is_mine = any(mine.holds(scope) for mine in queries.as_(actor, *queries.WRITE).scopes)
    return [queries.place_at(scope), *places] if is_mine else places


def _of_slice(question: slices.Slice, usual: Any, places: list[queries.Place]) -> dict[str, Any]:
    key = "|".join(str(question.filters.get(name, [""])[0]) for name in ("area", "organ_path"))
    place = key if any(each.key == key for each in places) else usual["place"]
    return {**usual, "place": place, "since": f"{question.period.start}", "until": f"{question.period.end}"}


class Standing(forms.Form):
    """订阅: a kind of report, for a place, for good."""

    kind = forms.ChoiceField(label="报告", choices=[(kind, KINDS[kind].name) for kind in PERIODIC])
    place = forms.CharField(label="地区或单位", max_length=400)
    issuer = forms.CharField(label="发文单位", max_length=100)
    public = forms.BooleanField(label="可以公开", required=False)
    off = forms.BooleanField(required=False)


@needs(*queries.WRITE)
@require_http_methods(["GET", "HEAD", "POST"])
def plans(request: HttpRequest) -> HttpResponse:
    """Which reports are made by themselves, for one's places: ordered, changed, ended."""
    actor, now = actor_of(request), clock.now()
    places, no = queries.places_for(actor), None
    first = places[0].key if places else ""
    form = Standing(_plain(request.POST) if request.method == "POST" else {"place": first, "issuer": office_of(actor)})
    if request.method == "POST":
        try:
            given = _read(form)
            known = [*places, *(queries.place_at(Scope(p.area_path, p.organ_path)) for p in queries.plans_for(actor))]
            plan = commands.set_plan(
                Kind(given["kind"]), _scope(given["place"], known), issuer=given["issuer"], for_public=given["public"],
                is_on=not given["off"], actor=actor, now=now,
            )  # fmt: skip
        except Refused as refused:
            if refused.status not in {404, 422}:
                raise
            no = refused
        else:
            word = "已订阅" if plan.is_on else "已停止"
            messages.success(request, f"{word}：{plan.place}{KINDS[Kind(plan.kind)].name}。")
            return redirect("console:report_plans")
    lines = [
        _plan(plan, clock.day(now))
        for plan in queries.plans_for(actor).order_by("-is_on", "area_path", "organ_path", "kind")
    ]
    context = {
        "lines": lines,
        "form": form,
        "kinds": [(kind, spec.name) for kind, spec in _specs()],
        "places": places,
        "no": no,
        "wrong": {error.field: error.message for error in no.fields} if no else {},
    }
    return render(request, "console/analysis/report_plans.html", context, status=no.status if no else 200)


def _plan(plan: ReportPlan, today: date) -> dict[str, Any]:
    kind = Kind(plan.kind)
    period = covering(kind, today)
    when = date.fromordinal(period.end.toordinal() + KINDS[kind].after)
    return {
        "plan": plan,
        "kind": KINDS[kind].name,
        "place": f"{plan.area_path}|{plan.organ_path}",
        "next": period.words,
        "when": when,
    }
