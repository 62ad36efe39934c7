"""答复模板: the list, writing one, switching it off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from haochaping.accounts.queries import actor_of
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN, PER_PAGE
from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.rectification import reply_templates as kept
from haochaping.rectification.rules import CAUSE_NAMES

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.rules import Actor
    from haochaping.rectification.models import ReplyTemplate


@needs(*MAY_OPEN["reply_templates"])
@require_safe
def reply_templates(request: HttpRequest) -> HttpResponse:
    """The templates that hold where one works, one's own among them."""
    actor = actor_of(request)
    seen = kept.templates_seen_by(actor).order_by("-is_active", "cause", "title", "pk")
    page = Paginator(seen, PER_PAGE).get_page(request.GET.get("page"))
    mine = set(kept.changed_by(actor).filter(pk__in=[each.pk for each in page]).values_list("pk", flat=True))
    lines = [{"found": each, "cause": CAUSE_NAMES.get(each.cause, "不限"), "is_mine": each.pk in mine} for each in page]
    return render(
        request,
        "console/reply_templates.html",
        {"page": page, "lines": lines, "may_write": bool(kept.owners_for(actor))},
    )


@needs(*MAY_OPEN["reply_templates"])
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """Write a template, change one, or read one that somebody above keeps."""
    actor = actor_of(request)
    found = kept.one_for(actor, pk) if pk is not None else None
    if request.method != "POST":
        typed = {"title": found.title, "cause": found.cause, "text": found.text} if found else {}
        return _form(request, actor, found, typed)
    typed = {name: str(value) for name, value in request.POST.items()}
    try:
        template = kept.keep(typed, actor=actor, now=clock.now(), template_id=pk)
    except Refused as no:
        if no.status != 422:
            raise
        return _form(request, actor, found, typed, no)
    messages.success(request, f"已保存“{template.title}”。")
    return redirect("console:reply_templates")


@needs(*MAY_OPEN["reply_templates"])
@require_POST
def switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch a template off, or on again."""
    is_active = request.POST.get("to") == "on"
    found = kept.switch(pk, is_active=is_active, actor=actor_of(request), now=clock.now())
    messages.success(request, f"“{found.title}”已{'启用' if is_active else '停用'}。")
    return redirect("console:reply_templates")


def _form(
    request: HttpRequest,
    actor: Actor,
    found: ReplyTemplate | None,
    typed: dict[str, str],
    refused: Refused | None = None,
) -> HttpResponse:
    owners = kept.owners_for(actor)
    context = {
        "found": found,
        "typed": {"owner": owners[0].key, **typed} if len(owners) == 1 else typed,
        "wrong": {error.field: error.message for error in refused.fields} if refused else {},
        "owners": owners,
        "causes": list(CAUSE_NAMES.items()),
        "places": list(kept.PLACES.items()),
        "may_change": found is None or kept.changed_by(actor).filter(pk=found.pk).exists(),
        "title_most": kept.TITLE_MOST,
        "text_most": kept.TEXT_MOST,
    }
    return render(request, "console/reply_template.html", context, status=refused.status if refused else 200)
