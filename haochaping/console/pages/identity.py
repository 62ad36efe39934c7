"""Coming in by the government's identity service 统一身份认证, and proving by it once more who one is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from haochaping.accounts import identity, oidc, second_factor
from haochaping.accounts.commands import audit
from haochaping.console import entrance
from haochaping.console.pages.entry import LoginForm
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

COOKIE, PATH = "hcp_staff_oidc", "/console/login/oidc"
CALLBACK = PATH + "/callback"
LEEWAY = timedelta(seconds=oidc.LEEWAY)
NOT_ASKED = Refused(
    "not_asked_anew", 403, "统一身份认证没有重新核对您的身份，不能作为确认。请退出后用本平台的密码登录，再办理。"
)
NOT_YOU = Refused("not_you", 403, "统一身份认证确认的不是当前登录的人。请退出登录，再以本人账号重新登录。")


@never_cache
@require_safe
def set_out(request: HttpRequest) -> HttpResponse:
    """Off to the identity service; with `again` it shall ask anew who it is."""
    service = identity.provider()
    if service is None:
        return redirect("console:login")
    again, way_on = "again" in request.GET, _way_on(request.GET.get("next", ""))
    try:
        url, kept = oidc.start(service, settings.PUBLIC_URL + CALLBACK, anew=again)
    except Refused as no:
        return _refused(request, no, way_on)
    answer = HttpResponseRedirect(url)
    more = {"next": way_on, "again": str(int(clock.now().timestamp())) if again else ""}
    oidc.remember(request, answer, kept | more, cookie=COOKIE, path=PATH)
    return answer


@never_cache
@require_safe
def come_back(request: HttpRequest) -> HttpResponse:
    """Back with a code that is good once, in the browser that set out."""
    service, kept, now = identity.provider(), oidc.remembered(request, cookie=COOKIE), clock.now()
    way_on = _way_on(kept.get("next", ""))
    try:
        if service is None or not kept:
            raise identity.NOT_PROVED
        claims = oidc.finish(service, settings.PUBLIC_URL + CALLBACK, request.GET.dict(), kept, now)
        found = identity.recognise(service, claims, now=now)
        answer = _again(request, found, kept["again"]) if kept["again"] else _come_in(request, found, way_on)
    except Refused as no:
        answer = _refused(request, no, way_on)
    answer.delete_cookie(COOKIE, path=PATH)
    return answer


def _come_in(request: HttpRequest, found: identity.Recognised, way_on: str) -> HttpResponse:
    if second_factor.is_asked_of(found.person) and not found.has_second:
        return entrance.wait_for_code(request, found.person, way_on, by=entrance.OIDC)
    answer = entrance.let_in(request, found.person, way_on, by=entrance.OIDC, second=found.has_second)
    if found.at is not None and found.at < clock.now():
        entrance.prove(request, at=found.at)
    return answer


def _again(request: HttpRequest, found: identity.Recognised, since: str) -> HttpResponse:
    """Somebody who is logged in was asked anew: for what they are about to do in the page that they come from."""
    if request.user != found.person:
        raise NOT_YOU
    if found.at is None or found.at < datetime.fromtimestamp(int(since), UTC) - LEEWAY:
        raise NOT_ASKED
    entrance.prove(request)
    audit(found.person.actor(), "prove", found.person.username, now=clock.now(), facts={"by": entrance.OIDC})
    return render(request, "console/proved.html")


def _refused(request: HttpRequest, no: Refused, way_on: str) -> HttpResponse:
    context = {"form": LoginForm(request), "next": way_on, "refused": no, "has_identity": True}
    return render(request, "console/login.html", context, status=no.status)


def _way_on(path: str) -> str:
    return path if path.startswith("/console/") and url_has_allowed_host_and_scheme(path, None) else "/console/"
