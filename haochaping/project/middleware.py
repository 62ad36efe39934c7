"""What every page answer carries, and how a lawful no is shown."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import patch_vary_headers

from haochaping.kit.errors import Refused, let_go
from haochaping.project.errors import refused_page

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; worker-src 'self'; manifest-src 'self'; frame-src 'self'"
)


class SecurityHeaders:
    """Strict content policy on every answer: no inline script or style anywhere, no foreign origin.

    No page stands in a frame, but one marked by Django's `xframe_options_sameorigin`: in a page of our own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        framed = response.headers.get("X-Frame-Options") == "SAMEORIGIN"
        policy = POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'") if framed else POLICY
        response.headers.setdefault("Content-Security-Policy", policy)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response


class LargeType:
    """大字版: `request.is_elder` from `?elder=1` or `?elder=0`, remembered by a cookie for a year."""

    COOKIE = "hcp_elder"

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("elder")
        chosen = asked if asked in {"0", "1"} else None
        is_elder = (chosen or request.COOKIES.get(self.COOKIE)) == "1"
        request.is_elder = is_elder  # type: ignore[attr-defined]
        response = self.get_response(request)
        if chosen is not None:
            response.set_cookie(
                self.COOKIE, chosen, max_age=31_536_000, httponly=True, samesite="Lax", secure=request.is_secure()
            )
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["Cookie"])
        return response


class ApiTransaction:
    """A request to the machine API beside the door is one transaction, so that its nonce is kept with what it guards.

    An answer of 5xx rolls it back, and the request can be sent again as it is.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/api/"):
            return self.get_response(request)
        with transaction.atomic():
            response = self.get_response(request)
            if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                transaction.set_rollback(True)
        return response


class RefusedAnswers:
    """Renders `Refused`: as JSON below /api/, as a page elsewhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            return self.get_response(request)
        finally:
            let_go()

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Refused):
            return None
        if request.path.startswith("/api/"):
            return JsonResponse(exception.as_json(), status=exception.status)
        return refused_page(request, exception)
