"""The entrance of `/my`: a code by SMS, or the province's identity service; and the way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.oidc import remember, remembered
from haochaping.channels.my import access, commands, oidc, queries, rules
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging import queries as messaging

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

KEPT = "hcp_my_oidc"  # the cookie that a login by the identity service must bring back
KEPT_PATH = "/my/oidc"
CALLBACK = "/my/oidc/callback"


@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """`/my/login`: the number to send a code to, or the identity service. Who is logged in already goes on."""
    way_on = rules.way_on(request.GET.get("next", ""))
    if request.method != "POST":
        if access.citizen_of(request):
            return access.private(access.see_other(way_on))
        return _form(request, way_on)
    browser, typed = access.browser_of(request), request.POST.get("mobile", "")[:40]
    try:
        commands.request_code(browser, typed, now=clock.now())
    except Refused as no:
        answer = _form(request, way_on, typed, no)
    else:
        answer = access.see_other("/my/code?" + urlencode({"next": way_on}))
    return access.private(access.remember(request, answer, browser))


def _form(request: HttpRequest, way_on: str, typed: str = "", refused: Refused | None = None) -> HttpResponse:
    context = {
        "next": way_on,
        "typed": typed,
        "refused": refused,
        "has_sms": messaging.is_available(),
        "has_oidc": oidc.provider() is not None,
        "is_ended": "ended" in request.GET,
    }
    answer = render(request, "channels/my/login.html", context, status=refused.status if refused else 200)
    if isinstance(refused, commands.TooManyCodes):
        answer["Retry-After"] = str(refused.seconds)
    return access.private(answer)


@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """`/my/code`: the six digits. Five tries, five minutes, only in the browser that asked."""
    now, way_on = clock.now(), rules.way_on(request.GET.get("next", ""))
    browser = request.COOKIES.get(access.BROWSER, "")[:64]
    refused: Refused | None = None
    if request.method == "POST":
        try:
            token = commands.enter_code(browser, request.POST.get("code", ""), now=now)
        except Refused as no:
            refused = no
        else:
            _end(request)
            return access.private(access.let_in(request, token, way_on))
    sent_to = queries.code_sent_to(browser, now)
    if not sent_to and refused is None:
        return access.private(access.see_other("/my/login?" + urlencode({"next": way_on})))
    context = {"next": way_on, "sent_to": sent_to, "refused": refused}
    return access.private(render(request, "channels/my/code.html", context, status=refused.status if refused else 200))


@require_safe
def by_identity_service(request: HttpRequest) -> HttpResponse:
    """`/my/oidc`: off to the identity service."""
    service = oidc.provider()
    if service is None:
        return access.private(access.see_other("/my/login"))
    way_on = rules.way_on(request.GET.get("next", ""))
    try:
        url, kept = oidc.start(service, settings.PUBLIC_URL + CALLBACK)
    except Refused as no:
        return _form(request, way_on, refused=no)
    answer = HttpResponseRedirect(url)
    remember(request, answer, kept | {"next": way_on}, cookie=KEPT, path=KEPT_PATH)
    return access.private(answer)


@require_safe
def back_from_identity_service(request: HttpRequest) -> HttpResponse:
    """`/my/oidc/callback`: back with a code that is good once, in the browser that set out."""
    service, now = oidc.provider(), clock.now()
    kept = remembered(request, cookie=KEPT)
    way_on = rules.way_on(kept.get("next", ""))
    try:
        if service is None or not kept:
            raise oidc.NOT_PROVED
        proved = oidc.finish(service, settings.PUBLIC_URL + CALLBACK, request.GET.dict(), kept, now)
    except Refused as no:
        answer = _form(request, way_on, refused=no)
    else:
        _end(request)
        token = commands.begin("oidc", name=proved.name, cert=proved.cert, mobile=proved.mobile, now=now)
        answer = access.let_in(request, token, way_on)
    answer.delete_cookie(KEPT, path=KEPT_PATH)
    return access.private(answer)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """`/my/logout`: the session ends here and now."""
    _end(request)
    answer = render(request, "channels/my/left.html")
    answer.delete_cookie(access.COOKIE, path=access.PATH)
    answer.delete_cookie(access.BROWSER, path=access.PATH)
    return access.private(answer)


def _end(request: HttpRequest) -> None:
    """Whoever was logged in in this browser before is so no more."""
    if token := request.COOKIES.get(access.COOKIE, "")[:64]:
        commands.end(token)
