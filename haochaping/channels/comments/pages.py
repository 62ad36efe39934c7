"""`/comment`: choose what, then rate it. Without a case, a login or a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from haochaping.channels import forms
from haochaping.channels.comments import commands, queries
from haochaping.channels.comments.rules import KIND_HINTS, KIND_NAMES, Target, kind_of, pace
from haochaping.channels.forms import Draft, Problem, Subject, Wording
from haochaping.channels.pages import VISIT
from haochaping.channels.rules import pf_of
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused
from haochaping.policy import queries as policy

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

limit = pace()
WORDING = Wording("综合点评", "您总的来说是否满意？")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def comment(request: HttpRequest) -> HttpResponse:
    """Four kinds to choose from; then a search; then the form of one target (`?target=hall:NJ`)."""
    if "target" not in request.GET:
        return _choose(request)
    found = queries.target(request.GET["target"][:120])
    if found is None:
        context = {"kinds": _kinds(), "problem": "没有找到这个点评对象，请重新选择。"}
        return render(request, "channels/comments/choose.html", context, status=404)
    browser = request.COOKIES.get(VISIT, "")[:64] or ids.new_token()
    answer = _take(request, found, browser, clock.now()) if request.method == "POST" else _form(request, found, Draft())
    if VISIT not in request.COOKIES:
        answer.set_cookie(VISIT, browser, httponly=True, samesite="Lax", secure=request.is_secure())
    return answer


def _choose(request: HttpRequest) -> HttpResponse:
    kind = kind_of(request.GET.get("kind", ""))
    if kind is None:
        return render(request, "channels/comments/choose.html", {"kinds": _kinds()})
    text = request.GET.get("q", "").replace("\x00", "").strip()[:60]
    found, is_more = queries.search(kind, text)
    context = {
        "kinds": _kinds(),
        "kind": kind,
        "kind_name": KIND_NAMES[kind],
        "text": text,
        "found": found,
        "is_more": is_more,
    }
    return render(request, "channels/comments/choose.html", context)


def _kinds() -> list[tuple[str, str, str]]:
    return [(str(kind), name, KIND_HINTS[kind]) for kind, name in KIND_NAMES.items()]


def _take(request: HttpRequest, found: Target, browser: str, now: datetime) -> HttpResponse:
    draft = Draft.read(request.POST)
    if wait := limit.wait(found.key, now):
        message = f"这个对象此刻收到的点评很多，请 {wait} 秒后再按一次“提交评价”。您写的内容还在。"
        answer = _form(request, found, draft, Refused("too_many", 429, message))
        answer["Retry-After"] = str(wait)
        return answer
    try:
        token = commands.comment(
            found, draft, browser=browser, pf=pf_of(request.headers.get("User-Agent", "")), now=now
        )
    except Refused as no:
        return _form(request, found, draft, no)
    limit.miss(found.key, now)
    answer = HttpResponseRedirect(f"/e/{token}")
    answer.status_code = 303
    return answer


def _form(request: HttpRequest, found: Target, draft: Draft, refused: Refused | None = None) -> HttpResponse:
    norms = policy.indicators(
        found.area_path, clock.today(), found.aspect, pf_of(request.headers.get("User-Agent", ""))
    )
    subject = Subject(found.name, found.where, "", clock.today(), found.aspect)
    context = forms.context(subject, draft, norms, refused)
    if refused and not refused.fields:
        context["problems"] = [Problem("", "", refused.message)]
    context |= {"wording": WORDING, "is_comment": True, "kind_name": KIND_NAMES[found.kind]}
    return render(request, "channels/rate.html", context, status=refused.status if refused else 200)
