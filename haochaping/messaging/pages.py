"""Where the gateway calls us: receipts and replies, each signed with its key, each nonce good once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from haochaping.kit import clock
from haochaping.kit.errors import Refused
from haochaping.messaging import commands, gateway

if TYPE_CHECKING:
    from collections.abc import Callable


@csrf_exempt
@require_POST
def receipts(request: HttpRequest) -> JsonResponse:
    """`POST /sms/receipts`: what became of messages."""
    return _taken(request, commands.take_receipts)


@csrf_exempt
@require_POST
def inbound(request: HttpRequest) -> JsonResponse:
    """`POST /sms/inbound`: what people replied."""
    return _taken(request, commands.take_replies)


def _taken(request: HttpRequest, take: Callable[..., int]) -> JsonResponse:
    now = clock.now()
    try:
        nonce = gateway.check_call("POST", request.path, request.headers, request.body, now)
        return JsonResponse({"accepted": take(request.body, nonce, now=now)})
    except Refused as no:
        return JsonResponse(no.as_json(), status=no.status)
