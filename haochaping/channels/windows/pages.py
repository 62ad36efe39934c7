"""`/w/{windowCode}`: the static QR code of a window leads here. Every way works without a script and without a login."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from haochaping.channels import commands as links
from haochaping.channels import forms, signs
from haochaping.channels.forms import Draft, Subject
from haochaping.channels.pages import VISIT
from haochaping.channels.windows import commands, queries
from haochaping.channels.windows.rules import FOUND_FOR, POINT_WORDS, Guesses, name_or_tail, visits
from haochaping.directory import queries as directory
from haochaping.evaluation import queries as evaluation
from haochaping.kit import blobs, clock, ids
from haochaping.kit.errors import Refused
from haochaping.policy import queries as policy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

    from haochaping.channels.models import Sign
    from haochaping.channels.windows.queries import Place
    from haochaping.evaluation.models import ServiceEvent

    Answer = Callable[[HttpRequest, Place, str, str, datetime], HttpResponse]

NOT_FOUND = "没有查到可以评价的服务。请核对办件编号，以及办件人姓名（单位填单位名称）或预留手机号的后四位。"
ALL_DONE = "这个办件的服务都已经评价过，或者评价时间已过。"
guesses, visit_limit = Guesses(), visits()


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def window(request: HttpRequest, code: str) -> HttpResponse:
    """The three ways: case number with name or telephone's end, or this visit without a case.

    A miss never tells whether case or name was wrong. A sign that was replaced says so, and still leads here.
    """
    return _at(request, code, _find if request.method == "POST" else _ways)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def visit(request: HttpRequest, code: str) -> HttpResponse:
    """Rate this visit; its service event is made with the rating and not before."""
    return _at(request, code, _rate if request.method == "POST" else _form)


def _at(request: HttpRequest, code: str, answer: Answer) -> HttpResponse:
    """The page of that window for this browser, which is given its cookie; a helpful page for a window there is not."""
    found = directory.window(code)
    if found is None:
        return render(request, "channels/windows/unknown.html", status=404)
    given = request.COOKIES.get(VISIT, "")[:64]
    browser = given or ids.new_token()
    page = answer(request, queries.place(found), browser, _serial(request, code), clock.now())
    if not given:
        page.set_cookie(VISIT, browser, httponly=True, samesite="Lax", secure=request.is_secure())
    page["X-Robots-Tag"] = "noindex"
    return page


def _serial(request: HttpRequest, code: str) -> str:
    """The serial of the sign that was scanned, if it is one of this window's."""
    sign = _sign(request, code)
    return sign.serial if sign else ""


def _sign(request: HttpRequest, code: str) -> Sign | None:
    asked = request.GET.get("q", "")[:12].upper()
    sign = queries.sign(asked) if asked.isascii() and asked.isalnum() else None
    return sign if sign is not None and sign.window_code == code else None


def _ways(request: HttpRequest, place: Place, browser: str, serial: str, now: datetime) -> HttpResponse:  # noqa: ARG001
    if serial and request.method == "GET":
        signs.tally(serial, clock.day(now), scans=1)
    return _page(request, place)


def _page(request: HttpRequest, place: Place, *, status: int = 200, **more: Any) -> HttpResponse:
    sign = _sign(request, place.window.code)
    context = {
        "place": place,
        "replaced": sign is not None and sign.replaced_at is not None,
        "query": f"?q={sign.serial}" if sign else "",
        **more,
    }
    return render(request, "channels/windows/window.html", context, status=status)


