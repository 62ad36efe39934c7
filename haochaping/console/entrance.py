"""What an entrance leaves in the session: who came in, by what, and when they last proved it.

Two steps: after the password, whoever has a second factor is not logged in yet but waits, for `rules.PENDING`, for the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from axes.helpers import get_client_ip_address
from axes.utils import reset
from django.contrib.auth import authenticate, login, logout
from django.http import HttpResponseRedirect, QueryDict
from django.urls import reverse

from haochaping.accounts import second_factor
from haochaping.accounts.commands import audit
from haochaping.accounts.models import Person
from haochaping.console import rules
from haochaping.kit import clock

if TYPE_CHECKING:
    from datetime import datetime

    from django.http import HttpRequest, HttpResponse

BACKEND = "django.contrib.auth.backends.ModelBackend"
PROVED = "proved"  # session: the second of the last proof
BY = "by"  # session: how they came in: password or OIDC
OIDC = "oidc"
SECOND = "second"  # session: there was a second factor, ours or the identity service's
PENDING = "pending"  # session of nobody yet: whose password was right, and where they want to go


def let_in(request: HttpRequest, person: Person, way_on: str, *, by: str, second: bool = False) -> HttpResponse:
    """Begin the session of somebody who proved all that they must, and go where they wanted."""
    kept = request.session.pop(PENDING, None) or {}
    login(request, person, backend=BACKEND)
    request.session[BY] = kept.get("by") or by
    prove(request)
    if second:
        request.session[SECOND] = True
    audit(person.actor(), "login", person.username, now=clock.now(), facts={"by": by})
    return HttpResponseRedirect(way_on)


def wait_for_code(request: HttpRequest, person: Person, way_on: str, *, by: str = "password") -> HttpResponse:
    """The password (or the identity service) was right: ask for the code."""
    request.session.cycle_key()
    request.session[PENDING] = {
        "person": person.pk,
        "hash": person.get_session_auth_hash(),
        "at": clock.now().timestamp(),
        "next": way_on,
        "by": by,
    }
    return HttpResponseRedirect(reverse("console:login_code"))


def waiting(request: HttpRequest) -> tuple[Person, str] | None:
    """Whose code is awaited in this session, and where they want to go; None for nobody, and once it took too long."""
    kept = request.session.get(PENDING)
    if not kept or clock.now().timestamp() - kept["at"] > rules.PENDING.total_seconds():
        return None
    person = Person.objects.filter(pk=kept["person"], is_active=True).first()
    if person is None or person.get_session_auth_hash() != kept["hash"]:
        return None
    return person, kept["next"]


def check(request: HttpRequest, person: Person, **credentials: str) -> Person | None:
    """The person if `password=` or `token=` is theirs; else it counts to the lock-out. Of the form nothing is written down."""
    post, query = request.POST, request.GET
    request.POST = request.GET = QueryDict()  # django-axes keeps what a failed form held
    try:
        found = authenticate(request, username=person.username, **credentials)
    finally:
        request.POST, request.GET = post, query
    if not isinstance(found, Person) or found.pk != person.pk:
        return None
    reset(ip=get_client_ip_address(request), username=person.username)
    return found


def prove(request: HttpRequest, *, at: datetime | None = None) -> None:
    """Whoever is logged in has proved it just now, or then."""
    request.session[PROVED] = int((at or clock.now()).timestamp())


def came_by_identity_service(request: HttpRequest) -> bool:
    """Whether this session was begun by the identity service: of a password here its owner may know nothing."""
    return bool(request.session.get(BY) == OIDC)


def is_fresh(request: HttpRequest) -> bool:
    """Whether the last proof is younger than `rules.FRESH`."""
    age = clock.now().timestamp() - int(request.session.get(PROVED, 0))
    return age <= rules.FRESH.total_seconds()


def owed(request: HttpRequest, person: Person) -> str:
    """The page through which this person must go first, to set up the second factor that their roles need; "" if none.

    A session begun by the password alone has ended, once the second factor was set up elsewhere.
    """
    if request.session.get(SECOND) or not second_factor.is_owed_by(person):
        return ""
    if second_factor.is_on(person):
        logout(request)
        return "console:login"
    return "console:second_factor"
