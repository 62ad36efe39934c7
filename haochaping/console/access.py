"""The guard before every route of the console."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.utils.cache import add_never_cache_headers

from haochaping.accounts.models import Person
from haochaping.console import rules
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase

    Page = Callable[..., HttpResponseBase]

SEEN = "seen"  # session: the minute of the last request


def needs(*roles: Any) -> Callable[[Page], Page]:
    """Open the page to people with one of these roles: strangers go to the login, others get 403 `not_your_role`.

    A session at rest for `rules.IDLE` has ended. The house's tests read `needs` off every route.
    """

    def guard(page: Page) -> Page:
        @wraps(page)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            person = request.user
            if not isinstance(person, Person) or _rested(request):
                return redirect_to_login(request.get_full_path() if request.method == "GET" else "/console/")
            if not person.actor().has(*roles):
                raise Refused("not_your_role", 403, "您的角色不能打开这个页面。需要时请联系系统管理员。")
            answer = page(request, *args, **kwargs)
            add_never_cache_headers(answer)
            return answer

        guarded.needs = frozenset(roles)  # type: ignore[attr-defined]
        return guarded

    return guard


def _rested(request: HttpRequest) -> bool:
    """Whether the session rested too long, and so was ended; else it is marked as used, at most once a minute."""
    minute = int(clock.now().timestamp() // 60)
    seen = request.session.get(SEEN, minute)
    if minute - seen > rules.IDLE.total_seconds() // 60:
        logout(request)
        return True
    if seen != minute or SEEN not in request.session:
        request.session[SEEN] = minute
    return False