def _find(request: HttpRequest, place: Place, browser: str, serial: str, now: datetime) -> HttpResponse:
    case = request.POST.get("case", "").strip()[:100]
    who = request.POST.get("who", "").strip()[:200]
    wrong = _missing(case, who)
    typed = {"case": case, "who": who}
    if wrong:
        return _page(request, place, status=422, typed=typed, wrong=wrong)
    keys = (browser, place.window.code, blobs.normal(case))
    if wait := guesses.wait(*keys, now):
        return _slow(request, place, f"核对的次数太多，请 {wait} 秒后再试。也可以直接评价本次来访，或拨打12345。", wait)
    name, tail = name_or_tail(who)
    found = evaluation.services_of_case(case, name=name, phone_tail=tail)
    if not found:
        guesses.miss(*keys, now)
        return _page(request, place, status=404, typed=typed, problem=NOT_FOUND)
    rated = evaluation.rated_among([event.id for event in found])
    still_open = [e for e in found if e.id not in rated and evaluation.is_open_for_rating(e, now)]
    if not still_open:
        return _page(request, place, status=409, typed=typed, problem=ALL_DONE)
    offers = _offers(still_open, serial, now)
    if len(offers) == 1:
        return _see_other(offers[0]["url"])
    return render(request, "channels/windows/choose.html", {"place": place, "offers": offers})


def _missing(case: str, who: str) -> dict[str, str]:
    wrong = {}
    if not case or "\x00" in case:
        wrong["case"] = "请填写办件编号，受理回执、小票或短信上都有。"
    if not blobs.normal(who) or "\x00" in who:
        wrong["who"] = "请填写办件人姓名（单位填单位名称），或预留手机号的后四位。"
    return wrong


def _offers(events: Sequence[ServiceEvent], serial: str, now: datetime) -> list[dict[str, Any]]:
    """A short-lived link for each service, with what tells them apart."""
    windows = directory.snapshot().windows
    offers = []
    for event in events:
        ttl = min(FOUND_FOR, event.closes_at - now)
        token = links.make_link(event.id, commands.QR, ttl, signs.maker(serial), now)
        at = windows.get(event.window_code)
        point = POINT_WORDS.get(event.point, "")
        offers.append({"url": f"/e/{token}", "event": event, "window": at.name if at else "", "point": point})
    return offers


def _form(request: HttpRequest, place: Place, browser: str, serial: str, now: datetime) -> HttpResponse:  # noqa: ARG001
    return _ask(request, place, Draft(), now)


def _rate(request: HttpRequest, place: Place, browser: str, serial: str, now: datetime) -> HttpResponse:
    draft = Draft.read(request.POST)
    if wait := visit_limit.wait(place.window.code, now):
        message = f"本窗口这会儿评价的人太多，请 {wait} 秒后再按一次“提交评价”，您写的内容还在；也可以用办件编号评价。"
        answer = _ask(request, place, draft, now, Refused("too_many", 429, message))
        answer["Retry-After"] = str(wait)
        return answer
    try:
        token = commands.rate_visit(place.window, draft, browser=browser, serial=serial, now=now)
    except Refused as no:
        if no is commands.TOO_SOON:
            return _page(request, place, status=409, problem=f"{no.message}要评价办理的事项，请在下面填办件编号。")
        if no.status == 422:
            return _ask(request, place, draft, now, no)
        raise
    visit_limit.miss(place.window.code, now)
    return _see_other(f"/e/{token}")


def _ask(
    request: HttpRequest, place: Place, draft: Draft, now: datetime, refused: Refused | None = None
) -> HttpResponse:
    day = clock.day(now)
    norms = policy.indicators(place.area_path, day, "service", commands.QR)
    point = commands.POINTS.get(place.window.kind, "")
    subject = Subject(f"{commands.VISIT_NAME}（没有办件号）", place.organ_name, _where(place), day, "service", point)
    context = forms.context(subject, draft, norms, refused)
    return render(request, "channels/rate.html", context, status=refused.status if refused else 200)


def _where(place: Place) -> str:
    return f"{place.hall_name} {place.window.name}" if place.hall else place.window.name


def _slow(request: HttpRequest, place: Place, problem: str, seconds: int) -> HttpResponse:
    answer = _page(request, place, status=429, problem=problem)
    answer["Retry-After"] = str(seconds)
    return answer


def _see_other(url: str) -> HttpResponse:
    answer = HttpResponseRedirect(url)
    answer.status_code = 303
    return answer
