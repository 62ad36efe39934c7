"""The guard before every route of the console."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers

from haochaping.accounts import sessions
from haochaping.accounts.models import Person
from haochaping.accounts.passwords import why_to_change
from haochaping.channels.pages import client_of
from haochaping.console import entrance, proof, rules
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    Page = Callable[..., HttpResponseBase]

SEEN = "seen"  # session: the minute of the last request
LOGIN = "login"  # session: the number of its row in accounts_session
PASSIVE = frozenset({"screen_fresh"})  # asked for by a clock, not by somebody: no sign that anybody is there
OWN_PAGES = frozenset(
    {"password", "own_sessions_end", "second_factor"}
)  # one's own account: also before one has a role


def needs(*roles: Any, fresh: bool = False) -> Callable[[Page], Page]:
    """Open the page to people with one of these roles: strangers go to the login, others get 403 `not_your_role`.

    A session at rest for `rules.IDLE` has ended. `fresh`: where the last proof is older than `rules.FRESH`, password or
    code are asked for first, and what was sent goes on (`proof.ask`). The house's tests read `needs` and `is_fresh`.
    """

    def guard(page: Page) -> Page:
        @wraps(page)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            person = request.user
            if not isinstance(person, Person) or not _goes_on(request, person):
                return redirect_to_login(request.get_full_path() if request.method == "GET" else "/console/")
            if first := _first(request, person):
                return redirect(first)
            if not person.actor().has(*roles) and _route(request) not in OWN_PAGES:
                raise Refused("not_your_role", 403, _not_yours(person))
            if fresh and (asked := proof.ask(request, person)) is not None:
                return asked
            # a role shows nothing on another's page
            request.opened_to = frozenset(roles)  # type: ignore[attr-defined]
            answer = page(request, *args, **kwargs)
            add_never_cache_headers(answer)
            return answer

        guarded.needs = frozenset(roles)  # type: ignore[attr-defined]
        guarded.is_fresh = fresh  # type: ignore[attr-defined]
        return guarded

    return guard


def _route(request: HttpRequest) -> str:
    return (request.resolver_match.url_name or "") if request.resolver_match else ""


def _first(request: HttpRequest, person: Person) -> str:
    """The page that this person has to go through before any other; "" if there is none."""
    route = _route(request)
    if route == "alive":
        return ""
    if not entrance.came_by_identity_service(request) and why_to_change(person, clock.now()):
        return "" if route == "password" else "console:password"
    return "" if route == "second_factor" else entrance.owed(request, person)


def _not_yours(person: Person) -> str:
    if not person.actor().roles:
        return "您还没有任何角色，不能打开这个页面。请联系安全保密管理员授权。"
    return "您的角色不能打开这个页面。需要时请联系安全保密管理员授权。"


def _goes_on(request: HttpRequest, person: Person) -> bool:
    """Whether this login has neither rested too long nor been ended; a new one is noted."""
    if _rested(request):
        return False
    number = request.session.get(LOGIN)
    if number is None:
        agent = request.headers.get("User-Agent", "")
        request.session[LOGIN] = sessions.begin(person, address=client_of(request), user_agent=agent, now=clock.now())
    elif not sessions.goes_on(number, person):
        logout(request)
        return False
    return True


def leave(request: HttpRequest) -> None:
    """Note that this login is over; whoever calls it logs out."""
    if number := request.session.get(LOGIN):
        sessions.end(number, now=clock.now())


def _rested(request: HttpRequest) -> bool:
    """Whether the session rested too long, and so was ended; else it is marked as used, at most once a minute."""
    minute = int(clock.now().timestamp() // 60)
    seen = request.session.get(SEEN, minute)
    if minute - seen > rules.IDLE.total_seconds() // 60:
        leave(request)
        logout(request)
        return True
    if (seen != minute or SEEN not in request.session) and _route(request) not in PASSIVE:
        request.session[SEEN] = minute
        if number := request.session.get(LOGIN):
            sessions.use(number, now=clock.now())
    return False
