"""登录锁定: who is locked out now, since when, and letting them in again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts import locks as accounts
from haochaping.accounts.queries import actor_of
from haochaping.accounts.rules import BELONGS_TO, Act
from haochaping.console.access import needs
from haochaping.console.rules import MAY_OPEN
from haochaping.kit import clock

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@needs(*MAY_OPEN["locks"])
@require_safe
def locks(request: HttpRequest) -> HttpResponse:
    """The locks of one's part of the province, the latest first."""
    context = {
        "locks": accounts.locks(actor_of(request), clock.now()),
        "limit": settings.AXES_FAILURE_LIMIT,
        "minutes": int(accounts.COOL_OFF.total_seconds() // 60),
    }
    return render(request, "console/locks.html", context)


@needs(BELONGS_TO[Act.UNLOCK])
@require_POST
def unlock(request: HttpRequest, pk: int) -> HttpResponse:
    """Let somebody try again at once."""
    lock = accounts.unlock(pk, actor=actor_of(request), now=clock.now())
    messages.success(request, f"已解除“{lock.shown}”的锁定，现在可以重新登录。")
    if lock.person and request.POST.get("from") == "person":
        return redirect("console:person", lock.person.pk)
    return redirect("console:locks")
