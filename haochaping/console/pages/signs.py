"""二维码管理: the signs of windows printed, replaced and looked after; snippets for tickets and receipts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.commands import audit
from haochaping.accounts.queries import actor_of
from haochaping.channels.commands import make_link
from haochaping.channels.windows import commands, printing, queries
from haochaping.channels.windows.queries import Charge
from haochaping.channels.windows.rules import BULK_MOST, REASONS, TICKET_DAYS, TICKET_WIDTHS
from haochaping.console.access import needs
from haochaping.console.pages.windows import asked, download
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.directory.queries import snapshot
from haochaping.evaluation import queries as evaluation
from haochaping.kit import clock, ids
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.channels.models import Sign
    from haochaping.channels.windows.printing import Drawing
    from haochaping.channels.windows.queries import Place

STATES = {"unprinted": "未打印", "printed": "已打印", "replaced": "换过的"}
RECENT = timedelta(days=30)
TYPES = {"pdf": "application/pdf", "zip": "application/zip", "svg": "image/svg+xml"}


@needs(*MAY_OPEN["signs"])
@require_safe
def signs(request: HttpRequest) -> HttpResponse:
    """The active windows in charge with the sign that stands there, by area and hall; what came through it in 30 days."""
    charge, want = Charge.of(actor_of(request)), asked(request)
    found = _chosen(charge, want)
    page = Paginator(found, PER_PAGE * 2).get_page(request.GET.get("page"))
    have = queries.signs_in_force(at.window.code for at in page)
    counts = queries.tallies([sign.serial for sign in have.values()], since=clock.today() - RECENT)
    context = {
        "tree": queries.tree(charge, area=want["area"], hall=want["hall"]),
        "want": want,
        "states": STATES.items(),
        "is_narrowed": bool(want["q"] or want["state"]),
        "page": page,
        "lines": [_line(at, have.get(at.window.code), counts) for at in page],
        "most": BULK_MOST,
    }
    return render(request, "console/signs.html", context)


def _line(place: Place, sign: Sign | None, counts: dict[str, queries.Tally]) -> dict[str, object]:
    return {"at": place, "sign": sign, "count": counts.get(sign.serial, queries.Tally()) if sign else queries.Tally()}


def _chosen(charge: Charge, want: dict[str, str]) -> list[Place]:
    found = [at for at in charge.places(area=want["area"], hall=want["hall"], text=want["q"]) if at.window.is_active]
    if want["state"] not in STATES:
        return found
    codes = [at.window.code for at in found]
    if want["state"] == "replaced":
        codes_in = queries.replaced_windows(codes)
    else:
        printed = {code for code, sign in queries.signs_in_force(codes).items() if sign.printed_at is not None}
        codes_in = printed if want["state"] == "printed" else set(codes) - printed
    return [at for at in found if at.window.code in codes_in]


@needs(*MAY_OPEN["signs"])
@require_POST
def put_on_paper(request: HttpRequest) -> HttpResponse:
    """The signs of the windows that were ticked, or of all that were asked for: one PDF, or a ZIP of SVGs."""
    actor = actor_of(request)
    charge = Charge.of(actor)
    if request.POST.get("all") == "1":
        places = _chosen(charge, asked(request))
    else:
        places = [at for code in request.POST.getlist("window") if (at := charge.one(code))]
    if not places:
        messages.warning(request, "请先勾选要打印的窗口。")
        return redirect(_back(request))
    if len(places) > BULK_MOST:
        messages.warning(request, f"一次最多打印 {BULK_MOST} 个窗口，现选中 {len(places)} 个，请按大厅分批打印。")
        return redirect(_back(request))
    now = clock.now()
    made = commands.signs_for([at.window for at in places], actor, now)
    drawings = [printing.sign_drawing(at, sign) for at, sign in zip(places, made, strict=True)]
    answer = _paper(drawings, "zip" if request.POST.get("format") == "svg" else "pdf", f"signs-{clock.day(now)}")
    commands.print_signs(made, actor, now)
    return answer


def _back(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    return f"/console/signs/?{query}" if query else "/console/signs/"


@needs(*MAY_OPEN["signs"])
@require_safe
def of_window(request: HttpRequest, code: str) -> HttpResponse:
    """Every sign a window ever had: when, by whom, why replaced, scans and ratings."""
    at = _mine(request, code)
    found = queries.signs_of(code)
    counts = queries.tallies([sign.serial for sign in found])
    rows = [(sign, counts.get(sign.serial, queries.Tally())) for sign in found]
    context = {"at": at, "rows": rows, "url": f"{settings.PUBLIC_URL}/w/{quote(code, safe='')}"}
    return render(request, "console/sign_history.html", context)


@needs(*MAY_OPEN["signs"])
@require_http_methods(["GET", "POST"])
def replace(request: HttpRequest, serial: str) -> HttpResponse:
    """Take a sign out of force, with a reason, once it was confirmed; the next one is there to print."""
    sign = queries.sign(serial)
    if sign is None:
        raise Refused("sign_not_found", 404, "没有这张二维码。")
    at = _mine(request, sign.window_code)
    wrong = ""
    chosen, more = request.POST.get("reason", ""), request.POST.get("more", "").replace("\x00", "").strip()
    if request.method == "POST":
        reason = "：".join(filter(None, (chosen if chosen in REASONS else "", more)))
        try:
            commands.replace_sign(serial, reason, actor_of(request), clock.now())
        except Refused as no:
            if no.status != 422:
                raise
            wrong = no.message
        else:
            messages.success(request, "已更换。旧码扫开仍可评价，并提示已换新；请打印新码贴上。")
            return redirect("console:sign_history", sign.window_code)
    context = {"at": at, "sign": sign, "reasons": REASONS, "chosen": chosen, "more": more, "wrong": wrong}
    return render(request, "console/sign_replace.html", context, status=422 if wrong else 200)


@needs(*MAY_OPEN["signs"])
@require_http_methods(["GET", "POST"])
def tickets(request: HttpRequest) -> HttpResponse:
    """The snippet of a ticket or receipt for one case of one's own area: made, shown, and downloaded as SVG or PDF."""
    typed = {
        "case": request.POST.get("case", "").strip()[:100],
        "number": request.POST.get("number", "1").strip()[:2],
        "width": request.POST.get("width", "80"),
        "format": request.POST.get("format", "pdf"),
    }
    wrong = ""
    if request.method == "POST":
        try:
            return _paper([_ticket(request, typed)], "svg" if typed["format"] == "svg" else "pdf", "ticket")
        except Refused as no:
            wrong = no.message
    context = {"typed": typed, "wrong": wrong, "widths": TICKET_WIDTHS, "days": TICKET_DAYS}
    return render(request, "console/tickets.html", context, status=422 if wrong else 200)


