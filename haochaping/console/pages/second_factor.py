"""两步验证, from 我的账号: the second factor of one's own sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import segno
from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from haochaping.accounts import second_factor as factor
from haochaping.accounts.queries import person_of
from haochaping.accounts.rules import SecondFactorMode
from haochaping.console import entrance
from haochaping.console.access import LOGIN, needs
from haochaping.console.proof import WRONG_CODE
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.models import Person


@needs(*MAY_OPEN["password"])
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Set the second factor up, renew its backup codes, or switch it off; the latter two only with a code."""
    person = person_of(request)
    if settings.SECOND_FACTOR is SecondFactorMode.OFF:
        raise Refused("no_second_factor", 404, "本平台没有启用两步验证。需要时请联系系统管理员。")
    if request.method != "POST":
        return _page(request, person)
    match request.POST.get("do"):
        case "begin":
            factor.begin(person)
            return redirect("console:second_factor")
        case "confirm":
            return _confirm(request, person)
        case "codes" | "off" as what:
            return _with_code(request, person, what)
    raise Refused("unknown_verb", 404, "没有这一操作。")


def _confirm(request: HttpRequest, person: Person) -> HttpResponse:
    try:
        codes = factor.confirm(person, request.POST.get("code", ""), now=clock.now(), here=request.session.get(LOGIN))
    except Refused as no:
        if no.code != "wrong_code":
            raise
        return _page(request, person, wrong={"confirm": no.message})
    entrance.prove(request)
    request.session[entrance.SECOND] = True
    return _page(request, person, codes=codes)


def _with_code(request: HttpRequest, person: Person, what: str) -> HttpResponse:
    if entrance.check(request, person, token=request.POST.get("code", "")) is None:
        return _page(request, person, wrong={what: WRONG_CODE})
    entrance.prove(request)
    request.session[entrance.SECOND] = True
    if what == "codes":
        return _page(request, person, codes=factor.renew_codes(person, now=clock.now()))
    factor.switch_off(person, now=clock.now())
    request.session.pop(entrance.SECOND, None)
    messages.success(request, "两步验证已关闭，备用码已作废。")
    return redirect("console:second_factor" if factor.is_owed_by(person) else "console:password")


def _page(
    request: HttpRequest, person: Person, *, codes: list[str] | None = None, wrong: dict[str, str] | None = None
) -> HttpResponse:
    device = factor.of(person)
    is_held = factor.is_owed_by(person) and not request.session.get(entrance.SECOND)
    context = {
        "frame": "console/gate.html" if is_held else "console/frame.html",
        "is_held": is_held,
        "device": device,
        "codes": codes,
        "codes_left": factor.codes_left(person),
        "must": factor.is_owed_by(person),
        "wrong": wrong or {},
    }
    if device is not None and device.confirmed_at is None:
        code = segno.make(factor.address_of(device), error="m", micro=False)
        key = factor.key_of(device)
        context["qr"] = str(code.svg_inline(border=3, omitsize=True, svgclass=None, lineclass=None))
        context["key"] = " ".join(key[at : at + 4] for at in range(0, len(key), 4))
    return render(request, "console/second_factor.html", context, status=422 if wrong else 200)
