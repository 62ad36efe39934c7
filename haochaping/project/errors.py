"""How a no and a missing page are shown: in the frame of whoever asked, staff or citizen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import render

from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

NOT_FOUND = Refused("not_found", 404, "没有这个页面。网址可能不完整，或者页面已经移走，请从菜单重新打开。")


def refused_page(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The page of a lawful no; below /console/ with the console's navigation, for strangers with its entrance."""
    if not request.path.startswith("/console/"):
        return render(request, "refused.html", {"refused": refused}, status=refused.status)
    is_known = getattr(request, "user", None) is not None and request.user.is_authenticated
    frame = "console/frame.html" if is_known else "console/gate.html"
    return render(request, "console/refused.html", {"refused": refused, "frame": frame}, status=refused.status)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001  Django gives it by name
    """Django's `handler404`."""
    if request.path.startswith("/console/"):
        return refused_page(request, NOT_FOUND)
    return render(request, "404.html", status=404)