def _ticket(request: HttpRequest, typed: dict[str, str]) -> Drawing:
    if not typed["case"] or not typed["number"].isdecimal():
        raise Refused("fields_refused", 422, "请填写办件编号和服务次数。")
    width = next((w for w in TICKET_WIDTHS if str(w) == typed["width"]), TICKET_WIDTHS[-1])
    actor, now = actor_of(request), clock.now()
    event = evaluation.one_for(actor, ids.event_id(typed["case"], int(typed["number"])))
    if evaluation.is_rated(event.id):
        raise Refused("already_rated", 409, "本次服务已评价，不用再打印评价码。")
    if not evaluation.is_open_for_rating(event, now):
        raise Refused("rating_window_closed", 409, "评价期限已过，不能再打印评价码。")
    expires_at = min(now + timedelta(days=TICKET_DAYS), event.closes_at)
    token = make_link(event.id, commands.QR, expires_at - now, f"person:{actor.id}"[:40], now)
    audit(actor, "ticket_print", f"event:{event.id}", now=now, facts={"纸宽": f"{width} mm"})
    window = snapshot().windows.get(event.window_code)
    url = f"{settings.PUBLIC_URL}/e/{token}"
    return printing.ticket_drawing(event, window.name if window else "", url, expires_at=expires_at, width=width)


def _paper(drawings: list[Drawing], kind: str, name: str) -> HttpResponse:
    if kind == "svg":
        return download(drawings[0].svg.encode(), f"{name}.svg", TYPES["svg"])
    content = printing.svgs(drawings) if kind == "zip" else printing.pdf(drawings)
    return download(content, f"{name}.{kind}", TYPES[kind])


def _mine(request: HttpRequest, code: str) -> Place:
    at = Charge.of(actor_of(request)).one(code)
    if at is None:
        raise Refused("window_not_found", 404, "没有这个窗口，或它不在您的管理范围内。")
    return at
