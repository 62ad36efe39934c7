"""接入应用: the business systems that speak to the machine API, their keys, and the sites their links may lead back to."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from haochaping.accounts import commands, queries
from haochaping.accounts.queries import actor_of
from haochaping.channels.queries import links_made
from haochaping.console.access import needs
from haochaping.console.queries import area_name
from haochaping.console.rules import MAY_OPEN
from haochaping.directory.queries import snapshot
from haochaping.evaluation.rules import CHANNEL_NAMES, Channel
from haochaping.kit import clock
from haochaping.kit.errors import Refused

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from haochaping.accounts.models import App

ALGORITHMS = {"hmac-sm3": "HMAC-SM3（国密）", "hmac-sha256": "HMAC-SHA256", "sm2": "SM2（国密）"}
LATELY = timedelta(days=30)


@needs(*MAY_OPEN["apps"])
@require_safe
def apps(request: HttpRequest) -> HttpResponse:
    """Every app, its organ and how many keys are live."""
    live = queries.live_keys()
    lines = [{"app": app, "organ": _organ(app), "live": live.get(app.app_id, 0)} for app in queries.apps()]
    return render(request, "console/apps.html", {"lines": lines})


@needs(*MAY_OPEN["apps"])
@require_safe
def app(request: HttpRequest, app_id: str) -> HttpResponse:
    """One app."""
    return _page(request, _one(app_id))


def _page(
    request: HttpRequest,
    found: App,
    *,
    secret: str = "",
    typed: str | None = None,
    refused: Refused | None = None,
) -> HttpResponse:
    keys = queries.app_keys(found.app_id)
    made = links_made(found.app_id, clock.now() - LATELY)
    context = {
        "app": found,
        "organ": _organ(found),
        "where": area_name(found.area) if found.area else "全部地区",
        "algorithm": ALGORITHMS.get(found.algorithm, found.algorithm),
        "keys": keys,
        "live": sum(key.revoked_at is None for key in keys),
        "channels": [(CHANNEL_NAMES[Channel(pf)], n) for pf, n in sorted(made.items())],
        "origins": "\n".join(found.return_origins) if typed is None else typed,
        "secret": secret,
        "refused": refused,
    }
    return render(request, "console/app.html", context, status=refused.status if refused else 200)


@needs(*MAY_OPEN["apps"])
@require_POST
def origins(request: HttpRequest, app_id: str) -> HttpResponse:
    """Say to which sites the app's links may lead back, one a line."""
    found, typed = _one(app_id), request.POST.get("origins", "")
    try:
        commands.set_return_origins(app_id, typed.splitlines(), actor=actor_of(request), now=clock.now())
    except Refused as no:
        return _page(request, found, typed=typed, refused=no)
    messages.success(request, "返回地址已保存，立即生效。")
    return redirect("console:app", app_id)


@needs(*MAY_OPEN["apps"])
@require_POST
def add_key(request: HttpRequest, app_id: str) -> HttpResponse:
    """A further key. Its secret is on this one answer and nowhere else."""
    secret = commands.new_key(_one(app_id).app_id, actor=actor_of(request), now=clock.now())
    return _page(request, _one(app_id), secret=secret)


@needs(*MAY_OPEN["apps"])
@require_POST
def revoke_key(request: HttpRequest, app_id: str, key_id: int) -> HttpResponse:
    """End a key; asks first."""
    found = _one(app_id)
    keys = [key for key in queries.app_keys(app_id) if key.revoked_at is None]
    wanted = next((key for key in keys if key.pk == key_id), None)
    if wanted is None:
        raise Refused("no_such_key", 404, "没有这把密钥，或者它已经停用。")
    if "confirmed" not in request.POST:
        context = {"app": found, "key": wanted, "is_last": len(keys) == 1}
        return render(request, "console/app_key_revoke.html", context)
    commands.revoke_key(app_id, key_id, actor=actor_of(request), now=clock.now())
    messages.success(request, "密钥已停用，用它签名的请求不再受理。")
    return redirect("console:app", app_id)


def _one(app_id: str) -> App:
    found = queries.app(app_id)
    if found is None:
        raise Refused("not_found", 404, "没有这个应用。")
    return found


def _organ(app: App) -> str:
    organ = snapshot().organs.get(app.organ_code)
    return organ.name if organ else app.organ_code or "全部单位"
