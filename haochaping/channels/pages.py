"""The citizen's pages: rate one service, see what came of it, the front page."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import segno
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from haochaping.accounts.queries import returns_to
from haochaping.channels import commands, forms, queries
from haochaping.channels.forms import Draft
from haochaping.channels.rules import Misses, Standing, by_when, in_groups, receipt_of
from haochaping.evaluation.rules import LEVEL_NAMES, Level
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from haochaping.channels.queries import Found

VISIT = "hcp_visit"  # the cookie that tells the rater's browser from others
misses = Misses()


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """What this is, and the ways on."""
    return render(request, "channels/front.html")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def rate(request: HttpRequest, token: str) -> HttpResponse:
    """`/e/{token}`: the page of one service event.

    Any text that is no token of ours gets one and the same answer. The receipt is shown in the browser that rated, for
    ten minutes; whoever else opens the link finds only that it is rated.
    """
    now, client = clock.now(), client_of(request)
    if wait := misses.storm(client, now):
        return _too_many(request, wait)
    given = request.COOKIES.get(VISIT, "")[:64]
    visit = given or ids.new_token()
    found = queries.find_link(token, now, visit)
    if found is None:
        if wait := misses.miss(client, now):
            return _too_many(request, wait)
        return render(request, "channels/unknown.html", status=404)
    answer = _rate(request, found, visit, now) if request.method == "POST" else _show(request, found)
    if not given:
        answer.set_cookie(VISIT, visit, httponly=True, samesite="Lax", secure=request.is_secure())
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _show(request: HttpRequest, found: Found) -> HttpResponse:
    match found.standing:
        case Standing.OPEN:
            return _form(request, found, Draft())
        case Standing.JUST_RATED:
            return _thanks(request, found)
        case Standing.RATED:
            return render(request, "channels/rated.html", {"found": found, "back": way_back(request, found)})
        case _:
            context = {"found": found, "closed_on": by_when(found.event.closes_at), "back": way_back(request, found)}
            return render(request, "channels/over.html", context, status=410)


def _rate(request: HttpRequest, found: Found, visit: str, now: datetime) -> HttpResponse:
    """Take the rating, then show the page anew: a reload sends nothing twice."""
    if found.standing is Standing.JUST_RATED and "hide" in request.POST:
        commands.hide_receipt(found.link)
    elif found.standing is Standing.OPEN:
        draft = Draft.read(request.POST)
        event = found.event
        try:
            submission = draft.submission(
                project_no=event.project_no, service_number=event.service_number, pf=found.link.pf, now=now
            )
            commands.rate(found.link, submission, visit, now)
        except Refused as no:
            if no.status == 422:
                return _form(request, found, draft, no)
            raise
    back = way_back(request, found)
    answer = HttpResponseRedirect(request.path + ("?" + urlencode({"return": back.url}) if back else ""))
    answer.status_code = 303
    return answer


class Back(NamedTuple):
    """A site to return to after the thanks, by the rater's own press."""

    url: str
    name: str


def way_back(request: HttpRequest, found: Found) -> Back | None:
    """Where the rater came from: `?return=`, else what the link was made with; only to an origin that the app which made
    the link allows (docs/embed.md). Any other address is as if none had been given.
    """
    for url in (request.GET.get("return", ""), found.link.return_url):
        if name := returns_to(found.link.made_by, url):
            return Back(url, name)
    return None


def _form(request: HttpRequest, found: Found, draft: Draft, refused: Refused | None = None) -> HttpResponse:
    norms = queries.offered(found.event, found.link.pf, clock.today())
    context = forms.context(queries.subject(found.event), draft, norms, refused)
    return render(request, "channels/rate.html", context, status=422 if refused else 200)


def _thanks(request: HttpRequest, found: Found) -> HttpResponse:
    receipt = ids.receipt(found.event.id)
    context = {
        "event": found.event,
        "order": queries.order_told(found.event.id),
        "receipt": in_groups(receipt),
        "link": f"/r/{receipt}",
        "qr": qr_svg(f"{settings.PUBLIC_URL}/r/{receipt}"),
        "back": way_back(request, found),
    }
    return render(request, "channels/thanks.html", context)


@never_cache
@require_safe
def find_progress(request: HttpRequest) -> HttpResponse:
    """`/r/`: type a receipt in."""
    typed = request.GET.get("receipt", "")[:64]
    if not typed.strip():
        return render(request, "channels/find.html")
    if (receipt := receipt_of(typed)) is not None:
        return HttpResponseRedirect(f"/r/{receipt}")
    problem = "回执号以 HP 开头，后面是 20 位数字和字母，请核对后再查。"
    return render(request, "channels/find.html", {"typed": typed, "problem": problem}, status=422)


@never_cache
@require_safe
def progress(request: HttpRequest, receipt: str) -> HttpResponse:
    """`/r/{receipt}`: what came of a rating; nothing personal."""
    now, client = clock.now(), client_of(request)
    if wait := misses.storm(client, now):
        return _too_many(request, wait)
    plain = receipt_of(receipt)
    told = queries.progress(plain, clock.now()) if plain else None
    if told is None:
        if wait := misses.miss(client, now):
            return _too_many(request, wait)
        problem = "没有查到这个回执号，请逐位核对后再查。刚刚提交的评价请稍等一分钟。"
        answer = render(request, "channels/find.html", {"typed": receipt, "problem": problem}, status=404)
    elif plain is None or plain != receipt:
        answer = HttpResponseRedirect(f"/r/{plain}")
    else:
        context = {
            "told": told,
            "receipt": in_groups(plain),
            "level_name": told.rating and LEVEL_NAMES[Level(told.rating.level)],
        }
        answer = render(request, "channels/progress.html", context)
    answer["X-Robots-Tag"] = "noindex"
    return answer


def client_of(request: HttpRequest) -> str:
    """The address of whoever asks: beyond as many proxies as we have (`HCP_PROXIES`), and no further."""
    proxies = settings.AXES_IPWARE_PROXY_COUNT
    forwarded = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    if proxies and len(forwarded) >= proxies:
        return forwarded[-proxies]
    return str(request.META.get("REMOTE_ADDR", ""))


def qr_svg(url: str) -> str:
    """A QR code as an SVG element without size, script or style: the page's own style gives it its size."""
    code = segno.make(url, error="m", micro=False)
    return str(code.svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None))


def _too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    refused = Refused(
        "too_many_misses", 429, f"打开失效链接或查询错误回执号的次数太多，请 {seconds} 秒后再试，或拨打12345。"
    )
    answer = render(request, "refused.html", {"refused": refused}, status=429)
    answer["Retry-After"] = str(seconds)
    return answer
