"""Asking again who is there, before an export or a bulk move (security T17), without losing what was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme

from haochaping.accounts import identity, second_factor
from haochaping.accounts.commands import audit
from haochaping.console import entrance
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.models import Person

PROOF, METHOD, BACK = "proof", "proof_of", "proof_back"  # the fields of our page, beside those kept through it
WRONG_PASSWORD = "密码不正确。连续输错5次，账号将在本机锁定30分钟。"  # noqa: S105
NOT_YET = "还没有收到统一身份认证的确认。请先打开统一身份认证核对，再按“继续”。"
WRONG_CODE = "验证码不正确，或者已经用过。请等下一个验证码再输入；连续输错5次，账号将在本机锁定30分钟。"


def ask(request: HttpRequest, person: Person) -> HttpResponse | None:
    """None where the last proof is fresh, or came with this very request; else the page that asks for it.

    The page goes to the same address and carries every field of the form along (not files: send those after a proof). What
    was a GET goes on as a GET.
    """
    given = request.POST.copy()
    typed, method, back = (given.pop(name, [""])[-1] for name in (PROOF, METHOD, BACK))
    wrong = ""
    if method:
        request.POST = given  # type: ignore[assignment]
        if entrance.is_fresh(request) or _proves(request, person, typed):
            if method == "GET":
                return _see_other(request.get_full_path())
            return None
        wrong = {"code": WRONG_CODE, "password": WRONG_PASSWORD, "identity": NOT_YET}[_kind(request, person)]
    elif entrance.is_fresh(request):
        return None
    context = {
        "kept": [(name, value) for name, values in given.lists() for value in values if name != "csrfmiddlewaretoken"],
        "method": method or ("POST" if request.method == "POST" else "GET"),
        "back": _ours(back) if method else _came_from(request),
        "kind": _kind(request, person),
        "wrong": wrong,
    }
    answer = render(request, "console/proof.html", context, status=422 if wrong else 403)
    add_never_cache_headers(answer)
    return answer


def _see_other(url: str) -> HttpResponse:
    """On with a GET."""
    answer = HttpResponseRedirect(url)
    answer.status_code = 303
    return answer


def _proves(request: HttpRequest, person: Person, typed: str) -> bool:
    kind = _kind(request, person)
    if kind == "identity":
        return False  # what counts is noted in the session when they come back from there
    credentials = {"token": typed} if kind == "code" else {"password": typed}
    is_proved = entrance.check(request, person, **credentials) is not None
    audit(person.actor(), "prove", person.username, now=clock.now(), result="ok" if is_proved else "refused")
    if is_proved:
        entrance.prove(request)
    return is_proved


def _kind(request: HttpRequest, person: Person) -> str:
    """What proves it: `code`, `password`, or `identity` (the identity service, by which they came in)."""
    if second_factor.is_asked_of(person):
        return "code"
    return "identity" if entrance.came_by_identity_service(request) and identity.provider() else "password"


def _came_from(request: HttpRequest) -> str:
    """The page of ours on which they pressed the button."""
    referer = request.headers.get("Referer", "")
    parts = urlsplit(referer if url_has_allowed_host_and_scheme(referer, {request.get_host()}) else "")
    return _ours(parts.path + (f"?{parts.query}" if parts.query else ""))


def _ours(path: str) -> str:
    return path if path.startswith("/console/") and url_has_allowed_host_and_scheme(path, None) else "/console/"
