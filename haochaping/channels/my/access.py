"""Who stands before a page of `/my`: a citizen who proved it, with a session apart from everybody who works here."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.http import HttpResponseRedirect
from django.utils.cache import add_never_cache_headers
from django.utils.http import urlencode

from haochaping.channels.my import commands, queries
from haochaping.kit import clock, ids

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

    Page = Callable[..., HttpResponse]

COOKIE = "hcp_my"  # the session
BROWSER = "hcp_my_browser"  # which browser asked for a code
PATH = "/my"


def citizen_of(request: HttpRequest) -> queries.Citizen | None:
    """Who is logged in here, their time prolonged; None for nobody."""
    token = request.COOKIES.get(COOKIE, "")[:64]
    return commands.go_on(token, now=clock.now()) if token else None


def for_citizens(page: Page) -> Page:
    """Open the page to a citizen who is logged in, handed over as `me`; others go to the login and come back after it.

    What was sent by somebody whose time was over is not done: the login says so.
    """

    @wraps(page)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        me = citizen_of(request)
        if me is None:
            asked = {"next": request.path} | ({"ended": "1"} if request.method == "POST" else {})
            return private(see_other("/my/login?" + urlencode(asked)))
        return private(page(request, me, *args, **kwargs))

    return guarded


def private(answer: HttpResponse) -> HttpResponse:
    """Nowhere stored, by no search engine found."""
    add_never_cache_headers(answer)
    answer["X-Robots-Tag"] = "noindex"
    return answer


def see_other(url: str) -> HttpResponse:
    """On with a GET: a reload sends nothing twice."""
    answer = HttpResponseRedirect(url)
    answer.status_code = 303
    return answer


def let_in(request: HttpRequest, token: str, url: str) -> HttpResponse:
    """The answer that begins a session."""
    answer = see_other(url)
    answer.set_cookie(COOKIE, token, path=PATH, httponly=True, samesite="Lax", secure=request.is_secure())
    return answer


def browser_of(request: HttpRequest) -> str:
    """The token of this browser, a new one where it has none; `remember` sends it along."""
    return request.COOKIES.get(BROWSER, "")[:64] or ids.new_token()


def remember(request: HttpRequest, answer: HttpResponse, browser: str) -> HttpResponse:
    if request.COOKIES.get(BROWSER) != browser:
        day = 86_400
        answer.set_cookie(
            BROWSER, browser, max_age=day, path=PATH, httponly=True, samesite="Lax", secure=request.is_secure()
        )
    return answer
