"""通知: what somebody is told, by kind; reading it, and of which kinds they want no SMS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.models import Person
from haochaping.accounts.people import masked_phone
from haochaping.accounts.queries import actor_of
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE, day_word
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging import notices as told
from haochaping.messaging.rules import NOTICE_NAMES, NOTICES_KEPT, NoticeKind

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

    from haochaping.messaging.models import Notice

CHIPS = {NoticeKind.DUE: "warn", NoticeKind.LATE: "bad", NoticeKind.RAISED: "bad", NoticeKind.NEWS: "plain"}
NO_NOTICE = Refused("not_found", 404, "没有这条通知。")


@needs(*MAY_OPEN["notices"])
@require_safe
def notices(request: HttpRequest) -> HttpResponse:
    """One's own, newest first; by the day, for the minute of a rating is nobody's business."""
    now, who = clock.now(), actor_of(request).id
    kind, is_unread = _kind(request.GET.get("kind", "")), request.GET.get("unread") == "1"
    rows = _chosen(who, kind)
    page = Paginator(rows.filter(read_at=None) if is_unread else rows, PER_PAGE).get_page(request.GET.get("page"))
    lines = [
        {"row": row, "kind": NoticeKind(row.kind).name_zh, "chip": CHIPS.get(NoticeKind(row.kind), ""), "day": day_word(row.at, now)}
        for row in page
    ]  # fmt: skip
    context = {
        "page": page,
        "lines": lines,
        "kinds": [(value, word) for value, word in NOTICE_NAMES.items()],
        "kind": kind,
        "is_unread": is_unread,
        "has_unread": rows.filter(read_at=None).exists(),
        "days": NOTICES_KEPT.days,
    }
    return render(request, "console/notices.html", context)


@needs(*MAY_OPEN["notices"])
@require_POST
def read(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark one as read; with `open`, go on to what it is about."""
    found = told.notices_of(actor_of(request).id).filter(pk=pk)
    row = found.first()
    if row is None:
        raise NO_NOTICE
    told.mark_read(found, now=clock.now())
    return HttpResponseRedirect(row.url) if "open" in request.POST else _back(request)


@needs(*MAY_OPEN["notices"])
@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark all of them as read, or all of the kind that is shown."""
    n = told.mark_read(_chosen(actor_of(request).id, _kind(request.POST.get("kind", ""))), now=clock.now())
    messages.success(request, f"已把{n}条通知标为已读。" if n else "没有未读的通知。")
    return _back(request)


@needs(*MAY_OPEN["notices"])
@require_http_methods(["GET", "HEAD", "POST"])
def settings(request: HttpRequest) -> HttpResponse:
    """Of which kinds one wants an SMS. Notices in the console always come."""
    person, who = request.user, actor_of(request).id
    assert isinstance(person, Person)
    if request.method == "POST":
        wanted = set(request.POST.getlist("text"))
        told.set_without_text(who, [kind for kind in NoticeKind if kind not in wanted])
        messages.success(request, "通知设置已保存。")
        return redirect("console:notices")
    off = told.without_text(who)
    kinds = [(kind.value, kind.name_zh, kind not in off) for kind in NoticeKind if kind is not NoticeKind.NEWS]
    return render(request, "console/notice_settings.html", {"kinds": kinds, "phone": masked_phone(person)})


def _chosen(who: str, kind: str) -> QuerySet[Notice]:
    rows = told.notices_of(who)
    return rows.filter(kind=kind) if kind else rows


def _kind(asked: str) -> str:
    return asked if asked in NOTICE_NAMES else ""


def _back(request: HttpRequest) -> HttpResponse:
    """To the list as it was narrowed."""
    asked = {name: value for name in ("kind", "unread", "page") if (value := request.POST.get(name, "")[:8])}
    return HttpResponseRedirect(reverse("console:notices") + (f"?{urlencode(asked)}" if asked else ""))
